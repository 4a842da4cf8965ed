"""Alert rules: config/alerts.toml (预警, A50-16)."""

from __future__ import annotations

import re
from datetime import time
from types import MappingProxyType
from typing import Final, cast, get_args

from rulebook.alert_records import (
    NO_ALERTS,
    AlertBaseline,
    AlertCondition,
    AlertDeadline,
    AlertEscalation,
    Alerting,
    AlertRule,
    AlertShift,
    Grouping,
    Measure,
    Severity,
    Test,
    UnitFrom,
)
from rulebook.source import Sources, Table

FILE = "alerts.toml"
OWNERS: Final = (
    "data_officer",
    "approving_officer",
    "security_administrator",
    "system_administrator",
    "inspector",
)
"""Roles that may answer an alert: those that the policies let handle one."""
_KIND = re.compile(r"\*|[a-z][a-z0-9_]*\.(?:[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)?")
_A_MEMBER = "a member of an audit entry, like facts.dimension / 应为审计条目的成员"
_SETTLED = 5
"""Past windows with something in them from which on they say what is usual, unless a rule says another number."""
_MEMBER = re.compile(r"(?:actor|facts|links)(?:\.[a-z][a-z0-9_]*)+|actor|policy|clock_back|occurred|tags")
_RULE = re.compile(r"A[0-9]{1,2}-[0-9]{1,2}|[TI][0-9-]{1,3}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_OWN_KINDS = "alert."
_MOST_MINUTES = 43_200
"""Thirty days."""
_MOST_DAYS = 92
_MOST_WINDOWS = 1_000
"""Windows of the past that are kept of a group: what bounds the memory of a baseline."""
_MOST_AMOUNT = 1_000_000_000


def read_alerts(sources: Sources, name: str = FILE) -> Alerting:
    """Return office hours and rules. Raises ``RulebookError`` for whatever could not raise an alert as it stands."""
    root = sources.toml(name)
    hours = root.table("office_hours")
    opens, closes = _clock(hours, "from"), _clock(hours, "to")
    if opens >= closes:
        hours.fail("to", "must be later than 'from' / 应晚于 from")
    hours.finish()
    escalation, days = NO_ALERTS.escalation, NO_ALERTS.most_suppressed_days
    if root.has("escalation"):
        escalation = _read_escalation(root.table("escalation"))
    if root.has("suppression"):
        suppression = root.table("suppression")
        days = suppression.integer("most_days", least=1, most=366)
        suppression.finish()
    rules = {code: _read_rule(code, entry) for code, entry in root.table("rules").entries()}
    root.finish()
    return Alerting(opens, closes, MappingProxyType(rules), escalation, days)


def read_alerts_file(name: str, content: bytes) -> Alerting:
    """Return the rules of one file that is not in force, as ``read_alerts`` does; errors name it ``name``."""
    return read_alerts(Sources.of({name: content}), name)


def _read_escalation(table: Table) -> AlertEscalation:
    found = AlertEscalation(_read_deadline(table.table("after")), table.choice("last", OWNERS))
    table.finish()
    return found


def _clock(table: Table, key: str) -> time:
    text = table.text(key)
    if not _CLOCK.fullmatch(text):
        table.fail(key, 'must be a time like "08:00" / 时间格式应为 08:00')
    return time.fromisoformat(text)


def _read_rule(code: str, entry: Table) -> AlertRule:
    count, window = _read_count(entry)
    total = _matching(entry, "sum", _MEMBER, _A_MEMBER) if entry.has("sum") else None
    baseline = _read_baseline(entry.table("baseline"), window) if entry.has("baseline") else None
    shift = _read_shift(entry.table("shift"), window) if entry.has("shift") else None
    rule = AlertRule(
        code=code,
        label=entry.text("label", max_length=40),
        label_en=entry.text("label_en", max_length=80),
        rule=_matching(entry, "rule", _RULE, "a rule of the regulation, like A50-9 / 应为规则编号"),
        kinds=_read_kinds(entry),
        outcome=entry.optional_text("outcome"),
        conditions=_read_conditions(entry),
        outside_office_hours=entry.boolean("outside_office_hours") if entry.has("outside_office_hours") else False,
        count=count,
        window_minutes=window,
        group_by=cast(Grouping, entry.choice("group_by", get_args(Grouping))),
        severity=cast(Severity, entry.choice("severity", get_args(Severity))),
        owner=entry.choice("owner", OWNERS),
        unit_from=cast(UnitFrom, entry.choice("unit_from", get_args(UnitFrom))),
        deadline=_read_deadline(entry.table("deadline")),
        quiet_minutes=entry.integer("quiet_minutes", least=0, most=_MOST_MINUTES),
        shown=_read_members(entry, "shown") if entry.has("shown") else (),
        sum=total,
        least=_read_least(entry, total, compares=baseline is not None or shift is not None),
        baseline=baseline,
        shift=shift,
        may_suppress=entry.boolean("may_suppress") if entry.has("may_suppress") else True,
    )
    entry.finish()
    return rule


def _read_count(entry: Table) -> tuple[int, int]:
    """Return count and window: both are given, or neither; what is measured has a window and no count."""
    ways = [name for name in ("count", "sum", "baseline", "shift") if entry.has(name)]
    if not ways and not entry.has("window_minutes"):
        return 1, 0
    if "count" in ways and len(ways) > 1:
        entry.fail("count", "stands alone: take it out, or sum, baseline and shift / count 不能与 sum 等并用")
    if {"baseline", "shift"} <= set(ways):
        entry.fail("shift", "baseline and shift do not go together: make two rules / 不能并用，请分为两条规则")
    window = entry.integer("window_minutes", least=1, most=_MOST_MINUTES)
    if ways and "count" not in ways:
        return 1, window
    return entry.integer("count", least=2, most=1_000), window


def _read_least(entry: Table, total: str | None, *, compares: bool) -> int:
    """Return what a sum reaches: said beside ``sum``, or within what compares it."""
    if compares or total is None:
        if entry.has("least"):
            entry.fail(
                "least", "belongs beside sum, or into baseline or shift / least 应与 sum 并用，或写在 baseline 内"
            )
        return 0
    return entry.integer("least", least=2, most=_MOST_AMOUNT)


def _read_baseline(table: Table, window: int) -> AlertBaseline:
    found = AlertBaseline(
        days=_read_days(table, window),
        factor=table.integer("factor", least=2, most=100),
        least=table.integer("least", least=1, most=_MOST_AMOUNT),
        settled=table.integer("settled", least=1, most=_MOST_DAYS) if table.has("settled") else _SETTLED,
    )
    table.finish()
    return found


def _read_shift(table: Table, window: int) -> AlertShift:
    found = AlertShift(
        member=_matching(table, "member", _MEMBER, _A_MEMBER),
        share=table.integer("share", least=51, most=100),
        usual=table.integer("usual", least=1, most=99),
        days=_read_days(table, window),
        least=table.integer("least", least=1, most=_MOST_AMOUNT),
        settled=table.integer("settled", least=1, most=_MOST_DAYS) if table.has("settled") else _SETTLED,
    )
    if found.usual >= found.share:
        table.fail("usual", "must be less than share: else what is usual would raise / usual 应小于 share")
    table.finish()
    return found


def _read_days(table: Table, window: int) -> int:
    days = table.integer("days", least=1, most=_MOST_DAYS)
    windows = days * 1440 // window
    if not 1 <= windows <= _MOST_WINDOWS:
        table.fail(
            "days",
            f"{days} days hold {windows} windows, it must be 1 to {_MOST_WINDOWS}: change days or window_minutes / "
            "天数与时间窗不相配，请调整",
        )
    return days


def _read_kinds(entry: Table) -> tuple[str, ...]:
    kinds = entry.texts("kinds")
    for index, kind in enumerate(kinds):
        if not _KIND.fullmatch(kind):
            entry.fail(("kinds", index), "must be a kind of audit entry, like release.refused / 应为审计条目种类")
        if kind.startswith(_OWN_KINDS):
            entry.fail(("kinds", index), "an alert cannot raise an alert: it would never end / 不得以预警触发预警")
    return kinds


def _read_conditions(entry: Table) -> tuple[AlertCondition, ...]:
    return tuple(_read_condition(table) for table in entry.tables("when")) if entry.has("when") else ()


def _read_condition(table: Table) -> AlertCondition:
    member = _matching(table, "member", _MEMBER, _A_MEMBER)
    tests = [name for name in get_args(Test) if table.has(name)]
    if len(tests) != 1:
        table.fail(None, f"needs exactly one of {', '.join(get_args(Test))} / 应恰有一个判断")
    test = cast(Test, tests[0])
    values: tuple[str, ...] = ()
    least = 0
    match test:
        case "equals" | "has":
            values = (table.text(test),)
        case "in":
            values = table.texts(test)
        case "at_least":
            least = table.integer(test, least=1, most=_MOST_AMOUNT)
        case "at_most":
            least = table.integer(test, least=0, most=_MOST_AMOUNT)
        case _:
            if not table.boolean(test):
                table.fail(test, "must be true; leave the condition out otherwise / 只能为 true")
    table.finish()
    return AlertCondition(member, test, values, least)


def _read_deadline(table: Table) -> AlertDeadline:
    measures = [name for name in get_args(Measure) if table.has(name)]
    if len(measures) != 1:
        table.fail(None, f"needs exactly one of {', '.join(get_args(Measure))} / 应恰有一个期限")
    measure = cast(Measure, measures[0])
    deadline = AlertDeadline(table.integer(measure, least=1, most=250), measure)
    table.finish()
    return deadline


def _read_members(entry: Table, key: str) -> tuple[str, ...]:
    members = entry.texts(key)
    for index, member in enumerate(members):
        if not _MEMBER.fullmatch(member):
            entry.fail((key, index), f"must be {_A_MEMBER}")
    return members


def _matching(table: Table, key: str, pattern: re.Pattern[str], what: str) -> str:
    text = table.text(key)
    if not pattern.fullmatch(text):
        table.fail(key, f"must be {what}")
    return text
