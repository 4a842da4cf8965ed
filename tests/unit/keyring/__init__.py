"""Keys by name."""
