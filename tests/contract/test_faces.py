"""Each face starts with nothing but its own keys, on PostgreSQL, and can do its part and no other (I2)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from core_registry.sharing import RowFilter
from gateway import bootstrap
from gateway.accounts.dpop import Shown
from gateway.accounts.sealing import civil_date
from gateway.app import create_app
from gateway.bootstrap import Process
from gateway.errors import ConfigurationError, ForbiddenError, NotFoundError, UnavailableError
from gateway.families.records import BondKind
from gateway.families.rules import ADULT_AGE, age_of
from gateway.identity import jws
from gateway.identity.errors import WalletRefusedError
from gateway.identity.holder import Wallet
from gateway.identity.issuing.desk import RemoteDesk
from gateway.identity.issuing.records import MadeOffer, Sent, TokenRequest
from gateway.identity.presenting.records import State
from gateway.identity.verify import UnverifiedPresentation
from gateway.ids import AccountId, SubjectRef
from gateway.keyring import PRIVATE_KEYS, SYMMETRIC, Face, Key
from gateway.policies.records import Format
from gateway.principals import Principal
from gateway.releases.records import ExtractRequest
from gateway.settings import Settings
from tests.factories.accounts import Clock
from tests.factories.families import Phone
from tests.factories.identity import code_of
from tests.factories.presenting import encrypted, wallet_of
from tests.factories.release_cases import CASES, REGISTRAR, client, client_of
from tests.factories.releases import House, copied, make_house, opened

SINGLE = (Face.OFFICE, Face.FAMILY, Face.OUTSIDE, Face.WORKER)
NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:9/none"
CLAIMS = frozenset({"stage", "age_over_6"})


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[House]:
    yield from opened(make_house(tmp_path_factory.mktemp("faces"), server=postgres_server))


def own_keys(house: House, face: Face, folder: Path) -> Path:
    """Return a directory with the private keys of ``face`` and the public halves of all, and nothing else."""
    keys = folder / f"keys-{face}"
    keys.mkdir()
    for key in Key:
        if key in PRIVATE_KEYS[face]:
            name = f"{key}.key" if key in SYMMETRIC else f"{key}.pem"
            shutil.copy(house.settings.keys / name, keys / name)
        if key not in SYMMETRIC:
            shutil.copy(house.settings.keys / f"{key}.pub.pem", keys)
    return keys


@contextmanager
def process_of(house: House, face: Face, folder: Path, **changes: str) -> Iterator[Process]:
    """Open a process of ``face`` on the databases of ``house`` with its own keys."""
    settings = replace(house.settings, keys=own_keys(house, face, folder), **changes)  # type: ignore[arg-type]  # urls
    process = bootstrap.open_process(settings, face, now=Clock(house.clock()))
    try:
        yield process
    finally:
        sharing = process.services.sharing
        process.close()
        if sharing is not None:
            sharing.close()  # type: ignore[attr-defined]  # the real view has it


@contextmanager
def working(house: House, folder: Path) -> Iterator[Process]:
    """Run the worker beside: a process of its own keys, in a thread."""
    with process_of(house, Face.WORKER, folder) as process:
        assert process.worker is not None
        process.worker.start()
        yield process


@pytest.mark.postgres
@pytest.mark.parametrize("face", SINGLE)
def test_a_face_starts_with_its_own_keys_alone_and_says_that_it_is_ready(
    house: House, tmp_path: Path, face: Face
) -> None:
    with process_of(house, face, tmp_path) as process:
        client_ = create_app(process.services, testing=True).test_client()
        assert client_.get("/healthz").status_code == 200
        ready = client_.get("/readyz")
        assert ready.status_code == 200, ready.json
        assert ready.json is not None
        parts = set(ready.json["parts"])
        assert ("registry_database" in parts) is (face in {Face.OFFICE, Face.WORKER})
        assert ("sharing_view" in parts) is (face is not Face.OUTSIDE)
        assert (process.services.office is not None) is (face in {Face.OFFICE, Face.WORKER})
        assert (process.worker is not None) is (face in {Face.WORKER, Face.OUTSIDE})


@pytest.mark.postgres
@pytest.mark.parametrize("face", SINGLE)
def test_a_face_is_refused_every_key_of_another(house: House, tmp_path: Path, face: Face) -> None:
    with process_of(house, face, tmp_path) as process:
        ring = process.services.keyring
        for key in Key:
            if key in PRIVATE_KEYS[face]:
                assert ring.has(key)
                continue
            assert not ring.has(key)
            with pytest.raises(ConfigurationError) as refused:
                ring.secret(key) if key in SYMMETRIC else ring.signing(key)
            assert refused.value.missing == (key,)


@pytest.mark.postgres
@pytest.mark.parametrize("face", SINGLE)
def test_a_face_takes_no_key_of_another_even_if_it_lies_there(house: House, face: Face) -> None:
    process = bootstrap.open_process(house.settings, face, now=house.clock)  # every key is in this directory
    held = {key for key in Key if process.services.keyring.has(key)}
    sharing = process.services.sharing
    process.close()
    if sharing is not None:
        sharing.close()  # type: ignore[attr-defined]  # the real view has it
    assert held == PRIVATE_KEYS[face]


@pytest.mark.postgres
@pytest.mark.parametrize("face", SINGLE)
def test_a_face_without_one_of_its_keys_does_not_start_and_names_it(house: House, tmp_path: Path, face: Face) -> None:
    keys = own_keys(house, face, tmp_path)
    lost = sorted(PRIVATE_KEYS[face])[0]
    (keys / (f"{lost}.key" if lost in SYMMETRIC else f"{lost}.pem")).unlink()
    with pytest.raises(ConfigurationError) as refused:
        bootstrap.open_process(replace(house.settings, keys=keys), face)
    assert lost in str(refused.value)


@pytest.mark.parametrize("face", SINGLE)
def test_on_sqlite_a_single_face_refuses_and_says_what_to_do(tmp_path: Path, face: Face) -> None:
    _, settings = copied(tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        bootstrap.open_process(settings, face)
    assert "PostgreSQL" in str(refused.value)
    assert "--face all" in str(refused.value)
    assert "PostgreSQL" in refused.value.detail_zh


@pytest.mark.postgres
def test_the_outside_face_needs_no_registry_database(house: House, tmp_path: Path) -> None:
    with process_of(house, Face.OUTSIDE, tmp_path, registry_url=NOWHERE) as process:
        assert process.services.ready()["gateway_database"] == "ok"
        assert create_app(process.services, testing=True).test_client().get("/readyz").status_code == 200


@pytest.mark.postgres
def test_the_outside_face_verifies_an_identity_by_asking_the_worker(house: House, tmp_path: Path) -> None:
    now = house.clock()
    party = client_of("identity-check")
    own = str(party.account)
    wallet = Wallet()
    with (
        working(house, tmp_path),
        process_of(house, Face.OFFICE, tmp_path) as office,
        process_of(house, Face.OUTSIDE, tmp_path, registry_url=NOWHERE) as outside,
    ):
        assert office.services.sharing is not None
        subject = _active_pupil(office)
        offer = office.services.issuing.make_offer(subject, REGISTRAR)
        wallet.receive(_fetched(office, offer, wallet, now))

        def verify(identity_nonce: str, claims: frozenset[str], audience: str = own) -> dict[str, object]:
            shown = wallet.present(sorted(claims), audience=audience, nonce=identity_nonce, now=now)
            answer = outside.services.identity.verify_online(
                UnverifiedPresentation(shown), party, audience=audience, nonce=identity_nonce, requested=claims
            )
            return dict(answer.claims)

        assert outside.services.sharing is None
        told = verify("nonce-1", CLAIMS)
        assert set(told) == set(CLAIMS)
        with pytest.raises(ForbiddenError):  # another party's audience
            verify("nonce-2", CLAIMS, audience="cl-somebody-else")
        intents = [entry for entry in house.entries("release.intent") if entry["facts"]["level"] == "check"]
        assert intents[-1]["facts"]["claims"]
    # the worker is gone: no answer, and a clear error
    with process_of(house, Face.OUTSIDE, _again(tmp_path), registry_url=NOWHERE) as alone:
        impatient = replace(alone.services.identity.view, wait_seconds=0.2)  # type: ignore[type-var]  # an Asker
        with pytest.raises(UnavailableError):
            impatient.pupil(str(subject))


@pytest.mark.postgres
def test_the_outside_face_asks_a_wallet_and_the_worker_reads_the_record(house: House, tmp_path: Path) -> None:
    party, claims = client_of("identity-check"), sorted(CLAIMS)
    with (
        working(house, tmp_path),
        process_of(house, Face.OFFICE, tmp_path) as office,
        process_of(house, Face.OUTSIDE, tmp_path, registry_url=NOWHERE) as outside,
    ):
        assert office.services.presentations is None
        assert not office.services.keyring.has(Key.VERIFIER)
        wallet = wallet_of(office.services, REGISTRAR, _active_pupil(office))
        service = outside.services.presentations
        assert service is not None
        assert outside.services.sharing is None
        made = service.make(party, claims)
        payload = jws.parse(service.request_object(made.id)).payload
        client_id, nonce = str(payload["client_id"]), str(payload["nonce"])
        shown = wallet.present(claims, audience=client_id, nonce=nonce, now=house.clock())
        members = {"vp_token": {"student": [shown]}, "state": payload["state"]}
        assert service.respond(made.id, {"response": [encrypted(payload, members)]})
        told = service.progress(made.id, party)
        assert told.state is State.ANSWERED
        assert told.claims is not None
        assert set(told.claims) == set(claims)
        (entry,) = house.entries("identity.presentation_closed")
        assert entry["outcome"] == "done"


@pytest.mark.postgres
@pytest.mark.parametrize("face", [Face.OUTSIDE, Face.FAMILY])
def test_a_face_without_the_issuers_key_issues_by_asking_the_worker(house: House, tmp_path: Path, face: Face) -> None:
    now, wallet = house.clock(), Wallet()
    more = {"registry_url": NOWHERE} if face is Face.OUTSIDE else {}
    with working(house, tmp_path), process_of(house, face, tmp_path, **more) as process:
        assert not process.services.keyring.has(Key.CREDENTIAL)
        with process_of(house, Face.OFFICE, tmp_path) as office:
            subject = _active_pupil(office)
            offer = office.services.issuing.make_offer(subject, REGISTRAR)
            spoilt = office.services.issuing.make_offer(subject, REGISTRAR)
        issuing = process.services.issuing
        assert isinstance(issuing.desk, RemoteDesk)
        assert issuing.offer(offer.address.rpartition("/")[2]) == offer.document
        with pytest.raises(NotFoundError):
            issuing.offer("0" * 32)
        wrong = replace(spoilt, tx_code=f"{(int(spoilt.tx_code) + 1) % 10**6:06}")
        with pytest.raises(WalletRefusedError) as refused:
            _sent(process, wrong)
        assert refused.value.code == "invalid_grant"
        credentials = _fetched(process, offer, wallet, now)
        assert len(credentials) == 3
        with pytest.raises(WalletRefusedError) as refused:
            _sent(process, offer)
        assert refused.value.code == "invalid_grant"
        asked = [entry["outcome"] for entry in house.entries("identity.authorized")]
        assert asked[-3:] == ["refused", "done", "refused"]
        if face is Face.OUTSIDE:
            with pytest.raises(UnavailableError):  # this face makes no offers
                issuing.make_offer(subject, REGISTRAR)
    # the worker is gone: no answer, and when to try again
    with process_of(house, face, _again(tmp_path), **more) as alone:
        broker: Any = alone.services.issuing.desk.broker  # type: ignore[attr-defined]  # a RemoteDesk
        impatient = replace(alone.services.issuing, desk=RemoteDesk(replace(broker, wait_seconds=0.1)))
        app = create_app(replace(alone.services, issuing=impatient), testing=True)
        for path in ("/v1/identity/nonce", "/v1/identity/credentials", "/v1/identity/notifications"):
            answer = app.test_client().post(path, json={}, headers={"Authorization": "Bearer guess"})
            assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


@pytest.mark.postgres
@pytest.mark.parametrize("face", [Face.FAMILY, Face.OUTSIDE])
def test_a_guardian_comes_in_and_ends_the_identity_on_a_face_without_the_registrys_keys(
    house: House, tmp_path: Path, face: Face
) -> None:
    now, wallet = house.clock(), Wallet()
    more = {"public_url": "https://xueji.example"} | ({"registry_url": NOWHERE} if face is Face.OUTSIDE else {})
    with (
        working(house, tmp_path),
        process_of(house, Face.OFFICE, tmp_path) as office,
        process_of(house, face, tmp_path, **more) as process,
    ):
        school, families = office.services.families, process.services.families
        assert school is not None
        assert families is not None
        subject = _minor(office)
        made = school.activations.make(subject, BondKind.GUARDIAN, REGISTRAR)
        entered = families.activations.redeem(made.link.partition("#")[2], made.code)
        who = entered.principal
        phone = Phone(origin="https://xueji.example", rp="xueji.example")
        begun = families.passkeys.begin_registering(who)
        families.passkeys.register(who, str(entered.token), begun.id, phone.create(begun.options), "手机")
        signing = families.passkeys.begin_sign_in()
        assert families.passkeys.sign_in(signing.id, phone.get(signing.options)).principal.account == who.account
        [child] = families.children(who.account)
        assert (child.subject_ref, child.label[-1]) == (subject, "*")
        card = families.cards.make(subject, who)
        assert families.cards.check(card.link.partition("#")[2]) is not None
        # what the school issued to the pupil ends by the guardian's act, at the worker, who looks at the bond again
        wallet.receive(_fetched(office, office.services.issuing.make_offer(subject, REGISTRAR), wallet, now))
        issuing = process.services.issuing
        with pytest.raises(NotFoundError):
            issuing.end_all(subject, replace(who, account=AccountId("gd-nobody")))
        with pytest.raises(NotFoundError):
            issuing.end_all(subject, REGISTRAR)  # staff end at the office
        assert issuing.end_all(subject, who) >= 1
        assert [one["outcome"] for one in house.entries("identity.ended")][-2:] == ["refused", "done"]
        _sees_and_asks(office, process, subject, who)
        school.end_bond(families.members(who.account)[0].bond.id, REGISTRAR)
        assert families.children(who.account) == ()
        assert process.services.accesses is not None
        with pytest.raises(ForbiddenError):
            process.services.accesses.page(who, subject)


def _sees_and_asks(office: Process, face: Process, subject: SubjectRef, who: Principal) -> None:
    """Ask from a face without the tag root who saw the pupil's data, and let the office answer a question."""
    accesses, questions = face.services.accesses, office.services.questions
    assert accesses is not None
    assert questions is not None
    assert face.services.questions is None
    with pytest.raises(ForbiddenError):
        accesses.page(replace(who, account=AccountId("gd-nobody")), subject)
    accesses.ask(who, subject, "谁看过？")
    assert [one.question.text for one in questions.waiting(REGISTRAR)] == ["谁看过？"]
    questions.answer(REGISTRAR, accesses.page(who, subject).questions[0].id, "无人查看。")
    assert accesses.page(who, subject).questions[0].answer == "无人查看。"


@pytest.mark.postgres
def test_the_family_face_is_answered_nothing_but_wallets_and_its_own_view(house: House, tmp_path: Path) -> None:
    with working(house, tmp_path), process_of(house, Face.FAMILY, tmp_path) as family:
        broker: Any = family.services.issuing.desk.broker  # type: ignore[attr-defined]  # a RemoteDesk
        assert broker.ask("wallet-offer", {"reference": "0" * 32}) == {"told": None}
        for kind, body in (("pupil", {"subject_ref": "0" * 32}), ("check", {})):
            with pytest.raises(UnavailableError):
                broker.ask(kind, body)


def _minor(process: Process) -> SubjectRef:
    """Return an active pupil who is under 18."""
    view = process.services.sharing
    assert view is not None
    today = civil_date(process.services.now())
    with view.snapshot() as snapshot:
        rows = RowFilter(states=frozenset({"active"}))
        for batch in snapshot.batches(["subject_ref", "birth_date"], rows):
            for one in batch.to_pylist():
                if (age_of(one, today) or ADULT_AGE) < ADULT_AGE:
                    return SubjectRef(one["subject_ref"])
    raise AssertionError("no pupil under 18")


def _sent(process: Process, offer: MadeOffer) -> Sent:
    issuer = process.services.identity.settings.issuer
    shown = Shown(None, "POST", f"{issuer}/oauth/token")
    token = process.services.issuing.redeem(TokenRequest(shown, code_of(offer), offer.tx_code)).value
    return Sent(token, "bearer", Shown(None, "POST", f"{issuer}/v1/identity/credentials"))


def _fetched(process: Process, offer: MadeOffer, wallet: Wallet, now: datetime) -> list[str]:
    issuing, issuer = process.services.issuing, process.services.identity.settings.issuer
    sent = _sent(process, offer)
    proofs = wallet.proofs(3, issuer=issuer, nonce=issuing.nonce(), now=now)
    batch = issuing.issue(sent, {"credential_configuration_id": "student", "proofs": {"jwt": proofs}})
    issuing.notify(sent, {"notification_id": batch.notification_id, "event": "credential_accepted"})
    return list(batch.credentials)


def _again(folder: Path) -> Path:
    second = folder / "again"
    second.mkdir()
    return second


def _active_pupil(process: Process) -> SubjectRef:
    from core_registry.sharing import RowFilter

    assert process.services.sharing is not None
    with process.services.sharing.snapshot() as snapshot:
        batch = next(snapshot.batches(["subject_ref"], RowFilter(states=frozenset({"active"}))))
    return SubjectRef(str(batch["subject_ref"][0].as_py()))


@pytest.mark.postgres
def test_the_outside_face_asks_for_extracts_and_hands_them_out_while_the_worker_prepares(
    house: House, tmp_path: Path
) -> None:
    import time

    profile = "bus-pseudonymous"
    who = client(CASES[profile].recipient)
    with (
        working(house, tmp_path),
        process_of(house, Face.OUTSIDE, tmp_path, registry_url=NOWHERE) as outside,
    ):
        releases = outside.services.releases
        extract = releases.start(house.grants[profile], ExtractRequest(Format.PARQUET), who)
        deadline = time.monotonic() + 60
        while extract.state != "ready" and time.monotonic() < deadline:
            assert extract.state != "failed", extract.failure
            time.sleep(0.1)
            extract = releases.get(extract.id, who)
        delivery = releases.deliver(extract.id, who)
        assert len(b"".join(delivery.content)) == extract.size > 0
        with pytest.raises(ConfigurationError):  # it can hand out, and sign nothing
            outside.services.keyring.signing(Key.GRANT)
    entries = [entry for entry in house.entries("release.") if entry["links"].get("extract") == extract.id]
    assert [entry["kind"] for entry in entries] == [
        "release.requested", "release.preparing", "release.prepared", "release.intent", "release.outcome",
    ]  # fmt: skip


@pytest.mark.postgres
def test_the_role_of_the_outside_face_has_no_access_to_any_table_of_the_registry(
    house: House, tmp_path: Path, postgres_server: str
) -> None:
    role = f"outside_{make_url(house.settings.gateway_url).database}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
    try:
        bootstrap.grant_roles(house.settings, Face.OUTSIDE, role)
        _assert_nothing(house.settings, role)
    finally:
        for url in (house.settings.registry_url, house.settings.gateway_url):
            with psycopg.connect(_plain(url), autocommit=True) as connection:
                connection.execute(f"DROP OWNED BY {role}")
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f"DROP ROLE {role}")


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _assert_nothing(settings: Settings, role: str) -> None:
    with psycopg.connect(_plain(settings.registry_url), autocommit=True) as connection:
        connection.execute(f"SET ROLE {role}")
        tables = [
            str(name)
            for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        ]
        assert {"students", "guardians", "sharing_students"} <= set(tables)
        for table in tables:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT 1 FROM {table}")
    with psycopg.connect(_plain(settings.gateway_url), autocommit=True) as connection:
        connection.execute(f"SET ROLE {role}")
        for statement in (
            "UPDATE log_entries SET leaf_hash = leaf_hash",
            "DELETE FROM log_entries",
            "INSERT INTO log_entries DEFAULT VALUES",
            "SELECT body FROM log_entries",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
