"""Reads what counts as an acceptable risk: table ``[risk]`` of config/parameters.toml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from rulebook.records import ReleaseProfile
from rulebook.risk_records import ENVIRONMENTS, Environment, RiskThresholds
from rulebook.source import Table

_LEVELS = ("anonymous", "pseudonymous", "masked", "match")


def read_risk(table: Table, profiles: Mapping[str, ReleaseProfile]) -> RiskThresholds:
    """Return the thresholds and where each applies.

    Raises ``RulebookError``: a threshold outside 0 to 1, one for the public above the other, an unknown level or
    profile, or a profile for the public whose own k cannot meet its threshold.
    """
    public, controlled = (_threshold(table, name) for name in ENVIRONMENTS)
    if public > controlled:
        table.fail("public", "must not be above 'controlled': everybody may see it / 不得高于受控阈值")
    levels = _environments(table.table("levels"), _LEVELS, "a level at which rows leave")
    of_profiles = table.table("profiles")
    named = _environments(of_profiles, profiles, "a profile of release_profiles.toml")
    for code, environment in named.items():
        k = profiles[code].k
        if environment == "public" and (k is None or 1 / k > public):
            of_profiles.fail(
                code, f"is for the public, so its k must be {round(1 / public)} at least / 公开提供的方案须达到相应的 k"
            )
    table.finish()
    return RiskThresholds(public, controlled, levels, named)


def _threshold(table: Table, name: str) -> float:
    value = table.share(name)
    if not value:
        table.fail(name, "must be above 0: a risk of 0 cannot be met by any row / 必须大于 0")
    return value


def _environments(table: Table, known: Mapping[str, object] | tuple[str, ...], what: str) -> Mapping[str, Environment]:
    found: dict[str, Environment] = {}
    for key in table.keys():
        if key not in known:
            table.fail(key, f"is not {what}; correct it / 名称不存在")
        found[key] = cast(Environment, table.choice(key, ENVIRONMENTS))
    table.finish()
    return MappingProxyType(found)
