"""The inspector's journey on the pages: alert, case, order, the body's answer, package; and who has no such pages."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.factories.api import Gateway, gateway


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("inspection-pages")) as found:
        grant = found.grant("bus")
        beyond = {"format": "csv", "fields": ["pseudonym", "birth_month"]}
        found.call("POST", f"/v1/grants/{grant}/extracts", beyond, token=found.client("bus"))
        worker = found.process.worker
        assert worker is not None
        for _ in range(20):
            if not worker.round():
                break
        yield found


class Browser:
    """A browser with the session of an officer."""

    def __init__(self, world: Gateway, who: str) -> None:
        self.base, self.client = world.settings.public_url, self._signed_in(world, who)

    def _signed_in(self, world: Gateway, who: str) -> FlaskClient:
        client = world.web()
        with client.session_transaction(base_url=world.settings.public_url) as held:
            held["token"] = world.person(who)
        return client

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path, base_url=self.base)
        assert answer.status_code == status, answer.text[:400]
        return answer.text

    def post(self, path: str, form: str, status: int = 200, **values: object) -> str:
        """Send a form of the page ``form``, with its token and the version that it shows, and follow it."""
        page = self.get(form)
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        version = re.search(r'name="version" value="(\d+)"', page)
        assert token is not None
        data = {"csrf": token[1], **({} if version is None else {"version": version[1]}), **values}
        answer = self.client.post(path, data=data, base_url=self.base, follow_redirects=True)
        assert answer.status_code == status, answer.text[:800]
        return answer.text


@pytest.mark.rule("A50-10")
def test_from_the_alert_to_the_package_on_pages(world: Gateway) -> None:
    inspector, applicant = Browser(world, "inspector"), Browser(world, "applicant-bus")
    addresses = re.findall(r'href="(/alerts/al-[a-z]+)"', inspector.get("/alerts?rule=scope-breach"))
    alert = inspector.get(addresses[0])
    recipient = re.search(r"接收方 <code class=\"id\">([0-9A-Z]{18})<", alert)
    link = re.search(r'href="(/audit/cases\?alert=al-[a-z]+)#open"', alert)
    assert recipient is not None
    assert link is not None
    opened = inspector.post(
        "/audit/cases",
        link[1],
        alert=link[1].partition("=")[2],
        subject_kind="recipient",
        subject=recipient[1],
        title="核查超范围申请",
    )
    assert "已立案" in opened
    found = re.search(r'action="(/audit/cases/ic-[a-z]+)/order"', opened)
    (entry,) = set(re.findall(r'href="/audit/entries/(\d+)"', opened))
    assert found is not None
    case = found[1]
    inspector.post(f"{case}/evidence", case, entry="0", evidence_note="日志起点")
    inspector.post(f"{case}/notes", case, note_text="已联系该单位。")
    held = inspector.post(f"{case}/holds", case, entries=[entry], hold_days="5", hold_reason="核实中")
    lift = re.search(rf'action="({case}/holds/ih-[a-z]+/end)"', held)
    assert lift is not None
    assert "已结束" in inspector.post(lift[1], case, lift_reason="核实完毕")
    ordered = inspector.post(f"{case}/order", case, codes=["51-7"], order_text="停止超范围申请。", order_days="10")
    assert "已责令改正" in ordered
    inspector.post(f"{case}/extension", case, extension_days="3", extension_reason="材料较多")

    assert "责令改正" in applicant.get("/")
    assert "停止超范围申请。" in applicant.get("/orders")
    assert "已联系该单位" not in applicant.get("/orders")
    identifier = case.rpartition("/")[2]
    assert "检查员" in applicant.post(f"/orders/{identifier}/answer", "/orders", answer="已停止，今后按授权申请。")
    closed = inspector.post(f"{case}/closure", case, finding="corrected", closing_text="已核实改正。")
    assert "已办结" in closed
    assert f"{case}/closure" not in closed
    package = inspector.client.post(
        f"{case}/package",
        data={"csrf": re.findall(r'name="csrf" value="([^"]+)"', closed)[0]},
        base_url=inspector.base,
    )
    with zipfile.ZipFile(io.BytesIO(package.data)) as archive:
        assert {"case/case.json", f"proofs/{entry}.tlog-proof"} <= set(archive.namelist())
    assert "核查超范围申请" in inspector.get("/audit/cases?state=closed")
    assert "没有符合条件的案件" in inspector.get("/audit/cases?state=overdue")
    for act in ("inspection.opened", "inspection.answered", "inspection.closed"):
        assert act in inspector.get(f"/audit?kind={act}")


def test_a_case_opens_from_an_entry_and_bad_forms_are_told(world: Gateway) -> None:
    inspector = Browser(world, "inspector")
    link = re.search(r'href="(/audit/cases\?entry=0)#open"', inspector.get("/audit/entries/0"))
    assert link is not None
    values: dict[str, Any] = {"entry": "0", "subject_kind": "unit", "subject": "140000", "title": "核查"}
    for wrong in (
        {"subject": "999999"},
        {"subject_kind": "person"},
        {"title": "证件 14010520150101123X"},
        {"entry": ""},
    ):
        told = inspector.post("/audit/cases", link[1], 422, **{**values, **wrong})
        assert 'class="problem"' in told
    case = re.search(r'action="(/audit/cases/ic-[a-z]+)/order"', inspector.post("/audit/cases", link[1], **values))
    assert case is not None
    inspector.post(f"{case[1]}/order", case[1], 422, codes=[], order_text="x", order_days="5")
    inspector.post(f"{case[1]}/closure", case[1], 422, finding="", closing_text="x")
    inspector.post(f"{case[1]}/closure", case[1], 409, finding="corrected", closing_text="x")
    inspector.post(f"{case[1]}/notes", case[1], 409, note_text="x", version="99")
    inspector.get("/audit/cases/ic-none", 404)
    inspector.get("/audit/cases?state=nothing", 422)


@pytest.mark.parametrize("who", ["recorder", "registrar", "applicant-bus", "secadmin"])
def test_whoever_is_no_inspector_has_no_cases(world: Gateway, who: str) -> None:
    person = Browser(world, who)
    assert 'href="/audit/cases"' not in person.get("/")
    person.get("/audit/cases", 403)
    assert "没有对本单位的责令改正" in person.get("/orders") or who == "applicant-bus"
