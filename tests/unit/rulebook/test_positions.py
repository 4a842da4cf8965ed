"""Where keys stand in TOML."""

from __future__ import annotations

from rulebook.positions import key_lines

TEXT = '''# one
top = 1
"quoted key" = "a # b"
dotted.name = [
  "x", # comment ]
  "y",
]

[table]
text = """
fake = 1
[not_a_header]
"""
raw = \'\'\'
also = 1\'\'\'
inline = { a = 1, b = { c = [ { d = 2 } ] } }

[[list]]
a = 1
[list.below]
b = 2
[[list]]
a = 2
[made.on.the.way]
[made]
'''


def test_lines_of_keys_headers_and_elements() -> None:
    lines = key_lines(TEXT)
    assert lines[("top",)] == 2
    assert lines[("quoted key",)] == 3
    assert lines[("dotted", "name", 1)] == 6
    assert lines[("table",)] == 9
    assert lines[("table", "raw")] == 14
    assert lines[("table", "inline", "b", "c", 0, "d")] == 16
    assert lines[("list", 0, "below", "b")] == 21
    assert lines[("list", 1)] == 22
    assert lines[("list", 1, "a")] == 23
    assert lines[("made",)] == lines[("made", "on")] == lines[("made", "on", "the", "way")] == 24


def test_text_inside_strings_is_no_key() -> None:
    lines = key_lines(TEXT)
    assert ("table", "fake") not in lines
    assert ("not_a_header",) not in lines
    assert ("table", "also") not in lines
