"""Inspection cases: what an inspector follows up from an entry, an alert, a chain or a trace to its end (Art. 51)."""
