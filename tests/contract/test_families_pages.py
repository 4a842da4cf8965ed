"""The pages of families: coming in by code and by passkey, what a session of one kind may not open, forged forms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from gateway.families.records import BondKind
from gateway.ids import SubjectRef
from gateway.principals import AccountKind, Principal, Role
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


# --- the school's page


def number_of(world: Gateway, index: int) -> str:
    assert world.source is not None
    mine = world.source.filter(world.source["school_code"] == world.source["school_code"][0]).drop_nulls("id_number")
    return str(mine["id_number"][index])


def registrar(world: Gateway) -> Browser:
    staff = Browser(world)
    with staff.client.session_transaction(base_url=URL) as cookie:
        cookie["token"] = world.person("registrar")
    return staff


def test_the_school_finds_a_pupil_makes_an_activation_revokes_it_and_ends_a_bond(world: Gateway) -> None:
    staff = registrar(world)
    found = staff.post(
        "/office/activations/pupil", form="/office/activations", id_number=number_of(world, 0), reason="家长来校办理"
    )
    assert "为监护人出具激活二维码" in found
    student = re.search(r'name="student_id" value="([^"]+)"', found)
    assert student
    made = staff.post("/office/activations", student_id=student[1], kind="guardian")
    assert 'id="activation-code"' in made
    code = re.search(r'id="activation-code">(\d{8})<', made)
    assert code
    listed = staff.get("/office/activations")
    assert code[1] not in listed
    [revoked, *_] = re.findall(r"/office/activations/(ac-[0-9a-f]+)/revoke", listed)
    assert "已作废" in staff.post(f"/office/activations/{revoked}/revoke")
    staff.post("/office/activations", student_id=student[1], kind="nobody")
    assert staff.status == 422
    family = Browser(world)
    family.activate(subject_behind(world, 1))
    shown = staff.post(
        "/office/activations/pupil", form="/office/activations", id_number=number_of(world, 1), reason="变更监护人"
    )
    bonds = re.findall(r"/office/bonds/(bo-[0-9a-f]+)/end", shown)
    assert bonds
    assert "重新激活" in shown
    for bond in bonds:
        staff.post(f"/office/bonds/{bond}/end")
    assert "本账号下没有学生" in family.get("/family")


def subject_behind(world: Gateway, index: int) -> str:
    """Return the reference of the pupil whose number ``number_of`` returns."""
    registry = world.process.services.office
    assert registry is not None
    [line] = registry.find_by_id_number(number_of(world, index), actor="st-test", reason="test")
    return str(registry.subject_ref_of(line.student_id))


def test_who_has_no_charge_of_the_registry_does_not_open_the_schools_page(world: Gateway) -> None:
    inspector = Browser(world)
    with inspector.client.session_transaction(base_url=URL) as cookie:
        cookie["token"] = world.person("inspector")
    inspector.get("/office/activations")
    assert inspector.status == 403


# --- ending, cards


def test_a_guardian_ends_the_identity_and_an_offer_that_was_made_before_is_worth_nothing(world: Gateway) -> None:
    family, mine = Browser(world), subject_of(world, 10)
    family.activate(mine)
    services = world.process.services
    shown = family.post("/family/identity", form="/family", subject=mine)
    reference = re.search(r"offers%2F([0-9a-f]{32})", shown)
    assert reference
    assert services.issuing.offer(reference[1])
    assert "已终止" in family.post("/family/identity/end", form="/family", subject=mine)
    assert world.call("GET", f"/v1/identity/offers/{reference[1]}").status_code == 404
    family.post("/family/identity/end", subject=subject_of(world, 11))
    assert family.status == 404


def test_a_card_shows_no_clear_name_and_a_stranger_checks_it(world: Gateway) -> None:
    family, mine = Browser(world), subject_of(world, 12)
    family.activate(mine)
    shown = family.post("/family/card", form="/family", subject=mine)
    assert family.status == 200
    assert "guardian-card" in shown
    services = world.process.services
    assert services.families is not None
    [bond] = services.families.bonds.with_pupil(SubjectRef(mine))
    who = Principal(bond.account, AccountKind.GUARDIAN, frozenset({Role.GUARDIAN}))
    card = services.families.cards.make(SubjectRef(mine), who)
    stranger = Browser(world)
    told = stranger.post("/family/card/check", form="/family/card/check", reference=card.link.partition("#")[2])
    assert "有效" in told
    assert card.child.label in told
    assert "无效" in stranger.post("/family/card/check", reference="0" * 32)
    family.post("/family/card", subject=subject_of(world, 13))
    assert family.status == 404


def test_the_own_account_of_a_child_is_opened_by_the_guardian_alone(world: Gateway) -> None:
    services = world.process.services
    assert services.families is not None
    young = next(
        subject for subject in (subject_of(world, n) for n in range(14, 40))
        if (services.families.bonds.view.pupil(subject) or {}).get("stage") == "primary"
    )  # fmt: skip
    family = Browser(world)
    family.activate(young)
    shown = family.post("/family/account/open", form="/family", subject=young)
    assert re.search(r'id="activation-code">\d{8}<', shown)
    assert services.families.bonds.own_account(SubjectRef(young)) is None  # not before the child's device came in


def test_a_guardian_receives_the_guardians_identity_and_a_pupil_does_not(world: Gateway) -> None:
    services = world.process.services
    assert services.families is not None
    view = services.families.bonds.view
    rows = ((subject, view.pupil(subject) or {}) for subject in (subject_of(world, n) for n in range(15, 60)))
    child = next(one for one, row in rows if row.get("guardian_relation") and row.get("stage") == "primary")
    family = Browser(world)
    family.activate(child)
    assert "/wallet#credential_offer_uri=" in family.post(
        "/family/identity", form="/family", subject=child, configuration="guardian"
    )
    [bond] = services.families.bonds.with_pupil(SubjectRef(child))
    guardian = Principal(bond.account, AccountKind.GUARDIAN, frozenset({Role.GUARDIAN}))
    made = services.families.activations.make(SubjectRef(child), BondKind.SELF, guardian)
    pupil = Browser(world)
    pupil.post("/family/activate", form="/family/activate", reference=made.link.partition("#")[2], code=made.code)
    assert pupil.status == 200
    pupil.post("/family/identity", form="/family", subject=child, configuration="guardian")
    assert pupil.status == 404
    assert "/wallet#credential_offer_uri=" in pupil.post("/family/identity", form="/family", subject=child)
    pupil.post("/family/card", subject=child)
    assert pupil.status == 404
    pupil.post("/family/account/close", subject=child)
    assert pupil.status == 404
    assert "已关闭" in family.post("/family/account/close", form="/family", subject=child)
    pupil.get("/family")
    assert pupil.path == "/family/sign-in"


def test_at_the_api_a_familys_session_does_no_more_than_on_its_pages(world: Gateway) -> None:
    services = world.process.services
    assert services.families is not None
    mine = subject_of(world)
    registrar = services.accounts.principal_of_session(world.person("registrar"))
    made = services.families.activations.make(SubjectRef(mine), BondKind.GUARDIAN, registrar)
    token = services.families.activations.redeem(made.link.partition("#")[2], made.code).token
    for path in ("/v1/registry/students?school=2114000001&reason=x", "/v1/audit/entries", "/v1/accounts", "/v1/alerts"):
        assert world.call("GET", path, token=token).status_code == 403, path
    asked = {"claims": ["stage"], "response_mode": "direct_post"}
    assert world.call("POST", "/v1/identity/presentations", asked, token=token).status_code == 403
    offered = {"subject_ref": subject_of(world, 1)}
    assert world.call("POST", "/v1/identity/offers", offered, token=token).status_code == 404
    assert world.call("POST", "/v1/identity/offers", {"subject_ref": mine}, token=token).status_code == 201
    assert world.call("GET", "/v1/applications", token=token).get_json()["items"] == []
