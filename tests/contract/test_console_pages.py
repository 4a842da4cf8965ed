"""Promises of every page: closed without a session, no forged form, no inline script or style, title and language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from flask import Flask
from werkzeug.routing import Rule

from gateway import console
from gateway.console.pages import FOREIGN, OPEN, of_families
from gateway.csp import CSP
from gateway.keyring import Face
from tests.factories.console_house import House, application_form, ground_form, open_house

PAGES: dict[str | None, tuple[str, ...]] = {
    None: ("/login", "/register", "/nowhere"),
    "applicant": (
        "/", "/applications", "/applications/new", "/grants", "/extracts", "/account/password", "/account/rules",
        "/applications/new?purpose=textbook-order&profile=textbook-anonymous", "/audit", "/register", "/nowhere",
    ),
    "inspector": (
        "/", "/audit", "/audit?kind=account.", "/audit/entries/0", "/alerts", "/alerts?state=closed", "/canaries",
        "/suppressions",
    ),
    "registrar": ("/", "/office/import", "/office/classes", "/office/redactions"),
}  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as found:
        yield found


class Outline(HTMLParser):
    """What a page is made of, as far as the promises go."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.title = ""
        self.lang: str | None = None
        self.inline: list[str] = []
        self.addresses: list[str] = []
        self.headings = 0
        self.unlabelled: list[str] = []
        self.open_forms: list[str] = []
        self._labels: set[str] = set()
        self._inputs: list[tuple[str, str | None]] = []
        self._inside: list[str] = []
        self._form: tuple[str, bool] | None = None
        self.feed(text)
        self.unlabelled = [name for name, key in self._inputs if key not in self._labels]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._inside.append(tag)
        if tag == "html":
            self.lang = given.get("lang")
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag in {"script", "link", "img", "use"}:
            self.addresses += [value for name, value in given.items() if name in {"src", "href"} and value]
        self.headings += tag == "h1"
        if tag == "label" and given.get("for"):
            self._labels.add(str(given["for"]))
        if tag in {"input", "select", "textarea"} and given.get("type") != "hidden" and "label" not in self._inside:
            if "aria-label" not in given:
                self._inputs.append((str(given.get("name")), given.get("id")))
        if tag == "form":
            self._form = (str(given.get("method")), False)
        if tag == "input" and given.get("name") == "csrf" and given.get("value") and self._form:
            self._form = (self._form[0], True)
        if tag in {"meta", "link", "input", "img", "br"}:
            self._inside.pop()

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass
        if tag == "form" and self._form is not None:
            method, protected = self._form
            if method == "post" and not protected:
                self.open_forms.append(method)
            self._form = None

    def handle_data(self, data: str) -> None:
        if self._inside and self._inside[-1] == "title":
            self.title += data


@pytest.mark.parametrize("who", PAGES)
def test_every_page_keeps_its_promises(house: House, who: str | None) -> None:
    browser = house.browser(who)
    titles = set()
    for path in PAGES[who]:
        answer = browser.get(path)
        outline = Outline(answer.text)
        assert answer.mimetype == "text/html", path
        assert answer.headers["Content-Security-Policy"] == CSP
        assert answer.headers["Cache-Control"] == "no-store", path
        assert outline.inline == [], path
        assert outline.lang == "zh-Hans", path
        assert outline.headings <= 1, path
        assert outline.title.strip().endswith("学籍数据共享网关"), path
        assert len(outline.title.split("·")[0].strip()) > 1, path
        assert outline.unlabelled == [], path
        assert outline.open_forms == [], path
        assert all(address.startswith("/assets/") for address in outline.addresses), path
        titles.add(outline.title)
    assert len(titles) >= len(PAGES[who]) - 2


def address_of(rule: Rule) -> str:
    """Return an address that fits ``rule``; no such thing need exist."""
    return re.sub(r"<(int[^:>]*:)?[^>]*>", lambda found: "1" if found.group(1) else "x", rule.rule)


def test_every_page_but_the_open_ones_asks_for_a_log_in(house: House) -> None:
    client = house.app.test_client()
    closed = 0
    for rule in house.app.url_map.iter_rules():
        if not rule.endpoint.startswith("console.") or rule.endpoint in OPEN or "GET" not in (rule.methods or ()):
            continue
        address = address_of(rule)
        answer = client.get(address)
        assert answer.status_code == 302, rule
        door = "/family/sign-in" if of_families(rule.endpoint) else "/login"
        assert answer.headers["Location"].startswith(door), rule
        closed += 1
    assert closed >= 20


def test_no_form_is_taken_without_its_token(house: House) -> None:
    for who in (None, "applicant"):
        client = house.browser(who).client
        for rule in house.app.url_map.iter_rules():
            if (
                not rule.endpoint.startswith("console.")
                or "POST" not in (rule.methods or ())
                or rule.endpoint in FOREIGN
            ):
                continue
            address = address_of(rule)
            for token in (None, "", "forged", "伪造"):
                answer = client.post(address, data={} if token is None else {"csrf": token})
                assert answer.status_code == 403, (rule, token)
                assert "表单已失效" in answer.text


def test_a_token_of_another_session_is_refused(house: House) -> None:
    stolen = house.browser("applicant").token("/")
    answer = house.browser("recorder").client.post("/logout", data={"csrf": stolen})
    assert answer.status_code == 403


def test_the_log_in_does_not_tell_what_was_wrong(house: House) -> None:
    person = house.people["recorder"]
    browser = house.browser()
    told = set()
    for username, password, totp in (
        ("nobody-here", person.password, person.code()),
        (person.username, "wrong-password-1", person.code()),
        (person.username, person.password, "000000"),
        (person.username, person.password, ""),
    ):
        answer = browser.post("/login", {"username": username, "password": password, "totp": totp}, form="/login")
        assert answer.status_code == 401
        assert password not in answer.text
        told.add(answer.text.replace(username, "").split('role="alert"')[1].split("</div>")[0])
    assert len(told) == 1
    house.browser("recorder")  # the right ones still open


def test_the_cookie_holds_the_opaque_token_and_no_name(house: House) -> None:
    person = house.people["confirmer"]
    browser = house.browser("confirmer")
    browser.get("/")
    with browser.client.session_transaction() as session:
        assert set(session) <= {"token", "csrf"}
        assert person.username not in str(dict(session))
    cookie = browser.client.get_cookie("xueji")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"


def test_the_token_of_a_form_changes_with_the_log_in(house: House) -> None:
    browser = house.browser()
    before = browser.token()
    browser.sign_in(house.people["approver"])
    assert browser.token("/") != before


def test_a_log_in_leads_to_no_other_site(house: House) -> None:
    person = house.people["inspector"]
    for wanted, leads in (
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/audit?kind=release.", "/audit?kind=release."),
    ):
        answer = house.browser().post(
            "/login",
            {"username": person.username, "password": person.password, "totp": person.code(), "next": wanted},
            form="/login",
        )
        assert answer.headers["Location"] == leads


def test_a_signed_out_session_is_over_everywhere(house: House) -> None:
    browser = house.browser("sysadmin")
    cookie = browser.client.get_cookie("xueji")
    assert cookie is not None
    browser.post("/logout", {})
    thief = house.app.test_client()
    thief.set_cookie("xueji", cookie.value)
    assert thief.get("/").headers["Location"].startswith("/login")


def test_the_menu_follows_the_policies(house: House) -> None:
    def menu(who: str) -> set[str]:
        text = house.browser(who).get("/").text
        return {
            path
            for path in ("/applications", "/audit", "/office/import", "/office/classes", "/office/redactions")
            if f'href="{path}"' in text
        }

    assert menu("applicant") == {"/applications"}
    assert menu("inspector") == {"/applications", "/audit"}
    assert menu("registrar") == {"/office/import", "/office/classes", "/office/redactions"}
    assert menu("sysadmin") == set()


def test_what_the_menu_leaves_out_is_refused_too(house: House) -> None:
    for who, path in (
        ("applicant", "/audit"),
        ("applicant", "/audit/entries/0"),
        ("recorder", "/office/import"),
        ("recorder", "/office/classes"),
        ("inspector", "/applications/new"),
        ("sysadmin", "/audit?kind=release."),
    ):
        answer = house.browser(who).get(path)
        assert answer.status_code == 403, (who, path)
        assert "不允许" in answer.text


def test_a_stranger_to_an_application_is_told_that_there_is_none(house: House) -> None:
    browser = house.browser("applicant")
    for path in ("/applications/ap-x", "/grants/gr-x", "/extracts/ex-x", "/applications/ap-x/ground"):
        assert browser.get(path).status_code == 404


def test_an_upload_is_for_its_owner_only_and_not_in_clear(house: House) -> None:
    browser = house.browser("registrar")
    with house.form.open("rb") as content:
        answer = browser.post(
            "/office/import",
            {"file": (content, "form.csv"), "mapping": "template", "school": ""},
            form="/office/import",
            content_type="multipart/form-data",
        )
    address = answer.headers["Location"]
    assert browser.get(address).status_code == 200
    stored = b"".join(path.read_bytes() for path in (house.settings.files / "uploads").iterdir())
    name = house.form.read_text(encoding="utf-8-sig").splitlines()[2].split(",")[3]
    assert name.encode() not in stored
    house.clock.ahead += console.office.uploads.LIFE
    late = house.browser("registrar")
    assert late.get(address).status_code == 404


@pytest.mark.parametrize("face", [Face.FAMILY, Face.OUTSIDE, Face.OFFICE])
def test_each_face_has_only_its_own_pages(face: Face) -> None:
    app = Flask(__name__, static_folder=None)
    for blueprint in console.blueprints(face):
        app.register_blueprint(blueprint)
    found = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert ("console.imports.confirm" in found) is (face is Face.OFFICE)
    assert ("console.audit.entry" in found) is (face is Face.OFFICE)
    assert ("console.applications.show" in found) is (face is not Face.FAMILY)
    assert "console.static" in found


def test_problems_of_programs_stay_documents(house: House) -> None:
    answer = house.app.test_client().get("/v1/nothing")
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "/audit?since=0001-01-01",
        "/audit?until=9999-12-31",
        "/audit?actor=a%00b",
        "/audit?before=99999999999999999999999&kind=x",
        "/audit?kind=%F0%9F%98%80&since=never",
    ],
)
def test_a_question_that_cannot_be_read_is_a_problem_and_no_failure(house: House, path: str) -> None:
    answer = house.browser("inspector").get(path)
    assert answer.status_code in {200, 422}


@pytest.mark.parametrize("path", ["/applications/a%00b", "/grants/%F0%9F%98%80", "/audit/entries/9" + "9" * 30])
def test_an_address_that_names_nothing_is_not_found(house: House, path: str) -> None:
    assert house.browser("inspector").get(path).status_code == 404


def test_a_draft_is_edited_returned_submitted_again_and_narrowed(house: House) -> None:
    applicant, recorder = house.browser("applicant"), house.browser("recorder")
    made = applicant.post("/applications/new", application_form(house, act="draft", reason=""))
    path = made.headers["Location"]
    assert "草稿" in applicant.get(path).text
    refused = applicant.post(f"{path}/submission", {"version": "0"})
    assert refused.status_code == 422
    assert "理由" in refused.text
    sent = applicant.post(f"{path}/edit", application_form(house, act="submit", version="0"))
    assert sent.status_code == 302, sent.text
    assert recorder.post(f"{path}/return", {"version": "2", "reason": " "}).status_code == 422
    assert recorder.post(f"{path}/return", {"version": "2", "reason": "请说明保护措施"}).status_code == 302
    page = applicant.get(path).text
    assert "请说明保护措施" in page
    assert "已退回" in page
    applicant.post(f"{path}/edit", application_form(house, act="submit", version="3", protection="专网，加密，专人。"))
    stale = recorder.post(f"{path}/ground", ground_form(house, version="1"))
    assert stale.status_code == 409
    assert "晋政函〔2026〕9号" in stale.text  # what was typed is kept
    assert recorder.post(f"{path}/ground", ground_form(house, version="5")).status_code == 302
    assert recorder.post(f"{path}/confirmation", {"version": "6"}).status_code == 403
    assert house.browser("confirmer").post(f"{path}/confirmation", {"version": "6"}).status_code == 302
    approver = house.browser("approver")
    narrower = {
        "version": "7",
        "decision": "narrow",
        "fields": ["grade"],
        "territory": "140100",
        "valid_to": application_form(house)["valid_to"],
        "uses": "1",
        "row_cap": "5000",
    }
    assert approver.post(f"{path}/decision", narrower).status_code == 422  # no reason
    wider = approver.post(f"{path}/decision", {**narrower, "reason": "够用", "uses": "9"})
    assert wider.status_code == 403
    assert "决定只能缩小申请范围" in wider.text
    assert approver.post(f"{path}/decision", {"version": "7"}).status_code == 422  # nothing chosen
    assert approver.post(f"{path}/decision", {**narrower, "reason": "够用"}).status_code == 302
    found = re.search(r'href="(/grants/[a-z-]+)"', approver.get(path).text)
    assert found
    grant = approver.get(found.group(1)).text
    assert "太原市" in grant
    assert "学校所在县区" not in grant
    assert house.browser("executor").post(f"{found.group(1)}/extracts", {"format": "exe"}).status_code == 422
    assert approver.post(f"{found.group(1)}/extracts", {"format": "csv"}).status_code == 403


def test_a_refusal_needs_a_reason_and_closes_the_application(house: House) -> None:
    applicant, approver = house.browser("applicant"), house.browser("approver")
    path = applicant.post("/applications/new", application_form(house, act="submit")).headers["Location"]
    assert approver.post(f"{path}/decision", {"version": "0", "decision": "refuse"}).status_code == 422
    answer = approver.post(f"{path}/decision", {"version": "0", "decision": "refuse", "reason": "用途不明"})
    assert answer.status_code == 302
    page = applicant.get(path).text
    assert "不予批准" in page
    assert "用途不明" in page
    # nothing can be done with it any more but talk about it
    assert set(re.findall(r'<form method="post" action="/applications/[^/]+/([a-z]+)"', page)) == {"comments"}
