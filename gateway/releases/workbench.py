"""What every file of the road out has in common on the worker: claim, lease, leak scan, papers, ready or failed.

What fills a file differs, and is its maker's: an extract from a snapshot (``preparation``), the answer to a list
(``matches.matching``). So are the file's key and the file itself: nothing is sealed or opened here.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from core_registry.sharing import Matcher
from gateway.anonymize.plan import Plan
from gateway.anonymize.report import Report
from gateway.audit.rolls import RollCall
from gateway.audit.tags import Tagger, epoch_of
from gateway.errors import GatewayError, UnavailableError
from gateway.ids import ExtractId, SubjectRef
from gateway.incidents import report as report_incident
from gateway.journal import EntryDraft, Journal, JsonValue, Scratch, Tx
from gateway.policies.records import Grant
from gateway.policies.scope import UseRequest, covers
from gateway.releases.clock import require_clock
from gateway.releases.errors import LeaseLostError
from gateway.releases.leakwatch import LeakScan, LeakWatch
from gateway.releases.lookahead import ahead
from gateway.releases.manifest import ManifestSigner, manifest_claims, obligations
from gateway.releases.packing import file_name
from gateway.releases.places import sealed_in, take_away
from gateway.releases.protocols import Extracts, Grants
from gateway.releases.records import Extract, ExtractState, PreparedFile
from gateway.releases.reports.beside import beside
from gateway.releases.uses import chain
from gateway.releases.written import pieces
from rulebook.records import Rulebook

Links = Mapping[str, str]
"""The chain of responsibility of an extract, as far as it is known."""


@dataclass(frozen=True, slots=True)
class Made:
    """A sealed file that was written and scanned, and what its papers and its entry say about it."""

    prepared: PreparedFile
    wrapped_key: bytes = field(repr=False)
    report: Report
    noted: Mapping[str, JsonValue] = field(default_factory=dict)
    """Facts that only this maker's entries have."""
    reported: Mapping[str, JsonValue] = field(default_factory=dict)
    """Members that only this maker's reports have."""
    subjects: Sequence[SubjectRef] = field(default=(), repr=False)
    scanned: LeakScan | None = None


@dataclass(frozen=True, slots=True)
class Workbench:
    """Where sealed files are made. ``worker`` names this process in leases; ``files`` is their directory."""

    grants: Grants
    extracts: Extracts
    journal: Journal
    scratch: Scratch
    matcher: Matcher
    signer: ManifestSigner
    book: Rulebook
    files: Path
    issuer: str
    delivery_key: bytes = field(repr=False)
    now: Callable[[], datetime]
    today: Callable[[], date]
    worker: str
    tagger: Tagger = field(repr=False)
    """Makes the tags of the pupils in a file before its entry is written: a million take seconds."""
    settle: Callable[[], None]
    """Writes the entries that other faces queued: a claimed extract was committed together with its request's entry."""

    def run_next(
        self,
        make: Callable[[Extract, Grant, Links], None],
        *,
        matches: bool,
        retried: tuple[type[Exception], ...] = (UnavailableError,),
        refused: Callable[[GatewayError, Links], None] | None = None,
        failed: Callable[[Extract], object] | None = None,
    ) -> bool:
        """Claim the oldest extract that waits and ``make`` its file; say whether there was one.

        A failure is recorded, not raised, but for those of ``retried``: nothing is wrong with the extract then, and it
        is tried again when the lease is over. ``refused`` is told of a ``GatewayError`` before the extract is failed by
        it, ``failed`` of an extract that was failed here.
        """
        extract = self.scratch.write(
            lambda tx: self.extracts.claim(tx, self.worker, self.now(), self._lease(), matches=matches)
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
            self.settle()  # "requested" stands in the log before "preparing"
            grant = self.grants.grant(extract.grant)
            links = chain(grant, extract=extract.id, executor=extract.executor)
            require_clock(self.now(), grant.approved_at, extract.created_at)
            make(extract, grant, links)
        except LeaseLostError:
            return True  # another worker makes it, or it was ended: given up, or certified as deleted
        except retried:
            raise
        except GatewayError as error:
            if refused is not None:
                refused(error, links)
            problem, rule, incident = type(error).__name__, error.rule, error.extra.get("incident")
        except Exception as error:  # noqa: BLE001  the extract must not be under way for ever
            problem, rule = "UnexpectedError", None
            incident = report_incident("matching" if matches else "preparation", error)
        else:
            return True
        if self.fail(extract, links, incident, problem, rule) and failed is not None:
            failed(extract)
        return True

    def begin(self, plan: Plan, links: Links, **noted: JsonValue) -> None:
        """Record that a file is made by ``plan``; ``noted`` are facts that only this maker's entries have."""
        facts: dict[str, JsonValue] = {
            "plan_sha256": plan.sha256(),
            "fields": list(plan.names),
            "level": plan.level,
            **noted,
        }
        self.journal.append(EntryDraft("release.preparing", None, facts=facts, links=links))

    def require_covered(self, grant: Grant, use: UseRequest) -> None:
        """Return when ``grant`` covers ``use``, of which one is reserved; raises what ``covers`` raises (A50-9)."""
        # one use was reserved for this file: the check here is about everything else
        covers(replace(grant, uses_left=max(grant.uses_left, 1)), use, self.book.divisions)

    def progress(self, extract: ExtractId, done: int, total: int) -> None:
        """Note how far it is and renew the lease; raises ``LeaseLostError`` when it is another worker's now."""
        if not self.scratch.write(
            lambda tx: self.extracts.progress(tx, extract, self.worker, done, total, self._lease())
        ):
            raise _lost()

    def file_of(self, extract: ExtractId) -> Path:
        """Return where the sealed file of an extract lies."""
        return sealed_in(self.files, extract)

    def scan(self, extract: Extract, plan: Plan, prepared: PreparedFile, written: io.RawIOBase) -> LeakScan:
        """Search what was ``written``, as it is read back from the disk, for identifiers (design 6.8).

        Returns what was looked at. Raises ``LeakSuspectedError`` when the registry knows one of them.
        """
        watch = LeakWatch(plan)
        with ahead(pieces(extract.request.format, written)) as parts:
            for part in parts:
                self.progress(extract.id, prepared.rows_in, prepared.rows_in)
                watch.look_at(part)
        watch.judge(self.matcher)
        return watch.result(extract.request.format, prepared.size)

    def roll_call(self) -> RollCall:
        """Return what takes down the pupils in a file; closed, it is for the entry, also when there is nobody."""
        return self.tagger.roll_call(epoch_of(self.now()))

    def finish(self, extract: Extract, grant: Grant, made: Made, links: Links, still: Callable[[Tx], object]) -> None:
        """Write the papers, sign the manifest, and make the extract ready with the entry that says so.

        ``still`` runs in the same transaction: it raises what speaks against the file by now, and writes what must
        stand or fall with it. Raises ``LeaseLostError`` when the extract is another worker's now.
        """
        ready = self._ready(extract, grant, made)
        prepared = made.prepared

        def write(tx: Tx) -> None:
            if not self.extracts.finish(tx, ready, self.worker):
                raise _lost()
            still(tx)

        facts: dict[str, JsonValue] = {
            "rows": prepared.rows,
            "suppressed": prepared.suppressed,
            "bytes": prepared.size,
            "sha256": prepared.sha256,
            "manifest_sha256": _sha256(ready.manifest),
            "plan_sha256": prepared.plan_sha256,
            "snapshot": prepared.snapshot,
            **made.noted,
        }
        self.journal.record(
            write, EntryDraft("release.prepared", None, facts=facts, links=links, subjects=made.subjects)
        )

    def fail(self, extract: Extract, links: Links, incident: str | int | None, problem: str, rule: str | None) -> bool:
        """Destroy what was written, fail the extract and give its use back; false when it is another worker's now."""

        def write(tx: Tx) -> None:
            failed = replace(extract, state=ExtractState.FAILED, failure=problem)
            if not self.extracts.finish(tx, failed, self.worker):
                raise _lost()
            self.grants.release_use(tx, extract.grant)

        facts: dict[str, JsonValue] = {"problem": problem, "rule": rule, "incident": incident}
        try:
            self.progress(extract.id, 0, 0)
            take_away(self.file_of(extract.id))  # first: a file that failed must not outlive its row
            self.journal.record(write, EntryDraft("release.failed", None, outcome="failed", facts=facts, links=links))
        except LeaseLostError:
            return False
        return True

    def _ready(self, extract: Extract, grant: Grant, made: Made) -> Extract:
        """Return ``extract`` as it is when ``made`` is its file, with its papers."""
        prepared = made.prepared
        name = file_name(extract.id, extract.request)
        delete_by = self.today() + timedelta(days=made.report.retention_days)
        report = _json(
            made.report.to_json()
            | beside(
                extract,
                grant,
                prepared,
                file_name=name,
                delete_by=delete_by,
                prepared_at=self.now(),
                scanned=made.scanned,
            )
            | dict(made.reported)
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
                report_sha256=_sha256(report),
                obligations_sha256=_sha256(duties),
                rulebook=self.book.sha256,
            )
        )
        return replace(
            extract,
            state=ExtractState.READY,
            file_name=name,
            size=prepared.size,
            rows=prepared.rows,
            sha256=prepared.sha256,
            manifest=manifest,
            report=report,
            obligations=duties,
            wrapped_key=made.wrapped_key,
            rows_done=prepared.rows_in,
            rows_total=prepared.rows_in,
        )

    def _lease(self) -> datetime:
        return self.now() + timedelta(seconds=self.book.parameters.lease_seconds)


def _lost() -> LeaseLostError:
    return LeaseLostError("Another worker took this extract over.", detail_zh="该提取已由其他工作进程接手。")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
