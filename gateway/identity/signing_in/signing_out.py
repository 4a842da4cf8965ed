"""Signing out at a relying party's wish (OpenID Connect RP-Initiated Logout 1.0): never without the person's word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.identity.signing_in import answers, errors
from gateway.identity.signing_in.id_tokens import Hint, IdTokens
from gateway.identity.signing_in.parties import Parties
from gateway.identity.signing_in.ports import SignInRepository
from gateway.identity.signing_in.records import Party, SignedOut, State
from gateway.journal import EntryDraft, Journal, Reader
from gateway.principals import Principal

MAX_STATE = 512


@dataclass(frozen=True, slots=True)
class Leaving:
    """A wish to sign out that fits: who asks, and where the browser goes after."""

    hint: Hint
    party: Party
    location: str | None


@dataclass(frozen=True, slots=True)
class SignOutDesk:
    """Judges a wish to sign out, and ends the tokens of its sign-in."""

    parties: Parties
    store: SignInRepository
    id_tokens: IdTokens
    journal: Journal
    reader: Reader
    now: Callable[[], datetime]

    def leaving(
        self, id_token_hint: str | None, client_id: str | None, post_logout_redirect_uri: str | None, state: str | None
    ) -> Leaving:
        """Return the wish when it is one of a relying party of ours. Raises ``SignInRefusedError``.

        An address that was not registered, character by character, leads nowhere: this is no open redirect.
        """
        hint = self.id_tokens.hint(id_token_hint or "", self.now())
        if hint is None or client_id not in {None, "", hint.client}:
            raise errors.bad_hint()
        party = self.parties.party(hint.client)
        if party is None:
            raise errors.bad_hint()
        if not post_logout_redirect_uri:
            return Leaving(hint, party, None)
        registered = party.client.sign_in.post_logout_redirect_uris
        if post_logout_redirect_uri not in registered or (state is not None and len(state) > MAX_STATE):
            raise errors.bad_return()
        location = post_logout_redirect_uri
        if state:
            location = answers.with_query(location, {"state": state})
        return Leaving(hint, party, location)

    def leave(self, leaving: Leaving, who: Principal | None) -> SignedOut:
        """End the tokens of the sign-in that the hint names, and return where the browser goes.

        ``who`` is whose session was here; ending it is for the caller.
        """
        found = self.reader.read(lambda tx: self.store.get(tx, leaving.hint.sign_in))
        links = {"recipient": str(leaving.party.recipient), "executor": str(leaving.party.id)}
        mine = found is not None and found.client == leaving.party.id and found.state is not State.ENDED
        entry = EntryDraft(
            "identity.signed_out",
            who,
            facts={"sign_in": leaving.hint.sign_in, "ended": int(mine)},
            links=links,
            subjects=() if found is None or found.subject_ref is None else (found.subject_ref,),
        )
        if found is None or not mine:
            self.journal.append(entry)
        else:
            ended = replace(found, state=State.ENDED)
            self.journal.record(lambda tx: self.store.advance(tx, found, ended), entry)
        return SignedOut(leaving.location)
