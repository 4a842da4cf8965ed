"""What a verification finds: kinds of damage, single findings, and the report in words and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.journal import JsonValue


class Damage(StrEnum):
    """What may be wrong with a log."""

    ALTERED = "altered"
    """The content of an entry is not what was signed."""
    HASH = "hash"
    """The hash kept beside an entry is not its hash; the entry itself is as it was signed."""
    MISSING = "missing"
    INSERTED = "inserted"
    """A row that was never signed stands between those that were."""
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    """The log's own checkpoints tell of more entries than there are."""
    UNSIGNED = "unsigned"
    """Entries behind the last checkpoint."""
    REWRITTEN = "rewritten"
    """Entries and tiles agree with each other, and not with what was signed."""
    TILE = "tile"
    CHECKPOINT = "checkpoint"
    """A checkpoint, or the head row, is out of place."""
    FOREIGN = "foreign"
    """A checkpoint of another log."""
    BAD_SIGNATURE = "bad_signature"
    """A note that the named key did not sign."""
    UNKNOWN_KEY = "unknown_key"
    """A note that no key of the trust policy signed."""
    KEY_ROTATION = "key_rotation"
    """A change of the log's key that the key before did not sign, that does not follow, or of which no entry tells."""
    RETIRED_KEY = "retired_key"
    """A checkpoint that only a key signed which was replaced before."""
    SUCCESSION = "succession"
    """The log does not go on from the log before that it is held against."""
    UNWITNESSED = "unwitnessed"
    FORKED = "forked"
    """Two signed checkpoints of one size with different roots, or a history that a kept checkpoint contradicts."""
    ROLLED_BACK = "rolled_back"
    """A kept checkpoint tells of more entries than there are."""
    MALFORMED = "malformed"
    TAGS = "tags"
    """A tag list beside the log is not the one that its entry commits to."""
    INDEX = "index"
    """The search index, a cache, says something else than the log."""


_CHINESE: Final[Mapping[Damage, str]] = {
    Damage.ALTERED: "条目被改动",
    Damage.HASH: "条目旁的哈希被改动",
    Damage.MISSING: "条目缺失",
    Damage.INSERTED: "条目系后来插入",
    Damage.REORDERED: "条目顺序被调换",
    Damage.TRUNCATED: "日志尾部被截除",
    Damage.UNSIGNED: "条目没有检查点覆盖",
    Damage.REWRITTEN: "历史被改写，与已签名检查点不符",
    Damage.TILE: "哈希块损坏",
    Damage.CHECKPOINT: "检查点或日志头位置不符",
    Damage.FOREIGN: "检查点属于另一日志",
    Damage.BAD_SIGNATURE: "签名不成立",
    Damage.UNKNOWN_KEY: "签名密钥不在信任策略中",
    Damage.KEY_ROTATION: "日志密钥轮换不成立",
    Damage.RETIRED_KEY: "检查点仅由已轮换的旧密钥签名",
    Damage.SUCCESSION: "与先前日志的承接关系不成立",
    Damage.UNWITNESSED: "未达到见证法定数",
    Damage.FORKED: "日志出现分叉",
    Damage.ROLLED_BACK: "日志落后于见证方留存的检查点（回退）",
    Damage.MALFORMED: "条目格式不符",
    Damage.TAGS: "标签表与条目不符",
    Damage.INDEX: "检索索引与日志不符（可重建）",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: what, at which leaf index or tree size, and in words."""

    damage: Damage
    index: int | None
    detail: str

    @property
    def detail_zh(self) -> str:
        """The same in Chinese."""
        where = "" if self.index is None else f"（序号 {self.index}）"
        return f"{_CHINESE[self.damage]}{where}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked and what was found; ``ok`` when nothing was. Warnings do not count against it."""

    origin: str | None
    size: int
    root: bytes
    checkpoints: int
    """How many checkpoints have a good signature of the log."""
    cosigned_size: int
    """The largest size that meets the quorum; 0 when none does or none is asked for."""
    findings: tuple[Finding, ...]
    notices: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the log holds."""
        return not self.findings

    def to_json(self) -> dict[str, JsonValue]:
        """Return the report for machines; member names are stable."""
        findings: list[JsonValue] = [
            {"damage": one.damage.value, "index": one.index, "detail": one.detail, "detail_zh": one.detail_zh}
            for one in self.findings
        ]
        return {
            "ok": self.ok,
            "origin": self.origin,
            "size": self.size,
            "root": self.root.hex(),
            "checkpoints": self.checkpoints,
            "cosigned_size": self.cosigned_size,
            "findings": findings,
            "warnings": list(self.notices),
        }
