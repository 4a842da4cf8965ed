"""The keys of pseudonyms: made for a recipient's project, destroyed at its end (design 6.2)."""
