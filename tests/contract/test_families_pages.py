"""The pages of families: coming in by code and by passkey, what a session of one kind may not open, forged forms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from gateway.families.records import BondKind
from gateway.ids import SubjectRef
from tests.factories.api import Gateway, gateway
from tests.factories.families import Phone
from tests.factories.wallets import subject_of

URL = "https://xueji.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("families"), pupils=100, public_url=URL) as found:
        yield found


class Browser:
    """A browser without scripts: the test does what they would do."""

    def __init__(self, world: Gateway) -> None:
        self.world = world
        self.client: FlaskClient = world.web()

    def get(self, path: str) -> str:
        answer = self.client.get(path, base_url=URL, follow_redirects=True)
        self.status, self.path = answer.status_code, answer.request.path
        return answer.get_data(as_text=True)

    def post(self, path: str, *, form: str | None = None, **values: str) -> str:
        """Send a form of the page ``form``, with its token."""
        if form is not None:
            found = re.search(r'name="csrf" value="([^"]+)"', self.get(form))
            assert found, form
            self.csrf = found[1]
        answer = self.client.post(path, data={"csrf": self.csrf, **values}, base_url=URL, follow_redirects=True)
        self.status, self.path = answer.status_code, answer.request.path
        return answer.get_data(as_text=True)

    def activate(self, subject: str, kind: BondKind = BondKind.GUARDIAN) -> str:
        services = self.world.process.services
        assert services.families is not None
        registrar = services.accounts.principal_of_session(self.world.person("registrar"))
        made = services.families.activations.make(SubjectRef(subject), kind, registrar)
        return self.post(
            "/family/activate", form="/family/activate", reference=made.link.partition("#")[2], code=made.code
        )

    def register(self, phone: Phone) -> str:
        options = self.post("/family/passkeys/options", form="/family/passkeys")
        answer = phone.create(json.dumps(json.loads(options)))
        return self.post("/family/passkeys", credential=answer, name="妈妈的手机")


def telephone() -> Phone:
    return Phone(origin=URL, rp="xueji.example")


def test_a_guardian_comes_in_by_code_adds_a_passkey_and_comes_back_with_it(world: Gateway) -> None:
    mother, phone = Browser(world), telephone()
    shown = mother.activate(subject_of(world))
    assert (mother.status, mother.path) == (200, "/family/passkeys")
    assert "账号已激活" in shown
    assert "通行密钥已添加" in mother.register(phone)
    home = mother.get("/family")
    assert "领取学生数字身份" in home
    mother.post("/family/sign-out", form="/family")
    assert mother.path == "/family/sign-in"
    mother.get("/family")
    assert mother.path == "/family/sign-in"
    options = mother.post("/family/sign-in/options", form="/family/sign-in")
    mother.post("/family/sign-in", credential=phone.get(options), next="/family/passkeys")
    assert (mother.status, mother.path) == (200, "/family/passkeys")


def test_a_wrong_code_is_refused_on_the_page_and_tells_nothing(world: Gateway) -> None:
    stranger = Browser(world)
    shown = stranger.post("/family/activate", form="/family/activate", reference="0" * 32, code="00000000")
    assert stranger.status == 403
    assert "激活未成功" in shown
    stranger.get("/family")
    assert stranger.path == "/family/sign-in"


def test_a_challenge_of_another_browser_opens_nothing(world: Gateway) -> None:
    owner, phone = Browser(world), telephone()
    owner.activate(subject_of(world, 1))
    owner.register(phone)
    thief, other = Browser(world), Browser(world)
    options = other.post("/family/sign-in/options", form="/family/sign-in")
    answer = phone.get(options)
    thief.post("/family/sign-in/options", form="/family/sign-in")
    assert "通行密钥未通过" in thief.post("/family/sign-in", credential=answer)
    assert thief.status == 403
    nobody = Browser(world)
    nobody.post("/family/sign-in", form="/family/sign-in", credential=answer)
    assert nobody.status == 403


@pytest.mark.parametrize("path", ["/", "/applications", "/office/pupils", "/account/sessions", "/audit", "/verify"])
def test_a_session_of_a_family_opens_no_page_of_staff(world: Gateway, path: str) -> None:
    family = Browser(world)
    family.activate(subject_of(world, 2))
    shown = family.get(path)
    assert family.status == 403
    assert "不对此类账号开放" in shown
    assert "/family" in shown  # the way back


def test_a_session_of_staff_opens_no_page_of_families(world: Gateway) -> None:
    staff = Browser(world)
    with staff.client.session_transaction(base_url=URL) as cookie:
        cookie["token"] = world.person("registrar")
    for path in ("/family", "/family/passkeys"):
        assert "不对此类账号开放" in staff.get(path)
        assert staff.status == 403
    assert staff.get("/")
    assert staff.status == 200


def test_forms_of_families_are_protected_against_forgery(world: Gateway) -> None:
    family = Browser(world)
    family.activate(subject_of(world, 3))
    for path in (
        "/family/activate",
        "/family/sign-in",
        "/family/sign-in/options",
        "/family/identity",
        "/family/passkeys",
    ):
        assert family.client.post(path, data={}, base_url=URL).status_code == 403


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_sign_in_leads_to_no_other_site(world: Gateway, wanted: str) -> None:
    owner, phone = Browser(world), telephone()
    owner.activate(subject_of(world, 4))
    owner.register(phone)
    owner.post("/family/sign-out", form="/family")
    options = owner.post("/family/sign-in/options", form="/family/sign-in")
    answer = owner.client.post(
        "/family/sign-in", data={"csrf": owner.csrf, "credential": phone.get(options), "next": wanted}, base_url=URL
    )
    assert answer.headers["Location"] == "/family"


def test_a_family_receives_the_identity_of_its_own_child_alone(world: Gateway) -> None:
    family = Browser(world)
    mine, other = subject_of(world, 5), subject_of(world, 6)
    family.activate(mine)
    shown = family.post("/family/identity", form="/family", subject=mine)
    assert family.status == 200
    assert "/wallet#credential_offer_uri=" in shown
    family.post("/family/identity", subject=other)
    assert family.status == 404


def test_a_second_child_is_added_in_the_same_browser(world: Gateway) -> None:
    family = Browser(world)
    family.activate(subject_of(world, 7))
    assert "该学生已加入您的账号" in family.activate(subject_of(world, 8))
    assert family.path == "/family"
    assert family.get("/family").count("child-") >= 2
