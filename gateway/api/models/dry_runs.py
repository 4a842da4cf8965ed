"""Dry runs as JSON: rounded figures, ten rows while the decision is pending, what the recipient holds."""

from __future__ import annotations

from datetime import datetime

from gateway.api.models.applications import ScopeModel
from gateway.api.models.base import Model
from gateway.policies.records import Level
from gateway.releases.dry_run import DryRun
from gateway.releases.dry_run_figures import Amount, Column, Figures, Reached, Risks, figures_of
from gateway.releases.dry_run_holdings import Holding, Holdings
from gateway.releases.dry_run_sample import Sample


class DryRunIn(Model):
    """What to try out: all that an approval would grant, or less."""

    narrowed: ScopeModel | None = None
    """A smaller scope, as a decision 'narrow' would grant it."""


class AmountOut(Model):
    """A rounded number of rows."""

    about: int
    fewer: bool
    """It is smaller than ``about``, and not none: amounts of few people are not told."""

    @staticmethod
    def of(record: Amount) -> AmountOut:
        """Return the model of a record."""
        return AmountOut(about=record.about, fewer=record.fewer)


class RisksOut(Model):
    """Re-identification risk of a row, between 0 and 1."""

    prosecutor_highest: float
    prosecutor_average: float
    journalist_highest: float
    journalist_average: float
    marketer: float
    above_threshold: float
    unique: float
    """Share of rows that stand alone with what an attacker can know of them."""
    population_unique: float
    """Share of rows that are alone in the whole register, too."""

    @staticmethod
    def of(record: Risks) -> RisksOut:
        """Return the model of a record."""
        return RisksOut(
            prosecutor_highest=record.prosecutor_highest,
            prosecutor_average=record.prosecutor_average,
            journalist_highest=record.journalist_highest,
            journalist_average=record.journalist_average,
            marketer=record.marketer,
            above_threshold=record.above_threshold,
            unique=record.unique,
            population_unique=record.population_unique,
        )


class ReachedOut(Model):
    """What the smallest class holds of one sensitive column."""

    column: str
    distinct_l: int
    t: float

    @staticmethod
    def of(record: Reached) -> ReachedOut:
        """Return the model of a record."""
        return ReachedOut(column=record.column, distinct_l=record.distinct_l, t=record.t)


class DryColumnOut(Model):
    """How one column would leave."""

    name: str
    label: str
    role: str
    technique: str
    level: int | None
    level_name: str | None
    loss: float | None

    @staticmethod
    def of(record: Column) -> DryColumnOut:
        """Return the model of a record."""
        return DryColumnOut(
            name=record.name,
            label=record.label,
            role=record.role,
            technique=record.technique,
            level=record.level,
            level_name=record.level_name,
            loss=record.loss,
        )


class FiguresOut(Model):
    """What was measured. At a level without rows only ``rows_in``: whom the grant would reach."""

    rows_in: AmountOut
    rows_out: AmountOut | None
    rows_suppressed: AmountOut | None
    suppressed_share: float | None
    k_demanded: int | None
    k: int | None
    sensitive: list[ReachedOut]
    before: RisksOut | None
    after: RisksOut | None
    loss: float | None
    optimal: bool | None
    grade: int | None
    histogram: dict[str, int]
    """Band of class sizes -> number of classes that would leave."""
    columns: list[DryColumnOut]
    retention_days: int | None
    risk_threshold: float | None
    environment: str | None
    """``public`` or ``controlled``: whose threshold it is."""
    risk_columns: list[str]
    """What an attacker is taken to know of a person."""
    recoding: str | None
    joint_k: int | None
    """k over all earlier releases to the recipient and those it may collude with."""
    withheld: AmountOut | None
    """Rows that would be withheld because of earlier releases."""

    @staticmethod
    def of(record: Figures) -> FiguresOut:
        """Return the model of a record."""
        return FiguresOut(
            rows_in=AmountOut.of(record.rows_in),
            rows_out=None if record.rows_out is None else AmountOut.of(record.rows_out),
            rows_suppressed=None if record.rows_suppressed is None else AmountOut.of(record.rows_suppressed),
            suppressed_share=record.suppressed_share,
            k_demanded=record.k_demanded,
            k=record.k,
            sensitive=[ReachedOut.of(one) for one in record.sensitive],
            before=None if record.before is None else RisksOut.of(record.before),
            after=None if record.after is None else RisksOut.of(record.after),
            loss=record.loss,
            optimal=record.optimal,
            grade=record.grade,
            histogram=dict(record.histogram),
            columns=[DryColumnOut.of(one) for one in record.columns],
            retention_days=record.retention_days,
            risk_threshold=record.risk_threshold,
            environment=record.environment,
            risk_columns=list(record.risk_columns),
            recoding=record.recoding,
            joint_k=record.joint_k,
            withheld=None if record.withheld is None else AmountOut.of(record.withheld),
        )


class HoldingOut(Model):
    """What the recipient was given under one grant."""

    grant: str
    application: str
    purpose: str
    profile: str
    level: str
    fields: list[str]
    territory: str
    deliveries: int
    rows_about: int
    first: str
    last: str
    valid_to: str
    undeleted: int
    overlaps: bool
    joined_by: list[str]
    added: list[str]

    @staticmethod
    def of(record: Holding) -> HoldingOut:
        """Return the model of a record."""
        return HoldingOut(
            grant=record.grant,
            application=record.application,
            purpose=record.purpose,
            profile=record.profile,
            level=record.level,
            fields=list(record.fields),
            territory=record.territory,
            deliveries=record.deliveries,
            rows_about=record.rows_about,
            first=record.first,
            last=record.last,
            valid_to=record.valid_to,
            undeleted=record.undeleted,
            overlaps=record.overlaps,
            joined_by=list(record.joined_by),
            added=list(record.added),
        )


class HoldingsOut(Model):
    """What the recipient holds already, and what follows from it."""

    items: list[HoldingOut]
    together: list[str]
    warnings: list[str]
    """``overlap``, ``combination``, ``relink``, ``not_deleted``."""

    @staticmethod
    def of(record: Holdings) -> HoldingsOut:
        """Return the model of a record."""
        return HoldingsOut(
            items=[HoldingOut.of(one) for one in record.items],
            together=list(record.together),
            warnings=list(record.warnings),
        )


class SampleOut(Model):
    """Up to ten rows as they would leave; hidden columns are null, because they would single pupils out."""

    columns: list[str]
    hidden: list[str]
    rows: list[list[str | None]]
    least: int
    """So many pupils at least share what a row shows, masks and pseudonyms aside."""

    @staticmethod
    def of(record: Sample) -> SampleOut:
        """Return the model of a record."""
        return SampleOut(
            columns=[name for name, _label in record.columns],
            hidden=list(record.hidden),
            rows=[list(row) for row in record.rows],
            least=record.least,
        )


class DryRunOut(Model):
    """A dry run: how far it is, and what it came to."""

    id: str
    application: str
    state: str
    """``queued``, ``running``, ``done``; ``failed`` says that the release would have been stopped too."""
    percent: int
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    level: Level
    scope: ScopeModel
    """What an approval would grant: application, purpose, profile and ground, as far as there is one."""
    scope_sha256: str
    plan_sha256: str
    rulebook_sha256: str
    snapshot: str
    ground: str | None
    current: bool
    """Whether an approval would still grant this, under the same rules."""
    failure: str
    rule: str
    grant: str | None
    figures: FiguresOut | None
    holdings: HoldingsOut | None
    sample: SampleOut | None

    @staticmethod
    def of(record: DryRun, *, current: bool, sample: Sample | None) -> DryRunOut:
        """Return the model of a record."""
        figures = figures_of(record)
        return DryRunOut(
            id=record.id,
            application=record.application,
            state=record.state,
            percent=record.percent,
            requested_by=record.requested_by,
            requested_at=record.requested_at,
            finished_at=record.finished_at,
            level=record.scope.level,
            scope=ScopeModel.of(record.scope),
            scope_sha256=record.scope_sha256,
            plan_sha256=record.plan_sha256,
            rulebook_sha256=record.rulebook_sha256,
            snapshot=record.snapshot,
            ground=record.ground,
            current=current,
            failure=record.failure,
            rule=record.rule,
            grant=record.grant,
            figures=None if figures is None else FiguresOut.of(figures),
            holdings=HoldingsOut.of(Holdings.from_json(record.holdings)) if record.holdings else None,
            sample=None if sample is None else SampleOut.of(sample),
        )
