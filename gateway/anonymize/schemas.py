"""JSON Schemas of a release plan and of a program of operations; ``docs/schemas`` holds them as files."""

from __future__ import annotations

from pydantic import TypeAdapter

from gateway.anonymize.operations import Program, Step
from gateway.anonymize.plan import Plan

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def plan_schema() -> dict[str, object]:
    """Return the schema of ``Plan.canonical``: every member is there, and no other."""
    found = TypeAdapter(Plan).json_schema(mode="serialization")
    return {"$schema": DIALECT, "$id": "release-plan.schema.json", **_closed(found)}


def program_schema() -> dict[str, object]:
    """Return the schema of ``Program.to_json``: each step names its operation in ``op``."""
    found = TypeAdapter(Program).json_schema(mode="serialization")
    definitions: dict[str, dict[str, object]] = found.get("$defs", {})
    for kind in Step.__args__:
        step = definitions[kind.__name__]
        properties = step["properties"]
        if isinstance(properties, dict):
            step["properties"] = {"op": {"const": kind.__name__.lower(), "type": "string"}, **properties}
    return {"$schema": DIALECT, "$id": "operations.schema.json", **_closed(found)}


def _closed(schema: dict[str, object]) -> dict[str, object]:
    """Return ``schema`` with every object complete: all members required, no other allowed, no defaults."""
    objects = [schema, *_objects(schema.get("$defs"))]
    for one in objects:
        properties = one.get("properties")
        if isinstance(properties, dict):
            one |= {"additionalProperties": False, "required": list(properties)}
            for member in properties.values():
                member.pop("default", None)
    return schema


def _objects(definitions: object) -> list[dict[str, object]]:
    return list(definitions.values()) if isinstance(definitions, dict) else []
