"""A text as all finders of this package share it: its runs of digits and its labels, each looked for once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from gateway.anonymize.text.identifiers.labels import Claim, Labels
from gateway.anonymize.text.identifiers.runs import Run, runs
from gateway.anonymize.text.reading import Reading

_KEY = "_identifier_page"
STARS = "*xX×●•■□_#✱∗"
"""What people hide digits with."""
_THREE_STARS = re.compile(f"[{STARS}]{{3}}")
_ASCII = re.compile("[0-9A-Za-z]")


@dataclass(frozen=True)
class Page:
    """A normalised text; the rest is found when it is first asked for."""

    text: str = field(repr=False)

    @classmethod
    def of(cls, reading: Reading) -> Page:
        """Return the page of ``reading``. It is kept in the reading, as its words are, and goes with it."""
        page = vars(reading).get(_KEY)
        if not isinstance(page, Page):
            page = vars(reading)[_KEY] = Page(reading.text.text)
        return page

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Return the runs of seven and more digits."""
        return tuple(runs(self.text))

    @cached_property
    def labels(self) -> Labels:
        """Return the labels."""
        return Labels.of(self.text)

    @cached_property
    def has_ascii(self) -> bool:
        """Return whether there is any Latin letter or digit: most accounts and documents need one."""
        return _ASCII.search(self.text) is not None

    @cached_property
    def has_stars(self) -> bool:
        """Return whether some number may be masked already, in whole or in part."""
        return _THREE_STARS.search(self.text) is not None

    def claim(self, start: int) -> Claim | None:
        """Return what the words before ``start`` say that it is."""
        return self.labels.before(start)

    def glued(self, start: int) -> bool:
        """Return whether a Latin letter stands right before ``start``."""
        before = self.text[start - 1 : start] if start else ""
        return before.isascii() and before.isalpha()

    def goes_on(self, end: int) -> bool:
        """Return whether a Latin letter stands at ``end``."""
        after = self.text[end : end + 1]
        return after.isascii() and after.isalpha()
