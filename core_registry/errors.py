"""The errors of the registry. None of their texts holds personal data."""

from __future__ import annotations


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
