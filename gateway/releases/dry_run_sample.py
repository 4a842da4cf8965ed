"""Ten rows as they would leave, none of which stands for few pupils; and how they are kept.

The values that a sample row shows, masks and pseudonyms aside, are those of at least k pupils. Where the columns of the
plan single pupils out, the most telling ones are hidden in all rows until that holds: what is hidden tells the
approving officer how far the data would point at single children.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.anonymize.plan import Plan
from gateway.releases.dry_run import DryRunId
from gateway.releases.errors import ContentDamagedError

SAMPLE_ROWS = 10
_CANDIDATES = 512
_NONCE = 12
_HITS = "·hits"
_KEY_USE = b"xueji-gateway dry-run sample v1"


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of text, column by column as ``columns`` says; hidden columns hold ``None`` in every row."""

    columns: tuple[tuple[str, str], ...]
    """Name and Chinese label."""
    hidden: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...] = field(repr=False)
    least: int
    """So many pupils at least share what a row shows."""

    def to_json(self) -> str:
        """Return the sample as JSON text."""
        return json.dumps(
            {"columns": self.columns, "hidden": self.hidden, "rows": self.rows, "least": self.least}, ensure_ascii=False
        )

    @staticmethod
    def from_json(text: str) -> Sample:
        """Return what ``to_json`` wrote."""
        value = json.loads(text)
        return Sample(
            columns=tuple((name, label) for name, label in value["columns"]),
            hidden=tuple(value["hidden"]),
            rows=tuple(tuple(row) for row in value["rows"]),
            least=value["least"],
        )


class Sampler:
    """Takes the frames of a reading, keeps a few candidates and counts how many rows are like each of them.

    Candidates come from the first frame, which holds pupils in the order of a random reference. One count is kept for
    each number of hidden columns, so that memory does not grow with the rows.
    """

    def __init__(self, plan: Plan, least: int) -> None:
        self._plan = plan
        self._least = max(least, plan.k or 0)
        masks = {"mask", "pseudonymize"}
        self._values = [column.name for column in plan.columns if column.operation not in masks]
        self._random = np.random.Generator(np.random.Philox(key=secrets.randbits(128)))
        self._candidates: pl.DataFrame | None = None
        self._shown: list[list[str]] = []
        self._hits: list[pl.Series] = []
        self._total = 0
        self._settled = False

    def add(self, frame: pl.DataFrame) -> None:
        """Take some rows as they would leave."""
        if frame.height == 0:
            return
        self._total += frame.height
        if self._candidates is None:
            self._begin(frame)
        candidates = self._candidates
        if candidates is None or self._settled:
            return
        for place, shown in enumerate(self._shown):
            counted = frame.group_by(shown).agg(pl.len().cast(pl.Int64).alias(_HITS))
            found = candidates.select(shown).join(
                counted, on=shown, how="left", nulls_equal=True, maintain_order="left"
            )
            self._hits[place] += found[_HITS].fill_null(0)
        self._settle(candidates.height)

    def _settle(self, candidates: int) -> None:
        """Count no further with more columns hidden than it takes already; with none hidden, no further at all."""
        wanted = min(SAMPLE_ROWS, candidates)
        place = next((i for i, hits in enumerate(self._hits) if (hits >= self._least).sum() >= wanted), None)
        if place is not None:
            del self._shown[place + 1 :], self._hits[place + 1 :]
            self._settled = place == 0

    def sample(self) -> Sample | None:
        """Return the rows, with as few columns hidden as it takes; ``None`` when there are too few pupils at all."""
        candidates = self._candidates
        if candidates is None or self._total < self._least:
            return None
        everyone = np.full(candidates.height, self._total)
        best: tuple[list[str], np.ndarray[tuple[int], np.dtype[np.int64]]] = ([], np.arange(candidates.height))
        for shown, hits in [*zip(self._shown, (h.to_numpy() for h in self._hits), strict=True), ([], everyone)]:
            enough = np.flatnonzero(hits >= self._least)
            best = (shown, enough)
            if enough.size >= min(SAMPLE_ROWS, candidates.height):
                break
        shown, enough = best
        hidden = tuple(name for name in self._values if name not in shown)
        chosen = self._random.permutation(enough)[:SAMPLE_ROWS]
        rows = candidates[chosen].with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in hidden)
        return Sample(
            columns=tuple((column.name, column.label) for column in self._plan.columns),
            hidden=hidden,
            rows=tuple(tuple(_text(value) for value in row) for row in rows.select(self._plan.names).iter_rows()),
            least=self._least,
        )

    def _begin(self, frame: pl.DataFrame) -> None:
        picked = self._random.permutation(frame.height)[:_CANDIDATES]
        self._candidates = frame[picked]
        telling = sorted(self._values, key=lambda name: frame[name].n_unique(), reverse=True)
        self._shown = [[name for name in self._values if name not in telling[:count]] for count in range(len(telling))]
        self._hits = [pl.Series(_HITS, [0] * self._candidates.height, dtype=pl.Int64) for _ in self._shown]


def sample_key(paper_key: bytes) -> bytes:
    """Return the key of samples, from the key of the papers of a decision (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_KEY_USE).derive(paper_key)


def seal(sample: Sample, key: bytes, run: DryRunId) -> bytes:
    """Return ``sample`` sealed for the dry run ``run`` (AES-256-GCM)."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, sample.to_json().encode(), run.encode())


def unseal(sealed: bytes, key: bytes, run: DryRunId) -> Sample:
    """Return the sample of the dry run ``run``; raises ``ContentDamagedError`` when it does not open."""
    try:
        return Sample.from_json(AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], run.encode()).decode())
    except (InvalidTag, ValueError) as error:
        raise ContentDamagedError("The sample does not open.", detail_zh="样例无法打开。") from error


def _text(value: object) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "是" if value else "否"
        case _:
            return str(value)
