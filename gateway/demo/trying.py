"""The dry run before a decision, and its comparison with the report of the release."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.demo.stage import Stage, awaited
from gateway.remote import UnexpectedAnswerError

TRIED = frozenset({"textbook"})
"""Applications that are tried out before they are decided."""


def tried_out(stage: Stage, application: str) -> dict[str, object]:
    """Return the finished dry run of an application, as the approver sees it."""
    approver = stage.officer("approver")
    path = f"/v1/applications/{application}/dry-run"
    approver.call("POST", path, {}, expect=202)
    return awaited(lambda: approver.call("GET", path).json(), lambda run: run["state"] == "done", "the dry run")


def told(tried: Mapping[str, object]) -> str:
    """Return what the approver learns before deciding."""
    figures, sample = _part(tried, "figures"), _part(tried, "sample")
    risk = _part(figures, "after")
    rows, shown = _part(figures, "rows_in"), sample["rows"]
    return (
        f"试算 dry run: 约 {rows['about']} 行 rows, k={figures['k']}, 最高识别风险 highest risk "
        f"{risk['prosecutor_highest']}, 样例 sample {len(shown) if isinstance(shown, list) else 0} 行"
    )


def compared(tried: Mapping[str, object], report: Mapping[str, object]) -> str:
    """Return that the release kept what the dry run had promised; raises ``UnexpectedAnswerError`` if it did not."""
    if tried["snapshot"] != report["snapshot"]:
        return "数据此后有变动，试算仅供参考 the register moved since the dry run"
    figures, promised_risk, after = (
        _part(tried, "figures"),
        _part(_part(tried, "figures"), "after"),
        _part(report, "after"),
    )
    loss = report["loss"]
    highest = _part(after, "prosecutor")["highest"]
    if not isinstance(loss, float) or not isinstance(highest, float):
        raise UnexpectedAnswerError("dry run or report lack their figures")
    promised = (tried["plan_sha256"], figures["k"], figures["loss"], promised_risk["prosecutor_highest"])
    # a dry run shows three places
    if promised != (report["plan_sha256"], after["k"], round(loss, 3), round(highest, 3)):
        raise UnexpectedAnswerError("the release is not what the dry run had promised")
    return (
        f"与试算一致 as the dry run had said: k={after['k']}, 信息损失 loss {loss:.3f}, "
        f"同一快照 same snapshot {report['snapshot']}"
    )


def _part(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = document[name]
    if not isinstance(found, dict):
        raise UnexpectedAnswerError(f"the document has no '{name}'")
    return found
