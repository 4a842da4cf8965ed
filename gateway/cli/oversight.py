"""Whole-school and nightly acts from the shell of the host; the commands join the group ``xueji registry``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway import bootstrap, settings
from gateway.cli.shared import progress_bar
from gateway.errors import ParameterError
from gateway.keyring import Face
from gateway.policies.decision import Action

if TYPE_CHECKING:
    from gateway.bootstrap import Actor, RegistryOversight
    from gateway.cli.cases import Person


@contextmanager
def _door(person: Person, action: Action) -> Iterator[tuple[RegistryOversight, Actor, frozenset[str]]]:
    """Yield the oversight, who acts and the schools that are reached; the audit entries are written before the end."""
    if person.account is None or person.unit is None:
        raise click.UsageError("Say who acts: xueji registry --as ACCOUNT --unit UNIT …")
    process = bootstrap.open_process(settings.from_environment(home=person.home), Face.ALL)
    try:
        actor, schools = bootstrap.acting(process, person.account, person.unit, action)
        yield bootstrap.oversight_of(process), actor, schools
        if process.worker is not None:
            process.worker.round()
    finally:
        process.close()


@click.command("clocks")
@click.pass_obj
def clocks(person: Person) -> None:
    """Make the nightly pass now: mark what is overdue, follow up who did not come. Twice a day changes nothing."""
    process = bootstrap.open_process(settings.from_environment(home=person.home), Face.ALL, with_worker=False)
    try:
        with progress_bar("巡检 clocks", 0) as bar:

            def told(stage: str, done: int, total: int) -> None:
                bar.set_description(f"巡检 {stage}", refresh=False)
                bar.total, bar.n = total, done
                bar.refresh()

            night = bootstrap.oversight_of(process).run_clocks(told)
    finally:
        process.close()
    click.echo(f"{night.day}\t重算 recomputed {night.recomputed}")
    click.echo(f"超期 overdue\tclocks {night.overdue}\tsteps {night.steps}\tunits {night.units}")
    click.echo(f"控辍保学 drop-out matters\tno-show {night.no_shows}\tlapsed {night.lapsed}")
    click.echo(f"高中待报事项 proposals\t{night.proposals}")


@click.command("verify-term")
@click.argument("school")
@click.option(
    "--deviations",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV: student_id,result; all others are consistent.",
)
@click.pass_obj
def verify_term(person: Person, school: str, deviations: Path | None) -> None:
    """Verify the register of SCHOOL for the present term (A49-1) and sign it."""
    found = bootstrap.deviations_of(deviations)
    with _door(person, Action.HANDLE_CASES) as (oversight, actor, _schools):
        made, matters = oversight.verify_term(school, found, actor)
    counts = "计入本学期 counts" if made.counts else "不计入本学期（未满开学1个月）does not count"
    click.echo(f"{made.id}\t{made.school_year}-{made.semester}\t{counts}")
    click.echo("\t".join(f"{name} {number}" for name, number in sorted(made.totals.items())))
    click.echo(f"立案 matters opened {matters}")


@click.command("approve-newcomers")
@click.argument("school")
@click.pass_obj
def approve_newcomers(person: Person, school: str) -> None:
    """Approve the newcomers that a form of SCHOOL brought, as its registry superior (A10-1)."""
    with _door(person, Action.HANDLE_CASES) as (oversight, actor, _schools):
        act = oversight.approve_registrations(school, actor)
    click.echo(f"{act.id}\t{act.on}\t{act.pupils} 名学生 pupils")


@click.command("promote")
@click.argument("school")
@click.option("--year", "school_year", type=int, required=True, help="Year in which the new school year begins.")
@click.pass_obj
def promote(person: Person, school: str, school_year: int) -> None:
    """Move every grade of SCHOOL but the last of each stage up by one; once a year."""
    with _door(person, Action.HANDLE_CASES) as (oversight, actor, _schools):
        act = oversight.promote(school, school_year, actor)
    click.echo(f"{act.id}\t{act.on}\t{act.pupils} 名学生 pupils")


@click.command("place-classes")
@click.argument("school")
@click.argument("grade")
@click.argument("classes", type=click.IntRange(1, 99))
@click.pass_obj
def place_classes(person: Person, school: str, grade: str, classes: int) -> None:
    """Spread the newcomers of GRADE evenly over CLASSES classes (A11-1, A13-1)."""
    with _door(person, Action.HANDLE_CASES) as (oversight, actor, _schools):
        act = oversight.place_classes(school, grade, classes, actor)
    click.echo(f"{act.id}\t{act.pupils} 名学生 pupils\tsizes {act.data['sizes']}")


@click.command("merge")
@click.argument("school")
@click.argument("into")
@click.pass_obj
def merge(person: Person, school: str, into: str) -> None:
    """Move every record of SCHOOL to the school INTO, in one act, and close SCHOOL (A8-1)."""
    with _door(person, Action.HANDLE_CASES) as (oversight, actor, _schools):
        act = oversight.merge(school, into, actor)
    click.echo(f"{act.id}\t{act.pupils} 份学籍 records → {act.to_unit}")


@click.command("close")
@click.argument("school")
@click.argument("to_unit")
@click.pass_obj
def close(person: Person, school: str, to_unit: str) -> None:
    """Close SCHOOL, which has no pupils any more; its archives go to the department or school TO_UNIT (A8-2)."""
    with _door(person, Action.HANDLE_CASES) as (oversight, actor, _schools):
        act = oversight.close(school, to_unit, actor)
    click.echo(f"{act.id}\t{act.pupils} 份学籍 records → {act.to_unit}")


@click.command("matters")
@click.option("--state", type=click.Choice(["open", "closed"]), default="open", show_default=True)
@click.option("--kind")
@click.pass_obj
def matters(person: Person, state: str, kind: str | None) -> None:
    """List what is followed up: 控辍保学, 人籍分离, 空挂, findings with their orders."""
    after, seen = "", 0
    with _door(person, Action.READ_CASES) as (oversight, actor, schools):
        while lines := oversight.matters.matters(actor, schools, state=state, kind=kind, after=after, limit=200):
            for one in lines:
                late = one.due or "—"
                click.echo(f"{one.id}\t{one.kind}\t{one.code}\t{one.rule}\t{one.owner}\t{late}\t{one.student_id or ''}")
            after, seen = lines[-1].id, seen + len(lines)
    click.echo(f"{seen} 项 matters")


@click.group("exchange")
def exchange() -> None:
    """Exchange files with the national system (A5-2)."""


@exchange.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--school", "only", multiple=True, help="学校标识码; all that the unit reaches without.")
@click.option("--reason", required=True, help="Recorded; without any personal number.")
@click.pass_obj
def export(person: Person, file: Path, only: tuple[str, ...], reason: str) -> None:
    """Write the register in clear to FILE (.xlsx or .csv) in the national layout; recorded before."""
    if file.suffix.lower() not in {".xlsx", ".csv"}:
        raise ParameterError("The file ends in .xlsx or .csv.", detail_zh="文件应为 .xlsx 或 .csv。")
    with _door(person, Action.HANDLE_CASES) as (oversight, actor, schools):
        rows = oversight.export_national(file, schools & set(only) if only else schools, actor, reason)
    click.echo(f"{rows} 行 rows → {file}")


@exchange.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--apply", is_flag=True, help="Take national values over where they differ.")
@click.pass_obj
def import_national(person: Person, file: Path, apply: bool) -> None:
    """Compare a national FILE with the register; with --apply the national value wins."""
    with _door(person, Action.HANDLE_CASES) as (oversight, actor, schools):
        done = oversight.import_national(file, schools, actor, apply=apply)
    click.echo(f"一致 in step {done.in_step}\t不一致 differs {done.differs}\t退回 rejected {done.rejected}")
    click.echo(f"仅本库 only here {done.only_here}\t仅全国 only there {done.only_there}")
    for field, count in done.fields.items():
        click.echo(f"\t{field}\t{count}")
    click.echo(f"采用 applied {done.applied}\t赋号 numbers {done.numbers}")


@exchange.command("numbers")
@click.pass_obj
def numbers(person: Person) -> None:
    """Assign final student numbers by the rule, where the place does it itself (number_authority = local)."""
    with _door(person, Action.HANDLE_CASES) as (oversight, actor, schools):
        click.echo(f"赋号 numbers {oversight.assign_numbers(schools, actor)}")


def add_to(group: click.Group) -> None:
    """Add the commands of the oversight to the group ``registry``."""
    for command in (clocks, approve_newcomers, verify_term, promote, place_classes, merge, close, matters, exchange):
        group.add_command(command)
