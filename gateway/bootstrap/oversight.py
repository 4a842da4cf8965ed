"""The oversight of the registry, wired: whole-school and nightly acts, and what the command line needs of them."""

from __future__ import annotations

import csv
from pathlib import Path

from core_registry.db.matters_store import SqlMatters
from core_registry.db.oversight_stores import oversight_stores
from core_registry.db.reconciliation import SqlReconciliation
from core_registry.exchange.plan_file import plan_reader
from core_registry.exchange.service import NationalExchange
from core_registry.oversight.entrance import Entrance
from core_registry.oversight.matters import MatterDesk
from core_registry.oversight.service import RegistryOversight, VerificationResult
from core_registry.setting import Setting
from gateway.bootstrap.parts import Parts, Process
from gateway.bootstrap.registry import register_store, registry_keys
from gateway.bootstrap.texts import redactor_of
from gateway.errors import ConfigurationError, ParameterError
from gateway.policies.service import random_id

__all__ = ["RegistryOversight", "deviations_of", "oversight_of", "registry_oversight"]


def registry_oversight(parts: Parts) -> RegistryOversight | None:
    """Return the door of the oversight, ``None`` on a face without the registry."""
    if parts.registry is None:
        return None
    book, keys = parts.book, registry_keys(parts.keyring)
    setting = Setting.of(book)
    register = register_store(parts, parts.registry)
    stores = oversight_stores(parts.registry, keys, setting.place)
    entrance = Entrance(stores.posts, parts.now)
    authority = book.parameters.number_authority
    return RegistryOversight(
        stores,
        MatterDesk(
            SqlMatters(parts.registry, keys, setting.place, redactor_of(parts)), entrance, setting, parts.now, random_id
        ),
        NationalExchange(SqlReconciliation(parts.registry, keys, register, authority), register, book, parts.now),
        entrance,
        plan_reader(book),
        setting,
        parts.now,
        random_id,
    )


def oversight_of(process: Process) -> RegistryOversight:
    """Return the door of a process; raises ``ConfigurationError`` on a face without the registry."""
    if process.services.oversight is None:
        raise ConfigurationError("This face has no registry.", detail_zh="本端没有学籍库。")
    return process.services.oversight


def deviations_of(file: Path | None) -> dict[str, VerificationResult]:
    """Return the deviations of a verification from a CSV with the columns ``student_id`` and ``result``.

    Raises ``ParameterError`` for another layout or an unknown result; it names the line.
    """
    if file is None:
        return {}
    found: dict[str, VerificationResult] = {}
    with file.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            try:
                found[row["student_id"]] = VerificationResult(row["result"])
            except (KeyError, ValueError):
                known = ", ".join(result.value for result in VerificationResult)
                raise ParameterError(
                    f"Line {len(found) + 2}: give student_id and result, one of {known}.",
                    detail_zh=f"第 {len(found) + 2} 行：应有 student_id、result 两列，result 取值：{known}。",
                ) from None
    return found
