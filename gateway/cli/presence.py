"""What a stranger does with a proof that a pupil is, or is not, in a release."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from core_registry.sharing import number_of
from gateway import inspection, settings
from gateway.audit.errors import MalformedError
from gateway.audit.presence import MAX_BYTES, Verdict
from gateway.audit.statements import NamedSubject, SubjectKind
from gateway.cli.inspecting import FOUND, UNREADABLE
from gateway.errors import GatewayError

NOBODY = 3
"""Status when the proof holds for a tag, and it is not shown whose that is."""
_KINDS = {
    SubjectKind.STUDENT_NUMBER: "学籍号 student number",
    SubjectKind.ID_NUMBER: "身份证件号码 identity number",
    SubjectKind.SUBJECT_REF: "学生引用号 reference",
}


@click.command("verify-presence")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--vkey", help="The log's public key; by default that of the key directory.")
@click.option("--policy", type=click.Path(path_type=Path, exists=True), help="A tlog-policy file (keys, witnesses).")
@click.option("--compare", is_flag=True, help="Ask for the pupil's number, unseen, and compare it with the proof's.")
@click.option("--json", "as_json", is_flag=True, help="Print what was shown as one JSON object.")
@click.pass_obj
def verify_presence(
    home: Path | None, file: Path, vkey: str | None, policy: Path | None, compare: bool, as_json: bool
) -> None:
    """Verify a proof that a pupil is, or is not, in an entry of the log; no network or database is needed.

    The status is 0 when it holds and says whose it is, 1 when it does not hold, 2 when the file cannot be read, 3 when
    it holds for a tag and does not say whose.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise MalformedError("The file is too large.", detail_zh="文件过大。")
        found = inspection.presence(
            lambda: settings.from_environment(home=home), file.read_bytes(), vkey=vkey, policy=policy
        )
    except (GatewayError, OSError, UnicodeDecodeError) as error:
        told = inspection.told(error)
        if as_json:
            click.echo(json.dumps({"ok": False, "detail": told}, ensure_ascii=False, indent=1))
        for line in ["证明不成立 · the proof does not hold", *told]:
            click.echo(line, err=True)
        sys.exit(UNREADABLE if isinstance(error, MalformedError | OSError | UnicodeDecodeError) else FOUND)
    same = _compared(found.subject) if compare else None
    if as_json:
        click.echo(json.dumps({"ok": True, **_told(found, same)}, ensure_ascii=False, indent=1))
    else:
        for line in _lines(found, same):
            click.echo(line)
    if same is False:
        sys.exit(FOUND)
    sys.exit(NOBODY if found.subject is None else 0)


def _compared(subject: NamedSubject | None) -> bool:
    """Say whether the number that is typed, without being shown, is the one in the proof."""
    typed = click.prompt("学籍号或身份证件号码 number", hide_input=True, err=True)
    found = number_of(typed)
    return subject is not None and found is not None and (found[0], found[1]) == (subject.kind.value, subject.value)


def _masked(subject: NamedSubject) -> str:
    shown = 5 if subject.kind is SubjectKind.STUDENT_NUMBER else 4
    return subject.value[:shown] + "*" * (len(subject.value) - shown)


def _told(found: Verdict, same: bool | None) -> dict[str, object]:
    return {
        "present": found.present,
        "entry": found.index,
        "kind": found.content["kind"],
        "at": found.content["at"],
        "links": found.content["links"],
        "epoch": found.epoch,
        "pupils": found.count,
        "origin": found.checkpoint.origin,
        "size": found.checkpoint.size,
        "asked": found.asked,
        "asked_at": found.asked_at,
        "named_by": None if found.subject is None else found.subject.kind.value,
        "subject": None if found.subject is None else _masked(found.subject),
        **({} if same is None else {"same": same}),
    }


def _lines(found: Verdict, same: bool | None) -> list[str]:
    claim = "包含该学生 · the pupil is in it" if found.present else "不包含该学生 · the pupil is not in it"
    lines = [
        f"证明成立 · the proof holds: {claim}",
        f"条目 entry {found.index}: {found.content['kind']}, {found.content['at']}, 共 {found.count} 名学生 pupils",
        f"日志 log {found.checkpoint.origin}, {found.checkpoint.size} 条 entries",
        f"办公端的说明 statement of the office: 条目 entry {found.asked}, {found.asked_at}",
    ]
    if found.subject is None:
        lines.append("未说明标签属于哪名学生 · it does not show whose the tag is")
    else:
        lines.append(f"学生 pupil: {_KINDS[found.subject.kind]} {_masked(found.subject)}")
    if same is not None:
        lines.append("与所填号码一致 · the same number" if same else "✗ 与所填号码不一致 · another number")
    return lines
