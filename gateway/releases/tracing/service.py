"""Naming the release that a leaked file comes from (design 6.9), and clearing marks away when their time is over."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gateway.errors import NotFoundError
from gateway.ids import ExtractId, GrantId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.policies.records import Grant
from gateway.principals import Principal
from gateway.releases.errors import ContentDamagedError
from gateway.releases.ledger.records import LedgerRelease
from gateway.releases.records import Extract
from gateway.releases.tracing.evidence import Confidence, Evidence, Kind, Leak, evidence
from gateway.releases.tracing.reading import read_leak
from gateway.releases.tracing.shelf import MarkShelf

_SWEPT = 50
_MOST_NAMED = 10
"""Candidates that are named; more say nothing."""
_EXACT = -64.0
"""A file with the SHA-256 of an extract is that extract."""
Progress = Callable[[int, int], None]


class Lines(Protocol):
    """What of the ledger's rows tracing reads."""

    def lines(self, tx: Tx, among: Collection[ExtractId]) -> list[LedgerRelease]:
        """Return the lines of ``among``, whether they count or not."""

    def unfinished(self, tx: Tx, among: Collection[ExtractId]) -> set[ExtractId]:
        """Return those of ``among`` whose extract waits or is being prepared."""


class Extracts(Protocol):
    """What of extracts tracing reads."""

    def get(self, tx: Tx, identifier: ExtractId) -> Extract | None:
        """Return one extract."""


class Grants(Protocol):
    """What of grants tracing reads."""

    def grant(self, identifier: GrantId) -> Grant:
        """Return a verified grant; raises ``NotFoundError``."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release that the file may come from, and who answers for it (谁批准、谁负责)."""

    release: LedgerRelease
    rows: int
    """Rows that left."""
    evidence: Evidence
    grant: Grant | None
    """``None`` where the grant is not kept any more."""

    def to_json(self) -> dict[str, object]:
        """Return the members as JSON."""
        release, grant = self.release, self.grant
        return {
            "extract": release.extract,
            "released_at": release.created_at.isoformat(),
            "recipient": release.recipient,
            "recipient_name": None if grant is None else grant.recipient_name,
            "responsible": None if grant is None else grant.responsible,
            "grant": release.grant,
            "application": release.application,
            "approver": None if grant is None else grant.approver,
            "purpose": release.purpose,
            "level": release.level,
            "rows": self.rows,
            "evidence": self.evidence.kind,
            "confidence": self.evidence.confidence,
            "share": round(self.evidence.share, 4),
            "log10_chance": round(self.evidence.log10_chance, 1),
        }


@dataclass(frozen=True, slots=True)
class Traced:
    """What was found of a file. ``candidates``: the best first; none, and the file tells nothing."""

    sha256: str
    rows: int
    compared: int
    unreadable: int
    """Releases whose marks were damaged, so that they could not be compared."""
    candidates: tuple[Candidate, ...]

    @property
    def named(self) -> Candidate | None:
        """Return the one release that the file comes from, ``None`` where that is open."""
        return self._best[0] if len(self._best) == 1 else None

    @property
    def grant(self) -> GrantId | None:
        """Return the grant under which the file was released: certain also where it is open which of its extracts."""
        grants = {candidate.release.grant for candidate in self._best}
        return grants.pop() if len(grants) == 1 else None

    @property
    def _best(self) -> list[Candidate]:
        """Return the candidates that accident does not explain and no other one is better than."""
        return [
            one
            for one in self.candidates
            if one.evidence.confidence is not Confidence.POSSIBLE
            and one.evidence.rank == self.candidates[0].evidence.rank
        ]

    def to_json(self) -> dict[str, object]:
        """Return the members as JSON."""
        named = self.named
        return {
            "sha256": self.sha256,
            "rows": self.rows,
            "compared": self.compared,
            "unreadable": self.unreadable,
            "named": None if named is None else named.release.extract,
            "grant": self.grant,
            "candidates": [candidate.to_json() for candidate in self.candidates],
        }


@dataclass(frozen=True, slots=True)
class Tracing:
    """Traces files by the marks of releases. For the worker's host, which holds the root of their keys."""

    shelf: MarkShelf
    lines: Lines
    extracts: Extracts
    grants: Grants
    journal: Journal
    reader: Reader
    read: Callable[[Path], Leak] = field(default=lambda path: Leak.of(read_leak(path)))

    def trace(self, path: Path, by: Principal | None, progress: Progress = lambda _done, _all: None) -> Traced:
        """Return from which release the file at ``path`` comes, with the evidence. An audit entry (``release.traced``).

        ``by`` is who asks, ``None`` on the host. Raises ``TableFileError`` for a file that is no table.
        """
        leak = self.read(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        held = self.shelf.held()
        lines = self._lines(set(held.values()))
        found: dict[ExtractId, tuple[Evidence, int]] = {}
        unreadable = 0
        for done, (marks, extract) in enumerate(held.items()):
            progress(done, len(held))
            release = lines.get(extract)
            if release is None:
                continue  # it never came to its end, or its time is over
            try:
                told = self._compare(leak, marks, release, sha256)
            except ContentDamagedError:
                unreadable += 1
                continue
            if told is not None and (extract not in found or told[0].rank < found[extract][0].rank):
                found[extract] = told
        progress(len(held), len(held))
        best = sorted(found, key=lambda extract: (found[extract][0].rank, extract))[:_MOST_NAMED]
        traced = Traced(
            sha256,
            leak.rows,
            len(lines),
            unreadable,
            tuple(Candidate(lines[one], found[one][1], found[one][0], self._grant(lines[one].grant)) for one in best),
        )
        self._note(traced, by)
        return traced

    def sweep(self) -> bool:
        """Destroy the marks of releases that have no line in the ledger any more; say whether there were any."""
        swept = False
        held = list(self.shelf.held().items())
        for start in range(0, len(held), _SWEPT):
            part = dict(held[start : start + _SWEPT])
            extracts = set(part.values())
            # what waits is asked before what has a line: meanwhile an extract can only go from here to there
            waiting = self.reader.read(lambda tx, named=extracts: self.lines.unfinished(tx, named))  # type: ignore[misc]  # bound now
            kept = self._lines(extracts)
            for path, extract in part.items():
                if extract not in waiting and extract not in kept:
                    self.shelf.destroy(path)
                    swept = True
        return swept

    def _compare(self, leak: Leak, marks: Path, release: LedgerRelease, sha256: str) -> tuple[Evidence, int] | None:
        """Return the evidence, and how many rows the release has."""
        extract = self.reader.read(lambda tx: self.extracts.get(tx, release.extract))
        if extract is not None and extract.sha256 == sha256:
            return Evidence(Kind.CONTENT, 1.0, _EXACT), extract.rows
        kept = self.shelf.read(marks)
        told = evidence(leak, kept)
        return None if told is None else (told, kept.height)

    def _lines(self, extracts: Collection[ExtractId]) -> Mapping[ExtractId, LedgerRelease]:
        found = self.reader.read(lambda tx: self.lines.lines(tx, extracts)) if extracts else []
        return {line.extract: line for line in found}

    def _grant(self, identifier: GrantId) -> Grant | None:
        try:
            return self.grants.grant(identifier)
        except NotFoundError:
            return None

    def _note(self, traced: Traced, by: Principal | None) -> None:
        facts: dict[str, JsonValue] = {
            "sha256": traced.sha256,
            "rows": traced.rows,
            "compared": traced.compared,
            "candidates": [
                {
                    "extract": one.release.extract,
                    "evidence": one.evidence.kind.value,
                    "confidence": one.evidence.confidence.value,
                }
                for one in traced.candidates
            ],
        }
        links: dict[str, str] = {}
        if traced.grant is not None:
            release = traced.candidates[0].release
            links = {"grant": release.grant, "recipient": release.recipient, "application": release.application}
        if traced.named is not None:
            links["extract"] = traced.named.release.extract
        self.journal.append(EntryDraft("release.traced", by, facts=facts, links=links))
