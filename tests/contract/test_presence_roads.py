"""Which entry carries the pupils of a release, and whom the registry finds; on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from gateway.audit.entries import encode_entry
from gateway.audit.leaves import decode_entry
from gateway.audit.membership import shown
from gateway.audit.presence import verify_presence
from gateway.audit.pupils import subject_of
from gateway.audit.records import TagList
from gateway.audit.rolls import ascending, tags_root
from gateway.audit.tags import epoch_of
from gateway.db import make_engine
from gateway.journal import EntryDraft
from tests.factories import house_fixtures
from tests.factories.presence import INSPECTOR, roll_of
from tests.factories.releases import House

house = house_fixtures.shared_on_both


def pupils(house: House, where: str = "1 = 1") -> set[str]:
    """References in the sharing view."""
    engine = make_engine(house.settings.registry_url)
    try:
        with engine.begin() as connection:
            found = connection.execute(text(f"SELECT subject_ref FROM sharing_students WHERE {where}"))
            return {row[0] for row in found}
    finally:
        engine.dispose()


def prepared(house: House, extract: str) -> tuple[int, dict[str, Any]]:
    """The entry of an extract's file, with its index."""
    entries = house.entries()
    (found,) = [
        (index, entry)
        for index, entry in enumerate(entries)
        if entry["kind"] == "release.prepared" and entry["links"].get("extract") == extract
    ]
    return found


def expected(house: House, epoch: str, subjects: set[str]) -> list[bytes]:
    tagger = house.services.audit.tagger
    assert tagger is not None
    return sorted(tagger.tag(epoch, subject) for subject in subjects)


def beside(house: House, index: int) -> TagList:
    audit = house.services.audit
    found = audit.reader.read(lambda tx: audit.store.tag_list(tx, index))
    assert found is not None
    return found


@pytest.mark.rule("A50-10")
@pytest.mark.parametrize("profile", ["bus-pseudonymous", "textbook-anonymous"])
def test_the_entry_of_a_file_carries_a_tag_for_each_row_and_no_other(house: House, profile: str) -> None:
    extract = house.prepared(profile, "csv", stages=frozenset({"primary"}))
    index, entry = prepared(house, extract.id)
    told, held = entry["tags"], beside(house, index)
    assert (told["count"], told["root"]) == (entry["facts"]["rows"], tags_root(held.tags).hex())
    assert told["count"] == extract.rows > 64
    assert ascending(held.tags)
    everybody = expected(house, told["epoch"], pupils(house, "stage = 'primary'"))
    assert set(held.tags) <= set(everybody)
    if profile == "bus-pseudonymous":  # nothing is suppressed there
        assert list(held.tags) == everybody
    outside = expected(house, told["epoch"], pupils(house, "stage <> 'primary'"))
    present, leaves = shown(held.tags, outside[0], bytes.fromhex(told["root"]))
    assert (present, 1 <= len(leaves) <= 2) == (False, True)


def test_a_file_without_rows_says_that_nobody_is_in_it(house: House) -> None:
    extract = house.prepared("bus-pseudonymous", "csv", schools=frozenset({"9999999999"}))
    _, entry = prepared(house, extract.id)
    assert (extract.rows, entry["tags"]["tags"]) == (0, [])


def test_a_quarter_that_ends_while_a_file_is_made_is_that_of_its_entry(house: House) -> None:
    """Tags are made before the entry: those of a quarter that has ended since are made again."""
    audit = house.services.audit
    assert audit.tagger is not None
    some = sorted(pupils(house))[:100]
    now = house.clock()
    roll = roll_of(some, epoch_of(now), audit.tagger)
    later = now + timedelta(days=100)
    draft = EntryDraft("release.prepared", None, subjects=roll)
    made = encode_entry(draft, at=later, rulebook="0" * 64, tagger=audit.tagger)
    assert made.tags is not None
    assert made.tags.epoch == epoch_of(later) != epoch_of(now)
    assert list(made.tags.tags) == expected(house, epoch_of(later), set(some))
    told: Any = decode_entry(made.body)["tags"]
    assert (told["epoch"], told["count"]) == (epoch_of(later), 100)


@pytest.mark.rule("A50-10")
def test_the_registry_finds_a_pupil_and_the_office_proves_its_absence(house: House) -> None:
    """One pupil by each number and by name, on each database; and the proof against the list beside the log."""
    desk, proofs = house.services.pupils, house.services.proofs
    assert desk is not None
    assert proofs is not None
    row = house.source.row(3, named=True)
    by_id = desk.finder.by_number("id_number", row["id_number"])
    assert by_id is not None
    assert desk.finder.by_number("student_number", row["student_number"]) == by_id
    assert desk.finder.by_reference(by_id.subject_ref) == by_id
    assert desk.finder.by_number("id_number", "") is None
    born = date.fromisoformat(row["birth_date"])
    assert by_id in desk.finder.by_name(row["name"], row["school_code"], born, 5)
    assert desk.finder.by_name(row["name"], "9999999999", born, 5) == []
    with pytest.raises(ValueError, match="day of birth"):
        desk.finder.by_name(row["name"], None, None, 5)
    stage = {"primary", "junior", "senior"} - {
        one for one in ("primary", "junior", "senior") if by_id.subject_ref in pupils(house, f"stage = '{one}'")
    }
    extract = house.prepared("bus-pseudonymous", "csv", stages=frozenset(stage))
    issued = proofs.prove_extract(INSPECTOR, extract.id, subject_of(row["id_number"]), "核查")
    verdict = verify_presence(issued.proof.encode(), house.services.audit.policy)
    assert (verdict.present, verdict.index) == (False, prepared(house, extract.id)[0])
