"""Matches (比对回填): the recipient's own list comes back by row number with granted attributes only."""
