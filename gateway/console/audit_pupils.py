"""What the audit pages take from forms about a pupil, and the files of a proof."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from gateway.audit.proving import Issued, ProofDesk
from gateway.audit.pupils import Named, Numbered, PupilDesk, PupilQuestion, subject_of
from gateway.audit.statements import NamedSubject
from gateway.console import forms
from gateway.console.pages import services
from gateway.errors import UnavailableError

_LONGEST = 100


@dataclass(frozen=True, slots=True)
class ProofFile:
    """A file that the page itself holds: the proof is made once, and asked for once."""

    name: str
    opened: bool
    """Whether it says whose the tag is."""
    address: str = field(repr=False)


def question() -> PupilQuestion | None:
    """Return whom the form asks for: by number, else by name with school or day of birth; ``None`` for neither."""
    number, name = forms.text("number", longest=_LONGEST), forms.text("name", longest=_LONGEST)
    if number:
        return Numbered(number)
    if not name:
        return None
    born = forms.optional_day("birth_date", forms.text("birth_date", longest=_LONGEST))
    return Named(name, forms.text("school", longest=_LONGEST) or None, born)


def subject() -> NamedSubject:
    """Return the pupil whom the form names by a number or, behind the page, by the reference."""
    return subject_of(forms.text("number", longest=_LONGEST) or forms.text("subject", longest=_LONGEST))


def files(issued: Issued) -> tuple[ProofFile, ...]:
    """Return the proof as a file, with and without what says whose the tag is."""
    return tuple(
        ProofFile(
            f"presence-{issued.index}{'' if opened else '-unnamed'}.json",
            opened,
            "data:application/json;base64," + base64.b64encode(issued.proof.encode(opened=opened)).decode(),
        )
        for opened in (True, False)
    )


def pupils() -> PupilDesk:
    """Return who says which pupil is meant; raises ``UnavailableError`` on a face that cannot."""
    found = services().pupils
    if found is None:
        raise UnavailableError("Only the office knows pupils by number.", detail_zh="仅办公端可按学籍号等检索学生。")
    return found


def proofs() -> ProofDesk:
    """Return who issues proofs; raises ``UnavailableError`` on a face that cannot."""
    found = services().proofs
    if found is None:
        raise UnavailableError("Only the office issues such proofs.", detail_zh="仅办公端可出具此类证明。")
    return found
