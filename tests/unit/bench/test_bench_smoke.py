"""The benches run: ratios are printed and the page is formed. How fast they are is no test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.measure import Run
from bench.results import Memory, Ratio


@pytest.mark.soak
def test_a_quick_run_prints_every_ratio_and_writes_the_page(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "RESULTS.md"
    assert main(["--quick", "--results", str(target), "--work", str(tmp_path)]) == 0
    printed = capfd.readouterr().out
    assert re.search(r"Import of 2,000 rows: ratio \d+\.\d\d \(goal 6", printed)
    assert re.search(r"Extract of 20,000 rows: ratio \d+\.\d\d \(goal 2", printed)
    assert "peak memory of the extract: 20,000 rows" in printed
    assert re.search(r"Nightly pass over 20,000 records: ratio \d+\.\d\d \(goal 20", printed)
    assert re.search(r"work list \d+\.\d ms, explain \d+\.\d ms \(goal 50 ms", printed)
    assert re.search(r"Decision, 1,000 times: ratio \d+\.\d\d \(goal 3", printed)
    assert re.search(r"Token request as computed, 100 times: ratio \d+\.\d\d \(goal 3", printed)
    assert re.search(r"Token request as served, 100 times: ratio \d+\.\d\d \(goal 3", printed)
    assert re.search(r"Masks and a pseudonym to Parquet, 20,000 rows: ratio \d+\.\d\d \(goal 1\.3", printed)
    assert re.search(r"The same work as presidio-structured, 1,000 rows: ratio \d+\.\d\d \(goal 0\.03", printed)
    assert re.search(r"Joint k and differencing over 10 earlier releases of 5,000 rows: ratio \d+\.\d\d", printed)
    assert re.search(r"stage by stage: textbook-anonymous 1\d,\d{3} rows in \d+\.\d s", printed)
    assert re.search(r"Free text: .*100 characters: p50 \d+\.\d ms", printed)
    assert re.search(r"The audit log: (?:6 goals met|MISSED: )", printed)
    assert re.search(r"Search of the audit log: (?:2 goals met|MISSED: )", printed)
    page = target.read_text(encoding="utf-8")
    assert "### fresh, no record: 60 sentences" in page
    assert re.search(r"command: `.*bench --quick`", page)
    assert page.count("**Ratio ") == 9
    assert page.count("| read back and scan |") == 2
    assert "The desk of a county of 2,000 pupils" in page
    assert "no registry records stand behind them" in page
    assert "they are not judged" in page
    assert str(tmp_path) not in page


def test_a_ratio_is_the_median_of_its_pairs_and_a_missed_goal_is_said() -> None:
    pairs = [
        (Run(4.0, 6.0, 0), Run(2.0, 2.0, 0)),
        (Run(9.0, 3.0, 0), Run(3.0, 3.0, 0)),
        (Run(5.0, 5.0, 0), Run(2.0, 2.0, 0)),
    ]
    ratio = Ratio("Extract", "extract", "plain copy", 2.0, pairs)
    assert (ratio.wall, ratio.cpu, ratio.met) == (2.5, 2.5, False)
    assert "MISSED" in ratio.line()
    assert "not met" in ratio.section()


@pytest.mark.parametrize(
    ("peaks", "met"), [([(1, 400), (5, 500)], True), ([(1, 400), (5, 700)], False), ([(1, 1100), (5, 1100)], False)]
)
def test_memory_is_judged_by_its_limit_and_by_its_growth(peaks: list[tuple[int, int]], met: bool) -> None:
    assert Memory(1000, 1.5, peaks).met is met
