"""The plan of a file: what each column is and how it leaves, what every class must meet. No key is ever in it.

The JSON Schema of these models is ``docs/schemas/anonymize-plan.schema.json``; ``parse`` refuses what is unknown,
twice there or contradictory, each with the JSON pointer (RFC 6901) of the place.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field

from gateway.anonymize.masks import MaskKind

Role = Literal["direct", "quasi", "sensitive", "ordinary"]
ColumnOperation = Literal["keep", "drop", "mask", "cut", "round", "suppress", "pseudonymize"]
DateLevel = Literal["month", "quarter", "year", "3 years"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, str_min_length=1)


class Inline(_Strict):
    """A hierarchy in the plan: the names of its levels, and for each value its labels from level 1 up.

    The top may be left out where the last level is ``*``.
    """

    levels: list[str] = Field(min_length=1)
    table: dict[str, list[str]] = Field(min_length=1)


class Bands(_Strict):
    """Widths of nested bands of numbers, rising, each a multiple of the one before; a band begins at ``origin``."""

    widths: list[Annotated[float, Field(gt=0)]] = Field(min_length=1)
    origin: float = 0


class Interval(_Strict):
    """A hierarchy computed for numbers: value, bands, ``*``."""

    interval: Bands | Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]


class Prefix(_Strict):
    """A hierarchy computed for text: value, its first so many characters (falling), ``*``."""

    prefix: list[Annotated[int, Field(ge=1)]] = Field(min_length=1)


class Dated(_Strict):
    """A hierarchy computed for ISO dates: day, these levels, ``*``."""

    date: list[DateLevel] = Field(min_length=1)


class FromFile(_Strict):
    """A hierarchy file with another separator than ``;``."""

    file: str
    separator: str = Field(min_length=1, max_length=1)


HierarchyForm = str | FromFile | Inline | Interval | Prefix | Dated


class TableColumn(_Strict):
    """What a column is (``role``) and how it leaves.

    A quasi-identifier goes up its ``hierarchy`` (a file, the name of a file of ``config/hierarchies``, or one of the
    forms above; without one: the value or ``*``), to ``level`` where that is fixed. Others take an ``operation``:
    ``keep`` (the default), ``drop`` (that of a direct identifier), ``mask`` by ``kind``, ``cut`` to ``length``
    characters, ``round`` to a multiple ``to``, ``suppress`` (the column stays, empty), ``pseudonymize``.
    """

    role: Role = "ordinary"
    hierarchy: HierarchyForm | None = None
    level: int | None = Field(default=None, ge=0)
    operation: ColumnOperation | None = None
    kind: MaskKind | None = None
    length: int | None = Field(default=None, ge=1)
    to: int | None = Field(default=None, ge=1)

    @property
    def does(self) -> ColumnOperation:
        """Return the operation, the default of the role where none is named."""
        if self.operation is not None:
            return self.operation
        return "drop" if self.role == "direct" else "keep"


class KAnonymity(_Strict):
    """Every class has at least ``k`` rows."""

    kind: Literal["k"]
    k: int = Field(ge=1)


class _OfColumn(_Strict):
    column: str


class DistinctL(_OfColumn):
    """Every class has at least ``l`` different values of ``column``."""

    kind: Literal["distinct-l"]
    l: int = Field(ge=1)  # noqa: E741  the name in the literature


class EntropyL(_OfColumn):
    """The entropy of ``column`` in every class is at least ln ``l``."""

    kind: Literal["entropy-l"]
    l: float = Field(ge=1)  # noqa: E741


class RecursiveCL(_OfColumn):
    """In every class the commonest value has fewer rows than ``c`` times all but the ``l`` - 1 commonest."""

    kind: Literal["recursive-cl"]
    c: float = Field(gt=0)
    l: int = Field(ge=1)  # noqa: E741


class TEqual(_OfColumn):
    """The distribution of ``column`` in every class is within ``t`` of that in the whole table, equal distance."""

    kind: Literal["t-equal"]
    t: float = Field(ge=0, le=1)


class THierarchical(_OfColumn):
    """The same by the earth mover's distance along ``hierarchy``, the tree of the sensitive values."""

    kind: Literal["t-hierarchical"]
    t: float = Field(ge=0, le=1)
    hierarchy: HierarchyForm


class Alpha(_OfColumn):
    """No value of ``column`` has a larger share than ``alpha`` in any class: (α,k)-anonymity together with ``k``."""

    kind: Literal["alpha"]
    alpha: float = Field(gt=0, le=1)


class DeltaPresence(_Strict):
    """In every class the rows are between ``low`` and ``high`` of the people of ``population``, a table file."""

    kind: Literal["delta-presence"]
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    population: str


Model = Annotated[
    KAnonymity | DistinctL | EntropyL | RecursiveCL | TEqual | THierarchical | Alpha | DeltaPresence,
    Field(discriminator="kind"),
]


class TablePlan(_Strict):
    """What may leave of a table, and under which demands.

    Columns that are not named pass on as they are. ``suppression_limit`` is a share of the rows; ``suppressed`` says
    whether such rows are removed or stay as ``*``; ``missing`` are the texts that count as no value, beside the empty
    one: in a file that was written nobody can tell the two apart.
    """

    schema_: str | None = Field(default=None, alias="$schema")
    comment: str | None = None
    columns: dict[str, TableColumn] = Field(min_length=1)
    models: list[Model] = Field(min_length=1)
    suppression_limit: float = Field(default=0.0, ge=0, le=1)
    objective: Literal["loss", "discernibility", "entropy"] = "loss"
    recoding: Literal["global", "local"] = "global"
    suppressed: Literal["remove", "star"] = "remove"
    missing: list[Annotated[str, Field(min_length=0)]] = []
    population: str | None = None
    """A table file of everybody an attacker may know: exact journalist's and marketer's risk."""
    risk_threshold: float = Field(default=0.2, gt=0, le=1)
    max_checks: int | None = Field(default=None, ge=1)
    """Ends a long search with the best found and its gap."""

    @property
    def nothing(self) -> tuple[str, ...]:
        """Return the texts that count as no value."""
        return tuple(dict.fromkeys(["", *self.missing]))

    def named(self, role: Role) -> tuple[str, ...]:
        """Return the columns of ``role``, in the order of the plan."""
        return tuple(name for name, column in self.columns.items() if column.role == role)

    @property
    def k(self) -> int:
        """Return the demanded k, 1 when no model is one."""
        return next((model.k for model in self.models if isinstance(model, KAnonymity)), 1)

    @property
    def presence(self) -> DeltaPresence | None:
        """Return the demand of δ-presence."""
        return next((model for model in self.models if isinstance(model, DeltaPresence)), None)

    @property
    def population_file(self) -> str | None:
        """Return the file of the population, whichever member names it."""
        return self.presence.population if self.presence else self.population

    @property
    def pseudonymous(self) -> bool:
        """Say whether a pseudonym leaves, so that a key is needed."""
        return any(column.does == "pseudonymize" for column in self.columns.values())

    def canonical(self) -> bytes:
        """Return the plan as canonical JSON (RFC 8785), defaults filled in."""
        encoded: bytes = rfc8785.dumps(self.model_dump(mode="json", by_alias=True, exclude={"comment", "schema_"}))
        return encoded

    def sha256(self) -> str:
        """Return the SHA-256 of the canonical form, hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()


def files_of(plan: TablePlan) -> tuple[str, ...]:
    """Return the files that the plan names, as it names them; a name may be one of the rule book's."""
    forms: list[HierarchyForm | None] = [column.hierarchy for column in plan.columns.values()]
    forms += [model.hierarchy for model in plan.models if isinstance(model, THierarchical)]
    names = [form.file if isinstance(form, FromFile) else form for form in forms if isinstance(form, str | FromFile)]
    return tuple(dict.fromkeys([*names, *([plan.population_file] if plan.population_file else [])]))
