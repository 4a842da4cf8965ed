"""The audit trail as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field

from gateway.api.models.base import Line, Model
from gateway.audit.chain import Chain, DeliveryPair, Node
from gateway.audit.records import LINKS, SearchQuery

_RFC_3339 = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"


def moment(text: str) -> datetime:
    """Return the moment that an RFC 3339 text means; raises ``ValueError`` for one that never was."""
    return datetime.fromisoformat(text)


def _exists(text: str) -> str:
    try:
        moment(text)
    except ValueError:
        raise ValueError("There is no such moment.") from None  # the parser's text may repeat the input
    return text


# A text, since pydantic would also take a number, as a Unix time.
Moment = Annotated[str, Field(pattern=_RFC_3339, json_schema_extra={"format": "date-time"}), AfterValidator(_exists)]
Term = Annotated[Line, Field(min_length=1, max_length=120)]


class AuditQueryIn(Model):
    """What an inspector looks for; every member that is given is one more condition."""

    kind: Term | None = None
    outcome: Term | None = None
    actor: Term | None = None
    """An account that acted."""
    person: Term | None = None
    """An account in any part: acted, recorded or confirmed the ground, approved, executed."""
    unit: Term | None = None
    policy: Term | None = None
    rule: Term | None = None
    """The rule that a refusal names, as A50-9."""
    problem: Term | None = None
    application: Term | None = None
    approver: Term | None = None
    basis_confirmer: Term | None = None
    basis_recorder: Term | None = None
    executor: Term | None = None
    extract: Term | None = None
    grant: Term | None = None
    ground: Term | None = None
    recipient: Term | None = None
    responsible: Term | None = None
    since: Moment | None = None
    until: Moment | None = None
    before: Annotated[int, Field(ge=0, le=2**53)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50

    def to_query(self) -> SearchQuery:
        """Return the record of the question."""
        links = {name: value for name in LINKS if (value := getattr(self, name, None)) is not None}
        return SearchQuery(
            kind=self.kind,
            outcome=self.outcome,
            actor=self.actor,
            person=self.person,
            unit=self.unit,
            policy=self.policy,
            rule=self.rule,
            problem=self.problem,
            links=links,
            since=None if self.since is None else moment(self.since),
            until=None if self.until is None else moment(self.until),
            subject=getattr(self, "subject", None),
            before=self.before,
            limit=self.limit,
        )


Subject = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class AuditSearchIn(AuditQueryIn):
    """The same, by pupil too: a reference of the registry, in the body because addresses are written to logs."""

    subject: Subject | None = None
    """A pupil's subject_ref; the answer holds the entries whose tags are the pupil's."""


class AuditListingIn(AuditSearchIn):
    """What goes into a file, newest first, at most 10,000 entries; ``limit`` is not used."""

    format: Literal["csv", "json"] = "csv"


class AuditEntryOut(Model):
    """An entry as people read it."""

    index: int
    leaf_hash: str
    content: dict[str, Any]


class AuditPageOut(Model):
    """Entries, newest first; ``before`` asks for the next page."""

    items: list[AuditEntryOut]
    before: int | None
    lost_epochs: list[str]
    """Quarters of which nobody can say any more what is about the pupil: their tag keys are destroyed."""
    complete_to: int
    """Up to how many entries of the log the answer is complete; later ones may fit too."""
    root: str
    """The root of the log at that size (base64): what a reading of all entries is held against."""


class ProofOut(Model):
    """An entry's bytes (base64), its inclusion proof and checkpoint."""

    index: int
    entry: str
    tree_size: int
    root: str
    proof: list[str]
    checkpoint: str
    receipt: str


class PackageIn(Model):
    """Which entries go into an inspection package; left out, the whole log."""

    entries: Annotated[list[Annotated[int, Field(ge=0, le=2**53)]], Field(min_length=1, max_length=1000)] | None = None


class ChainStepOut(Model):
    """One step of a chain of responsibility, with the entry that tells of it."""

    step: str
    state: Literal["done", "ahead", "broken"]
    gap: str | None
    """Why the chain is broken here: no_entry, other_person, same_person, contradicted, no_outcome."""
    value: str | None
    """An id, an account, a code, a digest or a number, by the step."""
    label: str | None
    account: str | None
    """Who acted in the entry, with post and unit."""
    post: str | None
    unit: str | None
    at: str | None
    kind: str | None
    entry: int | None
    proof: str | None
    """Where the inclusion proof of the entry is."""

    @classmethod
    def of(cls, node: Node) -> Self:
        """Return the model of a step."""
        content = {} if node.entry is None else node.entry.content
        actor = content.get("actor")
        who = actor if isinstance(actor, dict) else {}
        return cls.model_validate(
            {
                "step": node.step.value,
                "state": node.state.value,
                "gap": None if node.gap is None else node.gap.value,
                "value": node.value,
                "label": node.label,
                "account": who.get("id"),
                "post": who.get("post"),
                "unit": who.get("unit"),
                "at": content.get("at"),
                "kind": content.get("kind"),
                "entry": None if node.entry is None else node.entry.index,
                "proof": None if node.entry is None else f"/v1/audit/entries/{node.entry.index}/proof",
            }
        )


class ChainDeliveryOut(Model):
    """A delivery of the file: its intent, and how it ended."""

    delivery: str | None
    intent: int
    outcome: int | None
    ended: str | None
    """complete, client_gone, error or unknown; null while no outcome is in the log."""
    bytes: int | None

    @classmethod
    def of(cls, pair: DeliveryPair) -> Self:
        """Return the model of a delivery."""
        begun = pair.intent.content["facts"]
        end = None if pair.outcome is None else pair.outcome.content
        facts = {} if end is None else end["facts"]
        return cls.model_validate(
            {
                "delivery": begun.get("delivery") if isinstance(begun, dict) else None,
                "intent": pair.intent.index,
                "outcome": None if pair.outcome is None else pair.outcome.index,
                "ended": None if end is None else end["outcome"],
                "bytes": facts.get("bytes") if isinstance(facts, dict) else None,
            }
        )


class ChainOut(Model):
    """The chain of responsibility of an application, a grant or an extract."""

    id: str
    kind: Literal["application", "grant", "extract"]
    whole: bool
    """Whether no step is broken."""
    steps: list[ChainStepOut]
    links: dict[str, str]
    deliveries: list[ChainDeliveryOut]
    extracts: list[str]

    @classmethod
    def of(cls, chain: Chain) -> Self:
        """Return the model of a chain."""
        return cls.model_validate(
            {
                "id": chain.id,
                "kind": chain.kind,
                "whole": chain.whole,
                "steps": [ChainStepOut.of(node) for node in chain.nodes],
                "links": dict(chain.links),
                "deliveries": [ChainDeliveryOut.of(pair) for pair in chain.deliveries],
                "extracts": list(chain.extracts),
            }
        )
