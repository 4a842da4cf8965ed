"""Oversight of schools and registers: clocks, verification, whole-school acts, matters, exchange. An open door."""
