"""Policy files that change while the program runs: a good set is swapped in whole, a broken one changes nothing."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.errors import ConfigurationError, UnavailableError
from gateway.journal import EntryDraft, Receipt, Tx
from gateway.policies.decision import Action, Circumstances, Decision, DecisionPoint
from gateway.policies.live import AttributingJournal, LiveDecisionPoint, read_set
from gateway.policies.policy_set import PolicySetError
from gateway.policies.resources import application_resource
from rulebook.records import RulebookError
from tests.factories import policies as make

R = TypeVar("R")
WITHIN = Circumstances(separation="three", territory_within=True)
QUIET = """
@id("nobody-comments")
@basis("b")
@rule("A50-4")
@zh("暂停留言。")
@en("Comments are closed.")
forbid (principal, action == Action::"comment_application", resource);
"""
NOTES = '@basis("b") @rule("A50-5") @zh("甲") @en("a")'


@dataclass
class Notes:
    """A journal that remembers; ``failing`` makes it refuse, as one whose log is gone."""

    entries: list[EntryDraft] = field(default_factory=list)
    failing: UnavailableError | None = None

    def append(self, entry: EntryDraft) -> Receipt:
        """Remember an entry."""
        if self.failing is not None:
            raise self.failing
        self.entries.append(entry)
        return Receipt(len(self.entries) - 1, b"", len(self.entries), b"")

    def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:
        """Write in a thread of its own, as the sequencer does, then remember."""
        results: list[R] = []
        worker = threading.Thread(target=lambda: results.append(write(Tx(object()))))
        worker.start()
        worker.join()
        return results[0], self.append(entry(results[0]) if callable(entry) else entry)

    def record_all(self, write: Callable[[Tx], R], entries: Any) -> R:  # noqa: ANN401  a sequence of drafts
        """Remember several."""
        for entry in entries:
            self.append(entry)
        return write(Tx(object()))

    @property
    def told(self) -> list[str]:
        """The kinds of entries so far."""
        return [entry.kind for entry in self.entries]


@dataclass
class Files:
    """A copy of the shipped policies that a test may edit."""

    directory: Path

    def write(self, name: str, text: str) -> None:
        """Replace a file as an editor does: written beside it, moved over it."""
        beside = self.directory / f"{name}.new"
        beside.write_text(text, encoding="utf-8")
        beside.replace(self.directory / name)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the only occurrence of ``old`` in a file."""
        text = (self.directory / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, text.count(old)
        self.write(name, text.replace(old, new))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    directory = tmp_path / "policies"
    shutil.copytree(make.CONFIG / "policies", directory)
    return Files(directory)


def live(files: Files, notes: Notes, **more: Any) -> LiveDecisionPoint:  # noqa: ANN401  keywords of the constructor
    return LiveDecisionPoint(files.directory, notes, face="office", **more)


def comment(point: DecisionPoint) -> Decision:
    return point.decide(make.approver(), Action.COMMENT_APPLICATION, application_resource(make.application()), WITHIN)


def test_a_valid_edit_decides_from_the_next_look_on_and_is_recorded_with_both_hashes(files: Files) -> None:
    notes = Notes()
    point = live(files, notes)
    old = point.sha256
    assert comment(point).allowed
    files.write("quiet.cedar", QUIET)
    assert comment(point).policy_set == old
    assert point.refresh()
    denied = comment(point)
    assert denied.policy_ids == ("nobody-comments",)
    assert denied.policy_set == point.sha256 != old
    assert notes.told == ["policy.reloaded"]
    assert notes.entries[0].facts == {
        "face": "office", "from": old, "policies": len(point.policies), "to": point.sha256
    }  # fmt: skip
    assert not point.refresh()
    assert len(notes.entries) == 1


def test_the_set_is_the_one_that_the_rule_book_loads(files: Files) -> None:
    assert live(files, Notes()).sha256 == make.rule_book().policies.sha256 == make.decision_point().sha256


def test_the_files_are_looked_at_only_so_often(files: Files) -> None:
    clock = [0.0]
    point = live(files, Notes(), look_seconds=2.0, monotonic=lambda: clock[0])
    old = point.sha256
    files.write("quiet.cedar", QUIET)
    with point.pinned():
        assert point.sha256 == old
    clock[0] = 2.0
    with point.pinned():
        assert point.sha256 != old


def test_a_request_keeps_the_set_that_it_began_with(files: Files) -> None:
    point = live(files, Notes())
    with point.pinned() as held:
        files.write("quiet.cedar", QUIET)
        assert point.refresh()
        assert comment(point).allowed
        assert comment(point).policy_set == point.sha256 == held.sha256
        assert "nobody-comments" not in point.policies
        elsewhere: list[bool] = []
        thread = threading.Thread(target=lambda: elsewhere.append(comment(point).allowed))
        thread.start()
        thread.join()
        assert elsewhere == [False]
    assert not comment(point).allowed


def _removed(files: Files) -> None:
    (files.directory / "separation.cedar").unlink()


def _emptied(files: Files) -> None:
    for path in files.directory.glob("*.cedar"):
        path.unlink()


def _gone(files: Files) -> None:
    files.directory.rename(files.directory.with_name("elsewhere"))


def _half_written(files: Files) -> None:
    path = files.directory / "applications.cedar"
    path.write_bytes(path.read_bytes()[:900])


def _not_utf8(files: Files) -> None:
    (files.directory / "grants.cedar").write_bytes("准许".encode("gb18030"))


def _dangling(files: Files) -> None:
    (files.directory / "more.cedar").symlink_to(files.directory / "nowhere")


def _commented_out(files: Files) -> None:
    for path in files.directory.glob("*.cedar"):
        path.write_text("// nothing", encoding="utf-8")


def _edit(name: str, old: str, new: str) -> Callable[[Files], None]:
    return lambda files: files.edit(name, old, new)


def _add(text: str) -> Callable[[Files], None]:
    return lambda files: files.write("more.cedar", text)


ALL = f'@id("all") {NOTES} permit (principal, action, resource);'
ANYBODY = f'@id("all") {NOTES} permit (principal, action == Action::"decide_application", resource);'
DECIDE = 'principal.roles.contains("approving_officer")'
DELIVER = '(principal.kind == "client" || principal.roles.contains("applicant")) &&\n  principal has recipient &&'
EXECUTE = (
    'forbid (principal, action in [Action::"execute_release", Action::"deliver_release"], resource)\n'
    "when { principal.account == resource.approver }"
)
BROKEN: dict[str, tuple[Callable[[Files], None], str]] = {
    "syntax": (_edit("system.cedar", "permit (principal, action in [", "permit (principal, actin in ["), "syntax"),
    "half-written": (_half_written, "syntax"),
    "empty file": (lambda files: files.write("grants.cedar", "\n"), "file"),
    "not UTF-8": (_not_utf8, "file"),
    "no schema": (lambda files: (files.directory / "schema.cedarschema").unlink(), "file"),
    "broken schema": (_edit("schema.cedarschema", "entity AuditLog;", "entity AuditLog"), "schema"),
    "schema without an action": (_edit("schema.cedarschema", 'action "apply", ', "action "), "schema"),
    "schema without a member": (_edit("schema.cedarschema", "Disclosure = { unit: String };", "Disclosure;"), "floor"),
    "unknown member": (_add(QUIET.replace(";\n", " when { context.height > 3 };\n")), "schema"),
    "no basis": (_add(QUIET.replace('@basis("b")', "")), "annotation"),
    "unknown annotation": (_add(QUIET.replace('@basis("b")', '@basis("b") @author("x")')), "annotation"),
    "two of one id": (_add(QUIET + QUIET), "duplicate"),
    "template": (_add(QUIET.replace("(principal,", "(principal == ?principal,")), "template"),
    "permit of everything": (_add(ALL), "action"),
    "permit to anybody": (_add(ANYBODY), "floor"),
    "permit beyond the territory": (
        _edit("applications.cedar", f"{DECIDE} && context.territory_within", DECIDE), "floor"
    ),
    "permit to another recipient": (
        _edit("grants.cedar", f"{DELIVER} principal.recipient == resource.recipient", 'principal.kind == "client"'),
        "floor",
    ),
    "separation removed": (_removed, "floor"),
    "separation without its condition": (
        _edit("separation.cedar", "when { principal.account == resource.approver };", "when { false };"), "floor"
    ),
    "separation turned round": (_edit("separation.cedar", EXECUTE, EXECUTE.replace("forbid", "permit")), "floor"),
    "inspector shut out": (_add(QUIET.replace("comment_application", "read_audit")), "floor"),
    "no policy at all": (_emptied, "file"),
    "only comments": (_commented_out, "floor"),
    "directory gone": (_gone, "file"),
    "unreadable": (_dangling, "unreadable"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_i8_a_broken_set_keeps_the_old_one_and_is_recorded_once(files: Files, name: str) -> None:
    breaks, problem = BROKEN[name]
    notes = Notes()
    point = live(files, notes)
    old = point.sha256
    breaks(files)
    for _ in range(3):
        assert not point.refresh()
    assert point.sha256 == old
    assert comment(point).allowed
    assert notes.told == ["policy.reload_failed"]
    entry = notes.entries[0]
    assert entry.outcome == "failed"
    assert set(entry.facts) == {"face", "files", "files_sha256", "kept", "problems"}
    assert entry.facts["kept"] == old
    assert problem in entry.facts["problems"]  # type: ignore[operator]  # a list of names
    # the program does not start on what it would not load
    with pytest.raises((ConfigurationError, RulebookError)):
        read_set(files.directory)


def test_two_broken_states_are_two_entries_and_the_way_back_is_none(files: Files) -> None:
    notes = Notes()
    point = live(files, notes)
    whole = (files.directory / "grants.cedar").read_text(encoding="utf-8")
    for text in (whole[:500], whole[:700], whole[:500], whole):
        files.write("grants.cedar", text)
        assert not point.refresh()
    assert notes.told == ["policy.reload_failed", "policy.reload_failed"]
    files.write("quiet.cedar", QUIET)
    assert point.refresh()
    assert notes.told[2:] == ["policy.reloaded"]


def test_a_second_write_within_the_same_tick_and_of_the_same_size_is_seen(files: Files) -> None:
    point = live(files, Notes())
    path = files.directory / "quiet.cedar"
    path.write_text(QUIET, encoding="utf-8")
    assert point.refresh()
    first, stat = point.sha256, path.stat()
    path.write_text(QUIET.replace("closed", "paused"), encoding="utf-8")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert point.refresh()
    assert point.sha256 != first


def test_a_set_that_cannot_be_recorded_does_not_decide(files: Files) -> None:
    notes = Notes(failing=UnavailableError("The audit log cannot be written."))
    clock = [0.0]
    point = live(files, notes, monotonic=lambda: clock[0])
    old = point.sha256
    files.write("quiet.cedar", QUIET)
    with pytest.raises(UnavailableError):
        point.refresh()
    clock[0] = 10.0
    with point.pinned():  # a request goes on with the old set
        assert comment(point).allowed
    assert point.sha256 == old
    notes.failing = None
    assert point.refresh()
    assert notes.told == ["policy.reloaded"]


def test_an_entry_that_is_only_queued_is_not_asked_for_twice(files: Files) -> None:
    notes = Notes(failing=UnavailableError("not confirmed in time", extra={"request": 7}))
    point = live(files, notes)
    files.write("quiet.cedar", QUIET)
    assert point.refresh()
    assert not point.refresh()


def test_the_program_does_not_start_on_a_set_below_the_floor(files: Files) -> None:
    _removed(files)
    with pytest.raises(PolicySetError) as refused:
        live(files, Notes())
    assert "recorder-does-not-decide" in refused.value.detail
    assert "不得删除" in refused.value.detail_zh


def test_an_entry_names_the_set_of_the_request_also_when_another_thread_writes(files: Files) -> None:
    notes = Notes()
    point = live(files, Notes())
    journal = AttributingJournal(notes, point)
    seen: list[str] = []

    def write(_tx: Tx) -> str:
        seen.append(comment(point).policy_set)
        return "written"

    with point.pinned() as held:
        files.write("quiet.cedar", QUIET)
        assert point.refresh()
        journal.append(EntryDraft("application.edited", None, policy="apply-for-own-recipient"))
        journal.record(write, lambda _: EntryDraft("application.edited", None, policy="default-deny"))
        journal.record_all(write, [EntryDraft("application.edited", None, policy="x"), EntryDraft("log.x", None)])
    journal.append(EntryDraft("application.edited", None, policy="nobody-comments"))
    journal.append(EntryDraft("account.login", None))
    journal.append(EntryDraft("application.edited", None, policy="x", policy_set="f" * 64))
    assert [entry.policy_set for entry in notes.entries] == [
        held.sha256, held.sha256, held.sha256, None, point.sha256, None, "f" * 64
    ]  # fmt: skip
    assert seen == [held.sha256] * 2


def test_under_load_every_decision_is_one_of_a_whole_set(files: Files) -> None:
    """Deciding threads, two good sets and several broken ones in turn: no error, no mixture, no gap."""
    notes = Notes()
    point = live(files, notes, look_seconds=0.01)
    first = point.sha256
    files.write("quiet.cedar", QUIET)
    second = read_set(files.directory).sha256
    (files.directory / "quiet.cedar").unlink()
    stop = threading.Event()
    found: list[set[tuple[bool, tuple[str, ...], str, tuple[str, ...]]]] = []
    failures: list[BaseException] = []

    def decide() -> None:
        mine: set[tuple[bool, tuple[str, ...], str, tuple[str, ...]]] = set()
        try:
            while not stop.is_set():
                with point.pinned() as held:
                    for _ in range(5):
                        decision = comment(point)
                        assert decision.policy_set == held.sha256
                        mine.add((decision.allowed, decision.policy_ids, decision.policy_set, decision.errors))
        except BaseException as error:  # noqa: BLE001  told to the test below
            failures.append(error)
        found.append(mine)

    threads = [threading.Thread(target=decide) for _ in range(4)]
    for thread in threads:
        thread.start()
    quiet = files.directory / "quiet.cedar"
    for turn in range(4):
        quiet.write_text(QUIET[: 40 + turn], encoding="utf-8")  # broken, another one each time
        time.sleep(0.01)
        files.write("quiet.cedar", QUIET)
        _wait(lambda: point.sha256 == second)
        quiet.unlink()
        _wait(lambda: point.sha256 == first)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set().union(*found) == {
        (True, ("comment-in-territory",), first, ()),
        (False, ("nobody-comments",), second, ()),
    }
    assert notes.told.count("policy.reloaded") == 8


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.002)
