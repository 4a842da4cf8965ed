"""Rich authorization requests (RFC 9396): a token for one grant and use, asked for strictly, told without a leak."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from gateway.accounts.errors import DetailsRefusedError
from gateway.ids import GrantId, RecipientId
from tests.factories.accounts import ISSUER, RECIPIENT, House, Program, make_house

OTHER = RecipientId("91140100MA0GATEW9X")
OWN = GrantId("gr-own")
ONE = {"type": "xueji_grant", "identifier": OWN, "actions": ["extract"]}


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    built = make_house(tables_url)
    built.grants.owners = {OWN: RECIPIENT, GrantId("gr-own-2"): RECIPIENT, GrantId("gr-theirs"): OTHER}
    yield built
    built.close()


def test_the_token_names_grant_and_use_and_its_principal_is_good_for_them_alone(house: House) -> None:
    program = Program(house)
    two = {"type": "xueji_grant", "identifier": "gr-own-2", "actions": ["match", "check"], "locations": [ISSUER]}
    token = program.token(details=json.dumps([ONE, two]))
    claims = house.tokens.inspect(token.value)
    assert claims is not None
    assert claims.details == token.details
    principal = house.tokens.principal_of_token(token.value)
    assert principal.mandate == frozenset({"gr-own extract", "gr-own-2 match", "gr-own-2 check"})
    assert house.journal.last("account.token_issued").facts["mandate"] == [
        "gr-own extract", "gr-own-2 check", "gr-own-2 match",
    ]  # fmt: skip
    plain = program.token()
    assert house.tokens.principal_of_token(plain.value).mandate is None


BAD: list[tuple[str, object]] = [
    ("no array", ONE),
    ("an empty array", []),
    ("null", None),
    ("no objects", ["gr-own"]),
    ("an unknown type", [{**ONE, "type": "payment_initiation"}]),
    ("no type", [{name: value for name, value in ONE.items() if name != "type"}]),
    ("no grant", [{name: value for name, value in ONE.items() if name != "identifier"}]),
    ("no actions", [{name: value for name, value in ONE.items() if name != "actions"}]),
    ("an unknown member", [{**ONE, "privileges": ["admin"]}]),
    ("an unknown action", [{**ONE, "actions": ["extract", "delete"]}]),
    ("actions twice", [{**ONE, "actions": ["extract", "extract"]}]),
    ("an empty list of actions", [{**ONE, "actions": []}]),
    ("an action that is no text", [{**ONE, "actions": [1]}]),
    ("actions that are a text", [{**ONE, "actions": "extract"}]),
    ("another place", [{**ONE, "locations": ["https://evil.example"]}]),
    ("two places", [{**ONE, "locations": [ISSUER, "https://evil.example"]}]),
    ("a grant twice", [ONE, {**ONE, "actions": ["check"]}]),
    ("too many", [{**ONE, "identifier": f"gr-{number}"} for number in range(11)]),
    ("a grant that is no text", [{**ONE, "identifier": 7}]),
    ("a grant that no database takes", [{**ONE, "identifier": "gr-\x00"}]),
    ("another's grant", [{**ONE, "identifier": "gr-theirs"}]),
    ("a grant that does not exist", [{**ONE, "identifier": "gr-nothing"}]),
    ("an own and another's", [ONE, {**ONE, "identifier": "gr-theirs"}]),
]


def test_what_is_malformed_unknown_or_anothers_is_refused_with_one_text(house: House) -> None:
    program = Program(house)
    texts = {"[": None, '[{"type": "xueji_grant", "type": "xueji_grant"}]': None, " " * 5000: None, "[" * 4000: None}
    answers = set()
    for name, details in [*BAD, *((text, text) for text in texts)]:
        with pytest.raises(DetailsRefusedError) as refused:
            program.token(details=details if name in texts and isinstance(details, str) else json.dumps(details))
        answers.add((refused.value.detail, refused.value.detail_zh, refused.value.missing))
        assert house.journal.entries[-1].facts["reason"] == "details"
    assert len(answers) == 1
    assert "gr-" not in answers.pop()[0]
    assert "account.token_issued" not in house.journal.kinds()


def test_a_grant_of_anothers_and_one_that_is_not_there_cost_the_same_look_up(house: House) -> None:
    asked: list[RecipientId] = []

    class Counting:
        def of(self, recipient: RecipientId) -> set[GrantId]:
            asked.append(recipient)
            return house.grants.of(recipient)

    house.tokens._grants = Counting()
    program = Program(house)
    for identifier in ("gr-theirs", "gr-nothing"):
        with pytest.raises(DetailsRefusedError):
            program.token(details=json.dumps([{**ONE, "identifier": identifier}]))
    assert asked == [RECIPIENT, RECIPIENT]
