"""Chapter 7: certificates and, for a lost one, the 学历证明书 that a stamp makes effective (Arts. 38, 40, 41, 43)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.cases import unit_of
from core_registry.domain.certificates import KIND_LABELS, OWN_NUMBER, STATE_OF, CertificateKind
from core_registry.domain.facts import ArchiveEntry, EntryKind, Facts, SchoolFacts
from core_registry.domain.procedures import (
    NO_EFFECTS,
    Act,
    Effects,
    EvidenceNeed,
    NewCertificate,
    NewEntry,
    Procedure,
    StepPlan,
    register,
)
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, declared, enforces, rule
from core_registry.domain.states import Stage, StudentState
from core_registry.domain.terms import grades_of

MEDIA: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "both": ("电子和纸质（同一编号）", "electronic and paper, one number"),
        "electronic": ("电子", "electronic"),
        "paper": ("纸质", "paper"),
    }
)
"""A certificate has one number, in whatever form it is handed out; both forms are equal in force (A43-1)."""
declared("A43-1", f"{__name__}:MEDIA", "type")

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "conditions": "学习期满，未达到规定毕业条件",
        "withdrawal": "退学",
        "early-end": "未完成学业终止学习",
    }
)
"""What the stub of Annex 4 gives as the reason: fixed words, so that no circumstance of the pupil is printed."""
_KIND_OF = {state: kind for kind, state in STATE_OF.items()}


def _kind(facts: Facts) -> CertificateKind:
    return _KIND_OF[facts.pupil.state]


def _classified(facts: Facts, kind: CertificateKind, stage: Stage) -> ArchiveEntry | None:
    """Return the reviewed decision behind a certificate: of an expelled pupil the sanction (Q-30)."""
    found = None
    for entry in facts.archive.current(EntryKind.CLASSIFICATION):
        if entry.text("outcome") == kind and entry.text("stage") == stage:
            found = entry
    if found is None and kind is CertificateKind.INCOMPLETE:
        for entry in facts.archive.current(EntryKind.SANCTION):
            if entry.text("kind") == "expulsion":
                found = entry
    return found


def _issued(facts: Facts, kind: CertificateKind, stage: Stage) -> bool:
    return any(
        entry.text("kind") == kind and entry.text("stage") == stage
        for entry in facts.archive.current(EntryKind.CERTIFICATE)
    )


@enforces("A38-1", "A40-1", "A41-3", how="procedure")
def issuer_of(kind: CertificateKind, stage: Stage, school: SchoolFacts) -> tuple[Party, str]:
    """Return who issues a certificate, and the rule that says so.

    Primary and junior: the supervising department. Senior graduation: the city, the province for schools that it
    manages. Completion, incomplete and 学历证明书: the school.
    """
    if kind is not CertificateKind.GRADUATION:
        return Party.SCHOOL, "A43-2" if kind is CertificateKind.EDUCATION_PROOF else "A41-3"
    if stage.compulsory:
        return Party.SUPERVISING_DEPT, "A38-1"
    return (Party.PROVINCE if school.managing_authority.endswith("0000") else Party.CITY), "A40-1"


@rule("A42-1")
def classified_and_reviewed(_request: Request, facts: Facts) -> Verdict:
    """A42-1: no certificate before the registry superior reviewed the classification."""
    if facts.pupil.state not in _KIND_OF:
        return None
    if _classified(facts, _kind(facts), facts.stage) is None:
        return Failure(
            "毕业、结业、肄业信息尚未经上级学籍管理部门审核，不得发证。",
            "The classification was not reviewed by the registry superior: no certificate yet.",
            Party.REGISTRY_SUPERIOR,
        )
    return True


@rule("A43-2")
def no_second_certificate(_request: Request, facts: Facts) -> Verdict:
    """A43-2: a certificate is issued once. For a lost graduation certificate there is the 学历证明书 instead."""
    if facts.pupil.state not in _KIND_OF:
        return None
    kind = _kind(facts)
    if not _issued(facts, kind, facts.stage):
        return True
    if kind is CertificateKind.GRADUATION:
        return Failure(
            "毕业证书已颁发，遗失不再补发；请由毕业学校出具学历证明书。",
            "The graduation certificate was issued and is not issued again; the school can issue an education proof.",
            Party.SCHOOL,
        )
    return Failure(f"{KIND_LABELS[kind]}已发放，不重复发放。", "This certificate was issued and is not issued again.")


def certificate_steps(_request: Request, facts: Facts) -> tuple[StepPlan, ...]:
    """Return the steps: the school alone for what it issues itself, else it reports and the department issues."""
    if facts.pupil.state not in _KIND_OF:
        return (StepPlan("issue", Party.SCHOOL, Act.CONFIRM, 1, "A42-1", act_zh="发放"),)
    party, name = issuer_of(_kind(facts), facts.stage, facts.school)
    if party is Party.SCHOOL:
        return (StepPlan("issue", party, Act.CONFIRM, 1, name, act_zh="发放"),)
    return (
        StepPlan("report", Party.SCHOOL, Act.START, 1, "A42-1", act_zh="报送"),
        StepPlan("issue", party, Act.APPROVE, 2, name, act_zh="核准、编号、验印、颁发"),
    )


def certificate_effects(request: Request, facts: Facts, on: date) -> Effects:
    """Issue the certificate of the outcome; stub data go under seal with the number."""
    kind = _kind(facts)
    party, _ = issuer_of(kind, facts.stage, facts.school)
    issuer = unit_of(party, request, facts)
    decided = _classified(facts, kind, facts.stage)
    medium = request.text("medium")
    data = {
        "stage": facts.stage.value,
        "school": facts.school.code,
        "since": facts.pupil.entry_month,
        "until": (on if decided is None else decided.on).strftime("%Y-%m"),
        "reason": REASONS.get("early-end" if decided is None else decided.text("why") or "early-end", "")
        if kind is not CertificateKind.GRADUATION
        else "",
        "medium": medium,
    }
    entry = {"kind": kind.value, "stage": facts.stage.value, "school": facts.school.code, "issuer": issuer}
    return Effects(
        entries=(NewEntry(EntryKind.CERTIFICATE, on, {**entry, "medium": medium, "effective": True}),),
        certificates=(NewCertificate(kind.value, issuer, on, data=data),),
    )


CERTIFICATE = register(
    Procedure(
        kind="certificate",
        zh="颁发毕业（结业、肄业）证书",
        en="Certificate of graduation, completion or incomplete schooling",
        chapter=7,
        article="40",
        fields=(ValueSpec("medium", ValueType.CHOICE, "证书形式", "form of the certificate", choices=MEDIA),),
        opened_by=frozenset({Party.SCHOOL}),
        steps=certificate_steps,
        effects=certificate_effects,
        checks=(classified_and_reviewed, no_second_certificate),
        again=(classified_and_reviewed, no_second_certificate),
        # No change of the record: it follows from the reviewed classification, whose evidence is in the archive.
        needs_evidence=False,
        opens_in=frozenset(state.value for state in _KIND_OF),
    )
)


# --- 学历证明书: for a lost graduation certificate

_STAGES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"primary": ("小学", "primary"), "junior": ("初中", "junior high"), "senior": ("普通高中", "senior high")}
)


def _issuing(facts: Facts) -> SchoolFacts:
    """Return the school for which the case is opened: the graduating one, which need not hold the record any more."""
    return facts.receiving or facts.school


def _graduation(request: Request, facts: Facts) -> ArchiveEntry | None:
    return _classified(facts, CertificateKind.GRADUATION, Stage(request.text("stage")))


@rule("A43-2")
def issued_by_the_graduating_school(request: Request, facts: Facts) -> Verdict:
    """A43-2: a proof is of who graduated, by the school of the graduation."""
    if request.text("stage") not in _STAGES:
        return None
    entry = _graduation(request, facts)
    here = facts.pupil.state is StudentState.GRADUATED and facts.stage == request.text("stage")
    if entry is None and not here:
        return Failure("没有该学段的毕业记录，不能出具学历证明书。", "There is no graduation of that stage on record.")
    school = "" if entry is None else entry.text("school")
    if school and school != _issuing(facts).code:
        return Failure("学历证明书由毕业学校出具。", "The education proof is issued by the graduating school.")
    return True


@enforces("A43-2", how="evidence")
def proof_evidence(_request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    """Return the need of the report that the certificate was lost (section 7)."""
    return (EvidenceNeed(("loss-report",), "A43-2", "毕业证书遗失声明", "the report that the certificate was lost"),)


@enforces("A43-2", how="procedure")
def proof_steps(_request: Request, facts: Facts) -> tuple[StepPlan, ...]:
    """Return the steps: the graduating school issues, its supervising department stamps."""
    elsewhere = facts.receiving is not None
    school = Party.RECEIVING_SCHOOL if elsewhere else Party.SCHOOL
    department = Party.RECEIVING_SUPERVISING_DEPT if elsewhere else Party.SUPERVISING_DEPT
    return (
        StepPlan("issue", school, Act.CONFIRM, 1, "A43-2", act_zh="出具"),
        StepPlan("stamp", department, Act.STAMP, 2, "A43-2", act_zh="验印"),
    )


@enforces("A43-2", how="effects")
def proof_on_step(step: str, request: Request, facts: Facts, on: date) -> Effects:
    """Return the numbered proof when the school issues it: it is not effective until the stamp."""
    if step != "issue":
        return NO_EFFECTS
    school = _issuing(facts)
    graduation = _graduation(request, facts)
    stage = Stage(request.text("stage"))
    graduated = request.day("graduated_on") or (on if graduation is None else graduation.on)
    data = {
        "stage": stage.value,
        "school": school.code,
        "since": facts.pupil.entry_month if facts.stage is stage else "",
        "until": graduated.strftime("%Y-%m"),
        "graduated": graduated.strftime("%Y-%m"),
        "years": len(grades_of(stage, school.system)),
    }
    return Effects(
        entries=(NewEntry(EntryKind.CERTIFICATE, on, _proof_entry(stage, school.code, effective=False)),),
        certificates=(
            NewCertificate(
                CertificateKind.EDUCATION_PROOF.value,
                school.code,
                on,
                effective=False,
                original=request.text("original_number"),
                data=data,
            ),
        ),
    )


def _proof_entry(stage: Stage, school: str, *, effective: bool) -> dict[str, str | bool]:
    kind = CertificateKind.EDUCATION_PROOF.value
    return {"kind": kind, "stage": stage.value, "school": school, "issuer": school, "effective": effective}


@enforces("A43-2", how="effects")
def proof_effects(request: Request, facts: Facts, on: date) -> Effects:
    """Make the proof effective with the stamp."""
    stage = Stage(request.text("stage"))
    before = None
    for entry in facts.archive.current(EntryKind.CERTIFICATE):
        if entry.text("kind") == CertificateKind.EDUCATION_PROOF and entry.data.get("effective") is False:
            before = entry.id
    data = _proof_entry(stage, _issuing(facts).code, effective=True)
    return Effects(entries=(NewEntry(EntryKind.CERTIFICATE, on, data, supersedes=before),), stamped=OWN_NUMBER)


EDUCATION_PROOF = register(
    Procedure(
        kind="education-proof",
        zh="学历证明书（毕业证书遗失）",
        en="Education proof for a lost graduation certificate",
        chapter=7,
        article="43",
        fields=(
            ValueSpec("stage", ValueType.CHOICE, "毕业学段", "stage of the graduation", choices=_STAGES),
            ValueSpec(
                "original_number",
                ValueType.TEXT,
                "原毕业证书号码",
                "number of the lost certificate",
                personal=True,
                longest=60,
            ),
            ValueSpec("graduated_on", ValueType.DATE, "毕业日期（系统无记录时填写）", "graduated on", required=False),
        ),
        opened_by=frozenset({Party.SCHOOL, Party.RECEIVING_SCHOOL}),
        steps=proof_steps,
        effects=proof_effects,
        checks=(issued_by_the_graduating_school, keeps_to_the_record),
        evidence=proof_evidence,
        on_step=proof_on_step,
        # Of former pupils too: whoever graduated of a stage, in whatever state the record is now.
        opens_in=frozenset(s.value for s in StudentState if s not in {StudentState.DEFERRED, StudentState.DECEASED}),
    )
)
