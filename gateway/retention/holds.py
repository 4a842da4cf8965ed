"""Use cases of holds (法定留存): set on a ground, extended, lifted by two people; every step is an entry."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from gateway.articles import keeps
from gateway.errors import ForbiddenError, NotFoundError, ParameterError
from gateway.ids import AccountId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal
from gateway.record_texts import said
from gateway.retention.errors import HoldStateError
from gateway.retention.ports import HoldRows, RetentionGate
from gateway.retention.records import (
    MAX_GROUND,
    MAX_REVIEW_DAYS,
    MAX_TEXT,
    HoldAct,
    HoldEvent,
    HoldFile,
    HoldScope,
    LegalHold,
    LegalHoldId,
)

LISTED: Final = 200
KINDS: Final[Mapping[HoldAct, str]] = {
    "set": "retention.hold_set",
    "extended": "retention.hold_extended",
    "lift_asked": "retention.hold_lift_asked",
    "lift_declined": "retention.hold_lift_declined",
    "lifted": "retention.hold_lifted",
    "review_due": "retention.hold_review_due",
}
"""Act -> kind of its audit entry."""


@keeps("A50-10")
@dataclass(frozen=True, slots=True)
class HoldDesk:
    """Holds for inspectors, security administrators and officers. ``classes`` are those there are."""

    rows: HoldRows
    gate: RetentionGate
    journal: Journal
    reader: Reader
    classes: Collection[str]
    now: Callable[[], datetime]
    today: Callable[[], date]
    new_id: Callable[[str], str]

    def listed(self, principal: Principal) -> tuple[HoldFile, ...]:
        """Return holds with their history, those that stand first, 200 at the most.

        An officer sees the own ones alone: a hold may tell whom an inspection is about.
        """
        self.gate.read(principal)
        every = self.gate.oversees(principal)

        def run(tx: Tx) -> tuple[HoldFile, ...]:
            return tuple(
                HoldFile(one, tuple(self.rows.events(tx, one.id)))
                for one in self.rows.listed(tx, LISTED)
                if every or one.set_by == principal.account
            )

        return self.reader.read(run)

    def on(self, principal: Principal, case: str = "", grant: str = "") -> tuple[LegalHold, ...]:
        """Return the holds that stand on a case or a grant by name, to be shown with it to who oversees holds."""
        if not self.gate.oversees(principal):
            return ()
        standing = self.reader.read(self.rows.standing)
        return tuple(
            one for one in standing if (case and one.scope.case == case) or (grant and one.scope.grant == grant)
        )

    def set(self, principal: Principal, scope: HoldScope, ground: str, reason: str, review_on: date) -> LegalHold:
        """Hold what ``scope`` covers, on a ``ground`` (a law, a file number), to be reviewed by ``review_on``.

        Raises ``ForbiddenError``, and ``ParameterError`` for an empty scope, an unknown class, days out of order, a
        review that is not within a year, or a text that holds a number.
        """
        policy = self.gate.hold(principal, scope.unit)
        self._check(scope)
        ground, reason = (
            said("ground", ground, longest=MAX_GROUND),
            said("reason", reason, longest=MAX_TEXT),
        )
        self._check_review(review_on)
        now = self.now()
        hold = LegalHold(LegalHoldId(self.new_id("rh")), scope, ground, review_on, now, principal.account)
        event = HoldEvent(now, principal.account, "set", reason)

        def write(tx: Tx) -> LegalHold:
            self.rows.serialize(tx)
            self.rows.add(tx, hold, event)
            return hold

        return self.journal.record(write, _entry("set", principal, hold, policy))[0]

    def extend(self, principal: Principal, hold: LegalHoldId, review_on: date, reason: str) -> LegalHold:
        """Put the review of a hold off; raises ``NotFoundError``, ``HoldStateError`` and ``ParameterError``."""
        found = self._standing(hold)
        policy = self.gate.hold(principal, found.scope.unit)
        self._check_review(review_on)
        if review_on <= found.review_on:
            raise ParameterError(
                "An extension is to a later day.", detail_zh="延长后的复核日期应晚于原日期。", missing=("review_on",)
            )
        return self._step(principal, found, replace(found, review_on=review_on), "extended", reason, policy)

    def ask_lift(self, principal: Principal, hold: LegalHoldId, reason: str) -> LegalHold:
        """Ask that a hold be lifted: it stands until another person agrees."""
        found = self._standing(hold)
        policy = self.gate.lift(principal)
        if found.asked_by is not None:
            raise HoldStateError("Somebody asked already.", detail_zh="已有人提出解除，待另一人复核。")
        return self._step(principal, found, replace(found, asked_by=principal.account), "lift_asked", reason, policy)

    def lift(self, principal: Principal, hold: LegalHoldId, reason: str) -> LegalHold:
        """Lift a hold that somebody else asked to lift.

        Raises ``HoldStateError`` when nobody asked, ``ForbiddenError``, which is recorded, for the one who asked.
        """
        found, policy = self._asked(principal, hold)
        done = replace(found, asked_by=None, lifted_at=self.now(), lifted_by=principal.account)
        return self._step(principal, found, done, "lifted", reason, policy, asked_by=found.asked_by)

    def decline(self, principal: Principal, hold: LegalHoldId, reason: str) -> LegalHold:
        """Let a hold stand that somebody else asked to lift."""
        found, policy = self._asked(principal, hold)
        left = replace(found, asked_by=None)
        return self._step(principal, found, left, "lift_declined", reason, policy, asked_by=found.asked_by)

    def call_reviews(self) -> int:
        """Record each hold whose review is past; return how many. It goes on to hold. For the worker's timer."""
        due = self.reader.read(lambda tx: self.rows.review_due(tx, self.today()))
        return sum(self._call_review(one) for one in due)

    # --- inside -----------------------------------------------------------------------------------------------

    def _call_review(self, hold: LegalHold) -> bool:
        event = HoldEvent(self.now(), None, "review_due", "")

        def write(tx: Tx) -> None:
            if not self.rows.tell_review(tx, hold, event):
                raise _overtaken()

        try:
            self.journal.record(write, _entry("review_due", None, hold, None))
        except HoldStateError:
            return False
        return True

    def _step(
        self,
        principal: Principal,
        before: LegalHold,
        after: LegalHold,
        act: HoldAct,
        reason: str,
        policy: str,
        asked_by: AccountId | None = None,
    ) -> LegalHold:
        changed = replace(after, version=before.version + 1)
        event = HoldEvent(self.now(), principal.account, act, said("reason", reason, longest=MAX_TEXT))

        def write(tx: Tx) -> LegalHold:
            self.rows.serialize(tx)
            if not self.rows.update(tx, before, changed, event):
                raise _overtaken()
            return changed

        return self.journal.record(write, _entry(act, principal, changed, policy, asked_by))[0]

    def _asked(self, principal: Principal, hold: LegalHoldId) -> tuple[LegalHold, str]:
        found = self._standing(hold)
        policy = self.gate.lift(principal)
        if found.asked_by is None:
            raise HoldStateError(
                "Nobody has asked to lift this hold.", detail_zh="尚无人提出解除该留存，请先由一人提出。"
            )
        if found.asked_by == principal.account:
            error = ForbiddenError(
                "A hold is lifted by two people: another one than who asked decides.",
                detail_zh="解除留存须由两人办理，提出人不得自行复核。",
                rule="A50-10",
            )
            facts: dict[str, JsonValue] = {"hold": found.id, "act": "lift", "error": type(error).__name__}
            self.journal.append(EntryDraft("retention.refused_act", principal, outcome="refused", facts=facts))
            raise error
        return found, policy

    def _standing(self, hold: LegalHoldId) -> LegalHold:
        found = self.reader.read(lambda tx: self.rows.get(tx, hold))
        if found is None:
            raise NotFoundError("There is no such hold.", detail_zh="没有该留存。")
        if not found.standing:
            raise HoldStateError("The hold was lifted.", detail_zh="该留存已解除。")
        return found

    def _check(self, scope: HoldScope) -> None:
        if scope == HoldScope():
            raise ParameterError(
                "Say what is held: a class, a case, a grant, a unit or a range of days.",
                detail_zh="请写明留存对象：数据类别、案件、授权、单位或时间范围。",
                missing=("scope",),
            )
        if scope.data_class is not None and scope.data_class not in self.classes:
            raise ParameterError(
                f"The classes are {', '.join(self.classes)}.", detail_zh="没有这一数据类别。", missing=("data_class",)
            )
        if scope.first_day is not None and scope.last_day is not None and scope.last_day < scope.first_day:
            raise ParameterError(
                "The last day is not before the first.", detail_zh="截止日不得早于起始日。", missing=("last_day",)
            )

    def _check_review(self, day: date) -> None:
        if not self.today() < day <= self.today() + timedelta(days=MAX_REVIEW_DAYS):
            raise ParameterError(
                "A hold is reviewed on a day within a year from now.",
                detail_zh="复核日期应在今后一年之内。",
                missing=("review_on",),
            )


def _overtaken() -> HoldStateError:
    return HoldStateError(
        "Somebody else acted on the hold in between: read it again.", detail_zh="该留存已由他人办理，请刷新后再办理。"
    )


def _entry(
    act: HoldAct, principal: Principal | None, hold: LegalHold, policy: str | None, asked_by: AccountId | None = None
) -> EntryDraft:
    scope = hold.scope
    told = {
        "class": scope.data_class,
        "case": scope.case,
        "unit": scope.unit,
        "first_day": None if scope.first_day is None else scope.first_day.isoformat(),
        "last_day": None if scope.last_day is None else scope.last_day.isoformat(),
        "asked_by": asked_by,
    }
    facts: dict[str, JsonValue] = {name: value for name, value in told.items() if value is not None}
    facts |= {"hold": hold.id, "review_on": hold.review_on.isoformat()}
    links = {} if scope.grant is None else {"grant": scope.grant}
    return EntryDraft(KINDS[act], principal, facts=facts, links=links, policy=policy)
