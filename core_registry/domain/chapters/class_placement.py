"""Even classes: new pupils are spread over the classes of a grade by number and sex (A11-1; junior high by A13-1)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from core_registry.domain.rules import enforces
from core_registry.errors import RegisterRuleError

METHOD_ZH = "按性别分组随机排序后依次轮流编入各班"
METHOD = "drawn in random order within each sex, then dealt to the classes in turn"


@dataclass(frozen=True, slots=True)
class ClassPlacement:
    """What is kept of a class placement: the method, who did it, sizes and sex counts of each class (A11-1).

    ``by`` is the unit, a school or its supervising department. ``seed`` lets anybody draw the same classes again.
    """

    by: str
    seed: str
    standard: int
    sizes: Mapping[int, int]
    sexes: Mapping[int, Mapping[str, int]]
    method_zh: str = METHOD_ZH
    method: str = METHOD


@enforces("A11-1", "A13-1", how="function")
def place_evenly(pupils: Sequence[tuple[str, str]], classes: int, standard: int, seed: str) -> dict[str, int]:
    """Return student id -> number of the class, 1 to ``classes``.

    ``pupils`` are (student id, code of sex). The classes differ by at most one pupil, and by at most one of each sex;
    the same ``seed`` gives the same classes, whatever the order of ``pupils``. Raises ``RegisterRuleError`` (A11-1)
    when the classes cannot hold the pupils within ``standard``, ``ValueError`` for a pupil who stands twice.
    Source: A11-1, A13-1.
    """
    if len({student for student, _ in pupils}) != len(pupils):
        raise ValueError("a pupil stands twice in the list")
    if classes < 1 or standard < 1 or classes * standard < len(pupils):
        raise RegisterRuleError(
            f"{len(pupils)} pupils do not fit into {classes} classes of {standard} at most.",
            detail_zh=f"{len(pupils)}名学生超出{classes}个班、每班{standard}人的规定班容量，请增加班级。",
            rule="A11-1",
        )
    # Dealing on from where the last sex ended keeps both the sizes and each sex within one.
    dealt = sorted(pupils, key=lambda pupil: (pupil[1], _draw(seed, pupil[0]), pupil[0]))
    order = sorted(range(1, classes + 1), key=lambda number: _draw(seed, f"class {number}"))
    return {student: order[turn % classes] for turn, (student, _) in enumerate(dealt)}


def _draw(seed: str, what: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{what}".encode()).digest()


@enforces("A11-1", how="record")
def placement_record(
    pupils: Sequence[tuple[str, str]], placed: Mapping[str, int], classes: int, standard: int, *, by: str, seed: str
) -> ClassPlacement:
    """Return the record of a placement, also of one that a department made by hand.

    Raises ``RegisterRuleError`` (A11-1) when a class is over ``standard``, or the classes differ by more than one pupil
    in size or in the number of a sex.
    """
    sizes: Counter[int] = Counter({number: 0 for number in range(1, classes + 1)})
    sexes = {number: Counter({sex: 0 for sex in {sex for _, sex in pupils}}) for number in sizes}
    for student, sex in pupils:
        number = placed.get(student)
        if number not in sexes:
            raise _uneven("a pupil has no class", "有学生未编班")
        sizes[number] += 1
        sexes[number][sex] += 1
    if max(sizes.values()) > standard:
        raise _uneven("a class is over the standard size", "有班级超过规定班容量")
    counts = [list(sizes.values()), *([of[sex] for of in sexes.values()] for sex in sexes[1])]
    if any(max(count) - min(count) > 1 for count in counts):
        raise _uneven("the classes differ by more than one pupil, or pupil of a sex", "各班人数或性别人数相差超过1人")
    return ClassPlacement(
        by=by,
        seed=seed,
        standard=standard,
        sizes=MappingProxyType(dict(sizes)),
        sexes=MappingProxyType({number: MappingProxyType(dict(of)) for number, of in sexes.items()}),
    )


def _uneven(en: str, zh: str) -> RegisterRuleError:
    return RegisterRuleError(f"Not an even placement: {en}.", detail_zh=f"编班不均衡：{zh}。", rule="A11-1")
