"""Unit tests of gateway.anonymize."""
