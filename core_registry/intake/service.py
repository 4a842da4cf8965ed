"""Preview and import of a form: good rows land in one transaction, bad rows go to a workbook with their reasons."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO

import polars as pl

from core_registry.errors import (
    RegisterRuleError,
    RegistryUnavailableError,
    ShrinkGuardError,
    UnreadableFileError,
)
from core_registry.intake import findings
from core_registry.intake.checks import FileChecks
from core_registry.intake.normalization import Normalizer
from core_registry.intake.reader import TEXT_FACTS, Form, read_form
from core_registry.intake.records import (
    ImportId,
    ImportMeta,
    ImportRequest,
    ImportSummary,
    Progress,
    RegisterStore,
)
from core_registry.intake.register_checks import Compared, check_schools, compare, shrinking, with_keys
from core_registry.intake.workbook import write_errors
from rulebook.records import ImportMapping, Rulebook

SHOWN_FINDINGS = 200
SHANGHAI = timezone(timedelta(hours=8))
"""Civil dates are those of Asia/Shanghai (T-6), which has had no summer time since 1991."""


def silent(stage: str, done: int, total: int) -> None:  # the protocol of a progress
    """Report no progress."""


@dataclass(frozen=True, slots=True)
class _Checked:
    form: Form = field(repr=False)
    findings: pl.DataFrame = field(repr=False)
    compared: Compared = field(repr=False)
    summary: ImportSummary = field(repr=False)


class ImportService:
    """The use cases of an import.

    ``now`` returns the present instant with its zone; ``new_id`` a fresh id of an import. One service may be used
    by several threads: it keeps nothing between calls.
    """

    def __init__(
        self, store: RegisterStore, book: Rulebook, now: Callable[[], datetime], new_id: Callable[[], ImportId]
    ) -> None:
        self._store = store
        self._book = book
        self._now = now
        self._new_id = new_id
        self._normalizer = Normalizer.of(book)

    def preview(self, request: ImportRequest, progress: Progress = silent) -> ImportSummary:
        """Return what ``run`` would do; nothing is written. Raises ``UnreadableFileError``."""
        return self._check(request, progress).summary

    def run(
        self, request: ImportRequest, progress: Progress = silent, errors_to: Path | IO[bytes] | None = None
    ) -> ImportSummary:
        """Import the good rows in one transaction and write the bad ones to ``errors_to``, if there are any.

        ``errors_to`` is a file that is put in place whole, or an empty stream that can be sought.

        The same file twice changes nothing: rows that equal the register are not written. Raises
        ``UnreadableFileError`` when the file cannot be taken at all, ``ShrinkGuardError`` when more of a school's
        roll would change or be left out than ``parameters.shrink_share`` and the request does not accept it (a
        corrected error workbook leaves out nothing; where nothing is to be written, nothing is guarded);
        ``RegisterRuleError`` when a form of former pupils names present ones (S-5);
        ``RegistryUnavailableError`` when the database or the workbook cannot be written. After an error neither
        register nor workbook has anything of the file.
        """
        checked = self._check(request, progress)
        summary = checked.summary
        landing = checked.compared.rows.filter(pl.col("status") != "unchanged")
        if request.former and summary.changed:
            raise RegisterRuleError(
                f"{summary.changed} rows of the form of former pupils are of pupils who are registered now; "
                "take them out: such a form only adds.",
                detail_zh=f"历史学籍表中有 {summary.changed} 行是现有学生，补录只新增、不变更，请删去后再导入。",
                rule="S-5",
            )
        if summary.shrink and len(landing) and not request.accept_shrink:
            named = "、".join(summary.shrink)
            raise ShrinkGuardError(
                f"the file would change or leave out too many pupils of: {named}; check it, then accept explicitly",
                detail_zh=f"该文件将变动或缺失以下学校的过多学生：{named}。请核对文件，确认无误后选择“确认变动”再导入。",
            )
        written = errors_to if summary.rejected else None
        if written is not None:
            _write_errors(written, checked, self._book)
        try:
            return self._land(landing, request, summary, progress)
        except BaseException:
            if isinstance(written, Path):
                written.unlink(missing_ok=True)
            elif written is not None:
                written.seek(0)
                written.truncate()
            raise

    def _land(
        self, landing: pl.DataFrame, request: ImportRequest, summary: ImportSummary, progress: Progress
    ) -> ImportSummary:
        if not len(landing):
            repeated = self._store.imported(summary.file_sha256) is not None
            return replace(summary, repeated=repeated)
        import_id = self._new_id()
        done = replace(summary, import_id=import_id)
        meta = ImportMeta(
            import_id,
            summary.file_sha256,
            request.mapping,
            request.actor,
            self._now(),
            done,
            request.approved,
            request.former,
        )
        columns = (
            *self._normalizer.annex,
            "school_code",
            "student_number",
            "entry_month",
            "residence_division",
            "household_division",
            "id_key",
            "suspect_key",
            "content_key",
            "student_id",
            *(code for code in TEXT_FACTS if code in landing.columns),
        )
        self._store.apply(landing.select(columns), meta, progress)
        return done

    def _check(self, request: ImportRequest, progress: Progress) -> _Checked:
        mapping = self._mapping(request.mapping)
        progress("read", 0, 0)
        form = read_form(request.path, mapping, self._book, school_given=request.school is not None)
        total = form.frame.height
        progress("read", total, total)
        progress("check", 0, total)
        values, found = self._normalizer.normalize(form, request.school)
        today = self._now().astimezone(SHANGHAI).date()
        of_file = FileChecks(values, self._book, self._normalizer, today).run()
        of_school = check_schools(values, self._store, self._book, request.allowed_schools)
        alone = findings.join([found, of_file, of_school])
        keyed = with_keys(values, self._normalizer.annex, self._store)
        compared = compare(keyed, findings.error_rows(alone), self._store)
        everything = findings.join([alone, compared.findings])
        progress("check", total, total)
        summary = self._summarize(request, form, everything, compared)
        return _Checked(form, everything, compared, summary)

    def _mapping(self, name: str) -> ImportMapping:
        mapping = self._book.import_mappings.get(name)
        if mapping is None:
            known = "、".join(sorted(self._book.import_mappings))
            raise UnreadableFileError(
                f"there is no such layout; the layouts are: {known}", detail_zh=f"没有此布局，可用的布局有：{known}。"
            )
        return mapping

    def _summarize(self, request: ImportRequest, form: Form, found: pl.DataFrame, compared: Compared) -> ImportSummary:
        status = compared.rows["status"]
        counts = found.group_by("code").agg(pl.col("row").n_unique()).sort("code")
        errors = findings.error_rows(found)
        warned = found.filter(~pl.col("code").is_in(list(findings.ERRORS)))["row"].n_unique()
        return ImportSummary(
            file_sha256=_sha256(request.path),
            mapping=request.mapping,
            rows=form.frame.height,
            new=int((status == "new").sum()),
            changed=int((status == "changed").sum()),
            unchanged=int((status == "unchanged").sum()),
            rejected=len(errors),
            absent=0 if request.former else int(compared.roll["absent"].sum()),
            warnings=warned,
            schools=compared.rows["school_code"].n_unique(),
            finding_counts=dict(counts.iter_rows()),
            findings=tuple(findings.spell(_shown(found), self._book.fields, form.columns)),
            shrink=tuple(
                shrinking(
                    compared.roll, self._book.parameters.shrink_share, whole=not (form.supplement or request.former)
                )
            ),
        )


def _write_errors(target: Path | IO[bytes], checked: _Checked, book: Rulebook) -> None:
    try:
        write_errors(target, checked.form, checked.findings, book)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise RegistryUnavailableError(
            f"the workbook for the rejected rows cannot be written ({name}): name another place; nothing was imported",
            detail_zh=f"退回行的工作簿无法写入（{name}），请换一个位置；未导入任何数据。",
        ) from error


def _shown(found: pl.DataFrame) -> pl.DataFrame:
    """Return the findings that a summary spells out: errors before warnings, then in order of row."""
    error = pl.col("code").is_in(list(findings.ERRORS))
    first = pl.concat([found.filter(error).head(SHOWN_FINDINGS), found.filter(~error).head(SHOWN_FINDINGS)])
    return first.head(SHOWN_FINDINGS).sort("row", maintain_order=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
