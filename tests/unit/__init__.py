"""One module at a time; no database, clock or network."""
