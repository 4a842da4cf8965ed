"""The result as a file: written beside its place, read back, and put there whole, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl
import pyarrow as pa

from gateway.anonymize.tables.errors import ContentError, TableFileError

_PART = ".part"
Suffix = Literal[".csv", ".tsv", ".csv.gz", ".csv.zst", ".parquet"]
SUFFIXES: tuple[Suffix, ...] = (".csv", ".tsv", ".csv.gz", ".csv.zst", ".parquet")


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that is not yet in its place."""

    target: Path
    path: Path


def suffix_of(out: Path) -> Suffix:
    """Return the ending that says how ``out`` is written. Raises ``TableFileError`` for another one."""
    name = out.name.lower()
    found = next((suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(suffix)), None)
    if found is None:
        raise TableFileError(
            f"'{out.name}' does not say what to write; let it end in {', '.join(SUFFIXES)}.",
            detail_zh=f"“{out.name}”未说明输出格式；文件名应以 {'、'.join(SUFFIXES)} 结尾。",
        )
    return found


@contextmanager
def drafts(*targets: Path) -> Iterator[tuple[Draft, ...]]:
    """Yield a draft beside each target; what was not published is gone at the end, whatever happened."""
    made = tuple(Draft(target, target.with_name(f".{target.name}.{secrets.token_hex(6)}{_PART}")) for target in targets)
    try:
        yield made
    finally:
        for draft in made:
            draft.path.unlink(missing_ok=True)


def check_place(target: Path) -> None:
    """Raise ``TableFileError`` when no file can be made at ``target``."""
    if target.is_dir():
        raise TableFileError(
            f"{target} is a folder; name a file in it.", detail_zh=f"{target} 是文件夹，请给出文件名。"
        )
    if not target.parent.is_dir():
        raise TableFileError(
            f"There is no folder {target.parent}; make it first.", detail_zh=f"没有文件夹 {target.parent}，请先创建。"
        )
    if not os.access(target.parent, os.W_OK):
        raise TableFileError(f"{target.parent} cannot be written.", detail_zh=f"{target.parent} 不可写。")


def write_frame(frame: pl.DataFrame, draft: Draft, suffix: Suffix, delimiter: str) -> None:
    """Write ``frame`` as ``suffix`` says, UTF-8 without a byte order mark, and see it on the disk.

    Raises ``TableFileError`` when the disk is full or fails.
    """
    with _told(draft.target), draft.path.open("xb") as file:
        match suffix:
            case ".parquet":
                frame.write_parquet(file, compression="zstd")
            case ".csv" | ".tsv":
                frame.write_csv(file, separator="\t" if suffix == ".tsv" else delimiter)
            case ".csv.gz" | ".csv.zst":
                packed = pa.CompressedOutputStream(
                    pa.PythonFile(file, mode="w"), compression="gzip" if suffix == ".csv.gz" else "zstd"
                )
                with packed as stream:
                    frame.write_csv(stream, separator=delimiter)
        if not file.closed:
            file.flush()
            os.fsync(file.fileno())


def write_text(text: str, draft: Draft) -> None:
    """Write a text, UTF-8, and see it on the disk. Raises ``TableFileError`` when the disk is full or fails."""
    with _told(draft.target), draft.path.open("xb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def publish(made: tuple[Draft, ...]) -> None:
    """Put the drafts into their places, each at once; the last is the one that counts.

    Raises ``TableFileError`` when a place cannot be taken.
    """
    for draft in made:
        with _told(draft.target):
            os.replace(draft.path, draft.target)
    for folder in {draft.target.parent for draft in made}:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def check_classes(frame: pl.DataFrame, quasi: list[str], expected: Mapping[str, int], *, starred: int) -> None:
    """Measure what was read back from the draft: rows, classes and k as they were decided.

    ``starred`` rows stand as ``*`` in all of ``quasi`` and are no class. Raises ``ContentError`` when they differ.
    """
    rows = frame.height
    classes = frame.group_by(quasi).len()
    if starred:
        stars = pl.all_horizontal(pl.col(quasi).eq_missing("*"))
        held = classes.filter(stars)["len"].sum()
        # a class that is generalised to * in every column looks the same as suppressed rows
        if held == starred:
            classes = classes.filter(~stars)
        else:
            classes = classes.with_columns(pl.when(stars).then(pl.col("len") - starred).otherwise("len").alias("len"))
    found = {
        "rows": rows - starred,
        "classes": classes.height,
        "k": int(classes["len"].min() or 0),  # type: ignore[arg-type]  # a column of counts
    }
    if found != dict(expected):
        raise ContentError(
            f"The file holds {found}, {dict(expected)} was decided; it is destroyed.",
            detail_zh="写出的文件与所作决定不符，已销毁。",
        )


@contextmanager
def _told(target: Path) -> Iterator[None]:
    """Turn the errors of writing into one that says what to do."""
    try:
        yield
    except (OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        number = error.errno if isinstance(error, OSError) else None
        text = str(error).lower()
        full = number in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} or "no space" in text or "too large" in text
        if full:
            raise TableFileError(
                f"There is no room left to write {target}; make room or name another place. What stood there before "
                "is untouched.",
                detail_zh=f"磁盘空间不足，无法写出 {target}；请腾出空间或另选位置。原有文件未受影响。",
            ) from error
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "writing failed"
        raise TableFileError(
            f"{target} cannot be written: {reason}.", detail_zh=f"{target} 无法写出：{reason}。"
        ) from error
