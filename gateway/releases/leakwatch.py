"""The leak scan over all that would leave: suspicions are gathered, and judged at the end (design 6.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import polars as pl

from core_registry.sharing import IdentifierKind, Matcher
from gateway.anonymize.disguises import disguised_in, split_over_cells
from gateway.anonymize.leakscan import BANK_CARD, Hit, Suspicions, expected_shapes, scan
from gateway.anonymize.plan import Plan
from gateway.journal import JsonValue
from gateway.releases.errors import LeakSuspectedError
from gateway.releases.written import Piece

_MOST_HARMLESS = 1 << 18
"""Values that are remembered: categories are few, and memory does not grow with the file."""


@dataclass(frozen=True, slots=True)
class LeakScan:
    """What was looked at and what came of it; no value is in it. ``confirmed`` is 0 wherever this is reported."""

    format: str
    bytes: int
    rows: int
    cells: int
    texts: int
    """Texts from places that are no cells: names, metadata, statistics, dictionaries, parts of a workbook, bytes."""
    places: tuple[str, ...]
    suspicions: Mapping[str, int] = field(default_factory=dict)
    """Kind -> different values that look like one. The registry knows none of them; of bank cards it knows nothing."""
    asked: int = 0
    confirmed: int = 0

    def to_json(self) -> dict[str, JsonValue]:
        """Return the members as JSON."""
        return {**asdict(self), "places": list(self.places), "suspicions": dict(self.suspicions)}


class LeakWatch:
    """Looks at rows and texts as they would leave, and asks the registry about every suspicion."""

    def __init__(self, plan: Plan) -> None:
        self._shapes = expected_shapes(plan)
        self._suspicions: dict[str, set[str]] = {}
        self._clear = 0
        self._cards = 0
        self._rows = 0
        self._cells = 0
        self._texts = 0
        self._places: dict[str, None] = {}
        self._harmless: set[str] = set()

    def look(self, frame: pl.DataFrame) -> None:
        """Look at some rows as they would leave. Raises what ``scan`` raises when a column is not there."""
        self._look(frame, self._shapes, "rows")

    def _look(self, frame: pl.DataFrame, shapes: Mapping[str, str], place: str) -> None:
        self._places[place] = None
        self._rows += frame.height
        self._cells += frame.height * frame.width
        others = []
        for series in frame.iter_columns():
            if series.name in shapes or not isinstance(series.dtype, pl.Categorical | pl.Enum):
                others.append(series)
            else:
                self._cards += self._look_into(series.unique().cast(pl.String).drop_nulls().to_list())
        found = scan(pl.DataFrame(others), shapes)
        self._clear += sum(found.unmasked.values())
        self._cards += self._keep(found)
        for series in others:
            if series.name not in shapes and series.dtype == pl.String:
                self._take(disguised_in(series.unique()))
        self._take(split_over_cells(frame))

    def look_at(self, piece: Piece) -> None:
        """Look at a part of a written file. Raises what ``scan`` raises for a column it cannot look into."""
        if piece.frame is not None:
            self._look(piece.frame, self._shapes if piece.place == "rows" else {}, piece.place)
            return
        self._places[piece.place] = None
        self._texts += len(piece.texts)
        self._look_into(piece.texts)

    def _look_into(self, texts: Sequence[str]) -> int:
        """Look at values that come again and again; return how many bank cards the first look found among them.

        A value in which nothing was found is not looked at twice.
        """
        fresh = [text for text in texts if text not in self._harmless]
        if not fresh:
            return 0
        values = pl.Series("texts", fresh, dtype=pl.String)
        found, hidden = scan(values.to_frame()), disguised_in(values)
        cards = self._keep(found)
        self._take(hidden)
        if found.clean and not hidden and len(self._harmless) < _MOST_HARMLESS:
            self._harmless.update(fresh)
        return cards

    def _keep(self, found: Suspicions) -> int:
        """Keep what a scan found, to be asked about; return the number of bank cards, about which nobody can be."""
        for kind, values in found.by_kind.items():
            self._suspicions.setdefault(kind, set()).update(values)
        return sum(one.values for one in found.findings if one.kind == BANK_CARD)

    def judge(self, matcher: Matcher) -> None:
        """Ask the registry about every suspicion; raises ``LeakSuspectedError`` when one is true."""
        clear = self._clear
        for kind in IdentifierKind:
            if wanted := self._suspicions.get(kind):
                clear += sum(matcher.known(kind, sorted(wanted)))
        if clear:
            raise LeakSuspectedError(
                f"{clear} identifiers stand in the written content: the release was stopped.",
                detail_zh=f"写出的内容中发现 {clear} 个标识信息，已停止提供。",
                extra={"count": clear},
            )

    def result(self, form: str, size: int) -> LeakScan:
        """Return what was looked at in a file of format ``form`` and ``size`` bytes; call it after ``judge``."""
        counts = {str(kind): len(values) for kind, values in sorted(self._suspicions.items()) if values}
        return LeakScan(
            format=form,
            bytes=size,
            rows=self._rows,
            cells=self._cells,
            texts=self._texts,
            places=tuple(self._places),
            suspicions=counts | ({BANK_CARD: self._cards} if self._cards else {}),
            asked=sum(counts.values()),
        )

    def _take(self, hits: Iterable[Hit]) -> None:
        for kind, value in hits:
            if kind == BANK_CARD:
                self._cards += 1  # nobody can be asked about it
            else:
                self._suspicions.setdefault(kind, set()).add(value)
