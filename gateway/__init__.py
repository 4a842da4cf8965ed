"""Everything between a caller and the registry."""
