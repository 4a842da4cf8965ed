"""The report of an anonymised file: what left, what was demanded, reached and measured, and what to be careful about.

Its JSON Schema is ``docs/schemas/anonymize-report.schema.json``. No value of a row and no key is in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Literal

from pydantic import TypeAdapter

from gateway.anonymize.risk import Measures
from gateway.anonymize.tables.dependencies import Dependency
from gateway.anonymize.tables.leaks import LeakFinding
from gateway.anonymize.tables.plan import TablePlan

REPORT_VERSION = 1
SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class FileTold:
    """A file by its name alone, with its hash, size in bytes, and form."""

    name: str
    sha256: str
    bytes: int
    format: str
    delimiter: str | None
    encoding: str | None
    compression: str | None


@dataclass(frozen=True, slots=True)
class ColumnTold:
    """How one column left. ``levels`` is the height of its hierarchy, ``level`` 0 the value itself.

    ``missing`` counts rows without a value, ``merged`` values that were written in two ways and became one.
    """

    name: str
    role: str
    operation: str
    hierarchy: str | None
    level: int | None
    level_name: str | None
    levels: int | None
    loss: float | None
    missing: int
    merged: int


@dataclass(frozen=True, slots=True)
class ModelTold:
    """One demand as the plan states it, and the worst class of the rows that left."""

    kind: str
    column: str | None
    demanded: Mapping[str, float]
    reached: float | None
    """In the unit of the demand: rows, values, distance or share; ``None`` where it is met and has no one number."""
    met: bool


@dataclass(frozen=True, slots=True)
class PartTold:
    """Rows that have levels of their own, with local recoding."""

    levels: Mapping[str, int]
    rows: int


@dataclass(frozen=True, slots=True)
class Warned:
    """Something to be careful about, in both languages."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class TableReport:
    """What became of a table. Times are in milliseconds.

    ``search_ms`` is the search for levels alone, from grouped tuples to levels; with local recoding all until the
    classes are measured. Reading, grouping, measuring and writing are in ``stages_ms``.
    """

    version: int
    software: str
    level: Literal["anonymous", "pseudonymous", "masked"]
    """Masked and pseudonymous rows stay personal information, whatever was measured."""
    rows_in: int
    rows_out: int
    suppressed: int
    suppressed_share: float
    suppression_limit: float
    suppressed_rows: Literal["remove", "star"]
    objective: str
    recoding: str
    loss: float
    """Mean of the losses of the quasi-identifiers, 0 to 1, whatever the objective."""
    objective_value: float
    """What was made smallest: Loss, the sum of discernibility, or bits of entropy."""
    loss_by_column: Mapping[str, float]
    levels: Mapping[str, int]
    """Quasi-identifier -> level; with local recoding the finest that any row has."""
    rows_by_level: Mapping[str, Mapping[str, int]]
    """Quasi-identifier -> level -> rows that left on it."""
    parts: tuple[PartTold, ...]
    """With local recoding: the levels of each part of the rows."""
    optimal: bool
    """Whether nothing smaller is possible; else ``gap`` bounds how much. Local recoding proves no optimum."""
    gap: float
    checks: int
    nodes: int
    k: int
    """Rows of the smallest class that left."""
    k_demanded: int
    classes: int
    histogram: Mapping[str, int]
    """Band of class sizes -> number of classes."""
    models: tuple[ModelTold, ...]
    t_reference: str
    columns: tuple[ColumnTold, ...]
    before: Measures
    """Risk of all rows as they came in: prosecutor, journalist, marketer."""
    after: Measures
    population: bool
    """Whether journalist's and marketer's risk are against a population that was given, else against the rows."""
    dependencies: tuple[Dependency, ...]
    """Columns found to tell others: harmless beside what leaves, or allowed by ``--allow``."""
    leak_scan: tuple[LeakFinding, ...]
    """What the leak scan of the written file found and did not stop it for."""
    verified: bool
    """Whether rows, classes and k were measured again on the written file."""
    order: Literal["by value", "as in the input"]
    input: FileTold
    output: FileTold
    plan_sha256: str
    """Of the plan's canonical form (RFC 8785), defaults filled in."""
    files_sha256: Mapping[str, str]
    """File that the plan names (hierarchy, population) -> its SHA-256."""
    pseudonym_key_id: str | None
    search_ms: float
    total_ms: float
    stages_ms: Mapping[str, float]
    warnings: tuple[Warned, ...]

    def to_json(self) -> str:
        """Return the report as JSON text. A number that is not finite has no place in JSON and is null."""
        return json.dumps(_finite(asdict(self)), ensure_ascii=False, indent=2) + "\n"


def report_schema() -> dict[str, object]:
    """Return the JSON Schema of the report."""
    found = TypeAdapter(TableReport).json_schema(mode="serialization")
    return {"$schema": SCHEMA_DIALECT, "$id": "anonymize-report.schema.json", **_closed(found)}


def plan_schema() -> dict[str, object]:
    """Return the JSON Schema of the plan."""
    return {
        "$schema": SCHEMA_DIALECT,
        "$id": "anonymize-plan.schema.json",
        **TablePlan.model_json_schema(by_alias=True),
    }


def software() -> str:
    """Return name and version of this program."""
    return f"xueji-gateway {version('xueji-gateway')}"


def _closed(schema: dict[str, object]) -> dict[str, object]:
    """Return the schema with no member beyond the named ones in its records."""
    definitions = schema.get("$defs")
    for part in [schema, *(definitions.values() if isinstance(definitions, dict) else [])]:
        if isinstance(part, dict) and "properties" in part:
            part["additionalProperties"] = False
    return schema


def _finite(value: object) -> object:
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {str(key): _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value
