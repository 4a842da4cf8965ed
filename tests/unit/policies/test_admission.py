"""The floor under the policies: different people, whatever a policy file says (I1, A50-11)."""

from __future__ import annotations

import pytest

from gateway.errors import ForbiddenError
from gateway.ids import AccountId, RecipientId
from gateway.policies.admission import require_complete, require_different_people
from gateway.policies.errors import ApplicationIncompleteError
from gateway.policies.records import GroundId
from tests.factories import policies as make

APPLICANT, RECORDER, CONFIRMER, APPROVER = "st-applicant", "st-recorder", "st-confirmer", "st-approver"


@pytest.mark.parametrize(
    ("recorder", "confirmer", "approver", "separation", "holds"),
    [
        (RECORDER, CONFIRMER, APPROVER, "three", True),
        (RECORDER, CONFIRMER, APPROVER, "two", True),
        (RECORDER, APPROVER, APPROVER, "two", True),
        (RECORDER, APPROVER, APPROVER, "three", False),
        (RECORDER, APPROVER, APPROVER, "", False),
        (RECORDER, RECORDER, APPROVER, "two", False),
        (RECORDER, CONFIRMER, RECORDER, "two", False),
        (APPLICANT, CONFIRMER, APPROVER, "two", False),
        (RECORDER, APPLICANT, APPROVER, "two", False),
        (RECORDER, CONFIRMER, APPLICANT, "two", False),
        (None, CONFIRMER, APPROVER, "two", False),
        (RECORDER, None, APPROVER, "two", False),
    ],
)
def test_i1_a_grant_needs_different_people_whatever_the_policies_say(
    recorder: str | None, confirmer: str | None, approver: str, separation: str, holds: bool
) -> None:
    application = make.application(
        ground_id=GroundId("ba-example"), ground_recorder=recorder, ground_confirmer=confirmer
    )
    if holds:
        found = require_different_people(application, AccountId(approver), separation)
        assert found == ("ba-example", recorder, confirmer)
        return
    with pytest.raises(ForbiddenError) as refusal:
        require_different_people(application, AccountId(approver), separation)
    assert refusal.value.rule == "A50-11"


def test_i1_a_grant_needs_a_ground() -> None:
    application = make.application(ground_recorder=RECORDER, ground_confirmer=CONFIRMER)
    with pytest.raises(ForbiddenError):
        require_different_people(application, AccountId(APPROVER), "two")


@pytest.mark.parametrize("code", ["", "91140100MA0EXAMPL", "91140100MA0EXAMPLI", "91140100ma0example"])
def test_a_recipient_without_a_credit_code_cannot_submit(code: str) -> None:
    with pytest.raises(ApplicationIncompleteError) as refusal:
        require_complete(make.application(recipient=RecipientId(code)), make.rule_book(), make.TODAY)
    assert refusal.value.missing == ("recipient",)
