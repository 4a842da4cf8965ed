"""Destroying the old tag root, once every quarter of the log has a stored key of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.epoch_keys import ACCESS_TAGS, EpochKeys
from gateway.errors import ConflictError, NotFoundError
from gateway.journal import EntryDraft, Journal, Reader
from gateway.keyring import TAG_ROOT
from gateway.principals import Principal


@dataclass(frozen=True, slots=True)
class TagRoot:
    """The file of the old root. As long as it, or a copy of it, is anywhere, its quarters' keys can be made again."""

    epochs: EpochKeys
    directory: Path
    journal: Journal
    reader: Reader

    def destroy(self, principal: Principal | None) -> None:
        """Overwrite and remove the file, after an entry.

        Raises ``NotFoundError`` when there is none, ``ConflictError`` while its keys are not stored one by one.
        """
        path = self.directory / TAG_ROOT
        if not path.exists():
            raise NotFoundError("There is no tag root here.", detail_zh="本机没有旧的标签根密钥。")
        if not self.reader.read(lambda tx: self.epochs.keys.rows.any_of(tx, ACCESS_TAGS)):
            raise ConflictError(
                "The keys of the quarters are not stored yet: start the worker once, then destroy the root.",
                detail_zh="各季度密钥尚未逐一保存，请先启动一次工作进程。",
            )
        self.journal.append(EntryDraft("retention.root_destroyed", principal))
        with path.open("r+b") as file:
            file.write(bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
