"""Figures as numbers: where the bars and boxes of a drawing stand. Templates turn them into SVG elements."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.audit.merkle import leaf_hash, node_hash, verify_inclusion
from gateway.audit.records import ProvenEntry

WIDTH = 640
_BAR_HEIGHT = 22
_BAR_LEFT = 92
_STEP = 64
_BOX_HEIGHT = 34
_TOP = 12


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its value, and where it stands in units of the drawing."""

    label: str
    value: int
    y: int
    width: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars from top to bottom; ``height`` of the drawing."""

    bars: tuple[Bar, ...]
    height: int
    left: int = _BAR_LEFT
    bar_height: int = _BAR_HEIGHT
    width: int = WIDTH


@dataclass(frozen=True, slots=True)
class Step:
    """One level of an inclusion path: the node computed so far, and the sibling that the proof gives."""

    node: str
    sibling: str | None
    """``None`` at the root."""
    sibling_left: bool
    y: int


@dataclass(frozen=True, slots=True)
class Path:
    """An inclusion path from the root (first) down to the leaf (last)."""

    steps: tuple[Step, ...]
    height: int
    width: int = WIDTH
    box_height: int = _BOX_HEIGHT
    step_height: int = _STEP


def inclusion(proven: ProvenEntry) -> Path:
    """Return the path of an entry for drawing; verified first. Raises ``ProofError`` when it does not hold.

    Source: RFC 9162 section 2.1.3.2.
    """
    leaf = leaf_hash(proven.body)
    verify_inclusion(leaf, proven.entry.index, proven.tree_size, proven.proof, proven.root)
    levels: list[tuple[bytes, bytes | None, bool]] = []
    fn, sn, computed = proven.entry.index, proven.tree_size - 1, leaf
    for node in proven.proof:
        on_left = bool(fn & 1) or fn == sn
        levels.append((computed, node, on_left))
        computed = node_hash(node, computed) if on_left else node_hash(computed, node)
        while on_left and not fn & 1 and fn:
            fn >>= 1
            sn >>= 1
        fn >>= 1
        sn >>= 1
    levels.append((computed, None, False))
    top = len(levels) - 1
    steps = tuple(
        Step(node.hex(), None if sibling is None else sibling.hex(), on_left, _TOP + (top - place) * _STEP)
        for place, (node, sibling, on_left) in reversed(list(enumerate(levels)))
    )
    return Path(steps, _TOP + top * _STEP + _BOX_HEIGHT + _TOP)
