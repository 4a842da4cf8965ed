"""Counting an answer: snapshot, histogram, noise, a consistent table, what is hidden, the signed manifest.

The worker does it, and every face that has the register and the grant key does it at once. It was paid for before: if
this dies half way, the loss stays spent, and whoever takes the answer up again draws noise that nobody has seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from core_registry.errors import RegistryUnavailableError
from core_registry.sharing import SharingView
from gateway.articles import keeps
from gateway.errors import GatewayError, UnavailableError
from gateway.incidents import report
from gateway.journal import EntryDraft, Journal, Reader, Scratch, Tx
from gateway.policies.records import Grant
from gateway.policies.trail import grant_links
from gateway.releases.errors import LeaseLostError
from gateway.releases.manifest import ManifestSigner
from gateway.releases.protocols import Grants
from gateway.releases.statistics.content import Content, content_text, count
from gateway.releases.statistics.design import Design
from gateway.releases.statistics.dimensions import rows_of, sensitive_columns, table_of
from gateway.releases.statistics.protocols import Statistics
from gateway.releases.statistics.records import Answer, AnswerId, AnswerState, Canonical
from rulebook.records import Rulebook


def design_of(book: Rulebook, grant: Grant, answer: Answer) -> Design:
    """Return how an answer is measured. Raises ``ParameterError`` for a table that the rule book does not have."""
    return design_for(book, grant, answer.question, answer.school_year, answer)


def design_for(book: Rulebook, grant: Grant, question: Canonical, school_year: int, priced: Answer) -> Design:
    """Return how ``question`` would be measured with the loss and mechanism of ``priced``."""
    sensitive = sensitive_columns(book, book.profiles[grant.scope.profile])
    table = table_of(book, question, school_year, sensitive)
    return Design(table, priced.loss, priced.mechanism, question.bounds, book.parameters.statistics.rounding)


@keeps("A50-8", "A50-10")
@dataclass(frozen=True, slots=True)
class Counting:
    """Counts what was paid for. ``worker`` names this process in leases."""

    statistics: Statistics
    grants: Grants
    journal: Journal
    reader: Reader
    scratch: Scratch
    sharing: SharingView
    signer: ManifestSigner
    book: Rulebook
    issuer: str
    now: Callable[[], datetime]
    today: Callable[[], date]
    worker: str
    settle: Callable[[], None] = lambda: None
    """Writes the entries that other faces queued: "requested" stands in the log before "prepared"."""

    def run_next(self) -> bool:
        """Count the oldest answer that waits; say whether there was one."""
        return self._run(None)

    def run(self, identifier: AnswerId) -> bool:
        """Count the answer if it waits for somebody; say whether it did. A failure is recorded, not raised."""
        return self._run(identifier)

    def _run(self, identifier: AnswerId | None) -> bool:
        lease = self.now() + timedelta(seconds=self.book.parameters.lease_seconds)
        answer = self.scratch.write(lambda tx: self.statistics.claim(tx, self.worker, self.now(), lease, identifier))
        if answer is None:
            return False
        try:
            self.settle()
            self._count(answer)
        except LeaseLostError:
            return True
        except (UnavailableError, RegistryUnavailableError):
            self._later(answer)  # the register may be back in a moment; the loss is spent already
            raise
        except GatewayError as error:
            self._fail(answer, type(error).__name__, error.rule)
        except Exception as error:  # noqa: BLE001  one question must not keep the others waiting
            self._fail(answer, "UnexpectedError", None, report("statistics", error))
        return True

    def _count(self, answer: Answer) -> None:
        grant = self.grants.grant(answer.grant)
        design = design_of(self.book, grant, answer)
        with self.sharing.snapshot() as snapshot:
            histogram = count(
                snapshot, rows_of(self.book, grant.scope, answer.question), design, answer.question, answer.school_year
            )
            version = snapshot.version
        cells, sums = design.draw(histogram)
        del histogram
        text = content_text(answer, design, cells, sums, self.book.parameters.statistics, version)
        digest = hashlib.sha256(text.encode()).hexdigest()
        done = replace(
            answer,
            state=AnswerState.READY,
            content=text,
            sha256=digest,
            manifest=self.signer.sign(self._claims(answer, grant, digest, version)),
            snapshot=version,
            ready_at=self.now(),
        )
        told = Content.parse(text).document
        self._finish(
            done,
            EntryDraft(
                "release.prepared",
                None,
                facts={
                    "answer": answer.id,
                    "sha256": digest,
                    "snapshot": version,
                    "cells": told["cells"],
                    "cells_hidden": told["cells_hidden"],
                    "manifest_sha256": hashlib.sha256(done.manifest.encode()).hexdigest(),
                },
                links=self._links(answer, grant),
            ),
        )

    def _claims(self, answer: Answer, grant: Grant, digest: str, snapshot: str) -> dict[str, object]:
        """Return the manifest: what was counted, its hash and loss, and the whole chain 谁批准、谁负责 (A50-10)."""
        return {
            "iss": self.issuer,
            "jti": answer.id,
            "iat": int(self.now().timestamp()),
            "answer": answer.id,
            "content_sha256": digest,
            "question_sha256": answer.question.sha256(),
            "epsilon_micro": answer.loss.epsilon,
            "delta_pico": answer.loss.delta,
            "mechanism": answer.mechanism,
            "school_year": answer.school_year,
            "level": grant.scope.level,
            "purpose": grant.scope.purpose,
            "profile": grant.scope.profile,
            "snapshot": snapshot,
            "application": grant.application,
            "grant": grant.id,
            "ground": {"id": grant.ground_id, "kind": grant.ground_kind, "label": grant.ground_label},
            "basis_recorder": grant.basis_recorder,
            "basis_confirmer": grant.basis_confirmer,
            "approver": grant.approver,
            "executor": answer.executor,
            "recipient": {"id": grant.recipient, "name": grant.recipient_name},
            "responsible": grant.responsible,
            "rulebook": self.book.sha256,
            "policy_set": grant.policy_set,
            "personal_information": False,
            "source": "晋教〔2026〕1号 art. 50",
        }

    def _fail(self, answer: Answer, problem: str, rule: str | None, incident: str | None = None) -> None:
        """Close a counting that failed. Its loss stays spent; asked again, it is counted again without another."""
        failed = replace(answer, state=AnswerState.FAILED, failure=problem)
        grant = self.grants.grant(answer.grant)
        entry = EntryDraft(
            "release.failed",
            None,
            outcome="failed",
            facts={"answer": answer.id, "problem": problem, "rule": rule, "incident": incident},
            links=self._links(answer, grant),
        )
        self._finish(failed, entry)

    def _later(self, answer: Answer) -> None:
        self.scratch.write(
            lambda tx: self.statistics.finish(tx, replace(answer, state=AnswerState.QUEUED), self.worker)
        )

    def _finish(self, answer: Answer, entry: EntryDraft) -> None:
        def write(tx: Tx) -> None:
            if not self.statistics.finish(tx, answer, self.worker):
                raise LeaseLostError("Another worker took this over.", detail_zh="该任务已由其他进程接管。")

        self.journal.record(write, entry)

    def _links(self, answer: Answer, grant: Grant) -> dict[str, str]:
        return {**grant_links(grant), "executor": str(answer.executor)}
