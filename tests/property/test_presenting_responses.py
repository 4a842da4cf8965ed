"""Whatever a stranger sends as a wallet's response ends in a refusal: never in an error, never in an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from gateway.identity.presenting.records import ResponseMode, Secrets
from gateway.identity.presenting.responses import Refused, StrangerError, read
from gateway.ids import AccountId
from gateway.principals import AccountKind, Principal

ASKER = Principal(AccountId("cl-1"), AccountKind.CLIENT, frozenset())
KEY = ECKey.generate_key("P-256")
STATE = "the-state"
NAMES = st.sampled_from(["vp_token", "state", "response", "error", "error_description", "iss", ""])
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [STATE, "{}", '{"student": []}', '{"student": {"a": 1}}', "access_denied", "a.b.c.d.e", "....", "e30"]
    ),
)
FORMS = st.dictionaries(NAMES, st.lists(TEXTS, max_size=3), max_size=5)


@given(FORMS, st.sampled_from(ResponseMode))
def test_no_form_that_a_stranger_makes_up_is_read_as_an_answer(form: dict[str, list[str]], mode: ResponseMode) -> None:
    key = KEY if mode is ResponseMode.DIRECT_POST_JWT else None
    secrets = Secrets("the-nonce", STATE, ASKER, key)
    if form.get("state") != [STATE] or "response" in form:
        with pytest.raises(StrangerError):
            read(form, secrets, mode)
        return
    found = read(form, secrets, mode)
    assert found.presentation is None
    assert isinstance(found.refused, Refused)
