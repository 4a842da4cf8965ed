"""The oversight over HTTP and from the shell: matters, mergers, quality, the exchange, the nightly pass."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from core_registry.db.case_tables import posts
from core_registry.db.engine import make_engine, writing
from gateway.cli import cli
from gateway.policies.scope import civil_date
from tests.factories.case_house import RECEIVING_SCHOOL, CaseHouse, open_case_house
from tests.factories.cases import COUNTY, PRIMARY_SCHOOL

PEOPLE = {"school": PRIMARY_SCHOOL, "county": COUNTY, "receiving": RECEIVING_SCHOOL}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaseHouse]:
    with open_case_house(tmp_path_factory.mktemp("oversight")) as found:
        engine = make_engine(found.process.services.settings.registry_url)
        with writing(engine) as connection:
            for name, unit in PEOPLE.items():
                connection.execute(
                    insert(posts).values(
                        account=found.account(name), unit=unit, post="registrar", since=date(2020, 1, 1),
                        on_establishment=True, trained_on=date(2020, 1, 1), filed_on=date(2020, 1, 1),
                        entered_at="2020-01-01T00:00:00Z", entered_by="st-x",
                    )
                )  # fmt: skip
        engine.dispose()
        yield found


def _ok(house: CaseHouse, who: str, method: str, path: str, body: object = None, status: int = 200) -> Any:  # noqa: ANN401
    answer = house.call(who, method, path, body)
    assert answer.status_code == status, answer.text
    return answer.get_json()


@pytest.mark.rule("A49-2")
def test_a_matter_is_opened_noted_and_closed_over_http(house: CaseHouse) -> None:
    made = _ok(house, "school", "POST", "/v1/registry/matters",
               {"kind": "hollow-record", "school": PRIMARY_SCHOOL, "text": "待核实"}, 201)  # fmt: skip
    path = f"/v1/registry/matters/{made['id']}"
    assert made["due"] is not None
    noted = _ok(house, "county", "POST", f"{path}/acts", {"act": "note", "version": 1, "text": "已督促"})
    stale = house.call("school", "POST", f"{path}/acts", {"act": "close", "version": 1, "text": "已核实"})
    assert stale.status_code == 409
    listed = _ok(house, "school", "GET", "/v1/registry/matters")["items"]
    assert [(one["id"], one["order"], one["notes"]) for one in listed] == [(made["id"], "", [])]
    assert _ok(house, "school", "GET", path)["notes"][0][2] == "已督促"
    assert house.call("receiving", "GET", path).status_code == 404
    done = _ok(house, "school", "POST", f"{path}/acts",
               {"act": "close", "version": noted["version"], "text": "已核实"})  # fmt: skip
    assert done["state"] == "closed"
    assert _ok(house, "school", "GET", "/v1/registry/matters")["items"] == []


def test_the_department_orders_and_the_school_does_not(house: CaseHouse) -> None:
    due = (civil_date(datetime.now(UTC)) + timedelta(days=30)).isoformat()
    body = {"code": "51-3", "unit": PRIMARY_SCHOOL, "due": due, "text": "限期补录"}
    assert house.call("school", "POST", "/v1/registry/orders", body).status_code == 422
    assert _ok(house, "county", "POST", "/v1/registry/orders", body, 201)["kind"] == "finding"


@pytest.mark.rule("A8-1", "A3-2")
def test_a_school_does_not_merge_itself(house: CaseHouse) -> None:
    answer = house.call("school", "POST", "/v1/registry/mergers", {"school": PRIMARY_SCHOOL, "into": RECEIVING_SCHOOL})
    assert answer.status_code == 422
    assert answer.get_json()["rule"] == "A8-1"
    assert _ok(house, "school", "GET", f"/v1/registry/school-acts?school={PRIMARY_SCHOOL}")["items"] == []
    assert house.call("receiving", "GET", f"/v1/registry/school-acts?school={PRIMARY_SCHOOL}").status_code == 404


@pytest.mark.rule("A4-1", "A3-6", "A49-1")
def test_counts_are_given_for_the_schools_in_reach(house: CaseHouse) -> None:
    assert _ok(house, "county", "GET", "/v1/registry/quality")["records"] == 0
    period = f"school={PRIMARY_SCHOOL}&since=2026-03-01&until=2026-06-30"
    assert _ok(house, "county", "GET", f"/v1/registry/changes?{period}")["changes"] == {}
    body = {"school": PRIMARY_SCHOOL, "since": "2026-03-01", "until": "2026-06-30"}
    assert _ok(house, "county", "POST", "/v1/registry/changes/check", body)["checked_by"] == house.account("county")
    assert house.call("county", "POST", "/v1/registry/changes/check", body).status_code == 422
    assert _ok(house, "county", "GET", "/v1/registry/verifications")["items"] == []
    assert house.call("county", "POST", "/v1/registry/verifications/ve-none/check").status_code == 422


@pytest.mark.rule("A5-2")
def test_an_empty_register_is_exported_with_its_headers(house: CaseHouse) -> None:
    answer = house.call("school", "POST", "/v1/registry/exchange/exports", {"reason": "核对", "layout": "csv"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    title, rest = answer.data.decode("utf-8-sig").split("\r\n", 1)
    assert title.startswith("学籍信息交换表")
    assert "学生姓名" in pl.read_csv(io.StringIO(rest)).columns
    listed = _ok(house, "school", "GET", "/v1/registry/exchange/differences")
    assert listed == {"items": [], "only_there": {}}


@pytest.mark.rule("A13-2")
def test_a_file_that_is_no_list_is_refused(house: CaseHouse) -> None:
    data = {"school": PRIMARY_SCHOOL, "school_year": "2026", "file": (io.BytesIO(b"x,y\n1,2\n"), "x.csv")}
    answer = house.call("county", "POST", "/v1/registry/admission-plans", data=data, content_type="multipart/form-data")
    assert answer.status_code == 422
    data = {"apply": "false", "file": (io.BytesIO(b"x,y\n1,2\n"), "x.csv")}
    answer = house.call(
        "county", "POST", "/v1/registry/exchange/imports", data=data, content_type="multipart/form-data"
    )
    assert answer.status_code == 422


def test_the_shell_makes_the_pass_and_asks_who_acts(house: CaseHouse) -> None:
    runner = CliRunner()
    home = str(house.process.services.settings.home)
    made = runner.invoke(cli, ["--home", home, "registry", "clocks"])
    assert made.exit_code == 0, made.output
    assert "no-show 0" in made.output
    nobody = runner.invoke(cli, ["--home", home, "registry", "matters"])
    assert nobody.exit_code == 2
    who = ["--as", house.account("county"), "--unit", COUNTY]
    listed = runner.invoke(cli, ["--home", home, "registry", *who, "matters"])
    assert listed.exit_code == 0, listed.output
    assert "51-3" in listed.output
