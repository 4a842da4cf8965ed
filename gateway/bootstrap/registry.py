"""The registry side: databases, the office door, generated pupils."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal, TypeVar

import polars as pl
from sqlalchemy import Engine

import rulebook
from core_registry.db import migrate as registry_migrate
from core_registry.db.case_store import SqlCaseStore
from core_registry.db.decoys import SqlDecoyRegister
from core_registry.db.engine import make_engine as make_registry_engine
from core_registry.db.guardian_links import SqlGuardianLinks
from core_registry.db.office_store import SqlOfficeStore
from core_registry.db.posts_store import SqlPosts
from core_registry.db.roles import grant_sharing_role
from core_registry.db.sealing import RegistryKeys
from core_registry.db.store import SqlRegisterStore
from core_registry.db.units import load_departments
from core_registry.intake.one_form import OneFormReader
from core_registry.intake.records import ImportId, ImportRequest, ImportSummary
from core_registry.intake.service import ImportService
from core_registry.intake.workbook import write_template
from core_registry.office import CaseDesk, GuardianDesk, RegistryOffice, StaffDesk
from core_registry.sample import Sample, generate, write_csv, write_workbook
from core_registry.setting import Setting
from gateway.anonymize.masks import ColumnMasks
from gateway.bootstrap.parts import Parts
from gateway.bootstrap.texts import redactor_of
from gateway.db import make_engine
from gateway.db import migrate as gateway_migrate
from gateway.db.roles import grant_face_role
from gateway.errors import ConfigurationError
from gateway.keyring import Face, Key, Keyring
from gateway.policies.service import random_id
from gateway.settings import Settings
from rulebook import Rulebook

PROVINCE = "140000"
R = TypeVar("R", bound=SqlRegisterStore)


def prepare_databases(settings: Settings, book: Rulebook) -> None:
    """Bring both databases to the newest schema and load the units; twice changes nothing."""
    settings.home.mkdir(parents=True, exist_ok=True)
    settings.home.chmod(0o700)  # databases, keys and sealed files are for the operator alone
    registry_migrate.upgrade(settings.registry_url)
    gateway_migrate.upgrade(settings.gateway_url)
    engine = make_registry_engine(settings.registry_url)
    try:
        load_departments(engine, book.divisions, PROVINCE)
    finally:
        engine.dispose()


def grant_roles(settings: Settings, face: Face, role: str) -> None:
    """Give ``role`` what ``face`` needs: its tables of the gateway, and the sharing view where it reads pupils.

    Office and worker own the registry database with a role of their own; it is not restricted here.
    Raises ``ConfigurationError`` on SQLite.
    """
    gateway = make_engine(settings.gateway_url)
    registry = make_registry_engine(settings.registry_url)
    try:
        grant_face_role(gateway, role, face)
        if face is Face.FAMILY:
            grant_sharing_role(registry, role)
    finally:
        gateway.dispose()
        registry.dispose()


def load_rulebook(settings: Settings) -> Rulebook:
    """Return the rule book; raises ``ConfigurationError`` with file, line and what to change."""
    try:
        return rulebook.load(settings.config)
    except rulebook.RulebookError as error:
        raise ConfigurationError(f"The rule book is broken: {error}", detail_zh=f"配置有误：{error}") from error


def registry_keys(keyring: Keyring) -> RegistryKeys:
    """Return the keys of the registry; raises ``ConfigurationError`` on a face without them."""
    return RegistryKeys(keyring.secret(Key.REGISTRY_DATA), keyring.secret(Key.REGISTRY_INDEX))


def register_store(parts: Parts, registry: Engine) -> SqlRegisterStore:
    """Return the register as an import writes it."""
    return _register(SqlRegisterStore, parts, registry)


def decoy_register(parts: Parts, registry: Engine) -> SqlDecoyRegister:
    """Return the register as decoys come into it."""
    return _register(SqlDecoyRegister, parts, registry)


def _register(kind: type[R], parts: Parts, registry: Engine) -> R:
    return kind(
        registry,
        registry_keys(parts.keyring),
        ColumnMasks.of(parts.book.divisions),
        redactor_of(parts),
        _stages(parts.book),
        number_authority=parts.book.parameters.number_authority,
        clock=parts.now,
    )


def registry_office(parts: Parts) -> RegistryOffice | None:
    """Return the office door, ``None`` on a face without the registry."""
    if parts.registry is None:
        return None
    book = parts.book
    keys = registry_keys(parts.keyring)
    store = register_store(parts, parts.registry)
    imports = ImportService(store, book, parts.now, lambda: ImportId(random_id("im")))
    categories = book.code_lists["school_category"].labels
    return RegistryOffice(
        SqlOfficeStore(parts.registry, keys, categories), imports, lambda path: write_template(path, book), parts.now
    )


def case_desk(parts: Parts) -> CaseDesk | None:
    """Return the desk of the procedures, ``None`` on a face without the registry."""
    if parts.registry is None:
        return None
    book = parts.book
    store = SqlCaseStore(
        parts.registry,
        registry_keys(parts.keyring),
        Setting.of(book),
        OneFormReader(book),
        ColumnMasks.of(book.divisions),
        redactor_of(parts),
        _stages(book),
        clock=parts.now,
        number_authority=book.parameters.number_authority,
    )
    return CaseDesk(store, parts.now, random_id, book.evidence_kinds)


def guardian_desk(parts: Parts, desk: CaseDesk | None) -> GuardianDesk | None:
    """Return the guardians' end of the desk, ``None`` on a face without the registry."""
    return None if desk is None or parts.registry is None else GuardianDesk(desk, SqlGuardianLinks(parts.registry))


def _stages(book: Rulebook) -> dict[str, str]:
    """Return grade -> stage."""
    grades = book.code_lists["grades"]
    return {code: grades.attributes[code]["stage"] for code in grades.labels}


def staff_desk(parts: Parts) -> StaffDesk | None:
    """Return the desk of posts, ``None`` on a face without the registry."""
    return None if parts.registry is None else StaffDesk(SqlPosts(parts.registry), parts.now)


__all__ = [
    "ImportSummary",
    "case_desk",
    "decoy_register",
    "generate_pupils",
    "grant_roles",
    "guardian_desk",
    "import_request",
    "load_rulebook",
    "prepare_databases",
    "register_store",
    "registry_keys",
    "registry_office",
    "staff_desk",
    "write_pupils",
]


def import_request(
    file: Path,
    *,
    mapping: str,
    actor: str,
    school: str | None = None,
    accept_shrink: bool = False,
    former: bool = False,
) -> ImportRequest:
    """Return the request to import a file of any school, as the operator of the host."""
    return ImportRequest(
        path=file,
        file_name=file.name,
        mapping=mapping,
        actor=actor,
        school=school,
        accept_shrink=accept_shrink,
        former=former,
    )


def generate_pupils(count: int, seed: int, book: Rulebook, *, today: date, texts: float = 0.0) -> Sample:
    """Return ``count`` invented pupils of Shanxi with their schools, streaming, the same for the same seed.

    ``texts`` is the share of pupils with an award, and of those with a remark.
    """
    return generate(count, seed, book, today=today, texts=texts)


def write_pupils(path: Path, frame: pl.DataFrame, book: Rulebook, kind: Literal["xlsx", "csv"]) -> None:
    """Write a frame of invented pupils as an Annex 1 form in our template."""
    (write_workbook if kind == "xlsx" else write_csv)(path, frame, book)
