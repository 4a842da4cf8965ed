"""A person's journey."""
