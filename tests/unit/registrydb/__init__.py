"""Unit tests of the registry's database room."""
