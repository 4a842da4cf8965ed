"""Purposes and their ceilings: config/purposes.toml."""

from __future__ import annotations

from collections.abc import Mapping

from rulebook.columns import LEVELS
from rulebook.records import Purpose, ReleaseProfile
from rulebook.source import Sources, Table


def field_names(profiles: Mapping[str, ReleaseProfile]) -> frozenset[str]:
    """Return the names of all fields that the profiles could release."""
    return frozenset(field.name for profile in profiles.values() for field in profile.fields)


def read_purposes(sources: Sources, profiles: Mapping[str, ReleaseProfile]) -> dict[str, Purpose]:
    """Return all purposes by code. Raises ``RulebookError``."""
    return {code: _read(code, entry, profiles) for code, entry in sources.toml("purposes.toml").entries()}


def _read(code: str, entry: Table, profiles: Mapping[str, ReleaseProfile]) -> Purpose:
    levels = entry.references("levels", frozenset(LEVELS), f"a level ({', '.join(LEVELS)})")
    allowed = entry.references("profiles", profiles, "a profile of release_profiles.toml")
    for name in sorted(allowed):
        if profiles[name].level not in levels:
            entry.fail(
                "profiles", f"'{name}' is of level '{profiles[name].level}', which is not in levels / 级别不一致"
            )
    names = field_names({name: profiles[name] for name in allowed})
    purpose = Purpose(
        code=code,
        label=entry.text("label"),
        label_en=entry.text("label_en"),
        levels=levels,
        profiles=allowed,
        fields=entry.references("fields", names, "a field of these profiles"),
        max_days=entry.integer("max_days", least=1, most=3_650),
        max_uses=entry.integer("max_uses", least=1, most=100_000),
        max_rows=entry.integer("max_rows", least=1, most=100_000_000),
    )
    for name in sorted(allowed):
        if not any(field.name in purpose.fields for field in profiles[name].fields):
            entry.fail("profiles", f"no field of '{name}' is allowed; remove it or add fields / 该方案没有可用字段")
    entry.finish()
    return purpose
