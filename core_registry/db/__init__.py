"""Rows, field encryption, the sharing view and migrations of the registry database."""
