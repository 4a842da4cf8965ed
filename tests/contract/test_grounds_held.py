"""Texts of articles, scans and disclosures on SQLite and PostgreSQL, with the real audit trail (A50-6 to A50-8)."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from gateway.errors import ConflictError, ForbiddenError, NotFoundError, UnavailableError
from gateway.policies.errors import (
    GroundRefusedError,
    ScanDamagedError,
    ScanRefusedError,
    StaleVersionError,
    TextRefusedError,
    WrongStateError,
)
from gateway.policies.legal_texts import FROM_RULEBOOK, TextState, digest
from gateway.policies.records import Application, ApplicationState, Ground, StatuteGround
from gateway.policies.scans import MAX_BYTES
from gateway.policies.store.disclosures import disclosures
from gateway.policies.store.scans import approval_scans
from gateway.policies.store.texts import legal_texts
from gateway.principals import Role
from tests.factories import grounds as given
from tests.factories import policies as make
from tests.factories.grounds import BASIS, GroundHouse

house, lite = given.on_both, given.on_sqlite


def submitted(house: GroundHouse) -> Application:
    return house.applications.create(make.applicant(), make.draft())


def held(house: GroundHouse) -> None:
    text = house.texts.attach(make.data_officer(), BASIS, given.new_text())
    house.texts.confirm(make.data_officer("confirmer"), BASIS, text.number, sha256=text.sha256)


def recorded(house: GroundHouse, ground: StatuteGround | None = None) -> Application:
    one = submitted(house)
    return house.applications.record_ground(make.data_officer(), one.id, ground or make.statute(), version=one.version)


# texts of articles


@pytest.mark.rule("A50-6")
def test_a_law_carries_a_grant_only_when_one_attached_its_text_and_another_confirmed_it(house: GroundHouse) -> None:
    def missing() -> tuple[str, ...]:
        with pytest.raises(GroundRefusedError) as refusal:
            recorded(house)
        assert refusal.value.rule == "A50-6"
        return refusal.value.missing

    assert missing() == ("text_unverified",)
    text = house.texts.attach(make.data_officer(), BASIS, given.new_text())
    assert (text.number, text.state) == (1, TextState.PENDING)
    assert missing() == ("text_unverified",)
    with pytest.raises(ForbiddenError):
        house.texts.confirm(make.data_officer(), BASIS, 1)
    confirmed = house.texts.confirm(make.data_officer("confirmer"), BASIS, 1, sha256=text.sha256)
    assert confirmed.state is TextState.CONFIRMED
    two = recorded(house)
    three = house.applications.confirm_ground(make.data_officer("confirmer"), two.id, version=two.version)
    done = house.applications.decide(make.approver(), three.id, "approve", version=three.version)
    assert done.state is ApplicationState.GRANTED
    kinds = house.kinds()
    assert [kind for kind in kinds if kind.startswith("legal_text")] == ["legal_text.attached", "legal_text.confirmed"]
    assert kinds.count("ground.refused_act") == 1


@pytest.mark.rule("A50-6")
def test_what_was_relied_on_is_frozen_with_the_ground(house: GroundHouse) -> None:
    held(house)
    ground = house.applications.get(make.approver(), recorded(house).id).ground
    assert isinstance(ground, StatuteGround)
    assert ground.article == "第四十四条"
    assert ground.text_sha256 == house.texts.text(BASIS, 1).sha256
    assert ground.determined_by == "st-recorder"
    assert len(ground.reasoning) > 10
    facts = next(entry["facts"] for entry in house.entries() if entry["kind"] == "ground.recorded")
    assert (facts["legal_basis"], facts["text_sha256"]) == (BASIS, ground.text_sha256)


@pytest.mark.rule("A50-6")
@pytest.mark.parametrize("reasoning", ["", "  ", "符合规定"])
def test_a_law_without_the_reason_why_it_applies_is_no_ground(lite: GroundHouse, reasoning: str) -> None:
    held(lite)
    with pytest.raises(GroundRefusedError) as refusal:
        recorded(lite, replace(make.statute(), reasoning=reasoning))
    assert refusal.value.missing == ("reasoning",)


@pytest.mark.rule("A50-6")
def test_a_newer_text_takes_the_place_of_the_old_and_stops_what_was_not_decided(house: GroundHouse) -> None:
    held(house)
    two = recorded(house)
    newer = house.texts.attach(make.data_officer(), BASIS, given.new_text(text=given.AMENDED))
    standing = house.texts.basis(BASIS).standing
    assert standing is not None
    assert standing.number == 1  # a text that waits changes nothing
    house.texts.confirm(make.approver(), BASIS, newer.number)
    with pytest.raises(GroundRefusedError) as refusal:
        house.applications.confirm_ground(make.data_officer("confirmer"), two.id, version=two.version)
    assert refusal.value.missing == ("text_changed",)
    again = recorded(house)
    assert isinstance(again.ground, StatuteGround)
    assert again.ground.text_sha256 == newer.sha256


@pytest.mark.rule("A50-6")
def test_a_retired_text_refuses_new_decisions_and_leaves_those_that_were_made(house: GroundHouse) -> None:
    held(house)
    granted = recorded(house)
    three = house.applications.confirm_ground(make.data_officer("confirmer"), granted.id, version=granted.version)
    done = house.applications.decide(make.approver(), three.id, "approve", version=three.version)
    waiting = recorded(house)
    with pytest.raises(TextRefusedError):
        house.texts.retire(make.data_officer(), BASIS, 1, reason=" ")
    retired = house.texts.retire(make.data_officer(), BASIS, 1, reason="本条已修改")
    assert retired.state is TextState.RETIRED
    entry = next(entry for entry in house.entries() if entry["kind"] == "legal_text.retired")
    assert entry["facts"]["live_grants"] == 1
    assert "本条已修改" not in str(entry)
    with pytest.raises(GroundRefusedError) as refusal:
        house.applications.confirm_ground(make.data_officer("confirmer"), waiting.id, version=waiting.version)
    assert "text_unverified" in refusal.value.missing
    assert done.grant_id is not None
    assert house.applications.grant(done.grant_id).state == "active"
    with pytest.raises(ConflictError):
        house.texts.retire(make.approver(), BASIS, 1, reason="再次")


def test_an_older_text_does_not_come_back_when_the_newer_is_retired(lite: GroundHouse) -> None:
    held(lite)
    newer = lite.texts.attach(make.data_officer(), BASIS, given.new_text(text=given.AMENDED))
    lite.texts.confirm(make.approver(), BASIS, newer.number)
    lite.texts.retire(make.approver(), BASIS, newer.number, reason="废止")
    assert lite.texts.basis(BASIS).standing is None
    # the same text may be attached once more, as after a mistake
    back = lite.texts.attach(make.data_officer(), BASIS, given.new_text(text=given.AMENDED))
    lite.texts.confirm(make.approver(), BASIS, back.number)
    standing = lite.texts.basis(BASIS).standing
    assert standing is not None
    assert standing.number == 3


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"text": " \n　"}, "text"),
        ({"text": "第四十五条　另一条"}, "text"),
        ({"text": "第四十四条" + "长" * 20_000}, "text"),
        ({"source": " "}, "source"),
        ({"published_on": date(2026, 3, 3)}, "published_on"),
    ],
)
def test_a_text_that_is_not_that_of_the_article_is_not_taken(
    lite: GroundHouse, changes: dict[str, object], missing: str
) -> None:
    with pytest.raises(TextRefusedError) as refusal:
        lite.texts.attach(make.data_officer(), BASIS, given.new_text(**changes))
    assert refusal.value.missing == (missing,)
    assert lite.texts.basis(BASIS).texts == ()
    assert lite.entries()[-1]["outcome"] == "refused"


def test_the_confirmer_compares_with_the_hash_or_an_own_copy(lite: GroundHouse) -> None:
    text = lite.texts.attach(make.data_officer(), BASIS, given.new_text())
    confirmer = make.data_officer("confirmer")
    with pytest.raises(TextRefusedError) as refusal:
        lite.texts.confirm(confirmer, BASIS, 1, sha256="0" * 64)
    assert refusal.value.missing == ("sha256",)
    with pytest.raises(TextRefusedError) as refusal:
        lite.texts.confirm(confirmer, BASIS, 1, own_copy=given.AMENDED)
    assert refusal.value.missing == ("own_copy",)
    copied = "\r\n" + given.ARTICLE + "\r\n\r\n"
    done = lite.texts.confirm(confirmer, BASIS, 1, sha256=text.sha256, own_copy=copied)
    assert done.confirmed_by == "st-confirmer"
    with pytest.raises(ConflictError):
        lite.texts.confirm(make.approver(), BASIS, 1)


def test_the_same_text_is_not_attached_twice_and_unknown_ones_are_not_found(house: GroundHouse) -> None:
    house.texts.attach(make.data_officer(), BASIS, given.new_text())
    with pytest.raises(ConflictError):
        house.texts.attach(make.data_officer("confirmer"), BASIS, given.new_text(text=given.ARTICLE + "\n"))
    with pytest.raises(NotFoundError):
        house.texts.attach(make.data_officer(), "ministry-notice", given.new_text())
    with pytest.raises(NotFoundError):
        house.texts.confirm(make.data_officer("confirmer"), BASIS, 2)


def test_only_officers_attach_and_confirm(lite: GroundHouse) -> None:
    for nobody in (make.applicant(), make.executor(), make.staff("inspector", Role.INSPECTOR)):
        with pytest.raises(ForbiddenError):
            lite.texts.attach(nobody, BASIS, given.new_text())
    with pytest.raises(ForbiddenError):
        lite.texts.attach(make.approver(), BASIS, given.new_text())
    lite.texts.attach(make.data_officer(), BASIS, given.new_text())
    weak = make.staff("weak", Role.DATA_OFFICER, assurance=1)
    with pytest.raises(ForbiddenError) as refusal:
        lite.texts.confirm(weak, BASIS, 1)
    assert refusal.value.missing == ("second_factor",)


@pytest.mark.rule("A50-6")
def test_the_text_of_the_rule_book_waits_for_an_officer_too(house: GroundHouse) -> None:
    book = given.with_basis(house.book, text=given.ARTICLE, text_sha256=digest(given.ARTICLE))
    other = given.rewired(house.engine, house.journal, house.clock, book)
    status = other.texts.basis(BASIS)
    assert not status.verified
    assert status.pending is not None
    assert (status.pending.number, status.pending.attached_by) == (0, FROM_RULEBOOK)
    with pytest.raises(ConflictError):
        other.texts.retire(make.approver(), BASIS, 0, reason="不用")
    done = other.texts.confirm(make.data_officer(), BASIS, 0, sha256=status.pending.sha256)
    assert (done.number, done.state, done.attached_by) == (1, TextState.CONFIRMED, FROM_RULEBOOK)
    assert other.texts.basis(BASIS).verified
    # the rule book changes: what was confirmed still stands, the new text waits
    changed = given.with_basis(house.book, text=given.AMENDED, text_sha256=digest(given.AMENDED))
    after = given.rewired(house.engine, house.journal, house.clock, changed).texts.basis(BASIS)
    assert after.standing is not None
    assert after.standing.sha256 == digest(given.ARTICLE)
    assert after.pending is not None
    assert after.pending.sha256 == digest(given.AMENDED)


@pytest.mark.rule("A50-6")
def test_a_law_is_no_ground_before_it_takes_effect_and_after_its_repeal(lite: GroundHouse) -> None:
    held(lite)
    for changes, missing in (
        ({"repealed": make.TODAY}, "repealed"),
        ({"repealed": make.TODAY + timedelta(days=1)}, None),
        ({"effective": make.TODAY + timedelta(days=1)}, "effective"),
    ):
        book = given.with_basis(lite.book, **changes)
        other = given.rewired(lite.engine, lite.journal, lite.clock, book)
        if missing is None:
            two = recorded(other)
            three = other.applications.confirm_ground(make.data_officer("confirmer"), two.id, version=two.version)
            done = other.applications.decide(make.approver(), three.id, "approve", version=three.version)
            assert done.grant_id is not None
            # nothing reaches beyond the last day on which the law is in force
            assert other.applications.grant(done.grant_id).scope.valid_to == make.TODAY
            continue
        with pytest.raises(GroundRefusedError) as refusal:
            recorded(other)
        assert refusal.value.missing == (missing,)


def test_a_text_retired_between_check_and_decision_stops_the_decision(
    house: GroundHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(house)
    two = recorded(house)
    keeper = house.applications._grounds

    class Between(type(keeper)):  # type: ignore[misc]  # a frozen dataclass of the room
        def recheck(self, application: Application, today: date) -> Ground:
            ground: Ground = super().recheck(application, today)
            house.texts.retire(make.approver(), BASIS, 1, reason="修改")
            return ground

    monkeypatch.setattr(house.applications, "_grounds", Between(keeper.book, keeper.holdings))
    with pytest.raises(StaleVersionError):
        house.applications.confirm_ground(make.data_officer("confirmer"), two.id, version=two.version)
    assert house.applications.get(make.approver(), two.id).state is ApplicationState.BASIS_RECORDED


def test_rows_of_texts_scans_and_disclosures_are_never_changed(house: GroundHouse) -> None:
    held(house)
    one = submitted(house)
    house.scans.hand_in(make.data_officer(), one.id, "application/pdf", given.PDF)
    house.disclosures.register(make.data_officer(), given.disclosure())
    for statement in (
        legal_texts.update().values(text="另一条"),
        legal_texts.update().values(confirmed_by="st-other"),
        legal_texts.update().values(confirmed_by=None, confirmed_at=None),
        legal_texts.delete(),
        approval_scans.update().values(sha256="0" * 64),
        approval_scans.delete(),
        disclosures.update().values(body="{}"),
        disclosures.delete(),
    ):
        with pytest.raises(sa.exc.DBAPIError, match="forbidden"), house.engine.begin() as connection:
            connection.execute(statement)


@pytest.mark.rule("A50-7")
@pytest.mark.parametrize(
    ("media_type", "content"),
    [("application/pdf", given.PDF), ("image/png", given.PNG), ("image/jpeg", given.JPEG)],
)
def test_a_scan_comes_back_as_it_was_handed_in_and_lies_sealed(
    house: GroundHouse, media_type: str, content: bytes
) -> None:
    one = submitted(house)
    scan = house.scans.hand_in(make.data_officer(), one.id, media_type, content)
    again = house.scans.hand_in(make.data_officer("confirmer"), one.id, media_type, content)
    assert again == scan
    assert house.scans.listed(make.approver(), one.id) == (scan,)
    assert house.scans.content(make.staff("inspector", Role.INSPECTOR), one.id, scan.id) == (scan, content)
    with house.engine.connect() as connection:
        stored = bytes(connection.execute(sa.select(approval_scans.c.sealed)).scalar_one())
    assert content not in stored
    assert content[8:24] not in stored
    assert house.kinds()[-2:] == ["scan.handed_in", "scan.read"]


@pytest.mark.rule("A50-7")
@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("application/pdf", b""),
        ("application/pdf", given.PNG),
        ("application/pdf", given.PDF[:-10]),
        ("image/png", given.PNG[:-3]),
        ("image/jpeg", given.PDF),
        ("image/gif", b"GIF89a;"),
        ("application/zip", b"PK"),
        ("image/jpeg", b"\xff\xd8\xff" + bytes(MAX_BYTES) + b"\xff\xd9"),
    ],
)
def test_what_is_no_scan_is_refused_and_recorded(lite: GroundHouse, media_type: str, content: bytes) -> None:
    one = submitted(lite)
    with pytest.raises(ScanRefusedError) as refusal:
        lite.scans.hand_in(make.data_officer(), one.id, media_type, content)
    assert refusal.value.detail_zh
    assert lite.scans.of(one.id) == ()
    assert lite.entries()[-1]["outcome"] == "refused"


@pytest.mark.rule("A50-7")
def test_ten_officers_handing_in_one_scan_at_once_make_one(house: GroundHouse) -> None:
    one = submitted(house)
    found: list[str] = []
    barrier = threading.Barrier(10)

    def work(number: int) -> None:
        barrier.wait()
        officer = make.data_officer(f"recorder-{'abcdefghij'[number]}")
        found.append(house.scans.hand_in(officer, one.id, "application/pdf", given.PDF).id)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 10
    assert {scan.id for scan in house.scans.of(one.id)} == set(found)
    assert house.kinds().count("scan.handed_in") == 1


def test_without_an_audit_trail_nothing_is_kept(house: GroundHouse) -> None:
    one = submitted(house)
    house.journal.close()
    for act in (
        lambda: house.scans.hand_in(make.data_officer(), one.id, "application/pdf", given.PDF),
        lambda: house.texts.attach(make.data_officer(), BASIS, given.new_text()),
        lambda: house.disclosures.register(make.data_officer(), given.disclosure()),
    ):
        with pytest.raises(UnavailableError):
            act()
    with house.engine.connect() as connection:
        for table in (approval_scans, legal_texts, disclosures):
            assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0


@pytest.mark.rule("A50-7")
def test_i2_nobody_who_acts_for_a_recipient_reads_a_scan(lite: GroundHouse) -> None:
    one = submitted(lite)
    scan = lite.scans.hand_in(make.data_officer(), one.id, "application/pdf", given.PDF)
    for call in (
        lambda: lite.scans.listed(make.applicant(), one.id),
        lambda: lite.scans.content(make.applicant(), one.id, scan.id),
    ):
        with pytest.raises(ForbiddenError):
            call()
    with pytest.raises(ForbiddenError):
        lite.scans.hand_in(make.applicant(), one.id, "application/pdf", given.PDF)
    with pytest.raises(NotFoundError):
        lite.scans.content(make.data_officer(unit=make.OTHER_CITY), one.id, scan.id)
    assert lite.entries()[-1]["kind"] != "scan.read"


@pytest.mark.rule("A50-7")
def test_a_scan_that_was_moved_or_altered_does_not_open(lite: GroundHouse) -> None:
    one, other = submitted(lite), submitted(lite)
    scan = lite.scans.hand_in(make.data_officer(), one.id, "application/pdf", given.PDF)
    sealed = lite.scans.box.seal(scan, given.PDF)
    for altered in (
        replace(scan, application=other.id),
        replace(scan, id="sc-other"),
        replace(scan, sha256="0" * 64),
    ):
        with pytest.raises(ScanDamagedError):
            lite.scans.box.open(altered, sealed)
    for damaged in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", sealed[:12]):
        with pytest.raises(ScanDamagedError):
            lite.scans.box.open(scan, damaged)
    with pytest.raises(NotFoundError):
        lite.scans.content(make.data_officer(), other.id, scan.id)


@pytest.mark.rule("A50-7")
def test_whether_the_scan_is_held_stands_in_the_trail_and_can_be_required(house: GroundHouse) -> None:
    one = submitted(house)
    two = house.applications.record_ground(make.data_officer(), one.id, make.approval(), version=one.version)
    assert house.entries()[-1]["facts"]["scan_held"] is False
    assert house.applications.scan_held(two) is False
    strict = given.rewired(house.engine, house.journal, house.clock, given.plain_book(scan_required=True))
    three = submitted(strict)
    with pytest.raises(GroundRefusedError) as refusal:
        strict.applications.record_ground(make.data_officer(), three.id, make.approval(), version=three.version)
    assert refusal.value.missing == ("scan_not_held",)
    scan = strict.scans.hand_in(make.data_officer(), three.id, "application/pdf", given.PDF)
    ground = make.approval(scan_sha256=scan.sha256)
    done = strict.applications.record_ground(make.data_officer(), three.id, ground, version=three.version)
    assert strict.applications.scan_held(done) is True
    assert strict.entries()[-1]["facts"]["scan_held"] is True
    # a scan belongs to one application: another one needs its own
    four = submitted(strict)
    with pytest.raises(GroundRefusedError):
        strict.applications.record_ground(make.data_officer(), four.id, ground, version=four.version)


@pytest.mark.rule("A50-9")
def test_what_was_approved_is_frozen_and_a_change_is_a_new_application(house: GroundHouse) -> None:
    one = submitted(house)
    two = house.applications.record_ground(make.data_officer(), one.id, make.approval(), version=one.version)
    three = house.applications.confirm_ground(make.data_officer("confirmer"), two.id, version=two.version)
    done = house.applications.decide(make.approver(), three.id, "approve", version=three.version)
    with pytest.raises(WrongStateError):
        house.scans.hand_in(make.data_officer(), one.id, "application/pdf", given.PDF)
    wider = make.approval(valid_to=date(2027, 12, 31))
    with pytest.raises(WrongStateError):
        house.applications.record_ground(make.data_officer(), one.id, wider, version=done.version)
    assert house.applications.get(make.approver(), one.id).ground == three.ground
    assert submitted(house).id != one.id
