"""The digital identity, module by module."""
