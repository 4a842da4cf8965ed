"""One text as all detectors see it: normalised, cut into words once, with what is known of the record it stands in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gateway.anonymize.text.normal import Normal

if TYPE_CHECKING:
    from gateway.anonymize.text.roster import Roster
    from gateway.anonymize.text.spans import Span


class Word(NamedTuple):
    """A word of the model: its place in the normalised text, its tag, how sure the model is (0 to 1).

    Tags are those of LAC: ``PER``, ``LOC``, ``ORG``, ``TIME``, and parts of speech (``n``, ``v``, ``nr`` ...).
    """

    start: int
    end: int
    tag: str
    confidence: float


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """What the registry knows of the pupil that a text is about; every part may be empty."""

    students: tuple[str, ...] = field(default=(), repr=False)
    """The pupil's name, then former names."""
    guardians: tuple[str, ...] = field(default=(), repr=False)
    schools: tuple[str, ...] = ()
    addresses: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, record: Mapping[str, object]) -> KnownRecord:
        """Return the known parts of a plain mapping: ``student``, ``guardians``, ``school``, ``address``.

        Each is optional and may be one text or a list of texts; ``former_name`` too. Raises ``ParameterError`` for
        another key or a value that is no text.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Reading:
    """A text on its way through the detectors. Pure: the same text and record give the same spans.

    ``cut`` is the model's word cutter, called at most once, and only if a detector asks for ``words``.
    """

    text: Normal = field(repr=False)
    cut: Callable[[str], tuple[Word, ...]] = field(repr=False)
    record: KnownRecord | None = field(default=None, repr=False)
    roster: Roster | None = field(default=None, repr=False)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """Return the words of the normalised text: they cover it without gap or overlap."""
        return self.cut(self.text.text)


class Detector(Protocol):
    """Finds some kinds of personal data. It holds lexicons and compiled patterns alone, no state of a text."""

    @property
    def name(self) -> str:
        """Return the name by which ``config/recognizers.yaml`` turns it on, for example ``identifiers.phone``."""

    def find(self, reading: Reading) -> Iterable[Span]:
        """Return spans of the normalised text, in any order; they may overlap each other and other detectors'."""
