"""``/v1/applications/{id}/dry-run`` and ``/v1/dry-runs``: what a grant would release, before the decision."""

from __future__ import annotations

from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models.dry_runs import DryRunIn, DryRunOut
from gateway.errors import UnavailableError
from gateway.ids import ApplicationId
from gateway.releases.dry_run import DryRun, DryRunId
from gateway.releases.dry_run_service import DryRunService

blueprint = ApiBlueprint("dry_runs", __name__, tag="Applications")


@blueprint.post("/v1/applications/<application_id>/dry-run")
@blueprint.input(DryRunIn)
@blueprint.output(DryRunOut, status_code=202)
def start_dry_run(application_id: str, json_data: DryRunIn) -> DryRunOut:
    """Try out what an approval would release: figures and ten rows, measured by the release's own pipeline.

    Asked again while it waits or runs, the same one is returned.
    """
    narrowed = None if json_data.narrowed is None else json_data.narrowed.to_record()
    return _shown(_dry_runs().start(principal(), ApplicationId(application_id), narrowed=narrowed))


@blueprint.get("/v1/applications/<application_id>/dry-run")
@blueprint.output(DryRunOut)
def get_latest_dry_run(application_id: str) -> DryRunOut:
    """Show the newest dry run of an application; looking at its rows is recorded."""
    return _shown(_dry_runs().latest(principal(), ApplicationId(application_id)))


@blueprint.get("/v1/dry-runs/<dry_run_id>")
@blueprint.output(DryRunOut)
def get_dry_run(dry_run_id: str) -> DryRunOut:
    """Show a dry run; looking at its rows is recorded."""
    return _shown(_dry_runs().get(principal(), DryRunId(dry_run_id)))


def _shown(run: DryRun) -> DryRunOut:
    dry_runs = _dry_runs()
    return DryRunOut.of(run, current=dry_runs.current(run), sample=dry_runs.sample(principal(), run))


def _dry_runs() -> DryRunService:
    found = services().dry_runs
    if found is None:
        raise UnavailableError("This face makes no dry runs.", detail_zh="本端不提供试算。")
    return found
