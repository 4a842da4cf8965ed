"""How every act on an application is done: decided, checked, committed together with its audit entry.

A refusal is an entry too (``A50-13``). Two acts on one version cannot both succeed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

from gateway.errors import ForbiddenError, NotFoundError, ParameterError
from gateway.ids import ApplicationId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.policies.deadlines import Deadlines, WorkingDays
from gateway.policies.decision import Action, Decision, DecisionPoint
from gateway.policies.dry_runs import DryRunLookup, NoDryRuns
from gateway.policies.errors import ApplicationIncompleteError, StaleVersionError, WrongStateError
from gateway.policies.grants import GrantSeal
from gateway.policies.ground_keeper import GroundKeeper, NothingHeld
from gateway.policies.protocols import Deliveries, PolicyStore, RecipientStanding
from gateway.policies.queries import ApplicationQueries
from gateway.policies.records import Application, ApplicationState, Change, HistoryEvent, Scope
from gateway.policies.resources import application_resource
from gateway.policies.screening import require_no_numbers
from gateway.policies.trail import REFUSALS, application_links, refused, scope_facts, stands_in
from gateway.principals import Principal
from rulebook.records import Rulebook

_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz"


def random_id(prefix: str) -> str:
    """Return a random id of ``prefix`` and 20 letters (90 bits); without digits it resembles no number of a person."""
    return f"{prefix}-{''.join(secrets.choice(_LETTERS) for _ in range(20))}"


class Acting(ApplicationQueries):
    """What the acts of this room have in common. ``separation`` is ``two`` or ``three`` (design 5)."""

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
        working_days: WorkingDays,
        deliveries: Deliveries,
        standing: RecipientStanding,
        now: Callable[[], datetime],
        new_id: Callable[[str], str] = random_id,
        grounds: GroundKeeper | None = None,
        dry_runs: DryRunLookup | None = None,
    ) -> None:
        if separation not in {"two", "three"}:
            raise ParameterError("The separation of duties must be 'two' or 'three'.")
        super().__init__(
            store=store,
            reader=reader,
            decisions=decisions,
            book=book,
            seal=seal,
            separation=separation,
            deadlines=Deadlines(book.parameters.workflow, working_days),
            deliveries=deliveries,
            standing=standing,
            now=now,
        )
        self._journal = journal
        self._new_id = new_id
        # nobody wired it: no text is held, so no law carries a grant (I8)
        self._grounds = grounds or GroundKeeper(book, NothingHeld())
        self._dry_runs = dry_runs or NoDryRuns()

    def _at(self, application_id: ApplicationId, version: int) -> Application:
        application = self._application(application_id)
        if application.version != version:
            raise stale()
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
            facts=scope_facts(application.scope),
            links=application_links(application),
            policy=decision.policy,
            policy_set=decision.policy_set,
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
        changes: tuple[Change, ...] = (),
    ) -> Application:
        """Commit ``after`` with its event, its audit entry and what ``also`` writes, or nothing of it."""
        event = replace(self._event(principal, act, comment), changes=changes)
        changed = replace(
            after,
            version=before.version + 1,
            since=before.since if after.state is before.state else event.at,
            history=(*before.history, event),
        )

        def write(tx: Tx) -> Application:
            if not self._store.update_application(tx, changed, before.version):
                raise stale()
            if also is not None:
                also(tx)
            return changed

        entry = EntryDraft(
            kind=kind or f"application.{act}",
            actor=principal,
            facts={
                **(facts or {}),
                **stands_in(principal),
                "separation": self._separation,
            },
            links={**application_links(before), **application_links(changed)},
            policy=decision.policy,
            policy_set=decision.policy_set,
        )
        result, _receipt = self._journal.record(write, entry)
        return result

    def _event(self, principal: Principal, act: str, comment: str = "") -> HistoryEvent:
        return HistoryEvent(
            at=self._now(),
            account=principal.account,
            act=act,
            comment=comment.strip(),
            post=principal.post,
            on_behalf=principal.on_behalf,
        )


def in_state(application: Application, *states: ApplicationState) -> None:
    """Return when the application is in one of ``states``; raise ``WrongStateError`` that names them otherwise."""
    if application.state not in states:
        allowed = ", ".join(states)
        raise WrongStateError(
            f"The application is '{application.state}'; this act needs: {allowed}.",
            detail_zh="申请的当前状态不允许此操作。",
            missing=tuple(state.value for state in states),
        )


def need_reason(reason: str) -> None:
    """Return when ``reason`` says something and no number of a person; raise ``ApplicationIncompleteError`` if not."""
    if not reason.strip():
        raise ApplicationIncompleteError(
            "Give a reason; it is part of the record.", detail_zh="请填写理由，理由将记入案卷。", missing=("reason",)
        )
    require_no_numbers({"reason": reason})


def sorted_fields(scope: Scope) -> Scope:
    """Return the scope with its fields sorted, each once."""
    return replace(scope, fields=tuple(sorted(set(scope.fields))))


def stale() -> StaleVersionError:
    """Return the error of an act on a version that is not the present one."""
    return StaleVersionError(
        "The application was changed in between: read it again, then act.",
        detail_zh="申请已被他人更改，请刷新后再办理。",
    )
