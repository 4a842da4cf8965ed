"""The procedures of the regulation, chapter by chapter."""
