"""The errors of the registry. None of their texts holds personal data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core_registry.domain.rules import RuleResult


class RegistryError(Exception):
    """The root: ``detail`` says in English what to change, ``detail_zh`` in Chinese, ``rule`` names the rule."""

    def __init__(self, detail: str, *, detail_zh: str = "", rule: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.detail_zh = detail_zh
        self.rule = rule


class UnreadableFileError(RegistryError):
    """A file cannot be taken as a form at all (wrong template, zip bomb, not a workbook)."""


class ShrinkGuardError(RegistryError):
    """A file would remove or change more of a school's register than is plausible."""


class StudentNotFoundError(RegistryError):
    """No such student, or the caller may not know of it: one answer for both."""


class RegistryUnavailableError(RegistryError):
    """The registry database or a key of it is gone."""


class SealedValueError(RegistryError):
    """A ciphertext does not open: wrong key, wrong row, or altered."""


class RegisterChangedError(RegistryError):
    """The register changed between check and writing, or a guard of it forbids the change; nothing was written."""


class RegisterRuleError(RegistryError):
    """A change that a rule of the register forbids; ``rule`` names it."""


class StaleCaseError(RegisterChangedError):
    """A case or record was changed by somebody else since the caller saw it; the text says by whom."""


class CaseRefusedError(RegisterRuleError):
    """Rules stop a request: ``results`` are all that concern it, failures first."""

    def __init__(self, results: tuple[RuleResult, ...]) -> None:
        stopping = [result for result in results if result.stops]
        super().__init__(
            " ".join(f"{result.rule}: {result.needed or result.title}" for result in stopping),
            detail_zh="".join(f"{result.rule}：{result.needed_zh or result.title_zh}" for result in stopping),
            rule=stopping[0].rule if stopping else None,
        )
        self.results = results


class ValuesError(RegistryError):
    """Values of a request do not fit its procedure: name -> what is wrong, in Chinese and English."""

    def __init__(self, problems: dict[str, tuple[str, str]]) -> None:
        super().__init__(
            "; ".join(f"{name}: {en}" for name, (_, en) in problems.items()),
            detail_zh="；".join(zh for zh, _ in problems.values()),
        )
        self.problems = problems


class EvidenceRefusedError(RegistryError):
    """A file is not what it says, too large, or of a kind that is not known; nothing was stored."""


class CaseNotFoundError(RegistryError):
    """No such case, or the caller may not know of it: one answer for both."""
