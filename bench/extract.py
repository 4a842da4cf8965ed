"""A wide pseudonymous extract to the sealed Parquet file, against a plain copy of the same columns.

Both read the sharing view of one registry database on SQLite. Ours is what the worker does: plan, read, pseudonyms,
generalisation, random order, Parquet, encryption, leak scan of what was written, manifest, audit entries. The plain
copy reads the same columns with ADBC and writes them with Polars. Called by ``python -m bench``; the parts are
``fill``, ``release`` and ``copy``, each a process of its own.

``fill`` writes the sharing view alone, with the rows that an import of the same forms would write: no record stands
behind them, so that five million rows take minutes and not hours.
"""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from bench.measure import answer, job
from core_registry.db.bulk import insert_frame
from core_registry.db.engine import make_engine, writing
from core_registry.db.sharing_row import SharingRows
from core_registry.db.state import advance
from core_registry.db.tables import sharing_students
from core_registry.intake.normalization import Normalizer
from core_registry.intake.reader import read_form
from core_registry.sample import generate, write_csv
from gateway import bootstrap, keyring
from gateway.anonymize.masks import ColumnMasks
from gateway.anonymize.plan import Plan
from gateway.ids import AccountId, GrantId, RecipientId, UnitCode
from gateway.keyring import Face
from gateway.policies.records import ApplicationDraft, Format, GovernmentApproval, Level, Population, Scope
from gateway.policies.scope import civil_date
from gateway.principals import AccountKind, Principal, Role
from gateway.releases.records import ExtractRequest, ExtractState
from gateway.services import Services
from gateway.settings import from_environment
from rulebook import Rulebook

PROVINCE = "140000"
PROFILE = "research-pseudonymous"
RECIPIENT = RecipientId("12140000MB0TEHR004")
SEED = 20261123
_ROWS = 50_000


def sources(book: Rulebook) -> tuple[str, ...]:
    """Return the columns of the sharing view that the extract reads: all of the profile."""
    profile = book.profiles[PROFILE]
    return Plan.of(profile, tuple(sorted(column.name for column in profile.fields)), book.sha256).sources


# -- the database


def fill(home: Path, rows: int) -> None:
    """Make both databases and all keys below ``home``; fill the sharing view with ``rows`` generated pupils."""
    settings = from_environment({}, home=home)
    book = bootstrap.load_rulebook(settings)
    keyring.create(settings.keys)
    bootstrap.prepare_databases(settings, book)
    now = datetime.now(UTC)
    process = bootstrap.open_process(settings, Face.ALL)
    try:
        office = process.services.office
        if office is None:
            raise RuntimeError("the face 'all' has an office")
        office.import_schools(generate(rows, SEED, book, today=now.date()).schools)
        schools = office.schools().with_columns(pl.lit(None, dtype=pl.String).alias("system"))
    finally:
        process.close()
    engine = make_engine(settings.registry_url)
    try:
        for frame in _sharing_rows(rows, book, schools, now, home / "form.csv"):
            with writing(engine) as connection:
                insert_frame(connection, sharing_students, frame)
                advance(connection)
    finally:
        engine.dispose()


def _sharing_rows(rows: int, book: Rulebook, schools: pl.DataFrame, at: datetime, form: Path) -> Iterator[pl.DataFrame]:
    """Yield the rows of the sharing view in order of their reference, made by the parts that make them in an import.

    Forms are written to ``form``, one after the other.
    """
    grades = book.code_lists["grades"]
    stages = {code: grades.attributes[code]["stage"] for code in grades.labels}
    maker = SharingRows(ColumnMasks.of(book.divisions), stages)
    normalizer, mapping = Normalizer(book), book.import_mappings["template"]
    done = 0
    for batch in generate(rows, SEED, book, batch_rows=_ROWS, today=at.date()).batches():
        write_csv(form, batch, book)
        values, _ = normalizer.normalize(read_form(form, mapping, book), None)
        first = pl.col("member1_guardian").fill_null(value=False)
        made = values.with_columns(
            _references(done, batch.height, rows),
            pl.lit("active").alias("state"),
            *(
                pl.when(first).then(f"member1_{part}").otherwise(f"member2_{part}").alias(f"shown_{part}")
                for part in ("name", "phone", "relation")
            ),
            pl.lit(None, dtype=pl.String).alias("awards"),
            pl.lit(None, dtype=pl.String).alias("remarks"),
        )
        done += batch.height
        yield maker.frame(made, schools, at)


def _references(start: int, count: int, total: int) -> pl.Series:
    """Return ``count`` random references, ascending and above those of the rows before ``start``."""
    low, high = (start << 32) // total, ((start + count) << 32) // total
    heads = np.sort(np.random.default_rng().integers(low, high, count))
    return pl.Series("subject_ref", [f"{head:08x}{secrets.token_hex(12)}" for head in heads.tolist()])


# -- ours


def release(home: Path, name: str = PROFILE, watched: Callable[[], Mapping[str, object]] | None = None) -> None:
    """Take an application to a grant, ask for the extract and let the worker prepare it; print what that cost.

    ``name`` is the profile; what ``watched`` gives after the work is printed, too.
    """
    settings = from_environment({}, home=home)
    process = bootstrap.open_process(settings, Face.ALL)
    try:
        services, worker = process.services, process.worker
        if worker is None:
            raise RuntimeError("the face 'all' has a worker")
        executor = person("executor", Role.EXECUTOR)
        grant = grant_of(services, name)
        while worker.round():
            pass
        extract = services.releases.start(grant, ExtractRequest(Format.PARQUET), executor)
        with job() as cost:
            worker.round()
        made = services.releases.get(extract.id, executor)
        if made.state is not ExtractState.READY:
            raise RuntimeError(f"the extract is {made.state}: {made.failure}")
        answer(cost, rows=made.rows, bytes=made.size, **(watched() if watched else {}))
        shutil.rmtree(settings.files)
    finally:
        process.close()


def person(name: str, role: Role, recipient: RecipientId | None = None) -> Principal:
    unit = UnitCode(PROVINCE) if recipient is None else None
    account, roles = AccountId(f"st-{name}"), frozenset({role})
    return Principal(account, AccountKind.STAFF, roles, unit=unit, recipient=recipient, post="测试", assurance=2)


def grant_of(services: Services, name: str) -> GrantId:
    """Return a grant of the whole profile for the whole province: applied, recorded, confirmed, decided."""
    today, applications = civil_date(services.now()), services.applications
    profile = services.book.profiles[name]
    scope = Scope(
        purpose=_purpose(services.book, name),
        profile=name,
        level=Level(profile.level),
        fields=tuple(sorted(column.name for column in profile.fields)),
        population=Population(PROVINCE),
        valid_from=today,
        valid_to=today + timedelta(days=90),
        uses=5,
        row_cap=profile.row_cap,
    )
    made = applications.create(
        person("applicant", Role.APPLICANT, RECIPIENT),
        ApplicationDraft(
            recipient_name="测试使用方",
            responsible="测试负责人（主任）",
            scope=scope,
            reason="测量用途：数据均为虚构。",
            protection="加密存储，到期销毁。",
            terms_accepted=True,
        ),
    )
    ground = GovernmentApproval(
        act="reply",
        government="山西省人民政府",
        division=PROVINCE,
        document_number=f"晋政函〔{today.year}〕{1 + secrets.randbelow(900)}号",
        signatory="测试签发人",
        dated=today - timedelta(days=10),
        valid_to=today + timedelta(days=365),
        scope_text="同意按申请的用途、范围和期限提供（虚构）。",
        scan_sha256=secrets.token_hex(32),
    )
    made = applications.record_ground(person("recorder", Role.DATA_OFFICER), made.id, ground, version=made.version)
    made = applications.confirm_ground(person("confirmer", Role.DATA_OFFICER), made.id, version=made.version)
    approver = person("approver", Role.APPROVING_OFFICER)
    made = applications.decide(approver, made.id, "approve", version=made.version, reason="准予提供（虚构）。")
    if made.grant_id is None:
        raise RuntimeError(f"no grant: {made.state}")
    return made.grant_id


def _purpose(book: Rulebook, name: str) -> str:
    """Return the first purpose that has all fields of the profile."""
    fields = {column.name for column in book.profiles[name].fields}
    return next(code for code, one in book.purposes.items() if name in one.profiles and fields <= set(one.fields))


def main() -> None:
    """Run one part: ``fill HOME ROWS`` or ``release HOME``."""
    part, home, *more = sys.argv[1:]
    if part == "fill":
        with job() as cost:
            fill(Path(home), int(more[0]))
        answer(cost)
    else:
        release(Path(home))


if __name__ == "__main__":
    main()
