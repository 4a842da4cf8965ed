"""The kinds of credentials there are: the claims of each and where they come from (OpenID4VCI 1.0 section 12.2.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.identity.claims import CLAIM_LABELS, GUARDIAN_LABELS, claims_of, guardian_claims_of
from gateway.identity.records import ClaimValue

Labels = tuple[str, str]
"""Chinese and English."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A credential configuration. ``claims_of`` takes a row of the sharing view and the civil date."""

    id: str
    name: Labels
    description: Labels
    claims: Mapping[str, Labels]
    claims_of: Callable[[Mapping[str, object], date], dict[str, ClaimValue]]

    @property
    def identifier(self) -> str:
        """The credential identifier of token responses (section 6.2): there is one dataset of each kind."""
        return f"{self.id}-record"


STUDENT = Configuration(
    "student",
    ("学生可信教育数字身份", "Student's trusted digital education identity"),
    ("学籍信息的最小化证明", "A minimal proof of enrolment: no name, no identity number, no address"),
    CLAIM_LABELS,
    claims_of,
)
GUARDIAN = Configuration(
    "guardian",
    ("学生监护人数字身份", "Digital identity of a pupil's guardian"),
    (
        "证明持有人为某在籍学生的监护人，不含姓名和证件号码",
        "A proof of being guardian of a pupil: no name, no identity number of either",
    ),
    GUARDIAN_LABELS,
    guardian_claims_of,
)
CONFIGURATIONS: Mapping[str, Configuration] = {one.id: one for one in (STUDENT, GUARDIAN)}
