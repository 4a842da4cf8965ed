"""``xueji registry print …`` and ``xueji registry certificates …``: prints, certificates, and their check."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from gateway import bootstrap, settings
from gateway.keyring import Face
from gateway.policies.decision import Action

if TYPE_CHECKING:
    from gateway.bootstrap import Actor, CertificateLine, PaperDesk

FIRST_NUMBERED = 4
"""From this annex on a form is a certificate."""


class _Person(Protocol):
    home: Path | None
    account: str | None
    unit: str | None


@contextmanager
def _papers(person: _Person, action: Action) -> Iterator[tuple[PaperDesk, Actor, frozenset[str]]]:
    """Yield the desk, who acts and the schools that are reached; the audit entries are written before the end."""
    if person.account is None or person.unit is None:
        raise click.UsageError("Say who acts: xueji registry --as ACCOUNT --unit UNIT …")
    process = bootstrap.open_process(settings.from_environment(home=person.home), Face.ALL)
    try:
        actor, schools = bootstrap.acting(process, person.account, person.unit, action)
        yield bootstrap.papers_of(process), actor, schools
        if process.worker is not None:
            process.worker.round()
    finally:
        process.close()


@click.command("print")
@click.argument("annex", type=click.IntRange(1, 5))
@click.option("--student", help="Id of the pupil's record.")
@click.option(
    "--case", "case_id", help="Of annex 1 the paper copy, of 2 and 3 the application, of 4 and 5 the issuing."
)
@click.option("--issuer", help="Of annexes 4 and 5, with --number: school or division code.")
@click.option("--number", help="Of annexes 4 and 5, with --issuer.")
@click.option("--reason", default="", help="Recorded; without any personal number. Needed for all but blank forms.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A new file: .pdf or .html."
)
@click.pass_obj
def print_annex(
    person: _Person,
    annex: int,
    student: str | None,
    case_id: str | None,
    issuer: str | None,
    number: str | None,
    reason: str,
    out: Path,
) -> None:
    """Print ANNEX (1 to 5) into a file: a blank form, a pupil's or a case's, or a certificate."""
    if out.suffix.lower() not in {".pdf", ".html"}:
        raise click.UsageError("The file ends with .pdf or .html.")
    if annex >= FIRST_NUMBERED and case_id is None and (issuer is None or number is None):
        raise click.UsageError("Name the certificate: --case, or --issuer and --number.")
    key = bootstrap.CertificateKey(issuer or "", number or "", case_id or "")
    with _papers(person, Action.READ_CASES) as (desk, actor, schools):
        paper = desk.annex(annex, actor, reason, schools, student_id=student, key=key)
        content = paper.pdf() if out.suffix.lower() == ".pdf" else paper.html().encode()
    with open(out, "xb", opener=_own) as stream:  # never over another pupil's paper
        stream.write(content)
    click.echo(f"附件{annex} annex {annex} → {out.name}")


@click.group("certificates")
def certificates() -> None:
    """List, void and check certificates."""


@certificates.command("list")
@click.argument("student")
@click.option("--reason", required=True, help="Recorded; without any personal number.")
@click.pass_obj
def list_certificates(person: _Person, student: str, reason: str) -> None:
    """List the certificates of a pupil, void ones too."""
    with _papers(person, Action.READ_CASES) as (desk, actor, schools):
        lines = desk.certificates(student, actor, reason, schools)
    for line in lines:
        _show(line)


@certificates.command("void")
@click.argument("number")
@click.option("--reason", required=True, help="Recorded; without any personal number.")
@click.pass_obj
def void(person: _Person, number: str, reason: str) -> None:
    """Void the certificate NUMBER of the unit; it stays listed, and the number is not given out again."""
    with _papers(person, Action.HANDLE_CASES) as (desk, actor, _schools):
        line = desk.void(actor.unit, number, actor, reason)
    _show(line)


@certificates.command("check")
@click.argument("number")
@click.option("--issuer", help="School or division code, where the number does not tell it.")
@click.pass_obj
def check(person: _Person, number: str, issuer: str | None) -> None:
    """Say what anybody may know of NUMBER: valid, void, not effective or unknown."""
    process = bootstrap.open_process(settings.from_environment(home=person.home), Face.ALL, with_worker=False)
    try:
        answer = bootstrap.papers_of(process).check(number, issuer)
    finally:
        process.close()
    found = answer.found
    click.echo(" ".join(answer.status_words))
    if found.kind is not None:
        click.echo(f"{' '.join(answer.kind_words)}\t{found.year}\t{found.issuer}\t{found.masked_name}")


def add_to(group: click.Group) -> None:
    """Add the commands to ``xueji registry``."""
    group.add_command(print_annex)
    group.add_command(certificates)


def _own(path: str, flags: int) -> int:
    """Open a file that is its owner's alone from the first byte on."""
    return os.open(path, flags, 0o600)


def _show(line: CertificateLine) -> None:
    days = f"{line.issued_on}\t{line.effective_on or '—'}\t{line.void_on or '—'}"
    click.echo(f"{line.number}\t{line.kind_zh}\t{line.issuer}\t{line.status_zh} {line.status}\t{days}")
