"""The legal ground of an application: recorded by one person, confirmed by another (``A50-5`` to ``A50-7``)."""

from __future__ import annotations

from dataclasses import replace

from gateway.ids import ApplicationId
from gateway.journal import JsonValue, Tx
from gateway.policies.acting import Acting, in_state
from gateway.policies.decision import Action
from gateway.policies.ground_problems import GroundProblem
from gateway.policies.grounds import label
from gateway.policies.records import Application, ApplicationState, Ground, GroundId
from gateway.policies.screening import require_no_numbers
from gateway.policies.trail import application_links
from gateway.principals import Principal


class Grounding(Acting):
    """Recording and confirming the ground."""

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
            in_state(before, ApplicationState.SUBMITTED)
            normal = self._grounds.admit(ground, before, principal.account, self._today())
        ground_id = GroundId(self._new_id("ba"))
        after = replace(
            before,
            state=ApplicationState.BASIS_RECORDED,
            ground_id=ground_id,
            ground=normal,
            ground_recorder=principal.account,
            recorder_for=principal.on_behalf,
        )
        facts: dict[str, JsonValue] = {
            "ground_kind": normal.kind,
            "ground_label": label(normal, self._book),
            **self._grounds.facts(normal, before.id),
        }

        def keep(tx: Tx) -> None:
            self._grounds.still_stands(tx, normal)
            self._store.insert_ground(tx, ground_id, before.id, normal, principal.account, self._now())

        return self._change(
            principal,
            before,
            after,
            "ground_recorded",
            "",
            decision,
            facts=facts,
            kind="ground.recorded",
            also=keep,
        )

    def confirm_ground(
        self, principal: Principal, application_id: ApplicationId, *, version: int, comment: str = ""
    ) -> Application:
        """Confirm the ground that another person recorded, checked anew as of today; return the application."""
        before = self._at(application_id, version)
        with self._refusals(principal, Action.CONFIRM_GROUND, application_links(before), before):
            decision = self._require(principal, Action.CONFIRM_GROUND, before)
            in_state(before, ApplicationState.BASIS_RECORDED)
            require_no_numbers({"comment": comment})
            ground = self._check_ground(before)
        after = replace(
            before,
            state=ApplicationState.CONFIRMED,
            ground_confirmer=principal.account,
            confirmer_for=principal.on_behalf,
        )
        return self._change(
            principal,
            before,
            after,
            "ground_confirmed",
            comment,
            decision,
            facts=self._grounds.facts(ground, before.id),
            kind="ground.confirmed",
            also=lambda tx: self._grounds.still_stands(tx, ground),
        )

    def ground_problems(
        self, principal: Principal, application_id: ApplicationId, ground: Ground
    ) -> tuple[GroundProblem, ...]:
        """Return everything that is wrong with a ground, for the officer who is about to record it.

        Nothing is recorded, and nothing is decided. Raises ``NotFoundError``, ``ForbiddenError`` for anybody who may
        not record the ground, ``WrongStateError``.
        """
        application = self.get(principal, application_id)
        self._require(principal, Action.RECORD_GROUND, application)
        in_state(application, ApplicationState.SUBMITTED)
        return self._grounds.problems(ground, application, self._today())

    def scan_held(self, application: Application) -> bool | None:
        """Return whether the scan of the recorded approval is held; ``None`` for a law, or where nobody can tell."""
        return self._grounds.scan_held(application)

    def _confirmed(self, principal: Principal, application: Application) -> Application:
        """Return the application with a confirmed ground, confirming it in this act where ``two`` allows that."""
        if application.state is ApplicationState.BASIS_RECORDED and self._separation == "two":
            self._require(principal, Action.CONFIRM_GROUND, application)
            return replace(application, ground_confirmer=principal.account, confirmer_for=principal.on_behalf)
        in_state(application, ApplicationState.CONFIRMED)
        return application

    def _check_ground(self, application: Application) -> Ground:
        return self._grounds.recheck(application, self._today())
