"""The rule book as frozen values: what an official may read and change, parsed and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal

from rulebook.alert_records import NO_ALERTS, Alerting
from rulebook.ledger_records import DEFAULT_LEDGER, LedgerRules
from rulebook.recognition_records import DEFAULT_RECOGNITION, Recognition
from rulebook.registry_records import EvidenceKind, RegistryParameters, TermDates
from rulebook.retention_records import NO_RETENTION, RetentionClass
from rulebook.risk_records import DEFAULT_RISK, RiskThresholds
from rulebook.statistics_records import DEFAULT_STATISTICS, StatisticsLimits


class RulebookError(Exception):
    """A broken file under config/: says file, line and what to change. The start stops."""

    def __init__(self, file: str, line: int | None, problem: str) -> None:
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: {problem}")
        self.file = file
        self.line = line
        self.problem = problem


class FieldClass(StrEnum):
    """How a field bears on a person (design 4)."""

    DIRECT = "direct"
    QUASI = "quasi"
    SENSITIVE = "sensitive"
    ORDINARY = "ordinary"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Field:
    """One item of Annex 1 or one registry fact.

    ``required``: ``always``, ``second_member`` (binding if a second member exists, ``Q-12``), ``disability``
    (when no. 16 is yes) or ``optional``. ``sharing`` names the columns of the sharing view that hold a form
    of it. ``number`` is the item number of Annex 1, ``None`` for a registry fact.
    """

    code: str
    number: int | None
    label: str
    label_en: str
    code_list: str | None
    required: Literal["always", "second_member", "disability", "optional"]
    cls: FieldClass
    sharing: tuple[str, ...]
    max_length: int | None
    headers: tuple[str, ...]
    """Other headers under which the field is known in workbooks."""
    mask: str | None = None
    """Kind of the mask under which it is shown, of a direct identifier and of what is never shared; else ``None``."""


@dataclass(frozen=True, slots=True)
class CodeList:
    """A national code list: code -> Chinese label, in the order of the file."""

    name: str
    source: str
    labels: Mapping[str, str]
    attributes: Mapping[str, Mapping[str, str]]
    """Further columns by code, as text."""


@dataclass(frozen=True, slots=True)
class Division:
    """A unit of GB/T 2260. ``level``: province, city, county; ``zone`` marks a statistical development zone."""

    code: str
    name: str
    level: Literal["province", "city", "county"]
    parent: str | None
    zone: bool
    full_name: str


@dataclass(frozen=True, slots=True)
class Divisions:
    """All divisions of mainland China (``by_code``) and the townships of Shanxi (``townships``: county -> names)."""

    by_code: Mapping[str, Division]
    townships: Mapping[str, tuple[str, ...]]

    def ancestors(self, code: str) -> tuple[str, ...]:
        """Return ``code`` and all above it, upwards; empty for an unknown code."""
        found: list[str] = []
        division = self.by_code.get(code)
        while division is not None:
            found.append(division.code)
            division = self.by_code.get(division.parent) if division.parent else None
        return tuple(found)

    def territory(self, code: str) -> frozenset[str]:
        """Return the managing authorities that an act of the government of ``code`` reaches: itself and all below.

        A county's approval reaches what the county manages; a city covers its counties (``Q-4``).
        """
        return frozenset(other for other in self.by_code if code in self.ancestors(other))


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose and its ceiling: no application may ask for more (I6)."""

    code: str
    label: str
    label_en: str
    levels: frozenset[str]
    profiles: frozenset[str]
    fields: frozenset[str]
    max_days: int
    max_uses: int
    max_rows: int


LegalKind = Literal[
    "law", "administrative_regulation", "local_regulation", "autonomous_regulation", "separate_regulation"
]
"""法律, 行政法规, 地方性法规, 自治条例, 单行条例: what 法律法规 means in Art. 50 (``Q-3``)."""


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """A law or regulation that may be a ground. Without a held text (``text_sha256``) it is ``unverified``."""

    code: str
    title: str
    kind: LegalKind
    article: str
    text: str | None
    text_sha256: str | None
    effective: date
    purposes: frozenset[str]
    levels: frozenset[str]
    fields: frozenset[str]
    recipients: str
    """Who may receive under it, in words."""
    repealed: date | None = None
    """First day on which it is no longer in force."""

    @property
    def verified(self) -> bool:
        """Whether the article's text is held, so that a grant may stand on it."""
        return self.text_sha256 is not None


Operation = Literal["keep", "mask", "cut", "round", "generalize", "pseudonymize", "redact", "suppress", "drop"]


@dataclass(frozen=True, slots=True)
class ProfileField:
    """How one column of the sharing view leaves under a profile.

    ``role``: direct, quasi, sensitive, ordinary. ``hierarchy`` for ``generalize`` (names a file of
    ``config/hierarchies/``) with ``level`` fixed, or ``None`` when the search chooses. ``length`` is the
    number of leading characters kept by ``cut``, ``unit`` what ``round`` rounds to a multiple of. ``redact`` withholds
    each text in which something looks like an identifier, ``suppress`` leaves the column empty.
    """

    name: str
    column: str
    label: str
    role: Literal["direct", "quasi", "sensitive", "ordinary"]
    operation: Operation
    hierarchy: str | None = None
    level: int | None = None
    length: int | None = None
    unit: int | None = None
    level_words: tuple[str, str] | None = None
    """What the fixed level is, in Chinese and English, from the hierarchy's file."""


Objective = Literal["loss", "discernibility", "entropy"]
"""What the search for levels makes smallest."""
Recoding = Literal["global", "local"]
"""One choice of levels for all rows, or levels of their own for parts of them."""


@dataclass(frozen=True, slots=True)
class ModelDemand:
    """What every class must hold of one sensitive field, beyond the profile's own ``l_diversity`` and ``t_closeness``.

    ``distinct_l`` and ``entropy_l`` count values; ``recursive`` is (c, l); ``t`` is the largest distance of a class to
    the whole, equal or, with ``t_tree`` (a hierarchy of ``config/hierarchies/``), along that tree; ``alpha`` is the
    largest share of one value in a class. ``None`` demands nothing of that kind.
    """

    column: str
    """A field of the profile whose role is ``sensitive``."""
    distinct_l: int | None = None
    entropy_l: float | None = None
    recursive: tuple[float, int] | None = None
    t: float | None = None
    t_tree: str | None = None
    alpha: float | None = None


@dataclass(frozen=True, slots=True)
class ReleaseProfile:
    """A named way for pupil data to leave at one level."""

    code: str
    label: str
    label_en: str
    level: str
    fields: tuple[ProfileField, ...]
    k: int | None
    l_diversity: int | None
    suppression_limit: float
    """Share of rows that may be suppressed, 0 to 1."""
    row_cap: int
    retention_days: int
    t_closeness: float | None = None
    """Largest distance of every sensitive field's distribution in a class to the whole, 0 to 1."""
    objective: Objective = "loss"
    recoding: Recoding = "global"
    demands: tuple[ModelDemand, ...] = ()
    longitudinal: bool = False
    """Whether all extracts of one grant have the same pseudonyms, so that the recipient can follow a pupil."""


HierarchyRule = Literal["table", "division", "date", "school_date", "prefix", "school"]


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A generalisation hierarchy: a rule by name (``HierarchyRule``) or a table of levels.

    The labels of a ``prefix`` rule are the numbers of leading characters kept, falling. ``school_date`` counts in
    school years (1 September to 31 August): ``school_year`` is the one that bands of years and stages refer to, by the
    year in which it begins; ``bands`` are the years of the bands of each stage, youngest first. ``school`` stands on
    two columns: the school's code and ``companion``, its division.

    ``levels`` are labels of the levels, level 0 is the value itself, the last is ``*``. ``table`` maps each
    leaf to its values at levels 1, 2, … (the top included) for a ``table`` rule; ``None`` for computed ones.
    ``names`` are the levels in Chinese and English, for people; ``code_list`` is the list whose codes are the leaves.
    """

    name: str
    rule: HierarchyRule
    levels: tuple[str, ...]
    table: Mapping[str, tuple[str, ...]] | None
    names: tuple[tuple[str, str], ...] = ()
    code_list: str | None = None
    school_year: int | None = None
    bands: tuple[tuple[int, ...], ...] = ()
    companion: str | None = None

    def words(self, level: int) -> tuple[str, str]:
        """Return what ``level`` is, in Chinese and in English; its label for both where the file has no names."""
        return self.names[level] if self.names else (self.levels[level], self.levels[level])


@dataclass(frozen=True, slots=True)
class ImportMapping:
    """A layout of a workbook: title rows to skip, headers of the fields, how codes are written."""

    name: str
    label: str
    verified: bool
    sheet: str | None
    title_rows: int
    headers: Mapping[str, str]
    """Field code -> header text."""
    values: Mapping[str, Mapping[str, str]]
    """Field code -> written value -> national code, beyond codes and labels themselves."""


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day that a State Council notice moves: ``off`` is a day off, else a weekend day that is worked."""

    day: date
    name: str
    off: bool
    notice_url: str


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Cedar policies and schema as text, files joined in order of name; ``texts`` are the policies file by file."""

    policies: str
    schema: str
    files: tuple[str, ...]
    texts: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The digest that audit entries and grants carry: SHA-256 over the SHA-256 of policies and of schema."""
        parts = (hashlib.sha256(text.encode()).digest() for text in (self.policies, self.schema))
        return hashlib.sha256(b"".join(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class WorkflowDays:
    """Working days (T-2) for each step of an application; the day on which the step begins is not counted (T-1)."""

    record: int = 5
    """For a data officer to record the legal ground."""
    confirm: int = 3
    """For another officer to confirm it."""
    decide: int = 5
    """For the approving officer to decide."""
    answer: int = 10
    """For the applicant to answer a return; after that the application lapses."""


@dataclass(frozen=True, slots=True)
class SecurityTerms:
    """One version of the terms of ``config/terms/`` that a recipient accepts with an application."""

    version: str
    effective: date
    """First day on which this version is the one to be accepted."""
    zh: str
    en: str
    sha256: str
    """Over ``rulebook.security_terms.digest_input``; a grant carries it, signed."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """``config/parameters.toml``: numbers that an authority may set (section 10 of the rules)."""

    password_days: int
    sealing_months: int
    session_minutes: int
    idle_minutes: int
    lockout_attempts: int
    lockout_seconds: int
    class_size: Mapping[str, int]
    """Stage -> standard class size."""
    school_years: Mapping[str, tuple[int, int]]
    """Grade code -> youngest and oldest usual age in full years on 31 August of the school year (Q-1)."""
    shrink_share: float
    """Share of a school's pupils that one import may change or leave out without being asked."""
    max_upload_bytes: int
    max_unpacked_bytes: int
    max_rows: int
    lease_seconds: int
    """How long the owner of an intent may be silent before it is closed as unknown."""
    token_seconds: int
    checkpoint_witness_minutes: int
    """Minutes within which entries of the audit log must be cosigned; later it is recorded and alerted."""
    number_authority: Literal["national", "local"]
    stalled_seconds: int = 60
    """How long a queue of the worker may be behind before the log says so and an alert follows."""
    canary_hours: int = 72
    """A confirmed decoy is put into the registry within so many hours, at a moment drawn at random."""
    canary_crowd: int = 30
    """How many former pupils a school must have for a decoy to be put among them."""
    witness_stop_minutes: int = 1440
    """Minutes without a cosignature after which releases of ``witness_stop_levels`` stop."""
    witness_stop_levels: frozenset[str] = frozenset({"match", "pseudonymous", "masked"})
    damage_stops: bool = True
    """Whether releases of these levels stop too while the log is known to be damaged."""
    verify_hours: int = 24
    """Hours from the begin of one verification of the whole log by the worker to that of the next."""
    verify_share: int = 10
    """Percent of its time that the worker may spend on it."""
    assessment_by_hand: bool = False
    """Whether an officer's own impact assessment must stand before a decision, where one is obligatory."""
    delegation_days: int = 60
    """Longest delegation of an approval, in days."""
    activation_days: int = 7
    """Life of an activation of a guardian's or a pupil's account, in days."""
    question_days: int = 10
    """Working days in which a family's question about accesses is answered."""
    attestation_months: int = 12
    dormant_months: int = 6
    """Months without any use after which a recipient is suspended."""
    attestation_warning_days: int = 30
    recipient_registration_required: bool = False
    scan_required: bool = False
    """Whether an approval is recorded only when its scan is held for the application (``A50-7``)."""
    workflow: WorkflowDays = WorkflowDays()
    guess_limit: int = 5
    """Unconfirmed checks and matches of one person, a day and recipient, before nobody is looked up any more."""
    match_list_minutes: int = 60
    """Life of a list that was handed in for a match."""
    dry_run_required: bool = False
    """Whether an application for rows is decided only upon a dry run of what is granted."""
    dry_run_sample_days: int = 7
    """Life of the ten rows that a dry run shows; they go with the decision at the latest."""
    risk: RiskThresholds = DEFAULT_RISK
    """What counts as an acceptable re-identification risk, and where."""
    statistics: StatisticsLimits = DEFAULT_STATISTICS
    """What statistics may cost, and what they do not show."""
    pseudonym_algorithm: Literal["hmac-sha256", "hmac-sm3"] = "hmac-sha256"
    """Of pseudonym keys to be made: SM3 is the national algorithm (GB/T 32905)."""
    ledger: LedgerRules = DEFAULT_LEDGER
    """How releases to one recipient hang together."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The whole set, or nothing. ``sha256`` covers every file by name and content."""

    sha256: str
    fields: Mapping[str, Field]
    code_lists: Mapping[str, CodeList]
    divisions: Divisions
    purposes: Mapping[str, Purpose]
    legal_bases: Mapping[str, LegalBasis]
    profiles: Mapping[str, ReleaseProfile]
    hierarchies: Mapping[str, Hierarchy]
    import_mappings: Mapping[str, ImportMapping]
    policies: PolicySet
    parameters: Parameters
    registry: RegistryParameters
    calendar: Mapping[date, CalendarDay]
    """Days of the published holiday notices; a year without a notice has none."""
    school_terms: Mapping[str, tuple[TermDates, ...]]
    """Province, and each city with days of its own -> its semesters in order."""
    evidence_kinds: Mapping[str, EvidenceKind]
    security_terms: tuple[SecurityTerms, ...] = ()
    """All versions, the first effective one first."""
    alerts: Alerting = NO_ALERTS
    """What raises an alert."""
    recognition: Recognition = DEFAULT_RECOGNITION
    """What looks for personal data in free text, and what stands in its place."""
    retention: Mapping[str, RetentionClass] = field(default_factory=lambda: NO_RETENTION)
    """How long what lies beside the audit log is kept, by class."""
