"""From the text of a plan to the plan: every problem with the place where it stands, in both languages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.anonymize.tables.errors import Problem, TableFileError, TablePlanError
from gateway.anonymize.tables.nearness import did_you_mean
from gateway.anonymize.tables.plan import (
    Alpha,
    DeltaPresence,
    DistinctL,
    EntropyL,
    KAnonymity,
    RecursiveCL,
    TableColumn,
    TablePlan,
    TEqual,
    THierarchical,
)

_MOST_BYTES = 64 << 20
_KINDS: dict[str, type[BaseModel]] = {
    "k": KAnonymity,
    "distinct-l": DistinctL,
    "entropy-l": EntropyL,
    "recursive-cl": RecursiveCL,
    "t-equal": TEqual,
    "t-hierarchical": THierarchical,
    "alpha": Alpha,
    "delta-presence": DeltaPresence,
}
_FORMS = (
    'a file name, a name of config/hierarchies, {"file", "separator"}, {"levels", "table"}, '
    '{"interval": [5, 10]}, {"prefix": [6, 4]} or {"date": ["month", "year"]}'
)
Place = tuple[str | int, ...]


def read_plan(path: Path) -> TablePlan:
    """Return the plan of a JSON file. Raises ``TableFileError`` when it cannot be read, else as ``parse``."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TableFileError(
            f"The plan {path} cannot be read: {error.strerror}.",
            detail_zh=f"方案文件 {path} 无法读取：{error.strerror}。",
        ) from error
    return parse(content)


def parse(content: bytes | str) -> TablePlan:
    """Return the plan of a JSON text. Raises ``TablePlanError`` with all that is wrong in it."""
    document = _document(content)
    try:
        plan = TablePlan.model_validate(document)
    except ValidationError as error:
        raise TablePlanError(list(_problems(error, document))) from error
    problems = list(_contradictions(plan))
    if problems:
        raise TablePlanError(problems)
    return plan


def pointer(*place: str | int) -> str:
    """Return the JSON pointer of a place (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)


def _document(content: bytes | str) -> object:
    if len(content) > _MOST_BYTES:
        raise TablePlanError([Problem("", "The plan is larger than 64 MB.", "方案超过 64 MB。")])
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
        found: object = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise TablePlanError(
            [Problem("", "The plan is not UTF-8; save it as UTF-8.", "方案不是 UTF-8 编码。")]
        ) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise TablePlanError(
            [
                Problem(
                    "",
                    f"The plan is no JSON ({place}): {error.msg}.",
                    f"方案不是合法 JSON（第 {error.lineno} 行第 {error.colno} 列）。",
                )
            ]
        ) from error
    except RecursionError as error:
        raise TablePlanError([Problem("", "The plan is nested too deeply.", "方案嵌套过深。")]) from error
    if not isinstance(found, dict):
        raise TablePlanError([Problem("", "The plan is a JSON object.", "方案应为 JSON 对象。")])
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise TablePlanError(
                [Problem("", f"The member '{name}' stands twice in one object; keep one.", f"成员“{name}”重复出现。")]
            )
        found[name] = value
    return found


def _no_constant(name: str) -> None:
    raise TablePlanError([Problem("", f"{name} is no number of JSON.", f"{name} 不是合法数值。")])


# -- what pydantic found, at its place in the document


def _problems(error: ValidationError, document: object) -> Iterator[Problem]:
    seen: set[str] = set()
    for one in error.errors(include_url=False, include_input=False):
        place = _place(one["loc"], document)
        if _is_hierarchy(place):
            place = place[: place.index("hierarchy") + 1]
            problem = Problem(pointer(*place), f"a hierarchy is {_FORMS}", f"层级可写为：{_FORMS}")
        else:
            problem = _problem(one["type"], one["msg"], one.get("ctx", {}), place, document)
        if problem.pointer + problem.detail not in seen:
            seen.add(problem.pointer + problem.detail)
            yield problem


def _place(loc: Sequence[str | int], document: object) -> Place:
    """Return ``loc`` without the steps that are pydantic's own (names of a union's members)."""
    if loc[0] == "models":
        loc = (*loc[:2], *loc[3:])  # the kind of the model stands between
    here, place = document, []
    for position, step in enumerate(loc):
        last = position == len(loc) - 1
        if isinstance(here, list) and isinstance(step, int):
            here = here[step] if step < len(here) else None
        elif isinstance(here, dict) and isinstance(step, str) and (step in here or last):
            here = here.get(step)
        else:
            continue
        place.append(step)
    return tuple(place)


def _is_hierarchy(place: Place) -> bool:
    return "hierarchy" in place and place[0] in {"columns", "models"}


def _problem(  # noqa: PLR0911  one return for each kind
    kind: str, message: str, context: dict[str, Any], place: Place, document: object
) -> Problem:
    where = pointer(*place)
    match kind:
        case "extra_forbidden":
            name = str(place[-1])
            known = _known_members(place[:-1], document)
            near, near_zh = did_you_mean(name, known)
            listed = ", ".join(known)
            return Problem(
                where, f"unknown member{near} (members here: {listed})", f"未知成员{near_zh}（可用：{listed}）"
            )
        case "missing":
            return Problem(where, "is missing; add it", "缺少此成员，请补充")
        case "union_tag_invalid":
            near, near_zh = did_you_mean(str(context.get("tag", "")).strip("'"), list(_KINDS))
            kinds = ", ".join(_KINDS)
            return Problem(
                where + "/kind", f"unknown kind{near} (kinds: {kinds})", f"未知的模型{near_zh}（可用：{kinds}）"
            )
        case "union_tag_not_found":
            return Problem(where, f"needs a 'kind': {', '.join(_KINDS)}", f"须有 kind：{', '.join(_KINDS)}")
        case "literal_error":
            expected = context.get("expected", "")
            return Problem(where, f"must be one of {expected}", f"应为 {expected} 之一")
        case "int_type" | "int_from_float":
            return Problem(where, "must be a whole number", "应为整数")
        case "float_type":
            return Problem(where, "must be a number", "应为数值")
        case "string_type":
            return Problem(where, "must be a text", "应为文本")
        case "too_short" | "string_too_short":
            return Problem(where, "must not be empty", "不能为空")
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            sign, bound = next(
                (sign, context[name])
                for name, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))
                if name in context
            )
            return Problem(where, f"must be {sign} {bound}", f"应 {sign} {bound}")
        case _:
            return Problem(where, message.lower(), f"格式有误：{message}")


def _known_members(place: Place, document: object) -> list[str]:
    if not place:
        return [field.alias or name for name, field in TablePlan.model_fields.items()]
    if place[0] == "columns":
        return list(TableColumn.model_fields)
    here: Any = document
    for step in place:
        here = here[step]
    kind = here.get("kind") if isinstance(here, dict) else None
    return list(_KINDS[kind].model_fields) if kind in _KINDS else []


# -- what contradicts itself


def _contradictions(plan: TablePlan) -> Iterator[Problem]:
    for name, column in plan.columns.items():
        yield from _column_problems(name, column)
    if not plan.named("quasi"):
        yield Problem(
            "/columns",
            "no column has the role 'quasi', so there is nothing to measure; "
            "name the columns by which a person can be recognised",
            "没有角色为 quasi 的列，无从度量；请指明可据以识别个人的列",
        )
    yield from _model_problems(plan)
    if plan.recoding == "local":
        if plan.objective != "loss":
            yield Problem(
                "/objective", "local recoding makes the Loss smallest; take 'loss'", "局部重编码只能以 loss 为目标"
            )
        if plan.presence:
            yield Problem(
                pointer("models", plan.models.index(plan.presence)),
                "δ-presence is about levels that hold for everybody; take the recoding 'global'",
                "δ-存在性要求全表统一的概化级别；请改用 global",
            )
    if plan.presence and plan.population and plan.population != plan.presence.population:
        yield Problem("/population", "differs from that of delta-presence; give one", "与 delta-presence 的总体不同")


def _column_problems(name: str, column: TableColumn) -> Iterator[Problem]:
    where = ("columns", name)
    if column.role == "quasi":
        if column.operation is not None:
            yield Problem(
                pointer(*where, "operation"),
                "a quasi-identifier is generalised; for a cut take the hierarchy {\"prefix\": [length]} and a 'level'",
                '准标识符只能泛化；如需截取，请用层级 {"prefix": [长度]} 并给出 level',
            )
    else:
        for member in ("hierarchy", "level"):
            if getattr(column, member) is not None:
                yield Problem(
                    pointer(*where, member),
                    f"belongs to the role 'quasi', not to '{column.role}'",
                    f"仅用于角色 quasi，不用于 {column.role}",
                )
    needs = {"mask": "kind", "cut": "length", "round": "to"}
    for operation, member in needs.items():
        given = getattr(column, member) is not None
        if given != (column.does == operation):
            yield (
                Problem(pointer(*where, member), f"belongs to the operation '{operation}'", f"仅用于操作 {operation}")
                if given
                else Problem(
                    pointer(*where),
                    f"the operation '{operation}' needs '{member}'",
                    f"操作 {operation} 须给出 {member}",
                )
            )
    if column.role == "direct" and column.does in {"keep", "cut", "round"}:
        yield Problem(
            pointer(*where, "operation"),
            f"a direct identifier never leaves by '{column.does}'; take drop, mask, suppress or pseudonymize",
            f"直接标识符不能以 {column.does} 方式离开；可用 drop、mask、suppress、pseudonymize",
        )
    if column.role == "sensitive" and column.does in {"mask", "pseudonymize"}:
        yield Problem(
            pointer(*where, "operation"),
            f"'{column.does}' is for identifiers; if the column is one, its role is 'direct'",
            f"{column.does} 用于标识符；若该列是标识符，角色应为 direct",
        )


def _model_problems(plan: TablePlan) -> Iterator[Problem]:
    seen: dict[tuple[str, str], int] = {}
    for position, model in enumerate(plan.models):
        column = getattr(model, "column", "")
        kind = "t" if model.kind in {"t-equal", "t-hierarchical"} else model.kind
        first = seen.setdefault((kind, column), position)
        if first != position:
            of = f" of '{column}'" if column else ""
            yield Problem(
                pointer("models", position),
                f"repeats the demand '{kind}'{of} of {pointer('models', first)}; keep the stricter",
                f"与 {pointer('models', first)} 的要求重复；只留较严的一项",
            )
        if isinstance(model, DeltaPresence) and model.low > model.high:
            yield Problem(pointer("models", position, "low"), "must not be above 'high'", "不得大于 high")
        if not column:
            continue
        where = pointer("models", position, "column")
        if column not in plan.columns:
            near, near_zh = did_you_mean(column, list(plan.named("sensitive")) or list(plan.columns))
            yield Problem(
                where,
                f"'{column}' is not among the plan's columns{near}; add it with the role 'sensitive'",
                f"“{column}”不在方案的列中{near_zh}；请以角色 sensitive 列入",
            )
        elif plan.columns[column].role != "sensitive":
            role = plan.columns[column].role
            yield Problem(
                where,
                f"'{column}' has the role '{role}'; this model is about a column with the role 'sensitive'",
                f"“{column}”的角色是 {role}；此模型针对角色为 sensitive 的列",
            )
        elif plan.columns[column].does in {"drop", "suppress"}:
            yield Problem(
                where,
                f"nothing of '{column}' leaves; drop the model or keep the column",
                f"“{column}”不离开；请删去此模型或保留该列",
            )
