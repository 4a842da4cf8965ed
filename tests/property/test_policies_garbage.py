"""Whatever is asked, a question that does not fit the schema is denied, and none raises (I8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.policies.decision import EVALUATION_ERROR, Action, Circumstances, Resource
from gateway.policies.floor import SAMPLES
from gateway.principals import AccountKind, Principal, Role
from tests.factories.policies import decision_point

TEXTS = st.text(st.characters(), max_size=12)  # lone surrogates, line breaks and quotes too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
EVERYBODY = Principal(
    AccountId("st-x"), AccountKind.STAFF, frozenset({Role.DATA_OFFICER, Role.APPROVING_OFFICER, Role.EXECUTOR}),
    UnitCode("140100"), assurance=2,
)  # fmt: skip
WITHIN = Circumstances("three", territory_within=True)
POINT = decision_point()
ACTIONS = st.sampled_from(list(Action))
PRINCIPALS = st.builds(
    Principal,
    account=TEXTS.map(AccountId),
    kind=st.sampled_from(AccountKind),
    roles=st.frozensets(st.sampled_from(Role)),
    unit=st.none() | TEXTS.map(UnitCode),
    recipient=st.none() | TEXTS.map(RecipientId),
    assurance=st.integers(min_value=-(2**70), max_value=2**70),
    mandate=st.none() | st.frozensets(TEXTS, max_size=3),
    on_behalf=st.none() | TEXTS.map(AccountId),
)


@given(PRINCIPALS, ACTIONS, TEXTS, TEXTS, st.dictionaries(TEXTS, JSON, max_size=6), TEXTS, JSON, TEXTS)
def test_i8_garbage_is_denied_and_raises_nothing(  # one of each thing that can be garbage
    who: Principal,
    action: Action,
    kind: str,
    name: str,
    attributes: dict[str, str],  # of anything, in truth
    separation: str,
    within: bool,
    errand: str,
) -> None:
    decision = POINT.decide(who, action, Resource(kind, name, attributes), Circumstances(separation, within, errand))
    assert not decision.allowed
    assert decision.policy == EVALUATION_ERROR


@given(ACTIONS, st.sampled_from(sorted(SAMPLES)), st.data())
def test_i8_a_resource_with_one_member_wrong_is_denied(action: Action, kind: str, data: st.DataObject) -> None:
    attributes: dict[str, Any] = dict(SAMPLES[kind].attributes)
    spoil: bool = data.draw(st.booleans())
    if attributes and spoil:
        name = data.draw(st.sampled_from(sorted(attributes)))
        attributes[name] = data.draw(JSON.filter(lambda value: not isinstance(value, str)))
        remove: bool = data.draw(st.booleans())
        if remove:
            del attributes[name]
    else:
        attributes[data.draw(TEXTS.filter(lambda text: text not in KNOWN))] = "x"
    decision = POINT.decide(EVERYBODY, action, Resource(kind, "one", attributes), WITHIN)
    assert not decision.allowed
    assert decision.policy == EVALUATION_ERROR


KNOWN = {
    "applicant", "recipient", "unit", "territory", "state", "recorder", "confirmer", "approver", "recorder_for",
    "confirmer_for", "approver_for", "owner", "about", "guardian",
}  # fmt: skip


@given(
    ACTIONS, st.sampled_from(sorted(SAMPLES)), TEXTS, TEXTS, st.sampled_from(["st-applicant", "st-confirmer", "st-x"])
)
def test_an_unknown_profile_of_separation_permits_no_more_than_three_people(
    action: Action, kind: str, separation: str, errand: str, account: str
) -> None:
    who = replace(EVERYBODY, account=AccountId(account))
    resource = SAMPLES[kind]
    odd = POINT.decide(who, action, resource, Circumstances(separation, True, errand))
    three = POINT.decide(who, action, resource, Circumstances("three", True, errand))
    assert separation == "two" or not odd.allowed or three.allowed
