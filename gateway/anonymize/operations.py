"""The intermediate form of a plan: a small program of typed steps that back ends execute (ADR 31).

A step says what happens to one column, in words that need no particular engine: slices, joins with a map, comparisons,
a keyed hash. There is no regular-expression replacement among them (engines differ in it, silently) and no key:
pseudonyms come from a hook of the back end. What a step means is said here, and shown by the vectors of
``tests/vectors/operations.json``, which every back end must meet.

Values are text, whole numbers, floating-point numbers, truth values, dates or null. *Text of a value* is itself, its
decimal digits, ``true`` or ``false``, or ``YYYY-MM-DD``. Null stays null, but under ``generalize`` and ``recode``,
where the hook says what becomes of a missing value, and under ``pseudonymize``, where it is an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

import rfc8785

from gateway.anonymize.errors import PlanError
from gateway.anonymize.masks import MaskKind
from gateway.anonymize.plan import MASKED_COLUMNS, Plan, PlanColumn


@dataclass(frozen=True, slots=True)
class Keep:
    """The value as it is, of its own type."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Drop:
    """The source is not read, and stands in no output column."""

    source: str


@dataclass(frozen=True, slots=True)
class Mask:
    """The mask ``kind`` of the value's text. With ``held`` the source holds masks: any other value is an error."""

    name: str
    source: str
    kind: MaskKind
    held: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """The first ``length`` characters (code points) of the value's text."""

    name: str
    source: str
    length: int


@dataclass(frozen=True, slots=True)
class Round:
    """The multiple of ``unit`` that is nearest to a number; of two equally near ones the larger. Text is an error."""

    name: str
    source: str
    unit: int


@dataclass(frozen=True, slots=True)
class Generalize:
    """The label at ``level`` of ``hierarchy`` for the value's text, from the hook; a value without one is an error."""

    name: str
    source: str
    hierarchy: str
    level: int


@dataclass(frozen=True, slots=True)
class Recode:
    """Several columns at once, from the hook: the labels of a tuple of values, or none, and then the row is dropped."""

    names: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pseudonymize:
    """The pseudonym of a text, from the hook: 32 lower-case hexadecimal digits. Anything but text is an error."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Redact:
    """The value's text, or the note ``〔文本未提供〕`` where something in it looks like an identifier."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Suppress:
    """Null in every row."""

    name: str
    source: str


Step = Keep | Drop | Mask | Cut | Round | Generalize | Recode | Pseudonymize | Redact | Suppress
_OPS: Mapping[str, type[Any]] = {kind.__name__.lower(): kind for kind in get_args(Step)}


@dataclass(frozen=True, slots=True)
class Program:
    """Steps in order, the columns of the result in order, and whether rows are put in order of their values.

    ``ordered``: rows are sorted by all columns of the result from the first on, null last, so that their place says
    nothing about who they are. Otherwise rows keep their order.
    """

    steps: tuple[Step, ...]
    columns: tuple[str, ...]
    ordered: bool = False

    def __post_init__(self) -> None:
        made = [name for step in self.steps for name in _names(step)]
        if len(set(made)) != len(made) or set(made) != set(self.columns) or len(made) != len(self.columns):
            raise PlanError("The steps of a program make each of its columns, once, and no other.")
        dropped = {step.source for step in self.steps if isinstance(step, Drop)}
        if dropped & set(self.sources):
            raise PlanError("A dropped column is read by another step.")
        for step in self.steps:
            problem = _step_problem(step)
            if problem:
                raise PlanError(f"A step of the program: {problem}.")

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the columns that are read, each once, in the order of the steps."""
        return tuple(dict.fromkeys(source for step in self.steps for source in _sources(step)))

    @property
    def pseudonymous(self) -> bool:
        """Say whether the hook for pseudonyms is needed."""
        return any(isinstance(step, Pseudonymize) for step in self.steps)

    def to_json(self) -> dict[str, object]:
        """Return the program as JSON values: of each step its name in ``op``, and its members."""
        steps = [{"op": type(step).__name__.lower(), **_listed(asdict(step))} for step in self.steps]
        return {"steps": steps, "columns": list(self.columns), "ordered": self.ordered}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Program:
        """Return what ``to_json`` wrote. Raises ``PlanError`` for anything that it would not have written."""
        if set(value) != {"steps", "columns", "ordered"}:
            raise PlanError("A program has steps, columns and ordered, and nothing else.")
        if not isinstance(value["steps"], list) or not _texts(value["columns"]) or type(value["ordered"]) is not bool:
            raise PlanError("A program has a list of steps, a list of names, and true or false.")
        return cls(tuple(_step(item) for item in value["steps"]), tuple(value["columns"]), value["ordered"])

    def sha256(self) -> str:
        """Return the SHA-256 of the canonical form (RFC 8785), hexadecimal."""
        return hashlib.sha256(rfc8785.dumps(self.to_json())).hexdigest()  # type: ignore[arg-type]  # JSON values


def compile_plan(plan: Plan, heights: Mapping[str, int] | None = None) -> Program:
    """Return the program of ``plan``; where classes are measured, quasi-identifiers are recoded by the decision.

    ``heights`` (hierarchy → number of levels) is needed for columns of level ``None`` outside a measured plan only.
    Raises ``PlanError`` for a column without a level there.
    """
    recoded = plan.quasi if plan.k is not None else ()
    steps: list[Step] = []
    if recoded:
        steps.append(Recode(tuple(c.name for c in recoded), tuple(c.source for c in recoded)))
    names = {column.name for column in recoded}
    steps += [_compiled(column, heights or {}) for column in plan.columns if column.name not in names]
    return Program(tuple(steps), plan.names, ordered=plan.level == "anonymous")


def _compiled(column: PlanColumn, heights: Mapping[str, int]) -> Step:  # noqa: PLR0911  one return for each operation
    name, source = column.name, column.source
    match column.operation:
        case "keep":
            return Keep(name, source)
        case "mask":
            return Mask(name, source, MASKED_COLUMNS[source], held=True)
        case "cut" if column.length is not None:
            return Cut(name, source, column.length)
        case "round" if column.unit is not None:
            return Round(name, source, column.unit)
        case "generalize" if column.hierarchy is not None:
            level = column.fixed_level
            if level is None and column.hierarchy in heights:
                level = heights[column.hierarchy] - 1
            if level is not None:
                return Generalize(name, source, column.hierarchy, level)
        case "pseudonymize":
            return Pseudonymize(name, source)
        case "redact":
            return Redact(name, source)
        case "suppress":
            return Suppress(name, source)
        case _:
            pass
    raise PlanError(f"The column '{name}' cannot be compiled: its operation '{column.operation}' lacks a parameter.")


def _names(step: Step) -> tuple[str, ...]:
    match step:
        case Recode():
            return step.names
        case Drop():
            return ()
        case _:
            return (step.name,)


def _sources(step: Step) -> tuple[str, ...]:
    match step:
        case Recode():
            return step.sources
        case Drop() | Suppress():
            return ()
        case _:
            return (step.source,)


def _step_problem(step: Step) -> str | None:
    match step:
        case Cut() if step.length < 1:
            return "nothing is left of a cut to less than one character"
        case Round() if step.unit < 1:
            return "numbers are rounded to a multiple of 1 or more"
        case Generalize() if step.level < 0:
            return "levels count from 0"
        case Recode() if len(step.names) != len(step.sources) or not step.names:
            return "recoded columns have a source each"
        case Mask() if step.kind not in get_args(MaskKind):
            return f"there is no mask '{step.kind}'"
        case _:
            return None


def _step(item: object) -> Step:
    if not isinstance(item, dict) or item.get("op") not in _OPS:
        raise PlanError(f"A step is one of {', '.join(_OPS)}.")
    kind = _OPS[item["op"]]
    members = {name: tuple(value) if isinstance(value, list) else value for name, value in item.items() if name != "op"}
    known = {member.name: member.type for member in fields(kind)}
    if set(members) != set(known):
        raise PlanError(f"The step '{item['op']}' has the members {', '.join(known)}, and no other.")
    for name, value in members.items():
        expected = {"str": str, "MaskKind": str, "int": int, "bool": bool}.get(str(known[name]))
        fits = _texts(value) if expected is None else type(value) is expected
        if not fits:
            raise PlanError(f"The member '{name}' of the step '{item['op']}' is of another type.")
    made: Step = kind(**members)
    return made


def _texts(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(item, str) for item in value)


def _listed(members: Mapping[str, object]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in members.items()}
