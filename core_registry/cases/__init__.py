"""Cases as the office uses them: the desk, what it needs from the store, and how raw values become a request."""
