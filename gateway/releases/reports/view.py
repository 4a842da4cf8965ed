"""A release report as sections of facts and tables in two languages: what its page and its PDF set in type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.releases.reports import words
from gateway.releases.reports.drawings import Drawing, pictures
from gateway.releases.reports.words import Words, percent, word

_NONE = "—"


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what it is called, and its value as text."""

    zh: str
    en: str
    value: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings; ``numeric`` are the places of columns that are set to the right."""

    heads: tuple[Words, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with facts, a table and remarks, each of which may be empty."""

    zh: str
    en: str
    facts: tuple[Fact, ...] = ()
    table: Table | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """A whole report, ready to be set in type."""

    title: str
    subtitle: str
    numbers: tuple[Fact, ...]
    drawings: tuple[Drawing, ...]
    sections: tuple[Section, ...] = field(default=())


def view_of(report: Mapping[str, Any], purposes: Mapping[str, str] | None = None) -> View:
    """Return the view of a release report as JSON; ``purposes`` gives the words for purpose codes.

    Members that an older report or another level has not are left out.
    """
    level = word(words.LEVELS, report["level"])
    sections = (
        _who(report, purposes or {}),
        _models(report),
        _risks(report),
        _columns(report),
        _suppressed(report),
        _earlier(report),
        _scan(report),
        _pinned(report),
    )
    return View(
        title=f"数据提供报告（{level[0]}）",
        subtitle=f"Release report, {level[1]} · {report.get('extract', '')}",
        numbers=_numbers(report),
        drawings=pictures(report),
        sections=tuple(section for section in sections if section is not None),
    )


def _numbers(report: Mapping[str, Any]) -> tuple[Fact, ...]:
    found = [
        Fact("提供行数", "rows", f"{report['rows_out']:,}"),
        Fact("隐去行数", "suppressed", f"{report['rows_suppressed']:,}"),
    ]
    if after := report.get("after"):
        demanded = "" if report.get("k_demanded") is None else f"（≥ {report['k_demanded']}）"
        found.append(Fact("实测 k", "k reached", f"{after['k']:,}{demanded}"))
        found.append(Fact("最高风险", "highest risk", percent(after["prosecutor"]["highest"])))
        if "unique" in after:
            found.append(Fact("唯一行占比", "unique rows", percent(after["unique"])))
    found.append(Fact("GB/T 42460 分级", "grade", f"{report['grade']} 级"))
    return tuple(found)


def _who(report: Mapping[str, Any], purposes: Mapping[str, str]) -> Section | None:
    if "grant" not in report:
        return None
    purpose = report.get("purpose", "")
    approver = " ".join(filter(None, (report["approver"], report.get("approver_unit"), report.get("approver_post"))))
    return Section(
        "谁提供给谁",
        "Who, to whom, upon which ground",
        _facts(
            ("接收方", "recipient", f"{report.get('recipient_name', '')} {report['recipient']}"),
            ("接收方责任人", "responsible there", report["responsible"]),
            ("用途", "purpose", purposes.get(purpose, purpose)),
            ("依据", "ground", report["ground"]),
            ("登记依据", "recorded by", report.get("basis_recorder")),
            ("确认依据", "confirmed by", report.get("basis_confirmer")),
            ("批准人", "approver", approver),
            ("执行人", "executor", report["executor"]),
            ("授权", "grant", report["grant"]),
            ("申请", "application", report.get("application")),
            ("人群", "population", _population(report.get("population"))),
            ("生成时间", "prepared at", report.get("prepared_at")),
            ("销毁期限", "delete by", f"{report['delete_by']}（{report['retention_days']} 天 days）"),
            ("仍属个人信息", "still personal information", _yes(report.get("personal_information"))),
        ),
    )


def _population(population: Mapping[str, Any] | None) -> str | None:
    if population is None:
        return None
    parts = [f"地域 territory {population['territory']}"]
    for name, zh in (("stages", "学段"), ("grades", "年级"), ("schools", "学校")):
        if population.get(name) is not None:
            parts.append(f"{zh} {name} {len(population[name])}")
    return "；".join(parts)


def _models(report: Mapping[str, Any]) -> Section | None:
    after = report.get("after")
    if report.get("k_demanded") is None or not after:
        return None
    rows = [("k", "", f"≥ {report['k_demanded']}", f"{after['k']:,}")]
    demands = {one["column"]: one for one in report.get("demands", ())}
    for reached in after["sensitive"]:
        rows += _reached(reached, demands.get(reached["column"], {}))
    recoding = word(words.RECODINGS, report.get("recoding", "global"))
    how = f"{recoding[0]} {recoding[1]}" + (f"，{report['parts']} 组级别 choices" if report.get("parts") else "")
    loss = f"{percent(report['loss'])}{'，已证明为最小 proven least' if report.get('optimal') else ''}"
    return Section(
        "隐私模型：要求与实测",
        "Models demanded and reached",
        _facts(
            ("泛化方式", "recoding", how),
            ("信息损失", "information loss", loss),
            ("检验方案数", "choices checked", f"{report['search_checks']:,}"),
        ),
        Table((("模型", "Model"), ("列", "Column"), ("要求", "Demanded"), ("实测", "Reached")), tuple(rows)),
        ("t 以全体（含被隐去的行）的分布为基准；括号内为以提供的行为基准。 t is against the whole table.",),
    )


def _reached(reached: Mapping[str, Any], demanded: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    column = reached["column"]
    t = f"{reached['t']:.4f}" + (f"（{reached['t_released']:.4f}）" if "t_released" in reached else "")
    rows = [
        ("distinct l", column, _least(demanded.get("distinct_l")), str(reached["distinct_l"])),
        ("entropy l", column, _least(demanded.get("entropy_l")), f"{reached['entropy_l']:.2f}"),
        ("t", column, _most(demanded.get("t")), t),
    ]
    if reached.get("t_tree") is not None:
        rows.append(("t（层级 hierarchical）", column, _most(demanded.get("t")), f"{reached['t_tree']:.4f}"))
        rows[2] = ("t", column, _NONE, t)
    if "alpha" in reached:
        rows.append(("α", column, _most(demanded.get("alpha")), f"{reached['alpha']:.4f}"))
    if demanded.get("recursive_c") is not None:
        c = f"c = {demanded['recursive_c']:g}, l = {demanded['recursive_l']}"
        rows.append(("recursive (c, l)", column, c, "满足 met"))
    return rows


def _risks(report: Mapping[str, Any]) -> Section | None:
    before, after = report.get("before"), report.get("after")
    if not before or not after:
        return None
    rows = []
    for zh, name, of in _MEASURES:
        first, last = of(before), of(after)
        if first is not None and last is not None:
            rows.append((f"{zh} {name}", first, last))
    grade, environment = words.GRADES[report["grade"]], report.get("environment", "controlled")
    said = word(words.ENVIRONMENTS, environment)
    remarks = [
        f"GB/T 42460 {report['grade']} 级：{grade[0]}；{said[0]}，单条记录阈值 {percent(report['risk_threshold'])}。"
        f" Grade {report['grade']}: {grade[1]}; {said[1]}."
    ]
    if known := report.get("risk_columns"):
        remarks.append(f"攻击者已知 known to the attacker：{'、'.join(known)}")
    if beyond := report.get("beyond"):
        remarks.append(
            f"若攻击者还知道其余各列：最小类 {beyond['k']:,}，最高风险 {percent(beyond['highest'])}，"
            f"唯一行 {percent(beyond['unique'])}。 Knowing all columns: smallest class, highest risk, unique rows."
        )
    heads: tuple[Words, ...] = (("指标", "Measure"), ("处理前", "Before"), ("处理后", "After"))
    return Section(
        "重识别风险", "Risk of re-identification", (), Table(heads, tuple(rows), frozenset({1, 2})), tuple(remarks)
    )


def _count(name: str) -> Any:  # noqa: ANN401  a function of the figures
    return lambda m: f"{m[name]:,}" if name in m else None


def _share(first: str, second: str = "") -> Any:  # noqa: ANN401  a function of the figures
    def of(measures: Mapping[str, Any]) -> str | None:
        found = measures.get(first)
        found = found[second] if found is not None and second else found
        return None if found is None else percent(found)

    return of


_MEASURES = (
    ("等价类", "classes", _count("classes")),
    ("最小类 k", "smallest class", _count("k")),
    ("最大类", "largest class", _count("largest")),
    ("唯一行", "unique rows", _share("unique")),
    ("总体中唯一", "unique in the population", _share("population_unique")),
    ("检察官 最高", "highest prosecutor risk", _share("prosecutor", "highest")),
    ("检察官 平均", "average prosecutor risk", _share("prosecutor", "average")),
    ("超过阈值的行", "rows above the threshold", _share("prosecutor", "above")),
    ("记者 最高", "highest journalist risk", _share("journalist", "highest")),
    ("记者 平均", "average journalist risk", _share("journalist", "average")),
    ("营销者", "marketer risk", _share("marketer")),
)


def _columns(report: Mapping[str, Any]) -> Section:
    rows = []
    for column in report["columns"]:
        technique = word(words.TECHNIQUES, column["technique"])
        told = [f"{name} = {value}" for name, value in (column.get("parameters") or {}).items()]
        if column["hierarchy"]:
            told.insert(0, column["hierarchy"])
        rows.append(
            (
                f"{column['label']} {column['name']}",
                word(words.ROLES, column["role"])[0],
                f"{technique[0]} {technique[1]}",
                "，".join(told) or _NONE,
                _level(column),
                _NONE if column["loss"] is None else percent(column["loss"]),
            )
        )
    heads: tuple[Words, ...] = (
        ("信息项", "Field"), ("类别", "Role"), ("处理", "Technique"), ("参数", "Parameters"), ("级别", "Level"),
        ("损失", "Loss"),
    )  # fmt: skip
    return Section("各列的处理", "Columns", (), Table(heads, tuple(rows), frozenset({5})))


def _level(column: Mapping[str, Any]) -> str:
    if column["level"] is None:
        rows = column.get("levels") or {}
        return "；".join(f"{name} {count:,}" for name, count in rows.items()) or _NONE
    name = column["level_name"] or ""
    height = f"/{column['height'] - 1}" if column.get("height") else ""
    return f"{name}（{column['level']}{height}）"


def _suppressed(report: Mapping[str, Any]) -> Section | None:
    reasons = {code: count for code, count in (report.get("suppressed_by") or {}).items() if count}
    if not reasons:
        return None
    rows = tuple((" ".join(word(words.REASONS, code)), f"{count:,}") for code, count in reasons.items())
    heads: tuple[Words, ...] = (("原因", "Reason"), ("行数", "Rows"))
    limit = f"隐去上限 limit {percent(report['suppression_limit'])}"
    return Section("隐去的行", "Suppressed rows", (), Table(heads, rows, frozenset({1})), (limit,))


def _earlier(report: Mapping[str, Any]) -> Section | None:
    joint, differencing = report.get("joint_k"), report.get("differencing")
    if not joint:
        return None
    found = [
        ("合并 k 要求", "joint k demanded", _text(joint.get("demanded"))),
        ("合并 k 实测", "joint k reached", _text(joint.get("reached"))),
        ("此前的提供", "earlier releases", _text(joint.get("earlier_releases"))),
        ("为此留下的行", "rows withheld", _text(joint.get("withheld"))),
        (
            "此前仍属个人信息的提供",
            "earlier releases with personal information",
            _text(joint.get("identified_releases")),
        ),
    ]
    if differencing:
        found.append(
            ("与此前之差的最小人数", "smallest difference to earlier ones", _text(differencing.get("smallest")))
        )
    return Section("与以往提供合并", "Together with earlier releases", _facts(*found))


def _scan(report: Mapping[str, Any]) -> Section | None:
    scan = report.get("leak_scan")
    if not scan:
        return None
    places = "、".join(word(words.PLACES, place)[0] for place in scan["places"])
    suspicions = "，".join(f"{word(words.KINDS, kind)[0]} {count:,}" for kind, count in scan["suspicions"].items())
    return Section(
        "泄露扫描",
        "Leak scan",
        _facts(
            ("格式", "format", scan["format"]),
            ("已查行、单元格", "rows and cells", f"{scan['rows']:,} / {scan['cells']:,}"),
            ("其他文字", "other texts", f"{scan['texts']:,}"),
            ("已查位置", "places", places),
            ("疑似", "suspicions", suspicions or "0"),
            ("向学籍库核对", "asked the register", f"{scan['asked']:,}"),
            ("确认", "confirmed", f"{scan['confirmed']:,}"),
        ),
    )


def _pinned(report: Mapping[str, Any]) -> Section:
    software = report.get("software") or {}
    return Section(
        "文件与版本",
        "File and versions",
        _facts(
            ("文件", "file", report.get("file_name")),
            ("大小", "bytes", None if "bytes" not in report else f"{report['bytes']:,} B"),
            ("内容校验值", "content, SHA-256", report.get("sha256")),
            ("方案校验值", "plan, SHA-256", report["plan_sha256"]),
            ("规则集校验值", "rule book, SHA-256", report["rulebook_sha256"]),
            ("数据快照", "snapshot", report.get("snapshot")),
            ("假名密钥编号", "pseudonym key id", report.get("pseudonym_key_id")),
            ("假名密钥版本", "key version", _text(report.get("pseudonym_key_version"))),
            ("假名算法", "algorithm", report.get("pseudonym_algorithm")),
            ("软件", "software", f"{software['name']} {software['version']}" if software else None),
        ),
    )


def _facts(*found: tuple[str, str, str | None]) -> tuple[Fact, ...]:
    return tuple(Fact(zh, en, value.strip()) for zh, en, value in found if value)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _least(value: float | None) -> str:
    return _NONE if value is None else f"≥ {value:g}"


def _most(value: float | None) -> str:
    return _NONE if value is None else f"≤ {value:g}"


def _yes(value: object) -> str | None:
    return None if value is None else "是 yes" if value else "否 no"
