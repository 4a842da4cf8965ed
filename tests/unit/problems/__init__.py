"""Errors as problems."""
