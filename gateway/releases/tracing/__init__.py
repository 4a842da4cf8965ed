"""From which release a leaked file comes (design 6.9): marks of what left, kept sealed, and evidence against them."""
