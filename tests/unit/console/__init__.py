"""Unit tests of the console: figures, words, forms."""
