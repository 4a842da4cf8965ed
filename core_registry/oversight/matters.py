"""Matters as offices follow them up: open, assign, note, order to correct, escalate, close (A49-2, Art. 51)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from core_registry.domain.archive_texts import says_what_is_never_recorded
from core_registry.domain.cases import Actor
from core_registry.domain.facts import SchoolFacts
from core_registry.domain.findings import Order, OrderState, escalated, matter_of, order_correction, superior_of
from core_registry.domain.rules import enforces
from core_registry.errors import CaseNotFoundError, RegisterRuleError, StaleCaseError
from core_registry.oversight.entrance import MAX_TEXT, Entrance
from core_registry.oversight.ports import MatterStore
from core_registry.oversight.records import Matter, NewFinding
from core_registry.setting import Setting

KINDS = ("dropout", "person-record", "hollow-record", "fraud", "special-case")
"""What a person opens beside findings; ``proposal`` is opened by the clocks only."""
FINDING = "finding"
MAX_LIST = 200
_SCHOOL_DIGITS = 10


class MatterDesk:
    """Use cases of matters. ``new_id`` returns a fresh id for a prefix."""

    def __init__(
        self,
        store: MatterStore,
        entrance: Entrance,
        setting: Setting,
        now: Callable[[], datetime],
        new_id: Callable[[str], str],
    ) -> None:
        self._store = store
        self._entrance = entrance
        self._setting = setting
        self._now = now
        self._new_id = new_id

    @enforces("A49-2", "A12-3", how="owner and end of every matter")
    def open(
        self,
        kind: str,
        school: str,
        actor: Actor,
        *,
        student_id: str | None = None,
        text: str = "",
        rule: str = "A49-2",
    ) -> Matter:
        """Open a matter of a school, with the days that the rule book gives its owner, the school.

        Raises ``RegisterRuleError`` for another unit than the school or one above it, or an unknown kind.
        """
        if kind not in KINDS:
            raise RegisterRuleError("There is no such kind of matter.", detail_zh="没有这种立案事项。", rule=rule)
        place = self._store.school(school)
        self._entrance.unit(actor, _units(place), rule)
        today = self._entrance.today
        due = self._setting.calendar.after(today, self._setting.matter_period(kind)).day
        owner = place.central_school or place.code
        made = NewFinding(kind, rule, owner, school, student_id, "", due, _text(text))
        return self._store.open(self._new_id("ma"), made, today, actor, self._now())

    def order(
        self, code: str, unit: str, due: date, actor: Actor, text: str, *, rule: str = "", student_id: str | None = None
    ) -> Matter:
        """Order a unit to correct a finding of Art. 51 by ``due``: a school, or a department below the actor's.

        Raises ``RegisterRuleError`` for another department than the one that orders, an unknown code or a bad day.
        """
        self._entrance.rights(actor)
        school = unit if len(unit) == _SCHOOL_DIGITS else None
        target: SchoolFacts | str = unit if school is None else self._store.school(unit)
        made = order_correction(code, target, ordered_by=actor.unit, on=self._entrance.today, due=due, rule=rule)
        new = matter_of(made)
        finding = NewFinding(new.kind, new.rule, new.owner, school, student_id, new.code, due, _text(text))
        return self._store.open(self._new_id("ma"), finding, new.on, actor, self._now())

    def matters(
        self,
        actor: Actor,
        reach: frozenset[str] | None,
        *,
        state: str | None = "open",
        kind: str | None = None,
        after: str = "",
        limit: int = 50,
    ) -> list[Matter]:
        """Return a page of the matters that the actor's unit owns or was given, or of schools in reach, by id."""
        if not 1 <= limit <= MAX_LIST:
            raise ValueError(f"a page has 1 to {MAX_LIST} lines")
        self._entrance.rights(actor)
        schools = None if reach is None else sorted(reach)
        units = None if reach is None else [actor.unit]
        return self._store.listed(units, schools, state, kind, after, limit)

    def matter(self, matter_id: str, actor: Actor, reach: frozenset[str] | None) -> Matter:
        """Return a matter with its texts, redacted for a unit that has no part in it. Raises ``CaseNotFoundError``."""
        self._entrance.rights(actor)
        found = self._store.get(matter_id)
        if found is None or not (actor.unit in _holders(found) or reach is None or found.school_code in reach):
            raise _no_matter()
        mine = actor.unit in _holders(found) | {found.school_code} or actor.account == found.opened_by
        return found if mine else self._store.shown(found)

    def assign(self, matter_id: str, account: str | None, actor: Actor, version: int) -> Matter:
        """Give a matter to a person of the owner's unit, or to nobody."""
        before = self._mine(matter_id, actor, version)
        return self._store.change(before, replace(before, assignee=account), "assign", actor, self._now())

    def note(self, matter_id: str, text: str, actor: Actor, version: int) -> Matter:
        """Add a note under seal; notes are never taken out."""
        before = self._mine(matter_id, actor, version)
        now = self._now()
        line = (now.isoformat(timespec="seconds"), actor.account, _text(text, needed=True))
        return self._store.change(before, replace(before, notes=(*before.notes, line)), "note", actor, now)

    def escalate(self, matter_id: str, actor: Actor, version: int) -> Matter:
        """Give an overdue matter to the department above: of a finding the one above who ordered (Art. 51).

        Raises ``RegisterRuleError`` while there is time, or where nobody stands above.
        """
        before = self._mine(matter_id, actor, version)
        above = self._above(before)
        if above is None or before.due is None or self._entrance.today <= before.due:
            raise RegisterRuleError(
                "A matter goes up when its last day has passed, and where a department stands above.",
                detail_zh="逾期未办结且有上级部门的事项方可上报。",
                rule=before.rule,
            )
        return self._store.change(before, replace(before, escalated_to=above), "escalate", actor, self._now())

    @enforces("A49-2", how="every matter has an end")
    def close(self, matter_id: str, result: str, actor: Actor, version: int) -> Matter:
        """Close a matter with its result; a finding not by the unit that has to correct it.

        Raises ``RegisterRuleError``.
        """
        before = self._mine(matter_id, actor, version)
        if before.kind == FINDING and actor.unit == before.owner:
            raise RegisterRuleError(
                "An order to correct is closed by the department that ordered.",
                detail_zh="责令改正事项由作出责令的部门办结。",
                rule=before.rule,
            )
        after = replace(
            before,
            state="closed",
            result=_text(result, needed=True),
            closed_on=self._entrance.today,
            closed_by=actor.account,
        )
        return self._store.change(before, after, "close", actor, self._now())

    def _mine(self, matter_id: str, actor: Actor, version: int) -> Matter:
        """Return an open matter that the actor's unit may act on."""
        self._entrance.rights(actor)
        found = self._store.get(matter_id)
        if found is None or actor.unit not in self._acting(found):
            raise _no_matter()
        if found.version != version:
            raise StaleCaseError(
                "The matter was changed meanwhile; look at it again.",
                detail_zh="该事项已被他人更新，请重新查看后再办理。",
            )
        if found.state != "open":
            raise RegisterRuleError("The matter is closed.", detail_zh="该事项已办结。", rule=found.rule)
        return found

    def _acting(self, matter: Matter) -> frozenset[str]:
        """Return the units that may act: owner, the department it went up to, and those directly above its school."""
        units = _holders(matter)
        if matter.school_code is not None:
            units |= _units(self._store.school(matter.school_code))
        above = superior_of(matter.owner) if len(matter.owner) != _SCHOOL_DIGITS else None
        return units | ({above} if above is not None else set())

    def _above(self, matter: Matter) -> str | None:
        if matter.kind == FINDING and matter.due is not None:
            target: SchoolFacts | str = (
                matter.owner if matter.school_code is None else self._store.school(matter.school_code)
            )
            orderer = superior_of(target) if isinstance(target, str) else target.supervising_dept
            if orderer is None:
                return None
            order = Order(matter.code, matter.rule, matter.owner, orderer, matter.opened_on, matter.due)
            gone_up = escalated(order, self._entrance.today)
            return gone_up.escalated_to if gone_up.state is OrderState.ESCALATED else None
        if len(matter.owner) == _SCHOOL_DIGITS:
            return self._store.school(matter.owner).registry_superior
        return superior_of(matter.owner)


def _holders(matter: Matter) -> frozenset[str]:
    return frozenset(unit for unit in (matter.owner, matter.escalated_to) if unit)


def _units(place: SchoolFacts) -> frozenset[str]:
    """Return the school's acting unit and the departments directly above it (A3-1, A3-4)."""
    return frozenset({place.central_school or place.code, place.registry_superior, place.supervising_dept})


@enforces("A45-3", how="text of a matter")
def _text(text: str, *, needed: bool = False) -> str:
    bare = text.strip()
    if len(bare) > MAX_TEXT or (needed and not bare) or says_what_is_never_recorded(bare):
        raise RegisterRuleError(
            f"Give a text of at most {MAX_TEXT} characters that may stand in the records.",
            detail_zh=f"请填写不超过 {MAX_TEXT} 字、可以记载的文字。",
            rule="A45-3" if says_what_is_never_recorded(bare) else None,
        )
    return bare


def _no_matter() -> CaseNotFoundError:
    return CaseNotFoundError(
        "There is no such matter, or you may not know of it.", detail_zh="没有该事项，或您无权查看。"
    )
