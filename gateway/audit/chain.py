"""The chain of responsibility of an application, a grant or an extract, put together from the log's entries alone.

Ground, who recorded, confirmed and approved it, who executed, the recipient and the responsible person there, the
file, its rows, and the entry that proves it (I4). A step that must have happened and has no entry is a gap: there the
chain is broken. Steps that are still to come are none.

Source: A50-10, A50-11; design, section 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from gateway.audit.records import EntryView
from gateway.errors import NotFoundError
from gateway.instants import micros_text
from gateway.journal import JsonValue

Find = Callable[[Sequence[str], Mapping[str, str], int], Sequence[EntryView]]
"""``find(kinds, links, limit)``: entries of these kinds with all these links, newest first."""

ANCHORS: Final[Mapping[str, str]] = {"ap": "application", "gr": "grant", "ex": "extract"}
"""What the first letters of an id say it is."""
MAX_DELIVERIES: Final = 100
MAX_EXTRACTS: Final = 100
UNDER_WAY: Final = timedelta(hours=1)
"""How long a delivery may be open before its missing outcome is a gap: leases end, and are closed, long before."""
_DECIDED: Final = ("application.approved", "application.narrowed")
_APPLIED: Final = ("application.submitted", "application.resubmitted", "application.drafted")
_STATED: Final = ("ground", "basis_recorder", "basis_confirmer", "approver", "recipient", "responsible")
"""Links of which an application, its grant and all that leaves under it have one value."""


class Step(StrEnum):
    """The steps of a chain, in order."""

    GROUND = "ground"
    RECORDED = "recorded"
    CONFIRMED = "confirmed"
    APPROVED = "approved"
    EXECUTED = "executed"
    RECIPIENT = "recipient"
    RESPONSIBLE = "responsible"
    FILE = "file"
    ROWS = "rows"
    PROOF = "proof"


class State(StrEnum):
    """How a step stands."""

    DONE = "done"
    AHEAD = "ahead"
    """Not there yet, and nothing behind it has happened."""
    BROKEN = "broken"


class Gap(StrEnum):
    """Why a chain is broken at a step."""

    NO_ENTRY = "no_entry"
    """A later step has an entry, this one has none."""
    OTHER_PERSON = "other_person"
    """The entry was made by somebody else than later entries say."""
    SAME_PERSON = "same_person"
    """One person did what two must do (A50-11)."""
    CONTRADICTED = "contradicted"
    """Two entries of the chain tell different things of it."""
    NO_OUTCOME = "no_outcome"
    """A delivery began and no entry tells how it ended."""


@dataclass(frozen=True, slots=True)
class Node:
    """One step: what it is about, and the entry that tells of it with whoever acted."""

    step: Step
    state: State
    value: str | None = None
    """An id, an account, a code, a digest or a number, by the step."""
    label: str | None = None
    """The same in words, where the log has them: law and article, or government and document number."""
    entry: EntryView | None = None
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class DeliveryPair:
    """One delivery: its intent, and the outcome if one was written."""

    intent: EntryView
    outcome: EntryView | None


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain as it stands in the log."""

    id: str
    kind: str
    """``application``, ``grant`` or ``extract``."""
    links: Mapping[str, str]
    """What the entries say, by the keys of ``LINKS``."""
    nodes: tuple[Node, ...]
    """One of each step, in order."""
    deliveries: tuple[DeliveryPair, ...] = ()
    """Of an extract, newest first, at most 100."""
    extracts: tuple[str, ...] = ()
    """Of a grant or an application, newest first, at most 100."""

    @property
    def gaps(self) -> tuple[Node, ...]:
        """The steps at which the chain is broken."""
        return tuple(node for node in self.nodes if node.state is State.BROKEN)

    @property
    def whole(self) -> bool:
        """Whether no step is broken."""
        return not self.gaps


def anchor(identifier: str) -> str:
    """Return what ``identifier`` names: application, grant or extract; raises ``NotFoundError`` for anything else."""
    found = ANCHORS.get(identifier.partition("-")[0])
    if found is None or not identifier.partition("-")[2]:
        raise NotFoundError(
            "A chain is that of an application (ap-…), a grant (gr-…) or an extract (ex-…).",
            detail_zh="责任链按申请（ap-…）、授权（gr-…）或提取（ex-…）编号查看。",
        )
    return found


def read_chain(identifier: str, find: Find, now: datetime) -> Chain:
    """Return the chain of ``identifier``; raises ``NotFoundError`` when no entry tells of it.

    ``now`` tells a delivery that is under way from one whose end nobody wrote down.
    """
    kind = anchor(identifier)
    return _Reading(identifier, kind, find, micros_text(now - UNDER_WAY)).chain()


class _Reading:
    """Collects the entries of one chain."""

    def __init__(self, identifier: str, kind: str, find: Find, old: str) -> None:
        self._id, self._kind, self._find, self._old = identifier, kind, find, old
        self.requested: EntryView | None = None
        self.prepared: EntryView | None = None
        self.intents: Sequence[EntryView] = ()
        self.outcomes: Mapping[JsonValue, EntryView] = {}
        if kind == "extract":
            of_it = {"extract": identifier}
            self.requested = self._newest("release.requested", of_it)
            self.prepared = self._newest("release.prepared", of_it)
            self.intents = find(("release.intent",), of_it, MAX_DELIVERIES)
            self.outcomes = {
                _facts(one).get("delivery"): one for one in find(("release.outcome",), of_it, 2 * MAX_DELIVERIES)
            }
        self.decided: EntryView | None = None
        self.recorded: EntryView | None = None
        self.confirmed: EntryView | None = None
        self._follow(self._claims())

    def _newest(self, kinds: str | Sequence[str], links: Mapping[str, str]) -> EntryView | None:
        return next(iter(self._find((kinds,) if isinstance(kinds, str) else kinds, links, 1)), None)

    def _claims(self) -> Mapping[str, str]:
        """Return what the entries nearest to the anchor say of the chain."""
        known = next(iter(self._released()), None) or self._newest((), {self._kind: self._id})
        if known is None:
            raise NotFoundError("The log has no entry of this chain.", detail_zh="日志中没有该编号的条目。")
        if self._kind == "application":
            decided = self._newest(_DECIDED, {"application": self._id})
            known = decided or known
        return _links(known)

    def _follow(self, claims: Mapping[str, str]) -> None:
        application, grant = claims.get("application"), claims.get("grant")
        self.applied = None
        if application is not None:
            of_it = {"application": application}
            self.applied = self._newest(_APPLIED, of_it)
            self.decided = self._newest(_DECIDED, of_it if grant is None else {**of_it, "grant": grant})
            ground = (_links(self.decided) if self.decided else claims).get("ground")
            if ground is not None:
                of_it = {**of_it, "ground": ground}
                self.recorded = self._newest("ground.recorded", of_it)
                self.confirmed = self._newest("ground.confirmed", of_it)
        if self.confirmed is None and self.decided and _facts(self.decided).get("confirmed_in_same_act") is True:
            self.confirmed = self.decided
        self.claims = {**claims, **(_links(self.decided) if self.decided else {})}

    def _released(self) -> Iterable[EntryView]:
        return (one for one in (*self.intents, self.prepared, self.requested) if one is not None)

    def chain(self) -> Chain:
        """Return the chain with the gaps it has."""
        nodes = (self._ground(), *self._people(), *self._receivers(), *self._file())
        extracts: tuple[str, ...] = ()
        if self._kind != "extract":
            found = self._find(("release.requested",), {self._kind: self._id}, MAX_EXTRACTS)
            extracts = tuple(dict.fromkeys(links["extract"] for one in found if "extract" in (links := _links(one))))
        pairs = tuple(DeliveryPair(one, self.outcomes.get(_facts(one).get("delivery"))) for one in self.intents)
        return Chain(self._id, self._kind, self.claims, nodes, pairs, extracts)

    # the steps

    def _ground(self) -> Node:
        label = next(
            (str(told) for one in (self.decided, self.recorded) if one and (told := _facts(one).get("ground_label"))),
            None,
        )
        node = self._node(Step.GROUND, self.claims.get("ground"), self.recorded, self._granted)
        return Node(node.step, node.state, node.value, label, node.entry, node.gap)

    @property
    def _granted(self) -> bool:
        return "grant" in self.claims or self.decided is not None

    def _people(self) -> Iterable[Node]:
        claims = self.claims
        recorder, confirmer, approver = (claims.get(name) for name in ("basis_recorder", "basis_confirmer", "approver"))
        yield self._act(Step.RECORDED, recorder, self.recorded, self._granted or self.confirmed is not None)
        same = confirmer is not None and confirmer == recorder
        yield self._act(Step.CONFIRMED, confirmer, self.confirmed, self._granted, same=same)
        left = any(True for _ in self._released())
        applicant = _actor(self.applied) if self.applied else None
        same = approver is not None and approver in {recorder, applicant}
        yield self._act(Step.APPROVED, approver, self.decided, self._granted or left, same=same)
        executor = next((name for one in self._released() if (name := _links(one).get("executor"))), None)
        same = executor is not None and executor == approver
        yield self._act(Step.EXECUTED, executor, self.requested, left, same=same)

    def _receivers(self) -> Iterable[Node]:
        told_by = self.decided or self.applied
        for step, name in ((Step.RECIPIENT, "recipient"), (Step.RESPONSIBLE, "responsible")):
            yield self._node(step, self.claims.get(name), told_by if self.claims.get(name) else None, self._granted)

    def _file(self) -> Iterable[Node]:
        facts = _facts(self.prepared) if self.prepared else {}
        delivered = bool(self.intents)
        for step, name in ((Step.FILE, "sha256"), (Step.ROWS, "rows")):
            value = facts.get(name)
            others = any(_facts(one).get(name) != value for one in self.intents)
            gap = Gap.CONTRADICTED if self.prepared and others else None
            yield self._node(step, None if value is None else str(value), self.prepared, delivered, gap)
        last = next(iter(self.intents), None)
        open_ones = [
            one
            for one in self.intents
            if _facts(one).get("delivery") not in self.outcomes and str(one.content.get("at")) < self._old
        ]
        outcome = None if last is None else self.outcomes.get(_facts(last).get("delivery"))
        proven = outcome or last or (None if self._kind == "extract" else self.decided)
        orphan = self._kind == "extract" and last is None and bool(self.outcomes)
        gap = Gap.NO_OUTCOME if open_ones else Gap.NO_ENTRY if orphan else None
        value = None if proven is None else str(proven.index)
        yield self._node(Step.PROOF, value, proven, False, gap)

    # one step

    def _act(self, step: Step, person: str | None, entry: EntryView | None, due: bool, *, same: bool = False) -> Node:
        did = _actor(entry) if entry else None
        gap = None
        if entry is not None and person is not None and did != person:
            gap = Gap.OTHER_PERSON
        elif same:
            gap = Gap.SAME_PERSON
        return self._node(step, person or did, entry, due, gap)

    def _node(self, step: Step, value: str | None, entry: EntryView | None, due: bool, gap: Gap | None = None) -> Node:
        if entry is None and due:
            gap = Gap.NO_ENTRY
        elif gap is None and self._contradicted(step):
            gap = Gap.CONTRADICTED
        state = State.BROKEN if gap else State.AHEAD if entry is None else State.DONE
        return Node(step, state, value, None, entry, gap)

    def _contradicted(self, step: Step) -> bool:
        """Say whether entries of the chain name different grounds, people or recipients for a step."""
        name = _LINK_OF.get(step)
        if name is None:
            return False
        told = (self.recorded, self.confirmed, self.decided, *self._released(), *self.outcomes.values())
        return len({value for one in told if one is not None and (value := _links(one).get(name))}) > 1


_LINK_OF: Final = dict(
    zip(
        (Step.GROUND, Step.RECORDED, Step.CONFIRMED, Step.APPROVED, Step.RECIPIENT, Step.RESPONSIBLE),
        _STATED,
        strict=True,
    )
)


def _facts(entry: EntryView) -> Mapping[str, JsonValue]:
    found = entry.content.get("facts")
    return found if isinstance(found, dict) else {}


def _links(entry: EntryView) -> dict[str, str]:
    found = entry.content.get("links")
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _actor(entry: EntryView) -> str | None:
    found = entry.content.get("actor")
    return str(found["id"]) if isinstance(found, dict) else None
