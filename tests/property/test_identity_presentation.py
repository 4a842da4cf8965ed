"""Whatever the claims and the choice: a presentation verifies, and no changed one does."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity import sd_jwt, status_list
from gateway.identity.errors import CredentialRejectedError
from tests.unit.identity.builders import CLAIMS, INDEX, Scene

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(
    lambda name: name not in sd_jwt.RESERVED | sd_jwt.NEVER_DISCLOSED
)
VALUES = st.one_of(st.text(st.characters(codec="utf-8"), max_size=40), st.booleans(), st.integers(-(2**53), 2**53))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~= \u4e00"


@cache
def scene_and_presentation() -> tuple[Scene, str]:
    scene = Scene()
    return scene, scene.present("stage", "school_name", "age_over_14")


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=16), st.data())
def test_every_choice_of_every_claim_set_round_trips(claims: dict[str, str | bool | int], data: st.DataObject) -> None:
    scene = Scene(claims=claims)
    chosen = data.draw(st.sets(st.sampled_from(sorted(claims)))) if claims else set()
    verified = scene.verify(scene.present(*chosen))
    assert verified.claims == {name: claims[name] for name in chosen}
    assert all(type(verified.claims[name]) is type(claims[name]) for name in chosen)


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_no_presentation_with_one_character_changed_is_accepted(data: st.DataObject) -> None:
    scene, good = scene_and_presentation()
    place = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.sampled_from(ALPHABET).filter(lambda character: character != good[place]))
    with pytest.raises(CredentialRejectedError):
        scene.verify(good[:place] + other + good[place + 1 :])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_presentation_with_one_character_more_or_less_is_accepted(data: st.DataObject) -> None:
    scene, good = scene_and_presentation()
    place = data.draw(st.integers(0, len(good) - 1))
    if data.draw(st.booleans()):
        changed = good[:place] + good[place + 1 :]
    else:
        changed = good[:place] + data.draw(st.sampled_from(ALPHABET)) + good[place:]
    with pytest.raises(CredentialRejectedError):
        scene.verify(changed)


def test_the_last_character_of_each_part_has_one_spelling() -> None:
    # ES256 leaves four spare bits in the last character of a signature: 15 other spellings decode alike.
    scene, good = scene_and_presentation()
    ends = [place for place, character in enumerate(good) if character in "~."] + [len(good)]
    for end in ends:
        for other in ALPHABET[:64]:
            if other != good[end - 1]:
                with pytest.raises(CredentialRejectedError):
                    scene.verify(good[: end - 1] + other + good[end:])


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.integers(0, 255), st.integers(0, 3), max_size=60))
def test_a_list_says_what_was_put_and_valid_for_all_else(changes: dict[int, int]) -> None:
    packed = status_list.unpack(status_list.pack(status_list.put(status_list.empty(256), changes)))
    assert [status_list.get(packed, index) for index in range(256)] == [changes.get(i, 0) for i in range(256)]


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.integers(0, 63), st.integers(0, 3), max_size=40))
def test_a_credential_is_accepted_exactly_when_its_own_entry_is_valid(changes: dict[int, int]) -> None:
    scene, good = scene_and_presentation()
    token = scene.list_token(status_list.put(scene.statuses, changes))
    if changes.get(INDEX, 0) == 0:
        assert scene.verify(good, list_token=token).claims.keys() <= CLAIMS.keys()
    else:
        with pytest.raises(CredentialRejectedError):
            scene.verify(good, list_token=token)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_no_text_makes_the_verifier_fail_in_another_way(text: str) -> None:
    scene, _ = scene_and_presentation()
    with pytest.raises(CredentialRejectedError):
        scene.verify(text)
