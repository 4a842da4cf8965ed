"""The guardian's view, wired: the tag root's own process answers, the others ask it; the office answers questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.accesses.desk import RemoteAccesses, access_handlers
from gateway.accesses.office import QuestionDesk
from gateway.accesses.ports import AccessDesk, GrantWords
from gateway.accesses.records import Words
from gateway.accesses.sealing import TextBox
from gateway.accesses.service import LocalAccesses
from gateway.accesses.store import SqlQuestionBook
from gateway.accounts.recipients import RecipientRegister
from gateway.accounts.store import SqlAccounts
from gateway.audit.service import AuditService
from gateway.bootstrap.alerts import province_of
from gateway.bootstrap.identity_issuing import worker_asker
from gateway.bootstrap.parts import Parts
from gateway.bootstrap.registry import registry_office
from gateway.bootstrap.workflow import working_days
from gateway.errors import GatewayError
from gateway.families.service import FamilyService
from gateway.identity.claims import CLAIM_LABELS, GUARDIAN_LABELS
from gateway.ids import AccountId, GrantId, RecipientId, SubjectRef, UnitCode
from gateway.inspections.store import SqlCases
from gateway.jobs import Periodic, Task
from gateway.keyring import Face, Key
from gateway.policies.decision import Action
from gateway.policies.resources import registry_resource
from gateway.policies.service import ApplicationService, random_id
from gateway.principals import Principal


@dataclass(slots=True)
class BookNames:
    """Implements ``gateway.accesses.ports.Names`` on the rule book, the schools, accounts, recipients and grants."""

    parts: Parts
    applications: ApplicationService
    recipients: RecipientRegister
    _schools: dict[str, str] = field(default_factory=dict)

    def unit(self, code: str) -> str:
        """Return the name of a school or department; a code that nobody knows stands for itself."""
        division = self.parts.book.divisions.by_code.get(code)
        if division is not None:
            return f"{division.full_name}教育行政部门"
        if code not in self._schools:
            office = registry_office(self.parts)
            if office is not None:
                self._schools.update(office.schools().select("school_code", "name").iter_rows())
        return self._schools.get(code, code)

    def recipient(self, code: str) -> str:
        """Return the name under which a recipient is registered, else its code."""
        return self.recipients.name_of(RecipientId(code)) or code or "—"

    def post(self, account: str) -> tuple[str, str]:
        """Return unit and post of an account of staff."""
        found = self.parts.reader.read(lambda tx: SqlAccounts().get(tx, AccountId(account)))
        return ("", "") if found is None else (found.unit or "", found.post)

    def grant(self, identifier: str) -> GrantWords | None:
        """Return a grant in words; ``None`` for one that is not there or does not verify."""
        try:
            grant = self.applications.grant(GrantId(identifier))
        except GatewayError:
            return None  # the access is shown all the same: that it happened does not hang on the grant's row
        profile = self.parts.book.profiles.get(grant.scope.profile)
        labels = {} if profile is None else {one.name: one.label for one in profile.fields}
        fields = tuple(Words(labels.get(name, name)) for name in grant.scope.fields)
        return GrantWords(grant.recipient_name, self.purpose(grant.scope.purpose), fields, grant.ground_label)

    def purpose(self, code: str) -> Words:
        """Return a purpose."""
        found = self.parts.book.purposes.get(code)
        return Words(code) if found is None else Words(found.label, found.label_en)

    def claim(self, code: str) -> Words:
        """Return a claim of a credential."""
        return Words(*(CLAIM_LABELS.get(code) or GUARDIAN_LABELS.get(code) or (code, "")))


@dataclass(frozen=True, slots=True)
class FamilyBonds:
    """Implements ``gateway.accesses.ports.Bonds``."""

    families: FamilyService

    def may_see(self, account: AccountId, subject_ref: SubjectRef) -> bool:
        """Say whether the account may see a pupil now."""
        return self.families.rights(account, subject_ref).see


@dataclass(frozen=True, slots=True)
class RegistrarGate:
    """Implements ``gateway.accesses.office.QuestionGate``: a family's question is a case of the registry's people."""

    applications: ApplicationService

    def answer(self, principal: Principal, unit: UnitCode) -> str:
        """Return the policy that lets the principal answer for a unit; raises ``ForbiddenError``."""
        return self.applications.authorize(
            principal, Action.HANDLE_CASES, registry_resource(unit), territory=unit
        ).policy


def access_desk(
    parts: Parts,
    audit: AuditService,
    families: FamilyService,
    applications: ApplicationService,
    recipients: RecipientRegister,
) -> AccessDesk | None:
    """Return what families are answered; ``None`` on a face where no family signs in."""
    if parts.face is Face.OFFICE:
        return None
    if not parts.keyring.has(Key.RETENTION) or parts.sharing is None:
        return RemoteAccesses(worker_asker(parts))
    return LocalAccesses(
        trail=audit,
        names=BookNames(parts, applications, recipients),
        holds=SqlCases(),
        bonds=FamilyBonds(families),
        view=parts.sharing,
        questions=SqlQuestionBook(_box(parts), parts.data_keys),
        reader=parts.reader,
        journal=parts.journal,
        working_days=working_days(parts.book),
        answer_days=parts.book.parameters.question_days,
        province=province_of(parts.book),
        now=parts.now,
        today=parts.today,
        new_id=random_id,
    )


def question_desk(parts: Parts, applications: ApplicationService) -> QuestionDesk | None:
    """Return the office's end of questions; ``None`` on a face that does not hold their key."""
    if not parts.keyring.has(Key.REGISTRY_DATA) or parts.sharing is None:
        return None
    return QuestionDesk(
        SqlQuestionBook(_box(parts), parts.data_keys),
        RegistrarGate(applications),
        parts.sharing,
        parts.reader,
        parts.journal,
        parts.now,
        parts.today,
    )


def family_questions(accesses: AccessDesk | None) -> Mapping[str, Callable[[Mapping[str, object]], object]]:
    """Return what the worker answers to faces where families sign in, by kind."""
    return {} if accesses is None else access_handlers(accesses)


def question_tasks(questions: QuestionDesk | None) -> list[Task]:
    """Return what the worker does for questions: record which are late."""
    return [] if questions is None else [Task("overdue questions", Periodic(questions.mark_overdue, 60))]


def _box(parts: Parts) -> TextBox:
    return TextBox.from_root(parts.keyring.secret(Key.REGISTRY_DATA))
