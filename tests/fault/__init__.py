"""Nothing leaves and nothing is lost when something dies."""
