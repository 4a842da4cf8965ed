"""How the state of a record becomes the status of its credentials; who may offer one and who may ask (A50-15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.errors import ForbiddenError, ParameterError
from gateway.identity.claims import ACTIVE, CLAIM_LABELS
from gateway.identity.records import Status
from gateway.ids import RecipientId
from gateway.principals import AccountKind, Principal, Role

ENDED = frozenset(
    {
        "withdrawn",
        "deceased",
        "graduated",
        "completed",
        "incomplete",
        "transferred-out",
        "admission-cancelled",
        # The school is about to change: what a credential says of it must not come back to life (A50-15).
        "transfer-pending",
    }
)
"""States after which a credential never counts again: a fresh batch follows where there is a record."""


def status_for_state(state: str) -> Status:
    """Return the status that credentials get when the record enters ``state``.

    ``active`` is valid, an ended record invalid for good; every other state, an unknown one too, suspends:
    suspended and abroad may come back, and what is not known to be active is not vouched for (I8).
    Source: section 4 of the rules, A50-15.
    """
    if state == ACTIVE:
        return Status.VALID
    return Status.INVALID if state in ENDED else Status.SUSPENDED


def next_status(current: Status, state: str, *, attributes_changed: bool) -> Status:
    """Return the status of one credential after a change: ``INVALID`` is final, changed attributes end it."""
    if current is Status.INVALID or attributes_changed:
        return Status.INVALID
    return status_for_state(state)


def staff_may_offer(territory: Callable[[str], frozenset[str]]) -> Callable[[Principal, Mapping[str, object]], bool]:
    """Return the rule that staff may offer an identity to pupils in their charge.

    A registrar or a principal of the pupil's school, or a registrar of a department in whose territory the
    school's managing authority lies. ``territory`` maps a division code to the authorities below it
    (``Rulebook.divisions.territory``).
    """

    def allowed(by: Principal, row: Mapping[str, object]) -> bool:
        if by.unit is None or not by.roles & {Role.REGISTRAR, Role.PRINCIPAL}:
            return False
        if by.unit == row.get("school_code"):
            return True
        return Role.REGISTRAR in by.roles and row.get("managing_authority") in territory(by.unit)

    return allowed


def own_audiences(principal: Principal) -> frozenset[str]:
    """Return the audiences of a relying party: its account and its organisation's code, nobody else's."""
    return frozenset(str(name) for name in (principal.account, principal.recipient) if name)


def may_verify(who: Principal) -> bool:
    """Say whether ``who`` verifies identities for an organisation: its client, or its people at the counter.

    The people are those who take delivery of what is granted to it (``deliver-to-recipient``), or execute for it.
    """
    if who.recipient is None:
        return False
    people = who.kind is AccountKind.STAFF and bool(who.roles & {Role.APPLICANT, Role.EXECUTOR})
    return people or Role.RELYING_PARTY in who.roles


def asking_recipient(
    relying_party: Principal, requested: frozenset[str], audience: str, *, own: frozenset[str]
) -> RecipientId:
    """Return the organisation for which ``relying_party`` may ask for ``requested``, before anything is looked up.

    ``own`` are its audiences: what a holder showed to somebody else is not answered. Raises ``ForbiddenError``,
    ``ParameterError`` for no claim or one that does not exist. Source: A50-14.
    """
    recipient = relying_party.recipient
    if recipient is None or not may_verify(relying_party):
        raise ForbiddenError(
            "Only a client with the role relying_party, or a person who acts for the recipient, may verify identities.",
            detail_zh="仅验证方客户端和数据使用方的经办人可以核验学生身份。",
            rule="A50-14",
        )
    if audience not in own:
        raise ForbiddenError(
            "The audience is not yours: have the holder present to your own identifier.",
            detail_zh="受众（aud）不是本验证方，请让持有人向本验证方出示。",
            rule="A50-14",
        )
    unknown = tuple(sorted(requested - CLAIM_LABELS.keys()))
    if unknown or not requested:
        raise ParameterError(
            "Ask for at least one claim, and only for claims of the credential type.",
            detail_zh="请至少请求一个属性，且仅限该凭证种类的属性。",
            missing=unknown or ("claims",),
        )
    return recipient
