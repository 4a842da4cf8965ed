"""The ledger of releases: which rows a group of recipients was given, and in which class, without identifiers."""
