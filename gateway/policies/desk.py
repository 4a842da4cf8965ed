"""What the smaller desks of this room have in common: deciding, recording, and recording refusals (``A50-13``)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol

from gateway.errors import ConflictError, ForbiddenError
from gateway.journal import EntryDraft, Journal, Reader
from gateway.policies.decision import Action, Decision, Resource
from gateway.policies.errors import DisclosureRefusedError, ScanRefusedError, TextRefusedError
from gateway.policies.scope import civil_date
from gateway.principals import Principal
from rulebook.records import Rulebook

REFUSALS: Final = (ForbiddenError, ConflictError, TextRefusedError, ScanRefusedError, DisclosureRefusedError)
_DATES: Final = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}日?(?![0-9])")
_RUN: Final = re.compile(r"[0-9](?:[ \t\-_.·,，、]?[0-9])*")


class Authorize(Protocol):
    """Asks the decision point; ``ApplicationService.authorize`` is one."""

    def __call__(self, principal: Principal, action: Action, resource: Resource, *, territory: str = "") -> Decision:
        """Return the decision that allows ``action``; raise ``ForbiddenError`` if none does."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of a desk."""

    journal: Journal
    reader: Reader
    authorize: Authorize
    book: Rulebook
    now: Callable[[], datetime]
    new_id: Callable[[str], str]

    def today(self) -> date:
        """Return the civil date in Asia/Shanghai."""
        return civil_date(self.now())

    @contextmanager
    def refusals(self, principal: Principal, act: Action, links: Mapping[str, str] | None = None) -> Iterator[None]:
        """Write every refusal of the block into the audit trail, then raise it."""
        try:
            yield
        except REFUSALS as error:
            policy = error.extra.get("policy")
            self.journal.append(
                EntryDraft(
                    kind="ground.refused_act",
                    actor=principal,
                    outcome="refused",
                    facts={
                        "act": act.value,
                        "error": type(error).__name__,
                        "rule": error.rule,
                        "missing": list(error.missing),
                    },
                    links=dict(links or {}),
                    policy=None if policy is None else str(policy),
                )
            )
            raise


def holds_long_number(text: str, least: int = 7) -> bool:
    """Whether ``text`` holds ``least`` digits or more in a row, dates apart: like the number of a person or telephone.

    Blanks, hyphens and points between digits do not hide one; full-width digits count.
    """
    folded = unicodedata.normalize("NFKC", text)
    runs = _RUN.findall(_DATES.sub(" / ", folded))
    return any(sum(one.isdigit() for one in run) >= least for run in runs)
