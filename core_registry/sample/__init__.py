"""Fictional but realistic registries of Shanxi, by a seed."""
