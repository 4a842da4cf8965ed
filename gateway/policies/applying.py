"""What an applicant does: draft, edit, submit, answer a return, take back."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.ids import ApplicationId, RecipientId, UnitCode
from gateway.policies.acting import Acting, in_state, sorted_fields
from gateway.policies.admission import require_complete, require_texts
from gateway.policies.codec import dump, scope_value
from gateway.policies.decision import Action
from gateway.policies.records import Application, ApplicationDraft, ApplicationState, Change
from gateway.policies.screening import require_no_numbers
from gateway.policies.terms import terms_on
from gateway.policies.trail import application_links, scope_facts
from gateway.principals import Principal

UNDECIDED: Final = (
    ApplicationState.DRAFT,
    ApplicationState.SUBMITTED,
    ApplicationState.RETURNED,
    ApplicationState.BASIS_RECORDED,
    ApplicationState.CONFIRMED,
)
"""States in which an applicant may still take the application back."""


class Applying(Acting):
    """The applicant's side of an application."""

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
            self._require_in_force(application.recipient)
        submitted = replace(
            application,
            state=ApplicationState.SUBMITTED,
            round=1,
            history=(*application.history, self._event(principal, "submitted")),
        )
        return self._insert(principal, submitted, decision, "application.submitted")

    def edit(
        self, principal: Principal, application_id: ApplicationId, draft: ApplicationDraft, *, version: int
    ) -> Application:
        """Replace what a draft or a returned application says; return it. Raises ``WrongStateError`` later on.

        The history keeps what was replaced, so that every older version can be read.
        """
        before = self._at(application_id, version)
        with self._refusals(principal, Action.APPLY, application_links(before), before):
            decision = self._require(principal, Action.APPLY, before)
            in_state(before, ApplicationState.DRAFT, ApplicationState.RETURNED)
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
                terms_version=drafted.terms_version,
            )
            require_texts(after)
        facts = {**scope_facts(after.scope), "terms_version": after.terms_version}
        return self._change(
            principal, before, after, "edited", "", decision, facts=facts, changes=differences(before, after)
        )

    def submit(self, principal: Principal, application_id: ApplicationId, *, version: int) -> Application:
        """Submit a draft, or a returned application once more; return it in state ``submitted``, one round on.

        Raises ``ApplicationIncompleteError`` that names what is missing (also the security terms in force),
        ``ScopeExceededError`` when it asks for more than its purpose or its profile allows, ``RecipientBarredError``
        when the recipient is not in force, ``ForbiddenError``, ``WrongStateError``, ``StaleVersionError``.
        """
        before = self._at(application_id, version)
        with self._refusals(principal, Action.SUBMIT, application_links(before), before):
            decision = self._require(principal, Action.SUBMIT, before)
            in_state(before, ApplicationState.DRAFT, ApplicationState.RETURNED)
            require_complete(before, self._book, self._today())
            self._require_in_force(before.recipient)
        after = replace(before, state=ApplicationState.SUBMITTED, round=before.round + 1)
        facts = {**scope_facts(after.scope), "round": after.round, "terms_version": after.terms_version}
        return self._change(
            principal, before, after, "resubmitted" if before.round else "submitted", "", decision, facts=facts
        )

    def take_back(
        self, principal: Principal, application_id: ApplicationId, *, version: int, reason: str = ""
    ) -> Application:
        """Take an own application back before it is decided; return it in state ``withdrawn``.

        Whoever may apply may take back. Raises ``ForbiddenError``, ``WrongStateError``, ``StaleVersionError``.
        """
        before = self._at(application_id, version)
        with self._refusals(principal, Action.APPLY, application_links(before), before):
            decision = self._require(principal, Action.APPLY, before)
            in_state(before, *UNDECIDED)
            require_no_numbers({"reason": reason})
        after = replace(before, state=ApplicationState.WITHDRAWN)
        return self._change(
            principal,
            before,
            after,
            "taken_back",
            reason,
            decision,
            kind="application.withdrawn",
            also=lambda tx: self._dry_runs.decided(tx, before.id, None, None),  # its samples go with it
        )

    def _drafted(self, principal: Principal, draft: ApplicationDraft) -> Application:
        territory = draft.scope.population.territory
        division = self._book.divisions.by_code.get(territory)
        # a zone has no education department of its own: its city decides
        unit = division.parent if division is not None and division.zone and division.parent else territory
        terms = draft.terms_version or terms_on(self._book.security_terms, self._today()).version
        now = self._now()
        return Application(
            id=ApplicationId(self._new_id("ap")),
            state=ApplicationState.DRAFT,
            applicant=principal.account,
            recipient=principal.recipient or RecipientId(""),
            recipient_name=draft.recipient_name.strip(),
            responsible=draft.responsible.strip(),
            unit=UnitCode(unit),
            scope=sorted_fields(draft.scope),
            reason=draft.reason.strip(),
            protection=draft.protection.strip(),
            terms_accepted=draft.terms_accepted,
            terms_version=terms if draft.terms_accepted else "",
            created_at=now,
            since=now,
            history=(self._event(principal, "drafted"),),
        )


def differences(before: Application, after: Application) -> tuple[Change, ...]:
    """Return what differs between two versions, member by member; the scope by its dimensions."""
    old, new = _said(before), _said(after)
    return tuple(Change(member, old[member], new[member]) for member in old if old[member] != new[member])


def _said(application: Application) -> dict[str, str]:
    scope = scope_value(application.scope)
    population = scope.pop("population")
    parts = {**scope, **(population if isinstance(population, dict) else {})}
    told = {member: value if isinstance(value, str) else dump(value) for member, value in parts.items()}
    return {
        "recipient_name": application.recipient_name,
        "responsible": application.responsible,
        **told,
        "reason": application.reason,
        "protection": application.protection,
        "terms_version": application.terms_version,
    }


def _unchecked_links(application: Application) -> dict[str, str]:
    """Return the links of an application whose texts are not checked yet: none of them goes into the trail (I7)."""
    return {"recipient": application.recipient} if application.recipient else {}
