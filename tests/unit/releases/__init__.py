"""The road out, module by module."""
