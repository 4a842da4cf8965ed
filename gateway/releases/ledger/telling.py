"""What a report says about earlier releases: joint k, differencing, the chain, and what the group holds besides.

A recipient is told of its own releases by name. That others belong to its group, and what they hold, it is not told:
their releases are counted only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.anonymize.report import Json
from gateway.journal import JsonValue
from gateway.releases.ledger.precedents import Decided, Precedents


@dataclass(frozen=True, slots=True)
class Told:
    """Members of the report; empty where no releases were looked at."""

    withheld: Mapping[str, int] = field(default_factory=dict)
    joint_k: Mapping[str, Json] | None = None
    differencing: Mapping[str, Json] | None = None


def told_of(precedents: Precedents, decided: Decided | None) -> Told:
    """Return what is told of a release; ``decided`` is ``None`` at a level without k.

    ``joint_k.reached`` is the smallest joint class over all releases to the group, this one among them. Where the
    group also holds rows that stay personal information, ``identified_releases`` counts those: together with them no
    result is anonymous to that group, whatever k it has by itself (ADR 32).
    """
    history = precedents.history
    identified = sum(release.k is None for release in history.releases)
    if decided is None:
        return Told(joint_k={"demanded": None, "reached": None, "identified_releases": identified})
    verdict = decided.verdict
    measured = history.measured
    joint: dict[str, Json] = {
        "demanded": precedents.plan.k if verdict is None else verdict.k,
        "reached": decided.decision.after.k if verdict is None else verdict.reached,
        "earlier_releases": len(measured),
        "classes": decided.decision.after.classes if verdict is None else verdict.classes,
        "withheld": decided.withheld,
        "withheld_limit": precedents.limit,
        "chain": precedents.chain[:16],
        "chain_place": decided.place,
        "chain_levels": dict(decided.levels),
        "identified_releases": identified,
    }
    if verdict is None:
        return Told(joint_k=joint)
    sizes = [size for one in verdict.differences for size in (one.missing, one.added) if size]
    compared: list[Json] = [
        {"extract": release.extract, "missing": one.missing, "added": one.added}
        for release, one in zip(measured, verdict.differences, strict=True)
        if release.recipient == precedents.recipient
    ]
    differencing: dict[str, Json] = {
        "demanded": verdict.k,
        "smallest": min(sizes, default=None),
        "earlier_releases": len(measured),
        "compared": compared,
    }
    return Told({"joint": decided.withheld}, joint, differencing)


def noted_of(precedents: Precedents, decided: Decided | None) -> dict[str, JsonValue]:
    """Return what the audit entry says of joint k: numbers alone; nothing at a level without k."""
    if decided is None:
        return {}
    verdict = decided.verdict
    return {
        "joint_k": {
            "demanded": precedents.plan.k if verdict is None else verdict.k,
            "reached": decided.decision.after.k if verdict is None else verdict.reached,
            "earlier_releases": len(precedents.history.measured),
            "withheld": decided.withheld,
            "chain": precedents.chain[:16],
            "chain_place": decided.place,
        }
    }
