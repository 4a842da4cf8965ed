"""A new origin after the log's key was lost to somebody: its first entry commits to what the log before was.

A stolen key signs whatever its holder wants, so the old origin ends with the last checkpoint that its witnesses
cosigned. Entry 0 of the new log holds that checkpoint: nobody can change afterwards what the new log goes on from, and
what the old key signs later belongs to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.findings import Damage, Finding, VerifyReport
from gateway.audit.leaves import decode_entry
from gateway.audit.note import SignedNote
from gateway.audit.policy import TrustPolicy
from gateway.audit.verify import LogSource, verify_log
from gateway.journal import EntryDraft, JsonValue

KIND: Final = "log.origin_opened"


def opening_entry(origin: str, predecessor: str) -> EntryDraft:
    """Return the first entry of the log ``origin``, which commits to a checkpoint of the log before.

    Raises ``MalformedError`` when ``predecessor`` is no checkpoint, or one of this very log.
    """
    told = Checkpoint.parse_text(SignedNote.parse(predecessor).text)
    if told.origin == origin:
        raise MalformedError("A log does not follow itself: set another origin.", detail_zh="新日志须使用新的 origin。")
    facts: dict[str, JsonValue] = {
        "predecessor": told.origin,
        "predecessor_size": told.size,
        "predecessor_root": told.root.hex(),
        "predecessor_checkpoint": predecessor,
    }
    return EntryDraft(KIND, None, facts=facts)


@dataclass(frozen=True, slots=True)
class Predecessor:
    """What a log goes on from."""

    checkpoint: Checkpoint
    note: str


def read_opening(body: bytes) -> Predecessor:
    """Return what entry 0 of a log commits to; raises ``MalformedError`` when it commits to nothing."""
    content = decode_entry(body)
    facts = content.get("facts")
    if content.get("kind") != KIND or not isinstance(facts, Mapping):
        raise MalformedError("Entry 0 names no log before this one.", detail_zh="条目 0 未承接任何先前的日志。")
    note = str(facts.get("predecessor_checkpoint"))
    told = Checkpoint.parse_text(SignedNote.parse(note).text)
    said = (facts.get("predecessor"), facts.get("predecessor_size"), facts.get("predecessor_root"))
    if said != (told.origin, told.size, told.root.hex()):
        raise MalformedError("Entry 0 says something else than the checkpoint in it.")
    return Predecessor(told, note)


def verify_succession(log: LogSource, before: LogSource, policy: TrustPolicy) -> VerifyReport:
    """Return whether ``log`` goes on from the log ``before``: its own findings are not looked for here.

    Entry 0 has to hold a checkpoint of ``before`` that ``policy`` trusts, quorum and all, and ``before`` has to hold
    what that checkpoint says. Entries of ``before`` behind it are told, and count for nothing.
    """
    rows = log.rows(0, 1)
    try:
        if not rows or rows[0][0] != 0:
            raise MalformedError("The log has no entry 0.")  # noqa: TRY301  told as the others are
        predecessor = read_opening(rows[0][2])
        policy.open(predecessor.note)
    except (MalformedError, ProofError) as error:
        return VerifyReport(None, 0, b"", 0, 0, (Finding(Damage.SUCCESSION, 0, error.detail),))
    size = predecessor.checkpoint.size
    report = verify_log(before, policy, witnessed=(predecessor.note,))
    findings = tuple(
        replace(one, detail=f"In the log before: {one.detail}")
        for one in report.findings
        if one.index is None or one.index <= size
    )
    if report.origin not in {None, predecessor.checkpoint.origin}:
        findings += (Finding(Damage.SUCCESSION, 0, f"Entry 0 names the log '{predecessor.checkpoint.origin}'."),)
    notices = report.notices
    if report.size > size:
        notices += (
            f"The log before has {report.size - size} entries behind the checkpoint that this one goes on from: "
            "its key was compromised, they prove nothing.",
        )
    return replace(report, findings=findings, notices=notices)
