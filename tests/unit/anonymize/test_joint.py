"""What is withheld for the sake of earlier releases, case by case."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.anonymize import joint
from gateway.anonymize.joint import Coming, Difference, Earlier, JointView, Numbers, Tags, Verdict
from gateway.errors import ParameterError

SPREAD = 0x9E3779B97F4A7C15


def tags(pupils: range | list[int], key: int = 0) -> Tags:
    names = np.array(list(pupils), dtype=np.uint64)
    high = (names + np.uint64(1)) * np.array([SPREAD + 2 * key], dtype=np.uint64)
    return high, high ^ np.uint64(key + 5)


def earlier(classes: dict[int, int], k: int, key: int = 0, realm: int = 0, **sensitive: dict[int, int]) -> Earlier:
    pupils = sorted(classes, key=lambda pupil: int(tags([pupil], key)[0][0]))
    return Earlier(
        tags(pupils, key),
        np.array([classes[pupil] for pupil in pupils], dtype=np.uint64),
        k,
        {name: np.array([values[pupil] for pupil in pupils], dtype=np.uint64) for name, values in sensitive.items()},
        dict.fromkeys(sensitive, 2),
        realm,
    )


def judged(view: JointView, classes: list[int], k: int, **sensitive: list[int]) -> Verdict:
    numbers: Numbers = np.array(classes, dtype=np.uint64)
    values = {name: np.array(column, dtype=np.uint64) for name, column in sensitive.items()}
    return view.judge(Coming(numbers, numbers > 0, k, values, dict.fromkeys(sensitive, 2)))


def test_crossing_levels_that_would_tell_one_row_apart_are_withheld() -> None:
    # ten rows, once by column and once by row of a grid: each file has classes of five and four, together one cell is 1
    view = JointView([tags(range(9))], [earlier({pupil: 1 if pupil < 5 else 2 for pupil in range(9)}, 4)])
    verdict = judged(view, [1, 1, 1, 1, 2, 2, 2, 2, 2], 4)
    assert verdict.keep.tolist() == [False] * 5 + [True] * 4
    assert (verdict.reached, verdict.withheld, verdict.classes) == (4, 5, 1)
    assert verdict.differences == (Difference(5, 0),)


def test_the_same_file_once_more_costs_nothing() -> None:
    classes = {pupil: 1 + pupil % 4 for pupil in range(80)}
    view = JointView([tags(range(80))], [earlier(classes, 10), earlier(classes, 5)])
    verdict = judged(view, list(classes.values()), 10)
    assert verdict.keep.all()
    assert (verdict.reached, verdict.k, verdict.classes) == (20, 10, 4)


def test_pasts_do_not_hang_on_the_blocks_in_which_they_are_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    same, fewer = {pupil: 1 + pupil % 4 for pupil in range(80)}, {pupil: 1 + pupil % 2 for pupil in range(70)}
    files = [earlier(same, 3), earlier(fewer, 3), earlier(dict.fromkeys(range(60, 90), 5), 3)]
    whole = JointView([tags(range(80))], files)
    monkeypatch.setattr(joint, "_BLOCK", 7)
    parts = JointView([tags(range(80))], files)
    assert parts.pasts.tolist() == whole.pasts.tolist()
    assert np.unique(parts.pasts).size == 12
    new = [1 + pupil % 4 for pupil in range(80)]
    assert judged(parts, new, 3).differences == judged(whole, new, 3).differences


def test_one_leaver_costs_so_many_rows_that_nobody_can_tell_who_left() -> None:
    view = JointView([tags(range(1, 100))], [earlier(dict.fromkeys(range(100), 7), 10)])
    verdict = judged(view, [7] * 99, 10)
    assert verdict.withheld == 9
    assert verdict.differences == (Difference(10, 0),)
    again = judged(view, [7] * 99, 10)
    assert again.keep.tolist() == verdict.keep.tolist()


def test_a_class_too_small_to_spare_any_stays_back_whole() -> None:
    view = JointView([tags(range(1, 40))], [earlier({pupil: 1 + pupil // 15 for pupil in range(40)}, 10)])
    verdict = judged(view, [1 + pupil // 15 for pupil in range(1, 40)], 10)
    assert verdict.withheld == 14  # class 1 had 15 rows, one left: 14 cannot be parted into two tens
    assert verdict.keep.tolist() == [False] * 14 + [True] * 25
    assert verdict.differences == (Difference(15, 0),)


def test_newcomers_wait_until_they_are_k() -> None:
    before = earlier(dict.fromkeys(range(50), 3), 5)
    for count, kept in ((4, False), (5, True)):
        view = JointView([tags(range(50 + count))], [before])
        verdict = judged(view, [3] * (50 + count), 5)
        assert verdict.keep.tolist() == [True] * 50 + [kept] * count
        assert verdict.differences == (Difference(0, count if kept else 0),)


def test_the_largest_k_of_all_releases_holds() -> None:
    view = JointView([tags(range(20))], [earlier(dict.fromkeys(range(20), 1), 8)])
    verdict = judged(view, [1] * 7 + [2] * 13, 3)
    assert verdict.k == 8
    assert (verdict.withheld, verdict.reached) == (8, 12)  # seven are too few to be missing: one more goes with them


def test_rows_that_all_left_must_not_have_one_value() -> None:
    values = {pupil: 1 + pupil % 2 for pupil in range(40)}
    before = earlier(dict.fromkeys(range(40), 1), 4, s=values)
    stay = [pupil for pupil in range(40) if pupil not in {1, 3, 5, 7}]  # four leave, all with the value 2
    verdict = judged(JointView([tags(stay)], [before]), [1] * 36, 4, s=[values[pupil] for pupil in stay])
    gone = {pupil for pupil, kept in zip(stay, verdict.keep.tolist(), strict=True) if not kept} | {1, 3, 5, 7}
    assert {values[pupil] for pupil in gone} == {1, 2}
    assert verdict.withheld == 1


def test_releases_under_two_keys_are_joined_by_those_who_are_still_there() -> None:
    pupils = range(30)
    first = earlier({pupil: 1 + pupil // 15 for pupil in range(31)}, 5, key=0, realm=0)
    second = earlier({pupil: 1 + pupil // 10 for pupil in range(31)}, 5, key=9, realm=1)
    view = JointView([tags(pupils), tags(pupils, 9)], [first, second])
    assert len(set(view.pasts.tolist())) == 4
    verdict = judged(view, [1] * 30, 5)
    sizes = np.unique(view.pasts[verdict.keep], return_counts=True)[1]
    assert verdict.reached == sizes.min() >= 5


def test_tags_that_name_two_rows_and_rows_out_of_order_are_refused() -> None:
    high, low = tags(range(3))
    with pytest.raises(ParameterError):
        JointView([(np.append(high, high[0]), np.append(low, low[0]))], [])
    one = earlier(dict.fromkeys(range(3), 1), 2)
    backwards = Earlier((one.tags[0][::-1].copy(), one.tags[1][::-1].copy()), one.classes, 2)
    with pytest.raises(ParameterError):
        JointView([tags(range(3))], [backwards])
    with pytest.raises(ParameterError):
        judged(JointView([tags(range(3))], [one]), [1] * 4, 2)


def test_nothing_to_release_is_judged_too() -> None:
    view = JointView([tags([])], [earlier(dict.fromkeys(range(9), 1), 3)])
    verdict = judged(view, [], 3)
    assert (verdict.reached, verdict.withheld, verdict.differences) == (None, 0, (Difference(9, 0),))
