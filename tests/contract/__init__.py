"""One suite on every store, and the house."""
