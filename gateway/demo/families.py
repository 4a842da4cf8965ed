"""Families in the demo: let in by the school, shown at a counter, signed in at a service, told who looked, asking."""

from __future__ import annotations

import hashlib
import json
import secrets
import urllib.request
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlencode

from joserfc.jwk import ECKey

from gateway.accounts.records import ClientSpec, SignInSpec
from gateway.accounts.sealing import civil_date
from gateway.demo import people
from gateway.demo.browser import FORM, Browser, fields_of
from gateway.demo.stage import Stage, awaited, problem
from gateway.families.records import BondKind, MadeActivation
from gateway.families.rules import OWN_ACCOUNT_AGE, age_of
from gateway.identity import jws
from gateway.identity.holder import Wallet, fetch_batch
from gateway.ids import SubjectRef
from gateway.principals import Role
from gateway.remote import Answer, Caller, UnexpectedAnswerError, client_assertion, send

READING = "reading"
CALLBACK = "http://127.0.0.1:8099/callback"
"""Where the demo's service takes people back; nobody listens there, the demo reads the answer from the page."""
CLAIMS = ["age_over_6", "stage"]


def let_in(stage: Stage) -> str:
    """Let a guardian in; have the identity fetched, asked for at a counter (OpenID4VP) and verified there."""
    subject = _young_pupil(stage)
    made = _activation(stage, subject)
    reference = made.link.partition("#")[2]
    wrong = Caller(stage.base).call(
        "POST", "/v1/family/activations", {"reference": reference, "code": "00000000"}, expect=403
    )
    entered = Caller(stage.base).call(
        "POST", "/v1/family/activations", {"reference": reference, "code": made.code}, expect=201
    )
    guardian = Caller(stage.base, entered.text("token"))
    (child,) = cast("list[dict[str, object]]", guardian.call("GET", "/v1/family/children").json()["items"])
    offer = guardian.call("POST", "/v1/identity/offers", {"subject_ref": subject}, expect=201)
    wallet = fetch_batch(offer.text("link"), offer.text("tx_code"), 2).wallet()
    presentation, told = _shown(stage, wallet)
    stage.family = {
        "account": entered.text("account"),
        "token": entered.text("token"),
        "bond": child["bond"],
        "presentation": presentation,
    }
    return "\n".join(
        [
            problem("确认码不对 a wrong code", wrong),
            f"家长账号已激活 the guardian is in: {child['name_masked']}，{child['age']} 岁，{child['school_name']}",
            f"柜台扫码核验（/verify，OpenID4VP） shown at a counter: {json.dumps(told, ensure_ascii=False)}",
        ]
    )


def sign_in(stage: Stage) -> str:
    """Sign the other guardian in at a service, with a browser; the answer comes as a form (OpenID Connect)."""
    party, subject = _reading(stage), _young_pupil(stage)
    browser = Browser(stage.base)
    made = _activation(stage, subject)
    door = browser.get("/family/activate")
    browser.send("/family/activate", door, {"reference": made.link.partition("#")[2], "code": made.code})
    verifier, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
    pushed = _form(
        stage,
        "/oauth/par",
        {
            **_proof(stage, party),
            "response_type": "code",
            "response_mode": "form_post",
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "claims": json.dumps({"userinfo": {"stage": None, "school_name": None}}),
            "state": state,
            "nonce": nonce,
            "code_challenge": _s256(verifier),
            "code_challenge_method": "S256",
        },
        201,
    )
    query = urlencode({"client_id": party.client_id, "request_uri": pushed.text("request_uri")})
    where = browser.followed(f"/sign-in/authorize?{query}")
    asked = browser.get(where)
    answered = fields_of(browser.send(f"{where}/consent", asked, {}))
    if answered.get("state") != state or answered.get("iss") != stage.base or "code" not in answered:
        raise UnexpectedAnswerError("the answer of the sign-in is not for this request")
    grant = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": verifier}
    tokens = _form(stage, "/oauth/token", {**_proof(stage, party), **grant, "code": answered["code"]}, 200).json()
    told = Caller(stage.base, str(tokens["access_token"])).call("GET", "/oauth/userinfo").json()
    again = _form(stage, "/oauth/token", {**_proof(stage, party), **grant, "code": answered["code"]}, 400).json()
    stage.sign_in = {
        "client_id": party.client_id,
        "redirect_uri": CALLBACK,
        "nonce": nonce,
        "id_token": tokens["id_token"],
        "sub": told["sub"],
    }
    shown = {name: value for name, value in told.items() if name != "sub"}
    return "\n".join(
        [
            f"家长同意后告知服务 told after consent: {json.dumps(shown, ensure_ascii=False)}",
            f"本单位专用编号，别处不同 a subject for this service alone: {str(told['sub'])[:12]}…",
            f"授权码再次使用 the code a second time: 400 {again['error']}",
        ]
    )


def looked(stage: Stage) -> str:
    """Show the guardian who looked at the child's data, and ask about one of the lines."""
    guardian, path = Caller(stage.base, str(stage.family["token"])), f"/v1/family/children/{stage.family['bond']}"
    wanted = {"read", "verification", "sign_in"}

    def lines(document: dict[str, object]) -> list[dict[str, object]]:
        return cast("list[dict[str, object]]", document["items"])

    found = awaited(
        lambda: guardian.call("GET", f"{path}/accesses").json(),
        lambda document: wanted <= {str(one["sort"]) for one in lines(document)},
        "the guardian's view",
    )
    line = next(one for one in lines(found) if one["sort"] == "verification")
    guardian.call("POST", f"{path}/questions", {"text": "为什么核验？", "entry": line["entry"]}, expect=201)
    (question,) = cast("list[dict[str, object]]", guardian.call("GET", f"{path}/questions").json()["items"])
    stranger = stage.officer("registrar").call("GET", f"{path}/accesses", expect=403)
    stage.family |= {"entry": line["entry"], "question": question["id"]}
    sorts = {"read": "查看学籍", "verification": "核验身份", "sign_in": "登录"}
    seen = "；".join(f"{one['body']}（{sorts.get(str(one['sort']), one['sort'])}）" for one in lines(found)[:5])
    return "\n".join(
        [
            f"谁看过我的孩子 who looked: {seen}",
            f"询问第 {line['entry']} 条，{question['due']} 前答复 asked about that entry, to be answered by then",
            problem("工作人员不能看家长的页面 not for staff", stranger),
        ]
    )


def _shown(stage: Stage, wallet: Wallet) -> tuple[str, dict[str, object]]:
    """Have a person at the counter ask for claims, answer as a wallet does, and return what the counter is told."""
    counter = stage.officer("applicant-library")
    wish = {"claims": CLAIMS, "purpose": "identity-verification", "response_mode": "direct_post"}
    asked = counter.call("POST", "/v1/identity/presentations", wish, expect=201).json()
    identifier = str(asked["id"])
    path = f"/v1/identity/presentations/{identifier}"
    wanted = jws.parse(Caller(stage.base).call("GET", f"{path}/request").body.decode()).payload
    shown = wallet.present(CLAIMS, audience=str(wanted["client_id"]), nonce=str(wanted["nonce"]), now=datetime.now(UTC))
    query = cast("dict[str, list[dict[str, str]]]", wanted["dcql_query"])["credentials"][0]["id"]
    _form(stage, f"{path}/response", {"vp_token": json.dumps({query: [shown]}), "state": str(wanted["state"])}, 200)
    told = counter.call("GET", path).json()
    claims = told.get("claims")
    if not isinstance(claims, dict) or claims.keys() != set(CLAIMS):
        raise UnexpectedAnswerError("the counter was not told what it asked for")
    return identifier, claims


def _activation(stage: Stage, subject: str) -> MadeActivation:
    """Return an activation as the registrar hands it to a guardian: link and digits, apart."""
    services = stage.process.services
    registrar = services.accounts.principal_of_session(str(stage.officer("registrar").token))
    if services.families is None:
        raise UnexpectedAnswerError("the demo needs families")
    return services.families.activations.make(SubjectRef(subject), BondKind.GUARDIAN, registrar)


def _young_pupil(stage: Stage) -> str:
    """Return a pupil under 14, as the registrar looks one up; not the one of the identity before."""
    if stage.young:
        return stage.young
    services, registrar = stage.process.services, stage.officer("registrar")
    if services.office is None or services.sharing is None:
        raise UnexpectedAnswerError("no registry")
    today = civil_date(services.now())
    for school in services.office.schools()["school_code"].to_list():
        path = f"/v1/registry/students?school={school}&limit=5&reason=activation"
        for item in cast("list[dict[str, object]]", registrar.call("GET", path).json()["items"]):
            student = str(item["student_id"])
            subject = registrar.call("GET", f"/v1/registry/students/{student}/subject").text("subject_ref")
            row = services.sharing.pupil(subject) or {}
            age = age_of(row, today)
            if student != stage.student and age is not None and age < OWN_ACCOUNT_AGE and row.get("state") == "active":
                stage.young = subject
                return subject
    raise UnexpectedAnswerError("no pupil under 14 found")


def _reading(stage: Stage) -> people.Client:
    """Register a service of the library at which people sign in."""
    key = ECKey.generate_key("P-256", private=True)
    spec = ClientSpec(
        people.LIBRARY,
        frozenset({Role.RELYING_PARTY}),
        {"keys": [key.as_dict(private=False)]},
        post="示例借阅系统",
        dpop_required=False,
        sign_in=SignInSpec((CALLBACK,)),
    )
    client_id = stage.process.services.directory.register_client(None, spec)
    stage.clients[READING] = people.Client(client_id, people.LIBRARY, key, ("library",))
    return stage.clients[READING]


def _proof(stage: Stage, party: people.Client) -> dict[str, str]:
    return client_assertion(stage.base, party.client_id, party.key)


def _form(stage: Stage, path: str, form: dict[str, str], expect: int) -> Answer:
    request = urllib.request.Request(stage.base + path, urlencode(form).encode(), {"Content-Type": FORM})  # noqa: S310  the demo's own address
    answer = send(request)
    if answer.status != expect:
        raise UnexpectedAnswerError(f"{path}: {answer.status}, promised {expect}: {answer.body[:300]!r}")
    return answer


def _s256(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
