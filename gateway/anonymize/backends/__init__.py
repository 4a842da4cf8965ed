"""Back ends: each executes a program (``gateway.anonymize.operations``) on one engine, and meets the same vectors."""
