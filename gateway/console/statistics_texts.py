"""Words for statistics: states of an answer, and what a question lacks."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.console.texts import Label

STATES: Mapping[str, Label] = {
    "queued": Label("等待统计", "Waiting"),
    "counting": Label("正在统计", "Counting", "wait"),
    "ready": Label("已有结果", "Ready", "good"),
    "failed": Label("统计失败", "Failed", "bad"),
}
MISSING: Mapping[str, Label] = {
    "budget": Label("隐私预算", "Privacy budget"),
    "dimensions": Label("维度", "Dimensions"),
    "measures": Label("指标", "Measures"),
    "epsilon": Label("ε（隐私费用）", "Epsilon"),
    "bounds": Label("年龄上下限", "Bounds of an age"),
}
TABLES: Mapping[str, Mapping[str, Label]] = {"statistic": STATES, "missing": MISSING}
"""Table name, as templates write it, to table; beside ``texts.TABLES``, to whose tables of that name it adds."""
