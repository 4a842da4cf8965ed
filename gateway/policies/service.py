"""The life of an application: draft, submission, ground, confirmation, decision, grant, withdrawal.

Every act is decided by the decision point, checked against the rules, and committed together with its
audit entry; every refusal is an entry too (``A50-13``). Two acts on one version cannot both succeed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Final, Literal

from gateway.errors import ForbiddenError, NotFoundError, ParameterError
from gateway.ids import ApplicationId, GrantId, RecipientId, UnitCode
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.policies.admission import granted_scope, require_complete, require_different_people, require_texts
from gateway.policies.decision import Action, Decision, DecisionPoint
from gateway.policies.errors import ApplicationIncompleteError, GroundRefusedError, StaleVersionError, WrongStateError
from gateway.policies.grants import GrantSeal
from gateway.policies.grounds import label, normalize_ground, require_ground
from gateway.policies.protocols import GrantStore, PolicyStore
from gateway.policies.queries import ApplicationQueries, Permission, RegisterEntry, WorkItem
from gateway.policies.records import (
    Application,
    ApplicationDraft,
    ApplicationState,
    Grant,
    GrantState,
    Ground,
    GroundId,
    HistoryEvent,
    Scope,
)
from gateway.policies.resources import application_resource, grant_resource
from gateway.policies.scope import civil_date
from gateway.policies.trail import REFUSALS, application_links, grant_links, refused, scope_facts
from gateway.principals import Principal
from rulebook.records import Rulebook

__all__ = [
    "ApplicationDraft",
    "ApplicationService",
    "GrantStore",
    "Permission",
    "PolicyStore",
    "RegisterEntry",
    "WorkItem",
    "random_id",
]

_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz"
DecisionKind = Literal["approve", "narrow", "return", "refuse"]


def random_id(prefix: str) -> str:
    """Return a random id of ``prefix`` and 20 letters (90 bits); without digits it resembles no number of a person."""
    return f"{prefix}-{''.join(secrets.choice(_LETTERS) for _ in range(20))}"


class ApplicationService(ApplicationQueries):
    """The use cases of this room. ``separation`` is ``two`` or ``three`` (design 5)."""

    def __init__(
        self,
        *,
        store: PolicyStore,
        journal: Journal,
        reader: Reader,
        decisions: DecisionPoint,
        book: Rulebook,
        seal: GrantSeal,
        separation: str,
        now: Callable[[], datetime],
        new_id: Callable[[str], str] = random_id,
    ) -> None:
        if separation not in {"two", "three"}:
            raise ParameterError("The separation of duties must be 'two' or 'three'.")
        super().__init__(
            store=store, reader=reader, decisions=decisions, book=book, seal=seal, separation=separation, now=now
        )
        self._journal = journal
        self._new_id = new_id

    def draft(self, principal: Principal, draft: ApplicationDraft) -> Application:
        """Write down a new application in state ``draft`` and return it. Raises ``ForbiddenError``."""
        application = self._drafted(principal, draft)
        with self._refusals(principal, Action.APPLY, _unchecked_links(application)):
            decision = self._require(principal, Action.APPLY, application)
            require_texts(application)
        return self._insert(principal, application, decision, "application.drafted")

    def create(self, principal: Principal, draft: ApplicationDraft) -> Application:
        """Write down a new application and submit it in one act; return it in state ``submitted``.

        Raises what ``submit`` raises; nothing is kept then.
        """
        application = self._drafted(principal, draft)
        with self._refusals(principal, Action.SUBMIT, _unchecked_links(application)):
            decision = self._require(principal, Action.SUBMIT, application)
            require_complete(application, self._book, self._today())
        submitted = replace(
            application,
            state=ApplicationState.SUBMITTED,
            history=(*application.history, self._event(principal, "submitted")),
        )
        return self._insert(principal, submitted, decision, "application.submitted")

    def edit(
        self, principal: Principal, application_id: ApplicationId, draft: ApplicationDraft, *, version: int
    ) -> Application:
        """Replace what a draft or a returned application says; return it. Raises ``WrongStateError`` later on."""
        before = self._at(application_id, version)
        with self._refusals(principal, Action.APPLY, application_links(before), before):
            decision = self._require(principal, Action.APPLY, before)
            _in_state(before, ApplicationState.DRAFT, ApplicationState.RETURNED)
            drafted = self._drafted(principal, draft)
            after = replace(
                before,
                recipient_name=drafted.recipient_name,
                responsible=drafted.responsible,
                scope=drafted.scope,
                unit=drafted.unit,
                reason=drafted.reason,
                protection=drafted.protection,
                terms_accepted=drafted.terms_accepted,
            )
            require_texts(after)
        return self._change(principal, before, after, "edited", "", decision, facts=scope_facts(after.scope))

    def submit(self, principal: Principal, application_id: ApplicationId, *, version: int) -> Application:
        """Submit a draft or a returned application; return it.

        Raises ``ApplicationIncompleteError`` that names what is missing, ``ScopeExceededError`` when it asks
        for more than its purpose or its profile allows, ``ForbiddenError``, ``WrongStateError``, ``StaleVersionError``.
        """
        before = self._at(application_id, version)
        with self._refusals(principal, Action.SUBMIT, application_links(before), before):
            decision = self._require(principal, Action.SUBMIT, before)
            _in_state(before, ApplicationState.DRAFT, ApplicationState.RETURNED)
            require_complete(before, self._book, self._today())
        after = replace(before, state=ApplicationState.SUBMITTED)
        return self._change(principal, before, after, "submitted", "", decision, facts=scope_facts(after.scope))

    def return_application(
        self, principal: Principal, application_id: ApplicationId, *, version: int, reason: str
    ) -> Application:
        """Send an application back to the applicant with a reason; a ground recorded so far is detached."""
        before = self._at(application_id, version)
        with self._refusals(principal, Action.RETURN_APPLICATION, application_links(before), before):
            decision = self._require(principal, Action.RETURN_APPLICATION, before)
            _in_state(before, ApplicationState.SUBMITTED, ApplicationState.BASIS_RECORDED, ApplicationState.CONFIRMED)
            _need_reason(reason)
        after = replace(
            before,
            state=ApplicationState.RETURNED,
            ground_id=None,
            ground=None,
            ground_recorder=None,
            ground_confirmer=None,
        )
        return self._change(principal, before, after, "returned", reason, decision)

    def record_ground(
        self, principal: Principal, application_id: ApplicationId, ground: Ground, *, version: int
    ) -> Application:
        """Record the legal ground of a submitted application; return it.

        Raises ``GroundRefusedError`` that names every problem of the ground, ``ForbiddenError``,
        ``WrongStateError``, ``StaleVersionError``. Source: ``A50-5`` to ``A50-7``.
        """
        before = self._at(application_id, version)
        with self._refusals(principal, Action.RECORD_GROUND, application_links(before), before):
            decision = self._require(principal, Action.RECORD_GROUND, before)
            _in_state(before, ApplicationState.SUBMITTED)
            require_ground(ground, before.scope, before.recipient, self._book, self._today())
        normal = normalize_ground(ground)
        ground_id = GroundId(self._new_id("ba"))
        after = replace(
            before,
            state=ApplicationState.BASIS_RECORDED,
            ground_id=ground_id,
            ground=normal,
            ground_recorder=principal.account,
        )
        facts: dict[str, JsonValue] = {"ground_kind": normal.kind, "ground_label": label(normal, self._book)}
        return self._change(
            principal,
            before,
            after,
            "ground_recorded",
            "",
            decision,
            facts=facts,
            kind="ground.recorded",
            also=lambda tx: self._store.insert_ground(tx, ground_id, before.id, normal, principal.account, self._now()),
        )

    def confirm_ground(
        self, principal: Principal, application_id: ApplicationId, *, version: int, comment: str = ""
    ) -> Application:
        """Confirm the ground that another person recorded, checked anew as of today; return the application."""
        before = self._at(application_id, version)
        with self._refusals(principal, Action.CONFIRM_GROUND, application_links(before), before):
            decision = self._require(principal, Action.CONFIRM_GROUND, before)
            _in_state(before, ApplicationState.BASIS_RECORDED)
            self._check_ground(before)
        after = replace(before, state=ApplicationState.CONFIRMED, ground_confirmer=principal.account)
        return self._change(principal, before, after, "ground_confirmed", comment, decision, kind="ground.confirmed")

    def decide(
        self,
        principal: Principal,
        application_id: ApplicationId,
        kind: DecisionKind,
        *,
        version: int,
        reason: str = "",
        narrowed: Scope | None = None,
    ) -> Application:
        """Approve, narrow, return or refuse; return the application, with ``grant_id`` after an approval.

        ``approve`` grants the computed intersection of application, purpose, profile and ground (I6);
        ``narrow`` grants ``narrowed``, which must lie within it. All but ``approve`` need a reason. Under
        separation ``two`` the approver may confirm the ground in the same act. Raises ``ForbiddenError``,
        ``GroundRefusedError``, ``ScopeExceededError``, ``WrongStateError``, ``StaleVersionError``.
        """
        match kind:
            case "return":
                return self.return_application(principal, application_id, version=version, reason=reason)
            case "refuse":
                return self._refuse(principal, application_id, version=version, reason=reason)
            case "approve" | "narrow":
                if (kind == "narrow") != (narrowed is not None):
                    raise ParameterError("A narrowed scope belongs to the decision 'narrow', and to no other.")
                return self._approve(principal, application_id, version=version, reason=reason, narrowed=narrowed)

    def withdraw_grant(self, principal: Principal, grant_id: GrantId, *, reason: str) -> Grant:
        """Withdraw a grant at once; return it. Nothing more leaves under it (``A50-12``).

        Raises ``NotFoundError``, ``ForbiddenError``, ``WrongStateError`` when it has been withdrawn already.
        """
        grant = self.grant(grant_id)
        with self._refusals(principal, Action.WITHDRAW_GRANT, grant_links(grant)):
            decision = self.authorize(principal, Action.WITHDRAW_GRANT, grant_resource(grant))
            _need_reason(reason)
        application = self._application(grant.application)
        after = replace(application, state=ApplicationState.WITHDRAWN)

        def withdraw(tx: Tx) -> None:
            among = (GrantState.ACTIVE, GrantState.SUSPENDED)
            if not self._store.set_grant_state(tx, grant_id, GrantState.WITHDRAWN, among=among):
                raise WrongStateError("The grant has been withdrawn already.", detail_zh="该授权已撤回。")

        self._change(
            principal, application, after, "withdrawn", reason, decision, kind="grant.withdrawn", also=withdraw
        )
        return replace(grant, state=GrantState.WITHDRAWN)

    def _refuse(self, principal: Principal, application_id: ApplicationId, *, version: int, reason: str) -> Application:
        before = self._at(application_id, version)
        with self._refusals(principal, Action.DECIDE_APPLICATION, application_links(before), before):
            decision = self._require(principal, Action.DECIDE_APPLICATION, before)
            _in_state(before, ApplicationState.SUBMITTED, ApplicationState.BASIS_RECORDED, ApplicationState.CONFIRMED)
            _need_reason(reason)
        after = replace(
            before, state=ApplicationState.REFUSED, approver=principal.account, decision_reason=reason.strip()
        )
        return self._change(principal, before, after, "refused", reason, decision)

    def _approve(
        self,
        principal: Principal,
        application_id: ApplicationId,
        *,
        version: int,
        reason: str,
        narrowed: Scope | None,
    ) -> Application:
        before = self._at(application_id, version)
        with self._refusals(principal, Action.DECIDE_APPLICATION, application_links(before), before):
            decision = self._require(principal, Action.DECIDE_APPLICATION, before)
            ground = self._check_ground(before)
            confirmed = self._confirmed(principal, before)
            wanted = None if narrowed is None else _sorted_fields(narrowed)
            scope = granted_scope(confirmed.scope, ground, self._book, self._today(), wanted)
            if narrowed is not None:
                _need_reason(reason)
            grant = self._seal.sign(self._unsigned(principal, confirmed, ground, scope))
        after = replace(
            confirmed,
            state=ApplicationState.GRANTED,
            approver=principal.account,
            decision_reason=reason.strip(),
            grant_id=grant.id,
        )
        same_act = before.state is ApplicationState.BASIS_RECORDED
        return self._change(
            principal,
            before,
            after,
            "narrowed" if scope != before.scope else "approved",
            reason,
            decision,
            facts={**scope_facts(scope), "ground_label": grant.ground_label, "confirmed_in_same_act": same_act},
            also=lambda tx: self._store.insert_grant(tx, grant),
        )

    def _confirmed(self, principal: Principal, application: Application) -> Application:
        """Return the application with a confirmed ground, confirming it in this act where ``two`` allows that."""
        if application.state is ApplicationState.BASIS_RECORDED and self._separation == "two":
            self._require(principal, Action.CONFIRM_GROUND, application)
            return replace(application, ground_confirmer=principal.account)
        _in_state(application, ApplicationState.CONFIRMED)
        return application

    def _unsigned(self, principal: Principal, application: Application, ground: Ground, scope: Scope) -> Grant:
        """Return the grant to be signed; raises ``ForbiddenError`` when its people are not different ones."""
        approver = principal.account
        ground_id, recorder, confirmer = require_different_people(application, approver, self._separation)
        return Grant(
            id=GrantId(self._new_id("gr")),
            application=application.id,
            recipient=application.recipient,
            recipient_name=application.recipient_name,
            responsible=application.responsible,
            scope=scope,
            ground_id=ground_id,
            ground_kind=ground.kind,
            ground_label=label(ground, self._book),
            basis_recorder=recorder,
            basis_confirmer=confirmer,
            approver=approver,
            approved_at=self._now(),
            policy_set=self._decisions.sha256,
            state=GrantState.ACTIVE,
            uses_left=scope.uses,
            jws="",
            applicant=application.applicant,
        )

    def _check_ground(self, application: Application) -> Ground:
        if application.ground is None:
            raise GroundRefusedError(
                "No legal ground has been recorded: nothing is granted without a law or a government's approval.",
                detail_zh="尚未登记依据：没有法律法规依据或县级以上人民政府批准，不得授权。",
                rule="A50-5",
                missing=("ground",),
            )
        require_ground(application.ground, application.scope, application.recipient, self._book, self._today())
        return application.ground

    def _drafted(self, principal: Principal, draft: ApplicationDraft) -> Application:
        territory = draft.scope.population.territory
        division = self._book.divisions.by_code.get(territory)
        # a zone has no education department of its own: its city decides
        unit = division.parent if division is not None and division.zone and division.parent else territory
        return Application(
            id=ApplicationId(self._new_id("ap")),
            state=ApplicationState.DRAFT,
            applicant=principal.account,
            recipient=principal.recipient or RecipientId(""),
            recipient_name=draft.recipient_name.strip(),
            responsible=draft.responsible.strip(),
            unit=UnitCode(unit),
            scope=_sorted_fields(draft.scope),
            reason=draft.reason.strip(),
            protection=draft.protection.strip(),
            terms_accepted=draft.terms_accepted,
            created_at=self._now(),
            history=(self._event(principal, "drafted"),),
        )

    def _at(self, application_id: ApplicationId, version: int) -> Application:
        application = self._application(application_id)
        if application.version != version:
            raise _stale()
        return application

    def _require(self, principal: Principal, action: Action, application: Application) -> Decision:
        return self.authorize(principal, action, application_resource(application))

    @contextmanager
    def _refusals(
        self, principal: Principal, act: Action, links: Mapping[str, str], application: Application | None = None
    ) -> Iterator[None]:
        """Write every refusal of the block into the audit trail, then raise it.

        Someone outside who may not even read the application is told that there is none.
        """
        try:
            yield
        except REFUSALS as error:
            self._journal.append(refused(principal, act, error, links, self._decisions.sha256))
            if (
                application is not None
                and principal.unit is None
                and isinstance(error, ForbiddenError)
                and not self._decide(principal, Action.READ_APPLICATION, application_resource(application)).allowed
            ):
                raise NotFoundError("There is no such application.", detail_zh="没有该申请。") from None
            raise

    def _insert(self, principal: Principal, application: Application, decision: Decision, kind: str) -> Application:
        entry = EntryDraft(
            kind=kind,
            actor=principal,
            facts={**scope_facts(application.scope), "policy_set": self._decisions.sha256},
            links=application_links(application),
            policy=decision.policy,
        )
        self._journal.record(lambda tx: self._store.insert_application(tx, application), entry)
        return application

    def _change(
        self,
        principal: Principal,
        before: Application,
        after: Application,
        act: str,
        comment: str,
        decision: Decision,
        *,
        facts: Mapping[str, JsonValue] | None = None,
        kind: str | None = None,
        also: Callable[[Tx], None] | None = None,
    ) -> Application:
        """Commit ``after`` with its event, its audit entry and what ``also`` writes, or nothing of it."""
        changed = replace(
            after, version=before.version + 1, history=(*before.history, self._event(principal, act, comment))
        )

        def write(tx: Tx) -> Application:
            if not self._store.update_application(tx, changed, before.version):
                raise _stale()
            if also is not None:
                also(tx)
            return changed

        entry = EntryDraft(
            kind=kind or f"application.{act}",
            actor=principal,
            facts={**(facts or {}), "policy_set": self._decisions.sha256, "separation": self._separation},
            links={**application_links(before), **application_links(changed)},
            policy=decision.policy,
        )
        result, _receipt = self._journal.record(write, entry)
        return result

    def _today(self) -> date:
        return civil_date(self._now())

    def _event(self, principal: Principal, act: str, comment: str = "") -> HistoryEvent:
        return HistoryEvent(self._now(), principal.account, act, comment.strip())


def _unchecked_links(application: Application) -> dict[str, str]:
    """Return the links of an application whose texts are not checked yet: none of them goes into the trail (I7)."""
    return {"recipient": application.recipient} if application.recipient else {}


def _in_state(application: Application, *states: ApplicationState) -> None:
    if application.state not in states:
        allowed = ", ".join(states)
        raise WrongStateError(
            f"The application is '{application.state}'; this act needs: {allowed}.",
            detail_zh="申请的当前状态不允许此操作。",
            missing=tuple(state.value for state in states),
        )


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise ApplicationIncompleteError(
            "Give a reason; it is part of the record.", detail_zh="请填写理由，理由将记入案卷。", missing=("reason",)
        )


def _sorted_fields(scope: Scope) -> Scope:
    return replace(scope, fields=tuple(sorted(set(scope.fields))))


def _stale() -> StaleVersionError:
    return StaleVersionError(
        "The application was changed in between: read it again, then act.",
        detail_zh="申请已被他人更改，请刷新后再办理。",
    )
