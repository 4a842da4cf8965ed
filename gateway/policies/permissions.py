"""The answer to "what may I do": until when, how much is left, what is due, and why all else is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from gateway.errors import ForbiddenError
from gateway.ids import GrantId
from gateway.policies.deadlines import STEPS
from gateway.policies.decision import Action, Resource
from gateway.policies.queries import ACTS, ApplicationQueries, GrantLifeView, WorkItem
from gateway.policies.records import Application, Grant, GrantState
from gateway.policies.resources import (
    application_resource,
    audit_log_resource,
    canary_resource,
    grant_resource,
    identity_resource,
    registry_resource,
    system_resource,
)
from gateway.principals import Principal

_ON_GRANTS: Final = (
    Action.WITHDRAW_GRANT,
    Action.SUSPEND_GRANT,
    Action.EXECUTE_RELEASE,
    Action.DELIVER_RELEASE,
)
_LIVE: Final = frozenset({GrantState.ACTIVE, GrantState.USED_UP})
_EXPLAINED: Final = 50
"""Applications and grants of which each refused act is explained, the newest."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that a principal may do: on which resource, by which policy, until when, how often still."""

    action: Action
    resource: str
    id: str
    policy: str
    until: date | None = None
    uses_left: int | None = None
    due: date | None = None
    """By when the act is to be done, where a deadline runs."""


@dataclass(frozen=True, slots=True)
class Denied:
    """One thing that a principal may not do, and why: by which policy and rule, and what is missing."""

    action: Action
    resource: str
    id: str
    policy: str
    rule: str | None
    zh: str
    en: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """Something that the principal's side has to do by a day: a step of an application, or a deletion certificate."""

    resource: str
    id: str
    step: str
    due: date
    overdue: bool


@dataclass(frozen=True, slots=True)
class Rights:
    """Everything that the gateway lets a principal do at this moment."""

    permissions: tuple[Permission, ...]
    grants: tuple[tuple[Grant, GrantLifeView], ...]
    deadlines: tuple[Due, ...]
    denied: tuple[Denied, ...]


class Permissions(ApplicationQueries):
    """What a principal may do; each line is a decision of the policies, made at this moment."""

    def permissions(self, principal: Principal) -> tuple[Permission, ...]:
        """Return what the principal may do now: in general, on applications in progress, and on live grants."""
        return self._permitted(principal, self.work_list(principal), self.grants(principal))

    def rights(self, principal: Principal) -> Rights:
        """Return what the principal may do, with limits and deadlines, and why nothing else is permitted."""
        items, grants = self.work_list(principal), self.grants(principal)
        lives = self.lives(grants)
        return Rights(
            permissions=self._permitted(principal, items, grants),
            grants=tuple((grant, lives[grant.id]) for grant in grants),
            deadlines=tuple(sorted(self._deadlines_of(items, grants, lives), key=lambda one: (one.due, one.id))),
            denied=tuple(self._denied(principal, grants)),
        )

    def _permitted(
        self, principal: Principal, items: tuple[WorkItem, ...], grants: tuple[Grant, ...]
    ) -> tuple[Permission, ...]:
        found: list[Permission] = []
        for action, resource, territory in self._general_questions(principal):
            decision = self._decide(principal, action, resource, territory=territory)
            if decision.allowed:
                found.append(Permission(action, resource.type, resource.id, decision.policy))
        for item in items:
            one = item.application
            found += [
                Permission(act, "Application", one.id, self._policy(principal, act, one), due=item.due)
                for act in item.acts
            ]
        for grant in grants:
            for act in self._acts_on(grant):
                decision = self._decide(principal, act, grant_resource(grant))
                if decision.allowed:
                    found.append(
                        Permission(act, "Grant", grant.id, decision.policy, grant.scope.valid_to, grant.uses_left)
                    )
        return tuple(found)

    def _denied(self, principal: Principal, grants: tuple[Grant, ...]) -> Iterator[Denied]:
        for action, resource, territory in self._general_questions(principal):
            yield from self._why(principal, action, resource, territory)
        for application in self.list(principal, states=frozenset(ACTS), limit=_EXPLAINED):
            for act in self._possible_acts(application):
                yield from self._why(principal, act, application_resource(application))
        for grant in grants[:_EXPLAINED]:
            for act in _ON_GRANTS:
                yield from self._why(principal, act, grant_resource(grant))

    def _why(self, principal: Principal, action: Action, resource: Resource, territory: str = "") -> Iterator[Denied]:
        try:
            self.authorize(principal, action, resource, territory=territory)
        except ForbiddenError as error:
            yield Denied(
                action=action,
                resource=resource.type,
                id=resource.id,
                policy=str(error.extra.get("policy", "")),
                rule=error.rule,
                zh=error.detail_zh,
                en=error.detail,
                missing=error.missing,
            )

    def _deadlines_of(
        self, items: tuple[WorkItem, ...], grants: tuple[Grant, ...], lives: Mapping[GrantId, GrantLifeView]
    ) -> Iterator[Due]:
        today = self._today()
        for item in items:
            if item.due is not None:
                state = item.application.state
                yield Due("Application", item.application.id, STEPS[state], item.due, item.overdue)
        for grant in grants:
            life = lives[grant.id]
            if life.delete_by is not None:
                yield Due("Grant", grant.id, "deletion_certificate", life.delete_by, life.delete_by < today)

    def _acts_on(self, grant: Grant) -> Iterator[Action]:
        if grant.state in _LIVE:
            yield from (
                act
                for act in _ON_GRANTS
                if not (act in {Action.EXECUTE_RELEASE, Action.SUSPEND_GRANT} and grant.state is GrantState.USED_UP)
            )
        elif grant.state is GrantState.SUSPENDED:
            yield from (Action.WITHDRAW_GRANT, Action.SUSPEND_GRANT)

    def _general_questions(self, principal: Principal) -> list[tuple[Action, Resource, str]]:
        questions: list[tuple[Action, Resource, str]] = [
            (Action.READ_AUDIT, audit_log_resource(), ""),
            (Action.EXPORT_AUDIT, audit_log_resource(), ""),
            (Action.MANAGE_KEYS, system_resource(), ""),
            (Action.CONFIGURE, system_resource(), ""),
        ]
        if principal.recipient is not None:
            own = {"applicant": principal.account, "recipient": principal.recipient}
            draft = Resource("Application", "new", {**own, "unit": "", "territory": "", "state": "draft"})
            questions += [
                (Action.APPLY, draft, ""),
                (Action.VERIFY_IDENTITY, identity_resource(recipient=principal.recipient), ""),
            ]
        if principal.unit is not None:
            unit = principal.unit
            questions += [
                (Action.READ_REGISTRY, registry_resource(unit), unit),
                (Action.IMPORT_REGISTRY, registry_resource(unit), unit),
                (Action.ISSUE_IDENTITY, identity_resource(unit=unit), unit),
                (Action.MANAGE_ACCOUNTS, system_resource(unit), unit),
                (Action.KEEP_CANARIES, canary_resource(unit), unit),
                (Action.CONFIRM_CANARIES, canary_resource(unit), unit),
            ]
        return questions

    def _policy(self, principal: Principal, action: Action, application: Application) -> str:
        return self._decide(principal, action, application_resource(application)).policy
