"""Passkeys: registering, signing in, removing (W3C Web Authentication Level 3, sections 7.1 and 7.2).

The checks of the ceremonies are the library's (``webauthn``); what it cannot know is here: a challenge is for one
ceremony of one browser, a credential belongs to one account, a count moves once, and every refusal looks the same.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn, cast
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, options_to_json, parse_attestation_object
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from gateway.errors import ConflictError, NotFoundError, UnavailableError
from gateway.families.entering import BY_PASSKEY, Doors, entered, not_entered, principal_of
from gateway.families.errors import LastPasskeyError, StrongerSignInError, passkey_refused
from gateway.families.ports import PasskeyStore
from gateway.families.records import (
    LONGEST_NAME,
    Ceremony,
    CeremonyId,
    Challenge,
    Entered,
    Passkey,
    PasskeyId,
    Purpose,
)
from gateway.identity.digests import digest_of
from gateway.ids import AccountId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch, Tx
from gateway.principals import FAMILIES, Principal

NAME = "学籍数据共享网关 / Student Registry Gateway"
CHALLENGE_LIFE = timedelta(minutes=5)
MOST_PASSKEYS = 10
LONGEST_RESPONSE = 16 * 1024
_ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,  # Windows Hello
]
# What a hostile answer makes the library and its CBOR reader raise; anything else is a fault of ours.
_MALFORMED = (WebAuthnException, ValueError, KeyError, IndexError, TypeError, RecursionError, struct.error)


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who asks for passkeys: the host and the origin of the public address (section 5.1.2)."""

    id: str
    origin: str

    @classmethod
    def at(cls, public_url: str) -> RelyingParty | None:
        """Return the relying party of ``public_url``; ``None`` for a bare IP address, which may not have passkeys."""
        parts = urlsplit(public_url)
        host = parts.hostname or ""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return cls(host, f"{parts.scheme}://{parts.netloc}") if host else None
        return None


@dataclass(frozen=True, slots=True)
class PasskeyDesk:
    """Registers, checks and removes passkeys. ``party`` is ``None`` where the public address has no host name."""

    party: RelyingParty | None
    store: PasskeyStore
    doors: Doors
    journal: Journal
    reader: Reader
    scratch: Scratch
    now: Callable[[], datetime]
    new_id: Callable[[], str] = lambda: secrets.token_urlsafe(24)
    new_challenge: Callable[[], bytes] = lambda: secrets.token_bytes(32)

    @property
    def available(self) -> bool:
        """Say whether there can be passkeys here."""
        return self.party is not None

    def of(self, account: AccountId) -> tuple[Passkey, ...]:
        """Return the passkeys of an account, oldest first."""
        return self.reader.read(lambda tx: self.store.passkeys_of(tx, account))

    # --- registering ------------------------------------------------------------------------------------------

    def begin_registering(self, who: Principal) -> Ceremony:
        """Return the options for a new passkey of ``who``; good for minutes, once, in the browser that asked.

        Raises ``StrongerSignInError`` when the account has passkeys and the session was not opened with one,
        ``ConflictError`` when it has ``MOST_PASSKEYS``, ``UnavailableError`` where there are none.
        """
        held = self._check_registering(who)
        challenge = self.new_challenge()
        handle = str(who.account)
        options = webauthn.generate_registration_options(
            rp_id=self._party().id,
            rp_name=NAME,
            user_id=handle.encode(),
            # The authenticator shows this to its owner, and others who hold the telephone: no name of anybody.
            user_name=f"{'家长' if who.account.startswith('gd-') else '学生'}账号 {handle[-4:]}",
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in held],
            supported_pub_key_algs=_ALGORITHMS,
        )
        return Ceremony(self._keep(Purpose.REGISTER, challenge, who.account), options_to_json(options))

    def register(self, who: Principal, token: str, ceremony: CeremonyId, response: str, name: str) -> Entered:
        """Keep the passkey of ``response`` and return a session of assurance 2 instead of that of ``token``.

        Raises ``PasskeyRefusedError`` when anything about it does not hold, and as ``begin_registering``.
        """
        self._check_registering(who)
        made = self._take(ceremony, Purpose.REGISTER)
        if made is None or made.account != who.account:
            self._refuse_registering(who, "challenge")
        try:
            document = _document(response)
            _check_attestation(document)
            verified = webauthn.verify_registration_response(
                credential=document,
                expected_challenge=made.challenge,
                expected_rp_id=self._party().id,
                expected_origin=self._party().origin,
                require_user_verification=True,
                supported_pub_key_algs=_ALGORITHMS,
            )
        except _MALFORMED:
            self._refuse_registering(who, "response")
        now, fresh = self.now(), self.doors.token()
        passkey = Passkey(
            id=passkey_id(verified.credential_id),
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            account=who.account,
            name=(name.strip() or "通行密钥")[:LONGEST_NAME],
            created_at=now,
        )
        account = self.reader.read(lambda tx: self.doors.accounts.get(tx, who.account))
        if account is None:
            self._refuse_registering(who, "account")
        stronger = principal_of(account, BY_PASSKEY, now)

        def write(tx: Tx) -> None:
            self.store.add_passkey(tx, passkey)
            self.doors.close(tx, token)
            self.doors.open(tx, who.account, fresh, BY_PASSKEY, now)

        facts: dict[str, JsonValue] = {"account": who.account, "passkey": _short(passkey.id)}
        try:
            self.journal.record(write, EntryDraft("family.passkey_added", stronger, facts=facts))
        except ConflictError:
            self._refuse_registering(who, "known")  # another account's, perhaps: who asks may not learn that
        return Entered(stronger, fresh)

    # --- signing in -------------------------------------------------------------------------------------------

    def begin_sign_in(self) -> Ceremony:
        """Return the options for a sign-in by any passkey of ours: nobody says before who they are."""
        challenge = self.new_challenge()
        options = webauthn.generate_authentication_options(
            rp_id=self._party().id, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
        )
        return Ceremony(self._keep(Purpose.SIGN_IN, challenge, None), options_to_json(options))

    def sign_in(self, ceremony: CeremonyId, response: str) -> Entered:
        """Return a session of assurance 2 for the account of the passkey in ``response``.

        Raises ``PasskeyRefusedError``: one answer for an unknown passkey, another challenge, origin or relying
        party, an unverified user, a wrong signature, a count that went back, and a closed account.
        """
        made = self._take(ceremony, Purpose.SIGN_IN)
        if made is None:
            self._refuse(None, "challenge")
        try:
            document = _document(response)
            wanted = passkey_id(base64url_to_bytes(str(document["rawId"])))
            handle = base64url_to_bytes(str(cast("dict[str, object]", document["response"])["userHandle"]))
        except _MALFORMED:
            self._refuse(None, "response")
        held = self.reader.read(lambda tx: self.store.passkey(tx, wanted))
        if held is None:
            self._refuse(None, "unknown")
        account = self.reader.read(lambda tx: self.doors.accounts.get(tx, held.account))
        # Section 7.2, step 6: the user handle has to name the owner of the credential.
        if account is None or handle != str(held.account).encode():
            self._refuse(held.account, "owner")
        try:
            verified = webauthn.verify_authentication_response(
                credential=document,
                expected_challenge=made.challenge,
                expected_rp_id=self._party().id,
                expected_origin=self._party().origin,
                credential_public_key=held.public_key,
                credential_current_sign_count=held.sign_count,
                require_user_verification=True,
            )
        except _MALFORMED:
            self._refuse(held.account, "response")
        if account.sealed_at is not None or account.kind not in FAMILIES:
            self._refuse(held.account, "closed")
        now, token = self.now(), self.doors.token()
        who = principal_of(account, BY_PASSKEY, now)

        def write(tx: Tx) -> None:
            after = verified.new_sign_count
            if not self.store.use_passkey(tx, held.id, now, before=held.sign_count, after=after):
                raise _CountMovedError
            self.doors.open(tx, account.id, token, BY_PASSKEY, now)

        try:
            self.journal.record(write, entered(who, "passkey"))
        except _CountMovedError:
            self._refuse(held.account, "count")
        return Entered(who, token)

    # --- removing ---------------------------------------------------------------------------------------------

    def remove(self, who: Principal, passkey: PasskeyId, *, last_too: bool = False) -> None:
        """Remove a passkey of ``who``. Raises ``StrongerSignInError``, ``NotFoundError``, and ``LastPasskeyError``.

        ``last_too`` says that the person knows: without a passkey, only the school opens the account again.
        """
        self._check_strong(who)
        held = self.of(who.account)
        if all(one.id != passkey for one in held):
            raise _no_passkey()
        if len(held) == 1 and not last_too:
            raise LastPasskeyError(
                "This is the last passkey: without one, only the school opens the account again. Add another one "
                "first, or say that you want it.",
                detail_zh="这是最后一个通行密钥。移除后须由学校重新激活才能登录。请先添加新的通行密钥，或确认移除。",
            )

        def write(tx: Tx) -> None:
            if not self.store.remove_passkey(tx, passkey, who.account):
                raise _no_passkey()

        facts: dict[str, JsonValue] = {"account": who.account, "passkey": _short(passkey)}
        self.journal.record(write, EntryDraft("family.passkey_removed", who, facts=facts))

    # --- inside -----------------------------------------------------------------------------------------------

    def _party(self) -> RelyingParty:
        if self.party is None:
            raise UnavailableError(
                "Passkeys need a host name; this system is reached by a bare address.",
                detail_zh="通行密钥需要域名，本系统当前以 IP 地址提供服务。",
            )
        return self.party

    def _check_registering(self, who: Principal) -> tuple[Passkey, ...]:
        self._party()
        held = self.of(who.account)
        if held:
            self._check_strong(who)
        if len(held) >= MOST_PASSKEYS:
            raise ConflictError(
                f"The account has {MOST_PASSKEYS} passkeys: remove one first.",
                detail_zh=f"本账号已有 {MOST_PASSKEYS} 个通行密钥，请先移除一个。",
            )
        return held

    @staticmethod
    def _check_strong(who: Principal) -> None:
        if who.assurance < BY_PASSKEY:
            raise StrongerSignInError("Sign in with a passkey first.", detail_zh="请先用通行密钥登录后再办理。")

    def _keep(self, purpose: Purpose, challenge: bytes, account: AccountId | None) -> CeremonyId:
        identifier = CeremonyId(self.new_id())
        kept = Challenge(_hash(identifier), purpose, challenge, account, self.now() + CHALLENGE_LIFE)
        self.scratch.write(lambda tx: self.store.add_challenge(tx, kept))
        return identifier

    def _take(self, ceremony: CeremonyId, purpose: Purpose) -> Challenge | None:
        """Return the challenge of a ceremony, which is spent by that; ``None`` when it is none, or another's."""
        found = self.scratch.write(lambda tx: self.store.take_challenge(tx, _hash(ceremony)))
        fits = found is not None and found.purpose is purpose and found.expires_at > self.now()
        return found if fits else None

    def _refuse_registering(self, who: Principal, reason: str) -> NoReturn:
        facts: dict[str, JsonValue] = {"account": who.account, "reason": reason}
        self.journal.append(EntryDraft("family.passkey_added", who, outcome="refused", facts=facts))
        raise passkey_refused()

    def _refuse(self, account: AccountId | None, reason: str) -> NoReturn:
        self.journal.append(not_entered(account, reason))
        raise passkey_refused()


def passkey_id(credential_id: bytes) -> PasskeyId:
    """Return the name of a credential: the SHA-256 of its id, hexadecimal."""
    return PasskeyId(hashlib.sha256(credential_id).hexdigest())


def _hash(ceremony: CeremonyId) -> str:
    return digest_of("family ceremony", ceremony)


def _short(passkey: PasskeyId) -> str:
    return passkey[:16]


def _document(response: str) -> dict[str, Any]:
    """Return the response as a JSON object; raises ``ValueError``."""
    if len(response) > LONGEST_RESPONSE:
        raise ValueError("too long")
    found = json.loads(response)
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004  one error type for all that is malformed
    return found


def _check_attestation(document: dict[str, Any]) -> None:
    """Raise ``ValueError`` for a statement that we did not ask for: ``none``, or one by the passkey itself.

    Which maker an authenticator is of decides nothing here, and each further format is code for strangers to reach.
    """
    told = parse_attestation_object(base64url_to_bytes(str(document["response"]["attestationObject"])))
    own = told.fmt == AttestationFormat.PACKED and not told.att_stmt.x5c
    if told.fmt != AttestationFormat.NONE and not own:
        raise ValueError("attestation")


def _no_passkey() -> NotFoundError:
    return NotFoundError("There is no such passkey.", detail_zh="没有该通行密钥。")


class _CountMovedError(Exception):
    """Another sign-in used the same count; undoes this one."""
