"""Checks (核验): yes or not confirmed, person by person, without a value that leaves."""
