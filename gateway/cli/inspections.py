"""Inspection cases (Art. 51) from the shell of the host: list, show, open, order, answer, close, take the package.

The same policies decide as for the pages and the API; ``xueji registry case`` is of the registry, and another thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway import bootstrap, settings
from gateway.api.models.inspections import InspectionIn, InspectionQueryIn
from gateway.cli.shared import asked_for
from gateway.inspections.records import Case, CaseFinding, CaseId, CaseState, Subject
from gateway.instants import seconds_text
from gateway.keyring import Face

if TYPE_CHECKING:
    from gateway.inspections.ports import Orders
    from gateway.inspections.service import InspectionService
    from gateway.principals import Principal

_STATES = ("unclosed", *(state.value for state in CaseState))
_SOURCES = ("alert", "entry", "application", "grant", "extract")
_DAYS = click.option(
    "--days", type=click.IntRange(1, 60), required=True, help="工作日 working days, not counting today."
)
_TEXT = click.option("--text", required=True, help="What is said; no pupil's data in it.")
_VERSION = click.option("--version", type=int, help="The version that you saw; the present one without.")
_CASE = click.argument("case")


@dataclass(frozen=True, slots=True)
class Inspector:
    """Who acts, and where."""

    home: Path | None
    account: str | None


@dataclass(frozen=True, slots=True)
class Room:
    """The opened room, and who is in it."""

    cases: InspectionService
    orders: Orders
    who: Principal
    today: date


@click.group("inspections")
@click.option("--as", "account", help="Account of the inspector; to answer, of an officer of the body concerned.")
@click.pass_context
def inspections(context: click.Context, account: str | None) -> None:
    """Conduct inspection cases (检查案件), and answer orders to correct (责令改正)."""
    context.obj = Inspector(context.obj, account)


@contextmanager
def _room(inspector: Inspector) -> Iterator[Room]:
    if inspector.account is None:
        raise click.UsageError("Say who acts: xueji inspections --as ACCOUNT …")
    process = bootstrap.open_process(settings.from_environment(home=inspector.home), Face.ALL, with_worker=False)
    try:
        cases, orders = bootstrap.inspections_of(process)
        yield Room(cases, orders, bootstrap.officer(process, inspector.account), cases.today())
    finally:
        process.close()


@inspections.command("list")
@click.option("--state", type=click.Choice(_STATES), default="unclosed", show_default=True)
@click.option("--overdue", is_flag=True, help="Only those whose order is not answered in time.")
@click.option("--unit", help="Only those about this school or department.")
@click.option("--recipient", help="Only those about this recipient.")
@click.pass_obj
def list_cases(inspector: Inspector, state: str, overdue: bool, unit: str | None, recipient: str | None) -> None:
    """List cases, newest first."""
    with _room(inspector) as room:
        after, seen = None, 0
        while True:
            asked = asked_for(
                InspectionQueryIn,
                {"state": state, "overdue": "true" if overdue else "false", "unit": unit, "recipient": recipient,
                 "after": after, "limit": 200},
            )  # fmt: skip
            found = room.cases.listed(room.who, asked.to_query(room.today))
            for one in found.cases:
                click.echo(_line(one, room.today))
            seen += len(found.cases)
            after = found.after
            if after is None:
                break
        click.echo(f"{seen} 件案件 cases")


@inspections.command("show")
@_CASE
@click.pass_obj
def show(inspector: Inspector, case: str) -> None:
    """Show CASE with its evidence, history and holds."""
    with _room(inspector) as room:
        file = room.cases.get(room.who, CaseId(case))
        click.echo(_line(file.case, room.today))
        click.echo(f"来源 source\t{file.case.source}")
        if file.case.order:
            click.echo(f"责令改正 order\t{','.join(file.case.codes)}\t{' '.join(file.case.order.split())}")
        for event in file.events:
            words = " ".join(event.text.split())
            click.echo(f"{seconds_text(event.at)}\t{event.act}\t{event.account or '系统 system'}\t{words}")
        for one in file.evidence:
            click.echo(f"#{one.index}\t证据 evidence\t{one.added_by}\t{' '.join(one.note.split())}")
        for hold in file.holds:
            stands = "有效 stands" if hold.stands(room.today) else "已结束 ended"
            click.echo(f"{hold.id}\t延后显示 hold\t{hold.until.isoformat()}\t{stands}")


@inspections.command("open")
@click.option("--unit", help="The school or department that is inspected.")
@click.option("--recipient", help="The recipient that is inspected.")
@click.option("--source", type=(click.Choice(_SOURCES), str), required=True, help="Where it comes from: alert al-… .")
@click.option("--title", required=True)
@click.option("--note", default="", help="What the first evidence shows.")
@click.pass_obj
def open_case(
    inspector: Inspector, unit: str | None, recipient: str | None, source: tuple[str, str], title: str, note: str
) -> None:
    """Open a case on a body; the entries to which the source leads are the first evidence."""
    if (unit is None) == (recipient is None):
        raise click.UsageError("Give one of --unit and --recipient.")
    kind, named = source
    body = {
        "subject": {"kind": "unit" if recipient is None else "recipient", "code": unit or recipient},
        "source": {kind: int(named) if kind == "entry" and named.isdigit() else named},
        "title": title,
        "note": note,
    }
    asked = asked_for(InspectionIn, body)
    subject = Subject(asked.subject.kind, asked.subject.code)
    with _room(inspector) as room:
        made = room.cases.open(room.who, subject, asked.source.to_source(), asked.title, asked.note)
        click.echo(_line(made, room.today))


@inspections.command("evidence")
@_CASE
@click.argument("entry", type=click.IntRange(0))
@click.option("--note", default="")
@_VERSION
@click.pass_obj
def add_evidence(inspector: Inspector, case: str, entry: int, note: str, version: int | None) -> None:
    """Add ENTRY of the log to CASE, with its proof."""
    with _room(inspector) as room:
        made = room.cases.add_evidence(room.who, CaseId(case), entry, note, version=version)
        click.echo(_line(made, room.today))


@inspections.command("order")
@_CASE
@click.option("--code", "codes", multiple=True, required=True, help="Situation of Art. 51, as 51-7; several times.")
@_TEXT
@_DAYS
@_VERSION
@click.pass_obj
def order(inspector: Inspector, case: str, codes: tuple[str, ...], text: str, days: int, version: int | None) -> None:
    """Order the body of CASE to correct what was found."""
    with _room(inspector) as room:
        click.echo(_line(room.cases.order(room.who, CaseId(case), codes, text, days, version=version), room.today))


@inspections.command("orders")
@click.pass_obj
def list_orders(inspector: Inspector) -> None:
    """List the orders to the own body."""
    with _room(inspector) as room:
        for one in room.orders.orders(room.who):
            click.echo(f"{_line(one.case, room.today)}\t{' '.join(one.case.order.split())}")


@inspections.command("answer")
@_CASE
@_TEXT
@_VERSION
@click.pass_obj
def answer(inspector: Inspector, case: str, text: str, version: int | None) -> None:
    """Answer the order of CASE for the own body: what was corrected, and how."""
    with _room(inspector) as room:
        view = room.orders.answer(room.who, CaseId(case), text, version=version)
        click.echo(_line(view.case, room.today))


@inspections.command("close")
@_CASE
@click.option("--finding", type=click.Choice([one.value for one in CaseFinding]), required=True)
@_TEXT
@_VERSION
@click.pass_obj
def close(inspector: Inspector, case: str, finding: str, text: str, version: int | None) -> None:
    """End CASE with what was found."""
    with _room(inspector) as room:
        made = room.cases.close(room.who, CaseId(case), CaseFinding(finding), text, version=version)
        click.echo(_line(made, room.today))


@inspections.command("package")
@_CASE
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def package(inspector: Inspector, case: str, file: Path) -> None:
    """Write the inspection package of CASE into FILE: evidence with proofs, and the file for people."""
    with _room(inspector) as room:
        file.write_bytes(room.cases.export(room.who, CaseId(case)))
    click.echo(f"检查资料包 package: {file.name}")


def _line(case: Case, today: date) -> str:
    due = "" if case.due is None else f"\t{case.due.isoformat()}"
    late = "\t逾期 OVERDUE" if case.late(today) else ""
    finding = "" if case.finding is None else f"\t{case.finding.value}"
    return f"{case.id}\t{case.state.value}\tv{case.version}\t{case.subject.code}\t{case.title}{due}{late}{finding}"
