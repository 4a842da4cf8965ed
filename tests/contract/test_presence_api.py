"""Pupils in the trail over HTTP: whom an inspector means, proofs for an extract's file, and a scan of the whole log."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from gateway.audit.presence import Verdict, verify_presence
from gateway.cli import cli
from tests.factories.api import Gateway, gateway
from tests.factories.presence_oracle import Trust
from tests.factories.presence_oracle import verify as second

PUPILS = "/v1/audit/pupils"
PRESENCE = "/v1/audit/presence"
REASON = "家长来信，核查提供情况"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("presence"), pupils=400) as found:
        grant = found.grant("bus")
        asked = found.call(
            "POST", f"/v1/grants/{grant}/extracts", {"format": "csv", "stages": ["primary"]}, token=found.client("bus")
        )
        assert asked.status_code == 202, asked.text
        worker = found.process.worker
        assert worker is not None
        while worker.round():
            pass
        yield found


@pytest.fixture(scope="module")
def extract(world: Gateway) -> dict[str, Any]:
    """The entry of the extract's file."""
    query = {"kind": "release.prepared"}
    (entry,) = world.call("GET", "/v1/audit/entries", token=world.person("inspector"), query_string=query).get_json()[
        "items"
    ]
    return dict(entry)


def source(world: Gateway) -> pl.DataFrame:
    assert world.source is not None
    return world.source


def inspector(world: Gateway, path: str, body: object, status: int = 200) -> dict[str, Any]:
    answer = world.call("POST", path, body, token=world.person("inspector"))
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def last(world: Gateway) -> dict[str, Any]:
    """The last entry of the log, as the house itself reads it."""
    audit = world.process.services.audit
    size = audit.reader.read(lambda tx: audit.store.head(tx).size)
    return dict(audit.proof(size - 1).entry.content)


def in_and_out(world: Gateway, extract: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """One pupil who is in the extract's file and one who is not, by the tags beside the log."""
    services = world.process.services
    audit, pupils = services.audit, services.pupils
    assert audit.tagger is not None
    assert pupils is not None
    beside = audit.reader.read(lambda tx: audit.store.tag_list(tx, extract["index"]))
    assert beside is not None
    held, found = set(beside.tags), dict[bool, dict[str, Any]]()
    for row in source(world).iter_rows(named=True):
        line = pupils.finder.by_number("student_number", row["student_number"])
        assert line is not None
        found.setdefault(audit.tagger.tag(beside.epoch, line.subject_ref) in held, row)
    assert set(found) == {True, False}
    return found[True], found[False]


def test_a_number_or_a_name_leads_to_a_masked_pupil_and_every_question_is_an_entry(world: Gateway) -> None:
    row = source(world).row(5, named=True)
    (line,) = inspector(world, PUPILS, {"number": row["id_number"], "reason": REASON})["items"]
    entry = last(world)
    assert (entry["kind"], entry["facts"]["act"], entry["facts"]["by"]) == ("audit.read", "pupil", "id_number")
    assert (entry["facts"]["found"], entry["facts"]["reason"], len(entry["tags"]["tags"])) == (1, REASON, 1)
    assert line["name"].startswith(row["name"][0])
    assert row["name"] not in json.dumps(line, ensure_ascii=False)
    (same,) = inspector(world, PUPILS, {"number": f" {row['student_number'].lower()} ", "reason": REASON})["items"]
    by_name = {"name": row["name"], "school": row["school_code"], "reason": REASON}
    named = inspector(world, PUPILS, by_name)["items"]
    born = {"name": row["name"], "birth_date": date.fromisoformat(row["birth_date"]).isoformat(), "reason": REASON}
    assert same["subject"] == line["subject"]
    assert line["subject"] in {one["subject"] for one in named}
    assert line["subject"] in {one["subject"] for one in inspector(world, PUPILS, born)["items"]}
    page = inspector(world, "/v1/audit/searches", {"subject": line["subject"]})
    assert {one["content"]["facts"].get("act") for one in page["items"]} >= {"pupil"}
    assert page["complete_to"] > page["items"][0]["index"]


@pytest.mark.rule("A50-10")
def test_what_cannot_be_asked_is_refused_before_anything_is_looked_up(world: Gateway) -> None:
    row = source(world).row(5, named=True)
    for body, status in (
        ({"number": "123", "reason": REASON}, 422),
        ({"number": row["id_number"], "reason": f"核查 {row['id_number']}"}, 422),
        ({"name": row["name"], "reason": REASON}, 422),
        ({"number": row["id_number"], "name": row["name"], "reason": REASON}, 422),
        ({"number": row["id_number"]}, 422),
    ):
        answer = world.call("POST", PUPILS, body, token=world.person("inspector"))
        assert answer.status_code == status, answer.text
        assert row["id_number"] not in answer.text
        assert row["name"] not in answer.text
    for name in ("approver", "recorder"):
        for path, body in (
            (PUPILS, {"number": row["id_number"], "reason": REASON}),
            (f"{PUPILS}/tags", {"number": row["id_number"], "reason": REASON}),
            (PRESENCE, {"number": row["id_number"], "entry": 1, "reason": REASON}),
            (f"{PRESENCE}/renewals", {"file": "{}"}),
        ):
            assert world.call("POST", path, body, token=world.person(name)).status_code == 403
    nobody = inspector(world, PUPILS, {"number": "140105200701010016", "reason": REASON}, 422)
    assert nobody["type"]


@pytest.mark.rule("A50-10")
def test_presence_and_absence_in_an_extract_are_proven_to_a_stranger(
    world: Gateway, extract: dict[str, Any], tmp_path: Path
) -> None:
    told = extract["content"]["tags"]
    assert told["count"] == extract["content"]["facts"]["rows"] > 64
    policy = world.process.services.audit.policy
    log = str(policy.logs[0])
    held, gone = in_and_out(world, extract)

    def asked(row: dict[str, Any], there: bool) -> tuple[dict[str, Any], Verdict]:
        body = {"number": row["student_number"], "extract": extract["content"]["links"]["extract"], "reason": REASON}
        proof = inspector(world, PRESENCE, body)
        verdict = verify_presence(proof["file"].encode(), policy)
        assert (verdict.present, verdict.index, verdict.asked) == (there, extract["index"], proof["asked"])
        assert (proof["present"], proof["entry"], proof["witnessed"]) == (there, extract["index"], True)
        assert second(proof["file"].encode(), Trust(log))["claim"] == ("present" if there else "absent")
        assert row["student_number"] not in json.dumps(last(world), ensure_ascii=False)
        return proof, verdict

    asked(held, True)
    proof, verdict = asked(gone, False)
    row = gone
    file = tmp_path / "proof.json"
    file.write_text(proof["file"], encoding="utf-8")
    shell = CliRunner().invoke(
        cli, ["verify-presence", str(file), "--vkey", log, "--compare"], input=f"{row['student_number']}\n"
    )
    assert (shell.exit_code, "证明成立" in shell.output, "号码一致" in shell.output) == (0, True, True), shell.output
    other = CliRunner().invoke(
        cli, ["verify-presence", str(file), "--vkey", log, "--compare"], input=f"{row['id_number']}\n"
    )
    assert other.exit_code == 1
    anonymous = json.loads(proof["file"])
    del anonymous["opening"]
    file.write_text(json.dumps(anonymous, ensure_ascii=False, sort_keys=True, separators=(",", ":")), encoding="utf-8")
    assert CliRunner().invoke(cli, ["verify-presence", str(file), "--vkey", log]).exit_code == 3
    file.write_text("{}", encoding="utf-8")
    assert CliRunner().invoke(cli, ["verify-presence", str(file), "--vkey", log]).exit_code == 2
    renewed = inspector(world, f"{PRESENCE}/renewals", {"file": proof["file"]})
    assert verify_presence(renewed["file"].encode(), policy).checkpoint.size > verdict.checkpoint.size


def test_an_entry_without_tags_and_a_number_of_nobody_are_refused(world: Gateway, extract: dict[str, Any]) -> None:
    row = source(world).row(0, named=True)
    silent = inspector(world, PRESENCE, {"number": row["id_number"], "entry": 0, "reason": REASON}, 422)
    assert silent["missing"] == ["entry"]
    nobody = {"number": "0" * 32, "entry": extract["index"], "reason": REASON}
    inspector(world, PRESENCE, nobody, 404)
    assert last(world)["facts"] == {"act": "pupil", "by": "subject_ref", "found": 0, "many": False, "reason": REASON}
    inspector(world, PRESENCE, {"number": row["id_number"], "extract": "ex-none", "reason": REASON}, 404)


@pytest.mark.rule("A50-10")
def test_a_scan_of_the_whole_log_finds_what_the_search_finds(world: Gateway, tmp_path: Path) -> None:
    row = source(world).row(9, named=True)
    (line,) = inspector(world, PUPILS, {"number": row["student_number"], "reason": REASON})["items"]
    page = inspector(world, "/v1/audit/searches", {"subject": line["subject"], "limit": 200})
    answer = world.call(
        "POST", f"{PUPILS}/tags", {"number": row["student_number"], "reason": REASON}, token=world.person("inspector")
    )
    file = tmp_path / "tags.json"
    file.write_bytes(answer.data)
    database, vkey = world.settings.gateway_url, str(world.process.services.audit.policy.logs[0])
    command = ["verify-log", "--database", database, "--vkey", vkey, "--pupil", str(file), "--quiet"]
    shell = CliRunner().invoke(cli, [*command, "--json"])
    assert shell.exit_code == 0, shell.output
    found = json.loads(shell.output)["pupil"]
    searched = {one["index"] for one in page["items"]}
    assert {one for one in found["entries"] if one < page["complete_to"]} == searched
    assert found["complete"]
    words = CliRunner().invoke(cli, command)
    assert "完整 complete" in words.output
    package = tmp_path / "log.zip"
    package.write_bytes(world.call("POST", "/v1/audit/packages", {}, token=world.person("inspector")).data)
    command = ["verify-log", "--bundle", str(package), "--vkey", vkey, "--pupil", str(file), "--quiet", "--json"]
    offline = json.loads(CliRunner().invoke(cli, command).output)["pupil"]
    assert not offline["complete"]
    assert len(offline["unknown"]) == 1


@pytest.mark.rule("A50-16")
def test_the_package_of_a_case_holds_the_proof_whose_asking_is_evidence(
    world: Gateway, extract: dict[str, Any], tmp_path: Path
) -> None:
    _, gone = in_and_out(world, extract)
    body = {"number": gone["student_number"], "entry": extract["index"], "reason": REASON}
    asked = inspector(world, PRESENCE, body)["asked"]
    case = {
        "subject": {"kind": "recipient", "code": extract["content"]["links"]["recipient"]},
        "source": {"entry": asked},
        "title": "核查是否提供",
    }
    opened = inspector(world, "/v1/audit/cases", case, 201)
    path = f"/v1/audit/cases/{opened['id']}/package"
    package = zipfile.ZipFile(io.BytesIO(world.call("POST", path, token=world.person("inspector")).data))
    proof = package.read(f"case/presence/{asked}.json")
    verdict = verify_presence(proof, world.process.services.audit.policy)
    assert (verdict.present, verdict.index, verdict.asked, verdict.subject) == (False, extract["index"], asked, None)
    assert gone["student_number"].encode() not in proof
    assert f"case/presence/{asked}.json" in package.read("case/README.zh.md").decode()
