"""The rule book: everything under config/, loaded strictly, whole set or nothing."""
