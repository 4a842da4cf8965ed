"""Running the program: faces, worker, demo."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from pathlib import Path

import click

from gateway import bootstrap, demo, settings
from gateway.app import create_app
from gateway.cli.shared import progress_bar
from gateway.errors import ConfigurationError, UnavailableError
from gateway.keyring import Face

FACES = click.Choice([face.value for face in Face if face is not Face.WORKER])


@click.command()
@click.option("--face", type=FACES, default="all", show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=8080, show_default=True)
@click.option("--threads", type=int, default=8, show_default=True)
@click.pass_obj
def serve(home: Path | None, face: str, host: str, port: int, threads: int) -> None:
    """Serve one face, or all of them in one process (SQLite, one host)."""
    process = bootstrap.open_process(settings.from_environment(home=home), Face(face))
    try:
        process.require_log()
        if process.services.texts is not None:
            # Loaded before the first text comes. While the word model is off, this is logged and texts are withheld.
            with contextlib.suppress(UnavailableError):
                process.services.texts.ready()
        if process.worker is not None:
            process.worker.start()
        demo.serve(create_app(process.services), host=host, port=port, threads=threads)
    finally:
        process.close()


@click.command()
@click.pass_obj
def worker(home: Path | None) -> None:
    """Run the worker beside the faces: extracts, audit entries, credential status."""
    process = bootstrap.open_process(settings.from_environment(home=home), Face.WORKER)
    try:
        if process.worker is None:
            raise ConfigurationError("There is nothing to work on.", detail_zh="没有可运行的任务。")
        process.require_log()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        process.worker.start()
        click.echo("工作进程已启动 · worker running")
        stop.wait()
    finally:
        process.close()


@click.command("demo")
@click.option("--once", is_flag=True, help="Stop after the steps instead of serving the console.")
@click.option("--count", type=click.IntRange(1000, 1_000_000), default=10_000, show_default=True, help="Pupils.")
@click.option("--port", type=int, default=8080, show_default=True)
@click.option("--directory", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
def run_demo(once: bool, count: int, port: int, directory: Path) -> None:
    """Run the main job on generated data, step by step; the status is 0 only if every step was as promised."""
    sys.exit(demo.run(directory, once=once, count=count, port=port, bar=progress_bar))
