"""A large log is read by a second process too; it finds the same, and its death costs nothing but time."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import pytest

from gateway.audit import contents
from gateway.audit.contents import Contents
from gateway.audit.findings import Damage
from gateway.audit.reading import Helper, Told, look

ENTRY = (
    '{"actor":null,"at":"2026-11-23T10:00:%02d.000000Z","facts":{"n":%d},"kind":"test.fact","links":{},"outcome":"done",'
    '"policy":null,"rulebook":"","v":1}'
)


def rows(count: int) -> list[tuple[int, bytes, bytes]]:
    bodies = [(ENTRY % (at * 59 // count, at)).encode() for at in range(count)]
    bodies[3] = b'{"v":1}'
    bodies[count - 9] = b"[]"
    bodies[count // 2] = (ENTRY % (0, count // 2)).encode()  # an hour earlier than its neighbours
    return [(at, b"", body) for at, body in enumerate(bodies)]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "BATCH", 50)
    monkeypatch.setattr(contents, "HELPED_FROM", 100)


def judged(count: int, *, helper: bool) -> tuple[list[tuple[Damage, int | None]], list[str], str]:
    found: list[tuple[Damage, int | None]] = []
    made = Contents(
        lambda _index: None, None, {}, lambda damage, index, _detail: found.append((damage, index)), helper=helper
    )
    given = rows(count)
    for start in range(0, count, 10):
        some = given[start : start + 10]
        made.take(some, [body for _, _, body in some])
    made.finish()
    return found, made.notices, made.at


def test_with_and_without_the_second_process_the_same_is_found() -> None:
    alone, helped = judged(1000, helper=False), judged(1000, helper=True)
    assert alone == helped
    assert alone[0] == [(Damage.MALFORMED, 3), (Damage.MALFORMED, 991)]
    assert alone[1] == ["The clock went back before entry 500."]


def test_a_second_process_that_dies_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(Helper):
        asked = 0

        def look(self, indexes: object, bodies: object) -> Future[Told]:
            self.asked += 1
            if self.asked == 2:
                self._process.kill()
                self._process.wait()
            return super().look(indexes, bodies)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(contents, "Helper", Dying)
    assert judged(1000, helper=True) == judged(1000, helper=False)


def test_the_second_process_ends_with_the_work() -> None:
    helper = Helper()
    told = helper.look([7], [rows(20)[0][2]]).result()
    assert told == look([7], [rows(20)[0][2]])
    helper.close()
    assert helper._process.returncode is not None
    assert isinstance(helper._process, subprocess.Popen)
    assert Path("/proc", str(helper._process.pid)).exists() is False


def test_the_second_process_imports_nothing_large() -> None:
    """Its start is waited for: numpy, Polars and the libraries of the database take longer than 30,000 entries."""
    known = "import sys, gateway.audit.reading_process; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", known], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "polars", "pyarrow", "sqlalchemy", "cryptography"} & set(loaded)


def test_one_unusual_entry_of_a_batch_leaves_the_others_as_they_are() -> None:
    usual = (ENTRY % (0, 1)).encode()
    astral, large = usual.replace(b"test.fact", "𝄞".encode()), usual.replace(b'"n":1', b'"n":12345678901234567')
    spaced = usual.replace(b'"n":1', b'"n": 1')
    told = look(range(5), [usual, astral, large, spaced, usual])
    assert [index for index, _ in told.malformed] == [2, 3]
    assert {detail for _, detail in told.malformed} == {"A leaf of the log is not in canonical form."}
