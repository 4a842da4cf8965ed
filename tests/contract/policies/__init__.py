"""Contracts of the policies: each with an example that it permits and one that it refuses."""
