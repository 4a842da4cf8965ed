"""Where each key of a TOML text stands.

``tomllib`` says on which line a syntax error is, but not where a good key with a bad value is. This scanner walks
over text that ``tomllib`` has accepted already, so it may be lenient.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Path = tuple[str | int, ...]
"""Keys from the root, with the index of each list element, counted from 0."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_LITERAL = re.compile(r"'([^'\n]*)'")
_STRINGS = re.compile(r'"""(?:[^\\]|\\[\s\S])*?"""+|' + r"'''[\s\S]*?'''+|" + r'"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'")
_SCALAR = re.compile(r"[^,\]}\n#]+")


def key_lines(text: str) -> Mapping[Path, int]:
    """Return the line, counted from 1, of every table header, key and list element of valid TOML."""
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.lists: dict[Path, int] = {}

    def run(self) -> Mapping[Path, int]:
        current: Path = ()
        while self._skip(_BLANK) < len(self.text):
            if self.text.startswith("[", self.at):
                current = self._header()
            else:
                self._pair(current)
        return self.lines

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return self.at

    def _mark(self, path: Path) -> None:
        self.lines.setdefault(path, self.text.count("\n", 0, self.at) + 1)

    def _header(self) -> Path:
        start = self.at
        many = self.text.startswith("[[", start)
        self.at = start + (2 if many else 1)
        path: Path = ()
        keys = self._keys()
        around: list[Path] = []
        for index, key in enumerate(keys):
            around.append(path)
            path = (*path, key)
            if many and index == len(keys) - 1:
                self.lists[path] = self.lists.get(path, -1) + 1
            if path in self.lists:
                path = (*path, self.lists[path])
        self.at = self.text.index("]", self.at) + (2 if many else 1)
        self._mark(path)
        for table in around[1:]:
            # [a.b] makes the table a where no header of its own stands before
            self._mark(table)
        return path

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            for pattern in (_BARE, _BASIC, _LITERAL):
                if found := pattern.match(self.text, self.at):
                    keys.append(found.group(found.lastindex or 0))
                    self.at = found.end()
                    break
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def _pair(self, path: Path) -> None:
        start = self.at
        keys = self._keys()
        after, self.at = self.at, start
        for end in range(1, len(keys) + 1):
            self._mark((*path, *keys[:end]))
        self.at = self.text.index("=", after) + 1
        self._skip(_SPACE)
        self._value((*path, *keys))

    def _value(self, path: Path) -> None:
        opening = self.text[self.at]
        if opening == "[":
            self._list(path)
        elif opening == "{":
            self._inline(path)
        elif opening in "\"'":
            self._skip(_STRINGS)
        else:
            self._skip(_SCALAR)

    def _list(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self.text[self._skip(_BLANK)] != "]":
            self._mark((*path, index))
            self._value((*path, index))
            index += 1
            if self.text[self._skip(_BLANK)] == ",":
                self.at += 1
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        while self.text[self._skip(_BLANK)] != "}":
            self._pair(path)
            if self.text[self._skip(_BLANK)] == ",":
                self.at += 1
        self.at += 1
