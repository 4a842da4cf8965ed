"""Lending the approval for a time: who may, to whom, and how it ends (A50-10, A50-11).

Whoever decides under a delegation is responsible for the decision, and the trail names both people.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from gateway.accounts.authority import Authority, refusals
from gateway.accounts.delegation_records import Delegation, DelegationId, DelegationStore, Ended
from gateway.accounts.errors import AccountNotFoundError, DelegationRefusedError, RoleConflictError
from gateway.accounts.records import Account
from gateway.accounts.repositories import AccountStore
from gateway.accounts.roles import check_together
from gateway.accounts.sealing import civil_date
from gateway.errors import ConflictError, ForbiddenError, NotFoundError, ParameterError
from gateway.ids import AccountId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import AccountKind, Principal, Role
from rulebook.records import Parameters

LISTED = 500
MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class DelegationSpec:
    """What is needed to lend the approval."""

    deputy: AccountId
    valid_from: date
    valid_to: date
    reason: str = field(repr=False)


class Delegations:
    """Everything that is done to delegations, and what of them holds at a moment."""

    def __init__(
        self,
        *,
        store: DelegationStore,
        accounts: AccountStore,
        journal: Journal,
        reader: Reader,
        authority: Authority,
        parameters: Parameters,
        now: Callable[[], datetime],
        new_id: Callable[[], str] = lambda: f"dl-{secrets.token_hex(8)}",
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._journal = journal
        self._reader = reader
        self._authority = authority
        self._parameters = parameters
        self._now = now
        self._new_id = new_id

    def make(self, actor: Principal, spec: DelegationSpec) -> Delegation:
        """Lend the actor's approval to ``spec.deputy`` for the days given, both included, and return the delegation.

        Raises ``ForbiddenError`` unless the actor approves in the own name, ``AccountNotFoundError``,
        ``ParameterError`` for the dates, ``RoleConflictError`` and ``DelegationRefusedError`` for the deputy.
        """
        reason = _reason(spec.reason)
        with refusals(self._journal, actor, "delegate", delegator=actor.account):
            policy = self._authority.delegate(actor, actor.unit)
            if actor.on_behalf is not None:
                raise _not_own()
            self._check_period(spec)

            def write(tx: Tx) -> Delegation:
                self._store.lock(tx, actor.account, spec.deputy)
                made = self._made(tx, actor.account, spec, reason)
                self._store.add(tx, made)
                return made

            made, _ = self._journal.record(
                write, lambda done: EntryDraft("delegation.made", actor, facts=_facts(done), policy=policy)
            )
        return made

    def revoke(self, actor: Principal, delegation: DelegationId) -> Delegation:
        """End a delegation at once; by who lent it, who borrowed it, or a manager of accounts of the unit.

        Raises ``NotFoundError`` (also for those who may not know of it), ``ForbiddenError`` and ``ConflictError``
        when it is over.
        """
        found = self._reader.read(lambda tx: self._store.get(tx, delegation))
        if found is None or not self._sees(actor, found):
            raise NotFoundError("There is no such delegation.", detail_zh="没有这项委托。")
        now = self._now()

        def write(tx: Tx) -> None:
            if not self._store.end(tx, found.id, now, actor.account, Ended.REVOKED):
                raise ConflictError("The delegation is over already.", detail_zh="该委托已结束。")

        facts = {**_facts(found), "why": Ended.REVOKED.value}
        self._journal.record(write, EntryDraft("delegation.ended", actor, facts=facts))
        return self._reader.read(lambda tx: self._store.get(tx, delegation)) or found

    def listed(self, actor: Principal) -> tuple[Delegation, ...]:
        """Return what concerns the actor and the units that the actor manages, newest first."""
        return tuple(
            one for one in self._reader.read(lambda tx: self._store.listed(tx, limit=LISTED)) if self._sees(actor, one)
        )

    def candidates(self, actor: Principal) -> tuple[Account, ...]:
        """Return who could be the actor's deputy: people of the department and of those above it, by post.

        Raises ``ForbiddenError`` unless the actor may lend an approval.
        """
        self._authority.delegate(actor, actor.unit)
        today = civil_date(self._now())

        def fit(tx: Tx) -> list[Account]:
            lender = self._accounts.get(tx, actor.account)
            units = self._authority.above(lender.unit) if lender is not None and lender.unit is not None else ()
            near = [one for unit in units for one in self._accounts.listed(tx, unit=unit, kind=AccountKind.STAFF)]
            return [one for one in near if lender is not None and self._unfit(tx, one, lender, today) is None]

        return tuple(sorted(self._reader.read(fit), key=lambda one: (one.unit or "", one.post, one.id)))

    def lent(self, tx: Tx, deputy: Account, today: date) -> Delegation | None:
        """Return the delegation under which ``deputy`` may approve on ``today``, ``None`` when there is none.

        Looked up at each use: a delegator who is sealed or approves no longer ends it at once.
        """
        found = self._store.of_deputy(tx, deputy.id, today) if deputy.kind is AccountKind.STAFF else None
        if found is None or self._broken(tx, found, today) is not None:
            return None
        return found

    def sweep(self) -> int:
        """Write down the end of each delegation that is over; return how many. A second call finds nothing."""
        return self.settle()

    def settle(self, *accounts: AccountId) -> int:
        """Write down the end of delegations of ``accounts`` (all when none is named) that hold no longer."""
        today = civil_date(self._now())

        def over(tx: Tx) -> list[tuple[Delegation, Ended]]:
            live = [(one, self._broken(tx, one, today)) for one in self._store.live(tx, *accounts)]
            return [(one, why) for one, why in live if why is not None]

        return sum(self._end(one, why, today) for one, why in self._reader.read(over))

    # --- inside -----------------------------------------------------------------------------------------------

    def _end(self, delegation: Delegation, why: Ended, today: date) -> bool:
        def write(tx: Tx) -> None:
            still = self._store.get(tx, delegation.id)
            if still is None or self._broken(tx, still, today) is None:
                raise _HoldsError
            if not self._store.end(tx, delegation.id, self._now(), None, why):
                raise _HoldsError

        facts = {**_facts(delegation), "why": why.value}
        try:
            self._journal.record(write, EntryDraft("delegation.ended", None, facts=facts))
        except _HoldsError:
            return False
        return True

    def _broken(self, tx: Tx, delegation: Delegation, today: date) -> Ended | None:
        """Return why a delegation that was not ended holds no longer on ``today``; one that is to come holds."""
        if today > delegation.valid_to:
            return Ended.PERIOD
        delegator = self._accounts.get(tx, delegation.delegator)
        if delegator is None or not self._approves(delegator, today) or delegator.unit != delegation.unit:
            return Ended.DELEGATOR
        deputy = self._accounts.get(tx, delegation.deputy)
        if deputy is None or self._unfit(tx, deputy, delegator, today) is not None:
            return Ended.DEPUTY
        return None

    def _approves(self, account: Account, today: date) -> bool:
        return Role.APPROVING_OFFICER in account.roles and not self._closed(account, today)

    def _closed(self, account: Account, today: date) -> bool:
        return account.sealed_at is not None or account.unused_too_long(today, self._parameters.sealing_months)

    def _made(self, tx: Tx, delegator: AccountId, spec: DelegationSpec, reason: str) -> Delegation:
        today = civil_date(self._now())
        lender = self._accounts.get(tx, delegator)
        if lender is None or lender.unit is None or not self._approves(lender, today):
            raise _not_own()
        deputy = self._accounts.get(tx, spec.deputy)
        if deputy is None or deputy.kind is not AccountKind.STAFF:
            raise AccountNotFoundError("There is no such account.", detail_zh="没有这个账号。")
        unfit = self._unfit(tx, deputy, lender, today)
        if unfit is not None:
            raise unfit
        for other in self._store.live(tx, lender.id, deputy.id):
            if other.valid_from <= spec.valid_to and spec.valid_from <= other.valid_to:
                raise _refused(
                    "On some of these days one of the two lends or borrows an approval already. Revoke that one first.",
                    "所选日期内，委托人或代行人已有其他委托，请先撤销。",
                    "another_period",
                )
        return Delegation(
            id=DelegationId(self._new_id()),
            delegator=lender.id,
            deputy=deputy.id,
            unit=lender.unit,
            valid_from=spec.valid_from,
            valid_to=spec.valid_to,
            made_at=self._now(),
            reason=reason,
        )

    def _unfit(
        self, tx: Tx, deputy: Account, lender: Account, today: date
    ) -> DelegationRefusedError | RoleConflictError | None:
        """Return why ``deputy`` cannot approve for ``lender``, ``None`` when they can."""
        same = deputy.id == lender.id or (deputy.name == lender.name and deputy.unit == lender.unit)
        if same:
            return _refused("Lend the approval to somebody else.", "不得委托本人。", "another_person")
        if lender.unit is None or deputy.unit is None or deputy.unit not in self._authority.above(lender.unit):
            return _refused(
                "The deputy works for the same department or for one above it.",
                "代行人应为本单位或上级教育行政部门的工作人员。",
                "unit",
            )
        if self._closed(deputy, today) or deputy.totp_sealed is None:
            return _refused(
                "The deputy needs an account that is not sealed, with a second factor.",
                "代行人的账号应有效且已启用第二因素（动态口令）。",
                "second_factor",
            )
        if Role.APPROVING_OFFICER in deputy.roles:
            return _refused(
                "The deputy approves in the own name already.", "该人员本身即为批准人，无需委托。", "another_person"
            )
        held = deputy.roles.union(*(one.roles for one in self._accounts.same_person(tx, deputy.name, deputy.unit)))
        try:
            check_together(held | {Role.APPROVING_OFFICER})
        except RoleConflictError as error:
            return error
        return None

    def _check_period(self, spec: DelegationSpec) -> None:
        days = (spec.valid_to - spec.valid_from).days + 1
        longest = self._parameters.delegation_days
        if spec.valid_from < civil_date(self._now()) or not 1 <= days <= longest:
            raise ParameterError(
                f"A delegation begins today or later and lasts 1 to {longest} days.",
                detail_zh=f"委托应自今日或以后起算，最长 {longest} 天。",
                rule="A50-10",
                missing=("valid_from", "valid_to"),
            )

    def _sees(self, actor: Principal, delegation: Delegation) -> bool:
        if actor.account in {delegation.delegator, delegation.deputy}:
            return True
        try:
            self._authority.manage_accounts(actor, delegation.unit)
        except ForbiddenError:
            return False
        return True


class _HoldsError(Exception):
    """The delegation holds, or is over, since it was read; undoes the end."""


def _facts(delegation: Delegation) -> dict[str, JsonValue]:
    return {
        "delegation": delegation.id,
        "delegator": delegation.delegator,
        "deputy": delegation.deputy,
        "unit": delegation.unit,
        "valid_from": delegation.valid_from.isoformat(),
        "valid_to": delegation.valid_to.isoformat(),
        "reason_sha256": hashlib.sha256(delegation.reason.encode()).hexdigest(),
    }


def _reason(typed: str) -> str:
    text = typed.strip()
    if not text or len(text) > MAX_REASON:
        raise ParameterError(
            f"Give a reason of 1 to {MAX_REASON} characters.",
            detail_zh=f"请填写原因（1 至 {MAX_REASON} 字）。",
            rule="A50-10",
            missing=("reason",),
        )
    return text


def _not_own() -> DelegationRefusedError:
    return _refused(
        "Only an approval of one's own can be lent: a deputy lends nothing on.",
        "只能委托本人的批准职责，代行人不得再委托。",
        "own_approval",
    )


def _refused(detail: str, detail_zh: str, missing: str) -> DelegationRefusedError:
    return DelegationRefusedError(detail, detail_zh=detail_zh, missing=(missing,), extra={"policy": "delegations"})
