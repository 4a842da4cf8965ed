"""What families send and see as JSON: sessions, children, accesses, questions, applications."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from gateway.accesses.records import MAX_TEXT
from gateway.api.models.base import PRINTABLE, Code, Model, Version
from gateway.api.models.cases import After, Day, EvidenceOut, Limit, Name, Plain, RawValue, RuleResultOut
from gateway.families.records import Member

Index = Annotated[int, Field(ge=0, le=2**53)]


class FamilyActivationIn(Model):
    """An activation: what stands after `#` in the link of the school, and the digits that were told apart."""

    reference: Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
    code: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]


class FamilyChallengeOut(Model):
    """What a passkey is asked to sign."""

    challenge: str
    """Send it back with the answer."""
    options: dict[str, Any]
    """`PublicKeyCredentialRequestOptions` as JSON (Web Authentication Level 3, section 5.5)."""


class FamilySessionIn(Model):
    """The answer of a passkey."""

    challenge: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]
    credential: dict[str, Any]
    """`AuthenticationResponseJSON` (section 5.1.8)."""


class FamilySessionOut(Model):
    """A bearer token of a family; null where a child was added to the session that there was."""

    token: str | None
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  the scheme's name
    account: str
    kind: Literal["guardian", "pupil"]


class ChildRightsOut(Model):
    """What the account may do for a pupil now."""

    see: bool
    hold: bool
    act: bool
    close: bool


class ChildOut(Model):
    """A pupil as the account sees them; `bond` names the pupil in addresses."""

    bond: str
    kind: Literal["guardian", "self"]
    name_masked: str
    school_name: str
    grade: str
    stage: str
    age: int | None
    """Completed years."""
    state: str
    own_account: bool
    rights: ChildRightsOut

    @classmethod
    def of(cls, one: Member) -> ChildOut:
        """Return a member of the family."""
        rights, child = one.rights, one.child
        return cls(
            bond=one.bond.id,
            kind="guardian" if child.bond.value == "guardian" else "self",
            name_masked=child.label,
            school_name=child.school_name,
            grade=child.grade,
            stage=child.stage,
            age=child.age,
            state=one.state,
            own_account=one.own_account,
            rights=ChildRightsOut(see=rights.see, hold=rights.hold, act=rights.act, close=rights.close),
        )


class ChildList(Model):
    """The pupils of an account, oldest bond first."""

    items: list[ChildOut]


class WordsOut(Model):
    """The same in Chinese and English; `en` may be empty."""

    zh: str
    en: str


class AccessListIn(Model):
    """Where a page begins."""

    before: Index | None = None
    """As the page before said it."""


class AccessOut(Model):
    """One access: who, why, on what ground, what."""

    entry: int
    """The index of the entry in the audit log that proves it."""
    at: datetime
    sort: Literal["read", "release", "check", "sign_in", "verification", "inspection"]
    body: str
    post: str
    purpose: WordsOut
    what: list[WordsOut]
    ground: str
    delivered: bool | None
    """Whether what was made has been fetched; null where it was answered at once."""


class AccessList(Model):
    """A page of accesses, newest first."""

    items: list[AccessOut]
    before: int | None
    """Ask with it for the next page."""


class AccessQuestionIn(Model):
    """A question about the accesses, or about one of them."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=PRINTABLE)]
    entry: Index | None = None


class AskedOut(Model):
    """A question was taken."""

    asked_at: datetime


class AccessQuestionOut(Model):
    """A question and its answer."""

    id: str
    entry: int | None
    unit: str
    """The department that answers."""
    asked_at: datetime
    due: date
    """The last day of the answer."""
    late: bool
    text: str
    answer: str | None
    answered_at: datetime | None


class AccessQuestionList(Model):
    """What the account asked, newest first."""

    items: list[AccessQuestionOut]


class ChildEvidenceIn(Model):
    """What a file proves, and who issued it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    kind: Code
    issuer_kind: Literal[
        "hospital", "police", "civil-affairs", "housing", "education", "committee", "school", "guardian", "other"
    ] = "guardian"
    issuer_level: Literal["", "township", "county", "city", "province", "state"] = ""
    issued_on: Day | None = None


class ChildDraftIn(Model):
    """What a guardian applies for; `GET /v1/family/procedures` says which values a kind takes."""

    kind: Code
    on: Day
    """The day of the event."""
    applied_on: Day
    values: Annotated[dict[Name, RawValue], Field(max_length=200, default_factory=dict)]
    evidence: Annotated[list[Code], Field(max_length=50, default_factory=list)]


class ChildCaseIn(ChildDraftIn):
    """An application to be opened."""

    key: Annotated[Code, Field(min_length=8)]
    """The caller's mark of this submission: the same key again gives the same case and changes nothing."""


class ChildCaseListIn(Model):
    """Which page."""

    after: After = ""
    limit: Limit = 50


class ChildCaseLineOut(Model):
    """An own application in a list."""

    id: str
    kind: str
    zh: str
    status: Literal["open", "completed", "refused", "withdrawn"]
    opened_at: datetime


class ChildCaseList(Model):
    """What the account applied for, newest first."""

    items: list[ChildCaseLineOut]


class ChildStepOut(Model):
    """One step: who decides what, until when; no officer is named."""

    name: str
    party: str
    party_zh: str
    act_zh: str
    rule: str
    state: Literal["ahead", "waiting", "agreed", "refused"]
    due: date | None
    done_on: date | None
    note: str


class ChildCaseOut(Model):
    """Where an own application stands."""

    id: str
    kind: str
    zh: str
    en: str
    status: Literal["open", "completed", "refused", "withdrawn"]
    version: Version
    on: date
    applied_on: date
    values: dict[str, Plain]
    opened_at: datetime
    closed_on: date | None
    steps: list[ChildStepOut]
    evidence: list[EvidenceOut]
    results: list[RuleResultOut]
