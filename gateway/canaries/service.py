"""Use cases of decoys: proposed by one duty, confirmed by the other, withdrawn, listed, recognized in a leaked text.

A security administrator and an inspector know of decoys; each may propose, and the other decides (四眼). Neither is
told which pupil a decoy is: nobody can spare it, and nobody can point it out. The worker puts it into the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from gateway.articles import keeps
from gateway.audit.records import EntryView, SearchQuery
from gateway.canaries.errors import CanaryStateError, NoCrowdError
from gateway.canaries.ports import CanaryGate, CanaryStore, Registry, Trail
from gateway.canaries.records import MOST_AT_ONCE, Canary, CanaryId, CanaryState, CanaryView, Secret, Touch
from gateway.canaries.sealing import SecretBox
from gateway.errors import ForbiddenError, NotFoundError, ParameterError
from gateway.ids import UnitCode
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal, Role

KEEPERS: Final = (Role.SECURITY_ADMINISTRATOR, Role.INSPECTOR)
"""The two duties that know of decoys."""
MAX_TEXT: Final = 50_000_000
"""Characters of a text in which decoys are looked for; over HTTP it is a million."""
_TOUCHES: Final = 100


@keeps("A50-16")
@dataclass(frozen=True, slots=True)
class CanaryService:
    """Decoys. ``spread`` returns at random how long after its confirmation a decoy is put into the registry."""

    store: CanaryStore
    box: SecretBox
    registry: Registry
    trail: Trail
    gate: CanaryGate
    reader: Reader
    journal: Journal
    is_division: Callable[[str], bool]
    now: Callable[[], datetime]
    spread: Callable[[], timedelta]
    new_id: Callable[[str], str]

    def listed(self, principal: Principal) -> tuple[CanaryView, ...]:
        """Return the decoys within the principal's territory, newest first; the reading is logged."""
        self.gate.read(principal)
        self.journal.append(EntryDraft("canary.listed", principal))
        return tuple(one for one in self._views() if self.gate.reaches(principal, one.unit))

    def touches(self, principal: Principal) -> tuple[Touch, ...]:
        """Return the latest touches of decoys within the principal's territory, newest first, from the log."""
        self.gate.read(principal)
        own = {one.canary.id for one in self._views() if self.gate.reaches(principal, one.unit)}
        page = self.trail.found(SearchQuery(kind="canary.touched", limit=_TOUCHES))
        found = map(_touch, page.entries)
        return tuple(one for one in found if own.intersection(one.canaries))

    def propose(self, principal: Principal, unit: UnitCode, phones: Sequence[str]) -> tuple[CanaryView, ...]:
        """Propose a decoy for each of ``phones``, numbers that the department owns, at schools within ``unit``.

        Raises ``ForbiddenError``, ``ParameterError`` for an unknown unit or a bad telephone, ``NoCrowdError`` where a
        decoy would stand alone.
        """
        if not self.is_division(unit):
            raise ParameterError(
                "Name a department by its division code.", detail_zh="请填写教育行政部门的区划代码。", missing=("unit",)
            )
        policy = self.gate.keep(principal, unit)
        given = [self.registry.phone(text) for text in phones if text.strip()]
        numbers = [number for number in given if number is not None]
        if len(numbers) != len(given):
            raise ParameterError(
                "A telephone is a mobile number of 11 digits, or area code and number.",
                detail_zh="电话应为 11 位手机号，或区号加号码。",
                missing=("phones",),
            )
        if not 1 <= len(numbers) <= MOST_AT_ONCE or len(set(numbers)) != len(numbers):
            raise ParameterError(
                f"Give 1 to {MOST_AT_ONCE} telephones, each once: a decoy for each.",
                detail_zh=f"请填写 1 至 {MOST_AT_ONCE} 个不重复的电话，每个电话对应一条诱饵学籍。",
                missing=("phones",),
            )
        if not self.registry.has_crowd(unit):
            raise NoCrowdError(
                "No senior high school there has enough former pupils for a decoy to be one of many: import former "
                "pupils first (xueji import --former), or name a larger unit.",
                detail_zh="该范围内没有往届毕业生足够多的高中，诱饵学籍会被识破。请先补录历史学籍"
                "（xueji import --former），或选择更大的范围。",
            )
        now, duty = self.now(), _duty(principal)
        made = []
        for phone in numbers:
            identifier = CanaryId(self.new_id("cn"))
            sealed = self.box.seal(identifier, Secret(unit, phone))
            made.append(Canary(identifier, CanaryState.PROPOSED, now, principal.account, duty, sealed))

        def write(tx: Tx) -> None:
            for one in made:
                self.store.add(tx, one)

        self.journal.record(write, _entry("canary.proposed", principal, made, policy))
        return tuple(CanaryView(one, unit, planted=False) for one in made)

    def confirm(self, principal: Principal, canary: CanaryId) -> CanaryView:
        """Confirm a proposed decoy: the worker puts it into the registry within the next days.

        Raises ``NotFoundError``, ``ForbiddenError`` for whoever proposed it or has the same duty, and
        ``CanaryStateError``.
        """
        found, secret = self._proposed(principal, canary)
        policy = self._other_duty(principal, found, secret)
        due = replace(secret, due=self.now() + self.spread())
        return self._decided(principal, found, CanaryState.CONFIRMED, due, "canary.confirmed", policy)

    def refuse(self, principal: Principal, canary: CanaryId) -> CanaryView:
        """Refuse a proposed decoy. Raises as ``confirm`` does."""
        found, secret = self._proposed(principal, canary)
        policy = self._other_duty(principal, found, secret)
        return self._decided(principal, found, CanaryState.REFUSED, secret, "canary.refused", policy)

    def withdraw(self, principal: Principal, canary: CanaryId) -> CanaryView:
        """Withdraw a decoy, as one that was touched and so is known: nothing alerts any more.

        Its record stays where it lies, as every record of the registry does. Raises as ``confirm`` does, but for who.
        """
        found, secret = self._found(principal, canary)
        if found.state not in {CanaryState.PROPOSED, CanaryState.CONFIRMED}:
            raise _wrong_state()
        policy = self.gate.keep(principal, secret.unit)
        changed = replace(
            found,
            state=CanaryState.WITHDRAWN,
            withdrawn_at=self.now(),
            withdrawn_by=principal.account,
            version=found.version + 1,
        )
        return self._written(principal, found, changed, "canary.withdrawn", policy)

    def recognize(self, principal: Principal, text: str) -> tuple[CanaryId, ...]:
        """Return the decoys whose number or telephone stands in ``text``, as in a file that was found outside.

        No release holds a decoy: where one stands, the data did not come through the gateway. Withdrawn ones count.
        Nothing of ``text`` is kept. Raises ``ForbiddenError``, and ``ParameterError`` for a text that is too long.
        """
        self.gate.read(principal)
        if len(text) > MAX_TEXT:
            raise ParameterError(
                f"At most {MAX_TEXT} characters at once.", detail_zh=f"一次不超过 {MAX_TEXT} 字。", missing=("text",)
            )
        found = []
        for one in self.reader.read(self.store.all):
            secret = self.box.open(one)
            if secret.person is None or not self.gate.reaches(principal, secret.unit):
                continue
            marks = (secret.person["id_number"], secret.phone)
            if any(mark and mark in text for mark in marks):
                found.append(one.id)
        facts: dict[str, JsonValue] = {"canaries": [*found]}
        self.journal.append(EntryDraft("canary.recognized", principal, facts=facts))
        return tuple(found)

    def _views(self) -> list[CanaryView]:
        return [self._view(one, self.box.open(one)) for one in self.reader.read(self.store.all)]

    @staticmethod
    def _view(canary: Canary, secret: Secret) -> CanaryView:
        return CanaryView(canary, secret.unit, planted=secret.subject is not None)

    def _found(self, principal: Principal, canary: CanaryId) -> tuple[Canary, Secret]:
        self.gate.read(principal)
        found = self.reader.read(lambda tx: self.store.get(tx, canary))
        secret = None if found is None else self.box.open(found)
        if found is None or secret is None or not self.gate.reaches(principal, secret.unit):
            raise NotFoundError("There is no such decoy.", detail_zh="没有该诱饵学籍。")
        return found, secret

    def _proposed(self, principal: Principal, canary: CanaryId) -> tuple[Canary, Secret]:
        found, secret = self._found(principal, canary)
        if found.state is not CanaryState.PROPOSED:
            raise _wrong_state()
        return found, secret

    def _other_duty(self, principal: Principal, found: Canary, secret: Secret) -> str:
        policy = self.gate.confirm(principal, secret.unit, found.proposed_by)
        if _duty(principal) is found.proposed_as:
            raise ForbiddenError(
                "What a security administrator proposed an inspector decides, and the other way round.",
                detail_zh="安全管理员提出的由审计检查员确认，审计检查员提出的由安全管理员确认。",
                rule="A50-11",
                missing=("another_person",),
            )
        return policy

    def _decided(  # one act, told once
        self, principal: Principal, found: Canary, state: CanaryState, secret: Secret, kind: str, policy: str
    ) -> CanaryView:
        changed = replace(
            found,
            state=state,
            box=self.box.seal(found.id, secret),
            decided_at=self.now(),
            decided_by=principal.account,
            version=found.version + 1,
        )
        return self._written(principal, found, changed, kind, policy)

    def _written(self, principal: Principal, found: Canary, changed: Canary, kind: str, policy: str) -> CanaryView:
        def write(tx: Tx) -> None:
            if not self.store.update(tx, changed, found.version):
                raise _wrong_state()

        self.journal.record(write, _entry(kind, principal, [changed], policy))
        return self._view(changed, self.box.open(changed))


def _duty(principal: Principal) -> Role:
    """Return in which of the two duties a person acts; nobody holds both (三员分立, the policies' floor)."""
    return next((duty for duty in KEEPERS if duty in principal.roles), Role.INSPECTOR)


def _entry(kind: str, principal: Principal, canaries: Sequence[Canary], policy: str) -> EntryDraft:
    facts: dict[str, JsonValue] = {"canaries": [one.id for one in canaries], "count": len(canaries)}
    return EntryDraft(kind, principal, facts=facts, policy=policy)


def _touch(entry: EntryView) -> Touch:
    """Read ``canary.touched``, which this room alone writes."""
    facts = cast("Mapping[str, Any]", entry.content["facts"])
    return Touch(
        index=entry.index,
        at=str(entry.content["at"]),
        entry=facts["entry"],
        kind=facts["touching"],
        account=facts.get("account"),
        unit=facts.get("unit"),
        canaries=tuple(CanaryId(one) for one in facts["canaries"]),
    )


def _wrong_state() -> CanaryStateError:
    return CanaryStateError(
        "The decoy is in another state by now: read it again, then act.",
        detail_zh="该诱饵学籍的状态已改变，请刷新后再办理。",
    )
