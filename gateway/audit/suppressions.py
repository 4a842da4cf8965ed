"""Suppression of alerts (暂停预警): alerts of one group of one rule are counted instead of raised, for a time.

It is asked for at an alert, by the role that answers it, with a reason and a last day. Where the alert is of high
severity another person of that role, here or in a department above, confirms before it holds. Each step is an entry;
what was not raised is counted, shown, and told once more by the entry that ends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol

from gateway.articles import keeps
from gateway.audit.alerts import AlertService, Desk, refused_act
from gateway.audit.alerts_records import Alert, AlertId, Suppression, SuppressionId, SuppressionState
from gateway.audit.alerts_rules import SHANGHAI
from gateway.audit.errors import AlertStateError, AlertVersionError
from gateway.errors import ForbiddenError, NotFoundError, ParameterError
from gateway.instants import seconds_text
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal
from gateway.record_texts import said
from rulebook.alert_records import Alerting

MAX_REASON: Final = 2000
MAX_LISTED: Final = 200
AT_ONCE: Final = 200
_LIVE: Final = (SuppressionState.WAITING, SuppressionState.ACTIVE)


class SuppressionStore(Protocol):
    """What the service needs of the database."""

    def add(self, tx: Tx, suppression: Suppression) -> None:
        """Insert one."""

    def get(self, tx: Tx, suppression: SuppressionId) -> Suppression | None:
        """Return one."""

    def update(self, tx: Tx, suppression: Suppression, before: int) -> bool:
        """Write a change of one at version ``before``."""

    def live_of(self, tx: Tx, rule: str, key: str) -> Suppression | None:
        """Return the one of a group that waits or holds."""

    def of_desks(self, tx: Tx, desks: Iterable[Desk], *, live: bool, limit: int) -> list[Suppression]:
        """Return those of ``desks``, the newest first."""

    def desks(self, tx: Tx) -> list[Desk]:
        """Return unit and owner of all."""

    def over(self, tx: Tx, now: datetime, limit: int) -> list[Suppression]:
        """Return those that wait or hold beyond their end."""


@keeps("A50-16")
@dataclass(frozen=True, slots=True)
class SuppressionService:
    """Use cases of suppressions; who may is decided as for the alert they were asked for at."""

    store: SuppressionStore
    alerts: AlertService
    reader: Reader
    journal: Journal
    alerting: Alerting
    now: Callable[[], datetime]
    new_id: Callable[[str], str]

    def list(self, principal: Principal, *, live: bool = True) -> tuple[Suppression, ...]:
        """Return what the principal may see, the newest first, at most 200; ``live``: only what waits or holds.

        Raises ``ForbiddenError`` for whoever may see no alerts.
        """
        self.alerts.require_reader(principal)

        def run(tx: Tx) -> tuple[Suppression, ...]:
            desks = [desk for desk in self.store.desks(tx) if self.alerts.may_read(principal, desk)]
            return tuple(self.store.of_desks(tx, desks, live=live, limit=MAX_LISTED))

        return self.reader.read(run)

    def get(self, principal: Principal, suppression: SuppressionId) -> Suppression:
        """Return one; raises ``NotFoundError`` when there is none or the principal may not see it."""
        found = self.reader.read(lambda tx: self.store.get(tx, suppression))
        if found is None or not self.alerts.may_read(principal, (found.unit, found.owner)):
            raise NotFoundError("There is no such suppression.", detail_zh="没有该暂停。")
        return found

    def of_alert(self, alert: Alert) -> Suppression | None:
        """Return the suppression that waits or holds for the group of an alert."""
        return self.reader.read(lambda tx: self.store.live_of(tx, alert.rule, alert.key))

    def ask(self, principal: Principal, alert: AlertId, until: date, reason: str) -> Suppression:
        """Suppress further alerts of the group of ``alert`` through the civil day ``until``.

        It holds at once, for high severity after a confirmation. Raises ``NotFoundError``, ``ForbiddenError``,
        ``AlertStateError`` where one waits or holds already, and ``ParameterError`` for a rule that takes none, a day
        beyond the limit, no reason, or one with a number of a person.
        """
        found = self.alerts.get(principal, alert).alert
        policy = self._handle(principal, found, "suppress")
        self._check(found, until)
        reason = said("reason", reason, longest=MAX_REASON, rule="A50-16")
        now = self.now()
        waits = found.severity == "high"
        made = Suppression(
            id=SuppressionId(self.new_id("su")),
            rule=found.rule,
            key=found.key,
            unit=found.unit,
            owner=found.owner,
            severity=found.severity,
            about=found.about,
            alert=found.id,
            reason=reason,
            asked_by=principal.account,
            asked_at=now,
            until=datetime.combine(until + timedelta(days=1), time(), SHANGHAI).astimezone(UTC),
            state=SuppressionState.WAITING if waits else SuppressionState.ACTIVE,
            since=None if waits else now,
        )

        def write(tx: Tx) -> Suppression:
            if self.store.live_of(tx, found.rule, found.key) is not None:
                raise AlertStateError(
                    "A suppression of this group waits or holds already: lift it first.",
                    detail_zh="该分组已有待确认或生效中的暂停，请先解除。",
                    missing=("lifted",),
                )
            self.store.add(tx, made)
            return made

        kind = "alert.suppression_asked" if waits else "alert.suppressed"
        digest = hashlib.sha256(made.reason.encode()).hexdigest()
        facts = {**_facts(made), "until": seconds_text(made.until), "reason_sha256": digest}
        return self.journal.record(write, EntryDraft(kind, principal, facts=facts, policy=policy))[0]

    def confirm(self, principal: Principal, suppression: SuppressionId) -> Suppression:
        """Let a suppression hold that somebody else asked for. Raises what ``ask`` raises."""
        found = self.get(principal, suppression)
        alert = self._alert_of(found)
        policy = self._handle(principal, alert, "confirm_suppression")
        if found.asked_by in {principal.account, principal.on_behalf}:
            error = ForbiddenError(
                "Whoever asked for a suppression does not confirm it: let a colleague or the department above do so.",
                detail_zh="申请暂停的人不得自行确认，请由同岗位其他人员或上级部门确认。",
                rule="A50-11",
                missing=("another_person",),
            )
            self.journal.append(refused_act(principal, alert, "confirm_suppression", error))
            raise error
        _require(found, (SuppressionState.WAITING,))
        now = self.now()
        if found.until <= now:
            raise _over()
        changed = replace(
            found,
            state=SuppressionState.ACTIVE,
            since=now,
            confirmed_by=principal.account,
            version=found.version + 1,
        )
        facts = {**_facts(changed), "until": seconds_text(changed.until), "asked_by": found.asked_by}
        return self._write(found, changed, EntryDraft("alert.suppressed", principal, facts=facts, policy=policy))

    def lift(self, principal: Principal, suppression: SuppressionId) -> Suppression:
        """End a suppression before its time: alerts are raised again from now on. Raises what ``ask`` raises."""
        found = self.get(principal, suppression)
        policy = self._handle(principal, self._alert_of(found), "lift_suppression")
        _require(found, _LIVE)
        changed = replace(found, state=SuppressionState.LIFTED, ended_at=self.now(), version=found.version + 1)
        facts = {**_facts(changed), "hits": found.hits, "entries": found.entries}
        draft = EntryDraft("alert.suppression_lifted", principal, facts=facts, policy=policy)
        return self._write(found, changed, draft)

    def may_handle(self, principal: Principal, suppression: Suppression) -> bool:
        """Say whether the principal may confirm or lift a suppression; nothing is recorded."""
        if suppression.state not in _LIVE:
            return False
        try:
            self.alerts.gate.handle(principal, self._alert_of(suppression))
        except ForbiddenError:
            return False
        return True

    def _handle(self, principal: Principal, alert: Alert, act: str) -> str:
        try:
            return self.alerts.gate.handle(principal, alert)
        except ForbiddenError as error:
            self.journal.append(refused_act(principal, alert, act, error))
            raise

    def _check(self, alert: Alert, until: date) -> None:
        rule = self.alerting.rules.get(alert.rule)
        if rule is None or not rule.may_suppress:
            raise ParameterError(
                "Alerts of this rule cannot be suppressed.", detail_zh="此规则的预警不得暂停。", rule="A50-16"
            )
        today, most = self.now().astimezone(SHANGHAI).date(), self.alerting.most_suppressed_days
        if not 0 <= (until - today).days <= most:
            raise ParameterError(
                f"The last day lies from today to {most} days from now.",
                detail_zh=f"截止日期应在今天起 {most} 天以内。",
                rule="A50-16",
                missing=("until",),
            )

    def _alert_of(self, suppression: Suppression) -> Alert:
        """Return the alert it was asked for at, at the desk that it was asked at."""
        found = self.reader.read(lambda tx: self.alerts.store.get(tx, suppression.alert))
        if found is None:
            raise NotFoundError("There is no such alert.", detail_zh="没有该预警。")
        return replace(found, unit=suppression.unit, owner=suppression.owner, about=suppression.about)

    def _write(self, before: Suppression, changed: Suppression, draft: EntryDraft) -> Suppression:
        def write(tx: Tx) -> Suppression:
            if not self.store.update(tx, changed, before.version):
                raise AlertVersionError(
                    "Somebody else acted on the suppression in between: read it again, then act.",
                    detail_zh="该暂停已由他人办理，请刷新后再办理。",
                )
            return changed

        return self.journal.record(write, draft)[0]


@dataclass(frozen=True, slots=True)
class SuppressionEnds:
    """Ends suppressions whose time is over, each with an entry that tells what it kept from being raised."""

    store: SuppressionStore
    reader: Reader
    journal: Journal
    now: Callable[[], datetime]

    def run(self) -> int:
        """End what is over; return how many."""
        found = self.reader.read(lambda tx: self.store.over(tx, self.now(), AT_ONCE))
        return sum(self._end(one) for one in found)

    def _end(self, one: Suppression) -> bool:
        ended = replace(one, state=SuppressionState.ENDED, ended_at=one.until, version=one.version + 1)

        def write(tx: Tx) -> None:
            if not self.store.update(tx, ended, one.version):
                raise _LiftedError

        facts = {**_facts(one), "confirmed": one.since is not None, "hits": one.hits, "entries": one.entries}
        try:
            self.journal.record(write, EntryDraft("alert.suppression_ended", None, facts=facts))
        except _LiftedError:
            return False
        return True


def _facts(one: Suppression) -> dict[str, JsonValue]:
    return {
        "suppression": one.id,
        "alert": one.alert,
        "rule": one.rule,
        "severity": one.severity,
        "unit": one.unit,
        "owner": one.owner.value,
    }


def _require(found: Suppression, states: tuple[SuppressionState, ...]) -> None:
    if found.state not in states:
        raise AlertStateError(
            f"The suppression is '{found.state}'; this act needs: {', '.join(states)}.",
            detail_zh="该暂停的当前状态不能这样办理。",
            missing=tuple(state.value for state in states),
        )


def _over() -> AlertStateError:
    return AlertStateError(
        "The time of the suppression is over: ask for a new one.", detail_zh="暂停期限已过，请重新申请。"
    )


class _LiftedError(Exception):
    """Somebody lifted it in between; undoes the write."""
