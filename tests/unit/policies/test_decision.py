"""The decision point: what it refuses to load, and that it denies whenever it is not sure."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigurationError, ForbiddenError
from gateway.ids import UnitCode
from gateway.policies.decision import (
    DEFAULT_DENY,
    EVALUATION_ERROR,
    Action,
    Circumstances,
    Decision,
    DecisionPoint,
    Resource,
)
from gateway.policies.resources import (
    alert_resource,
    application_resource,
    audit_log_resource,
    canary_resource,
    disclosure_resource,
    grant_resource,
    identity_resource,
    registry_resource,
    retention_resource,
    system_resource,
    text_resource,
)
from gateway.principals import Role
from rulebook.records import PolicySet
from tests.factories import policies as make

WITHIN = Circumstances(separation="three", territory_within=True)
NOTES = '@basis("b") @rule("A50-5") @zh("甲") @en("a")'
GOOD = f'@id("one") {NOTES} permit (principal, action == Action::"configure", resource);'


def load(policies: str, schema: str | None = None) -> DecisionPoint:
    schema = make.rule_book().policies.schema if schema is None else schema
    return DecisionPoint(PolicySet(policies, schema, ("test.cedar",), (policies,)))


@pytest.mark.parametrize(
    ("policies", "says"),
    [
        ("permit (principal, oops", "test.cedar"),
        (f'{NOTES} permit (principal, action == Action::"configure", resource);', "@id is missing"),
        (GOOD.replace('@basis("b")', ""), "@basis is missing"),
        (GOOD.replace('@basis("b")', '@basis("")'), "@basis is missing"),
        (GOOD.replace('@zh("甲")', ""), "@zh is missing"),
        (GOOD.replace('@en("a")', '@en("a") @author("x")'), "unknown annotation @author"),
        (GOOD + GOOD, "declared 2 times"),
        (f'@id("one") {NOTES} permit (principal, action, resource);', "must name its actions"),
        (GOOD.replace('"configure"', '"release_all"'), "release_all"),
        (GOOD.replace(";", " when { principal.height > 3 };"), "height"),
        (GOOD.replace(";", ' when { principal.unit == "1" };'), "optional attribute"),
        (GOOD.replace("(principal,", "(principal == ?principal,"), "templates are not used"),
    ],
)
def test_a_policy_that_does_not_hold_stops_the_start_and_says_why(policies: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(policies)
    assert says in error.value.detail
    assert error.value.detail_zh


def test_a_schema_that_does_not_parse_stops_the_start() -> None:
    with pytest.raises(ConfigurationError):
        load(GOOD, "entity Account = {")


def test_i1_default_deny_without_any_policy_nobody_may_do_anything() -> None:
    point = load("")
    everyone = make.staff("everyone", *Role)
    resources = {
        "Application": application_resource(make.application()),
        "Grant": grant_resource(make.grant()),
        "Registry": registry_resource(everyone.unit or make.staff("x").unit),  # type: ignore[arg-type]  # staff has a unit
        "Identity": identity_resource(unit=everyone.unit),
        "AuditLog": audit_log_resource(),
        "System": system_resource(),
        "Retention": retention_resource(),
        "LegalText": text_resource(),
        "Disclosure": disclosure_resource(UnitCode(make.CITY)),
        "Alert": alert_resource(UnitCode(make.CITY), Role.DATA_OFFICER),
        "Canary": canary_resource(UnitCode(make.CITY)),
    }
    for action in Action:
        answers = [point.decide(everyone, action, resource, WITHIN) for resource in resources.values()]
        assert not any(answer.allowed for answer in answers)
        fitting = [answer for answer in answers if not answer.errors]
        assert fitting
        assert all(answer.policy == DEFAULT_DENY for answer in fitting)


def test_i1_default_deny_someone_without_a_role_may_do_nothing() -> None:
    point = make.decision_point()
    nobody = make.staff("nobody")
    for action in Action:
        for resource in (application_resource(make.application()), grant_resource(make.grant()), system_resource()):
            assert not point.decide(nobody, action, resource, WITHIN).allowed


def test_i8_a_policy_that_cannot_be_evaluated_denies_although_a_permit_holds() -> None:
    # 9223372036854775807 + assurance overflows: Cedar skips this forbid and would allow
    failing = (
        f'@id("fails") {NOTES} forbid (principal, action == Action::"configure", resource) '
        "when { principal.assurance + 9223372036854775807 > 0 };"
    )
    operator = make.staff("operator", Role.SYSTEM_ADMINISTRATOR)
    assert load(GOOD).decide(operator, Action.CONFIGURE, system_resource(), WITHIN).allowed
    decision = load(GOOD + failing).decide(operator, Action.CONFIGURE, system_resource(), WITHIN)
    assert not decision.allowed
    assert decision.errors
    assert decision.policy == EVALUATION_ERROR


@pytest.mark.parametrize(
    "resource",
    [
        Resource("Application", "ap", {"applicant": "st-x"}),
        Resource("Application", "ap", {**application_resource(make.application()).attributes, "extra": "1"}),
        Resource("Nothing", "x"),
        Resource("System", "x"),
    ],
)
def test_i8_a_resource_that_does_not_fit_the_schema_or_the_action_is_denied(resource: Resource) -> None:
    decision = make.decision_point().decide(make.approver(), Action.DECIDE_APPLICATION, resource, WITHIN)
    assert not decision.allowed
    assert decision.errors


def test_a_refusal_names_policy_rule_and_both_languages() -> None:
    point = make.decision_point()
    weak = make.staff("approver", Role.APPROVING_OFFICER, assurance=1)
    with pytest.raises(ForbiddenError) as refusal:
        point.require(weak, Action.DECIDE_APPLICATION, application_resource(make.application()), WITHIN)
    error = refusal.value
    assert error.extra["policy"] == "second-factor-to-decide-or-export"
    assert error.rule == "A50-1"
    assert error.missing == ("second_factor",)
    assert "second factor" in error.detail
    assert "第二因素" in error.detail_zh


def test_a_default_refusal_says_who_may() -> None:
    point = make.decision_point()
    with pytest.raises(ForbiddenError) as refusal:
        point.require(make.executor(), Action.DECIDE_APPLICATION, application_resource(make.application()), WITHIN)
    assert refusal.value.extra["policy"] == DEFAULT_DENY
    assert "approving officer" in refusal.value.detail
    assert "批准人" in refusal.value.detail_zh
    assert refusal.value.rule == "A50-10"


def test_a_refusal_by_several_policies_names_all_of_them() -> None:
    point = make.decision_point()
    both = make.staff("applicant", Role.APPROVING_OFFICER, assurance=1)
    resource = application_resource(make.application())
    decision = point.decide(both, Action.DECIDE_APPLICATION, resource, WITHIN)
    assert decision == Decision(
        allowed=False, policy_ids=("applicant-decides-nothing", "second-factor-to-decide-or-export")
    )
    assert point.refusal(decision, Action.DECIDE_APPLICATION).missing == ("another_person", "second_factor")
