"""Unit tests of the policies room."""
