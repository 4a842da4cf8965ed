"""The register of disclosures outside the system (线下提供登记), as JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from gateway.api.models.base import Code, Line, Model, Prose
from gateway.ids import AccountId
from gateway.policies.disclosures import BodyKind, DeliveryForm, Disclosure, NewDisclosure, Pupils
from rulebook.records import LegalKind

Named = Annotated[Line, Field(max_length=200)]


class DisclosureIn(Model):
    """What a law made somebody hand over outside this system. No pupil is named, no data are sent here."""

    legal_basis: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")] = ""
    """A code of the catalogue; fills ``law``, ``article`` and ``law_kind`` in."""
    law: Named = ""
    article: Annotated[Line, Field(max_length=80)] = ""
    law_kind: LegalKind = "law"
    body_kind: BodyKind
    requesting_body: Named = ""
    recipient: Named = ""
    """Who received it: body or office, with the post of who took it."""
    approver_account: Annotated[str, Field(max_length=64, pattern=r"^st-[a-z0-9-]+$")] | None = None
    approver: Annotated[Line, Field(max_length=120)] = ""
    """Name and post of who signed, where it has no account here."""
    executor: Annotated[Line, Field(max_length=120)] = ""
    fields: Annotated[tuple[Code, ...], Field(max_length=60)] = ()
    """Codes of ``config/fields.toml``."""
    pupils: Pupils
    handed_over_on: date
    document_number: Annotated[Line, Field(max_length=80)] = ""
    delivery_form: DeliveryForm
    remarks: Annotated[Prose, Field(max_length=1000)] = ""
    corrects: Annotated[str, Field(max_length=64, pattern=r"^dc-[a-z]+$")] | None = None
    """The entry that this one corrects; that one stays."""
    correction_reason: Annotated[Prose, Field(max_length=400)] = ""

    def to_record(self) -> NewDisclosure:
        """Return the record."""
        return NewDisclosure(
            law=self.law,
            article=self.article,
            law_kind=self.law_kind,
            body_kind=self.body_kind,
            requesting_body=self.requesting_body,
            recipient=self.recipient,
            approver=self.approver,
            executor=self.executor,
            fields=tuple(self.fields),
            pupils=self.pupils,
            handed_over_on=self.handed_over_on,
            document_number=self.document_number,
            delivery_form=self.delivery_form,
            remarks=self.remarks,
            legal_basis=self.legal_basis,
            approver_account=None if self.approver_account is None else AccountId(self.approver_account),
            corrects=self.corrects,
            correction_reason=self.correction_reason,
        )


class DisclosureOut(Model):
    """One entry of the register."""

    id: str
    unit: str
    legal_basis: str
    law: str
    article: str
    law_kind: str
    body_kind: BodyKind
    requesting_body: str
    recipient: str
    approver_account: str | None
    approver: str
    executor: str
    fields: list[str]
    pupils: Pupils
    handed_over_on: date
    document_number: str
    delivery_form: DeliveryForm
    remarks: str
    corrects: str | None
    correction_reason: str
    corrected_by: str | None
    """The entry that takes the place of this one."""
    registered_by: str
    registered_at: datetime

    @staticmethod
    def of(record: Disclosure) -> DisclosureOut:
        """Return the model of a record."""
        content = record.content
        return DisclosureOut(
            id=record.id,
            unit=record.unit,
            legal_basis=content.legal_basis,
            law=content.law,
            article=content.article,
            law_kind=content.law_kind,
            body_kind=content.body_kind,
            requesting_body=content.requesting_body,
            recipient=content.recipient,
            approver_account=content.approver_account,
            approver=content.approver,
            executor=content.executor,
            fields=list(content.fields),
            pupils=content.pupils,
            handed_over_on=content.handed_over_on,
            document_number=content.document_number,
            delivery_form=content.delivery_form,
            remarks=content.remarks,
            corrects=content.corrects,
            correction_reason=content.correction_reason,
            corrected_by=record.corrected_by,
            registered_by=record.registered_by,
            registered_at=record.registered_at,
        )


class DisclosureList(Model):
    """Entries of the register, newest first."""

    items: list[DisclosureOut]
