"""A chain of responsibility as numbers: where its boxes stand and what is written in them. A template makes it SVG."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.audit.chain import Chain, Node, State, Step
from gateway.console import audit_texts, filters
from gateway.console.texts import Label

WIDTH = 460
_BOX = 84
_GAP = 22
_TOP = 8
_WIDE = 26
"""Columns of text in a box; a Chinese character takes one, a letter about half of one."""
_DIGEST = 16


@dataclass(frozen=True, slots=True)
class Box:
    """One step, from top to bottom."""

    node: Node
    y: int
    title: Label
    value: str
    """What the step is about, cut to the width of the box."""
    who: str
    """Account, post and unit of whoever acted, cut too."""
    at: str
    gap: Label | None

    @property
    def broken(self) -> bool:
        """Whether the chain is broken here."""
        return self.node.state is State.BROKEN


@dataclass(frozen=True, slots=True)
class Picture:
    """A chain drawn."""

    boxes: tuple[Box, ...]
    height: int
    width: int = WIDTH
    box_height: int = _BOX
    gap: int = _GAP


def drawn(chain: Chain) -> Picture:
    """Return where the steps of ``chain`` stand in a drawing 460 units wide."""
    boxes = tuple(_box(node, _TOP + place * (_BOX + _GAP)) for place, node in enumerate(chain.nodes))
    return Picture(boxes, _TOP + len(boxes) * (_BOX + _GAP) - _GAP + _TOP)


def _box(node: Node, y: int) -> Box:
    content = {} if node.entry is None else node.entry.content
    actor = content.get("actor")
    who = (
        " · ".join(str(actor[name]) for name in ("post", "unit", "id") if name in actor)
        if isinstance(actor, dict)
        else "系统 system"
        if node.entry is not None
        else ""
    )
    value = node.label or node.value or "—"
    if node.step is Step.FILE and node.value:
        value = f"{node.value[:_DIGEST]}…"
    elif node.step is Step.ROWS and node.value:
        value = filters.number(int(node.value))
    elif node.step is Step.PROOF and node.value:
        value = f"第 {node.value} 条 entry {node.value}"
    gap = None if node.gap is None else audit_texts.GAPS[node.gap.value]
    at = filters.moment(str(content["at"])) if "at" in content else ""
    return Box(node, y, audit_texts.STEPS[node.step.value], _cut(value), _cut(who, _WIDE + 6), at, gap)


def _cut(text: str, columns: int = _WIDE) -> str:
    """Return as much of ``text`` as fits; a wide character takes one column, any other half of one."""
    taken = 0.0
    for place, one in enumerate(text):
        taken += 0.5 if one.isascii() else 1
        if taken > columns:
            return f"{text[: place - 1]}…"
    return text
