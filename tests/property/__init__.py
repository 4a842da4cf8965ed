"""Invariants, with Hypothesis."""
