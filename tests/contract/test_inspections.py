"""Inspection cases on both databases: every step an entry, one at a time, nothing changed after the end (Art. 51)."""

from __future__ import annotations

import hmac
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

import gateway.bootstrap  # noqa: F401  the composition root imports every store, so that the metadata knows all tables
from gateway.audit.bundle import verify_bundle
from gateway.audit.policy import TrustPolicy
from gateway.db import migrate
from gateway.errors import ForbiddenError, NotFoundError, ParameterError
from gateway.ids import RecipientId, UnitCode
from gateway.inspections.errors import CaseStateError, CaseVersionError
from gateway.inspections.records import (
    Case,
    CaseFinding,
    CaseId,
    CaseQuery,
    CaseState,
    FromAlert,
    FromChain,
    FromEntry,
    HoldId,
    Source,
    Subject,
    SubjectKind,
)
from gateway.inspections.remote import RemoteOrders, order_handlers
from gateway.inspections.store.tables import inspection_cases, inspection_events, inspection_holds
from gateway.principals import Role
from tests.factories.alerts import DATA, INSPECTOR, officer
from tests.factories.inspections import (
    ALERT,
    BODY,
    DATA_OF_COUNTY,
    ELSEWHERE,
    RECIPIENT,
    Inspectorate,
    inspectorate,
)
from tests.factories.journal import make_identity


@pytest.fixture
def house(tables_url: str) -> Iterator[Inspectorate]:
    with inspectorate(tables_url) as found:
        yield found


def ordered(house: Inspectorate, days: int = 5) -> Case:
    """Return a case whose order waits for an answer."""
    return house.cases.order(INSPECTOR, house.opened().id, ["51-7"], "停止越权申请，提交整改说明。", days)


@pytest.mark.rule("A50-10")
def test_from_the_entry_to_the_end_every_step_is_an_entry(house: Inspectorate) -> None:
    case = house.opened()
    house.cases.add_evidence(INSPECTOR, case.id, house.note("release.outcome"), "提供了文件", version=case.version)
    house.cases.add_note(INSPECTOR, case.id, "已调取记录。")
    case = house.cases.order(INSPECTOR, case.id, ["51-7", "51-2"], "停止越权申请。", 5)
    assert (case.state, case.codes, case.due) == (CaseState.ORDERED, ("51-2", "51-7"), date(2026, 11, 30))
    case = house.cases.extend(INSPECTOR, case.id, 3, "材料较多。")
    assert case.due == date(2026, 12, 3)
    view = house.orders.answer(DATA_OF_COUNTY, case.id, "已停用该客户端。")
    assert [one.text for one in view.answers] == ["已停用该客户端。"]
    case = house.cases.close(INSPECTOR, case.id, CaseFinding.CORRECTED, "已核实。")
    file = house.cases.get(INSPECTOR, case.id)
    assert [one.act for one in file.events] == [
        "opened", "evidence_added", "noted", "ordered", "extended", "answered", "closed",
    ]  # fmt: skip
    assert [entry["kind"] for entry in house.entries()] == [f"inspection.{one.act}" for one in file.events]
    assert [entry["facts"]["act"] for entry in house.entries("audit.read")] == ["case"]  # type: ignore[index]
    told = json.dumps(house.entries(), ensure_ascii=False)
    assert not [one.text for one in file.events if one.text in told]
    assert file.case.finding is CaseFinding.CORRECTED


def test_what_a_case_begins_with_follows_from_its_source(house: Inspectorate) -> None:
    first = [house.note(grant="gr-1"), house.note(grant="gr-2"), house.note("release.traced", grant="gr-1")]
    sources: dict[Source, list[int]] = {
        FromAlert(ALERT): first[:2],
        FromChain("grant", "gr-1"): [first[0], first[2]],
        FromEntry(first[2]): first[2:],
    }
    for source, entries in sources.items():
        case = house.cases.open(INSPECTOR, BODY, source, "核查")
        assert [one.index for one in house.cases.get(INSPECTOR, case.id).evidence] == entries
        assert case.source == str(source)


@pytest.mark.parametrize(
    ("subject", "source", "title", "error"),
    [
        (Subject(SubjectKind.UNIT, "999999"), FromEntry(0), "核查", ParameterError),
        (BODY, FromEntry(7), "核查", NotFoundError),
        (BODY, FromEntry(-1), "核查", NotFoundError),
        (BODY, FromChain("grant", "gr-none"), "核查", ParameterError),
        (BODY, FromAlert(type(ALERT)("al-none")), "核查", NotFoundError),
        (BODY, FromEntry(0), " ", ParameterError),
        (BODY, FromEntry(0), "长" * 101, ParameterError),
        (BODY, FromEntry(0), "学生 14010520150101123X", ParameterError),
    ],
)
def test_no_case_without_a_body_an_entry_and_clean_words(
    house: Inspectorate, subject: Subject, source: FromEntry | FromChain | FromAlert, title: str, error: type[Exception]
) -> None:
    house.note()
    with pytest.raises(error):
        house.cases.open(INSPECTOR, subject, source, title)
    assert house.entries() == []


def test_only_an_inspector_reads_and_conducts(house: Inspectorate) -> None:
    case = house.opened()
    for refused in (
        lambda: house.cases.get(DATA, case.id),
        lambda: house.cases.listed(DATA, CaseQuery()),
        lambda: house.cases.add_note(DATA, case.id, "x"),
        lambda: house.cases.export(DATA, case.id),
        lambda: house.cases.close(DATA, case.id, CaseFinding.NO_BREACH, "x"),
    ):
        with pytest.raises(ForbiddenError):
            refused()


@pytest.mark.rule("A50-10")
def test_the_body_sees_its_orders_alone_and_nobody_else_answers(house: Inspectorate) -> None:
    house.opened()
    assert house.orders.orders(DATA_OF_COUNTY) == ()  # no order yet
    case = ordered(house)
    assert [view.case.id for view in house.orders.orders(DATA_OF_COUNTY)] == [case.id]
    strangers = (
        ELSEWHERE,
        INSPECTOR,
        replace(DATA_OF_COUNTY, roles=frozenset({Role.SYSTEM_ADMINISTRATOR})),
        replace(DATA_OF_COUNTY, recipient=RecipientId(RECIPIENT)),
        replace(DATA_OF_COUNTY, roles=DATA_OF_COUNTY.roles | {Role.INSPECTOR}),
        replace(DATA_OF_COUNTY, unit=None),
    )
    for stranger in strangers:
        assert house.orders.orders(stranger) == ()
        with pytest.raises(NotFoundError):
            house.orders.answer(stranger, case.id, "已改正。")
    assert house.orders.answer(DATA_OF_COUNTY, case.id, "已改正。").case.state is CaseState.ANSWERED


def test_a_recipient_answers_its_own(house: Inspectorate) -> None:
    subject = Subject(SubjectKind.RECIPIENT, RECIPIENT)
    case = house.cases.open(INSPECTOR, subject, FromEntry(house.note()), "核查使用范围")
    house.cases.order(INSPECTOR, case.id, ["51-7"], "删除超范围数据。", 3)
    who = officer("library", Role.APPLICANT, unit=UnitCode(""))
    who = replace(who, unit=None, recipient=RecipientId(RECIPIENT))
    house.orders.answer(who, case.id, "已删除。")
    assert all(entry["links"] == {"recipient": RECIPIENT} for entry in house.entries())


@pytest.mark.parametrize(("codes", "days"), [([], 5), (["51-0"], 5), (["51-7"], 0), (["51-7"], 61)])
def test_an_order_names_article_51_and_a_time(house: Inspectorate, codes: list[str], days: int) -> None:
    case = house.opened()
    with pytest.raises(ParameterError):
        house.cases.order(INSPECTOR, case.id, codes, "改正。", days)
    assert house.cases.get(INSPECTOR, case.id).case == case


def test_what_the_state_does_not_allow_is_refused_and_recorded(house: Inspectorate) -> None:
    case = house.opened()
    with pytest.raises(CaseStateError):
        house.cases.extend(INSPECTOR, case.id, 3, "延期")
    with pytest.raises(CaseStateError) as refused:
        house.cases.close(INSPECTOR, case.id, CaseFinding.CORRECTED, "已改正")
    assert refused.value.missing == ("answered",)
    assert len(house.entries("inspection.refused_act")) == 2
    house.cases.close(INSPECTOR, case.id, CaseFinding.NO_BREACH, "未发现问题")
    with pytest.raises(CaseStateError):
        house.cases.add_note(INSPECTOR, case.id, "x")
    with pytest.raises(CaseStateError):
        house.cases.add_evidence(INSPECTOR, case.id, house.note())
    with pytest.raises(CaseStateError):
        house.cases.close(INSPECTOR, case.id, CaseFinding.REFERRED, "x")


def test_who_acts_on_an_old_version_is_told_and_nothing_changes(house: Inspectorate) -> None:
    case = house.opened()
    house.cases.add_note(INSPECTOR, case.id, "甲", version=case.version)
    with pytest.raises(CaseVersionError):
        house.cases.add_note(INSPECTOR, case.id, "乙", version=case.version)
    with pytest.raises(CaseVersionError):
        house.cases.add_evidence(INSPECTOR, case.id, house.note(), version=case.version)
    file = house.cases.get(INSPECTOR, case.id)
    assert ([one.act for one in file.events], len(file.evidence)) == (["opened", "noted"], 1)


@pytest.mark.rule("A50-16")
def test_an_order_that_is_not_answered_is_recorded_once(house: Inspectorate) -> None:
    case = ordered(house)
    house.clock.turn(days=7)
    assert house.orders.mark_overdue() == 0  # Monday is its last day
    house.clock.turn(days=1)
    assert (house.orders.mark_overdue(), house.orders.mark_overdue()) == (1, 0)
    (entry,) = house.entries("inspection.overdue")
    assert entry["facts"]["case"] == case.id  # type: ignore[index]
    assert [one.id for one in house.cases.listed(INSPECTOR, CaseQuery(overdue_on=house.today())).cases] == [case.id]
    house.cases.extend(INSPECTOR, case.id, 2, "延期")
    assert house.orders.mark_overdue() == 0
    house.clock.turn(days=7)
    assert house.orders.mark_overdue() == 1
    house.orders.answer(DATA_OF_COUNTY, case.id, "已改正。")
    assert house.entries("inspection.answered")[0]["facts"]["late"] is True  # type: ignore[index]


def test_a_hold_has_evidence_an_end_and_ends_with_the_case(house: Inspectorate) -> None:
    case = house.opened()
    (index,) = [one.index for one in house.cases.get(INSPECTOR, case.id).evidence]
    for entries, days in ([index + 1], 5), ([], 5), ([index], 0), ([index], 61):
        with pytest.raises(ParameterError):
            house.cases.hold(INSPECTOR, case.id, entries, days, "调查中")
    house.cases.hold(INSPECTOR, case.id, [index], 5, "调查中")
    (hold,) = house.cases.get(INSPECTOR, case.id).holds
    assert hold.until == date(2026, 11, 30)

    def held(today: date) -> frozenset[int]:
        return house.reader.read(lambda tx: house.store.held(tx, [index, index + 1], today))

    assert (held(hold.until), held(date(2026, 12, 1))) == (frozenset({index}), frozenset())
    with pytest.raises(NotFoundError):
        house.cases.lift(INSPECTOR, case.id, HoldId("ih-none"), "x")
    house.cases.lift(INSPECTOR, case.id, hold.id, "提前结束")
    assert held(hold.until) == frozenset()
    house.cases.hold(INSPECTOR, case.id, [index], 60, "继续调查")
    house.cases.close(INSPECTOR, case.id, CaseFinding.REFERRED, "移送")
    assert held(house.today()) == frozenset()
    (closed,) = house.entries("inspection.closed")
    assert len(closed["facts"]["holds_lifted"]) == 1  # type: ignore[index]


@pytest.mark.rule("A50-10")
def test_the_package_proves_evidence_and_steps_to_a_stranger(house: Inspectorate, tmp_path: Path) -> None:
    case = ordered(house)
    house.opened()  # another case, whose steps are none of this one
    content = house.cases.export(INSPECTOR, case.id)
    path = tmp_path / "case.zip"
    path.write_bytes(content)
    report = verify_bundle(path, TrustPolicy((make_identity().keys[0],)))
    assert (report.findings, report.origin) == ((), "test.example/log")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        told = json.loads(archive.read("case/case.json"))
        page = archive.read("case/README.zh.md").decode()
        names = archive.namelist()
    assert (told["id"], told["codes"], told["steps"]) == (case.id, ["51-7"], [1, 2])
    assert {f"proofs/{index}.tlog-proof" for index in (0, 1, 2)} <= set(names)
    assert "proofs/3.tlog-proof" not in names
    assert "泄露或者违法使用学生信息" in page
    assert house.entries("audit.exported")[0]["facts"]["case"] == case.id  # type: ignore[index]
    # the log is committed to the words, which lie sealed: who has the salt, from the package, can tell
    said = [(one["salt"], one["text"]) for one in told["history"]]
    committed = [one["facts"]["text_commitment"] for one in house.entries("inspection.")][:2]  # type: ignore[index]
    assert committed == [hmac.digest(bytes.fromhex(salt), text.encode(), "sha256").hex() for salt, text in said]
    with house.engine.connect() as connection:
        for table in (inspection_cases, inspection_events, inspection_holds):
            assert "停止越权申请" not in str(connection.execute(sa.select(table)).all())


class ByJson:
    """The way to the worker, but for the seal: what is asked and answered goes through JSON."""

    def __init__(self, house: Inspectorate) -> None:
        self.handlers = order_handlers(house.orders)

    def ask(self, kind: str, body: Mapping[str, object]) -> object:
        """Return the worker's answer."""
        return json.loads(json.dumps(self.handlers[kind](json.loads(json.dumps(body)))))


def test_where_no_key_of_cases_is_the_worker_shows_orders_and_takes_answers(house: Inspectorate) -> None:
    far, case = RemoteOrders(ByJson(house)), ordered(house)
    shown = {"evidence", "source", "opened_by"}
    (here,), (there,) = house.orders.orders(DATA_OF_COUNTY), far.orders(DATA_OF_COUNTY)
    for name in {one.name for one in fields(Case)} - shown:
        assert getattr(there.case, name) == getattr(here.case, name), name
    assert (there.case.source, far.orders(ELSEWHERE)) == ("", ())
    with pytest.raises(NotFoundError):
        far.answer(ELSEWHERE, case.id, "已改正。")
    with pytest.raises(ParameterError):
        far.answer(DATA_OF_COUNTY, case.id, " ")
    with pytest.raises(CaseVersionError):
        far.answer(DATA_OF_COUNTY, case.id, "已改正。", version=case.version + 1)
    done = far.answer(DATA_OF_COUNTY, case.id, "已改正。", version=case.version)
    assert (done.case.state, [one.text for one in done.answers]) == (CaseState.ANSWERED, ["已改正。"])
    (entry,) = house.entries("inspection.answered")
    assert entry["actor"]["id"] == DATA_OF_COUNTY.account  # type: ignore[index]


def test_cases_are_paged_newest_first(house: Inspectorate) -> None:
    made = []
    for _ in range(5):
        house.clock.turn(seconds=1)
        made.append(house.opened().id)
    seen: list[CaseId] = []
    after: CaseId | None = None
    while True:
        page = house.cases.listed(INSPECTOR, CaseQuery(limit=2, after=after))
        seen += [one.id for one in page.cases]
        if page.after is None:
            break
        after = page.after
    assert seen == made[::-1]
    assert house.cases.listed(INSPECTOR, CaseQuery(after=CaseId("ic-none"))).cases == ()
    assert house.cases.listed(INSPECTOR, CaseQuery(subject=Subject(SubjectKind.RECIPIENT, RECIPIENT))).cases == ()
    with pytest.raises(ParameterError):
        house.cases.listed(INSPECTOR, CaseQuery(limit=201))


def test_history_holds_and_closed_cases_are_never_changed_in_the_tables(house: Inspectorate) -> None:
    case = house.opened()
    house.cases.hold(INSPECTOR, case.id, [0], 5, "调查中")
    house.cases.close(INSPECTOR, case.id, CaseFinding.NO_BREACH, "无")
    for statement in (
        sa.delete(inspection_events),
        sa.update(inspection_events).values(text="x"),
        sa.update(inspection_cases).values(state="open"),
        sa.delete(inspection_cases),
        sa.update(inspection_holds).values(until="2099-01-01"),
        sa.update(inspection_holds).values(lifted_at=None),
    ):
        with pytest.raises(DatabaseError), house.engine.begin() as connection:
            connection.execute(statement)


def test_the_revision_makes_the_tables_that_the_store_declares(database_url: str) -> None:
    migrate.upgrade(database_url)
    assert [one for one in migrate.differences(database_url) if "inspection" in str(one) or "access_" in str(one)] == []
