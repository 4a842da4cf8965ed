"""The register of disclosures as rows: added and never changed; a correction is a row that names the old one."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import date

import sqlalchemy as sa

from gateway.db import Guard, connection_of, metadata, protect
from gateway.errors import ConflictError
from gateway.ids import AccountId, UnitCode
from gateway.journal import Tx
from gateway.policies.codec import decode_time, encode_time
from gateway.policies.disclosures import BodyKind, DeliveryForm, Disclosure, NewDisclosure, Pupils

disclosures = protect(
    sa.Table(
        "disclosures",
        metadata,
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("unit", sa.String(16), nullable=False, index=True),
        sa.Column("handed_over_on", sa.String(10), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        # one entry is corrected once: a chain, never a tree
        sa.Column("corrects", sa.String(64), sa.ForeignKey("disclosures.id"), unique=True),
        sa.Column("registered_by", sa.String(64), nullable=False),
        sa.Column("registered_at", sa.String(32), nullable=False),
    ),
    Guard(),
)
_newer = disclosures.alias("newer")


class SqlDisclosures:
    """The store of the register."""

    def insert_disclosure(self, tx: Tx, disclosure: Disclosure) -> None:
        """Insert an entry; raises ``ConflictError`` when another one corrects the same entry."""
        content = disclosure.content
        try:
            connection_of(tx).execute(
                disclosures.insert().values(
                    id=disclosure.id,
                    unit=disclosure.unit,
                    handed_over_on=content.handed_over_on.isoformat(),
                    body=_encode(content),
                    corrects=content.corrects,
                    registered_by=disclosure.registered_by,
                    registered_at=encode_time(disclosure.registered_at),
                )
            )
        except sa.exc.IntegrityError as error:
            raise ConflictError(
                "This entry was corrected in between: correct the newer one.",
                detail_zh="该登记已被他人更正，请更正最新的一条。",
            ) from error

    def disclosure(self, tx: Tx, disclosure_id: str) -> Disclosure | None:
        """Return an entry, ``None`` when there is none."""
        row = connection_of(tx).execute(_select().where(disclosures.c.id == disclosure_id)).one_or_none()
        return None if row is None else _disclosure(row)

    def disclosures(self, tx: Tx, *, units: Collection[str] | None, limit: int) -> Sequence[Disclosure]:
        """Return entries of ``units`` (``None``: of all), newest first."""
        query = _select().order_by(disclosures.c.registered_at.desc(), disclosures.c.id).limit(limit)
        if units is not None:
            query = query.where(disclosures.c.unit.in_(sorted(units)))
        return [_disclosure(row) for row in connection_of(tx).execute(query)]


def _select() -> sa.Select[tuple[object, ...]]:
    return sa.select(disclosures, _newer.c.id.label("corrected_by")).select_from(
        disclosures.outerjoin(_newer, _newer.c.corrects == disclosures.c.id)
    )


def _encode(content: NewDisclosure) -> str:
    value = asdict(content) | {"fields": list(content.fields), "handed_over_on": content.handed_over_on.isoformat()}
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _disclosure(row: sa.Row[tuple[object, ...]]) -> Disclosure:
    value = json.loads(row.body)
    content = NewDisclosure(
        **{
            **value,
            "fields": tuple(value["fields"]),
            "handed_over_on": date.fromisoformat(value["handed_over_on"]),
            "pupils": Pupils(value["pupils"]),
            "delivery_form": DeliveryForm(value["delivery_form"]),
            "body_kind": BodyKind(value["body_kind"]),
            "approver_account": None if value["approver_account"] is None else AccountId(value["approver_account"]),
        }
    )
    return Disclosure(
        id=row.id,
        unit=UnitCode(row.unit),
        content=content,
        registered_by=AccountId(row.registered_by),
        registered_at=decode_time(row.registered_at),
        corrected_by=row.corrected_by,
    )
