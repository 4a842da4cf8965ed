"""The ground of an application against what is held: texts of articles and scans of approvals (``A50-6``, ``A50-7``).

Everything is checked anew at each act: when the ground is recorded, when it is confirmed, and when the application is
decided. What was recorded is frozen: article, hash of the text, who determined it, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from gateway.articles import keeps
from gateway.ids import AccountId, ApplicationId
from gateway.journal import JsonValue, Reader, Tx
from gateway.policies.errors import GroundRefusedError, StaleVersionError
from gateway.policies.ground_problems import GroundProblem, problem
from gateway.policies.grounds import normalize_ground, problems, require_ground
from gateway.policies.legal_texts import TextStore, standing_hashes
from gateway.policies.records import Application, GovernmentApproval, Ground, StatuteGround
from gateway.policies.scans import ScanStore
from rulebook.records import Rulebook


class Holdings(Protocol):
    """What is held, in the words of a ground."""

    def texts(self, tx: Tx | None = None) -> Mapping[str, str]:
        """Return legal basis -> SHA-256 of its standing text; in ``tx``, or now."""

    def scan_held(self, application_id: ApplicationId, sha256: str) -> bool | None:
        """Return whether a scan with this hash is held for the application, ``None`` where this face cannot tell."""


class NothingHeld:
    """Holds nothing: no law carries a grant, no scan is there. What a service gets that nobody wired (I8)."""

    def texts(self, tx: Tx | None = None) -> Mapping[str, str]:  # noqa: ARG002  the protocol's parameter
        """Return no text."""
        return {}

    def scan_held(self, application_id: ApplicationId, sha256: str) -> bool | None:  # noqa: ARG002  as above
        """Return that nobody can tell."""
        return None


@dataclass(frozen=True, slots=True)
class StoredHoldings:
    """What the stores hold; ``scans`` is ``None`` on a face that may not know of them."""

    reader: Reader
    text_store: TextStore
    scans: ScanStore | None

    def texts(self, tx: Tx | None = None) -> Mapping[str, str]:
        """Return legal basis -> SHA-256 of its standing text."""
        if tx is not None:
            return standing_hashes(self.text_store.texts(tx))
        return self.reader.read(lambda own: standing_hashes(self.text_store.texts(own)))

    def scan_held(self, application_id: ApplicationId, sha256: str) -> bool | None:
        """Return whether a scan with this hash is held for the application."""
        store = self.scans
        if store is None:
            return None
        return any(one.sha256 == sha256 for one in self.reader.read(lambda tx: store.scans(tx, application_id)))


@dataclass(frozen=True, slots=True)
class GroundKeeper:
    """Takes grounds in, and looks whether they still hold."""

    book: Rulebook
    holdings: Holdings

    def problems(self, ground: Ground, application: Application, today: date) -> tuple[GroundProblem, ...]:
        """Return everything that is wrong with a ground for an application; nothing is recorded."""
        found = problems(
            ground, application.scope, application.recipient, self.book, today, texts=self.holdings.texts()
        )
        return (*found, *self._scan_problems(normalize_ground(ground), application))

    @keeps("A50-6", "A50-7")
    def admit(self, ground: Ground, application: Application, recorder: AccountId, today: date) -> Ground:
        """Return the ground as it is kept: normalised and frozen; raises ``GroundRefusedError`` with every problem."""
        normal = normalize_ground(ground)
        texts = self.holdings.texts()
        self._require(normal, application, today, texts)
        if isinstance(normal, StatuteGround):
            basis = self.book.legal_bases[normal.legal_basis]
            return replace(
                normal,
                article=basis.article,
                text_sha256=texts[basis.code],
                determined_by=normal.determined_by or recorder,
            )
        return normal

    @keeps("A50-5", "A50-6", "A50-7")
    def recheck(self, application: Application, today: date) -> Ground:
        """Return the recorded ground of an application when it still holds today; raises ``GroundRefusedError``."""
        ground = application.ground
        if ground is None:
            raise GroundRefusedError(
                "No legal ground has been recorded: nothing is granted without a law or a government's approval.",
                detail_zh="尚未登记依据：没有法律法规依据或县级以上人民政府批准，不得授权。",
                rule="A50-5",
                missing=("ground",),
            )
        self._require(ground, application, today, self.holdings.texts(), frozen=True)
        return ground

    def still_stands(self, tx: Tx, ground: Ground) -> None:
        """Return when a statute's text stands in the transaction that decides; raises ``StaleVersionError`` if not.

        Closes the gap between the check and the decision: an officer may retire the text in between.
        """
        if isinstance(ground, StatuteGround) and self.holdings.texts(tx).get(ground.legal_basis) != ground.text_sha256:
            raise StaleVersionError(
                "The article's text was replaced or retired in between: read the application again.",
                detail_zh="条文原文已在此期间更换或停用，请刷新后再办理。",
                rule="A50-6",
                missing=("text_changed",),
            )

    def scan_held(self, application: Application) -> bool | None:
        """Return whether the scan of a recorded approval is held; ``None`` for a statute, or where nobody can tell."""
        ground = application.ground
        if not isinstance(ground, GovernmentApproval):
            return None
        return self.holdings.scan_held(application.id, ground.scan_sha256)

    def facts(self, ground: Ground, application_id: ApplicationId) -> dict[str, JsonValue]:
        """Return what an entry says of a ground beside its label."""
        if isinstance(ground, StatuteGround):
            return {"legal_basis": ground.legal_basis, "text_sha256": ground.text_sha256}
        held = self.holdings.scan_held(application_id, ground.scan_sha256)
        return {"scan_held": held is True, "scan_sha256": ground.scan_sha256}

    def _require(
        self,
        ground: Ground,
        application: Application,
        today: date,
        texts: Mapping[str, str],
        *,
        frozen: bool = False,
    ) -> None:
        also = list(self._scan_problems(ground, application))
        if frozen and isinstance(ground, StatuteGround) and not ground.text_sha256 and texts.get(ground.legal_basis):
            also.append(problem("text_changed"))  # recorded before texts were frozen: nobody knows which it was
        require_ground(
            ground,
            application.scope,
            application.recipient,
            self.book,
            today,
            texts=texts,
            also=tuple(also),
        )

    def _scan_problems(self, ground: Ground, application: Application) -> tuple[GroundProblem, ...]:
        if not isinstance(ground, GovernmentApproval) or not self.book.parameters.scan_required:
            return ()
        held = self.holdings.scan_held(application.id, ground.scan_sha256)
        return () if held is True else (problem("scan_not_held"),)
