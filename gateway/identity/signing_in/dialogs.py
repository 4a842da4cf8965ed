"""The person's part: the browser opens a request, somebody signs in, chooses for whom, consents or declines.

Each page asks anew what comes next (``step``), from what holds at that moment: a session, the household, the record,
the grant, the consent. A browser holds a sign-in by a secret of its own; nobody else can go on with it, and the
address of a page opens nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hmac import compare_digest

from gateway.articles import keeps
from gateway.errors import GatewayError, UnavailableError
from gateway.identity.claims import ACTIVE, claims_of
from gateway.identity.digests import digest_of
from gateway.identity.ports import PupilView
from gateway.identity.signing_in import answers, errors
from gateway.identity.signing_in.consents import Standing, fields_told
from gateway.identity.signing_in.parties import Parties
from gateway.identity.signing_in.ports import Child, Gate, Household, SignInRepository
from gateway.identity.signing_in.pushing import REQUEST_URI
from gateway.identity.signing_in.records import (
    CODE_LIFE,
    DIALOG_LIFE,
    PURPOSE,
    Answered,
    AskConsent,
    Barred,
    Blocked,
    ChooseChild,
    Consent,
    Opened,
    Party,
    Sheet,
    SignIn,
    SignInId,
    SignInNeeded,
    State,
    Step,
    Visitor,
)
from gateway.ids import AccountId, SubjectRef
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch, Tx
from gateway.policies.records import Grant
from gateway.policies.scope import civil_date

_LONGEST = 200
"""Of a reference or a secret; ours are shorter."""
_SILENT: dict[type[Step], str] = {
    SignInNeeded: answers.LOGIN_REQUIRED,
    ChooseChild: answers.ACCOUNT_SELECTION_REQUIRED,
    AskConsent: answers.CONSENT_REQUIRED,
    Barred: answers.ACCESS_DENIED,
}
"""What ``prompt=none`` is answered where a person would have to be shown something."""


@keeps("A50-14", "A50-15")
@dataclass(frozen=True, slots=True)
class DialogDesk:
    """Leads one browser through one sign-in."""

    issuer: str
    parties: Parties
    gate: Gate
    household: Household
    standing: Standing
    view: PupilView
    store: SignInRepository
    journal: Journal
    reader: Reader
    scratch: Scratch
    now: Callable[[], datetime]
    token: Callable[[], str] = lambda: secrets.token_urlsafe(32)
    new_sub: Callable[[], str] = lambda: secrets.token_urlsafe(32)

    # The browser arrives

    def open(self, client: str, request_uri: str, visitor: Visitor | None) -> Opened | Answered:
        """Take a pushed request for this browser, once; with ``prompt=none`` answer it.

        Raises ``SignInRefusedError`` for a reference that is unknown, used, expired or another client's.
        """
        found = None
        reference = request_uri.removeprefix(REQUEST_URI)
        if request_uri.startswith(REQUEST_URI) and len(reference) <= _LONGEST:
            digest = digest_of("request_uri", reference)
            found = self.reader.read(lambda tx: self.store.by_request(tx, digest))
        now, holder = self.now(), self.token()
        if found is None or found.client != client or found.state is not State.REQUESTED or found.expires_at <= now:
            self._reject(found, "request_uri")
            raise errors.unknown_request()
        opened = replace(
            found,
            state=State.OPEN,
            opened_at=now,
            expires_at=now + DIALOG_LIFE,
            browser_hash=digest_of("browser", holder),
        )
        if not self.scratch.write(lambda tx: self.store.advance(tx, found, opened)):
            self._reject(found, "request_uri")
            raise errors.unknown_request()
        if "none" not in found.wish.prompt:
            return Opened(found.id, holder)
        step = self._step(opened, visitor)
        return step if isinstance(step, Answered) else self._turn_away(opened, _SILENT[type(step)], visitor)

    # The pages

    def step(self, identifier: SignInId, holder: str, visitor: Visitor | None) -> Step:
        """Return what comes next for this browser. Raises ``SignInRefusedError`` when the sign-in is over."""
        return self._step(self._dialog(identifier, holder), visitor)

    def choose(self, identifier: SignInId, holder: str, visitor: Visitor, subject: SubjectRef) -> None:
        """Note for whom the person signs in; a pupil whom they do not act for is not noted."""
        found = self._dialog(identifier, holder)
        if self.household.rights(visitor.account, subject).hold:
            self._note(found, visitor, subject)

    def agree(self, identifier: SignInId, holder: str, visitor: Visitor, subject: SubjectRef) -> Step:
        """Take the consent for the pupil that the page named and return the answer.

        Or return what comes next, when that is no longer what the page asked: somebody else signed in meanwhile,
        another child was chosen, another page answered.
        """
        found = self._dialog(identifier, holder)
        step = self._step(found, visitor)
        party = self.parties.party(found.client)
        if not isinstance(step, AskConsent) or step.subject != subject or party is None:
            return step
        found, sheet = self._dialog(identifier, holder), step.sheet  # with the pupil, as the step noted it
        consent = Consent(
            subject_ref=subject,
            client=found.client,
            recipient=found.recipient,
            sector=found.sector,
            claims=found.wish.claims | self._kept(found, party, subject, sheet),
            purpose_hash=self.standing.purpose_hash(party),
            by=visitor.account,
            given_at=self.now(),
            organisation=sheet.organisation,
            service=sheet.service,
            purpose_zh=sheet.purpose_zh,
            purpose_en=sheet.purpose_en,
            valid_to=sheet.valid_to,
        )
        facts: dict[str, JsonValue] = {
            "sign_in": found.id,
            "claims": [*sorted(consent.claims)],
            "purpose": PURPOSE,
            "valid_to": consent.valid_to.isoformat(),
        }
        links = {**_links(found), "grant": sheet.grant}
        self.journal.record(
            lambda tx: self.store.save_consent(tx, consent),
            EntryDraft("identity.consent_given", visitor.principal, facts=facts, links=links, subjects=(subject,)),
        )
        return self._answer(found, visitor, subject)

    def _kept(self, sign_in: SignIn, party: Party, subject: SubjectRef, sheet: Sheet) -> frozenset[str]:
        """Return the claims of an earlier consent that stands beside the new one: nothing of it is lengthened."""
        earlier = self.reader.read(lambda tx: self.store.consent(tx, subject, sign_in.client))
        if earlier is None or earlier.valid_to < sheet.valid_to:
            return frozenset()
        stands = self.standing.holds(earlier, party, earlier.claims, civil_date(self.now()))
        return earlier.claims if stands else frozenset()

    def decline(self, identifier: SignInId, holder: str, visitor: Visitor | None) -> Answered:
        """Return the answer that nobody signs in; it does not say why."""
        return self._turn_away(self._dialog(identifier, holder), answers.ACCESS_DENIED, visitor, "declined")

    # Inside

    def _dialog(self, identifier: SignInId, holder: str) -> SignIn:
        found = None
        if 0 < len(identifier) <= _LONGEST and 0 < len(holder) <= _LONGEST:
            found = self.reader.read(lambda tx: self.store.get(tx, identifier))
        mine = found is not None and compare_digest(found.browser_hash or "", digest_of("browser", holder))
        if found is None or not mine or found.state is not State.OPEN or found.expires_at <= self.now():
            raise errors.over()
        return found

    def _step(self, sign_in: SignIn, visitor: Visitor | None) -> Step:
        party = self.parties.party(sign_in.client)
        if party is None:
            return self._turn_away(sign_in, answers.UNAUTHORIZED_CLIENT, visitor, "party")
        try:
            fields = fields_told(sign_in.wish.claims)
            grant = self.gate.standing(party.recipient, party.principal, PURPOSE, fields)
        except UnavailableError:
            raise
        except GatewayError:
            return self._turn_away(sign_in, answers.UNAUTHORIZED_CLIENT, visitor, "grant")
        if visitor is None:
            self._note_absence(sign_in)
            return SignInNeeded()
        if self._stale(sign_in, visitor):
            return SignInNeeded()
        return self._for_visitor(sign_in, visitor, party, grant)

    def _for_visitor(self, sign_in: SignIn, visitor: Visitor, party: Party, grant: Grant) -> Step:
        children, claims = self._children(visitor.account, grant), sign_in.wish.claims
        if not children:
            return Barred(Blocked.NO_CHILD, grant.recipient_name)
        chosen = self._chosen(sign_in, visitor, children)
        if chosen is None:
            named = tuple((child.subject_ref, child.label, child.school_name) for child, _ in children)
            return ChooseChild(named)
        child, row = chosen
        today = civil_date(self.now())
        consent = self.reader.read(lambda tx: self.store.consent(tx, child.subject_ref, sign_in.client))
        if "consent" not in sign_in.wish.prompt and self.standing.holds(consent, party, claims, today):
            return self._answer(sign_in, visitor, child.subject_ref)
        if not self.household.may_act_for(visitor.account, child.subject_ref):
            return Barred(Blocked.GUARDIAN_FIRST, grant.recipient_name)
        if "none" not in sign_in.wish.prompt:
            self._note(sign_in, visitor, child.subject_ref)
        return AskConsent(child.subject_ref, child.label, self._sheet(party, grant, claims, row))

    def _note_absence(self, sign_in: SignIn) -> None:
        """Note that nobody was signed in: whoever comes next has just signed in, whatever the clock says.

        Times are kept in seconds, and a session of the same second as the request need not be younger than it.
        """
        wish = sign_in.wish
        if "none" in wish.prompt or ("login" not in wish.prompt and wish.max_age is None):
            return
        noted = replace(sign_in, wish=replace(wish, prompt=wish.prompt - {"login"}, max_age=None))
        self.scratch.write(lambda tx: self.store.advance(tx, sign_in, noted))

    def _stale(self, sign_in: SignIn, visitor: Visitor) -> bool:
        """Say whether the person has to sign in anew (``prompt=login``, ``max_age``)."""
        opened = sign_in.opened_at or self.now()
        signed_in = visitor.signed_in_at
        if "login" in sign_in.wish.prompt:
            return True
        age = sign_in.wish.max_age
        return age is not None and signed_in < opened.replace(microsecond=0) - timedelta(seconds=age)

    def _children(self, account: AccountId, grant: Grant) -> list[tuple[Child, dict[str, object]]]:
        """Return the pupils for whom the account may sign in under a grant, whose record is active, with their rows."""
        found = []
        for member in self.household.members(account):
            row = self.view.pupil(member.child.subject_ref) if member.rights.hold else None
            if row is not None and row.get("state") == ACTIVE and self.standing.reaches(grant, row):
                found.append((member.child, dict(row)))
        return found

    def _chosen(
        self, sign_in: SignIn, visitor: Visitor, children: Sequence[tuple[Child, dict[str, object]]]
    ) -> tuple[Child, dict[str, object]] | None:
        by_subject = {child.subject_ref: (child, row) for child, row in children}
        if sign_in.account == visitor.account and sign_in.subject_ref in by_subject:
            return by_subject[sign_in.subject_ref]
        hint = sign_in.wish.subject
        if hint is not None:
            hinted = self.reader.read(lambda tx: self.store.subject_of(tx, sign_in.sector, hint))
            if hinted in by_subject:
                return by_subject[hinted]
        return children[0] if len(children) == 1 else None

    def _sheet(self, party: Party, grant: Grant, claims: frozenset[str], row: dict[str, object]) -> Sheet:
        known = self.standing.purposes[PURPOSE]
        present = claims_of(row, civil_date(self.now()))
        return Sheet(
            organisation=grant.recipient_name,
            service=party.client.account.post,
            purpose_zh=known.label,
            purpose_en=known.label_en,
            claims={name: present.get(name) for name in sorted(claims)},
            valid_to=grant.scope.valid_to,
            grant=str(grant.id),
        )

    def _note(self, sign_in: SignIn, visitor: Visitor, subject: SubjectRef) -> None:
        if sign_in.subject_ref == subject and sign_in.account == visitor.account:
            return
        noted = replace(sign_in, subject_ref=subject, account=visitor.account)
        if not self.scratch.write(lambda tx: self.store.advance(tx, sign_in, noted)):
            raise errors.over()

    def _answer(self, sign_in: SignIn, visitor: Visitor, subject: SubjectRef) -> Answered:
        """Return the answer with a code, which is good once and for a minute."""
        value, now = self.token(), self.now()
        answered = replace(
            sign_in,
            state=State.ANSWERED,
            expires_at=now + CODE_LIFE,
            browser_hash=None,
            subject_ref=subject,
            account=visitor.account,
            signed_in_at=visitor.signed_in_at,
            code_hash=digest_of("code", value),
        )

        def write(tx: Tx) -> None:
            self.store.add_sub(tx, sign_in.sector, subject, self.new_sub())
            hint = sign_in.wish.subject
            # Nobody else than the subject of the hint may be answered (OpenID Connect Core 1.0 section 3.1.2.1).
            if hint is not None and self.store.sub_of(tx, sign_in.sector, subject) != hint:
                raise _AnotherSubjectError
            if not self.store.advance(tx, sign_in, answered):
                raise errors.over()

        facts: dict[str, JsonValue] = {"sign_in": sign_in.id, "assurance": visitor.principal.assurance}
        entry = EntryDraft(
            "identity.signed_in", visitor.principal, facts=facts, links=_links(sign_in), subjects=(subject,)
        )
        try:
            self.journal.record(write, entry)
        except _AnotherSubjectError:
            return self._turn_away(sign_in, answers.LOGIN_REQUIRED, visitor, "another_subject")
        return answers.code(answered, self.issuer, value)

    def _turn_away(self, sign_in: SignIn, error: str, visitor: Visitor | None, reason: str | None = None) -> Answered:
        """Return the answer with an error; the sign-in is over."""
        entry = EntryDraft(
            "identity.signed_in",
            None if visitor is None else visitor.principal,
            "refused",
            facts={"sign_in": sign_in.id, "reason": reason or error},
            links=_links(sign_in),
        )

        def write(tx: Tx) -> None:
            if not self.store.advance(tx, sign_in, replace(sign_in, state=State.ENDED, browser_hash=None)):
                raise errors.over()

        self.journal.record(write, entry)
        return answers.error(sign_in, self.issuer, error)

    def _reject(self, found: SignIn | None, reason: str) -> None:
        facts: dict[str, JsonValue] = {"reason": reason, "sign_in": None if found is None else found.id}
        links = {} if found is None else _links(found)
        self.journal.append(EntryDraft("identity.signed_in", None, "refused", facts=facts, links=links))


class _AnotherSubjectError(Exception):
    """Somebody else signed in than the hint names; undoes the answer."""


def _links(sign_in: SignIn) -> dict[str, str]:
    return {"recipient": str(sign_in.recipient), "executor": str(sign_in.client)}
