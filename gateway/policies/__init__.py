"""Purposes, legal grounds, applications, grants and the decision point (Art. 50)."""
