"""Texts of articles: attached by one officer, compared and confirmed by another (``A50-6``, ``Q-3``).

A law is a ground only while a confirmed text of it stands. The text that the rule book holds is a proposal like any
other: number 0, until an officer confirms it. A text is never changed; a new one takes its place, or it is retired.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Protocol

from gateway.articles import keeps
from gateway.errors import ConflictError, NotFoundError
from gateway.ids import AccountId
from gateway.journal import EntryDraft, JsonValue, Tx
from gateway.policies.decision import Action, Decision
from gateway.policies.desk import Desk
from gateway.policies.errors import TextRefusedError
from gateway.policies.resources import text_resource
from gateway.principals import Principal
from rulebook.records import LegalBasis

FROM_RULEBOOK: Final = AccountId("rulebook")
"""Who attached the text that stands in ``config/legal_bases.toml``: nobody in person."""
MAX_TEXT: Final = 20_000
_ARTICLE: Final = re.compile(r"第[〇零一二三四五六七八九十百千]+条(?:之[一二三四五六七八九十]+)?")


class TextState(StrEnum):
    """Where a text stands."""

    PENDING = "pending"
    """Attached; waits for another officer."""
    CONFIRMED = "confirmed"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class NewText:
    """The text of an article as an officer copies it from its source."""

    text: str
    source: str
    """Official gazette or publication, and where in it."""
    published_on: date
    """Date of the version of the law."""


@dataclass(frozen=True, slots=True)
class HeldText:
    """A text that is held. ``sha256`` is over the normalised text, UTF-8 (``normalize_text``)."""

    legal_basis: str
    number: int
    text: str = field(repr=False)
    sha256: str
    source: str
    published_on: date
    attached_by: AccountId
    attached_at: datetime
    confirmed_by: AccountId | None = None
    confirmed_at: datetime | None = None
    retired_by: AccountId | None = None
    retired_at: datetime | None = None
    retired_reason: str = ""

    @property
    def state(self) -> TextState:
        """Where it stands."""
        if self.retired_at is not None:
            return TextState.RETIRED
        return TextState.PENDING if self.confirmed_at is None else TextState.CONFIRMED


@dataclass(frozen=True, slots=True)
class BasisStatus:
    """A legal basis with its texts, newest first; ``standing`` is the one that carries grants now."""

    basis: LegalBasis
    texts: tuple[HeldText, ...]
    standing: HeldText | None

    @property
    def verified(self) -> bool:
        """Whether a grant may stand on it, as far as its text goes."""
        return self.standing is not None

    @property
    def pending(self) -> HeldText | None:
        """The newest text that waits for another officer."""
        return next((text for text in self.texts if text.state is TextState.PENDING), None)


class TextStore(Protocol):
    """Texts of articles, by legal basis and number."""

    def texts(self, tx: Tx, legal_basis: str | None = None) -> Sequence[HeldText]:
        """Return the texts of one basis or of all, newest first."""

    def insert_text(self, tx: Tx, text: HeldText) -> None:
        """Insert a text; raises ``ConflictError`` when its number is taken."""

    def confirm_text(self, tx: Tx, text: HeldText, by: AccountId, at: datetime) -> bool:
        """Confirm a pending text; return whether it was pending."""

    def retire_text(self, tx: Tx, text: HeldText, by: AccountId, at: datetime, reason: str) -> bool:
        """Retire a text that is not retired; return whether it was not."""

    def grants_on_text(self, tx: Tx, legal_basis: str, sha256: str, today: date) -> int:
        """Return how many grants that have not ended rest on a text."""


def normalize_text(text: str) -> str:
    """Return the text whose SHA-256 is taken: NFC, one line feed between lines, no blanks around a line, no empty line.

    Punctuation and words stay as they are. Total and idempotent. Control characters are left out.
    """
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(one for one in unified if one == "\n" or unicodedata.category(one) not in {"Cc", "Cf", "Cs"})
    lines = (line.strip() for line in unicodedata.normalize("NFC", kept).split("\n"))
    return "\n".join(line for line in lines if line)


def digest(text: str) -> str:
    """Return the SHA-256 of the normalised text, hexadecimal."""
    return hashlib.sha256(normalize_text(text).encode()).hexdigest()


def standing(texts: Iterable[HeldText]) -> HeldText | None:
    """Return the text that carries grants: the newest confirmed one, unless it was retired.

    An older text does not come back when a newer one is retired: the law changed.
    """
    confirmed = [text for text in texts if text.confirmed_at is not None]
    newest = max(confirmed, key=lambda text: text.number, default=None)
    return None if newest is None or newest.retired_at is not None else newest


def standing_hashes(texts: Iterable[HeldText]) -> dict[str, str]:
    """Return legal basis -> SHA-256 of its standing text; a basis without one is left out."""
    by_basis: dict[str, list[HeldText]] = {}
    for text in texts:
        by_basis.setdefault(text.legal_basis, []).append(text)
    found = {code: standing(held) for code, held in by_basis.items()}
    return {code: text.sha256 for code, text in found.items() if text is not None}


@dataclass(frozen=True, slots=True)
class LegalTextService:
    """The use cases: look, attach, confirm, retire."""

    desk: Desk
    store: TextStore

    def catalogue(self) -> tuple[BasisStatus, ...]:
        """Return every legal basis of the rule book with its texts; it names no person outside the offices."""
        held = self.desk.reader.read(lambda tx: list(self.store.texts(tx)))
        return tuple(self._status(basis, held) for basis in self.desk.book.legal_bases.values())

    def basis(self, code: str) -> BasisStatus:
        """Return one legal basis; raises ``NotFoundError``."""
        basis = self.desk.book.legal_bases.get(code)
        if basis is None:
            raise NotFoundError("There is no such legal basis.", detail_zh="依据目录中没有该条目。")
        return self._status(basis, self.desk.reader.read(lambda tx: list(self.store.texts(tx, code))))

    def text(self, code: str, number: int) -> HeldText:
        """Return one text; raises ``NotFoundError``."""
        found = next((one for one in self.basis(code).texts if one.number == number), None)
        if found is None:
            raise NotFoundError("There is no such text.", detail_zh="没有该条文原文。")
        return found

    def attach(self, principal: Principal, code: str, new: NewText) -> HeldText:
        """Attach the text of an article; return it, waiting for another officer.

        Raises ``TextRefusedError``, ``ForbiddenError``, ``NotFoundError``, ``ConflictError`` when the text is held.
        """
        with self.desk.refusals(principal, Action.ATTACH_TEXT):
            decision = self.desk.authorize(principal, Action.ATTACH_TEXT, text_resource())
            status = self.basis(code)
            text = normalize_text(new.text)
            self._check(status.basis, text, new)
            sha256 = digest(text)
            if any(one.sha256 == sha256 and one.state is not TextState.RETIRED for one in status.texts):
                raise ConflictError(
                    "This very text is held already: confirm it, or attach another one.",
                    detail_zh="该原文已经录入；请由另一人确认，或录入其他版本。",
                    rule="A50-6",
                )
        held = HeldText(
            legal_basis=code,
            number=_next(status.texts),
            text=text,
            sha256=sha256,
            source=new.source.strip(),
            published_on=new.published_on,
            attached_by=principal.account,
            attached_at=self.desk.now(),
        )
        entry = self._entry("legal_text.attached", principal, held, decision)
        self.desk.journal.record(lambda tx: self.store.insert_text(tx, held), entry)
        return held

    @keeps("A50-6")
    def confirm(
        self, principal: Principal, code: str, number: int, *, sha256: str = "", own_copy: str = ""
    ) -> HeldText:
        """Confirm a text that another officer attached, after comparing it with the source; return it.

        ``sha256`` is the hash of what was compared, ``own_copy`` the confirmer's own copy from the source; each must
        agree where it is given. Raises ``TextRefusedError``, ``ForbiddenError``, ``NotFoundError``, ``ConflictError``.
        """
        held = self.text(code, number)
        recorder = None if held.attached_by == FROM_RULEBOOK else held.attached_by
        with self.desk.refusals(principal, Action.CONFIRM_TEXT):
            decision = self.desk.authorize(principal, Action.CONFIRM_TEXT, text_resource(recorder))
            _need_another(principal, held)
            if held.state is not TextState.PENDING:
                raise _over(held)
            _agree(held, sha256, own_copy)
            self._check(self.basis(code).basis, held.text, NewText(held.text, held.source, held.published_on))
        at = self.desk.now()

        def write(tx: Tx) -> HeldText:
            now_held = held
            if held.number == 0:
                now_held = self._taken_over(tx, held, at)
            if not self.store.confirm_text(tx, now_held, principal.account, at):
                raise _over(held)
            return now_held

        result, _ = self.desk.journal.record(
            write, lambda now_held: self._entry("legal_text.confirmed", principal, now_held, decision)
        )
        return self.text(code, result.number)

    def retire(self, principal: Principal, code: str, number: int, *, reason: str) -> HeldText:
        """Retire a text, for instance since the law was amended; return it.

        New decisions are refused at once. Grants that were decided stay: the entry says how many, for an officer to
        look at. Raises ``TextRefusedError``, ``ForbiddenError``, ``NotFoundError``, ``ConflictError``.
        """
        held = self.text(code, number)
        with self.desk.refusals(principal, Action.CONFIRM_TEXT):
            # whoever could confirm a text may stop it, also one of their own: stopping needs no second person
            decision = self.desk.authorize(principal, Action.CONFIRM_TEXT, text_resource())
            if number == 0:
                raise ConflictError(
                    "This text stands in config/legal_bases.toml: change it there.",
                    detail_zh="该原文写在 config/legal_bases.toml 中，请在该文件中修改。",
                    rule="A50-6",
                )
            if held.state is TextState.RETIRED:
                raise _over(held)
            if not reason.strip():
                raise TextRefusedError(
                    "Give a reason; it is part of the record.", detail_zh="请填写停用理由。", missing=("reason",)
                )
        at, today = self.desk.now(), self.desk.today()

        def write(tx: Tx) -> int:
            if not self.store.retire_text(tx, held, principal.account, at, reason.strip()):
                raise _over(held)
            return self.store.grants_on_text(tx, code, held.sha256, today)

        self.desk.journal.record(
            write,
            lambda grants: self._entry("legal_text.retired", principal, held, decision, {"live_grants": grants}),
        )
        return self.text(code, number)

    def _status(self, basis: LegalBasis, held: Sequence[HeldText]) -> BasisStatus:
        texts = [text for text in held if text.legal_basis == basis.code]
        if basis.text is not None:
            proposal = digest(basis.text)
            if all(text.sha256 != proposal for text in texts):
                texts.append(self._of_rulebook(basis, basis.text))
        return BasisStatus(basis, tuple(texts), standing(texts))

    def _of_rulebook(self, basis: LegalBasis, text: str) -> HeldText:
        return HeldText(
            legal_basis=basis.code,
            number=0,
            text=normalize_text(text),
            sha256=digest(text),
            source="config/legal_bases.toml",
            published_on=basis.effective,
            attached_by=FROM_RULEBOOK,
            attached_at=self.desk.now(),
        )

    def _taken_over(self, tx: Tx, proposal: HeldText, at: datetime) -> HeldText:
        """Insert the rule book's text under a number of its own, so that its confirmation is kept with it."""
        taken = HeldText(
            legal_basis=proposal.legal_basis,
            number=_next(self.store.texts(tx, proposal.legal_basis)),
            text=proposal.text,
            sha256=proposal.sha256,
            source=proposal.source,
            published_on=proposal.published_on,
            attached_by=FROM_RULEBOOK,
            attached_at=at,
        )
        self.store.insert_text(tx, taken)
        return taken

    def _check(self, basis: LegalBasis, text: str, new: NewText) -> None:
        wrong: dict[str, tuple[str, str]] = {}
        named = _ARTICLE.search(basis.article)
        if not 0 < len(text) <= MAX_TEXT:
            wrong["text"] = (f"give the text, at most {MAX_TEXT} characters", f"请录入原文，不超过 {MAX_TEXT} 字")
        elif named is not None and named.group() not in text:
            wrong["text"] = (
                f"the text must hold the article with its number, {named.group()}",
                f"原文须包含条号“{named.group()}”，请连同条号一并录入",
            )
        if not new.source.strip():
            wrong["source"] = ("say where the text was published", "请写明原文出处（公报或法律法规数据库及位置）")
        if new.published_on > self.desk.today():
            wrong["published_on"] = ("the version lies in the future", "版本日期晚于今天")
        if wrong:
            raise TextRefusedError(
                f"The text is not taken: {'; '.join(en for en, _ in wrong.values())}.",
                detail_zh=f"原文不予收存：{'；'.join(zh for _, zh in wrong.values())}。",
                missing=tuple(wrong),
            )

    def _entry(
        self,
        kind: str,
        principal: Principal,
        held: HeldText,
        decision: Decision,
        more: Mapping[str, JsonValue] | None = None,
    ) -> EntryDraft:
        facts: dict[str, JsonValue] = {
            "legal_basis": held.legal_basis,
            "number": held.number,
            "text_sha256": held.sha256,
            "published_on": held.published_on.isoformat(),
            "attached_by": held.attached_by,
            **(more or {}),
        }
        return EntryDraft(kind=kind, actor=principal, facts=facts, policy=decision.policy)


def _next(texts: Sequence[HeldText]) -> int:
    return max((text.number for text in texts), default=0) + 1


def _need_another(principal: Principal, held: HeldText) -> None:
    """Refuse the own text: the floor under the policy that says the same; no edited policy file removes it (I1)."""
    if held.attached_by == principal.account:
        raise TextRefusedError(
            "Whoever attached the text does not confirm it: another officer must.",
            detail_zh="录入条文原文的人不得自行确认，须由另一人核对。",
            rule="A50-11",
            missing=("another_person",),
        )


def _agree(held: HeldText, sha256: str, own_copy: str) -> None:
    same = not sha256 or sha256.strip().lower() == held.sha256
    if not same or (own_copy.strip() and digest(own_copy) != held.sha256):
        raise TextRefusedError(
            "What you compared is not the text that is held: compare again, or have the right text attached.",
            detail_zh="您核对的内容与录入的原文不一致；请重新核对，或由录入人重新录入正确的原文。",
            missing=("sha256",) if not same else ("own_copy",),
        )


def _over(held: HeldText) -> ConflictError:
    return ConflictError(
        f"The text is {held.state} already: read it again.",
        detail_zh="该原文的状态已变更，请刷新后再办理。",
        rule="A50-6",
        missing=(held.state.value,),
    )
