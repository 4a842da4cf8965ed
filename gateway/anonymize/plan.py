"""The release plan: one frozen value that says how each column leaves, and under which limits (design 6).

It holds no key. Its hash is what approvers see, what the grant's dry run pins and what the report names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import rfc8785

from core_registry.sharing import SHARING_COLUMNS
from gateway.anonymize.errors import PlanError
from gateway.articles import keeps
from rulebook.columns import CASE_LIST_ROWS, NUMBER_COLUMNS, TEXT_COLUMNS
from rulebook.records import ModelDemand, Objective, Operation, ProfileField, Recoding, ReleaseProfile

Role = Literal["direct", "quasi", "sensitive", "ordinary"]
PlanLevel = Literal["anonymous", "pseudonymous", "masked", "match"]
HeldMask = Literal["name", "id_number", "phone", "address"]
"""Masks of which the sharing view has columns: kinds of ``gateway.anonymize.masks``."""

MASKED_COLUMNS: Mapping[str, HeldMask] = {
    "name_masked": "name",
    "guardian_name_masked": "name",
    "id_number_masked": "id_number",
    "phone_masked": "phone",
    "address_masked": "address",
}
"""Columns that the sharing view holds masked already -> the mask whose shape they must have."""
LEAST_K = 2
PAIR = "@"
"""In a source that stands on two columns, and between their values: ``school_code@school_division``."""
_SEARCHED = frozenset({"keep", "cut", "generalize"})
"""What may be done to a quasi-identifier whose classes are measured: operations with a ladder."""
_LEVEL_WORDS = {
    "anonymous": ("匿名", "anonymous"),
    "pseudonymous": ("去标识", "pseudonymous"),
    "masked": ("脱敏", "masked"),
    "match": ("比对回填", "match of the recipient's list"),
}
_MASK_WORDS = {
    "name": ("掩码：只显示姓，如 王**", "masked: the surname only, like 王**"),
    "id_number": ("掩码：最多显示前四位数字", "masked: at most the first four digits"),
    "phone": ("掩码：最多显示前三位数字", "masked: at most the first three digits"),
    "address": ("掩码：最多显示到县（市、区）", "masked: at most down to the county"),
}
_OBJECTIVE_WORDS = {
    "loss": ("信息损失最小", "least information loss"),
    "discernibility": ("可区分度代价最小", "least discernibility cost"),
    "entropy": ("信息熵损失最小", "least loss of entropy"),
}
_ROLE_WORDS = {
    "direct": ("直接标识符", "direct identifier"),
    "quasi": ("准标识符", "quasi-identifier"),
    "sensitive": ("敏感", "sensitive"),
    "ordinary": ("一般", "ordinary"),
}


@dataclass(frozen=True, slots=True)
class PlanColumn:
    """One column that leaves: its name in the file, where it comes from, what it is and what is done to it."""

    name: str
    source: str
    label: str
    role: Role
    operation: Operation
    hierarchy: str | None = None
    fixed_level: int | None = None
    length: int | None = None
    unit: int | None = None
    level_words: tuple[str, str] | None = None
    """What the fixed level is, in Chinese and English."""

    def words(self) -> tuple[str, str]:
        """Return what happens to the column, in Chinese and in English."""
        done = self._done()
        role = _ROLE_WORDS[self.role]
        return (f"{self.label}（{self.name}，{role[0]}）：{done[0]}", f"{self.name} ({role[1]}): {done[1]}")

    def _done(self) -> tuple[str, str]:  # noqa: PLR0911  one return for each operation
        match self.operation:
            case "keep":
                return ("原样", "as it is")
            case "mask":
                return _MASK_WORDS[MASKED_COLUMNS[self.source]]
            case "cut":
                return (f"只留前 {self.length} 个字符", f"the first {self.length} characters only")
            case "generalize":
                zh, en = ("级别由搜索选定", "level by search")
                if self.fixed_level is not None:
                    zh, en = (f"第 {self.fixed_level} 级", f"level {self.fixed_level}")
                    if self.level_words is not None:
                        zh, en = (f"{zh}（{self.level_words[0]}）", f"{en} ({self.level_words[1]})")
                return (f"按层级“{self.hierarchy}”泛化，{zh}", f"generalised by '{self.hierarchy}', {en}")
            case "pseudonymize":
                return ("替换为本接收方、本项目专用的假名", "replaced by a pseudonym of this recipient and project")
            case "round":
                return (f"取整到 {self.unit} 的倍数", f"rounded to a multiple of {self.unit}")
            case "redact":
                return (
                    "疑似含身份信息的文本整段不提供",
                    "texts in which something looks like an identifier are withheld whole",
                )
            case "suppress":
                return ("整列留空", "the column is left empty")
            case "drop":
                return ("不提供", "not given")


@keeps("A50-8")
@dataclass(frozen=True, slots=True)
class Plan:
    """What leaves and how. ``columns`` are in the order of the file; dropped ones are not among them."""

    level: PlanLevel
    profile: str
    columns: tuple[PlanColumn, ...]
    k: int | None
    l_diversity: int | None
    suppression_limit: float
    row_cap: int
    retention_days: int
    rulebook_sha256: str
    t_closeness: float | None = None
    objective: Objective = "loss"
    recoding: Recoding = "global"
    demands: tuple[ModelDemand, ...] = ()
    """Of sensitive columns, by name of the plan, beyond ``l_diversity`` and ``t_closeness``."""
    longitudinal: bool = False
    """Whether every extract of the grant has the same pseudonyms."""

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise PlanError(
                f"Plan of profile '{self.profile}': {problem[1]}", detail_zh=f"方案 {self.profile}：{problem[0]}"
            )

    @classmethod
    def of(
        cls, profile: ReleaseProfile, fields: Sequence[str], rulebook_sha256: str, *, matching: bool = False
    ) -> Plan:
        """Return the plan for ``fields`` (names of the profile) in the order of the profile.

        Raises ``PlanError`` for a field outside the profile (A50-9), for no field at all, for a level without
        rows of its own (check, statistics, and match unless the recipient's list is at hand: ``matching``), and for
        whatever the level does not allow.
        """
        outside = sorted(set(fields) - {field.name for field in profile.fields})
        if outside:
            raise PlanError(
                f"The profile '{profile.code}' has no field {', '.join(outside)}.",
                detail_zh=f"方案 {profile.code} 不含字段 {'、'.join(outside)}。",
                rule="A50-9",
                missing=tuple(outside),
            )
        level = _row_level(profile, matching=matching)
        asked = set(fields)
        columns = [_column(field) for field in profile.fields if field.name in asked and field.operation != "drop"]
        return cls(
            level=level,
            profile=profile.code,
            columns=tuple(columns),
            k=profile.k,
            l_diversity=profile.l_diversity,
            suppression_limit=profile.suppression_limit,
            row_cap=profile.row_cap,
            retention_days=profile.retention_days,
            rulebook_sha256=rulebook_sha256,
            t_closeness=profile.t_closeness,
            objective=profile.objective,
            recoding=profile.recoding,
            demands=tuple(demand for demand in profile.demands if demand.column in {column.name for column in columns}),
            # without a pseudonym among the fields there is nothing to follow
            longitudinal=profile.longitudinal and any(column.operation == "pseudonymize" for column in columns),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns of the file, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the columns of the sharing view that the plan reads, each once."""
        return tuple(dict.fromkeys(column.source for column in self.columns))

    @property
    def quasi(self) -> tuple[PlanColumn, ...]:
        """Return the quasi-identifiers."""
        return tuple(column for column in self.columns if column.role == "quasi")

    @property
    def sensitive(self) -> tuple[PlanColumn, ...]:
        """Return the sensitive columns."""
        return tuple(column for column in self.columns if column.role == "sensitive")

    @property
    def demanded(self) -> tuple[ModelDemand, ...]:
        """Return all that is demanded of sensitive columns: the plan's own l and t, and what goes beyond them.

        Where both speak of one thing, the stricter bound holds. Columns of which nothing is demanded are left out.
        """
        own = {demand.column: demand for demand in self.demands}
        found = []
        for column in self.sensitive:
            demand = own.get(column.name, ModelDemand(column.name))
            least = [bound for bound in (self.l_diversity, demand.distinct_l) if bound is not None]
            most = [bound for bound in (self.t_closeness, demand.t) if bound is not None]
            found.append(replace(demand, distinct_l=max(least, default=None), t=min(most, default=None)))
        return tuple(demand for demand in found if demand != ModelDemand(demand.column))

    @property
    def pseudonymous(self) -> bool:
        """Say whether a pseudonym leaves, so that a key is needed."""
        return any(column.operation == "pseudonymize" for column in self.columns)

    @property
    def tuple_sources(self) -> tuple[str, ...]:
        """Return the columns whose distinct tuples the choice of levels needs; empty without a demanded ``k``."""
        if self.k is None:
            return ()
        return tuple(dict.fromkeys(column.source for column in (*self.quasi, *self.sensitive)))

    def canonical(self) -> bytes:
        """Return the plan as canonical JSON (RFC 8785), UTF-8."""
        encoded: bytes = rfc8785.dumps({**asdict(self), "columns": [asdict(column) for column in self.columns]})
        return encoded

    def sha256(self) -> str:
        """Return the SHA-256 of the canonical form, hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def words(self) -> tuple[tuple[str, str], ...]:
        """Return the plan in words for approvers, line by line: Chinese and English."""
        level = _LEVEL_WORDS[self.level]
        lines = [(f"级别：{level[0]}；方案：{self.profile}", f"Level: {level[1]}; profile: {self.profile}")]
        lines += [column.words() for column in self.columns]
        lines += self._measured_words()
        if self.pseudonymous:
            lines.append(
                (
                    "同一授权的各次提取使用同一假名，接收方可跟踪同一学生；授权结束即销毁密钥",
                    "Pseudonyms stay the same in all extracts of the grant, so that the recipient can follow a pupil; "
                    "the key is destroyed at the end of the grant",
                )
                if self.longitudinal
                else (
                    "每次提取使用各自的假名，各次提取之间不能关联；授权结束即销毁密钥",
                    "Pseudonyms of each extract are its own: extracts cannot be joined; keys are destroyed at the end "
                    "of the grant",
                )
            )
        lines.append(
            (
                f"最多 {self.row_cap} 行；接收方须在 {self.retention_days} 天内销毁",
                f"At most {self.row_cap} rows; to be destroyed by the recipient within {self.retention_days} days",
            )
        )
        if self.level != "anonymous":
            lines.append(
                (
                    "结果仍属个人信息（个人信息保护法第七十三条）",
                    "The result remains personal information (PIPL art. 73)",
                )
            )
        return tuple(lines)

    def _measured_words(self) -> list[tuple[str, str]]:
        """Return what is measured and searched, in words; nothing without a demanded ``k``."""
        if self.k is None:
            return []
        share = f"{self.suppression_limit:.1%}"
        lines = [
            (
                f"每一等价类至少 {self.k} 人；最多抑制 {share} 的行",
                f"At least {self.k} rows in each class; at most {share} of the rows suppressed",
            )
        ]
        if self.l_diversity is not None and self.sensitive:
            lines.append(
                (
                    f"每一等价类中每个敏感属性至少 {self.l_diversity} 个不同取值",
                    f"At least {self.l_diversity} different values of each sensitive column in each class",
                )
            )
        if self.t_closeness is not None and self.sensitive:
            lines.append(
                (
                    f"敏感属性分布与总体的差距不超过 {self.t_closeness}",
                    f"Distribution of sensitive columns within {self.t_closeness} of the whole",
                )
            )
        lines += [_demand_words(demand) for demand in self.demands]
        goal = _OBJECTIVE_WORDS[self.objective]
        way = ("各部分可用不同级别", "parts may have levels of their own")
        if self.recoding == "global":
            way = ("所有行用同一级别", "one choice of levels for all rows")
        lines.append((f"级别按{goal[0]}选取；{way[0]}", f"Levels are chosen for {goal[1]}; {way[1]}"))
        return lines


def _demand_words(demand: ModelDemand) -> tuple[str, str]:
    zh: list[str] = []
    en: list[str] = []
    if demand.distinct_l is not None:
        zh.append(f"至少 {demand.distinct_l} 个不同取值")
        en.append(f"at least {demand.distinct_l} different values")
    if demand.entropy_l is not None:
        zh.append(f"熵 l 多样性 {demand.entropy_l:g}")
        en.append(f"entropy l-diversity of {demand.entropy_l:g}")
    if demand.recursive is not None:
        c, size = demand.recursive
        zh.append(f"递归 (c, l) 多样性 ({c:g}, {size})")
        en.append(f"recursive (c, l)-diversity ({c:g}, {size})")
    if demand.t is not None:
        tree = (f"（按层级“{demand.t_tree}”）", f" along '{demand.t_tree}'") if demand.t_tree else ("", "")
        zh.append(f"与总体分布的差距不超过 {demand.t:g}{tree[0]}")
        en.append(f"within {demand.t:g} of the whole{tree[1]}")
    if demand.alpha is not None:
        zh.append(f"单一取值占比不超过 {demand.alpha:.1%}")
        en.append(f"no value in more than {demand.alpha:.1%} of the rows")
    return (f"每一等价类中 {demand.column}：{'、'.join(zh)}", f"{demand.column} in each class: {', '.join(en)}")


def _row_level(profile: ReleaseProfile, *, matching: bool) -> PlanLevel:
    match profile.level:
        case "match" as level if matching:
            return level
        case "anonymous" | "pseudonymous" | "masked" as level:
            return level
        case _:
            raise PlanError(
                f"The profile '{profile.code}' is of level '{profile.level}': no rows leave under it.",
                detail_zh=f"方案 {profile.code} 的级别为 {profile.level}，不提供数据行。",
            )


def _column(field: ProfileField) -> PlanColumn:
    return PlanColumn(
        field.name,
        field.column,
        field.label,
        field.role,
        field.operation,
        field.hierarchy,
        field.level,
        field.length,
        field.unit,
        field.level_words,
    )


def _problem(plan: Plan) -> tuple[str, str] | None:  # noqa: PLR0911, PLR0912  one return for each rule
    """Return what is wrong with the plan as a whole, in Chinese and English; ``None`` when nothing is."""
    if not plan.columns:
        return ("没有任何字段", "no field would leave; name at least one")
    if len(set(plan.names)) != len(plan.names):
        return ("字段名重复", "two columns have one name")
    if not 0 <= plan.suppression_limit <= 1:
        return ("抑制比例应在 0 到 1 之间", "the suppression limit lies between 0 and 1")
    if plan.row_cap < 1:
        return ("行数上限至少为 1", "the row cap is at least 1")
    if plan.t_closeness is not None and not 0 <= plan.t_closeness <= 1:
        return ("t 应在 0 到 1 之间", "t lies between 0 and 1")
    if plan.k is not None and plan.k < LEAST_K:
        return ("k 至少为 2", "k is at least 2")
    if plan.k is None and (
        plan.level == "anonymous" or plan.l_diversity is not None or plan.t_closeness is not None or plan.demands
    ):
        return ("必须给出 k", "k must be given")
    if plan.level == "masked" and plan.row_cap > CASE_LIST_ROWS:
        return (
            f"脱敏级别仅限个案名单，行数上限不得超过 {CASE_LIST_ROWS}",
            f"masks are for case lists: the row cap is at most {CASE_LIST_ROWS}",
        )
    if plan.longitudinal and not plan.pseudonymous:
        return ("没有假名，无从跟踪", "without a pseudonym nothing can be longitudinal")
    demanded = [demand.column for demand in plan.demands]
    if len(set(demanded)) != len(demanded):
        return ("同一字段有两项要求", "two demands are of one column")
    if not set(demanded) <= {column.name for column in plan.sensitive}:
        return ("要求只能针对敏感字段", "a demand is of a sensitive column of the plan only")
    if plan.t_closeness is not None and any(demand.t_tree is not None for demand in plan.demands):
        return ("t_closeness 与 t_tree 不能并用", "t_closeness is of equal distances: leave it out beside a tree for t")
    if plan.level == "anonymous" and not plan.quasi:
        return ("没有准标识符，无从度量 k", "without a quasi-identifier nothing can be measured; add one")
    for column in plan.columns:
        problem = _column_problem(plan, column)
        if problem:
            return (f"字段 {column.name} {problem[0]}", f"the column '{column.name}' {problem[1]}")
    return None


def _column_problem(plan: Plan, column: PlanColumn) -> tuple[str, str] | None:  # noqa: PLR0911, PLR0912  one return for each rule
    """Return what is wrong with a column at the level of its plan; the rules of design 5 and 6."""
    if any(held not in SHARING_COLUMNS for held in column.source.split(PAIR)):
        return ("不在共享视图中", "does not come from the sharing view")
    if PAIR in column.source and column.operation != "generalize":
        return ("由两列组成，只能泛化", "stands on two columns, so it can only be generalised")
    match column.operation:
        case "drop":
            return ("不离开，不应列入", "is dropped, so it has no place in a plan")
        case "mask" if column.source not in MASKED_COLUMNS:
            return ("不是掩码列", "is not held masked")
        case "mask" if plan.level != "masked":
            return ("掩码仅限脱敏级别", "is masked: that is for the level 'masked' only")
        case "pseudonymize" if column.source != "subject_ref":
            return ("假名只能由 subject_ref 生成", "cannot be a pseudonym: only subject_ref can")
        case "pseudonymize" if plan.level != "pseudonymous":
            return ("假名仅限去标识级别", "is a pseudonym: that is for the level 'pseudonymous' only")
        case "cut" if not column.length or column.length < 1:
            return ("未给出截取长度", "is cut to no length")
        case "cut" if SHARING_COLUMNS[column.source] not in {"text", "date"}:
            return ("不是文本，不能截取", "is no text, so it cannot be cut")
        case "round" if column.source not in NUMBER_COLUMNS:
            return ("不是数值，不能取整", "holds no numbers, so it cannot be rounded")
        case "round" if not column.unit or column.unit <= 1:
            return ("未给出取整单位", "is rounded to no unit")
        case "redact" if column.source not in TEXT_COLUMNS:
            return ("不是自由文本", "is no free text")
        case "generalize" if column.hierarchy is None:
            return ("未指定层级", "is generalised by no hierarchy")
        case "generalize" if column.fixed_level is None and (plan.k is None or column.role != "quasi"):
            return ("须给定泛化级别", "needs a fixed level: the search chooses for quasi-identifiers under k only")
        case _:
            pass
    if column.operation == "suppress" and column.role != "quasi":
        return None  # nothing of it leaves
    if column.source in MASKED_COLUMNS and column.operation != "mask":
        return ("只能以掩码离开", "can leave by 'mask' only")
    if column.source == "subject_ref" and column.operation != "pseudonymize":
        return ("只能以假名离开", "can leave as a pseudonym only")
    if column.source in TEXT_COLUMNS and column.operation != "redact":
        return ("自由文本只能经 redact 离开", "is free text: it can leave by 'redact' only")
    if plan.k is not None and column.role == "quasi" and column.operation not in _SEARCHED:
        return (
            "度量 k 时只能原样、截取或泛化",
            "can only be kept, cut or generalised where classes are measured",
        )
    if plan.level == "anonymous" and (column.role == "direct" or column.source in TEXT_COLUMNS):
        return ("不得进入匿名结果", "has no place in an anonymous release")
    if plan.level != "anonymous" and _full_birth_date(column):
        return ("不得提供完整出生日期", "would give the full birth date; generalise it to the month at least")
    return None


def _full_birth_date(column: PlanColumn) -> bool:
    month = len("2015-03")
    match column.operation:
        case "generalize":
            return column.source == "birth_date" and not column.fixed_level
        case "cut":
            return column.source == "birth_date" and (column.length or 0) > month
        case _:
            return column.source == "birth_date"
