"""Records and rules of the registry."""
