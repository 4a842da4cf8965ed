"""A pushed authorization request, read and checked (RFC 9126; OpenID Connect Core 1.0 sections 3.1.2.1 and 5.5).

Pure. Nothing is narrowed in silence: what is not understood as a claim or a scope is refused, so that a relying party
learns at its first request what it can never get. Parameters that only hint (``ui_locales``, ``display``,
``login_hint``, ``acr_values``) are passed over, as OpenID Connect Core 1.0 section 3.1.2.1 wants.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from gateway.identity import jws
from gateway.identity.claims import CLAIM_LABELS
from gateway.identity.signing_in import errors
from gateway.identity.signing_in.metadata import OPENID, PROMPTS, PROTOCOL_CLAIMS, RESPONSE_MODES, SCOPES
from gateway.identity.signing_in.records import Wish

MAX_TEXT = 512
"""Characters of ``state`` and of ``nonce``."""
MAX_CLAIMS = 4096
_VISIBLE = re.compile(rf"[\x21-\x7e]{{1,{MAX_TEXT}}}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_THUMBPRINT = _CHALLENGE
_SECONDS = re.compile(r"\d{1,9}")


def read(form: Mapping[str, str], redirect_uris: Collection[str]) -> Wish:
    """Return what a relying party asks for; ``form`` holds each parameter once.

    ``redirect_uris`` are those registered. Raises ``SignInRefusedError``. ``id_token_hint`` and a DPoP proof are
    for the caller: they need keys.
    """
    _refuse_references(form)
    if form.get("response_type") != "code":
        raise errors.unsupported(
            "unsupported_response_type", "response_type must be 'code'.", "response_type 应为 code。"
        )
    response_mode = form.get("response_mode", RESPONSE_MODES[0])
    if response_mode not in RESPONSE_MODES:
        raise errors.invalid_request(
            "response_mode", "must be 'query' or 'form_post', or left out.", "应为 query、form_post 或不填。"
        )
    redirect_uri = form.get("redirect_uri", "")
    if redirect_uri not in redirect_uris:  # RFC 9700 section 2.1: exact, character by character
        raise errors.invalid_request(
            "redirect_uri", "must be a registered one, character by character.", "须与登记的回调地址完全一致。"
        )
    for name in ("state", "nonce"):
        if not _VISIBLE.fullmatch(form.get(name, "")):
            raise errors.invalid_request(
                name,
                f"send an unguessable text of 1 to {MAX_TEXT} visible ASCII characters.",
                f"请提交 1 至 {MAX_TEXT} 个可见 ASCII 字符的随机文本。",
            )
    if form.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(form.get("code_challenge", "")):
        raise errors.invalid_request(
            "code_challenge",
            "send base64url(SHA-256(code_verifier)) with code_challenge_method S256 (RFC 7636).",
            "请提交 S256 方式的 code_challenge（RFC 7636）。",
        )
    scope = _scope(form.get("scope", ""))
    userinfo, id_token = _claims(form.get("claims"))
    for name in scope:
        userinfo |= frozenset(SCOPES[name])
    return Wish(
        redirect_uri=redirect_uri,
        state=form["state"],
        nonce=form["nonce"],
        challenge=form["code_challenge"],
        scope=" ".join(scope),
        userinfo=tuple(sorted(userinfo)),
        id_token=tuple(sorted(id_token)),
        prompt=_prompt(form.get("prompt")),
        max_age=_max_age(form.get("max_age")),
        jkt=_thumbprint(form.get("dpop_jkt")),
        response_mode=response_mode,
    )


def _refuse_references(form: Mapping[str, str]) -> None:
    if "request_uri" in form:  # RFC 9126 section 2.1, step 2
        raise errors.invalid_request("request_uri", "has no place in a pushed request.", "不应出现在推送的请求中。")
    for name in ("request", "registration"):
        if name in form:
            raise errors.unsupported(
                f"{name}_not_supported",
                f"'{name}' is not supported; send plain parameters.",
                f"不支持 {name}，请直接提交参数。",
            )


def _scope(typed: str) -> tuple[str, ...]:
    asked = frozenset(typed.split())
    if OPENID not in asked or not asked <= SCOPES.keys():
        raise errors.invalid_scope(
            f"scope must contain 'openid', and nothing but: {', '.join(SCOPES)}.",
            f"scope 应含 openid，且仅限：{'、'.join(SCOPES)}。",
        )
    return tuple(sorted(asked, key=list(SCOPES).index))


def _claims(typed: str | None) -> tuple[frozenset[str], frozenset[str]]:
    """Return the claims for userinfo and ID token that ``claims`` asks for (section 5.5); ``essential`` is a wish."""
    if typed is None:
        return frozenset(), frozenset()
    document = None
    if len(typed) <= MAX_CLAIMS:
        try:
            document = jws.load(typed.encode())
        except (jws.MalformedTokenError, UnicodeEncodeError):
            document = None
    if not isinstance(document, dict) or not set(document) <= {"userinfo", "id_token"}:
        raise errors.invalid_request(
            "claims", "send a JSON object with 'userinfo' and 'id_token'.", "应为含 userinfo、id_token 的 JSON 对象。"
        )
    return _wanted(document.get("userinfo")), _wanted(document.get("id_token"))


def _wanted(part: object) -> frozenset[str]:
    if part is None:
        return frozenset()
    if not isinstance(part, dict):
        raise errors.invalid_request("claims", "each member is an object of claims.", "各部分应为属性对象。")
    asked = frozenset(part) - frozenset(PROTOCOL_CLAIMS)
    unknown = sorted(asked - CLAIM_LABELS.keys())
    if unknown:
        known = ", ".join(CLAIM_LABELS)
        raise errors.invalid_scope(
            f"There are no such claims here, and never will be names, numbers or addresses. There are: {known}.",
            f"没有所请求的属性；姓名、证件号码、住址一律不提供。可请求：{known}。",
            reason="claims_unknown",
        )
    for how in part.values():
        if how is not None and not (isinstance(how, dict) and set(how) <= {"essential"}):
            raise errors.invalid_request(
                "claims",
                "of each claim say null or {'essential': …}; values are not compared here.",
                "各属性只能为 null 或 {essential}，不支持 value、values。",
            )
    return asked


def _prompt(typed: str | None) -> frozenset[str]:
    asked = frozenset((typed or "").split())
    if not asked <= set(PROMPTS) or ("none" in asked and len(asked) > 1):
        raise errors.invalid_request(
            "prompt", f"give one or more of {', '.join(PROMPTS)}; 'none' stands alone.", "取值有误；none 只能单独使用。"
        )
    return asked


def _max_age(typed: str | None) -> int | None:
    if typed is None:
        return None
    if not (typed.isascii() and _SECONDS.fullmatch(typed)):
        raise errors.invalid_request("max_age", "give whole seconds.", "应为整秒数。")
    return int(typed)


def _thumbprint(typed: str | None) -> str | None:
    if typed is not None and not _THUMBPRINT.fullmatch(typed):
        raise errors.invalid_request("dpop_jkt", "give an RFC 7638 thumbprint (RFC 9449, 10).", "应为密钥指纹。")
    return typed
