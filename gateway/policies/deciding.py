"""The approving officer's decision: approve, narrow, return or refuse; an approval signs the grant."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from gateway.errors import ParameterError
from gateway.ids import ApplicationId, GrantId
from gateway.journal import Tx
from gateway.policies.acting import in_state, need_reason, sorted_fields
from gateway.policies.admission import granted_scope, require_different_people
from gateway.policies.assessing import Assessing, assessment_facts
from gateway.policies.decision import Action
from gateway.policies.dry_runs import seen_by_approver
from gateway.policies.grounding import Grounding
from gateway.policies.grounds import label
from gateway.policies.records import Application, ApplicationState, Grant, GrantState, Ground, Scope
from gateway.policies.screening import require_no_numbers
from gateway.policies.terms import accepted
from gateway.policies.trail import application_links, scope_facts
from gateway.principals import Principal

DecisionKind = Literal["approve", "narrow", "return", "refuse"]


class Deciding(Assessing, Grounding):
    """Returning an application, and deciding it."""

    def return_application(
        self, principal: Principal, application_id: ApplicationId, *, version: int, reason: str
    ) -> Application:
        """Send an application back to the applicant with a reason; a ground recorded so far is detached."""
        before = self._at(application_id, version)
        with self._refusals(principal, Action.RETURN_APPLICATION, application_links(before), before):
            decision = self._require(principal, Action.RETURN_APPLICATION, before)
            in_state(before, ApplicationState.SUBMITTED, ApplicationState.BASIS_RECORDED, ApplicationState.CONFIRMED)
            need_reason(reason)
        after = replace(
            before,
            state=ApplicationState.RETURNED,
            ground_id=None,
            ground=None,
            ground_recorder=None,
            ground_confirmer=None,
            recorder_for=None,
            confirmer_for=None,
        )
        return self._change(
            principal, before, after, "returned", reason, decision, also=lambda tx: self._destroy_samples(tx, before)
        )

    def decide(
        self,
        principal: Principal,
        application_id: ApplicationId,
        kind: DecisionKind,
        *,
        version: int,
        reason: str = "",
        narrowed: Scope | None = None,
        dry_run: str | None = None,
    ) -> Application:
        """Approve, narrow, return or refuse; return the application, with ``grant_id`` after an approval.

        ``approve`` grants the computed intersection of application, purpose, profile and ground (I6);
        ``narrow`` grants ``narrowed``, which must lie within it. All but ``approve`` need a reason. Under
        separation ``two`` the approver may confirm the ground in the same act. ``dry_run`` names what the approver
        saw of the data; it must have measured what is granted. Raises ``ForbiddenError``,
        ``GroundRefusedError``, ``RecipientBarredError`` while the recipient owes a deletion or is not in force
        (``A50-12``), ``ScopeExceededError``, ``WrongStateError``, ``StaleVersionError``.
        """
        match kind:
            case "return":
                return self.return_application(principal, application_id, version=version, reason=reason)
            case "refuse":
                return self._refuse(principal, application_id, version=version, reason=reason)
            case "approve" | "narrow":
                if (kind == "narrow") != (narrowed is not None):
                    raise ParameterError("A narrowed scope belongs to the decision 'narrow', and to no other.")
                return self._approve(
                    principal, application_id, version=version, reason=reason, narrowed=narrowed, dry_run=dry_run
                )

    def _refuse(self, principal: Principal, application_id: ApplicationId, *, version: int, reason: str) -> Application:
        before = self._at(application_id, version)
        with self._refusals(principal, Action.DECIDE_APPLICATION, application_links(before), before):
            decision = self._require(principal, Action.DECIDE_APPLICATION, before)
            in_state(before, ApplicationState.SUBMITTED, ApplicationState.BASIS_RECORDED, ApplicationState.CONFIRMED)
            need_reason(reason)
        after = replace(
            before,
            state=ApplicationState.REFUSED,
            approver=principal.account,
            approver_for=principal.on_behalf,
            decision_reason=reason.strip(),
        )
        return self._change(
            principal, before, after, "refused", reason, decision, also=lambda tx: self._destroy_samples(tx, before)
        )

    def _destroy_samples(self, tx: Tx, application: Application) -> None:
        self._dry_runs.decided(tx, application.id, None, None)

    def _approve(
        self,
        principal: Principal,
        application_id: ApplicationId,
        *,
        version: int,
        reason: str,
        narrowed: Scope | None,
        dry_run: str | None,
    ) -> Application:
        before = self._at(application_id, version)
        with self._refusals(principal, Action.DECIDE_APPLICATION, application_links(before), before):
            decision = self._require(principal, Action.DECIDE_APPLICATION, before)
            self._require_unbarred(before.recipient)
            require_no_numbers({"reason": reason})
            ground = self._check_ground(before)
            confirmed = self._confirmed(principal, before)
            wanted = None if narrowed is None else sorted_fields(narrowed)
            scope = granted_scope(confirmed.scope, ground, self._book, self._today(), wanted)
            if narrowed is not None:
                need_reason(reason)
            seen = seen_by_approver(self._dry_runs, dry_run, before.id, scope, self._book.parameters)
            assessment = self._assessed(principal, confirmed, scope)
            grant = self._seal.sign(self._unsigned(principal, confirmed, ground, scope, decision.policy_set))
        notice, keep_papers = self._papers(assessment, grant, confirmed)
        after = replace(
            confirmed,
            state=ApplicationState.GRANTED,
            approver=principal.account,
            approver_for=principal.on_behalf,
            decision_reason=reason.strip(),
            grant_id=grant.id,
        )
        same_act = before.state is ApplicationState.BASIS_RECORDED

        def keep(tx: Tx) -> None:
            self._grounds.still_stands(tx, ground)
            self._store.insert_grant(tx, grant)
            self._dry_runs.decided(tx, before.id, seen, grant.id)
            keep_papers(tx)

        return self._change(
            principal,
            before,
            after,
            "narrowed" if scope != before.scope else "approved",
            reason if seen is None else f"{reason.strip()}\n{seen.words()}",
            decision,
            facts={
                **scope_facts(scope),
                **assessment_facts(assessment, notice),
                **self._grounds.facts(ground, before.id),
                **({} if seen is None else seen.facts()),
                "ground_label": grant.ground_label,
                "confirmed_in_same_act": same_act,
            },
            also=keep,
        )

    def _unsigned(
        self, principal: Principal, application: Application, ground: Ground, scope: Scope, policy_set: str
    ) -> Grant:
        """Return the grant to be signed; raises ``ForbiddenError`` when its people are not different ones."""
        approver = principal.account
        ground_id, recorder, confirmer = require_different_people(
            application, approver, self._separation, on_behalf=principal.on_behalf
        )
        terms_version, terms_sha256 = accepted(application, self._book.security_terms)
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
            policy_set=policy_set,
            state=GrantState.ACTIVE,
            uses_left=scope.uses,
            jws="",
            applicant=application.applicant,
            approver_for=principal.on_behalf,
            approver_unit=principal.unit or "",
            approver_post=principal.post,
            terms_version=terms_version,
            terms_sha256=terms_sha256,
        )
