"""How well free text is searched: own sets of sentences, what is measured on them, and the goals.

``python -m bench.pii`` prints the table. Everybody in the sets is invented.
"""
