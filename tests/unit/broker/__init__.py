"""Questions to the worker."""
