"""The security terms of the recipient (``A50-1``, ``A50-9``): which version holds, and which one was accepted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from gateway.articles import keeps
from gateway.errors import ConfigurationError
from gateway.policies.errors import ApplicationIncompleteError
from gateway.policies.records import Application
from rulebook.records import SecurityTerms


def terms_on(versions: Sequence[SecurityTerms], today: date) -> SecurityTerms:
    """Return the version in force on ``today``: the newest that has begun.

    Raises ``ConfigurationError`` when none has.
    """
    begun = [terms for terms in versions if terms.effective <= today]
    if not begun:
        raise ConfigurationError(
            "No version of the security terms is in force: see config/terms/security_terms.toml.",
            detail_zh="没有生效的安全条款，请检查 config/terms/security_terms.toml。",
            missing=("security_terms",),
        )
    return begun[-1]


@keeps("A50-1", "A50-9")
def require_terms(application: Application, versions: Sequence[SecurityTerms], today: date) -> None:
    """Return when the application accepts the security terms that are in force on ``today``.

    Raises ``ApplicationIncompleteError`` that says which version to read and accept.
    """
    now = terms_on(versions, today)
    if application.terms_version == now.version:
        return
    known = any(terms.version == application.terms_version for terms in versions)
    old = (
        f"Version {application.terms_version} of the security terms has been replaced"
        if known
        else ("The accepted version of the security terms is not known")
    )
    old_zh = f"所接受的安全条款 {application.terms_version} 已被替代" if known else "所接受的安全条款版本不存在"
    raise ApplicationIncompleteError(
        f"{old}: read version {now.version} (GET /v1/terms), accept it by an edit, and submit again.",
        detail_zh=f"{old_zh}，请阅读现行版本 {now.version}，修改申请并接受后重新提交。",
        rule="A50-9",
        missing=("terms_version",),
        extra={"terms_version": now.version},
    )


def accepted(application: Application, versions: Sequence[SecurityTerms]) -> tuple[str, str]:
    """Return version and SHA-256 of the terms that an application accepted, empty for an old one without a version."""
    found = next((terms for terms in versions if terms.version == application.terms_version), None)
    return ("", "") if found is None else (found.version, found.sha256)
