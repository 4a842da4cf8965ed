"""One text as all detectors see it: normalised, cut into words once, with what is known of the record it stands in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from gateway.anonymize.text.normal import Normal
from gateway.anonymize.text.squeezed import Squeezed
from gateway.errors import ParameterError

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


_PARTS: Final = MappingProxyType(
    {
        "student": "students",
        "former_name": "students",
        "guardians": "guardians",
        "school": "schools",
        "address": "addresses",
    }
)


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """What the registry knows of the pupil that a text is about; every part may be empty."""

    students: tuple[str, ...] = field(default=(), repr=False)
    """The pupil's name, then former names."""
    guardians: tuple[str, ...] = field(default=(), repr=False)
    schools: tuple[str, ...] = field(default=(), repr=False)
    addresses: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, record: Mapping[str, object]) -> KnownRecord:
        """Return the known parts of a plain mapping: ``student``, ``guardians``, ``school``, ``address``.

        Each is optional and may be one text or a list of texts; ``former_name`` too. ``None`` and blank texts say
        nothing. Raises ``ParameterError`` for another key or a value that is no text.
        """
        if not isinstance(record, Mapping):
            raise ParameterError(
                f"The record must be a mapping, not {type(record).__name__}.", detail_zh="学籍信息必须是键值对。"
            )
        if unknown := sorted(repr(key) for key in record if key not in _PARTS):
            raise ParameterError(
                f"{len(unknown)} keys of the record are none of {', '.join(sorted(_PARTS))}.",
                detail_zh=f"学籍信息中有 {len(unknown)} 个未知的键，只能是：{'、'.join(sorted(_PARTS))}。",
            )
        parts: dict[str, dict[str, None]] = {}
        for key, part in _PARTS.items():  # the order of _PARTS: a former name stands behind the present one
            parts.setdefault(part, {}).update(dict.fromkeys(_texts(key, record.get(key))))
        return cls(**{part: tuple(texts) for part, texts in parts.items()})


def _texts(key: str, value: object) -> Iterator[str]:
    """Yield the texts of one key of a record, stripped; never what they hold in an error."""
    values = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
    for one in values:
        if one is None:
            continue
        if not isinstance(one, str):
            raise ParameterError(
                f"{key} of the record must be text or a list of texts, not {type(one).__name__}.",
                detail_zh=f"学籍信息的 {key} 必须是文本或文本列表。",
            )
        if text := one.strip():
            yield text


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

    @cached_property
    def squeezed(self) -> Squeezed:
        """Return the view of the normalised text in which names and addresses of the record are searched."""
        return Squeezed.of(self.text.text)


class Detector(Protocol):
    """Finds some kinds of personal data. It holds lexicons and compiled patterns alone, no state of a text."""

    @property
    def name(self) -> str:
        """Return the name by which ``config/recognizers.yaml`` turns it on, for example ``identifiers.phone``."""

    def find(self, reading: Reading) -> Iterable[Span]:
        """Return spans of the normalised text, in any order; they may overlap each other and other detectors'."""
