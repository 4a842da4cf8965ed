"""Consents: given by who may give them, standing while all that they rest on stands, withdrawn at once (PIPL 15, 31).

A consent is one row, and a withdrawn one is no row: that it was given and withdrawn is in the audit trail. With it
goes the pairwise subject, so that a later sign-in cannot be joined with those before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from gateway.articles import keeps
from gateway.errors import NotFoundError
from gateway.identity.claims import ACTIVE, grant_fields
from gateway.identity.digests import digest_of
from gateway.identity.lifecycle import ENDED
from gateway.identity.signing_in.ports import Child, ConsentRepository, Household, Purposes
from gateway.identity.signing_in.records import PURPOSE, TOLD, Consent, Party
from gateway.ids import AccountId, SubjectRef
from gateway.journal import EntryDraft, Journal, Reader, Tx
from gateway.policies.records import Grant
from gateway.policies.scope import reaches
from gateway.principals import Principal
from rulebook.records import Divisions

OVER = ENDED - {"transfer-pending"}
"""States after which nobody signs in for a pupil again: a transfer only suspends, the pupil stays who they are."""


def fields_told(claims: frozenset[str]) -> frozenset[str]:
    """Return the fields that a standing grant has to cover where ``claims`` are told of who signed in."""
    return grant_fields(claims | {TOLD})


@dataclass(frozen=True, slots=True)
class Standing:
    """Judges whether a consent holds at this moment. Reads nothing but what it is given and the household."""

    household: Household
    purposes: Purposes
    divisions: Divisions

    def reaches(self, grant: Grant, row: Mapping[str, object]) -> bool:
        """Say whether a pupil lies within a grant (I6): nobody signs in at a service that their county was not for."""
        return reaches(grant.scope, row, self.divisions)

    def purpose_hash(self, party: Party) -> str:
        """Return the digest of what a person is told the sign-in is for: asked again when the words change."""
        known = self.purposes[PURPOSE]
        return digest_of("consent", PURPOSE, known.label, known.label_en, party.client.account.post)

    def holds(self, consent: Consent | None, party: Party, claims: frozenset[str], on: date) -> bool:
        """Say whether ``consent`` covers ``claims`` at ``party`` on the civil date ``on``.

        Whoever gave it must still be who consents for the pupil: a bond that ended takes its consents along, and so
        does the hand-over at 14, from which on the pupil is asked.
        """
        if consent is None or not claims <= consent.claims or consent.purpose_hash != self.purpose_hash(party):
            return False
        return on <= consent.valid_to and self.household.may_act_for(consent.by, consent.subject_ref)


@dataclass(frozen=True, slots=True)
class ConsentsOf:
    """The consents that stand for one pupil, as a person may see them."""

    child: Child = field(repr=False)
    consents: Sequence[Consent]
    may_withdraw: bool


@keeps("A50-14")
@dataclass(frozen=True, slots=True)
class ConsentDesk:
    """What a family sees of its consents and takes back."""

    household: Household
    store: ConsentRepository
    journal: Journal
    reader: Reader

    def listed(self, who: Principal) -> tuple[ConsentsOf, ...]:
        """Return the consents for the pupils of a family account, pupil by pupil."""
        found = []
        for member in self.household.members(who.account):
            rights = member.rights
            if rights.see:
                consents = self._of(member.child.subject_ref)
                found.append(ConsentsOf(member.child, consents, rights.act or rights.close))
        return tuple(found)

    def withdraw(self, who: Principal, subject: SubjectRef, client: AccountId) -> None:
        """Withdraw a consent: its tokens end with it, and the pairwise subject is forgotten.

        Another client of the same organisation and sector keeps the subject as long as it has a consent of its own.
        Raises ``NotFoundError`` when there is none, or ``who`` may not withdraw it: one answer for both.
        """
        rights = self.household.rights(who.account, subject)
        found = next((one for one in self._of(subject) if one.client == client), None)
        if found is None or not (rights.act or rights.close):
            raise NotFoundError("There is no such consent.", detail_zh="没有该项授权同意。")

        def write(tx: Tx) -> int:
            if not self.store.forget_consents(tx, [subject], client):
                raise NotFoundError("There is no such consent.", detail_zh="没有该项授权同意。")
            ended = self.store.end_of(tx, [subject], client)
            if all(other.sector != found.sector for other in self.store.consents_of(tx, subject)):
                self.store.forget_subs(tx, [subject], found.sector)
            return ended

        self.journal.record(
            write,
            lambda ended: EntryDraft(
                "identity.consent_withdrawn",
                who,
                facts={"claims": [*sorted(found.claims)], "ended": ended},
                links={"recipient": found.recipient, "executor": found.client},
                subjects=(subject,),
            ),
        )

    def _of(self, subject: SubjectRef) -> list[Consent]:
        return self.reader.read(lambda tx: self.store.consents_of(tx, subject))


@keeps("A50-15")
@dataclass(frozen=True, slots=True)
class ConsentKeeper:
    """What the worker does: a record that ends takes sign-ins and consents along; what is over is forgotten."""

    store: ConsentRepository
    journal: Journal
    reader: Reader
    now: Callable[[], datetime]

    def record_changed(self, subjects: Sequence[SubjectRef], state: str) -> int:
        """End the sign-ins of pupils whose record left ``active``; return how many.

        An ended record takes consents and pairwise subjects along. Applying it twice changes nothing more.
        """
        if state == ACTIVE:
            return 0
        over = state in OVER
        concerned = self.reader.read(lambda tx: self.store.concerned(tx, subjects, over=over))
        if not concerned:
            return 0

        def write(tx: Tx) -> int:
            if over:
                self.store.forget_consents(tx, concerned)
                self.store.forget_subs(tx, concerned)
            return self.store.end_of(tx, concerned)

        count, _ = self.journal.record(
            write,
            lambda ended: EntryDraft(
                "identity.sign_ins_ended", None, facts={"state": state, "ended": ended}, subjects=tuple(concerned)
            ),
        )
        return count

    def bond_ended(self, subject: SubjectRef, account: AccountId, reason: str) -> int:
        """End the sign-ins of an account for a pupil whom it stands for no longer; return how many.

        Consents that it gave need no end of their own: they hold only while who gave them consents for the pupil.
        """
        if not self.reader.read(lambda tx: self.store.live_by(tx, subject, account)):
            return 0
        count, _ = self.journal.record(
            lambda tx: self.store.end_by(tx, subject, account),
            lambda ended: EntryDraft(
                "identity.sign_ins_ended",
                None,
                facts={"reason": reason, "account": account, "ended": ended},
                subjects=(subject,),
            ),
        )
        return count

    def sweep(self) -> int:
        """Forget sign-ins that are over for a day; return how many. For the worker's timer."""
        now = self.now()
        count, _ = self.journal.record(
            lambda tx: self.store.sweep(tx, now),
            lambda swept: EntryDraft("identity.swept", None, facts={"sign_ins": swept}),
        )
        return count
