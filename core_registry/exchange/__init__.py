"""Exchange with the national system by file, in both directions (A5-2, Q-31, Q-32)."""
