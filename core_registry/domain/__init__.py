"""Records and rules of the registry; standard library only."""
