"""Every specification that code, configuration or documents cite is in docs/sources.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_CITED = re.compile(
    r"RFC \d{4,5}|(?:GB/T|JY/T|GB) ?\d{3,5}(?:\.\d+)?|NIST SP \d+-\d+[A-Z]?"
    r"|draft-ietf-[a-z0-9-]+?(?=-\d\d\b|[^a-z0-9-]|$)"
    r"|\btlog-(?:checkpoint|tiles|cosignature|witness|policy|proof)\b|OpenID4VCI|OpenID4VP|HAIP|法释〔\d{4}〕\d+号"
)
_RULE = re.compile(r"\b(?:A\d{1,2}|Q|S)-\d{1,2}\b")


def _files() -> Iterator[Path]:
    for folder, pattern in (
        ("gateway", "*.py"),
        ("core_registry", "*.py"),
        ("rulebook", "*.py"),
        ("config", "*.toml"),
        ("config", "*.cedar"),
        ("docs", "*.md"),
    ):
        yield from (ROOT / folder).rglob(pattern)


def _normal(citation: str) -> str:
    return re.sub(r"^(GB/T|JY/T|GB) ?", r"\1 ", citation)


def test_every_specification_that_is_cited_is_listed() -> None:
    sources = ROOT / "docs" / "sources.md"
    listed = {_normal(one) for one in _CITED.findall(sources.read_text(encoding="utf-8"))}
    cited: dict[str, str] = {}
    for file in _files():
        if file != sources:
            for one in _CITED.findall(file.read_text(encoding="utf-8")):
                cited.setdefault(_normal(one), file.relative_to(ROOT).as_posix())
    assert len(cited) > 50
    assert {one: where for one, where in cited.items() if one not in listed} == {}


def test_drafts_are_pinned_by_number() -> None:
    text = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    for draft in re.findall(r"^\| (draft-ietf-\S+)", text, re.MULTILINE):
        assert re.search(r"-\d\d$", draft) or draft == "draft-ietf-oauth-rfc7523bis", draft


def test_rules_are_cited_by_articles_that_the_regulation_has() -> None:
    # the regulation has 53 articles
    for file in _files():
        for rule in _RULE.findall(file.read_text(encoding="utf-8")):
            if rule.startswith("A"):
                assert 1 <= int(rule[1:].split("-")[0]) <= 53, f"{rule} in {file.name}"
