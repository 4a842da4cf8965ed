"""Replays the log against alert rules, those in force and changed ones: what would have been raised. Writes nothing.

Every entry is taken from the first one on, so that what is usual is known where the asked time begins; alerts are
counted whose entry lies in that time. Nobody closes an alert in a replay: one of a group is joined until its quiet time
is over. Both sets of rules are replayed alike, so their difference is that of the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway.audit.alerts_plan import GroupKey, NoGroups, Plan
from gateway.audit.alerts_records import Alert, AlertId, AlertState, Mark, SuppressionId
from gateway.audit.alerts_rules import Content, Worked
from gateway.audit.leaves import decode_entry
from gateway.ids import UnitCode
from gateway.journal import JsonValue
from gateway.principals import Role
from rulebook.alert_records import Alerting, AlertRule

SETTLED_EVERY: Final = 5_000
NAMED: Final = 5
"""Entries that are named of what a rule would have raised."""
Covering = Mapping[GroupKey, Iterable[tuple[SuppressionId, datetime, datetime]]]
"""Group -> suppressions with the time for which they hold."""


@dataclass(slots=True)
class RuleTally:
    """What one rule did in the asked time."""

    matched: int = 0
    """Entries that its kinds and conditions cover."""
    raised: int = 0
    joined: int = 0
    suppressed: int = 0
    entries: list[int] = field(default_factory=list)
    """The first entries that raised."""


@dataclass(frozen=True, slots=True)
class ReplayLine:
    """One rule: what it did as changed and as it is in force; ``None`` where it is not there."""

    code: str
    label: str
    label_en: str
    tried: RuleTally | None
    in_force: RuleTally | None

    @property
    def difference(self) -> int:
        """How many more alerts the changed rule would have raised."""
        return (0 if self.tried is None else self.tried.raised) - (0 if self.in_force is None else self.in_force.raised)

    def to_json(self) -> dict[str, JsonValue]:
        """Return the line for machines."""
        return {
            "rule": self.code,
            "label": self.label,
            "label_en": self.label_en,
            "tried": _json(self.tried),
            "in_force": _json(self.in_force),
            "difference": self.difference,
        }


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay came to: entries read, those in the asked time, and one line a rule."""

    read: int
    counted: int
    first_at: str | None
    last_at: str | None
    lines: tuple[ReplayLine, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """Return the replay for machines; member names are stable."""
        return {
            "read": self.read,
            "entries": self.counted,
            "from": self.first_at,
            "to": self.last_at,
            "rules": [line.to_json() for line in self.lines],
        }


@dataclass(slots=True)
class _Side:
    """One set of rules in a replay."""

    alerting: Alerting
    plan: Plan
    tallies: dict[str, RuleTally]
    counting: bool = False

    @classmethod
    def of(cls, alerting: Alerting, worked: Worked, covering: Covering) -> _Side:
        tallies = {code: RuleTally() for code in alerting.rules}
        side = cls(alerting, Plan(alerting, worked, NoGroups(covering), _alert), tallies)
        side.plan.hear = side.hear
        return side

    def hear(self, what: str, rule: str, mark: Mark, count: int) -> None:  # noqa: ARG002  entries are not told
        if not self.counting:
            return
        tally = self.tallies[rule]
        match what:
            case "matched":
                tally.matched += 1
            case "joined":
                tally.joined += 1
            case "suppressed":
                tally.suppressed += 1
            case _:
                tally.raised += 1
                if len(tally.entries) < NAMED:
                    tally.entries.append(mark.index)


def replay(
    entries: Iterable[tuple[int, bytes]],
    *,
    tried: Alerting,
    in_force: Alerting,
    worked: Worked,
    since: datetime | None = None,
    until: datetime | None = None,
    covering: Covering | None = None,
    progress: Callable[[int], object] = lambda _count: None,
) -> Replay:
    """Return what both sets of rules would have raised of ``entries``, index and bytes in the order of the log.

    ``since`` and ``until`` bound the time of the entries that raise, the second excluded; ``covering`` are suppressions
    that held. Raises ``MalformedError`` for an entry that cannot be read.
    """
    sides = [_Side.of(alerting, worked, covering or {}) for alerting in (tried, in_force)]
    read = counted = 0
    first_at = last_at = None
    for index, body in entries:
        content = decode_entry(body)
        at = datetime.fromisoformat(str(content["at"]))
        read += 1
        progress(1)
        if until is not None and at >= until:
            continue  # not the end: the clock may have gone back behind it
        inside = since is None or at >= since
        if inside:
            counted += 1
            first_at = first_at or str(content["at"])
            last_at = str(content["at"])
        for side in sides:
            side.counting = inside
            side.plan.take([(index, content)])
            if read % SETTLED_EVERY == 0:
                side.plan.settle()
    return Replay(read, counted, first_at, last_at, _lines(*sides))


def _lines(tried: _Side, in_force: _Side) -> tuple[ReplayLine, ...]:
    lines = []
    for code in sorted({*tried.tallies, *in_force.tallies}):
        rule = tried.alerting.rules.get(code) or in_force.alerting.rules[code]
        lines.append(ReplayLine(code, rule.label, rule.label_en, tried.tallies.get(code), in_force.tallies.get(code)))
    return tuple(lines)


def _alert(rule: AlertRule, key: str, content: Content, proof: Sequence[Mark], count: int) -> Alert:
    """Return an alert of a replay: it has no unit and no deadline, and nobody sees it."""
    at = proof[-1].at
    return Alert(
        id=AlertId(f"replay-{content['kind']}"),
        rule=rule.code,
        key=key,
        severity=rule.severity,
        owner=Role(rule.owner),
        unit=UnitCode(""),
        about=None,
        state=AlertState.OPEN,
        opened_at=at,
        due=at,
        count=count,
        last_index=proof[-1].index,
        last_at=max(one.at for one in proof),
    )


def _json(tally: RuleTally | None) -> JsonValue:
    if tally is None:
        return None
    return {
        "matched": tally.matched,
        "raised": tally.raised,
        "joined": tally.joined,
        "suppressed": tally.suppressed,
        "entries": [*tally.entries],
    }
