"""Texts of cases and archives: clear for those who handle them, redacted for others, never in the sharing view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import select

from core_registry.cases.records import Draft
from core_registry.db.engine import reading
from core_registry.db.sealing import DataKeys
from core_registry.db.shared_texts import Rolls
from core_registry.db.shown_texts import ShownTexts
from core_registry.db.tables import metadata, sharing_students
from core_registry.domain.cases import Case
from core_registry.domain.requests import Value
from core_registry.prints import AnnexTwo
from core_registry.sharing import TEXT_WITHHELD
from tests.factories.casedb import CITY, COUNTY, OTHER_PRIMARY, TODAY, Office, registrar
from tests.factories.papers import Papers, make_papers
from tests.factories.redactors import NameRedactor
from tests.factories.registrydb_rows import KEYS, PRIMARY

SANCTION, AWARD, WHY = "与龘靐齉七等三人斗殴", "龘靐齉奖学金", "骨折手术后卧床"
REACH = frozenset({PRIMARY})


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Papers]:
    made = make_papers(f"sqlite:///{tmp_path_factory.mktemp('shown') / 'registry.db'}")
    yield made
    made.office.engine.dispose()


@pytest.fixture(scope="module")
def office(papers: Papers) -> Office:
    return papers.office


@pytest.fixture(scope="module")
def sanctioned(office: Office) -> Case:
    """A sanction and an award, recorded by the school alone."""
    award = {"level": "school", "awarded_on": TODAY.isoformat(), "title": AWARD, "given_by": "本校"}
    _done(office, "award", award, office.paper("award-proof", PRIMARY, 1, "school"))
    values = {"sanction": "demerit", "from": TODAY.isoformat(), "text": SANCTION}
    return _done(office, "sanction", values, office.paper("sanction-decision", PRIMARY, 1, "school"))


@pytest.fixture(scope="module")
def suspended(office: Office) -> Case:
    return office.finish(office.desk.open(office.suspension(2), registrar(PRIMARY)))


def _done(office: Office, kind: str, values: Mapping[str, Value], paper: str) -> Case:
    draft = Draft(kind, PRIMARY, TODAY, TODAY, office.ids[1], values, (paper,))
    return office.finish(office.desk.open(draft, registrar(PRIMARY)))


def _texts(office: Office, unit: str) -> str:
    found = office.desk.history(office.ids[1], registrar(unit), "年度检查", None)
    return str([*found.texts.values(), *(case.request.values for case in found.cases)])


def test_the_school_that_holds_the_record_reads_its_archive_in_clear(office: Office, sanctioned: Case) -> None:
    told = _texts(office, PRIMARY)
    assert SANCTION in told
    assert AWARD in told


@pytest.mark.parametrize("unit", [COUNTY, CITY, OTHER_PRIMARY])
def test_a_unit_without_a_part_reads_what_happened_with_its_texts_redacted(
    office: Office, sanctioned: Case, unit: str
) -> None:
    told = _texts(office, unit)
    assert "***" in told  # the factory's redactor writes stars
    assert "demerit" in told
    assert SANCTION not in told
    assert AWARD not in told


def test_a_case_is_clear_for_its_parties_and_redacted_above_them(office: Office, suspended: Case) -> None:
    parties = {step.unit for step in suspended.steps} & {PRIMARY, COUNTY}
    assert PRIMARY in parties
    for unit in parties:
        shown = office.desk.case(suspended.id, registrar(unit), REACH)
        assert shown.request.values["reason"] == WHY
    above = office.desk.case(suspended.id, registrar(CITY), REACH)
    assert CITY not in {step.unit for step in suspended.steps}
    assert above.request.values["reason"] == "***"
    assert above.request.values["ground"] == "illness"
    assert above.status is suspended.status


def test_a_print_is_clear_for_its_parties_who_sign_it_and_redacted_for_others(papers: Papers, suspended: Case) -> None:
    forms = {}
    for unit in (PRIMARY, CITY):
        form = papers.desk.annex_two(registrar(unit), "核对档案", REACH, case_id=suspended.id).form
        assert isinstance(form, AnnexTwo)
        forms[unit] = form.description
    assert forms == {PRIMARY: WHY, CITY: "***"}


def test_neither_sanction_nor_suspension_reaches_the_view_or_the_redactor(
    office: Office, sanctioned: Case, suspended: Case
) -> None:
    with reading(office.engine) as connection:
        rows = connection.execute(select(sharing_students)).mappings().all()
    assert len(rows) == 6
    for row in rows:
        assert (row["awards_text"], row["remarks_text"], row["text_redaction"]) == (None, None, None)
        for hidden in (SANCTION, WHY, AWARD):
            assert hidden not in str(dict(row))
    text_columns = {column.name for column in metadata.tables["sharing_students"].columns if "text" in column.name}
    assert text_columns == {"awards_text", "remarks_text", "text_redaction"}


def test_without_a_redactor_texts_are_withheld_for_others(office: Office, sanctioned: Case) -> None:
    with reading(office.engine) as connection:
        shown = ShownTexts(DataKeys(office.engine, KEYS), None).case(connection, sanctioned)
    assert shown.request.values["text"] == TEXT_WITHHELD
    assert shown.request.values["sanction"] == "demerit"


def test_texts_for_others_are_redacted_with_the_record_and_the_roll(office: Office, sanctioned: Case) -> None:
    seen = NameRedactor()
    texts = ShownTexts(DataKeys(office.engine, KEYS), seen)
    with reading(office.engine) as connection:
        names = Rolls(DataKeys(office.engine, KEYS), connection)(PRIMARY)
        (made,) = texts.redacted(connection, office.ids[1], None, ["、".join(sorted(names))])
        assert sorted(made.split("、")) == ["〔同学〕", "〔同学〕", "〔学生〕"]
        entry = texts.entry(
            connection, office.ids[1], {"before.name": "龘靐齉甲", "record": "{}", "text": sorted(names)[0], "count": 3}
        )
    assert entry["before.name"] == entry["record"] == TEXT_WITHHELD
    assert entry["text"] in {"〔学生〕", "〔同学〕"}
    assert entry["count"] == 3
    assert seen.known[0]["school_name"] == "小店区第一小学"


def test_a_case_that_is_shown_redacted_is_not_stored_so(office: Office, suspended: Case) -> None:
    office.desk.case(suspended.id, registrar(CITY), REACH)
    again = office.desk.case(suspended.id, registrar(PRIMARY), REACH)
    assert again.request.values["reason"] == WHY
