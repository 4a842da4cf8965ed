"""A refusal names the rule of the regulation that was applied, or there is a reason why no article speaks of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from gateway import problems
from tests.contract.test_house_errors import _known_errors

ROOT = Path(__file__).resolve().parents[2]
REFUSALS = frozenset({403, 409, 422})

WITHOUT: dict[str, str] = {
    # the form of the input, before any article is asked
    "ParameterError": "an argument outside what a function takes: the form of the input",
    "InvalidInputError": "the form of a body or query; 'errors' says where",
    "CreditCodeError": "a check digit (GB 32100)",
    "MalformedError": "the format of a note, proof or file (C2SP, RFC 8785)",
    "PlanError": "a plan that nobody can compute; the profile is checked when it is loaded",
    "SearchError": "no generalization reaches the demanded k: said with its figures",
    "BadListError": "the form of a recipient's list; 'errors' says which row",
    "ValuesError": "the form of a procedure's values; 'errors' says which",
    "UnreadableFileError": "the form of a workbook",
    # somebody else was there first
    "ConflictError": "a row that is there already, or gone: uniqueness of the store",
    "UsernameTakenError": "a user name that is taken",
    "StaleVersionError": "somebody else acted in between",
    "StaleCaseError": "somebody else acted in between",
    "RegisterChangedError": "somebody else acted in between",
    "LeaseLostError": "another worker took the job",
    "PseudonymKeyGoneError": "another worker made or destroyed the key; no caller is answered with it",
    "PseudonymKeyHeldError": "a legal hold keeps the key; no caller is answered with it",
    "DataGoneError": "the retention has ended (PIPL art. 47): no rule of the regulation",
    "WitnessConflictError": "the witness saw another size",
    "InconsistentError": "a checkpoint that does not extend what the witness saw",
    "ForkSeenError": "a checkpoint of the size that the witness saw, with another root",
    "NotReadyError": "a file that is still prepared",
    "ListGoneError": "a list that was destroyed before it was matched: hand it in again",
    "BaselineUnusableError": "an extract that changes cannot be told from: ask for all rows",
    "NoEncryptionKeyError": "a key that the caller's system has not registered",
    "NotPageableError": "a file without lines: fetch the content",
    "WrongStateError": "the order of the steps of our own workflow; 'missing' names the states",
    # protections that carry their own words
    "ActivationRefusedError": "a link or code that does not hold: one answer, whatever is wrong with it",
    "PasskeyRefusedError": "a step of Web Authentication that does not hold: one answer, whatever is wrong with it",
    "StrongerSignInError": "our own protection of passkeys: design 9, no article",
    "LastPasskeyError": "asks once more before somebody locks themselves out",
    "ShrinkGuardError": "asks once more before a large change",
    "CaseRefusedError": "'results' says it rule by rule",
    "CredentialRejectedError": "a step of RFC 9901 or of the status list; 'reason' says which",
    "ProofError": "a signature or hash that does not hold",
    "TransformError": "a batch that does not come out as planned: a defect, nothing left",
    "UnknownLeafError": "a value that its hierarchy lacks: for the operator",
    "StatisticsError": "a table or noise that nobody can compute; questions are checked before",
    "AnswerNotReadyError": "a statistic that is being counted still",
    "AlreadyAskedError": "the same question at the same moment: never told",
    # xueji anonymize: a table of the caller's own, which the regulation does not know
    "TablePlanError": "the form of a plan, or a plan that does not fit its table",
    "TableFileError": "a file that is no table, or cannot be written",
    "DependencyError": "a column that tells what another one hides",
    "LeakError": "what looks like an identifier in the written file",
    "ContentError": "a file that is not what was decided: a defect, nothing left",
    "UnprintableError": "a character without a glyph: print the HTML page",
}
"""Error class -> why its texts name no rule."""

SITES: dict[str, str] = {
    "gateway/console/pages.py ForbiddenError": "a forged form (CSRF): no article speaks of it",
    "core_registry/redactions.py RegisterRuleError": "the word model is off: no article speaks of it",
    "core_registry/papers/service.py RegisterRuleError": "an annex that belongs to another kind of case",
    "core_registry/domain/findings.py RegisterRuleError": "the rule is what is missing",
}
"""File and class -> why that place names no rule."""


@cache
def refusals() -> dict[str, type[Exception]]:
    """Return the errors that are answered with 403, 409 or 422, by name."""
    found = {}
    for error in _known_errors():
        kind = next(problems.TABLE[parent] for parent in error.__mro__ if parent in problems.TABLE)
        if kind.status in REFUSALS:
            found[error.__name__] = error
    return found


@cache
def places() -> tuple[tuple[str, str, bool], ...]:
    """Return file, class and whether a rule is given, of every place at which a refusal is made."""
    return tuple(_places())


def _places() -> Iterator[tuple[str, str, bool]]:
    for root in ("gateway", "core_registry"):
        for file in sorted((ROOT / root).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                called = node.func
                name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
                if name in refusals():
                    # ``**more`` may hold it: the helper that takes them is a place itself
                    given = any(keyword.arg in {"rule", None} for keyword in node.keywords)
                    yield file.relative_to(ROOT).as_posix(), name, given


def silent() -> set[tuple[str, str]]:
    """Return file and class of every refusal that names no rule."""
    return {(file, name) for file, name, given in places() if not given and not getattr(refusals()[name], "rule", None)}


def test_the_places_are_found() -> None:
    # the search itself: a class with its own rule, one with a rule at each place, one without
    assert {"ScopeExceededError", "ForbiddenError", "NotReadyError"} <= {name for _, name, _ in places()}
    assert len(places()) > 300


@pytest.mark.rule("A50-13")
def test_every_refusal_names_its_rule_or_there_is_a_reason_why_none_applies() -> None:
    unexplained = {f"{file} {name}" for file, name in silent() if name not in WITHOUT} - set(SITES)
    assert unexplained == set(), "pass rule=…, or say in this file why no article speaks of it"


def test_no_reason_outlives_what_it_explains() -> None:
    silent_names = {name for _, name in silent()}
    assert set(WITHOUT) - silent_names == set()
    assert set(SITES) - {f"{file} {name}" for file, name in silent()} == set()


def test_what_an_article_orders_is_never_excused() -> None:
    for name in ("ForbiddenError", "ScopeExceededError", "GroundRefusedError", "GrantEndedError", "SealedAccountError"):
        assert name not in WITHOUT
