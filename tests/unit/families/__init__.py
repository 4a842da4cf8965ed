"""Families, module by module."""
