"""A session of an officer over HTTP, for acts in the shell: who acts has proven who they are, as in the console."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import click

from gateway.errors import ParameterError, UnavailableError
from gateway.remote import Answer, Caller, UnexpectedAnswerError, send

_REFUSED = 400


@dataclass(frozen=True, slots=True)
class OfficerSession:
    """A session at ``caller.base``."""

    caller: Caller

    def call(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """Return the answer's JSON.

        Raises ``UnexpectedAnswerError`` with detail, rule and missing parts of the problem when the gateway refuses,
        and ``UnavailableError`` when nobody answers.
        """
        answer = _answer(self.caller, method, path, body)
        try:
            return answer.json()
        except ValueError as error:
            raise UnexpectedAnswerError(
                "The answer is no JSON: check the address.", detail_zh="返回内容不是 JSON，请检查地址。"
            ) from error


@contextmanager
def signed_in(url: str, user: str | None, token: Path | None) -> Iterator[OfficerSession]:
    """Yield a session: that of the token in a file, else one of ``user``, which ends with the block.

    Password and one-time code are asked for at the terminal, never taken from the command line. Raises
    ``ParameterError`` for an address over which they would travel in clear, and what ``OfficerSession.call`` raises.
    """
    base = _guarded(url)
    if token is not None:
        yield OfficerSession(Caller(base, token.read_text(encoding="utf-8").strip()))
        return
    if user is None:
        raise click.UsageError("Say who acts: --user NAME, or --session FILE.")
    body = {"username": user, "password": click.prompt("密码 password", hide_input=True, err=True)}
    code = click.prompt(
        "一次性口令（没有则回车） one-time code, if you have one", default="", show_default=False, err=True
    )
    if code:
        body["totp"] = code
    caller = Caller(base, _answer(Caller(base), "POST", "/v1/sessions", body).text("token"))
    try:
        yield OfficerSession(caller)
    finally:
        # what the block met is what counts; a session that cannot be ended now dies of idleness
        with suppress(UnexpectedAnswerError, UnavailableError):
            _answer(caller, "DELETE", "/v1/sessions/current")


def _answer(caller: Caller, method: str, path: str, body: object = None) -> Answer:
    try:
        answer = send(caller.request(method, path, body))
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise UnavailableError(
            "The gateway does not answer: check the address.", detail_zh="网关无响应，请检查地址。"
        ) from error
    if answer.status >= _REFUSED:
        raise _refused(answer)
    return answer


def _refused(answer: Answer) -> UnexpectedAnswerError:
    """Return the problem of an answer (RFC 9457) as an error; what is none is told by its status alone."""
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return UnexpectedAnswerError(f"The gateway answered {answer.status}.", detail_zh=f"网关返回 {answer.status}。")
    zh, _, en = str(told.get("title", "")).partition(" / ")
    detail, detail_zh = str(told.get("detail") or en or answer.status), str(told.get("detail_zh") or zh)
    missing, rule = told.get("missing"), told.get("rule")
    named = tuple(str(one) for one in missing) if isinstance(missing, list) else ()
    if named:
        detail, detail_zh = f"{detail} ({', '.join(named)})", f"{detail_zh}（{'、'.join(named)}）"
    return UnexpectedAnswerError(detail, detail_zh=detail_zh, rule=None if rule is None else str(rule), missing=named)


def _guarded(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return url.rstrip("/")
    if parts.scheme == "http" and (host == "localhost" or _is_loopback(host)):
        return url.rstrip("/")
    raise ParameterError(
        "Give an address with https://; http:// is for this machine alone.",
        detail_zh="请使用 https:// 地址；http:// 仅限本机。",
        missing=("url",),
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
