"""Free text (自由文本): find and hide every child, parent, number and place in Chinese text (design 6.3, notes pii).

``detect`` is the public function; ``gateway.anonymize.text.engine`` holds what it runs.
"""
