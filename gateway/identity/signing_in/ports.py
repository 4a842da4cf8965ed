"""What signing in needs from outside, as protocols that the composition root fills."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from gateway.identity.signing_in.records import Consent, Logout, SignIn, SignInId
from gateway.ids import AccountId, RecipientId, SubjectRef
from gateway.journal import Tx
from gateway.policies.records import Grant
from gateway.principals import Principal

R = TypeVar("R")


class Child(Protocol):
    """A pupil, as family pages name them."""

    @property
    def subject_ref(self) -> SubjectRef:
        """The pupil."""

    @property
    def label(self) -> str:
        """The masked name."""

    @property
    def school_name(self) -> str:
        """The school."""


class Rights(Protocol):
    """What an account may do for a pupil now."""

    @property
    def see(self) -> bool:
        """Look at what there is."""

    @property
    def hold(self) -> bool:
        """Hold the identity and sign in: also a pupil under 14, whom a guardian gave an account."""

    @property
    def act(self) -> bool:
        """Consent (PIPL art. 31: under 14 a guardian alone, from then on the pupil)."""

    @property
    def close(self) -> bool:
        """End what there is."""


class Member(Protocol):
    """A pupil whom a family account may see, with its rights at this moment."""

    @property
    def child(self) -> Child:
        """The pupil."""

    @property
    def rights(self) -> Rights:
        """What the account may do for the pupil."""


class Household(Protocol):
    """The families' room, as signing in needs it (``gateway.families.service.FamilyService``)."""

    def members(self, account: AccountId) -> Sequence[Member]:
        """Return the pupils whom ``account`` may see at this moment."""

    def may_act_for(self, account: AccountId, subject_ref: SubjectRef) -> bool:
        """Say whether ``account`` may consent for a pupil at this moment."""

    def rights(self, account: AccountId, subject_ref: SubjectRef) -> Rights:
        """Return what ``account`` may do for a pupil at this moment."""


class Gate(Protocol):
    """The release gate (``StandingGate``): asked before anybody is, and passed by whatever is told (I1)."""

    def standing(self, recipient: RecipientId, principal: Principal, purpose: str, claims: frozenset[str]) -> Grant:
        """Return the grant that covers the claims, and take no use; raises ``ForbiddenError``, which is recorded."""

    def answer(
        self,
        recipient: RecipientId,
        principal: Principal,
        purpose: str,
        claims: frozenset[str],
        run: Callable[[Grant], R],
    ) -> R:
        """Return what ``run`` returns of a grant, as one use of it; raises ``ForbiddenError`` before it."""


class ConsentRepository(Protocol):
    """Consents, pairwise subjects, and the end of what they allowed."""

    def consent(self, tx: Tx, subject: SubjectRef, client: AccountId) -> Consent | None:
        """Return the consent that stands."""

    def consents_of(self, tx: Tx, subject: SubjectRef) -> list[Consent]:
        """Return the consents for a pupil, newest first."""

    def save_consent(self, tx: Tx, consent: Consent) -> None:
        """Keep a consent in the place of an earlier one."""

    def forget_consents(self, tx: Tx, subjects: Collection[SubjectRef], client: AccountId | None = None) -> int:
        """Remove consents for pupils, of one client where given; return how many."""

    def sub_of(self, tx: Tx, sector: str, subject: SubjectRef) -> str | None:
        """Return the pairwise subject of a pupil in a sector."""

    def subject_of(self, tx: Tx, sector: str, sub: str) -> SubjectRef | None:
        """Return the pupil of a pairwise subject."""

    def add_sub(self, tx: Tx, sector: str, subject: SubjectRef, sub: str) -> None:
        """Keep a pairwise subject unless there is one."""

    def forget_subs(self, tx: Tx, subjects: Collection[SubjectRef], sector: str | None = None) -> int:
        """Remove the pairwise subjects of pupils, of one sector where given; return how many."""

    def end_of(self, tx: Tx, subjects: Collection[SubjectRef], client: AccountId | None = None) -> int:
        """End the sign-ins of pupils, at one client where given; return how many."""

    def live_by(self, tx: Tx, subject: SubjectRef, account: AccountId) -> bool:
        """Say whether an account is signed in somewhere for a pupil."""

    def end_by(self, tx: Tx, subject: SubjectRef, account: AccountId) -> int:
        """End the sign-ins of an account for a pupil; return how many."""

    def concerned(self, tx: Tx, subjects: Collection[SubjectRef], *, over: bool) -> list[SubjectRef]:
        """Return those pupils who are signed in somewhere; with ``over`` also those of whom a consent is kept."""

    def sweep(self, tx: Tx, before: datetime) -> int:
        """Forget sign-ins that are remembered no longer; return how many."""


class SignInRepository(ConsentRepository, Protocol):
    """Rows of sign-ins as well; implemented by ``gateway.identity.signing_in.store.SignInStore``."""

    def add(self, tx: Tx, sign_in: SignIn) -> None:
        """Keep a new sign-in."""

    def get(self, tx: Tx, identifier: SignInId) -> SignIn | None:
        """Return a sign-in."""

    def by_request(self, tx: Tx, request_hash: str) -> SignIn | None:
        """Return the sign-in of a request, in whatever state."""

    def by_code(self, tx: Tx, code_hash: str) -> SignIn | None:
        """Return the sign-in of a code, redeemed and ended ones as well."""

    def by_token(self, tx: Tx, token_hash: str) -> SignIn | None:
        """Return the sign-in of an access token."""

    def advance(self, tx: Tx, before: SignIn, after: SignIn) -> bool:
        """Write ``after`` unless the state is no longer that of ``before``; atomic."""

    def ended_by_party(self, tx: Tx, sign_in: SignInId) -> None:
        """Note that the relying party revoked the token itself: the person has not signed out by that."""


class LogoutRepository(Protocol):
    """Sign-ins whose end relying parties are told; implemented by ``SignInStore``."""

    def logouts(self, tx: Tx, at: datetime, limit: int) -> list[Logout]:
        """Return sign-ins whose end is to be told at ``at``, the longest due first."""

    def take_logout(self, tx: Tx, logout: Logout, again_at: datetime) -> bool:
        """Count a try, which nobody else makes before ``again_at``; ``False`` when somebody else was first."""

    def finish_logout(self, tx: Tx, sign_in: SignInId, outcome: str) -> None:
        """Note that a relying party was told, or that it could not be; its sign-in is over in either case."""

    def sub_of(self, tx: Tx, sector: str, subject: SubjectRef) -> str | None:
        """Return the pairwise subject of a pupil in a sector."""


class Messenger(Protocol):
    """Delivers a logout token, within bounds (``gateway.accounts.outbound.BoundedHttp``)."""

    def post_form(self, uri: str, form: Mapping[str, str]) -> int:
        """Return the status of the answer; raises ``UnavailableError`` when there is none."""


class Parameterized(Protocol):
    """Words of a purpose (``rulebook.records.Purpose``)."""

    @property
    def label(self) -> str:
        """In Chinese."""

    @property
    def label_en(self) -> str:
        """In English."""


Purposes = Mapping[str, Parameterized]
