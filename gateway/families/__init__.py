"""Families: guardians and pupils with accounts of their own, what they may do for whom, and how they sign in."""
