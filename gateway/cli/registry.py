"""Generated pupils, schools and the import of forms."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway import bootstrap, samples, settings
from gateway.cli.shared import progress_bar, today
from gateway.errors import ConfigurationError
from gateway.keyring import Face


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--count", type=click.IntRange(100, 5_000_000), default=10_000, show_default=True, help="Pupils.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--format", "kind", type=click.Choice(["xlsx", "csv", "parquet"]), default="xlsx", show_default=True)
@click.option(
    "--texts", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of pupils with awards, remarks."
)
@click.pass_obj
def sample(home: Path | None, directory: Path, count: int, seed: int, kind: str, texts: float) -> None:
    """Write invented but realistic pupils of Shanxi: schools.csv and forms. No row is a real person."""
    book = bootstrap.load_rulebook(settings.from_environment(home=home))
    with progress_bar("生成 sample", count) as bar:
        written = samples.write(
            directory, count=count, seed=seed, kind=kind, book=book, today=today(), tick=bar.update, texts=texts
        )
    click.echo(f"{written.pupils} pupils, {written.schools} schools → {directory}")


@click.command("import-schools")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def import_schools(home: Path | None, file: Path) -> None:
    """Load schools (学校标识码, name, division, managing authority, stages) from a CSV file."""
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL, with_worker=False)
    try:
        if process.services.office is None:
            raise ConfigurationError("This face has no registry.")
        click.echo(f"{process.services.office.import_schools(samples.read_schools(file))} schools")
    finally:
        process.close()


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--mapping", default="template", show_default=True, help="A layout of config/import_mappings.")
@click.option("--school", help="学校标识码 of all rows, for a file without that column.")
@click.option("--errors", type=click.Path(path_type=Path), help="Where the workbook with bad rows goes.")
@click.option("--preview", is_flag=True, help="Say what would happen; write nothing.")
@click.option("--accept-shrink", is_flag=True, help="Answer the shrink guard with yes.")
@click.option("--former", is_flag=True, help="Former pupils (历史学籍补录): new records enter as graduated.")
@click.pass_obj
def import_forms(
    home: Path | None,
    file: Path,
    mapping: str,
    school: str | None,
    errors: Path | None,
    preview: bool,
    accept_shrink: bool,
    former: bool,
) -> None:
    """Import Annex 1 forms (.xlsx, .xls, .csv): good rows land, bad rows come back with their reasons."""
    errors = errors or samples.errors_beside(file)
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL)
    try:
        summary = samples.import_file(
            process,
            file,
            mapping=mapping,
            school=school,
            errors=errors,
            preview=preview,
            accept_shrink=accept_shrink,
            former=former,
            bar=progress_bar,
        )
        if process.worker is not None:
            process.worker.round()
    finally:
        process.close()
    for line in samples.summary_lines(summary, None if preview else errors):
        click.echo(line)
    if summary.rejected:
        sys.exit(2)
