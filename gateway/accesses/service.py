"""The guardian's view (谁看过我的孩子) where the tag root is: accesses from the audit log, and the family's questions.

Who may see the pupil is asked at each look; the look itself is an entry. What an inspection keeps back for now is left
out, and shown when its day has passed. A question waits for the department that manages the pupil's school.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from gateway.accesses.ports import Bonds, Holds, Names, PupilView, QuestionStore, Trail
from gateway.accesses.reading import KINDS, access_of
from gateway.accesses.records import MAX_TEXT, OPEN_QUESTIONS, Access, AccessPage, Question, QuestionId
from gateway.articles import keeps
from gateway.audit.records import EntryView, SearchQuery
from gateway.errors import ConflictError, ForbiddenError
from gateway.ids import SubjectRef, UnitCode
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.policies.deadlines import WorkingDays
from gateway.principals import FAMILIES, Principal

PAGE: Final = 50
"""Accesses on a page."""
_CHUNK: Final = 200
_LOOKED_THROUGH: Final = 2000
"""Entries about one pupil that one look goes through at the most: the page then ends early and says how to go on."""


@keeps("A50-4")
@dataclass(frozen=True, slots=True)
class LocalAccesses:
    """Implements ``gateway.accesses.ports.AccessDesk`` on the log and the sharing view."""

    trail: Trail
    names: Names
    holds: Holds
    bonds: Bonds
    view: PupilView
    questions: QuestionStore
    reader: Reader
    journal: Journal
    working_days: WorkingDays
    answer_days: int
    province: UnitCode
    now: Callable[[], datetime]
    today: Callable[[], date]
    new_id: Callable[[str], str]

    def page(self, by: Principal, subject_ref: SubjectRef, before: int | None = None) -> AccessPage:
        """Return a page of accesses, newest first, and the account's own questions; the reading is an entry.

        Raises ``ForbiddenError`` for whoever may not see the pupil: a stranger and an unknown pupil look alike.
        """
        self._require(by, subject_ref)
        accesses, further, lost = self._accesses(subject_ref, before)
        questions = self.reader.read(lambda tx: self.questions.of_family(tx, by.account, subject_ref))
        facts: dict[str, JsonValue] = {"shown": len(accesses)}
        self.journal.append(EntryDraft("family.access_read", by, facts=facts, subjects=(subject_ref,)))
        return AccessPage(tuple(accesses), further, tuple(questions), lost)

    def ask(self, by: Principal, subject_ref: SubjectRef, text: str, entry: int | None = None) -> datetime:
        """Take a question about a pupil's data, or about one access that the family sees; return when.

        Raises ``ForbiddenError``, and ``ConflictError`` for a blank or too long text, an access that is not theirs, or
        when as many questions as may wait are waiting.
        """
        self._require(by, subject_ref)
        text = text.strip()
        if not 1 <= len(text) <= MAX_TEXT:
            raise ConflictError(
                f"A question has 1 to {MAX_TEXT} characters.", detail_zh=f"请填写询问内容，不超过 {MAX_TEXT} 字。"
            )
        if entry is not None and not self._sees(subject_ref, entry):
            raise ConflictError("There is no such line in your view.", detail_zh="没有这条查看记录。")
        row = self.view.pupil(subject_ref)
        unit = UnitCode(str((row or {}).get("managing_authority") or self.province))
        now = self.now()
        question = Question(
            id=QuestionId(self.new_id("fq")),
            account=by.account,
            subject_ref=subject_ref,
            entry=entry,
            unit=unit,
            asked_at=now,
            due=self.working_days(self.today(), self.answer_days),
            text=text,
        )

        def write(tx: Tx) -> None:
            asked = self.questions.of_family(tx, by.account, subject_ref)
            if sum(one.answered_at is None for one in asked) >= OPEN_QUESTIONS:
                raise ConflictError(
                    f"{OPEN_QUESTIONS} questions wait for their answers; ask again when one has come.",
                    detail_zh=f"已有 {OPEN_QUESTIONS} 个询问等待答复，请在收到答复后再提出。",
                )
            self.questions.add(tx, question)

        facts: dict[str, JsonValue] = {"question": question.id, "unit": unit, "due": question.due.isoformat()}
        if entry is not None:
            facts["entry"] = entry
        self.journal.record(write, EntryDraft("family.question_asked", by, facts=facts, subjects=(subject_ref,)))
        return now

    # --- inside -----------------------------------------------------------------------------------------------

    def _require(self, by: Principal, subject_ref: SubjectRef) -> None:
        if by.kind not in FAMILIES or not self.bonds.may_see(by.account, subject_ref):
            raise ForbiddenError(
                "There is no such pupil on this account.", detail_zh="本账号下没有该学生。", rule="A50-4"
            )

    def _accesses(
        self, subject_ref: SubjectRef, before: int | None
    ) -> tuple[list[Access], int | None, tuple[str, ...]]:
        """Return accesses, the index before which a further page begins (``None`` at the end), and lost epochs."""
        found: list[Access] = []
        seen = 0
        while True:
            query = SearchQuery(subject=subject_ref, before=before, limit=_CHUNK)
            page = self.trail.found(query)
            for view, held in self._with_holds(page.entries):
                access = None if held else access_of(view, self.names, self._delivered)
                if access is not None:
                    found.append(access)
                if len(found) == PAGE:
                    return found, view.index, page.lost_epochs
            seen += len(page.entries)
            if page.before is None or seen >= _LOOKED_THROUGH:
                return found, page.before, page.lost_epochs
            before = page.before

    def _with_holds(self, views: tuple[EntryView, ...]) -> list[tuple[EntryView, bool]]:
        shown = [view for view in views if view.content["kind"] in KINDS]
        indexes = [view.index for view in shown]
        held = self.reader.read(lambda tx: self.holds.held(tx, indexes, self.today())) if indexes else frozenset()
        return [(view, view.index in held) for view in shown]

    def _sees(self, subject_ref: SubjectRef, entry: int) -> bool:
        """Say whether the entry is one that the family sees."""
        page = self.trail.found(SearchQuery(subject=subject_ref, before=entry + 1, limit=1))
        return any(
            view.index == entry and not held and access_of(view, self.names, self._delivered) is not None
            for view, held in self._with_holds(page.entries)
        )

    def _delivered(self, extract: str) -> bool:
        """Say whether any byte of an extract has left."""
        query = SearchQuery(kind="release.outcome", links={"extract": extract}, limit=_CHUNK)
        return any(str(view.content["outcome"]) in _LEFT for view in self.trail.found(query).entries)


_LEFT: Final = frozenset({"complete", "client_gone", "unknown", "error"})
"""Outcomes of a delivery after which bytes may be with the recipient: counted as fetched, in doubt too."""
