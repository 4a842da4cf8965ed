"""The dry run on the pages of an application and of a grant: start it, watch it, its figures, its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from gateway.console import choices
from gateway.console.entrances import may
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError
from gateway.ids import ApplicationId
from gateway.policies.decision import Action
from gateway.policies.records import Application, Grant
from gateway.policies.resources import application_resource
from gateway.releases.dry_run import PENDING, DryRun, DryRunId
from gateway.releases.dry_run_figures import Figures, Risks, figures_of
from gateway.releases.dry_run_holdings import Holdings
from gateway.releases.dry_run_service import DryRunService
from gateway.releases.reports.drawings import Drawing, class_sizes, losses, risks

blueprint = Blueprint("dry_runs", __name__)


@dataclass(frozen=True, slots=True)
class Panel:
    """What the panel of an application shows."""

    run: DryRun | None
    figures: Figures | None
    drawings: tuple[Drawing, ...]
    holdings: Holdings | None
    current: bool
    may_start: bool
    shows_sample: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """The dry run that an approver had seen, and whether the registry changed since."""

    run: DryRun
    snapshot: str
    """The registry's present version."""

    @property
    def moved(self) -> bool:
        """Whether the registry is not what was measured."""
        return self.run.snapshot != self.snapshot


@blueprint.post("/applications/<application_id>/dry-run")
def start(application_id: str) -> ResponseReturnValue:
    """Queue a dry run of what an approval would grant."""
    which = ApplicationId(application_id)
    try:
        _dry_runs().start(principal(), which)
    except NotFoundError:
        raise
    except GatewayError as error:
        return page("problem.html", problem=problem_for(error))
    notify("dry_run_started")
    return redirect(url_for("console.applications.show", application_id=which, _anchor="dry-run"))


@blueprint.get("/applications/<application_id>/dry-run/progress")
def progress(application_id: str) -> ResponseReturnValue:
    """Return how far the newest dry run is: the state, and the fragment of the page that shows it."""
    run = _dry_runs().latest(principal(), ApplicationId(application_id))
    fragment = render_template("dry_run_progress.html", run=run)
    return jsonify(state=run.state, running=not run.over, fragment=fragment)


@blueprint.get("/applications/<application_id>/dry-run/<dry_run_id>/rows")
def sample(application_id: str, dry_run_id: str) -> ResponseReturnValue:
    """Show ten rows as they would leave; that somebody looked is recorded."""
    run = _dry_runs().get(principal(), DryRunId(dry_run_id))
    if run.application != application_id:
        raise NotFoundError("There is no such dry run.", detail_zh="没有该试算。")
    return page(
        "dry_run_rows.html",
        run=run,
        sample=_dry_runs().sample(principal(), run),
        labels=choices.fields_of(services().book, run.scope.profile),
    )


@blueprint.app_context_processor
def _for_templates() -> dict[str, Callable[..., object]]:
    """Give the pages of applications and grants their panels; they ask only when they show one."""
    return {"dry_run_panel": panel, "dry_run_of_grant": of_grant}


def panel(application: Application) -> Panel | None:
    """Return the panel of an application for an officer who may try it out; ``None`` for everybody else."""
    dry_runs, who = services().dry_runs, principal()
    territory = application.scope.population.territory
    if dry_runs is None or not may(services(), who, Action.DRY_RUN, application_resource(application), territory):
        return None
    try:
        run = dry_runs.latest(who, application.id)
    except NotFoundError:
        run = None
    pending = application.state in PENDING
    if run is None and not pending:
        return None
    shown = None if run is None else figures_of(run)
    return Panel(
        run=run,
        figures=shown,
        drawings=() if shown is None else drawings_of(shown),
        holdings=Holdings.from_json(run.holdings) if run is not None and run.holdings else None,
        current=run is not None and dry_runs.current(run),
        may_start=pending and (run is None or run.over),
        shows_sample=run is not None and pending and bool(run.sample),
    )


def drawings_of(shown: Figures) -> tuple[Drawing, ...]:
    """Return the pictures of rounded figures: class sizes, risks and losses, as far as they were measured."""
    found: list[Drawing] = []
    if shown.after is not None and shown.risk_threshold is not None:
        found.append(class_sizes(shown.histogram, shown.k_demanded, shown.risk_threshold))
        found.append(risks(_measures(shown.before), _measures(shown.after) or {}, shown.risk_threshold))
    lossy = [asdict(column) for column in shown.columns if column.loss is not None]
    return (*found, losses(lossy)) if lossy else tuple(found)


def _measures(shown: Risks | None) -> dict[str, Any] | None:
    """Return the risks in the form in which a report has them."""
    if shown is None:
        return None
    return {
        "prosecutor": {"highest": shown.prosecutor_highest, "average": shown.prosecutor_average},
        "journalist": {"highest": shown.journalist_highest, "average": shown.journalist_average},
        "marketer": shown.marketer,
        "unique": shown.unique,
    }


def of_grant(grant: Grant) -> Moved | None:
    """Return the dry run that the approver of ``grant`` had seen; ``None`` without one, or on another face."""
    dry_runs = services().dry_runs
    run = None if dry_runs is None else dry_runs.decided_upon(grant.id)
    if dry_runs is None or run is None:
        return None
    version = dry_runs.snapshot_now()
    return None if version is None else Moved(run, version)


def _dry_runs() -> DryRunService:
    found = services().dry_runs
    if found is None:
        raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
    return found
