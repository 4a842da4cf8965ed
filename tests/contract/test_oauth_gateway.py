"""The whole program under sender-constrained tokens: what a client may do with one, and a thief may not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from gateway.ids import AccountId
from gateway.remote import dpop_proof, for_grant
from tests.factories.api import ASSERTION, Gateway, gateway


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("oauth"), pupils=100) as found:
        yield found


@dataclass
class System:
    """A recipient's system with a token that is bound to a key, and a thief's view of it."""

    world: Gateway
    token: str = field(repr=False)
    key: ECKey = field(repr=False)

    def proof(self, method: str, path: str, key: ECKey | None = None, base: str | None = None) -> str:
        return dpop_proof(key or self.key, method, (base or self.world.settings.public_url) + path, self.token)

    def send(
        self, method: str, path: str, body: object = None, *, scheme: str = "DPoP", proof: str | None = None
    ) -> TestResponse:
        headers = {"Authorization": f"{scheme} {self.token}"}
        if proof != "none":
            headers["DPoP"] = proof or self.proof(method, path)
        return self.world.call(method, path, body, headers=headers)


def system(world: Gateway, name: str, *details: Mapping[str, object]) -> System:
    key = ECKey.generate_key("P-256")
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION}
    form["client_assertion"] = world.assertion(name)
    if details:
        form["authorization_details"] = json.dumps(details)
    base = world.settings.public_url
    proof = dpop_proof(key, "POST", f"{base}/oauth/token")
    answer = world.web().post("/oauth/token", data=form, base_url=base, headers={"DPoP": proof})
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["token_type"] == "DPoP"
    return System(world, answer.get_json()["access_token"], key)


@pytest.fixture(scope="module")
def grants(world: Gateway) -> list[str]:
    """Two grants of one recipient, and one of another's."""
    return [world.grant("bus"), world.grant("bus"), world.grant("textbook")]


def ready(world: Gateway, caller: System, grant: str) -> str:
    started = caller.send("POST", f"/v1/grants/{grant}/extracts", {"format": "csv"})
    assert started.status_code == 202, started.text
    extract = started.get_json()["id"]
    early = caller.send("GET", f"/v1/extracts/{extract}/content")
    assert (early.status_code, early.get_json()["type"]) == (409, "/problems/not-ready")
    worker = world.process.worker
    assert worker is not None
    while worker.round():
        pass
    assert caller.send("GET", f"/v1/extracts/{extract}").get_json()["state"] == "ready"
    return str(extract)


def test_a_bound_token_serves_its_holder_and_nobody_else(world: Gateway) -> None:
    bus, path = system(world, "bus"), "/v1/me/permissions"
    assert bus.send("GET", path).status_code == 200
    as_bearer = bus.send("GET", path, scheme="Bearer")
    assert (as_bearer.status_code, as_bearer.get_json()["type"]) == (401, "/problems/unauthenticated")
    assert as_bearer.headers["WWW-Authenticate"] == 'DPoP error="invalid_token", algs="ES256"'
    used = bus.proof("GET", path)
    assert bus.send("GET", path, proof=used).status_code == 200
    thief = ECKey.generate_key("P-256")
    for proof in (
        "none",
        used,
        bus.proof("GET", path, key=thief),
        bus.proof("POST", path),
        bus.proof("GET", "/v1/grants"),
        bus.proof("GET", path, base="http://localhost:18099"),
        dpop_proof(bus.key, "GET", world.settings.public_url + path),
    ):
        answer = bus.send("GET", path, proof=proof)
        assert (answer.status_code, answer.get_json()["missing"]) == (401, ["dpop_proof"])
        assert answer.headers["WWW-Authenticate"] == 'DPoP error="invalid_dpop_proof", algs="ES256"'


def test_the_address_of_a_proof_is_the_public_one_whatever_the_host_header_says(world: Gateway) -> None:
    bus, path = system(world, "bus"), "/v1/me/permissions"
    headers = {"Authorization": f"DPoP {bus.token}", "DPoP": bus.proof("GET", path, base="http://evil.example")}
    assert world.web().get(path, base_url="http://evil.example", headers=headers).status_code == 401
    headers["DPoP"] = bus.proof("GET", path)
    assert world.web().get(path, base_url="http://evil.example", headers=headers).status_code == 200
    assert world.web().get(f"{path}?x=1", base_url="http://evil.example", headers=headers).status_code == 401  # used


def test_a_person_s_session_is_no_bound_token_and_a_bearer_token_no_dpop_one(world: Gateway) -> None:
    key, path = ECKey.generate_key("P-256"), "/v1/me/permissions"
    for token in (world.person("applicant-bus"), world.client("bus")):
        thing = System(world, token, key)
        assert thing.send("GET", path).status_code == 401
        assert thing.send("GET", path, scheme="bearer", proof="none").status_code == 200


def test_nobody_is_told_both_ways_to_come_back(world: Gateway) -> None:
    answer = world.call("GET", "/v1/me/permissions")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="xueji", DPoP algs="ES256"'


@pytest.mark.rule("A50-9")
def test_a_token_for_one_grant_and_use_is_refused_at_another_grant_and_for_another_use(
    world: Gateway, grants: list[str]
) -> None:
    """The confused deputy: one client, two grants, and whoever hands it the wrong one."""
    first, second, _ = grants
    holder = system(world, "bus", for_grant(first, "extract"))
    refused = [
        holder.send("POST", f"/v1/grants/{second}/extracts", {"format": "csv"}),
        system(world, "bus", for_grant(first, "match")).send("POST", f"/v1/grants/{first}/extracts", {"format": "csv"}),
        system(world, "bus", for_grant(first, "statistics", "check")).send(
            "POST", f"/v1/grants/{first}/extracts", {"format": "csv"}
        ),
    ]
    for answer in refused:
        told = answer.get_json()
        assert (answer.status_code, told["policy"]) == (403, "token-names-its-grant-and-use")
        assert (told["rule"], told["missing"]) == ("A50-9", ["authorization_details"])
    told_of = (world.call("GET", f"/v1/grants/{one}", token=world.person("recorder")) for one in (first, second))
    assert [one.get_json()["uses_left"] for one in told_of] == [12, 12]
    extract = ready(world, holder, first)
    other = system(world, "bus", for_grant(second, "extract"))
    stolen = other.send("GET", f"/v1/extracts/{extract}/content")
    assert (stolen.status_code, stolen.get_json()["policy"]) == (403, "token-names-its-grant-and-use")
    assert holder.send("GET", f"/v1/extracts/{extract}/content").status_code == 200
    assert system(world, "bus").send("GET", f"/v1/extracts/{extract}/content").status_code == 200  # named nothing


@pytest.mark.rule("A50-9")
def test_a_token_for_another_grant_verifies_no_identity(world: Gateway) -> None:
    """The standing gate too: a token that names grants must name the standing one, for checks."""
    standing = world.grant("library")
    question = {
        "presentation": "x.y.z~",
        "audience": world.clients["library"].client_id,
        "nonce": "n",
        "claims": ["stage"],
    }
    path = "/v1/identity/verifications"
    for details in ([for_grant(standing, "extract")], [for_grant(standing, "match", "statistics")]):
        refused = system(world, "library", *details).send("POST", path, question)
        assert (refused.status_code, refused.get_json()["missing"]) == (403, ["authorization_details"])
    for details in ([for_grant(standing, "check")], []):
        judged = system(world, "library", *details).send("POST", path, question)
        assert (judged.status_code, judged.get_json()["type"]) == (422, "/problems/credential-rejected")


def test_each_range_of_a_delivery_needs_a_proof_of_its_own(world: Gateway, grants: list[str]) -> None:
    holder = system(world, "bus", for_grant(grants[0], "extract"))
    extract = ready(world, holder, grants[0])
    path = f"/v1/extracts/{extract}/content"
    headers = {"Authorization": f"DPoP {holder.token}", "DPoP": holder.proof("GET", path), "Range": "bytes=0-9"}
    assert world.call("GET", path, headers=headers).status_code == 206
    headers["Range"] = "bytes=10-19"
    assert world.call("GET", path, headers=headers).status_code == 401
    headers["DPoP"] = holder.proof("GET", path)
    assert world.call("GET", path, headers=headers).status_code == 206
    assert holder.send("HEAD", path, proof=holder.proof("GET", path)).status_code == 401
    assert holder.send("HEAD", path).status_code == 200


def test_a_grant_of_another_organisation_and_one_that_is_not_there_are_refused_alike(
    world: Gateway, grants: list[str]
) -> None:
    answers = set()
    for grant in (grants[2], "gr-nothing"):
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION}
        form |= {"client_assertion": world.assertion("bus")}
        form |= {"authorization_details": json.dumps([for_grant(grant, "extract")])}
        answer = world.web().post("/oauth/token", data=form, base_url=world.settings.public_url)
        answers.add((answer.status_code, answer.text))
    assert [status for status, _ in answers] == [400]
    assert "invalid_authorization_details" in answers.pop()[1]


def test_a_client_that_is_sealed_is_out_at_once(world: Gateway) -> None:
    library = system(world, "library")
    assert library.send("GET", "/v1/me/permissions").status_code == 200
    services = world.process.services
    actor = services.accounts.principal_of_session(world.person("secadmin"))
    services.directory.seal(actor, AccountId(world.clients["library"].client_id), "合同终止")
    refused = library.send("GET", "/v1/me/permissions")
    assert (refused.status_code, refused.get_json()["type"]) == (401, "/problems/unauthenticated")


def test_an_answer_to_a_thief_tells_nothing_of_the_token(world: Gateway) -> None:
    bus = system(world, "bus")
    stolen = bus.send("GET", "/v1/me/permissions", scheme="Bearer").text
    assert bus.token not in stolen
    assert world.clients["bus"].client_id not in stolen
