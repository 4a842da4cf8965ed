"""Scopes, grounds and grants as JSON values: what the database keeps and what a grant's signature binds.

Encoding is canonical (sorted keys, sorted sets, ISO dates), so that two equal records have one text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Final, Literal, cast

from gateway.errors import ParameterError
from gateway.ids import RecipientId
from gateway.journal import JsonValue
from gateway.policies.records import Change, GovernmentApproval, Grant, Ground, Level, Population, Scope, StatuteGround

UNSIGNED: Final = frozenset({"state", "uses_left", "jws", "state_since", "state_by", "state_reason"})
"""Members of a grant that change or cannot be inside the signature; every other one is bound."""

ADDED: Final = frozenset({"approver_for", "approver_unit", "approver_post", "terms_version", "terms_sha256"})
"""Members that grants of the first revision do not have: left out of the signature while they are empty, so that
those grants still verify. One that is filled in, or emptied, afterwards differs from what was signed."""

Act = Literal["reply", "office_document", "minutes", "signed_sheet"]


def encode_time(at: datetime) -> str:
    """Return an aware instant as RFC 3339 UTC text with microseconds; raises ``ParameterError`` for a naive one."""
    if at.tzinfo is None:
        raise ParameterError("A time without a zone cannot be kept.")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def decode_time(text: str) -> datetime:
    """Return the aware UTC instant that ``encode_time`` wrote; raises ``ValueError`` for other text."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def scope_value(scope: Scope) -> dict[str, JsonValue]:
    """Return a scope as a JSON value."""
    population = scope.population
    return {
        "purpose": scope.purpose,
        "profile": scope.profile,
        "level": scope.level.value,
        "fields": list(scope.fields),
        "population": {
            "territory": population.territory,
            "stages": _sorted(population.stages),
            "grades": _sorted(population.grades),
            "schools": _sorted(population.schools),
        },
        "valid_from": scope.valid_from.isoformat(),
        "valid_to": scope.valid_to.isoformat(),
        "uses": scope.uses,
        "row_cap": scope.row_cap,
    }


def encode_scope(scope: Scope) -> str:
    """Return a scope as canonical JSON text."""
    return dump(scope_value(scope))


def decode_scope(text: str) -> Scope:
    """Return the scope that ``encode_scope`` wrote; raises ``ValueError`` or ``KeyError`` for other text."""
    value = _object(text)
    population = cast("Mapping[str, object]", value["population"])
    return Scope(
        purpose=str(value["purpose"]),
        profile=str(value["profile"]),
        level=Level(str(value["level"])),
        fields=tuple(cast("list[str]", value["fields"])),
        population=Population(
            territory=str(population["territory"]),
            stages=_set(population["stages"]),
            grades=_set(population["grades"]),
            schools=_set(population["schools"]),
        ),
        valid_from=date.fromisoformat(str(value["valid_from"])),
        valid_to=date.fromisoformat(str(value["valid_to"])),
        uses=cast("int", value["uses"]),
        row_cap=cast("int", value["row_cap"]),
    )


def encode_ground(ground: Ground) -> str:
    """Return a ground as canonical JSON text."""
    if isinstance(ground, StatuteGround):
        return dump(
            {
                "kind": ground.kind,
                "legal_basis": ground.legal_basis,
                "determined_on": ground.determined_on.isoformat(),
                "reasoning": ground.reasoning,
                "determined_by": ground.determined_by,
                "article": ground.article,
                "text_sha256": ground.text_sha256,
            }
        )
    return dump(
        {
            "kind": ground.kind,
            "act": ground.act,
            "government": ground.government,
            "division": ground.division,
            "document_number": ground.document_number,
            "signatory": ground.signatory,
            "dated": ground.dated.isoformat(),
            "valid_to": ground.valid_to.isoformat(),
            "scope_text": ground.scope_text,
            "scan_sha256": ground.scan_sha256,
            "fields": _sorted(ground.fields),
            "levels": _sorted(ground.levels),
            "recipient": ground.recipient,
            "recipients": _sorted(ground.recipients),
            "purposes": _sorted(ground.purposes),
            "population_text": ground.population_text,
            "states_consent": ground.states_consent,
            "meeting_date": None if ground.meeting_date is None else ground.meeting_date.isoformat(),
        }
    )


def decode_ground(text: str) -> Ground:
    """Return the ground that ``encode_ground`` wrote; raises ``ValueError`` or ``KeyError`` for other text.

    Members that were added later may be missing in an older text.
    """
    value = _object(text)
    if value["kind"] == "statute":
        return StatuteGround(
            str(value["legal_basis"]),
            date.fromisoformat(str(value["determined_on"])),
            reasoning=str(value.get("reasoning", "")),
            determined_by=str(value.get("determined_by", "")),
            article=str(value.get("article", "")),
            text_sha256=str(value.get("text_sha256", "")),
        )
    if value["kind"] != "government":
        raise ValueError("unknown kind of ground")
    recipient, met = value["recipient"], value.get("meeting_date")
    return GovernmentApproval(
        act=cast("Act", value["act"]),
        government=str(value["government"]),
        division=str(value["division"]),
        document_number=str(value["document_number"]),
        signatory=str(value["signatory"]),
        dated=date.fromisoformat(str(value["dated"])),
        valid_to=date.fromisoformat(str(value["valid_to"])),
        scope_text=str(value["scope_text"]),
        scan_sha256=str(value["scan_sha256"]),
        fields=_set(value["fields"]),
        levels=_set(value["levels"]),
        recipient=None if recipient is None else RecipientId(str(recipient)),
        recipients=_set(value.get("recipients")),
        purposes=_set(value.get("purposes")),
        population_text=str(value.get("population_text", "")),
        states_consent=value.get("states_consent") is True,
        meeting_date=None if met is None else date.fromisoformat(str(met)),
    )


def encode_changes(changes: Iterable[Change]) -> str:
    """Return what an edit replaced as canonical JSON text."""
    return dump([[change.member, change.before, change.after] for change in changes])


def decode_changes(text: str) -> tuple[Change, ...]:
    """Return the changes that ``encode_changes`` wrote; raises ``ValueError`` for other text."""
    return tuple(Change(*row) for row in cast("list[list[str]]", json.loads(text)))


def signed_members(grant: Grant) -> dict[str, JsonValue]:
    """Return every member of a grant that its signature binds, as a JSON value.

    Members are taken from the record itself, so that one added later is bound too. Raises
    ``ParameterError`` for a member of a type that has no encoding.
    """
    return {
        member.name: _member(member.name, getattr(grant, member.name))
        for member in fields(Grant)
        if member.name not in UNSIGNED and (member.name not in ADDED or getattr(grant, member.name))
    }


def dump(value: JsonValue) -> str:
    """Return canonical JSON text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _member(name: str, value: object) -> JsonValue:
    match value:
        case Scope():
            return scope_value(value)
        case datetime():
            return encode_time(value)
        case None | str() | int():
            return value
        case _:
            raise ParameterError(f"The grant's member '{name}' has no encoding.")


def _object(text: str) -> Mapping[str, object]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  one error type for all damage
    return value


def _sorted(values: Iterable[str] | None) -> JsonValue:
    return None if values is None else [*sorted(values)]


def _set(value: object) -> frozenset[str] | None:
    return None if value is None else frozenset(cast("list[str]", value))
