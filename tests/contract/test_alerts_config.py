"""The shipped alert rules: what must be alerted is, every kind is written by somebody, every rule can be raised."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.alerts_rules import matches
from gateway.audit.leaves import decode_entry
from rulebook.alert_records import AlertRule
from tests.factories.alerts import worked
from tests.factories.policies import rule_book

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "audit-entries.md").read_text(encoding="utf-8")
EXAMPLES: dict[str, dict[str, Any]] = {
    kind: decode_entry(example.encode())
    for kind, example in re.findall(r"^### (\S+)\n.*?```json\n(.*?)\n```", TEXT, flags=re.MULTILINE | re.DOTALL)
}
RULES = rule_book().alerts.rules
WANTED = {
    "activation-guessing": "family.activation_refused",
    "application-overdue": "application.overdue",
    "attestation-due": "recipient.attestation_due",
    "break-glass": "account.unsealed",
    "client-authentication": "account.login_failed",
    "deletion-overdue": "grant.deletion_overdue",
    "failed-sign-ins": "account.login_failed",
    "family-sign-ins": "family.sign_in_refused",
    "grant-expiring": "grant.expiring",
    "guess-limit": "release.guess_limited",
    "joint-limit": "release.failed",
    "leak-suspected": "release.failed",
    "ledger-damaged": "release.failed",
    "out-of-hours-list": "registry.read",
    "outbox-stalled": "log.queue_stalled",
    "policy-broken": "policy.reload_failed",
    "recipient-renamed": "recipient.renamed",
    "recipient-suspended": "recipient.suspended",
    "refused-act": "application.refused_act",
    "repeated-refusals": "*",
    "replayed-proof": "account.login_failed",
    "scope-breach": "release.refused",
    "sealed-account": "account.login_failed",
    "status-lists-stalled": "log.queue_stalled",
}
"""What A50-16 and the front door must be alerted of."""


def test_what_must_be_alerted_has_its_rule() -> None:
    for code, kind in WANTED.items():
        assert kind in RULES[code].kinds, code


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_the_kinds_of_a_rule_are_documented_entries(rule: AlertRule) -> None:
    for kind in rule.kinds:
        assert kind == "*" or any(
            known == kind or (kind.endswith(".") and known.startswith(kind)) for known in EXAMPLES
        )


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_what_a_rule_looks_at_is_in_the_entries_of_its_kinds(rule: AlertRule) -> None:
    """A condition on a member that no entry has would never hold: a rule that is silent and looks alive."""
    if rule.kinds == ("*",):
        return
    members = set()
    for kind in rule.kinds:
        example = EXAMPLES[kind]
        members |= {f"facts.{name}" for name in example["facts"]} | {f"links.{name}" for name in example["links"]}
        members |= {f"actor.{name}" for name in (example["actor"] or {})} | {"policy", "actor.id", "actor.kind"}
    # members that only some entries of a kind have
    members |= {"facts.witnesses"} if "account.unsealed" in rule.kinds else set()
    members |= {"facts.check", "facts.claims", "facts.people"} if "release.intent" in rule.kinds else set()
    looked_at = {condition.member for condition in rule.conditions} | set(rule.shown)
    looked_at |= {rule.sum} if rule.sum is not None else set()
    looked_at |= {rule.shift.member} if rule.shift is not None else set()
    assert looked_at <= members


def test_the_documented_breach_and_leak_are_alerted() -> None:
    book = rule_book()
    raised = {
        kind: {
            code
            for code, rule in RULES.items()
            if matches(rule, example, hours=book.alerts, worked=worked) and not rule.outside_office_hours
        }
        for kind, example in EXAMPLES.items()
    }
    assert raised["release.refused"] == {"scope-breach", "repeated-refusals"}
    outside = {**EXAMPLES["identity.verified"], "outcome": "refused", "facts": {"dimension": "territory"}}
    hours = book.alerts
    assert matches(RULES["scope-breach"], outside, hours=hours, worked=worked)
    assert not matches(RULES["scope-breach"], {**outside, "facts": {"reason": "revoked"}}, hours=hours, worked=worked)
    assert raised["release.failed"] == {"leak-suspected"}
    assert raised["policy.reload_failed"] == {"policy-broken"}
    assert raised["grant.deletion_overdue"] == {"deletion-overdue"}
    assert "refused-act" in raised["application.refused_act"]
    # what is in order raises nothing
    for kind in ("application.approved", "release.intent", "account.login", "audit.read", "registry.import"):
        assert raised[kind] == set()


def test_no_documented_entry_of_alerts_raises_an_alert() -> None:
    for kind, example in EXAMPLES.items():
        if kind.startswith("alert."):
            assert not any(matches(rule, example, hours=rule_book().alerts, worked=worked) for rule in RULES.values())
