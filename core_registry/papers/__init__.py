"""Certificates and prints as people use them: lists, voiding, the public check, forms filled from the record."""
