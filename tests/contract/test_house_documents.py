"""The house keeps its documents true: settings, problems, links, named tests and files, the help block."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from gateway import problems, settings
from gateway.api import limits
from gateway.errors import ConfigurationError
from gateway.identity.signing_in.metadata import PAR_PATH, USERINFO_PATH
from gateway.keyring import PRIVATE_KEYS, Face

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:gateway|core_registry|rulebook|config|tests|docs|bench)/[\w./-]+)`")
_TEST = re.compile(r"`(test_[a-z0-9_]+)`")
_TEST_FILE = re.compile(r"`((?:unit|property|contract|fault|e2e)/[\w/]+\.py)`")


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _block(name: str, marker: str) -> str:
    found = re.search(rf"<!-- {re.escape(marker)} -->\n(.*?)<!-- end -->", _text(name), re.DOTALL)
    assert found is not None, f"{name} has no block {marker}"
    return found.group(1)


def _unfenced(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def _all_tests() -> set[str]:
    names: set[str] = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        names |= set(re.findall(r"^\s*(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    return names


def test_every_setting_is_in_the_operators_guide_and_no_other() -> None:
    # the loader itself names the settings it knows, in the refusal of one that it does not know
    with pytest.raises(ConfigurationError) as refused:
        settings.from_environment({"XUEJI_NO_SUCH_SETTING": "1"})
    known = set(re.findall(r"XUEJI_[A-Z_]+", refused.value.detail)) - {"XUEJI_NO_SUCH_SETTING"}
    rows = re.findall(r"^\| `(XUEJI_[A-Z_]+)` \|", _text("docs/operators.md"), re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == known
    members = {field.name.upper() for field in dataclasses.fields(settings.Settings)}
    assert {name.removeprefix(settings.PREFIX) for name in known} == members


def test_every_problem_type_is_in_the_integrators_guide_with_its_status_and_titles() -> None:
    kinds = {kind.name: kind for kind in problems.TABLE.values()}
    kinds |= {kind.name: kind for kind in vars(problems).values() if isinstance(kind, problems.ProblemType)}
    block = _block("docs/integrators.md", "problem types")
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \| (.+?) \| (.+?) \|$", block, re.MULTILINE)
    told = {name: (int(status), title_zh, title) for name, status, title_zh, title in rows}
    assert told == {kind.name: (kind.status, kind.title_zh, kind.title) for kind in kinds.values()}
    assert len(rows) == len(told)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(document: Path) -> None:
    broken = []
    for target in _LINK.findall(_unfenced(document.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        found = (document.parent / path).resolve() if path else document
        if not found.exists() or (anchor and found.suffix == ".md" and anchor not in _anchors(found)):
            broken.append(target)
    assert broken == []


def _anchors(document: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", _unfenced(document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_tests_that_documents_name_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    missing = {path for path in _PATH.findall(text) if not (ROOT / path).exists() and not _placeholder(path)}
    missing |= {file for file in _TEST_FILE.findall(text) if not (ROOT / "tests" / file).exists()}
    missing |= set(_TEST.findall(text)) - _all_tests()
    assert missing == set()


def _placeholder(path: str) -> bool:
    return any(part in path for part in ("NAME", "NNNN", "ID.toml"))


def test_the_invariants_list_exactly_the_tests_that_name_them() -> None:
    listed = re.findall(r"`(test_i[1-8]_\w+)`", _block("docs/invariants.md", "invariant tests"))
    assert sorted(listed) == sorted(name for name in _all_tests() if re.match(r"test_i[1-8]_", name))
    assert {name[6] for name in listed} == set("12345678")


def test_the_readme_shows_the_real_help() -> None:
    shown = re.fullmatch(r"\n?```text\n(.*?)```\n", _block("README.md", "xueji --help"), re.DOTALL)
    assert shown is not None
    # click wraps to the width that it is given; the block is written for 80 columns
    environment = {**{k: v for k, v in os.environ.items() if not k.startswith("XUEJI_")}, "COLUMNS": "80"}
    run = subprocess.run(
        [sys.executable, "-m", "gateway", "--help"], capture_output=True, text=True, env=environment, check=True
    )
    told = re.sub(r"^Usage: .*?\[OPTIONS\]", "Usage: xueji [OPTIONS]", run.stdout, count=1)
    assert shown.group(1) == told


def test_the_demo_schema_is_valid_json_schema() -> None:
    schema = json.loads(_text("docs/demo.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    told = set(re.findall(r"^\| `(\w+)(?:\[\])?` \|", _text("docs/demo.md"), re.MULTILINE))
    assert told >= set(schema["required"])


@pytest.mark.parametrize("face", list(Face))
def test_both_key_tables_give_each_face_exactly_its_keys(face: Face) -> None:
    keys = {str(key) for key in PRIVATE_KEYS[face]}
    security = re.search(rf"^\| {face} \| (.+) \|$", _text("SECURITY.md"), re.MULTILINE)
    assert security is not None
    if face is Face.WORKER:
        office = {str(key) for key in PRIVATE_KEYS[Face.OFFICE]}
        assert (security.group(1), keys) == ("the same, `family` and `log`", office | {"family", "log"})
    elif face is not Face.ALL:
        assert set(re.findall(r"`([a-z-]+)`", security.group(1))) == keys
    if face is Face.ALL:
        return
    rows = re.findall(
        r"^\| `([a-z-]+)` \| [^|]+ \|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|", _text("docs/architecture.md"), re.MULTILINE
    )
    column = [Face.OFFICE, Face.WORKER, Face.FAMILY, Face.OUTSIDE].index(face)
    assert {name for name, *marks in rows if marks[column].strip() == "●"} == keys


def test_every_rate_limit_is_in_the_integrators_guide() -> None:
    text = _text("docs/integrators.md")
    rows = re.findall(r"^\| (.+?) \| (address|account|recipient) \| (\d+) \|$", text, re.MULTILINE)
    told = {(path, by): int(number) for paths, by, number in rows for path in paths.split(", ")}
    paths = {
        "oauth.introspect": "`POST /oauth/introspect`",
        "oauth.token": "`POST /oauth/token`",
        "oauth.revoke": "`POST /oauth/revoke`",
        "oidc.push": "`POST /oauth/par`",
        "wallets.make_nonce": "`POST /v1/identity/nonce`",
        "wallets.issue_credentials": "`POST /v1/identity/credentials`",
        "wallets.notify": "`POST /v1/identity/notifications`",
        "presentation_wallets.post_request": "`POST /v1/identity/presentations/{id}/request`",
        "presentation_wallets.respond": "`POST /v1/identity/presentations/{id}/response`",
        "presentations.request_presentation": "`POST /v1/identity/presentations`",
        "redactions.preview_redaction": "`POST /v1/registry/redactions/preview`",
        "identity.verify": "`POST /v1/identity/verifications`",
        "presence.find_pupil": "`POST /v1/audit/pupils`",
        "presence.pupil_tags": "`POST /v1/audit/pupils/tags`",
        "presence.prove_presence": "`POST /v1/audit/presence`",
        "certificates.check": "`POST /v1/certificates/check`",
        "checks.create_check": "`POST /v1/grants/{id}/checks`",
        "dry_runs.start_dry_run": "`POST /v1/applications/{id}/dry-run`",
        "matches.create_match": "`POST /v1/grants/{id}/matches`",
        "statistics.ask_statistics": "`POST /v1/grants/{id}/statistics`",
        "family_sessions.activate": "`POST /v1/family/activations`",
        "family_sessions.begin": "`POST /v1/family/sessions/challenges`",
        "family_sessions.sign_in": "`POST /v1/family/sessions`",
        "sessions.change_password": "`POST /v1/me/password`",
        "sessions.sign_in": "`POST /v1/sessions`",
    }
    real = {("every endpoint", "address"): limits.PER_ADDRESS, ("every endpoint", "account"): limits.PER_CALLER}
    real[("every endpoint", "recipient")] = limits.PER_RECIPIENT
    # the console's sign-in is a page, not for integrators
    real |= {(paths[name], "address"): item for name, item in limits.STRICT.items() if not name.startswith("console.")}
    callers = {name: item for name, item in limits.STRICT_OF_CALLER.items() if not name.startswith("console.")}
    real |= {(paths[name], "recipient"): item for name, item in callers.items()}
    assert told == {key: item.amount for key, item in real.items()}
    assert {item.get_expiry() for item in real.values()} == {60}


def _routes() -> set[tuple[str, str]]:
    """Return method and path of every route of the API, parameters as ``{}``."""
    found: set[tuple[str, str]] = set()
    for file in (ROOT / "gateway" / "api").rglob("*.py"):
        for method, path in re.findall(r'\.(get|post|put|delete)\("(/[^"]*)"', file.read_text(encoding="utf-8")):
            found.add((method.upper(), re.sub(r"<[^>]+>", "{}", path)))
    found |= {("POST", PAR_PATH), ("GET", USERINFO_PATH), ("POST", USERINFO_PATH)}
    return found | {("GET", "/openapi.json"), ("GET", "/.well-known/oauth-authorization-server")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_paths_of_the_api_that_documents_name_are_routes(document: Path) -> None:
    unknown = []
    for method, path in re.findall(r"`(GET|POST|PUT|DELETE) (/[^`?]*)", document.read_text(encoding="utf-8")):
        plain = re.sub(r"\{[^}]*\}", "{}", path)
        # an ellipsis stands for whatever follows
        start = plain.partition("…")[0] if "…" in plain else None
        if not any(m == method and (r == plain or (start and r.startswith(start))) for m, r in _routes()):
            unknown.append(f"{method} {path}")
    assert unknown == []


def test_the_integrators_guide_names_every_route_that_outsiders_need() -> None:
    text = _text("docs/integrators.md")
    for method, path in _routes():
        if re.match(r"/(oauth|v1/(applications|extracts|grants|me/permissions|identity/verif|identity/jwks))", path):
            tail = path.rsplit("/", 1)[-1]
            assert tail in {"{}", ""} or tail in text, f"{method} {path}"
