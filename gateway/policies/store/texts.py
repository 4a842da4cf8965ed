"""Texts of articles as rows: a text is never changed; confirmation and retirement are written once (``A50-6``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa

from gateway.db import Guard, connection_of, metadata, protect
from gateway.errors import ConflictError
from gateway.ids import AccountId
from gateway.journal import Tx
from gateway.policies.codec import decode_ground, decode_time, encode_time
from gateway.policies.legal_texts import HeldText
from gateway.policies.records import GrantState, StatuteGround
from gateway.policies.store.applications import grounds
from gateway.policies.store.grants import grants

legal_texts = protect(
    sa.Table(
        "legal_texts",
        metadata,
        sa.Column("legal_basis", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("source", sa.String(400), nullable=False),
        sa.Column("published_on", sa.String(10), nullable=False),
        sa.Column("attached_by", sa.String(64), nullable=False),
        sa.Column("attached_at", sa.String(32), nullable=False),
        sa.Column("confirmed_by", sa.String(64)),
        sa.Column("confirmed_at", sa.String(32)),
        sa.Column("retired_by", sa.String(64)),
        sa.Column("retired_at", sa.String(32)),
        sa.Column("retired_reason", sa.Text, nullable=False),
    ),
    Guard(
        update_if=" AND ".join(
            [f"NEW.{name} = OLD.{name}" for name in (
                "legal_basis", "number", "text", "sha256", "source", "published_on", "attached_by", "attached_at",
            )]
            + [f"(OLD.{name} IS NULL OR NEW.{name} = OLD.{name})" for name in (
                "confirmed_by", "confirmed_at", "retired_by", "retired_at",
            )]
        )
    ),
)  # fmt: skip


class SqlLegalTexts:
    """The store of texts."""

    def texts(self, tx: Tx, legal_basis: str | None = None) -> Sequence[HeldText]:
        """Return the texts of one basis or of all, newest first."""
        query = sa.select(legal_texts).order_by(legal_texts.c.legal_basis, legal_texts.c.number.desc())
        if legal_basis is not None:
            query = query.where(legal_texts.c.legal_basis == legal_basis)
        return [_held(row) for row in connection_of(tx).execute(query)]

    def insert_text(self, tx: Tx, text: HeldText) -> None:
        """Insert a text; raises ``ConflictError`` when its number is taken."""
        try:
            connection_of(tx).execute(
                legal_texts.insert().values(
                    legal_basis=text.legal_basis,
                    number=text.number,
                    text=text.text,
                    sha256=text.sha256,
                    source=text.source,
                    published_on=text.published_on.isoformat(),
                    attached_by=text.attached_by,
                    attached_at=encode_time(text.attached_at),
                    retired_reason="",
                )
            )
        except sa.exc.IntegrityError as error:
            raise ConflictError(
                "Another text was attached in between: read them again.", detail_zh="已有他人录入原文，请刷新后再办理。"
            ) from error

    def confirm_text(self, tx: Tx, text: HeldText, by: AccountId, at: datetime) -> bool:
        """Confirm a pending text; return whether it was pending."""
        done = connection_of(tx).execute(
            legal_texts.update()
            .where(*_same(text), legal_texts.c.confirmed_at.is_(None), legal_texts.c.retired_at.is_(None))
            .values(confirmed_by=by, confirmed_at=encode_time(at))
        )
        return done.rowcount == 1

    def retire_text(self, tx: Tx, text: HeldText, by: AccountId, at: datetime, reason: str) -> bool:
        """Retire a text that is not retired; return whether it was not."""
        done = connection_of(tx).execute(
            legal_texts.update()
            .where(*_same(text), legal_texts.c.retired_at.is_(None))
            .values(retired_by=by, retired_at=encode_time(at), retired_reason=reason)
        )
        return done.rowcount == 1

    def grants_on_text(self, tx: Tx, legal_basis: str, sha256: str, today: date) -> int:
        """Return how many grants that have not ended rest on a text."""
        ended = (GrantState.WITHDRAWN.value, GrantState.EXPIRED.value, GrantState.USED_UP.value)
        bodies = connection_of(tx).scalars(
            sa.select(grounds.c.body)
            .join(grants, grants.c.ground_id == grounds.c.id)
            .where(
                grounds.c.kind == "statute",
                grants.c.state.not_in(ended),
                grants.c.valid_to >= today.isoformat(),
                grants.c.uses_left > 0,
            )
        )
        found = 0
        for body in bodies:
            ground = decode_ground(body)
            if isinstance(ground, StatuteGround):
                found += (ground.legal_basis, ground.text_sha256) == (legal_basis, sha256)
        return found


def _same(text: HeldText) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        legal_texts.c.legal_basis == text.legal_basis,
        legal_texts.c.number == text.number,
        legal_texts.c.sha256 == text.sha256,
    )


def _held(row: sa.Row[tuple[object, ...]]) -> HeldText:
    return HeldText(
        legal_basis=row.legal_basis,
        number=row.number,
        text=row.text,
        sha256=row.sha256,
        source=row.source,
        published_on=date.fromisoformat(row.published_on),
        attached_by=AccountId(row.attached_by),
        attached_at=decode_time(row.attached_at),
        confirmed_by=None if row.confirmed_by is None else AccountId(row.confirmed_by),
        confirmed_at=None if row.confirmed_at is None else decode_time(row.confirmed_at),
        retired_by=None if row.retired_by is None else AccountId(row.retired_by),
        retired_at=None if row.retired_at is None else decode_time(row.retired_at),
        retired_reason=row.retired_reason,
    )
