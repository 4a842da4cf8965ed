"""The rule book: what loads, and every kind of breakage."""
