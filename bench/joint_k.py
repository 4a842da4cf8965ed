"""Joint k and differencing over earlier releases, against the check of the one release by itself.

Both sides begin with files on the disk and end with which rows may leave.

- ``single``: the check that a release needs anyway. Rows are read from Parquet and grouped, levels are chosen, each row
  is put into its class, k is measured.
- ``joint``: what earlier releases add to it. Tags of the rows are made (HMAC), the sealed rows of every earlier release
  are read, opened and joined, joint classes and differences are judged, and what fails is withheld.

Called part by part, each a process of its own: ``python -m bench.joint_k fill FOLDER ROWS RELEASES [CHURN]``, then
``single FOLDER`` and ``joint FOLDER``. ``CHURN`` is the share of the pupils who differ from one release to the next.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from bench.measure import answer, job
from gateway import bootstrap
from gateway.anonymize.joint import Coming, Earlier, JointView
from gateway.anonymize.lattice import COUNT
from gateway.anonymize.plan import Plan
from gateway.anonymize.transform import Transformer
from gateway.ids import ExtractId, GrantId, RecipientId
from gateway.policies.records import Level
from gateway.releases.ledger.recorder import class_numbers
from gateway.releases.ledger.records import GroupId, LedgerRelease, RowTable
from gateway.releases.ledger.shelf import RowShelf
from gateway.releases.ledger.tags import LedgerKeys
from gateway.releases.lookahead import ahead
from gateway.settings import from_environment

PROFILE = "textbook-anonymous"
RECIPIENT = RecipientId("91140000MA0TEHB001")
GROUP = GroupId(RECIPIENT)
SEED = 20261123
_COUNTIES = ("140105", "140106", "140107", "140108", "140109", "140110", "140121", "140122", "140123", "140181")
_GRADES = ("11", "12", "13", "14", "15", "16", "21", "22", "23", "31", "32", "33")
_CLASSES = np.dtype("<u8")


def main() -> None:
    """Run one part."""
    part, folder, *more = sys.argv[1:]
    home = Path(folder)
    match part:
        case "fill":
            with job() as cost:
                fill(home, int(more[0]), int(more[1]), float(more[2]) if len(more) > 2 else 0.0)
            answer(cost)
        case "single":
            single(home)
        case "joint":
            joint(home)
        case _:
            raise SystemExit(f"no part '{part}'")


def fill(home: Path, rows: int, releases: int, churn: float) -> None:
    """Write the rows of ``rows`` invented pupils, and the sealed rows of so many releases before this one."""
    home.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    frame = _pupils(rows, rng)
    frame.write_parquet(home / "rows.parquet")
    root = secrets.token_bytes(32)
    (home / "root").write_bytes(root)
    keys = LedgerKeys(root)
    shelf = RowShelf(home, keys.of_files())
    transformer = _transformer()
    classes, leaves = _checked(transformer, frame)
    classes.astype(_CLASSES).tofile(home / "classes")
    lines = []
    high, low = keys.tags(GROUP, frame["subject_ref"])
    for number in range(releases):
        away = rng.random(rows) < churn * (releases - number)
        kept = np.flatnonzero(leaves & ~away)
        order = kept[np.lexsort((low[kept], high[kept]))]
        table = RowTable(high[order], low[order], classes[order], np.zeros(order.size, dtype=np.uint64))
        extract = ExtractId(f"ex-bench-{number:02}")
        written = shelf.write(extract, table)
        lines.append((extract, table.rows, written.size, written.wrapped_key.hex()))
    pl.DataFrame(lines, schema=["extract", "rows", "size", "key"], orient="row").write_parquet(home / "lines.parquet")


def single(home: Path) -> None:
    """Check one release by itself; print what that cost."""
    transformer = _transformer()
    with job() as cost:
        frame = pl.read_parquet(home / "rows.parquet", columns=list(transformer.plan.tuple_sources))
        classes, leaves = _checked(transformer, frame)
        smallest = int(np.unique(classes[leaves], return_counts=True)[1].min())
    answer(cost, rows=frame.height, k=smallest)


def joint(home: Path) -> None:
    """Judge the same release together with those before it; print what that cost."""
    keys = LedgerKeys((home / "root").read_bytes())
    shelf = RowShelf(home, keys.of_files())
    with job() as cost:
        tags = keys.tags(GROUP, pl.read_parquet(home / "rows.parquet", columns=["subject_ref"])["subject_ref"])
        classes = np.fromfile(home / "classes", dtype=_CLASSES)
        with ahead(_earlier(home, shelf)) as earlier:
            view = JointView([tags], earlier)
        verdict = view.judge(Coming(classes, classes != 0, 10))
    answer(
        cost,
        rows=int(classes.size),
        releases=view.releases,
        withheld=verdict.withheld,
        k=verdict.reached,
        missing=[one.missing for one in verdict.differences],
    )


def _earlier(home: Path, shelf: RowShelf) -> Iterator[Earlier]:
    for extract, rows, size, key in pl.read_parquet(home / "lines.parquet").iter_rows():
        table = shelf.read(_line(extract, rows, size, bytes.fromhex(key)), [])
        yield Earlier((table.high, table.low), table.classes, 10)


def _line(extract: str, rows: int, size: int, key: bytes) -> LedgerRelease:
    at = datetime.now(UTC)
    return LedgerRelease(
        ExtractId(extract), GROUP, RECIPIENT, GrantId("gr-bench"), "ap-bench", "textbook-order", PROFILE,
        Level.ANONYMOUS, at.year, "", {}, 10, {}, rows, 0, "", size, "", "", at, date.max, key,
    )  # fmt: skip


def _checked(transformer: Transformer, frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the class of each row, and whether it may leave by itself."""
    sources = list(transformer.plan.tuple_sources)
    tuples = frame.group_by(sources).len(COUNT).sort(sources)
    decision = transformer.choose(tuples)
    leaf = pl.DataFrame([frame[column.source].cast(pl.String).alias(column.name) for column in transformer.plan.quasi])
    return class_numbers(decision.classes(leaf))


def _transformer() -> Transformer:
    book = bootstrap.load_rulebook(from_environment({}, home=Path()))
    fields = ("boarding", "county", "grade", "sex", "stage")
    plan = Plan.of(book.profiles[PROFILE], fields, book.sha256)
    return Transformer(plan, book.hierarchies, book.divisions)


def _pupils(rows: int, rng: np.random.Generator) -> pl.DataFrame:
    content = rng.bytes(16 * rows).hex()
    grades = np.array(_GRADES)[rng.integers(0, len(_GRADES), rows)]
    stages = {"1": "primary", "2": "junior", "3": "senior"}
    grade = pl.Series("grade", grades)
    return pl.DataFrame(
        {
            "subject_ref": [content[place : place + 32] for place in range(0, 32 * rows, 32)],
            "school_division": np.array(_COUNTIES)[rng.integers(0, len(_COUNTIES), rows)],
            "stage": grade.str.slice(0, 1).replace_strict(stages),
            "grade": grade,
            "sex": np.array(["1", "2"])[rng.integers(0, 2, rows)],
            "boarding": rng.random(rows) < 0.3,
        }
    )


if __name__ == "__main__":
    main()
