"""The guardian's card: a masked name, a school, and a QR code that anybody may check for a day.

The code holds a random reference in a fragment, and nothing else. Who scans it learns whether the card holds now, and
the masked name that stands on it: a check without it would let one card be printed for any child. Showing the card is
the guardian's own act, as a wallet's presentation is (I1); each check is recorded.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.errors import NotFoundError
from gateway.families.bonds import Bonds, child_of
from gateway.families.ports import FamilyRepository
from gateway.families.records import Bond, BondKind, Card, CardAnswer, CardId, MadeCard
from gateway.families.rules import rights_of
from gateway.identity.claims import ACTIVE
from gateway.identity.digests import digest_of
from gateway.ids import SubjectRef
from gateway.instants import seconds_text
from gateway.journal import EntryDraft, Journal, Reader, Tx
from gateway.principals import Principal

CARD_LIFE = timedelta(hours=24)
_CHECKED = "family.card_checked"


def card_hash(reference: str) -> str:
    """Return what is kept of the reference of a card."""
    return digest_of("family card", reference)


@dataclass(frozen=True, slots=True)
class CardDesk:
    """Makes and checks cards; what a card says is read anew at each check."""

    public_url: str
    bonds: Bonds
    store: FamilyRepository
    journal: Journal
    reader: Reader
    now: Callable[[], datetime]
    new_number: Callable[[], str] = lambda: secrets.token_hex(4)
    new_reference: Callable[[], str] = lambda: secrets.token_hex(16)

    def make(self, subject_ref: SubjectRef, by: Principal) -> MadeCard:
        """Return a card of a guardian for a pupil, good for ``CARD_LIFE``; an earlier one of the two ends.

        Raises ``NotFoundError`` unless ``by`` is a guardian of the pupil and the record is active: one answer.
        """
        found = self.reader.read(lambda tx: self.store.bonds_with(tx, subject_ref))
        bond = next((one for one in found if one.account == by.account), None)
        row = self._row(bond)
        if bond is None or row is None:
            raise NotFoundError(
                "There is no pupil with an active record of whom this account is the guardian.",
                detail_zh="本账号下没有在籍的被监护学生。",
            )
        now, reference = self.now(), self.new_reference()
        card = Card(
            CardId(f"ca-{self.new_number()}"),
            card_hash(reference),
            bond.id,
            by.account,
            subject_ref,
            now,
            now + CARD_LIFE,
        )

        def write(tx: Tx) -> None:
            self.store.end_cards(tx, bond.id, now)
            self.store.add_card(tx, card)

        self.journal.record(
            write,
            EntryDraft(
                "family.card_made",
                by,
                facts={"card": card.id, "expires_at": seconds_text(card.expires_at)},
                subjects=(subject_ref,),
            ),
        )
        child = child_of(bond, row, self.bonds.today())
        return MadeCard(card.id, child, card.expires_at, f"{self.public_url}/family/card/check#{reference}")

    def check(self, reference: str) -> CardAnswer | None:
        """Return what a card says now; ``None`` for one that is unknown, over, or holds no more: one answer."""
        card = self.reader.read(lambda tx: self.store.card_behind(tx, card_hash(reference)))
        bond = None if card is None else self.reader.read(lambda tx: self.store.bond(tx, card.bond))
        row = self._row(bond)
        holds = card is not None and card.expires_at > self.now() and row is not None and self._live(bond)
        self.journal.append(
            EntryDraft(
                _CHECKED,
                None,
                outcome="done" if holds else "refused",
                facts={"card": None if card is None else card.id},
                subjects=() if card is None else (card.subject_ref,),
            )
        )
        if not holds or card is None or row is None:
            return None
        return CardAnswer(card.id, str(row.get("name_masked") or ""), card.expires_at)

    def _row(self, bond: Bond | None) -> Mapping[str, object] | None:
        """Return the row of a guardian's pupil while the record is active and the bond still gives sight."""
        if bond is None or bond.kind is not BondKind.GUARDIAN:
            return None
        row = self.bonds.view.pupil(bond.subject_ref)
        if row is None or row.get("state") != ACTIVE:
            return None
        return row if rights_of(bond.kind, row, self.bonds.today(), own_account=False).see else None

    def _live(self, bond: Bond | None) -> bool:
        if bond is None:
            return False
        found = self.reader.read(lambda tx: self.store.bonds_with(tx, bond.subject_ref))
        return any(one.id == bond.id for one in found)
