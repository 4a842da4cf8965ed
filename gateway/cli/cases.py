"""The registry's procedures from the shell of the host: try, open, decide, look at cases, work and histories."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from gateway import bootstrap, settings
from gateway.api.models import DraftIn
from gateway.errors import ParameterError
from gateway.keyring import Face
from gateway.policies.decision import Action

if TYPE_CHECKING:
    from gateway.bootstrap import Actor, Case, CaseDesk, Draft, RuleResult

_MARKS = {"passed": "✓", "failed": "✗", "exception_possible": "?", "excepted": "~"}


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts on the host."""

    home: Path | None
    account: str | None
    unit: str | None


@click.group("registry")
@click.option("--as", "account", help="Account of the registrar or principal who acts.")
@click.option("--unit", help="学校标识码 or division code for which the account works.")
@click.pass_context
def registry(context: click.Context, account: str | None, unit: str | None) -> None:
    """Handle cases of the registry: procedures, drafts, decisions, work, histories."""
    context.obj = Person(context.obj, account, unit)


@contextmanager
def _desk(person: Person, action: Action) -> Iterator[tuple[CaseDesk, Actor, frozenset[str]]]:
    """Yield the desk, who acts and the schools that are reached; the audit entries are written before the end."""
    if person.account is None or person.unit is None:
        raise click.UsageError("Say who acts: xueji registry --as ACCOUNT --unit UNIT …")
    process = bootstrap.open_process(settings.from_environment(home=person.home), Face.ALL)
    try:
        actor, schools = bootstrap.acting(process, person.account, person.unit, action)
        yield bootstrap.desk_of(process), actor, schools
        if process.worker is not None:
            process.worker.round()
    finally:
        process.close()


@registry.command("procedures")
@click.argument("kind", required=False)
@click.pass_obj
def procedures(person: Person, kind: str | None) -> None:
    """List what can be asked for; of one KIND, the values that it takes."""
    process = bootstrap.open_process(settings.from_environment(home=person.home), Face.ALL, with_worker=False)
    try:
        for one in bootstrap.desk_of(process).procedures():
            if kind is None:
                click.echo(f"{one.kind}\t{one.zh} {one.en}\tart. {one.article or '—'}")
            elif one.kind == kind:
                for spec in one.fields:
                    needed = "必填 required" if spec.required and spec.when is None else ""
                    click.echo(f"{spec.name}\t{spec.kind.value}\t{spec.zh} {spec.en}\t{needed}")
                    for code, (zh, en) in spec.choices.items():
                        click.echo(f"\t{code}\t{zh} {en}")
    finally:
        process.close()


@registry.command("explain")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def explain(person: Person, file: Path) -> None:
    """Say what every rule says of the draft in FILE (JSON, as the API takes it); write nothing."""
    with _desk(person, Action.HANDLE_CASES) as (desk, actor, _schools):
        results = desk.explain(_draft(file), actor)
    _show_results(results)
    if any(result.stops for result in results):
        click.get_current_context().exit(2)


@registry.command("open")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--key", help="Your mark of this submission: the same key again gives the same case.")
@click.pass_obj
def open_case(person: Person, file: Path, key: str | None) -> None:
    """Open a case from the draft in FILE (JSON, as the API takes it)."""
    with _desk(person, Action.HANDLE_CASES) as (desk, actor, _schools):
        case = desk.open(_draft(file, key or f"cli-{secrets.token_hex(12)}"), actor)
    _show_case(case)


@registry.command("act")
@click.argument("case_id")
@click.argument("step")
@click.option("--agree", "decision", flag_value="agree", required=True, help="The step is done.")
@click.option("--refuse", "decision", flag_value="refuse", help="It is refused; needs --note.")
@click.option("--note", default="")
@click.option("--version", type=int, help="The version that you saw; the present one without.")
@click.pass_obj
def act(person: Person, case_id: str, step: str, decision: str, note: str, version: int | None) -> None:
    """Decide STEP of CASE_ID for the unit."""
    with _desk(person, Action.HANDLE_CASES) as (desk, actor, schools):
        seen = desk.case(case_id, actor, schools).version if version is None else version
        case = desk.act(case_id, step, "refuse" if decision == "refuse" else "agree", actor, seen, note)
    _show_case(case)


@registry.command("case")
@click.argument("case_id")
@click.pass_obj
def show_case(person: Person, case_id: str) -> None:
    """Show a case with its steps."""
    with _desk(person, Action.READ_CASES) as (desk, actor, schools):
        _show_case(desk.case(case_id, actor, schools))


@registry.command("work")
@click.option("--mine", is_flag=True, help="Only what is given to the account.")
@click.pass_obj
def work(person: Person, mine: bool) -> None:
    """List what waits for the unit, most urgent first."""
    with _desk(person, Action.READ_CASES) as (desk, actor, _schools):
        found = desk.work(actor, mine=mine, limit=200)
    click.echo(f"待办 {found.total} waiting, 超期 {found.overdue} overdue")
    for one in found.items:
        due = "—" if one.due is None else f"{one.due}{' 暂定' if one.provisional else ''}"
        click.echo(f"{one.state}\t{due}\t{one.source}\t{one.id}\t{one.kind}\t{one.step}\t{one.rule}")


@registry.command("history")
@click.argument("student")
@click.option("--reason", required=True, help="Recorded; without any personal number.")
@click.pass_obj
def history(person: Person, student: str, reason: str) -> None:
    """Show the life of a record: schools, changes of state, archive entries."""
    with _desk(person, Action.READ_CASES) as (desk, actor, schools):
        found = desk.history(student, actor, reason, schools)
    click.echo(f"{found.state}\tversion {found.version}")
    for held in found.memberships:
        click.echo(f"{held.since}\t{held.school_code}\t{held.school_name}\t→ {held.until or '今 now'}")
    for one in found.transitions:
        people = " ".join(part for part in (one.actor, one.head, one.registrar) if part)
        click.echo(f"{one.on}\t{one.before or '—'} → {one.after}\t{one.ground}\t{one.unit}\t{people}")
    for entry in found.entries:
        click.echo(f"{entry.on}\t{entry.kind}\t{entry.case_id or ''}")


@registry.command("evidence")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--kind", required=True, help="As in config/evidence_kinds.toml.")
@click.option("--issuer", default="other", show_default=True)
@click.option("--level", default="", help="township, county, city, province or state.")
@click.option("--issued-on", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--student", help="Id of the pupil's record.")
@click.pass_obj
def evidence(
    person: Person, file: Path, kind: str, issuer: str, level: str, issued_on: datetime | None, student: str | None
) -> None:
    """Hand in FILE (PDF, JPEG, PNG); print its id and hash."""
    new = bootstrap.evidence_of(
        file,
        kind=kind,
        issuer_kind=issuer,
        issuer_level=level,
        issued_on=None if issued_on is None else issued_on.date(),
        student_id=student,
    )
    with _desk(person, Action.HANDLE_CASES) as (desk, actor, _schools):
        item = desk.hand_in(new, actor)
    click.echo(f"{item.id}\tsha256 {item.sha256}")


def _draft(file: Path, key: str | None = None) -> Draft:
    """Return the draft of a file. Raises ``ParameterError``, which names what is wrong and repeats no value."""
    try:
        sent = DraftIn.model_validate_json(file.read_bytes(), strict=True)
    except ValidationError as error:
        places = [".".join(str(part) for part in one["loc"]) or "file" for one in error.errors(include_input=False)]
        raise ParameterError(
            f"The draft does not fit: change {', '.join(places)}.",
            detail_zh=f"申请文件有误，请修改：{'、'.join(places)}。",
            missing=tuple(places),
        ) from None
    fields: dict[str, Any] = dict(sent)
    return bootstrap.case_draft(**fields, key=key)


def _show_results(results: tuple[RuleResult, ...]) -> None:
    for one in results:
        told = one.document()
        click.echo(f"{_MARKS[one.status]} {one.rule}\t{one.title_zh}")
        if one.stops:
            ask = f"（{told['ask_zh']}）" if told["ask_zh"] else ""
            click.echo(f"\t{one.needed_zh}{ask}\n\t{one.needed}")


def _show_case(case: Case) -> None:
    click.echo(f"{case.id}\t{case.procedure.zh} {case.procedure.en}\t{case.status}\tversion {case.version}")
    for step in case.steps:
        state = step.decision or ("waiting" if step.reached else "ahead")
        due = "" if step.due is None else f"due {step.due}{' 暂定' if step.provisional else ''}"
        late = "逾期 late" if step.late else ""
        click.echo(f"{step.name}\t{step.party_zh}{step.word}\t{step.unit}\t{state}\t{due}\t{late}")
