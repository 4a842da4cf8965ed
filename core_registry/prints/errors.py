"""Why a form is not printed."""

from __future__ import annotations

from core_registry.errors import RegisterRuleError


class UnprintableError(RegisterRuleError):
    """A form does not fit its page, has characters without a glyph, or says what no print may say.

    The text of the error repeats nothing of it.
    """
