"""The guardian's view on pages: from a registrar's look to the line, the question, the answer; and to nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from gateway.families.records import BondKind
from gateway.ids import SubjectRef
from tests.factories.api import Gateway, gateway
from tests.factories.wallets import subject_of

URL = "https://xueji.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("accesses"), pupils=100, public_url=URL) as found:
        yield found


def work(world: Gateway) -> None:
    worker = world.process.worker
    assert worker is not None
    for _ in range(30):
        if not worker.round():
            break


class Browser:
    """A browser of a guardian, or of an officer."""

    def __init__(self, world: Gateway, subject: str | None = None, *, officer: str | None = None) -> None:
        self.client: FlaskClient = world.web()
        if officer is not None:
            with self.client.session_transaction(base_url=URL) as held:
                held["token"] = world.person(officer)
        if subject is not None:
            services = world.process.services
            assert services.families is not None
            registrar = services.accounts.principal_of_session(world.person("registrar"))
            made = services.families.activations.make(SubjectRef(subject), BondKind.GUARDIAN, registrar)
            reference = made.link.partition("#")[2]
            self.post("/family/activate", "/family/activate", reference=reference, code=made.code)

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path, base_url=URL)
        assert answer.status_code == status, answer.text[:400]
        return answer.text

    def post(self, path: str, form: str, status: int = 200, **values: str) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(form))
        assert found is not None, form
        answer = self.client.post(path, data={"csrf": found[1], **values}, base_url=URL, follow_redirects=True)
        assert answer.status_code == status, answer.text[:600]
        return answer.text


@pytest.mark.rule("A50-4")
def test_a_look_a_line_a_question_an_answer(world: Gateway) -> None:
    subject = subject_of(world)
    mother = Browser(world, subject)
    work(world)
    address = re.search(r'href="(/family/children/[a-z0-9-]+/access)"', mother.get("/family"))
    assert address is not None
    assert subject not in address[1]
    shown = mother.get(address[1])
    assert "查看学籍" in shown
    assert "学籍管理员" in shown
    assert not re.search(r"st-[a-z]{5,}", shown)
    line = re.search(r'<option value="(\d+)">', shown)
    assert line is not None
    asking = address[1].replace("/access", "/questions")
    mother.post(asking, address[1], 409, question=" ")
    sent = mother.post(asking, address[1], question="为什么查看小李的学籍？", entry=line[1])
    assert "询问已提交" in sent

    registrar = Browser(world, officer="registrar")
    assert 'href="/office/questions"' in registrar.get("/")
    waiting = registrar.get("/office/questions")
    assert "为什么查看小李的学籍？" in waiting
    question = re.search(r'action="(/office/questions/fq-[a-z]+)"', waiting)
    assert question is not None
    registrar.post(question[1], "/office/questions", 422, answer=" ")
    assert "答复已发送" in registrar.post(question[1], "/office/questions", answer="办理数字身份需要核对。")
    assert "办理数字身份需要核对。" in mother.get(address[1])


def test_another_family_and_staff_do_not_see_it(world: Gateway) -> None:
    mother = Browser(world, subject_of(world))
    address = re.search(r'href="(/family/children/[a-z0-9-]+/access)"', mother.get("/family"))
    assert address is not None
    other = Browser(world, subject_of(world, 1))
    other.get(address[1], 404)
    other.get("/family/children/bo-none/access", 404)
    other.post(address[1].replace("/access", "/questions"), "/family", 404, question="谁？")
    Browser(world, officer="registrar").get(address[1], 403)
    mother.get("/office/questions", 403)
    mother.get(f"{address[1]}?before=x", 422)


@pytest.mark.parametrize("who", ["inspector", "recorder", "applicant-bus"])
def test_questions_are_for_those_who_handle_cases(world: Gateway, who: str) -> None:
    officer = Browser(world, officer=who)
    assert 'href="/office/questions"' not in officer.get("/")
    officer.get("/office/questions", 403)
