"""Proofs and their witnesses, and tag lists that were altered or taken away; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pytest
from sqlalchemy import Engine, text

from core_registry.sharing import NumberKind, PupilLine
from gateway.audit.errors import LogDamagedError, ProofError
from gateway.audit.findings import Damage
from gateway.audit.note import SignedNote
from gateway.audit.presence import verify_presence
from gateway.audit.proving import ProofDesk
from gateway.audit.pupils import PupilDesk
from gateway.audit.service import AuditService
from gateway.audit.statements import NamedSubject, SubjectKind
from gateway.audit.store import DatabaseLogSource, SqlLogStore
from gateway.audit.verify import trust, verify_log
from gateway.db import make_engine, make_read_only_engine
from gateway.errors import NotFoundError
from gateway.journal import EntryDraft
from tests.factories import presence as made
from tests.factories.journal import make_identity, make_journal, make_reader

PUPILS = [made.reference(number) for number in range(100)]


class Everybody:
    """A registry in which each reference is somebody (``core_registry.sharing.PupilFinder``)."""

    def by_number(self, kind: NumberKind, number: str) -> PupilLine | None:
        """Return nobody: numbers are the registry's own business here."""
        assert kind
        assert number
        return None

    def by_name(self, name: str, school: str | None, born: date | None, limit: int) -> list[PupilLine]:
        """Return nobody."""
        assert name or school or born or limit
        return []

    def by_reference(self, subject_ref: str) -> PupilLine | None:
        """Return somebody."""
        return PupilLine(subject_ref, "王**", "某小学", "1", "1班")


@dataclass
class Office:
    """The office's desk on a log that a witness has to cosign."""

    engine: Engine
    url: str
    audit: AuditService
    desk: ProofDesk

    def damage(self, statement: str, **values: object) -> None:
        """Do what the owner of the database can."""
        with self.engine.begin() as connection:
            on = " ON log_tag_lists" if connection.dialect.name == "postgresql" else ""
            for act in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS guard_log_tag_lists_{act}{on}"))
            connection.execute(text(statement), values)

    def cosign(self) -> None:
        """Let the witness cosign the newest checkpoint."""
        note = self.audit.reader.read(self.audit.store.checkpoint)
        assert note is not None
        told = SignedNote.parse(note).text
        size = self.audit.reader.read(lambda tx: self.audit.store.head(tx).size)
        self.audit.add_cosignature(size, made.WITNESS.cosign(told, int(made.AT.timestamp())).line())


@pytest.fixture
def office(tables_url: str) -> Iterator[Office]:
    engine = make_engine(tables_url)
    journal = make_journal(engine, now=lambda: made.AT)
    store, reader = SqlLogStore(engine), make_reader(engine)
    audit = AuditService(store, reader, journal, make_identity().origin, made.POLICY, made.TAGGER, lambda: made.AT)
    journal.append(EntryDraft("release.prepared", None, subjects=made.roll_of(PUPILS)))
    yield Office(
        engine, tables_url, audit, ProofDesk(audit, PupilDesk(Everybody(), journal), made.TAGGER, lambda: made.SALT)
    )
    journal.close()
    engine.dispose()


def named(number: int) -> NamedSubject:
    return NamedSubject(SubjectKind.SUBJECT_REF, made.reference(number))


@pytest.mark.rule("A50-10")
def test_a_fresh_proof_waits_for_its_witnesses_and_is_renewed(office: Office) -> None:
    first = office.desk.prove(made.INSPECTOR, 0, named(500), "核查")
    assert (first.proof.present, first.witnessed) == (False, False)
    with pytest.raises(ProofError, match="quorum"):
        verify_presence(first.proof.encode(), made.POLICY)
    office.cosign()
    renewed = office.desk.renew(made.INSPECTOR, first.proof.encode())
    assert renewed.witnessed
    verdict = verify_presence(renewed.proof.encode(), made.POLICY)
    assert (verdict.present, verdict.index, verdict.asked) == (False, 0, first.asked)
    assert verdict.subject == named(500)


def test_a_list_that_was_altered_or_taken_away_gives_no_proof(office: Office) -> None:
    tags = made.tag_lists(PUPILS).tags
    fewer = b"".join(tag for tag in tags if tag != made.TAGGER.tag(made.EPOCH, PUPILS[7]))
    office.damage("UPDATE log_tag_lists SET tags = :tags", tags=fewer)
    with pytest.raises(LogDamagedError):
        office.desk.prove(made.INSPECTOR, 0, named(7), "核查")
    engine = make_read_only_engine(office.url)
    with DatabaseLogSource(engine) as source:
        report = verify_log(source, trust(made.LOG))
    engine.dispose()
    assert [(one.damage, one.index) for one in report.findings] == [(Damage.TAGS, 0)]
    office.damage("DELETE FROM log_tag_lists")
    with pytest.raises(NotFoundError):
        office.desk.prove(made.INSPECTOR, 0, named(7), "核查")
