"""The register of recipients: registration, yearly attestation, rename, suspension, resumption.

The lesson is a database that stayed open to a firm that had changed its name: whoever receives is attested under the
name that it bears now, and silence ends the access.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from gateway.accounts.authority import Authority, refusals
from gateway.accounts.credit_codes import credit_code
from gateway.accounts.errors import RecipientNotFoundError, RecipientSuspendedError
from gateway.accounts.recipient_records import (
    LIFTED_BY_ATTESTATION,
    LIFTED_BY_RESUMPTION,
    UNREGISTERED,
    Recipient,
    RecipientAct,
    RecipientSpec,
    RecipientStanding,
    RecipientStore,
    RecipientWatch,
    Suspension,
)
from gateway.accounts.sealing import civil_date, months_later
from gateway.errors import ConflictError, ForbiddenError, ParameterError
from gateway.ids import RecipientId, UnitCode
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal
from rulebook.records import Parameters

__all__ = ["RecipientRegister", "RecipientStanding", "RecipientWatch", "suspended_error"]

MAX_NAME, MAX_WORDS = 200, 500
_DIGITS = re.compile(r"\d{7,}")
_WHAT_TO_DO: Mapping[str, tuple[str, str]] = {
    Suspension.MANAGER: (
        "a manager suspended it. Ask the department that registered it.",
        "已被主管部门暂停，请向登记的教育行政部门了解情况。",
    ),
    Suspension.RENAMED: (
        "its name has changed. It is resumed when it is attested under the new name.",
        "名称已变更，须按新名称重新核验后恢复。",
    ),
    Suspension.ATTESTATION_OVERDUE: (
        "its yearly attestation is overdue. Hand the certificate of registration to the department that registered it.",
        "年度核验已逾期，请向登记的教育行政部门提交登记证照办理核验。",
    ),
    Suspension.DORMANT: (
        "nobody came for months. Ask the department that registered it to resume it, and say why it is needed.",
        "长期未使用，已停用；确需继续使用的，请说明理由并由登记的教育行政部门恢复。",
    ),
    UNREGISTERED: (
        "nobody registered it. Ask the education department to register it.",
        "尚未登记，请先向教育行政部门办理数据使用方登记。",
    ),
}


class RecipientRegister:
    """Everything that is done to recipients; it is the ``RecipientWatch`` of the other rooms."""

    def __init__(
        self,
        *,
        store: RecipientStore,
        journal: Journal,
        reader: Reader,
        authority: Authority,
        parameters: Parameters,
        is_division: Callable[[str], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._journal = journal
        self._reader = reader
        self._authority = authority
        self._parameters = parameters
        self._is_division = is_division
        self._now = now

    # --- standing ---------------------------------------------------------------------------------------------

    def problem(self, recipient: RecipientId, today: date) -> str | None:
        """Return the code of what is wrong with a recipient on ``today``, ``None`` when all is well."""
        return self._reader.read(lambda tx: self.problem_in(tx, recipient, today))

    def problem_in(self, tx: Tx, recipient: RecipientId, today: date) -> str | None:
        """Return the same as the transaction sees it."""
        found = self._store.get(tx, recipient)
        if found is None:
            return UNREGISTERED if self._parameters.recipient_registration_required else None
        return found.problem(today, self._parameters)

    def settle(self, recipient: RecipientId) -> str | None:
        """Return the problem, and record a suspension that has come due before a use hides it."""
        problem = self.problem(recipient, self._today())
        if problem in {Suspension.ATTESTATION_OVERDUE, Suspension.DORMANT}:
            self._suspend_if_due(recipient)
        return problem

    def sweep(self) -> int:
        """Record every suspension that has come due and announce attestations that end soon; a nightly task.

        Returns how many entries were written; a second call finds nothing.
        """
        return sum(
            self._suspend_if_due(one.code) or self._warn_if_due(one.code)
            for one in self._reader.read(self._store.listed)
        )

    # --- acts -------------------------------------------------------------------------------------------------

    def register(self, actor: Principal | None, spec: RecipientSpec) -> Recipient:
        """Register a recipient, attested from today on, and return it. ``actor`` is ``None`` on the host.

        Raises ``ForbiddenError``, ``CreditCodeError``, ``ParameterError``, and ``ConflictError`` when it is registered.
        """
        unit = spec.unit or (actor.unit if actor is not None else None)
        code = credit_code(spec.code)
        policy = self._permitted(actor, unit, "register_recipient", code)
        if unit is None or not self._is_division(unit):
            raise ParameterError(
                "A recipient is registered by an education department: give its division code.",
                detail_zh="数据使用方由教育行政部门登记，请填写行政区划代码。",
                missing=("unit",),
            )
        today = self._today()
        recipient = Recipient(
            code=code,
            name=_name(spec.name),
            post=_line(spec.post, "post"),
            responsible=_line(spec.responsible, "responsible"),
            unit=unit,
            registered_at=self._now(),
            attested_on=today,
            attested_until=months_later(today, self._parameters.attestation_months),
        )
        words = _words(spec.evidence, "evidence")

        def write(tx: Tx) -> Recipient:
            if not self._store.add(tx, recipient):
                raise ConflictError("The recipient is registered already.", detail_zh="该数据使用方已登记。")
            self._note(tx, actor, code, "register", words)
            return recipient

        self._journal.record(write, self._entry("recipient.registered", actor, recipient, words, policy))
        return recipient

    def attest(self, actor: Principal | None, code: RecipientId, *, name: str, evidence: str) -> Recipient:
        """Record that a recipient was looked at and is who it was, under ``name``, for another year at the most.

        Lifts what an attestation lifts: overdue, renamed. Raises ``ForbiddenError``, ``RecipientNotFoundError``, and
        ``ConflictError`` when ``name`` is not the one that is recorded: record the rename first.
        """
        words, today = _words(evidence, "evidence"), self._today()

        def attested(before: Recipient) -> Recipient:
            if _name(name) != before.name:
                raise ConflictError(
                    "The recipient is recorded under another name: record the rename first, then attest it.",
                    detail_zh="核验的名称与登记名称不一致，请先登记更名，再按新名称核验。",
                    missing=("name",),
                )
            return replace(
                before,
                attested_on=today,
                attested_until=months_later(today, self._parameters.attestation_months),
                suspended=before.suspended - LIFTED_BY_ATTESTATION,
                warned_for=None,
            )

        return self._alter(actor, code, "attest", "recipient.attested", words, attested)

    def rename(self, actor: Principal | None, code: RecipientId, *, name: str, evidence: str) -> Recipient:
        """Record the new name of a recipient; it is suspended until it is attested under it.

        Raises ``ForbiddenError``, ``RecipientNotFoundError``, and ``ConflictError`` for the same name.
        """
        words, fresh = _words(evidence, "evidence"), _name(name)

        def renamed(before: Recipient) -> Recipient:
            if fresh == before.name:
                raise ConflictError(
                    "The recipient bears this name already.", detail_zh="名称未变更。", missing=("name",)
                )
            held = before.suspended | {Suspension.RENAMED}
            return replace(before, name=fresh, former_name=before.name, suspended=held)

        return self._alter(actor, code, "rename", "recipient.renamed", words, renamed)

    def suspend(self, actor: Principal | None, code: RecipientId, reason: str) -> Recipient:
        """Suspend a recipient at once. Raises ``ForbiddenError``, ``RecipientNotFoundError``, ``ConflictError``."""
        words = _words(reason, "reason")

        def suspended(before: Recipient) -> Recipient:
            if Suspension.MANAGER in before.suspended:
                raise ConflictError("The recipient is suspended already.", detail_zh="该数据使用方已暂停。")
            return replace(before, suspended=before.suspended | {Suspension.MANAGER})

        return self._alter(actor, code, "suspend", "recipient.suspended", words, suspended)

    def resume(self, actor: Principal | None, code: RecipientId, reason: str) -> Recipient:
        """Lift what a manager lifts: a manager's suspension and dormancy; the months of silence count afresh.

        Raises ``ForbiddenError``, ``RecipientNotFoundError``, and ``ConflictError`` when there is nothing to lift, or
        what is left needs an attestation.
        """
        words = _words(reason, "reason")

        def resumed(before: Recipient) -> Recipient:
            problem = before.problem(self._today(), self._parameters)
            if problem not in LIFTED_BY_RESUMPTION:
                raise ConflictError(
                    "There is nothing to resume."
                    if problem is None
                    else "What suspends it is lifted by an attestation.",
                    detail_zh="没有需要恢复的停用。" if problem is None else "须办理核验后才能恢复。",
                    missing=() if problem is None else ("attestation",),
                )
            return replace(before, suspended=before.suspended - LIFTED_BY_RESUMPTION, resumed_at=self._now())

        return self._alter(actor, code, "resume", "recipient.resumed", words, resumed)

    # --- reading ----------------------------------------------------------------------------------------------

    def get(self, actor: Principal, code: RecipientId) -> Recipient:
        """Return a recipient of the actor's territory; raises ``ForbiddenError`` and ``RecipientNotFoundError``."""
        self._authority.manage_clients(actor, actor.unit)
        found = self._present(code)
        self._authority.manage_clients(actor, found.unit)
        return found

    def listed(self, actor: Principal) -> tuple[Recipient, ...]:
        """Return the recipients that the actor keeps, by code; raises ``ForbiddenError``."""
        self._authority.manage_clients(actor, actor.unit)
        return tuple(one for one in self._reader.read(self._store.listed) if self._keeps(actor, one.unit))

    def acts(self, actor: Principal, code: RecipientId) -> tuple[RecipientAct, ...]:
        """Return what was done to a recipient, oldest first; raises as ``get``."""
        self.get(actor, code)
        return self._reader.read(lambda tx: self._store.notes(tx, code))

    def unit_of(self, code: RecipientId) -> UnitCode | None:
        """Return the department that registered a recipient, ``None`` for one that nobody registered."""
        found = self._reader.read(lambda tx: self._store.get(tx, code))
        return found.unit if found is not None else None

    def name_of(self, code: RecipientId) -> str | None:
        """Return the name of a recipient, ``None`` for one that nobody registered; it is in the public register too."""
        found = self._reader.read(lambda tx: self._store.get(tx, code))
        return found.name if found is not None else None

    # --- inside -----------------------------------------------------------------------------------------------

    def _alter(
        self,
        actor: Principal | None,
        code: RecipientId,
        act: str,
        kind: str,
        words: str,
        change: Callable[[Recipient], Recipient],
    ) -> Recipient:
        if actor is not None:
            self._permitted(actor, actor.unit, f"{act}_recipient", code)
        policy = self._permitted(actor, self._present(code).unit, f"{act}_recipient", code)

        def write(tx: Tx) -> Recipient:
            before = self._store.get(tx, code)
            if before is None:
                raise _unknown()
            after = change(before)
            if not self._store.save(tx, after):
                raise ConflictError(
                    "Somebody else acted on the recipient in between; read it again.",
                    detail_zh="该数据使用方刚被他人办理，请重新读取。",
                )
            self._note(tx, actor, code, act, words)
            return after

        after, _ = self._journal.record(write, lambda made: self._entry(kind, actor, made, words, policy))
        return after

    def _suspend_if_due(self, code: RecipientId) -> bool:
        today = self._today()

        def write(tx: Tx) -> Recipient:
            present = self._store.get(tx, code)
            due = present.problem(today, self._parameters) if present is not None else None
            if present is None or due is None or due in present.suspended:
                raise _NotDueError
            after = replace(present, suspended=present.suspended | {due})
            if not self._store.save(tx, after):
                raise _NotDueError
            return after

        return self._by_the_system(write, "recipient.suspended")

    def _warn_if_due(self, code: RecipientId) -> bool:
        today, days = self._today(), timedelta(days=self._parameters.attestation_warning_days)

        def write(tx: Tx) -> Recipient:
            present = self._store.get(tx, code)
            if present is None or present.warned_for == present.attested_until:
                raise _NotDueError
            if not present.attested_until - days <= today <= present.attested_until:
                raise _NotDueError
            after = replace(present, warned_for=present.attested_until)
            if not self._store.save(tx, after):
                raise _NotDueError
            return after

        return self._by_the_system(write, "recipient.attestation_due")

    def _by_the_system(self, write: Callable[[Tx], Recipient], kind: str) -> bool:
        try:
            self._journal.record(write, lambda made: self._entry(kind, None, made, None, None))
        except _NotDueError:
            return False
        return True

    def _permitted(self, actor: Principal | None, unit: UnitCode | None, act: str, code: RecipientId) -> str | None:
        if actor is None:
            return None
        with refusals(self._journal, actor, act, recipient=code):
            return self._authority.manage_clients(actor, unit)

    def _keeps(self, actor: Principal, unit: UnitCode) -> bool:
        try:
            self._authority.manage_clients(actor, unit)
        except ForbiddenError:
            return False
        return True

    def _present(self, code: RecipientId) -> Recipient:
        found = self._reader.read(lambda tx: self._store.get(tx, code))
        if found is None:
            raise _unknown()
        return found

    def _note(self, tx: Tx, actor: Principal | None, code: RecipientId, act: str, words: str) -> None:
        by = actor.account if actor is not None else None
        self._store.note(tx, RecipientAct(code, act, self._now(), by, words))

    def _entry(
        self, kind: str, actor: Principal | None, recipient: Recipient, words: str | None, policy: str | None
    ) -> EntryDraft:
        """Return the entry of an act: what stands since then. Names and words stay in the register (I7)."""
        facts: dict[str, JsonValue] = {
            "unit": recipient.unit,
            "attested_until": recipient.attested_until.isoformat(),
            "suspended": [one.value for one in sorted(recipient.suspended)],
            "name_sha256": _digest(recipient.name),
            "words_sha256": None if words is None else _digest(words),
        }
        return EntryDraft(kind, actor, facts=facts, links={"recipient": recipient.code}, policy=policy)

    def _today(self) -> date:
        return civil_date(self._now())


class _NotDueError(Exception):
    """Nothing has come due since it was read; undoes the write."""


def suspended_error(problem: str) -> RecipientSuspendedError:
    """Return the error of a recipient with the problem ``problem``: what it is, and what lifts it."""
    detail, detail_zh = _WHAT_TO_DO.get(problem, _WHAT_TO_DO[Suspension.MANAGER])
    return RecipientSuspendedError(
        f"Nothing goes to the recipient: {detail}",
        detail_zh=f"该数据使用方{detail_zh}",
        missing=(problem,),
        extra={"policy": "recipient-standing", "reason": problem},
    )


def _name(typed: str) -> str:
    name = " ".join(typed.split())
    if not name or len(name) > MAX_NAME or _DIGITS.search(name):
        raise ParameterError(
            f"Give the name as it stands in the certificate of registration, at most {MAX_NAME} characters.",
            detail_zh=f"请按登记证照填写名称（不超过 {MAX_NAME} 字）。",
            missing=("name",),
        )
    return name


def _line(typed: str, member: str) -> str:
    text = " ".join(typed.split())
    if not text or len(text) > MAX_NAME:
        raise ParameterError(
            f"'{member}' must be given, with at most {MAX_NAME} characters.",
            detail_zh=f"请填写{'联系岗位' if member == 'post' else '责任人'}（不超过 {MAX_NAME} 字）。",
            missing=(member,),
        )
    return text


def _words(typed: str, member: str) -> str:
    text = typed.strip()
    if not text or len(text) > MAX_WORDS:
        raise ParameterError(
            f"'{member}' must be given, with at most {MAX_WORDS} characters.",
            detail_zh=f"请填写{'核验材料' if member == 'evidence' else '原因'}（1 至 {MAX_WORDS} 字）。",
            missing=(member,),
        )
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _unknown() -> RecipientNotFoundError:
    return RecipientNotFoundError("No such recipient is registered.", detail_zh="没有登记该数据使用方。")
