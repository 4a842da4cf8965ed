"""Use cases of alerts (预警, A50-16): see what was raised, take it up, pass it on, end it with a finding.

Who sees and who handles is decided by the decision point, for each unit and owner; every act is an audit entry, and so
is every refusal. The handler's words stay in the table: the log has their SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from gateway.audit.alerts_records import (
    Alert,
    AlertAct,
    AlertEvent,
    AlertFile,
    AlertId,
    AlertPage,
    AlertQuery,
    AlertState,
    Evidence,
    Finding,
)
from gateway.audit.alerts_rules import member, shown
from gateway.audit.errors import AlertStateError, AlertVersionError
from gateway.audit.leaves import decode_entry
from gateway.audit.records import StoredEntry
from gateway.errors import ForbiddenError, GatewayError, NotFoundError, ParameterError
from gateway.ids import UnitCode
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal, Role
from gateway.record_texts import said
from rulebook.alert_records import Alerting
from rulebook.alerts import OWNERS

MAX_PAGE = 200
MAX_COMMENT = 2000
KINDS: Final[Mapping[AlertAct, str]] = {
    "acknowledged": "alert.acknowledged",
    "closed": "alert.closed",
    "reassigned": "alert.reassigned",
}
"""Act of a handler -> kind of the audit entry."""
Desk = tuple[UnitCode, Role]
"""The unit and the role that answer."""


class AlertGate(Protocol):
    """Asks the decision point. Both raise ``ForbiddenError``, with policy, rule and what is missing."""

    def read(self, principal: Principal, desk: Desk) -> None:
        """Return when ``principal`` may see the alerts of ``desk``."""

    def handle(self, principal: Principal, alert: Alert) -> str:
        """Return the id of the policy that lets ``principal`` handle ``alert``."""


class AlertStore(Protocol):
    """What the service needs of the database."""

    def get(self, tx: Tx, alert: AlertId) -> Alert | None:
        """Return an alert."""

    def events(self, tx: Tx, alert: AlertId) -> list[AlertEvent]:
        """Return its history."""

    def entries_of(self, tx: Tx, alert: AlertId) -> list[int]:
        """Return the entries that prove it."""

    def desks(self, tx: Tx, *, unclosed: bool = False) -> list[Desk]:
        """Return unit and owner of all alerts."""

    def find(self, tx: Tx, query: AlertQuery, desks: Iterable[Desk]) -> list[Alert]:
        """Return the alerts of ``desks`` that fit."""

    def count_unclosed(self, tx: Tx, desks: Iterable[Desk]) -> int:
        """Return how many alerts of ``desks`` are not closed."""

    def gauges(self, tx: Tx, now: datetime) -> list[tuple[str, str, int, int]]:
        """Return rule, severity, how many are not closed, how many of them late."""

    def update(self, tx: Tx, alert: Alert, before: int, event: AlertEvent) -> bool:
        """Write a change of an alert at version ``before``."""


class Entries(Protocol):
    """The entries of the log."""

    def entries(self, tx: Tx, start: int, end: int) -> Iterator[StoredEntry]:
        """Yield the rows of a range."""


@dataclass(frozen=True, slots=True)
class AlertService:
    """Alerts for people. ``is_division`` says whether a unit may be given an alert."""

    store: AlertStore
    log: Entries
    reader: Reader
    journal: Journal
    gate: AlertGate
    alerting: Alerting
    is_division: Callable[[str], bool]
    now: Callable[[], datetime]

    # reading

    def list(self, principal: Principal, query: AlertQuery) -> AlertPage:
        """Return the alerts that the principal may see: unclosed first, then by severity and deadline.

        Raises ``ForbiddenError`` for whoever may see none of any unit, ``ParameterError`` for a limit beyond 1 to 200.
        """
        if not 1 <= query.limit <= MAX_PAGE:
            raise ParameterError(f"A page holds 1 to {MAX_PAGE} alerts.", detail_zh=f"每页 1 至 {MAX_PAGE} 条。")
        self.require_reader(principal)

        def run(tx: Tx) -> AlertPage:
            desks = [desk for desk in self.store.desks(tx) if self.may_read(principal, desk)]
            found = tuple(self.store.find(tx, query, desks))
            return AlertPage(found, found[-1].id if len(found) == query.limit else None)

        return self.reader.read(run)

    def get(self, principal: Principal, alert: AlertId) -> AlertFile:
        """Return an alert with its history and the entries that prove it.

        Raises ``NotFoundError`` when there is none or the principal may not see it: one answer for both.
        """
        found = self._readable(principal, alert)

        def run(tx: Tx) -> AlertFile:
            return AlertFile(
                found,
                tuple(self.store.events(tx, alert)),
                tuple(self._evidence(tx, found, self.store.entries_of(tx, alert))),
            )

        return self.reader.read(run)

    def waiting(self, principal: Principal) -> int:
        """Return how many unclosed alerts wait for a role of the principal, within their territory."""

        def run(tx: Tx) -> int:
            desks = [
                desk
                for desk in self.store.desks(tx, unclosed=True)
                if desk[1] in principal.roles and self.may_read(principal, desk)
            ]
            return self.store.count_unclosed(tx, desks) if desks else 0

        return self.reader.read(run)

    def gauges(self) -> Sequence[tuple[str, str, int, int]]:
        """Return rule, severity, unclosed and late alerts: for the operator's monitoring, without a unit."""
        return self.reader.read(lambda tx: self.store.gauges(tx, self.now()))

    def may_handle(self, principal: Principal, alert: Alert) -> bool:
        """Say whether the principal may handle an alert, as it stands; nothing is recorded."""
        return alert.state is not AlertState.CLOSED and self.answers(principal, alert)

    def answers(self, principal: Principal, alert: Alert) -> bool:
        """Say whether an alert is the principal's to answer, also when it is closed; nothing is recorded."""
        try:
            self.gate.handle(principal, alert)
        except ForbiddenError:
            return False
        return True

    # handling

    def acknowledge(
        self, principal: Principal, alert: AlertId, *, comment: str = "", version: int | None = None
    ) -> Alert:
        """Take an open alert up; it is the principal's from then on. Raises what ``close`` raises."""
        comment = said("comment", comment, longest=MAX_COMMENT, needed=False, rule="A50-16")
        return self._handle(
            principal,
            alert,
            "acknowledged",
            (AlertState.OPEN,),
            lambda found: replace(found, state=AlertState.ACKNOWLEDGED, handler=principal.account),
            comment,
            version,
        )

    def close(
        self,
        principal: Principal,
        alert: AlertId,
        finding: Finding,
        comment: str,
        *,
        version: int | None = None,
    ) -> Alert:
        """End an alert that was taken up, with what was found, in words too.

        Raises ``NotFoundError``, ``ForbiddenError`` (another role, another territory, or the person whose acts raised
        it), ``AlertStateError``, ``AlertVersionError`` and ``ParameterError`` without a comment, or for one
        that holds a number of a person.
        """
        comment = said("comment", comment, longest=MAX_COMMENT, rule="A50-16")
        return self._handle(
            principal,
            alert,
            "closed",
            (AlertState.ACKNOWLEDGED,),
            lambda found: replace(found, state=AlertState.CLOSED, closed_at=self.now(), finding=finding),
            comment,
            version,
        )

    def reassign(
        self,
        principal: Principal,
        alert: AlertId,
        owner: Role,
        comment: str,
        *,
        unit: UnitCode | None = None,
        version: int | None = None,
    ) -> Alert:
        """Give an alert to another role, or to another department; it is open again, its deadline stays.

        Raises what ``close`` raises, and ``ParameterError`` for a role that owns no alerts or an unknown department.
        """
        comment = said("comment", comment, longest=MAX_COMMENT, rule="A50-16")
        if owner.value not in OWNERS:
            raise ParameterError(
                f"Give it to one of: {', '.join(OWNERS)}.", detail_zh="只能转给规定的责任岗位。", missing=("owner",)
            )
        if unit is not None and not self.is_division(unit):
            raise ParameterError(
                "The unit must be a known division code.", detail_zh="单位应为行政区划代码。", missing=("unit",)
            )
        return self._handle(
            principal,
            alert,
            "reassigned",
            (AlertState.OPEN, AlertState.ACKNOWLEDGED),
            lambda found: replace(
                found, state=AlertState.OPEN, handler=None, owner=owner, unit=unit if unit is not None else found.unit
            ),
            comment,
            version,
        )

    def _handle(
        self,
        principal: Principal,
        alert: AlertId,
        act: AlertAct,
        states: tuple[AlertState, ...],
        change: Callable[[Alert], Alert],
        comment: str,
        version: int | None,
    ) -> Alert:
        found = self._readable(principal, alert)
        try:
            policy = self.gate.handle(principal, found)
            _in_state(found, states)
        except (ForbiddenError, AlertStateError) as error:
            self.journal.append(refused_act(principal, found, act, error))
            raise
        seen = found.version if version is None else version
        changed = replace(change(found), version=seen + 1)
        event = AlertEvent(self.now(), principal.account, act, comment)

        def write(tx: Tx) -> Alert:
            if seen != found.version or not self.store.update(tx, changed, seen, event):
                raise AlertVersionError(
                    "Somebody else acted on the alert in between: read it again, then act.",
                    detail_zh="该预警已由他人办理，请刷新后再办理。",
                )
            return changed

        facts = _facts(changed)
        if comment:
            facts["comment_sha256"] = hashlib.sha256(comment.encode()).hexdigest()
        if changed.finding is not None:
            facts |= {"finding": changed.finding.value, "late": changed.late(self.now())}
        return self.journal.record(write, EntryDraft(KINDS[act], principal, facts=facts, policy=policy))[0]

    # inside

    def require_reader(self, principal: Principal) -> None:
        """Raise ``ForbiddenError`` for whoever may not even see alerts of their own unit."""
        self.gate.read(principal, (principal.unit or UnitCode(""), Role.DATA_OFFICER))

    def may_read(self, principal: Principal, desk: Desk) -> bool:
        """Say whether the principal may see the alerts of a desk."""
        try:
            self.gate.read(principal, desk)
        except ForbiddenError:
            return False
        return True

    def _readable(self, principal: Principal, alert: AlertId) -> Alert:
        found = self.reader.read(lambda tx: self.store.get(tx, alert))
        if found is None or not self.may_read(principal, (found.unit, found.owner)):
            raise NotFoundError("There is no such alert.", detail_zh="没有该预警。")
        return found

    def _evidence(self, tx: Tx, alert: Alert, indexes: Sequence[int]) -> Iterator[Evidence]:
        rule = self.alerting.rules.get(alert.rule)
        for index in indexes:
            for stored in self.log.entries(tx, index, index + 1):
                content = decode_entry(stored.body)
                links = content["links"]
                actor = member(content, "actor.id")
                yield Evidence(
                    index,
                    str(content["at"]),
                    str(content["kind"]),
                    str(content["outcome"]),
                    None if actor is None else str(actor),
                    {name: str(value) for name, value in links.items()} if isinstance(links, dict) else {},
                    {} if rule is None else shown(rule, content),
                )


def _in_state(alert: Alert, states: tuple[AlertState, ...]) -> None:
    if alert.state not in states:
        raise AlertStateError(
            f"The alert is '{alert.state}'; this act needs: {', '.join(states)}.",
            detail_zh="预警的当前状态不能这样办理：先认领，再办结。",
            missing=tuple(state.value for state in states),
        )


def _facts(alert: Alert) -> dict[str, JsonValue]:
    return {
        "alert": alert.id,
        "rule": alert.rule,
        "severity": alert.severity,
        "unit": alert.unit,
        "owner": alert.owner.value,
        "count": alert.count,
    }


def refused_act(principal: Principal, alert: Alert, act: str, error: GatewayError) -> EntryDraft:
    """Return the entry of an act on an alert, or on what suppresses more of it, that was refused."""
    policy = error.extra.get("policy")
    facts: dict[str, JsonValue] = {
        "alert": alert.id,
        "act": act,
        "error": type(error).__name__,
        "rule": error.rule,
        "missing": list(error.missing),
    }
    return EntryDraft(
        "alert.refused_act",
        principal,
        outcome="refused",
        facts=facts,
        policy=None if policy is None else str(policy),
    )
