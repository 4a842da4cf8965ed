"""Accounts, module by module."""
