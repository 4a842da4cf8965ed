"""Preparing an extract: snapshot, plan, transformation, shuffle, sealed file, leak scan, manifest.

Nothing leaves here; the file waits, sealed, for a delivery. The leak scan reads back what was written and asks
the registry's ``Matcher`` about every suspicion: a confirmed one stops the release and destroys the file.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from core_registry.sharing import Matcher, RowFilter, SharingView
from gateway.anonymize.plan import Plan
from gateway.anonymize.pseudonyms import derive_key, key_id
from gateway.errors import GatewayError, UnavailableError
from gateway.ids import ExtractId
from gateway.incidents import report as report_incident
from gateway.journal import EntryDraft, Journal, JsonValue, Scratch, Tx
from gateway.policies.records import Grant
from gateway.policies.scope import UseRequest, covers, row_filter
from gateway.releases.clock import require_clock
from gateway.releases.errors import LeaseLostError
from gateway.releases.lookahead import ahead
from gateway.releases.manifest import ManifestSigner, manifest_claims, obligations
from gateway.releases.pipeline import LeakWatch, Reading, transformer_of
from gateway.releases.protocols import Extracts, Grants
from gateway.releases.records import Extract, ExtractState, PreparedFile
from gateway.releases.shuffle import Shuffle
from gateway.releases.uses import chain, plan_of, use_of
from gateway.releases.vault import FileKey, SealedSink, SealedSource, part_of
from gateway.releases.writers import read_back, writer
from rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Preparation:
    """The worker's half of the road out."""

    grants: Grants
    extracts: Extracts
    journal: Journal
    scratch: Scratch
    sharing: SharingView
    matcher: Matcher
    signer: ManifestSigner
    book: Rulebook
    files: Path
    issuer: str
    delivery_key: bytes = field(repr=False)
    pseudonym_root: bytes = field(repr=False)
    now: Callable[[], datetime]
    today: Callable[[], date]
    worker: str
    settle: Callable[[], None]
    """Writes the entries that other faces queued: a claimed extract was committed together with its request's entry."""

    def run_next(self) -> bool:
        """Prepare the oldest extract that waits; say whether there was one. A failure is recorded, not raised."""
        extract = self.scratch.write(lambda tx: self.extracts.claim(tx, self.worker, self.now(), self._lease()))
        if extract is None:
            return False
        links = {
            "grant": str(extract.grant),
            "extract": str(extract.id),
            "recipient": str(extract.recipient),
            "executor": str(extract.executor),
        }
        try:
            self.settle()  # "requested" stands in the log before "preparing"
            grant = self.grants.grant(extract.grant)
            links = chain(grant, extract=extract.id, executor=extract.executor)
            self._prepare(extract, grant)
        except LeaseLostError:
            return True  # another worker prepares it, or the recipient certified its deletion
        except UnavailableError:
            raise  # nothing is wrong with the extract: it is tried again when the lease is over
        except GatewayError as error:
            self._refuse(error, links)
            self._fail(extract, links, error.extra.get("incident"), type(error).__name__, error.rule)
        except Exception as error:  # noqa: BLE001  the extract must not stay in preparation for ever
            self._fail(extract, links, report_incident("preparation", error), "UnexpectedError", None)
        return True

    def _prepare(self, extract: Extract, grant: Grant) -> None:
        require_clock(self.now(), grant.approved_at, extract.created_at)
        plan = plan_of(self.book, grant, extract.request)
        key = derive_key(self.pseudonym_root, grant.recipient, grant.application, 1) if plan.pseudonymous else None
        transformer = transformer_of(plan, self.book, key)
        rows = self._rows(extract, grant)
        self.journal.append(
            EntryDraft(
                "release.preparing",
                None,
                facts={"plan_sha256": plan.sha256(), "fields": list(plan.names), "level": plan.level},
                links=chain(grant, extract=extract.id, executor=extract.executor),
            )
        )
        file_key = FileKey.new(extract.id)
        with self.sharing.snapshot() as snapshot:
            reading = Reading.begin(
                transformer,
                snapshot,
                rows,
                cap=grant.scope.row_cap,
                progress=lambda done, total: self._progress(extract.id, done, total),
            )
            prepared = self._write(extract, reading, file_key)
        self._scan(extract, plan, prepared, file_key)
        self._finish(extract, grant, reading, prepared, file_key, key)

    def _rows(self, extract: Extract, grant: Grant) -> RowFilter:
        use = self._cover(extract, grant)
        population = use.population or grant.scope.population
        return row_filter(replace(grant.scope, population=population), self.book.divisions)

    def _cover(self, extract: Extract, grant: Grant) -> UseRequest:
        """Return the use that ``extract`` makes of ``grant``; raises what ``covers`` raises (A50-9, A50-12)."""
        use = use_of(grant, extract.request, self.today())
        # one use was reserved for this extract: the check here is about everything else
        covers(replace(grant, uses_left=max(grant.uses_left, 1)), use, self.book.divisions)
        return use

    def _write(self, extract: Extract, reading: Reading, file_key: FileKey) -> PreparedFile:
        plan = reading.plan
        schema: pl.Schema | None = None
        with Shuffle() as shuffle, SealedSink(self._file(extract.id), file_key) as sink:
            with closing(reading.frames()) as frames:
                for frame in frames:
                    schema = frame.schema
                    shuffle.add(frame)
            out = writer(
                extract.request.format,
                cast("BinaryIO", sink),
                schema or pl.Schema(dict.fromkeys(plan.names, pl.String)),
            )
            with ahead(shuffle.frames()) as mixed:
                for frame in mixed:
                    out.write(frame)
            out.close()
            # before the name is taken: it may be another worker's by now
            self._progress(extract.id, reading.rows_in, reading.total)
            digest = sink.commit()
            written = shuffle.rows
            size = sink.size
        return PreparedFile(
            size=size,
            rows=written,
            sha256=digest,
            rows_in=reading.rows_in,
            suppressed=reading.rows_in - written,
            snapshot=reading.snapshot.version,
            plan_sha256=plan.sha256(),
            columns=plan.names,
        )

    def _scan(self, extract: Extract, plan: Plan, prepared: PreparedFile, file_key: FileKey) -> None:
        """Search the written file, read back from the disk, for identifiers (design 6.8)."""
        watch = LeakWatch(plan)
        with (
            SealedSource(self._file(extract.id), file_key, prepared.size) as source,
            ahead(read_back(extract.request.format, cast("io.RawIOBase", source))) as frames,
        ):
            for frame in frames:
                self._progress(extract.id, prepared.rows_in, prepared.rows_in)
                watch.look(frame)
        watch.judge(self.matcher)

    def _finish(
        self,
        extract: Extract,
        grant: Grant,
        reading: Reading,
        prepared: PreparedFile,
        file_key: FileKey,
        key: str | None,
    ) -> None:
        name = f"{extract.id}.{extract.request.format}"
        delete_by = self.today() + timedelta(days=reading.plan.retention_days)
        report_text = _json(
            reading.report(rows_out=prepared.rows, pseudonym_key_id=None if key is None else key_id(key)).to_json()
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
            rows_done=prepared.rows_in,
            rows_total=prepared.rows_in,
        )
        facts: dict[str, JsonValue] = {
            "rows": prepared.rows,
            "suppressed": prepared.suppressed,
            "bytes": prepared.size,
            "sha256": prepared.sha256,
            "manifest_sha256": _sha256(manifest),
            "plan_sha256": prepared.plan_sha256,
            "snapshot": prepared.snapshot,
        }

        def write(tx: Tx) -> None:
            if not self.extracts.finish(tx, ready, self.worker):
                raise _lost()
            # the grant may have ended while the file was made: then there is nothing to fetch
            self._cover(extract, self.grants.grant_in(tx, grant.id))

        self.journal.record(
            write,
            EntryDraft(
                "release.prepared",
                None,
                facts=facts,
                links=chain(grant, extract=extract.id, executor=extract.executor),
            ),
        )

    def _refuse(self, error: GatewayError, links: dict[str, str]) -> None:
        """Record that a limit of the grant was passed, where it was one: alerts follow these entries (A50-9)."""
        if "dimension" not in error.extra:
            return
        facts: dict[str, JsonValue] = {
            "problem": type(error).__name__,
            "rule": error.rule,
            "missing": list(error.missing),
            "dimension": error.extra["dimension"],
        }
        self.journal.append(EntryDraft("release.refused", None, outcome="refused", facts=facts, links=links))

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


def _lost() -> LeaseLostError:
    return LeaseLostError("Another worker took this extract over.", detail_zh="该提取已由其他工作进程接手。")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
