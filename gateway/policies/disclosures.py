"""线下提供登记: what a law made somebody hand over outside this system, written down afterwards (``A50-8``).

The gateway has no raw level. A court or the police may be entitled to more: that happens outside this software, and
the register keeps ground, approver, executor, recipient and fields. No data pass through, no pupil is named. Entries
are never changed: a correction is an entry of its own that refers to the old one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Protocol

from gateway.articles import keeps
from gateway.errors import ConflictError, ForbiddenError, NotFoundError
from gateway.ids import AccountId, UnitCode
from gateway.journal import EntryDraft, JsonValue, Tx
from gateway.policies.decision import Action
from gateway.policies.desk import Desk, holds_long_number
from gateway.policies.errors import DisclosureRefusedError
from gateway.policies.grounds import shown_codes, visible
from gateway.policies.resources import disclosure_resource
from gateway.policies.scope import territory_within
from gateway.principals import Principal
from rulebook.legal import LEGAL_KINDS, is_notice


class Pupils(StrEnum):
    """Number of pupils as a range: the exact one may tell whom an investigation is about."""

    ONE = "1"
    FEW = "2-9"
    TENS = "10-99"
    HUNDREDS = "100-999"
    THOUSANDS = "1000+"


class DeliveryForm(StrEnum):
    """How it was handed over."""

    PAPER = "paper"
    READ_ON_SITE = "read_on_site"
    SEALED_MEDIUM = "sealed_medium"
    DEDICATED_LINE = "dedicated_line"
    ORAL = "oral"


class BodyKind(StrEnum):
    """What the body is that asked."""

    COURT = "court"
    PROCURATORATE = "procuratorate"
    POLICE = "police"
    STATE_SECURITY = "state_security"
    SUPERVISION = "supervision"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class NewDisclosure:
    """What an officer writes down. People are named by account, or by name and post; no pupil is named anywhere."""

    law: str
    """Law or regulation, in words; filled in from the catalogue when ``legal_basis`` is given."""
    article: str
    law_kind: str
    body_kind: BodyKind
    requesting_body: str
    recipient: str
    """Who received it: a body or its office, with the post of who took it."""
    approver: str
    """Name and post of who signed that it be handed over; empty when ``approver_account`` is given."""
    executor: str
    """Who handed it over: account, or name and post."""
    fields: tuple[str, ...]
    """Codes of ``config/fields.toml``."""
    pupils: Pupils
    handed_over_on: date
    document_number: str
    """Number of the letter, order or warrant."""
    delivery_form: DeliveryForm
    remarks: str = ""
    legal_basis: str = ""
    """Code of the catalogue of legal bases; empty when the law is not in it."""
    approver_account: AccountId | None = None
    """Account of the approving officer who signed."""
    corrects: str | None = None
    """The entry that this one corrects."""
    correction_reason: str = ""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One entry of the register."""

    id: str
    unit: UnitCode
    content: NewDisclosure
    registered_by: AccountId
    registered_at: datetime
    corrected_by: str | None = None
    """The entry that corrects this one, if there is one."""


class DisclosureStore(Protocol):
    """The register; rows are added and never changed."""

    def insert_disclosure(self, tx: Tx, disclosure: Disclosure) -> None:
        """Insert an entry; raises ``ConflictError`` when another one corrects the same entry."""

    def disclosure(self, tx: Tx, disclosure_id: str) -> Disclosure | None:
        """Return an entry, ``None`` when there is none."""

    def disclosures(self, tx: Tx, *, units: Collection[str] | None, limit: int) -> Sequence[Disclosure]:
        """Return entries of ``units`` (``None``: of all), newest first."""


class Approvers(Protocol):
    """What accounts know of approving officers."""

    def __call__(self, account: AccountId, /) -> UnitCode | None:
        """Return the unit of an account that may approve, ``None`` when there is no such one."""


_PHONE_DIGITS: Final = 11
"""A document may have a long serial number, but none as long as that of a telephone or a person."""
_TEXTS: Final = ("law", "article", "requesting_body", "recipient", "executor", "remarks", "correction_reason")
_REQUIRED: Final = {
    "law": "法律依据",
    "article": "条款",
    "requesting_body": "要求提供的机关",
    "recipient": "接收人",
    "executor": "经办人",
    "document_number": "文书编号",
}


@dataclass(frozen=True, slots=True)
class DisclosureService:
    """The use cases: register, correct, look."""

    desk: Desk
    store: DisclosureStore
    approvers: Approvers

    @keeps("A50-8")
    def register(self, principal: Principal, new: NewDisclosure) -> Disclosure:
        """Write an entry and return it; with ``corrects`` it takes the place of an older one of the same unit.

        Raises ``DisclosureRefusedError`` that names what is missing, unknown or too much, ``ForbiddenError``,
        ``NotFoundError`` for an entry to be corrected that the unit has not, ``ConflictError`` when it was corrected.
        """
        unit = principal.unit or UnitCode("")
        with self.desk.refusals(principal, Action.REGISTER_DISCLOSURE):
            decision = self.desk.authorize(principal, Action.REGISTER_DISCLOSURE, disclosure_resource(unit))
            content = self._filled(new)
            self._check(principal, content)
            if content.corrects is not None:
                self._check_correction(content.corrects, unit)
        entry = Disclosure(
            id=self.desk.new_id("dc"),
            unit=unit,
            content=content,
            registered_by=principal.account,
            registered_at=self.desk.now(),
        )
        self.desk.journal.record(
            lambda tx: self.store.insert_disclosure(tx, entry),
            EntryDraft(
                kind="disclosure.registered",
                actor=principal,
                facts=_facts(entry),
                links={
                    "approver": content.approver_account or content.approver,
                    "executor": content.executor,
                    "recipient": content.recipient,
                },
                policy=decision.policy,
            ),
        )
        return entry

    def list(self, principal: Principal, *, limit: int = 200) -> tuple[Disclosure, ...]:
        """Return the entries that the principal may read, newest first; the reading is recorded before."""
        unit = principal.unit or UnitCode("")
        with self.desk.refusals(principal, Action.READ_DISCLOSURES):
            decision = self.desk.authorize(principal, Action.READ_DISCLOSURES, disclosure_resource(unit))
        everywhere = self._reads_everywhere(principal)
        units = None if everywhere else self.desk.book.divisions.territory(unit) | {unit}
        found = self.desk.reader.read(lambda tx: list(self.store.disclosures(tx, units=units, limit=limit)))
        self.desk.journal.append(
            EntryDraft(kind="disclosure.read", actor=principal, facts={"count": len(found)}, policy=decision.policy)
        )
        return tuple(found)

    def get(self, principal: Principal, disclosure_id: str) -> Disclosure:
        """Return an entry; raises ``NotFoundError`` when there is none or the principal may not read it."""
        found = self.desk.reader.read(lambda tx: self.store.disclosure(tx, disclosure_id))
        unit = principal.unit or UnitCode("")
        if found is None or not (
            self._reads_everywhere(principal) or territory_within(self.desk.book.divisions, unit, found.unit)
        ):
            raise _unknown()
        with self.desk.refusals(principal, Action.READ_DISCLOSURES):
            decision = self.desk.authorize(principal, Action.READ_DISCLOSURES, disclosure_resource(found.unit))
        self.desk.journal.append(
            EntryDraft(
                kind="disclosure.read",
                actor=principal,
                facts={"count": 1, "disclosure": found.id},
                policy=decision.policy,
            )
        )
        return found

    def _reads_everywhere(self, principal: Principal) -> bool:
        """Whether the policies let the principal read the register of a unit that is nowhere: an inspector."""
        try:
            self.desk.authorize(principal, Action.READ_DISCLOSURES, disclosure_resource(UnitCode("")))
        except ForbiddenError:
            return False
        return True

    def _filled(self, new: NewDisclosure) -> NewDisclosure:
        basis = self.desk.book.legal_bases.get(new.legal_basis)
        if basis is not None:
            new = replace(new, law=basis.title, article=basis.article, law_kind=basis.kind)
        return replace(
            new,
            law=visible(new.law),
            article=visible(new.article),
            requesting_body=visible(new.requesting_body),
            recipient=visible(new.recipient),
            approver=visible(new.approver),
            executor=visible(new.executor),
            remarks=visible(new.remarks),
            correction_reason=visible(new.correction_reason),
            # as it stands on the paper: courts write （2026）晋01民初12号, and mean these brackets
            document_number="".join(visible(new.document_number).split()),
            fields=tuple(sorted(set(new.fields))),
        )

    def _check(self, principal: Principal, new: NewDisclosure) -> None:
        wrong: dict[str, tuple[str, str]] = {
            name: ("is missing", f"请填写{zh}") for name, zh in _REQUIRED.items() if not getattr(new, name)
        }
        for name in (*_TEXTS, "approver"):
            if holds_long_number(getattr(new, name)):
                wrong[name] = (
                    "must not hold the number of a person or a telephone",
                    "不得填写证件号码、学籍号、电话号码等",
                )
        if holds_long_number(new.document_number, _PHONE_DIGITS):
            wrong["document_number"] = ("must not hold the number of a person", "不得含证件号码或电话号码")
        wrong |= self._wrong_law(new)
        unknown = set(new.fields) - self.desk.book.fields.keys()
        if not new.fields or unknown:
            named = shown_codes(unknown)
            wrong["fields"] = (
                f"are codes of config/fields.toml, at least one; unknown: {named}" if unknown else "name at least one",
                f"信息项须为字段目录中的代码：{named}" if unknown else "请至少选择一个信息项",
            )
        if new.handed_over_on > self.desk.today():
            wrong["handed_over_on"] = ("lies in the future", "提供日期晚于今天")
        wrong |= self._wrong_approver(principal, new)
        if new.corrects is not None and not new.correction_reason:
            wrong["correction_reason"] = ("is missing: say what was wrong", "请说明更正的原因")
        if wrong:
            raise DisclosureRefusedError(
                f"The entry is not taken: {'; '.join(f'{name} {en}' for name, (en, _) in wrong.items())}.",
                detail_zh=f"登记未通过：{'；'.join(zh for _, zh in wrong.values())}。",
                missing=tuple(wrong),
            )

    def _wrong_law(self, new: NewDisclosure) -> dict[str, tuple[str, str]]:
        if new.legal_basis and new.legal_basis not in self.desk.book.legal_bases:
            return {"legal_basis": ("is not in the catalogue", "依据目录中没有该条目")}
        if new.law_kind not in LEGAL_KINDS or is_notice(new.law):
            return {
                "law_kind": (
                    "must be a law or a regulation; a rule or a notice makes nobody hand over",
                    "依据须为法律、行政法规、地方性法规；规章和通知不能作为依据",
                )
            }
        return {}

    def _wrong_approver(self, principal: Principal, new: NewDisclosure) -> dict[str, tuple[str, str]]:
        account = new.approver_account
        if account is None:
            return {} if new.approver else {"approver": ("is missing", "请填写批准人（账号，或姓名和职务）")}
        if account == principal.account:
            return {"approver_account": ("is your own: another person approves", "批准人不得是登记人本人")}
        unit = self.approvers(account)
        if unit is None or not territory_within(self.desk.book.divisions, unit, principal.unit or ""):
            return {
                "approver_account": (
                    "is no approving officer of this unit or of one above it",
                    "不是本单位或上级单位的批准人账号",
                )
            }
        return {}

    def _check_correction(self, corrected: str, unit: UnitCode) -> None:
        old = self.desk.reader.read(lambda tx: self.store.disclosure(tx, corrected))
        if old is None or old.unit != unit:
            raise _unknown()
        if old.corrected_by is not None:
            raise ConflictError(
                "This entry was corrected already: correct the newer one.",
                detail_zh="该登记已被更正，请更正最新的一条。",
                rule="A50-8",
                missing=(old.corrected_by,),
            )


def _facts(entry: Disclosure) -> dict[str, JsonValue]:
    content = entry.content
    return {
        "disclosure": entry.id,
        "law_kind": content.law_kind,
        "law": f"《{content.law}》{content.article}",
        "legal_basis": content.legal_basis,
        "body_kind": content.body_kind.value,
        "requesting_body": content.requesting_body,
        "document_number": content.document_number,
        "fields": list(content.fields),
        "pupils": content.pupils.value,
        "handed_over_on": content.handed_over_on.isoformat(),
        "delivery_form": content.delivery_form.value,
        "corrects": content.corrects,
    }


def _unknown() -> NotFoundError:
    return NotFoundError("There is no such entry.", detail_zh="没有该登记。")
