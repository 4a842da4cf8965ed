"""The worker's half of a match: open the list, look everybody up, write the answer by row number, destroy the list.

What is written holds row numbers, whether a row was matched, and granted attributes: no identifier, not even one that
was handed in. Who is unknown, out of the grant's territory or beyond the guess limit looks alike.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from core_registry.errors import RegistryUnavailableError
from core_registry.sharing import Matcher, PersonMatcher, PersonQuery, PupilRows
from gateway.anonymize.plan import Plan
from gateway.anonymize.report import report_of
from gateway.errors import GatewayError, UnavailableError
from gateway.ids import ExtractId, SubjectRef
from gateway.incidents import report as report_incident
from gateway.journal import EntryDraft, Journal, JsonValue, Scratch, Tx
from gateway.policies.records import Grant
from gateway.policies.scope import covers, row_filter
from gateway.releases.checks.guesses import GuessLimit
from gateway.releases.clock import require_clock
from gateway.releases.errors import LeaseLostError
from gateway.releases.manifest import ManifestSigner, manifest_claims, obligations
from gateway.releases.matches.records import MATCHED, ROW, UNCONFIRMED, YES, Listed
from gateway.releases.matches.service import match_plan, match_use
from gateway.releases.matches.shelf import ListShelf
from gateway.releases.pipeline import LeakWatch, transformer_of
from gateway.releases.protocols import Extracts, Grants
from gateway.releases.records import Extract, ExtractState, PreparedFile
from gateway.releases.uses import chain
from gateway.releases.vault import FileKey, SealedSink, SealedSource, part_of
from gateway.releases.writers import read_back, writer
from rulebook.records import Rulebook


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at a list came to: the answer's rows, who was found, and whose guess was confirmed."""

    frame: pl.DataFrame = field(repr=False)
    subjects: tuple[SubjectRef, ...] = field(repr=False)
    keys: list[str] = field(repr=False)
    matched: list[bool] = field(repr=False)
    limited: int
    snapshot: str


@dataclass(frozen=True, slots=True)
class Matching:
    """Answers lists. ``worker`` names this process in leases."""

    grants: Grants
    extracts: Extracts
    shelf: ListShelf
    guesses: GuessLimit
    journal: Journal
    scratch: Scratch
    people: PersonMatcher
    pupils: PupilRows
    matcher: Matcher
    signer: ManifestSigner
    book: Rulebook
    files: Path
    issuer: str
    delivery_key: bytes = field(repr=False)
    now: Callable[[], datetime]
    today: Callable[[], date]
    worker: str
    settle: Callable[[], None]
    """Writes the entries that other faces queued: a claimed extract was committed together with its request's entry."""

    def run_next(self) -> bool:
        """Match the oldest list that waits; say whether there was one. A failure is recorded, not raised."""
        extract = self.scratch.write(
            lambda tx: self.extracts.claim(tx, self.worker, self.now(), self._lease(), matches=True)
        )
        if extract is None:
            return False
        links = {
            "grant": str(extract.grant),
            "extract": str(extract.id),
            "recipient": str(extract.recipient),
            "executor": str(extract.executor),
        }
        try:
            self.settle()
            grant = self.grants.grant(extract.grant)
            links = chain(grant, extract=extract.id, executor=extract.executor)
            self._match(extract, grant, links)
        except LeaseLostError:
            return True  # another worker matches it, or it was given up
        except (UnavailableError, RegistryUnavailableError):
            raise  # nothing is wrong with the list: it is tried again when the lease is over
        except GatewayError as error:
            self._fail(extract, links, error.extra.get("incident"), type(error).__name__, error.rule)
        except Exception as error:  # noqa: BLE001  the list must not stand for ever
            self._fail(extract, links, report_incident("matching", error), "UnexpectedError", None)
        return True

    def _match(self, extract: Extract, grant: Grant, links: dict[str, str]) -> None:
        require_clock(self.now(), grant.approved_at, extract.created_at)
        people = self.shelf.open(extract.id)
        self._cover(extract, grant, len(people))
        plan = match_plan(self.book, grant, extract.request)
        self.journal.append(
            EntryDraft(
                "release.preparing",
                None,
                facts={
                    "plan_sha256": plan.sha256(),
                    "fields": list(plan.names),
                    "level": plan.level,
                    "list_rows": len(people),
                },
                links=links,
            )
        )
        looked = self._look(grant, plan, people)
        self._progress(extract.id, len(people), len(people))
        file_key = FileKey.new(extract.id)
        prepared = self._write(extract, plan, looked, file_key)
        self._scan(extract, plan, prepared, file_key)
        self._finish(extract, grant, plan, looked, prepared, file_key, links)
        self.shelf.destroy(extract, "matched")

    def _look(self, grant: Grant, plan: Plan, people: Sequence[Listed]) -> Looked:
        keys, open_ = self.guesses.reserve(grant.recipient, self.today(), [one.id_number for one in people])
        found = self.people.subjects([_query(one, open=may) for one, may in zip(people, open_, strict=True)])
        rows = row_filter(grant.scope, self.book.divisions)
        columns = tuple(dict.fromkeys([*plan.sources, *rows.conditions()]))
        subjects = [subject or secrets.token_hex(16) for subject in found]
        snapshot, view = self.pupils.pupils(subjects, columns)
        inside = view.filter([pl.col(column).is_in(sorted(codes)) for column, codes in rows.conditions().items()])
        attributes = transformer_of(plan, self.book, None).apply(inside).with_columns(inside["subject_ref"])
        listed = pl.DataFrame(
            {ROW: [one.row for one in people], "subject_ref": subjects},
            schema={ROW: pl.Int64, "subject_ref": pl.String},
        )
        joined = listed.join(
            attributes.with_columns(pl.lit(YES).alias(MATCHED)), on="subject_ref", how="left", maintain_order="left"
        )
        matched = joined[MATCHED].is_not_null().to_list()
        answer = joined.with_columns(pl.col(MATCHED).fill_null(UNCONFIRMED)).select(ROW, MATCHED, *plan.names)
        known = tuple(SubjectRef(subject) for subject in found if subject is not None)
        return Looked(answer, known, keys, matched, open_.count(False), snapshot)

    def _write(self, extract: Extract, plan: Plan, looked: Looked, file_key: FileKey) -> PreparedFile:
        frame = looked.frame
        with SealedSink(self._file(extract.id), file_key) as sink:
            out = writer(extract.request.format, cast("BinaryIO", sink), frame.schema)
            out.write(frame)
            out.close()
            self._progress(extract.id, frame.height, frame.height)
            digest = sink.commit()
            size = sink.size
        return PreparedFile(
            size=size,
            rows=frame.height,
            sha256=digest,
            rows_in=frame.height,
            suppressed=0,
            snapshot=looked.snapshot,
            plan_sha256=plan.sha256(),
            columns=(ROW, MATCHED, *plan.names),
        )

    def _scan(self, extract: Extract, plan: Plan, prepared: PreparedFile, file_key: FileKey) -> None:
        """Search the written file, read back from the disk, for identifiers (design 6.8)."""
        watch = LeakWatch(plan)
        with SealedSource(self._file(extract.id), file_key, prepared.size) as source:
            for frame in read_back(extract.request.format, cast("io.RawIOBase", source)):
                self._progress(extract.id, prepared.rows_in, prepared.rows_in)
                watch.look(frame)
        watch.judge(self.matcher)

    def _finish(
        self,
        extract: Extract,
        grant: Grant,
        plan: Plan,
        looked: Looked,
        prepared: PreparedFile,
        file_key: FileKey,
        links: dict[str, str],
    ) -> None:
        name = f"{extract.id}.{extract.request.format}"
        delete_by = self.today() + timedelta(days=plan.retention_days)
        report_text = _json(
            report_of(plan, rows_in=prepared.rows, rows_out=prepared.rows).to_json()
            | {
                "extract": extract.id,
                "grant": grant.id,
                "ground": grant.ground_label,
                "approver": grant.approver,
                "executor": extract.executor,
                "recipient": grant.recipient,
                "responsible": grant.responsible,
                "delete_by": delete_by.isoformat(),
                "snapshot": prepared.snapshot,
                "sha256": prepared.sha256,
                "matched_rows": sum(looked.matched),
            }
        )
        duties = _json(obligations(grant, extract.id, delete_by))
        manifest = self.signer.sign(
            manifest_claims(
                issuer=self.issuer,
                extract=extract.id,
                grant=grant,
                executor=extract.executor,
                request=extract.request,
                file=prepared,
                file_name=name,
                issued_at=self.now(),
                expires_on=extract.expires_on,
                delete_by=delete_by,
                report_sha256=_sha256(report_text),
                obligations_sha256=_sha256(duties),
                rulebook=self.book.sha256,
            )
        )
        ready = replace(
            extract,
            state=ExtractState.READY,
            file_name=name,
            size=prepared.size,
            rows=prepared.rows,
            sha256=prepared.sha256,
            manifest=manifest,
            report=report_text,
            obligations=duties,
            wrapped_key=file_key.wrap(self.delivery_key),
            rows_done=prepared.rows,
            rows_total=prepared.rows,
        )
        facts: dict[str, JsonValue] = {
            "rows": prepared.rows,
            "matched_rows": sum(looked.matched),
            "limited_rows": looked.limited,
            "suppressed": 0,
            "bytes": prepared.size,
            "sha256": prepared.sha256,
            "manifest_sha256": _sha256(manifest),
            "plan_sha256": prepared.plan_sha256,
            "snapshot": prepared.snapshot,
        }

        def write(tx: Tx) -> None:
            if not self.extracts.finish(tx, ready, self.worker):
                raise _lost()
            # the grant may have ended while the list was matched: then there is nothing to fetch
            self._cover(extract, self.grants.grant_in(tx, grant.id), prepared.rows)
            self.guesses.settle(tx, looked.keys, looked.matched)

        self.journal.record(
            write, EntryDraft("release.prepared", None, facts=facts, links=links, subjects=looked.subjects)
        )

    def _cover(self, extract: Extract, grant: Grant, rows: int) -> None:
        # one use was reserved for this list: the check here is about everything else
        use = match_use(grant, extract.request, self.today(), rows)
        covers(replace(grant, uses_left=max(grant.uses_left, 1)), use, self.book.divisions)

    def _fail(
        self, extract: Extract, links: dict[str, str], incident: str | int | None, problem: str, rule: str | None
    ) -> None:
        def write(tx: Tx) -> None:
            failed = replace(extract, state=ExtractState.FAILED, failure=problem)
            if not self.extracts.finish(tx, failed, self.worker):
                raise _lost()
            self.grants.release_use(tx, extract.grant)

        facts: dict[str, JsonValue] = {"problem": problem, "rule": rule, "incident": incident}
        try:
            self._progress(extract.id, 0, 0)
            self._file(extract.id).unlink(missing_ok=True)  # first: a file that failed must not outlive its row
            part_of(self._file(extract.id)).unlink(missing_ok=True)
            self.journal.record(write, EntryDraft("release.failed", None, outcome="failed", facts=facts, links=links))
        except LeaseLostError:
            return
        self.shelf.destroy(extract, "failed")

    def _progress(self, extract: ExtractId, done: int, total: int) -> None:
        """Note how far it is and renew the lease; raises ``LeaseLostError`` when it is another worker's now."""
        if not self.scratch.write(
            lambda tx: self.extracts.progress(tx, extract, self.worker, done, total, self._lease())
        ):
            raise _lost()

    def _file(self, extract: ExtractId) -> Path:
        return self.files / f"{extract}.sealed"

    def _lease(self) -> datetime:
        return self.now() + timedelta(seconds=self.book.parameters.lease_seconds)


def _query(one: Listed, *, open: bool) -> PersonQuery:
    """Return whom to look up: beyond the guess limit a random number, which is nobody's, by the same statement."""
    number = one.id_number if open else secrets.token_hex(9)
    return PersonQuery(number, one.name, one.student_number, one.phone)


def _lost() -> LeaseLostError:
    return LeaseLostError("Another worker took this list over.", detail_zh="该名单已由其他工作进程接手。")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
