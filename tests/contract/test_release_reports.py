"""Reports of real releases at every level, in every form; and files of two recipients that do not join."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema
import numpy as np
import polars as pl
import pytest
from apiflask import APIFlask
from joserfc import jwt
from sqlalchemy import text
from werkzeug.test import TestResponse

from gateway.api.models import ReportQuery
from gateway.app import create_app
from gateway.db import make_engine
from gateway.releases.records import Extract
from gateway.releases.reports.page import POLICY
from tests.factories.releases import House, make_house, opened

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/release-report.schema.json").read_text(encoding="utf-8"))
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LEVELS = {
    "textbook-anonymous": "parquet",
    "bus-pseudonymous": "csv",
    "aid-masked": "xlsx",
    "research-pseudonymous": "ndjson",
}


@dataclass
class Office:
    """A house with one finished extract of each level."""

    house: House
    app: APIFlask
    made: dict[str, Extract]

    def report(self, profile: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.made[profile].report)
        return found

    def get(self, profile: str, path: str = "report", **headers: str) -> TestResponse:
        """Ask as the system of the recipient of ``profile``."""
        client_id, key = self.house.clients[profile]
        issuer, now = self.house.settings.public_url, int(self.house.clock().timestamp())
        claims = {"iss": client_id, "sub": client_id, "aud": issuer, "iat": now, "exp": now + 60, "jti": uuid4().hex}
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": jwt.encode(
                {"alg": "ES256", "kid": key.thumbprint()}, claims, key, algorithms=["ES256"]
            ),
        }
        token = self.app.test_client().post("/oauth/token", data=form, base_url=issuer).get_json()["access_token"]
        return self.app.test_client().get(
            f"/v1/extracts/{self.made[profile].id}/{path}",
            headers={"Authorization": f"Bearer {token}", **headers},
            base_url=issuer,
        )


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    for house in opened(make_house(tmp_path_factory.mktemp("house"))):
        made = {profile: house.prepared(profile, kind) for profile, kind in LEVELS.items()}
        yield Office(house, create_app(house.services), made)


@pytest.mark.parametrize("profile", list(LEVELS))
def test_every_report_is_as_the_schema_says(office: Office, profile: str) -> None:
    checker = jsonschema.FormatChecker()
    jsonschema.validate(office.report(profile), SCHEMA, format_checker=checker)
    assert set(office.report(profile)) <= set(SCHEMA["properties"])


@pytest.mark.parametrize("profile", list(LEVELS))
def test_the_scan_is_told_and_looked_at_all_that_left(office: Office, profile: str) -> None:
    report, extract = office.report(profile), office.made[profile]
    scan = report["leak_scan"]
    assert (scan["format"], scan["rows"], scan["confirmed"]) == (LEVELS[profile], extract.rows, 0)
    assert scan["cells"] == extract.rows * len(report["columns"])
    assert scan["bytes"] == extract.size == report["bytes"]
    assert {"rows", "names"} <= set(scan["places"])


def test_the_risk_of_rows_without_k_is_measured(office: Office) -> None:
    wide = office.report("research-pseudonymous")
    assert (wide["k_demanded"], wide["after"]["k"], wide["grade"]) == (None, 1, 2)
    assert wide["after"]["unique"] > 0.3
    assert wide["after"]["unique"] <= wide["before"]["unique"]
    masked = office.report("aid-masked")
    assert masked["grade"] == 1
    assert masked["before"]["unique"] == 1.0
    assert {"name_masked", "id_number_masked"} <= set(masked["risk_columns"])
    assert masked["after"]["population"] >= masked["after"]["rows"] == masked["rows_out"]


def test_the_population_is_the_whole_register(office: Office) -> None:
    # the case list takes the last grades only; everybody at those schools may be known to an attacker
    engine = make_engine(office.house.settings.registry_url)
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT count(*) FROM sharing_students")).scalar_one()
    engine.dispose()
    masked = office.report("aid-masked")
    assert masked["rows_out"] < rows
    assert masked["after"]["journalist"]["highest"] <= masked["after"]["prosecutor"]["highest"]


@pytest.mark.parametrize("profile", ["textbook-anonymous", "research-pseudonymous"])
def test_a_report_is_had_as_json_page_and_pdf(office: Office, profile: str) -> None:
    plain = office.get(profile)
    assert (plain.mimetype, plain.get_json()) == ("application/json", office.report(profile))
    assert office.get(profile, Accept="*/*").mimetype == "application/json"
    for answer in (office.get(profile, "report?format=html"), office.get(profile, Accept="text/html")):
        assert (answer.status_code, answer.mimetype) == (200, "text/html")
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["Vary"] == "Accept"
        assert answer.text.count("<svg") >= 2
        assert office.made[profile].sha256 in answer.text
    for answer in (office.get(profile, "report?format=pdf"), office.get(profile, Accept="application/pdf")):
        assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
        assert answer.data.startswith(b"%PDF-")
    assert office.get(profile, "report?format=json", Accept="text/html").mimetype == "application/json"
    assert office.get(profile, "report?format=docx").status_code in {400, 422}
    assert ReportQuery().format is None


def test_another_recipient_gets_no_report_in_any_form(office: Office) -> None:
    made = office.made
    stranger = Office(office.house, office.app, {"bus-pseudonymous": made["research-pseudonymous"]})
    for form in ("json", "html", "pdf"):
        assert stranger.get("bus-pseudonymous", f"report?format={form}").status_code == 404


def rows_of(office: Office, profile: str) -> pl.DataFrame:
    content = office.house.content(office.made[profile])
    return pl.read_csv(io.BytesIO(content)) if LEVELS[profile] == "csv" else pl.read_ndjson(io.BytesIO(content))


@pytest.mark.rule("A50-8")
def test_the_files_of_two_recipients_do_not_join(office: Office) -> None:
    bus, research = rows_of(office, "bus-pseudonymous"), rows_of(office, "research-pseudonymous")
    assert bus.height == research.height > 300  # the same pupils
    assert not set(bus["pseudonym"]) & set(research["pseudonym"])
    for length in (4, 8, 16):  # no part of a pseudonym is shared either, beyond what chance gives
        first, second = (set(one["pseudonym"].str.slice(0, length)) for one in (bus, research))
        expected = len(first) * len(second) / 16**length
        assert len(first & second) <= expected + 6 * max(expected, 1) ** 0.5
    # the place in the file tells nothing: pupils whom both files show to be one and the same stand anywhere
    keys = ["school_code", "grade", "address_division"]
    alone = [
        one.with_columns(pl.col(keys).cast(pl.String))
        .with_row_index(name)
        .filter(pl.len().over(keys) == 1)
        .select(*keys, name)
        for one, name in ((bus, "here"), (research, "there"))
    ]
    pairs = alone[0].join(alone[1], on=keys)
    if pairs.height > 20:
        ranks = np.corrcoef(pairs["here"].rank().to_numpy(), pairs["there"].rank().to_numpy())[0, 1]
        assert abs(ranks) < 6 / np.sqrt(pairs.height)
    # neither does the order of pseudonyms
    order = np.corrcoef(np.arange(bus.height), bus["pseudonym"].rank().to_numpy())[0, 1]
    assert abs(order) < 6 / np.sqrt(bus.height)


def test_joining_by_what_both_show_does_no_better_than_the_report_says(office: Office) -> None:
    bus, research = rows_of(office, "bus-pseudonymous"), rows_of(office, "research-pseudonymous")
    report = office.report("bus-pseudonymous")
    shared = [name for name in report["risk_columns"] if name in research.columns]
    assert len(shared) >= 3
    sides = [one.with_columns(pl.col(shared).cast(pl.String)).group_by(shared).len() for one in (bus, research)]
    matches = sides[0].join(sides[1], on=shared, nulls_equal=True, suffix="_there")
    # each row of the bus file is paired with one of the candidates at random
    expected = (matches["len"] / matches["len_there"]).sum()
    assert expected / bus.height <= report["after"]["marketer"] + 1e-9
