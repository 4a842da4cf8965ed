"""The file of a case inside an inspection package: one JSON for programs, one text for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.inspections.records import CaseFile, Subject, SubjectKind
from gateway.instants import seconds_text

FORMAT: Final = "xueji-inspection-case/2"
_STATES: Final = {"open": "调查中", "ordered": "已责令改正", "answered": "已答复", "closed": "已办结"}
_FINDINGS: Final = {
    "no_breach": "未发现违规",
    "corrected": "已改正",
    "not_corrected": "逾期未改正",
    "referred": "已移送",
}
_ACTS: Final = {
    "opened": "立案",
    "evidence_added": "增加证据",
    "noted": "记录",
    "ordered": "责令改正",
    "extended": "延期",
    "answered": "答复",
    "overdue": "逾期",
    "hold_set": "延后显示",
    "hold_lifted": "恢复显示",
    "closed": "办结",
}


def members_of(
    file: CaseFile, steps: Sequence[int], codes: Mapping[str, tuple[str, str]], presence: Mapping[int, bytes]
) -> tuple[tuple[str, bytes], ...]:
    """Return the members of a package that hold the case: paths below ``case/`` with their bytes.

    ``steps`` are the entries of the case's own steps; ``codes`` the situations of Art. 51; ``presence`` proofs that a
    pupil is or is not in an entry, by the evidence in which that was asked. The entries themselves and their proofs are
    in ``entries/`` and ``proofs/`` of the package.
    """
    document = json.dumps(_document(file, steps), ensure_ascii=False, indent=2, sort_keys=True)
    return (
        ("case/case.json", document.encode()),
        ("case/README.zh.md", _page(file, steps, codes, presence).encode()),
        *((f"case/receipts/{one.index}.tlog-proof", one.receipt.encode()) for one in file.evidence),
        *((f"case/presence/{index}.json", proof) for index, proof in sorted(presence.items())),
    )


def _document(file: CaseFile, steps: Sequence[int]) -> dict[str, object]:
    case = file.case
    return {
        "format": FORMAT,
        "id": case.id,
        "subject": {"kind": case.subject.kind.value, "code": case.subject.code},
        "source": case.source,
        "title": case.title,
        "state": case.state.value,
        "opened_at": seconds_text(case.opened_at),
        "opened_by": case.opened_by,
        "codes": list(case.codes),
        "order": case.order,
        "ordered_at": None if case.ordered_at is None else seconds_text(case.ordered_at),
        "due": None if case.due is None else case.due.isoformat(),
        "overdue": case.overdue,
        "finding": None if case.finding is None else case.finding.value,
        "closed_at": None if case.closed_at is None else seconds_text(case.closed_at),
        "version": case.version,
        "evidence": [
            {"entry": one.index, "note": one.note, "added_at": seconds_text(one.added_at), "added_by": one.added_by}
            for one in file.evidence
        ],
        "history": [
            {
                "at": seconds_text(one.at),
                "account": one.account,
                "act": one.act,
                "text": one.text,
                "salt": one.salt.hex(),
            }
            for one in file.events
        ],
        "holds": [
            {
                "id": one.id,
                "entries": list(one.entries),
                "until": one.until.isoformat(),
                "reason": one.reason,
                "set_at": seconds_text(one.set_at),
                "set_by": one.set_by,
                "lifted_at": None if one.lifted_at is None else seconds_text(one.lifted_at),
            }
            for one in file.holds
        ],
        "steps": list(steps),
    }


def _page(
    file: CaseFile, steps: Sequence[int], codes: Mapping[str, tuple[str, str]], presence: Mapping[int, bytes]
) -> str:
    case = file.case
    lines = [
        f"# 检查案件 {case.id}",
        "",
        f"{_line(case.title)}",
        "",
        f"- 对象：{_body(case.subject)}",
        f"- 来源：{case.source}",
        f"- 状态：{_STATES[case.state.value]}",
        f"- 立案：{seconds_text(case.opened_at)}，{case.opened_by}",
    ]
    if case.codes:
        lines.append("- 情形（第五十一条）：" + "；".join(codes.get(code, (code, ""))[0] for code in case.codes))
    if case.due is not None:
        lines.append(f"- 责令改正，期限至 {case.due.isoformat()}：{_line(case.order)}")
    if case.finding is not None:
        lines.append(f"- 结论：{_FINDINGS[case.finding.value]}")
    lines += ["", "## 证据", "", "条目原文在 `entries/`，证明在 `proofs/`；`case/receipts/` 是取证当时的证明。", ""]
    lines += [f"- 第 {one.index} 条：{_line(one.note) or '—'}" for one in file.evidence]
    if presence:
        told = "、".join(f"`case/presence/{index}.json`" for index in sorted(presence))
        lines += ["", f"学生是否在某次提供中的证明（不写明学生）：{told}；`xueji verify-presence` 核验。"]
    lines += ["", "## 经过", "", "每一步都是日志条目，序号：" + "、".join(str(index) for index in steps) + "。", ""]
    lines += [
        f"- {seconds_text(one.at)} {_ACTS[one.act]}（{one.account or '系统'}）：{_line(one.text) or '—'}"
        for one in file.events
    ]
    if file.holds:
        lines += ["", "## 对监护人延后显示的条目", ""]
        lines += [
            f"- {'、'.join(str(index) for index in one.entries)}：至 {one.until.isoformat()}"
            + ("" if one.lifted_at is None else f"，已于 {seconds_text(one.lifted_at)} 恢复显示")
            for one in file.holds
        ]
    lines += [
        "",
        "## 核对",
        "",
        "案卷中的文字加密存于数据库，日志条目保存其加盐承诺（`text_commitment`）：以 `case.json` 中的 `salt` 为密钥，",
        "对 `text` 计算 HMAC-SHA-256，与条目比对。早期条目为文字的 SHA-256（`text_sha256`）。",
        "`xueji verify-log --bundle 文件名 --vkey 日志公钥` 核验全部条目。",
        "",
    ]
    return "\n".join(lines)


def _body(subject: Subject) -> str:
    return f"{'单位' if subject.kind is SubjectKind.UNIT else '数据使用方'} {subject.code}"


def _line(text: str) -> str:
    """Return a text as one line of Markdown: what somebody wrote makes no heading of its own."""
    return " ".join(text.split())
