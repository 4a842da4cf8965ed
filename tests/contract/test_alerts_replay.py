"""``xueji alerts test`` replays history against changed rules, and writes nothing; from a database and a package."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from gateway.audit.bundle import Bundle
from gateway.audit.indexing import SearchIndex
from gateway.audit.policy import TrustPolicy
from gateway.audit.service import AuditService
from gateway.audit.store import SqlLogStore
from gateway.audit.tags import Tagger
from gateway.cli import cli
from gateway.db import make_engine, metadata
from tests.factories.alerts import MONDAY, AlertHouse, alert_house
from tests.factories.journal import TAG_ROOT, make_identity, make_reader, make_schema
from tests.factories.policies import rule_book

CONFIG = Path(__file__).resolve().parents[2] / "config" / "alerts.toml"
TEXT = CONFIG.read_text(encoding="utf-8")
SHARPER = TEXT.replace(
    'kinds = ["account.login_failed"]\nwhen = [\n  { member = "facts.account", present = true },\n'
    '  { member = "facts.reason", in = ["password", "totp", "no_second_factor", "locked"] },\n]\ncount = 5',
    'kinds = ["account.login_failed"]\nwhen = [\n  { member = "facts.account", present = true },\n'
    '  { member = "facts.reason", in = ["password", "totp", "no_second_factor", "locked"] },\n]\ncount = 3',
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertHouse]:
    url = f"sqlite:///{tmp_path_factory.mktemp('replay') / 'gateway.db'}"
    with made(url) as found:
        yield found


@contextmanager
def made(url: str) -> Iterator[AlertHouse]:
    """Open a log of two days with failed sign-ins and breaches, followed by the rules in force."""
    engine = make_engine(url)
    make_schema(engine)
    engine.dispose()
    with alert_house(url) as house:
        for day in range(2):
            house.clock.at = MONDAY + timedelta(days=day)
            for _ in range(3):
                house.failed("st-7")
            for _ in range(5):
                house.failed("st-8")
            for _ in range(3):
                house.breach()
        house.follow()
        SearchIndex(SqlLogStore(house.engine), make_reader(house.engine)).catch_up()  # else it may come amid a replay
        yield house


def run(house: AlertHouse, rules: Path, *arguments: str) -> Result:
    """Run ``xueji alerts test``."""
    where = ("--database", str(house.engine.url)) if "--bundle" not in arguments else ()
    words = ("--home", str(rules.parent / "home"), "alerts", "test", "--rules", str(rules), "--quiet", *where)
    return CliRunner().invoke(cli, [*words, *arguments])


def written(tmp_path: Path, text: str) -> Path:
    rules = tmp_path / "alerts-new.toml"
    rules.write_text(text, encoding="utf-8")
    return rules


def tables(house: AlertHouse) -> dict[str, list[Any]]:
    with house.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(sa.select(table))] for table in metadata.sorted_tables
        }


@pytest.mark.rule("A50-16")
def test_the_rules_in_force_raise_in_a_replay_what_they_raised_and_nothing_is_written(
    house: AlertHouse, tmp_path: Path
) -> None:
    before = tables(house)
    done = run(house, written(tmp_path, TEXT), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    raised = {line["rule"]: line["tried"]["raised"] for line in told["rules"] if line["tried"]["raised"]}
    assert raised == dict(Counter(one.rule for one in house.all())) == {"failed-sign-ins": 2, "scope-breach": 1}
    assert all(line["difference"] == 0 and line["tried"] == line["in_force"] for line in told["rules"])
    assert {line["rule"] for line in told["rules"]} == set(rule_book().alerts.rules)
    assert tables(house) == before


def test_a_sharper_rule_shows_what_it_would_have_raised_and_the_difference(house: AlertHouse, tmp_path: Path) -> None:
    done = run(house, written(tmp_path, SHARPER))
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.output.splitlines() if line.startswith("failed-sign-ins")]
    assert "4 +4 / 2 +0" in line
    assert line.split("\t")[3] == "+2"
    assert "#2" in line.split("\t")[4]
    (leak,) = [line for line in done.output.splitlines() if line.startswith("leak-suspected")]
    assert "没有符合的条目" in leak


def test_days_bound_what_counts(house: AlertHouse, tmp_path: Path) -> None:
    rules = written(tmp_path, SHARPER)
    told = json.loads(run(house, rules, "--json", "--from", "2026-11-24").output)
    (line,) = [line for line in told["rules"] if line["rule"] == "failed-sign-ins"]
    assert (line["tried"]["raised"], line["in_force"]["raised"], told["from"][:10]) == (2, 1, "2026-11-24")
    told = json.loads(run(house, rules, "--json", "--to", "2026-11-22").output)
    assert (told["entries"], told["read"] > 20) == (0, True)


def test_a_rule_that_is_taken_out_or_new_has_one_side(house: AlertHouse, tmp_path: Path) -> None:
    told = json.loads(
        run(house, written(tmp_path, TEXT.replace("[rules.failed-sign-ins]", "[rules.new-name]")), "--json").output
    )
    lines = {line["rule"]: line for line in told["rules"]}
    assert (lines["failed-sign-ins"]["tried"], lines["failed-sign-ins"]["difference"]) == (None, -2)
    assert (lines["new-name"]["in_force"], lines["new-name"]["difference"]) == (None, 2)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("count = 20\n", "count = 1\n", "count: must lie between 2 and 1000"),
        ('owner = "inspector"', 'owner = "nobody"', "owner: must be one of"),
        ("[office_hours]", "[office_hours", "TOML syntax"),
    ],
)
def test_a_broken_file_is_told_with_line_member_and_what_to_change(
    house: AlertHouse, tmp_path: Path, old: str, new: str, told: str
) -> None:
    done = run(house, written(tmp_path, TEXT.replace(old, new, 1)))
    assert done.exit_code == 2
    assert told in done.stderr
    assert re.search(r"alerts-new\.toml:\d+", done.stderr)


def test_an_inspection_package_and_a_folder_serve_as_well(house: AlertHouse, tmp_path: Path) -> None:
    bundle = tmp_path / "log.zip"
    bundle.write_bytes(package(house))
    rules = written(tmp_path, SHARPER)
    there = json.loads(run(house, rules, "--json").output)
    assert json.loads(run(house, rules, "--json", "--bundle", str(bundle)).output) == there
    with Bundle.open(bundle) as opened:
        opened.unpack(tmp_path / "log")
    assert json.loads(run(house, rules, "--json", "--bundle", str(tmp_path / "log")).output) == there
    bundle.write_bytes(package(house, entries=[1]))
    refused = run(house, rules, "--bundle", str(bundle))
    assert (refused.exit_code, "whole log" in refused.stderr) == (2, True)


def package(house: AlertHouse, entries: Sequence[int] | None = None) -> bytes:
    """Return an inspection package, without the entries that its export would write into the log of the others."""
    identity, reader = make_identity(), make_reader(house.engine)
    policy = TrustPolicy((identity.signers[0].verifier,))
    store, tagger = SqlLogStore(house.engine), Tagger.from_root(TAG_ROOT)
    service = AuditService(store, reader, house.journal, identity.origin, policy, tagger, house.clock)
    return reader.read(lambda tx: service._package(tx, entries, ()))
