"""A whole house: both databases with an imported sample, every key, grants for each profile, a worker.

Building one takes seconds, so each kind is built once a run and copied: a directory for SQLite, ``CREATE DATABASE …
TEMPLATE`` for PostgreSQL.
"""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import polars as pl
import psycopg
from joserfc.jwk import ECKey
from sqlalchemy.engine import make_url

from gateway import bootstrap, keyring, samples
from gateway.accounts.records import ClientSpec
from gateway.audit.leaves import decode_entry
from gateway.bootstrap import Process
from gateway.ids import ExtractId, GrantId
from gateway.keyring import Face
from gateway.policies.records import (
    Format,
)
from gateway.policies.scope import civil_date
from gateway.principals import Principal
from gateway.releases.content import OpenDelivery
from gateway.releases.preparation import Preparation
from gateway.releases.records import Extract, ExtractRequest, ExtractState
from gateway.services import Services
from gateway.settings import Settings, from_environment
from tests.factories.accounts import Clock
from tests.factories.release_cases import CASES, EXECUTOR, client, client_of, grant_for

Part = TypeVar("Part")
PUPILS = 900
SEED = 20261123


@dataclass(frozen=True)
class Template:
    """A built house that nobody uses: what houses are copied from."""

    home: Path
    grants: Mapping[str, GrantId]
    clients: Mapping[str, tuple[str, ECKey]] = field(repr=False)
    """Profile -> client id and private key of the recipient's registered system."""
    source: pl.DataFrame = field(repr=False)
    """The sample in clear."""
    ready: ExtractId
    """A prepared CSV of ``bus-pseudonymous``."""
    registry: str | None = None
    gateway: str | None = None
    """Names of the template databases on PostgreSQL."""


class _Silent:
    n: float = 0

    def update(self, step: float) -> None:
        self.n += step

    def close(self) -> None:
        """Nothing to leave."""


class Trouble(logging.Handler):
    """Collects what the worker could only log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@dataclass
class House:
    """One process of face ``all`` on databases of its own, with a clock that tests turn."""

    settings: Settings
    clock: Clock
    process: Process
    grants: Mapping[str, GrantId]
    clients: Mapping[str, tuple[str, ECKey]] = field(repr=False)
    source: pl.DataFrame = field(repr=False)
    _ready: ExtractId
    trouble: Trouble = field(default_factory=Trouble)
    _after: list[Callable[[], object]] = field(default_factory=list)

    @property
    def services(self) -> Services:
        """The services of the process."""
        return self.process.services

    def work(self, *, rounds: int = 40, calm: bool = True) -> None:
        """Let the worker work until nothing is left; with ``calm`` no task may have failed."""
        worker = self.process.worker
        assert worker is not None
        self.trouble.lines.clear()
        loggers = [logging.getLogger("gateway.jobs"), logging.getLogger("xueji.incident")]
        for one in loggers:
            one.addHandler(self.trouble)
        try:
            for _ in range(rounds):
                if not worker.round():
                    break
        finally:
            for one in loggers:
                one.removeHandler(self.trouble)
        assert not (calm and self.trouble.lines), self.trouble.lines

    def start(self, profile: str, kind: str = "csv", *, grant: GrantId | None = None, **request: Any) -> Extract:  # noqa: ANN401  members of the request
        """Ask for an extract as the recipient's system, under the grant of the template or another."""
        wanted = ExtractRequest(Format(kind), **request)
        return self.services.releases.start(grant or self.grants[profile], wanted, client_of(profile))

    def prepared(self, profile: str, kind: str = "csv", *, grant: GrantId | None = None, **request: Any) -> Extract:  # noqa: ANN401  members of the request
        """Ask for an extract and have it prepared; it is ready."""
        extract = self.start(profile, kind, grant=grant, **request)
        self.work()
        extract = self.extract(extract.id)
        assert extract.state is ExtractState.READY, extract.failure
        return extract

    def ready(self) -> Extract:
        """Return the extract for the buses that was prepared with the template and that nobody has fetched."""
        return self.extract(self._ready)

    def extract(self, identifier: ExtractId) -> Extract:
        """Return an extract as it stands."""
        return self.services.releases.get(identifier, EXECUTOR)

    def deliver(self, extract: Extract, first: int = 0, last: int | None = None) -> OpenDelivery:
        """Take delivery as the recipient's system."""
        return self.services.releases.deliver(extract.id, client(extract.recipient), first, last)

    def content(self, extract: Extract) -> bytes:
        """Take delivery of all and read it to the end."""
        return b"".join(self.deliver(extract).content)

    def certify(self, extract: Extract, who: Principal | None = None, *, days: int = 0) -> Extract:
        """Certify the deletion as the recipient's system or ``who``, as done so many days from today."""
        return self.services.releases.certify_deletion(
            extract.id,
            who or client(extract.recipient),
            statement="已全部销毁。",
            deleted_on=civil_date(self.clock()) + timedelta(days=days),
            responsible="测试负责人",
        )

    def entries(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the audit entries whose kind begins with ``kind``, in order."""
        with bootstrap.open_log(self.settings.gateway_url) as log:
            bodies = [stored.body for stored in log.entries(0, log.last_index() + 1)]
        return [entry for entry in map(decode_entry, bodies) if str(entry["kind"]).startswith(kind)]

    def clear_values(self, *columns: str) -> list[str]:
        """Return the distinct clear values of the sample in ``columns`` (by default all direct identifiers)."""
        return identifiers(self.source, columns or CLEAR_COLUMNS)

    def uses_left(self, grant: GrantId) -> int:
        """Return how many uses of ``grant`` are left."""
        return self.services.applications.grant(grant).uses_left

    def task(self, name: str, kind: type[Part]) -> Part:
        """Return the part of the worker that does the task ``name``, to put other parts into it."""
        worker = self.process.worker
        assert worker is not None
        (task,) = [task for task in worker.tasks if task.name == name]
        found = task.run.__self__  # type: ignore[attr-defined]  # a bound method
        assert isinstance(found, kind)
        return found

    def preparation(self) -> Preparation:
        """Return the worker's preparation of extracts."""
        return self.task("extracts", Preparation)

    def reopen(self) -> None:
        """Close the process and open it again, as after a restart."""
        _close_process(self.process)
        self.process = bootstrap.open_process(self.settings, Face.ALL, now=self.clock)

    def close(self) -> None:
        """Close the process and take its databases away."""
        _close_process(self.process)
        for act in self._after:
            act()


CLEAR_COLUMNS = (
    "name", "former_name", "id_number", "student_number", "residence_address", "household_address", "member1_name",
    "member1_id_number", "member1_phone", "member1_employer", "member2_name", "member2_id_number", "member2_phone",
    "member2_employer",
)  # fmt: skip
"""Columns of the sample that hold direct identifiers."""


def identifiers(source: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return the distinct values of the columns of ``source``, without empty ones."""
    present = [name for name in columns if name in source.columns]
    found = pl.concat([source[name].cast(pl.String).alias("v") for name in present]).drop_nulls().unique()
    return sorted(found.filter(found.str.len_chars() > 1).to_list())


def _close_process(process: Process) -> None:
    sharing = process.services.sharing
    process.close()
    close = getattr(sharing, "close", None)
    if close is not None:
        close()


def _settings(home: Path, urls: tuple[str, str] | None = None, **changes: Any) -> Settings:  # noqa: ANN401  members of the settings
    found = from_environment({}, home=home)
    if urls is not None:
        found = replace(found, registry_url=urls[0], gateway_url=urls[1])
    return replace(found, **changes)


def _build(home: Path, settings: Settings, pupils: int) -> Template:
    """Fill the databases of ``settings`` and return the template."""
    book = bootstrap.load_rulebook(settings)
    keyring.create(settings.keys)
    bootstrap.prepare_databases(settings, book)
    process = bootstrap.open_process(settings, Face.ALL)
    try:
        services = process.services
        today = civil_date(services.now())
        assert services.office is not None
        with tempfile.TemporaryDirectory(prefix="xueji-sample-") as temporary:
            folder = Path(temporary)
            written = samples.write(
                folder,
                count=pupils,
                seed=SEED,
                kind="csv",
                book=book,
                today=today,
                tick=lambda _n: None,
                source=folder / "source.parquet",
            )
            services.office.import_schools(samples.read_schools(written.schools_file))
            for form in written.forms:
                summary = samples.import_file(process, form, bar=lambda _label, _total: _Silent())
                assert (summary.new > 0, summary.rejected) == (True, 0), samples.summary_lines(summary)
            source = pl.read_parquet(folder / "source.parquet")
        grants = {name: grant_for(services, case) for name, case in CASES.items()}
        clients = {}
        for name, case in CASES.items():
            key = ECKey.generate_key("P-256", private=True)
            roles = client_of(name).roles
            jwks = {"keys": [key.as_dict(private=False)]}
            spec = ClientSpec(case.recipient, roles, jwks, post="测试系统", dpop_required=False)
            clients[name] = (str(services.directory.register_client(None, spec)), key)
        assert process.worker is not None
        wanted = ExtractRequest(Format.CSV)
        ready = services.releases.start(grants["bus-pseudonymous"], wanted, client_of("bus-pseudonymous"))
        while process.worker.round():
            pass
    finally:
        _close_process(process)
    return Template(home, grants, clients, source, ready.id)


@cache
def _scratch() -> Path:
    path = Path(tempfile.mkdtemp(prefix="xueji-houses-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def template(pupils: int) -> Template:
    """Return the SQLite template of so many pupils, built at the first call."""
    home = _scratch() / f"sqlite-{pupils}"
    return _build(home, _settings(home), pupils)


@cache
def postgres_template(server: str, pupils: int) -> Template:
    """Return the PostgreSQL template of so many pupils on ``server``."""
    home = _scratch() / f"postgres-{uuid4().hex[:8]}"
    names = (f"tr{uuid4().hex[:12]}", f"tg{uuid4().hex[:12]}")
    _sql(server, *(f"CREATE DATABASE {name}" for name in names))
    made = _build(home, _settings(home, _urls(server, names)), pupils)
    return replace(made, registry=names[0], gateway=names[1])


def _urls(server: str, names: tuple[str, str]) -> tuple[str, str]:
    url = make_url(server).set(drivername="postgresql+psycopg")
    first, second = (url.set(database=name).render_as_string(hide_password=False) for name in names)
    return first, second


def _sql(server: str, *statements: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def copied(tmp_path: Path, *, server: str | None = None, pupils: int = PUPILS) -> tuple[Template, Settings]:
    """Copy a template below ``tmp_path``; return it and the settings of the copy. Nothing is opened."""
    home = tmp_path / "home"
    if server is None:
        made = template(pupils)
        shutil.copytree(made.home, home)
        return made, _settings(home)
    made = postgres_template(server, pupils)
    shutil.copytree(made.home, home)
    names = (f"r{uuid4().hex[:12]}", f"g{uuid4().hex[:12]}")
    _sql(
        server,
        f"CREATE DATABASE {names[0]} TEMPLATE {made.registry}",
        f"CREATE DATABASE {names[1]} TEMPLATE {made.gateway}",
    )
    return made, _settings(home, _urls(server, names))


def drop(settings: Settings, server: str) -> None:
    """Remove the databases of a copy on PostgreSQL."""
    for url in (settings.registry_url, settings.gateway_url):
        _sql(server, f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")


def make_house(
    tmp_path: Path,
    *,
    server: str | None = None,
    pupils: int = PUPILS,
    settings: Callable[[Settings], Settings] = lambda found: found,
) -> House:
    """Return a house of its own, copied from the template; ``server`` is a PostgreSQL, else SQLite."""
    made, found = copied(tmp_path, server=server, pupils=pupils)
    found = settings(found)
    clock = Clock(datetime.now(UTC))
    process = bootstrap.open_process(found, Face.ALL, now=clock)
    house = House(found, clock, process, made.grants, made.clients, made.source, made.ready)
    if server is not None:
        house._after.append(lambda: drop(found, server))
    return house


def opened(house: House) -> Iterator[House]:
    """Yield ``house`` and close it: the body of a fixture."""
    try:
        yield house
    finally:
        house.close()
