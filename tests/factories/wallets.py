"""A wallet's way into an application without a server, and offers made over the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask

from gateway.identity.holder import Send
from tests.factories.api import Gateway


def sender(app: Flask) -> Send:
    """Return what sends a wallet's requests to ``app``: see ``gateway.identity.holder.Send``."""

    def send(method: str, address: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
        scheme, _, rest = address.partition("://")
        host, _, path = rest.partition("/")
        answer = app.test_client().open(
            f"/{path}", method=method, headers=dict(headers), data=body, base_url=f"{scheme}://{host}"
        )
        return answer.status_code, answer.data

    return send


def subject_of(world: Gateway, number: int = 0) -> str:
    """Return the reference of a pupil of the registrar's school, as the API tells it."""
    school = world.source["school_code"][0] if world.source is not None else ""
    registrar = world.person("registrar")
    path = f"/v1/registry/students?school={school}&reason=identity"
    student = world.call("GET", path, token=registrar).get_json()["items"][number]["student_id"]
    found: str = world.call("GET", f"/v1/registry/students/{student}/subject", token=registrar).get_json()[
        "subject_ref"
    ]
    return found


def offer_of(world: Gateway, number: int = 0, **more: str) -> dict[str, Any]:
    """Return an offer that the registrar made over the API."""
    body = {"subject_ref": subject_of(world, number), **more}
    answer = world.call("POST", "/v1/identity/offers", body, token=world.person("registrar"))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found
