"""Side-by-side benchmarks; each prints a ratio."""
