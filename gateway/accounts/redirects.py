"""Addresses to which people are sent who signed in or out: what may be registered, and whether one is registered.

An address that is sent is compared with those registered character by character (RFC 9700 section 2.1): every
likeness short of that has been an open redirect somewhere.
"""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.accounts.outbound import is_loopback
from gateway.accounts.records import SignInSpec
from gateway.errors import ParameterError

MAX_URIS = 10
MAX_URI = 500
_URI = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")
"""RFC 3986 without the fragment; letters of other scripts are written escaped."""
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")


def checked(sign_in: SignInSpec) -> SignInSpec:
    """Return ``sign_in`` with its sector named; raises ``ParameterError`` for an address or a sector that does not fit.

    An address is ``https``, or ``http`` on loopback, absolute, without fragment, user name and wildcard, its host in
    lower case. Several hosts among ``redirect_uris`` need a ``sector_identifier``, which is one of them (OpenID Connect
    Core 1.0 section 8.1): who registers the client sees to it that all of them are the relying party's.
    """
    for name, uris in (
        ("redirect_uris", sign_in.redirect_uris),
        ("post_logout_redirect_uris", sign_in.post_logout_redirect_uris),
    ):
        if len(uris) > MAX_URIS or len(set(uris)) != len(uris):
            raise _bad(name, f"at most {MAX_URIS} different addresses", f"最多 {MAX_URIS} 个，不得重复")
        for uri in uris:
            _check_uri(name, uri)
    if not sign_in.redirect_uris:
        if sign_in.post_logout_redirect_uris or sign_in.sector_identifier or sign_in.backchannel_logout_uri:
            raise _bad("redirect_uris", "an address to which people come back", "请填写登录回调地址")
        return SignInSpec()
    if sign_in.backchannel_logout_uri is not None:
        _check_uri("backchannel_logout_uri", sign_in.backchannel_logout_uri)
    hosts = {host_of(uri) for uri in sign_in.redirect_uris}
    sector = sign_in.sector_identifier or (min(hosts) if len(hosts) == 1 else None)
    if sector is None or sector not in hosts:
        raise _bad(
            "sector_identifier",
            "one of the hosts of redirect_uris, needed where there are several",
            "回调地址含多个主机名时须填写其中之一",
        )
    return replace(sign_in, sector_identifier=sector)


def host_of(uri: str) -> str:
    """Return the host of a registered address."""
    return urlsplit(uri).hostname or ""


def _check_uri(name: str, uri: str) -> None:
    """Raise ``ParameterError`` unless ``uri`` may be registered."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise _bad(name, "an absolute address", "应为完整网址") from error
    if not host or len(uri) > MAX_URI or not _URI.fullmatch(uri):
        raise _bad(name, f"an absolute address of at most {MAX_URI} characters", "应为完整网址")
    if parts.username is not None or parts.password is not None or "*" in host or not _is_host(host):
        raise _bad(name, "an address without user name and wildcard", "网址不得含用户名、通配符")
    if not uri.startswith(f"{parts.scheme}://") or parts.netloc != parts.netloc.lower():
        raise _bad(name, "scheme and host in lower case", "协议和主机名应为小写")
    if {".", ".."} & set(parts.path.split("/")):
        raise _bad(name, "an address without dot segments", "路径不得含 . 或 ..")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise _bad(name, "https (http on loopback only)", "应为 https（仅本机回环可用 http）")


def _is_host(host: str) -> bool:
    if _HOST.fullmatch(host):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _bad(name: str, what: str, what_zh: str) -> ParameterError:
    return ParameterError(f"'{name}' does not fit: give {what}.", detail_zh=f"地址有误：{what_zh}。", missing=(name,))
