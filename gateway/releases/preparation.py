"""Preparing an extract: snapshot, plan, transformation, shuffle, sealed file, leak scan, manifest.

Nothing leaves here; the file waits, sealed, for a delivery. The leak scan reads back what was written and asks
the registry's ``Matcher`` about every suspicion: a confirmed one stops the release and destroys the file.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast

import polars as pl

from core_registry.sharing import RowFilter, SharingView
from gateway.anonymize.pseudonyms import derive_key, key_id
from gateway.errors import GatewayError
from gateway.policies.records import Grant
from gateway.policies.scope import UseRequest, row_filter
from gateway.releases.lookahead import ahead
from gateway.releases.pipeline import Reading, transformer_of
from gateway.releases.records import Extract, PreparedFile
from gateway.releases.refusals import refusal
from gateway.releases.shuffle import Shuffle
from gateway.releases.uses import plan_of, use_of
from gateway.releases.vault import FileKey, SealedSink, SealedSource
from gateway.releases.workbench import Links, Made, Workbench
from gateway.releases.writers import writer


@dataclass(frozen=True, slots=True)
class Preparation:
    """The worker's half of the road out: files made from a snapshot of the sharing view."""

    bench: Workbench
    sharing: SharingView
    pseudonym_root: bytes = field(repr=False)

    def run_next(self) -> bool:
        """Prepare the oldest extract that waits; say whether there was one. A failure is recorded, not raised."""
        return self.bench.run_next(self._prepare, matches=False, refused=self._refuse)

    def _prepare(self, extract: Extract, grant: Grant, links: Links) -> None:
        bench = self.bench
        plan = plan_of(bench.book, grant, extract.request)
        key = derive_key(self.pseudonym_root, grant.recipient, grant.application, 1) if plan.pseudonymous else None
        transformer = transformer_of(plan, bench.book, key)
        rows = self._rows(extract, grant)
        bench.begin(plan, links)
        file_key = FileKey.new(extract.id)
        with self.sharing.snapshot() as snapshot:
            reading = Reading.begin(
                transformer,
                snapshot,
                rows,
                cap=grant.scope.row_cap,
                progress=lambda done, total: bench.progress(extract.id, done, total),
            )
            prepared = self._write(extract, reading, file_key)
        with SealedSource(bench.file_of(extract.id), file_key, prepared.size) as source:
            bench.scan(extract, plan, prepared, source)
        report = reading.report(rows_out=prepared.rows, pseudonym_key_id=None if key is None else key_id(key))
        bench.finish(
            extract,
            grant,
            Made(prepared, file_key.wrap(bench.delivery_key), report),
            links,
            # the grant may have ended while the file was made: then there is nothing to fetch
            lambda tx: self._covered_use(extract, bench.grants.grant_in(tx, grant.id)),
        )

    def _rows(self, extract: Extract, grant: Grant) -> RowFilter:
        use = self._covered_use(extract, grant)
        population = use.population or grant.scope.population
        return row_filter(replace(grant.scope, population=population), self.bench.book.divisions)

    def _covered_use(self, extract: Extract, grant: Grant) -> UseRequest:
        """Return the use that ``extract`` makes of ``grant``; raises what ``covers`` raises (A50-9, A50-12)."""
        use = use_of(grant, extract.request, self.bench.today())
        self.bench.require_covered(grant, use)
        return use

    def _write(self, extract: Extract, reading: Reading, file_key: FileKey) -> PreparedFile:
        plan = reading.plan
        schema: pl.Schema | None = None
        with Shuffle() as shuffle, SealedSink(self.bench.file_of(extract.id), file_key) as sink:
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
            self.bench.progress(extract.id, reading.rows_in, reading.total)
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

    def _refuse(self, error: GatewayError, links: Links) -> None:
        """Record that a limit of the grant was passed, where it was one: alerts follow these entries (A50-9)."""
        if "dimension" in error.extra:
            self.bench.journal.append(refusal(None, error, links))
