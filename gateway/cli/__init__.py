"""The ``xueji`` command. Each command parses, calls one service and prints."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from core_registry.errors import RegistryError
from gateway.cli import (
    accounts,
    alerts,
    anonymize,
    auditing,
    canaries,
    cases,
    host,
    inspecting,
    inspections,
    matching,
    oversight,
    papers,
    policies,
    presence,
    recipients,
    redacting,
    redactions,
    registered,
    registry,
    retention,
    serving,
    statistics,
    tracing,
)
from gateway.errors import GatewayError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home", type=click.Path(path_type=Path), envvar="XUEJI_HOME", help="Where databases, keys and files lie."
)
@click.pass_context
def cli(context: click.Context, home: Path | None) -> None:
    """学籍数据共享网关 · privacy gateway in front of a student registry."""
    context.obj = home


def main() -> None:
    """Run the command; errors of ours end with status 1 and say in Chinese and English what to change."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        cli(prog_name="xueji", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (GatewayError, RegistryError) as error:
        if error.detail_zh:
            click.echo(error.detail_zh, err=True)
        click.echo(error.detail, err=True)
        if error.rule:
            click.echo(f"({error.rule})", err=True)
        sys.exit(1)


accounts.accounts.add_command(registered.recipient)
oversight.add_to(cases.registry)
papers.add_to(cases.registry)
redactions.add_to(cases.registry)
for _command in (
    host.init,
    registry.sample,
    registry.import_schools,
    registry.import_forms,
    cases.registry,
    serving.serve,
    serving.worker,
    serving.run_demo,
    recipients.extract,
    anonymize.anonymize,
    redacting.redact,
    matching.check,
    matching.match,
    statistics.statistics,
    recipients.verify_credential,
    inspecting.verify_log,
    presence.verify_presence,
    inspecting.witness,
    auditing.audit,
    tracing.trace,
    accounts.accounts,
    alerts.alerts,
    retention.retention,
    inspections.inspections,
    canaries.canaries,
    host.keys,
    policies.policy,
    host.roles,
    host.migrate,
    host.openapi,
):
    cli.add_command(_command)
