"""Entries of the audit log as a family reads them: who, why, what, when. Pure but for the names that are looked up.

Only kinds that say that somebody saw or got something of the pupil are shown, and of them only what happened: a refusal
gave nothing away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from gateway.accesses.ports import GrantWords, Names
from gateway.accesses.records import Access, Sort, Words
from gateway.audit.records import EntryView
from gateway.instants import instant_of
from gateway.journal import JsonValue

Content = Mapping[str, JsonValue]
_RECORD: Final = (Words("学籍信息", "The student record"),)
_MASKED: Final = (Words("审计条目（不含学生信息）", "Entries of the log, which hold no pupil's data"),)
_MANY: Final = Words("学籍管理工作（同时涉及多名学生）", "Registry work on several pupils at once")
_REGISTRY: Final = Words("学籍管理工作", "Registry work")
_INSPECTING: Final = Words("审计检查", "Inspection of the audit trail")
_SIGNING_IN: Final = Words("登录该服务", "Sign-in at the service")
_FAMILY_BODY: Final = "家庭账号"
_ART_50: Final = "第五十条"
_REGISTRY_LINE: Final = "学籍管理职责（第三条、第五十条）"
_CONSENT: Final = "本人或监护人同意；常备授权"


def access_of(view: EntryView, names: Names, delivered: Callable[[str], bool]) -> Access | None:
    """Return an entry as an access, ``None`` for one that gave nothing of the pupil to anybody.

    ``delivered`` says of an extract whether it was fetched.
    """
    content = view.content
    kind, outcome = str(content["kind"]), str(content["outcome"])
    if outcome not in {"done", "complete"} or kind not in KINDS:
        return None
    return _SHOWN[kind](view, content, names, delivered)


def _registry_read(view: EntryView, content: Content, names: Names, _: Callable[[str], bool]) -> Access | None:
    account, kind = _actor(content)
    if kind in {"guardian", "pupil"}:
        return _access(view, Sort.READ, _FAMILY_BODY, "", _REGISTRY, _RECORD, _REGISTRY_LINE)
    facts = _facts(content)
    reason, found = str(facts.get("reason") or "").strip(), facts.get("found")
    alone = not isinstance(found, int) or found <= 1  # a reason for several pupils may speak of another child
    purpose = _MANY if not alone else Words(reason) if reason else _REGISTRY
    body, post = _staff(content, account, names)
    return _access(view, Sort.READ, body, post, purpose, _RECORD, _REGISTRY_LINE)


def _prepared(view: EntryView, content: Content, names: Names, delivered: Callable[[str], bool]) -> Access | None:
    grant = _grant(content, names)
    extract = _links(content).get("extract")
    fetched = extract is not None and delivered(extract)
    return _granted(view, Sort.RELEASE, content, names, grant, None if grant is None else grant.fields, fetched)


def _outcome(view: EntryView, content: Content, names: Names, _: Callable[[str], bool]) -> Access | None:
    if _facts(content).get("level") != "check":
        return None  # the delivery of an extract: it is shown with what was prepared
    grant = _grant(content, names)
    what = (Words("核验结果：是或未能确认", "A check: yes, or not confirmed"),)
    return _granted(view, Sort.CHECK, content, names, grant, what, None)


def _verified(view: EntryView, content: Content, names: Names, _: Callable[[str], bool]) -> Access | None:
    facts = _facts(content)
    code = facts.get("purpose")
    purpose = names.purpose(str(code)) if isinstance(code, str) else _SIGNING_IN
    body = names.recipient(_links(content).get("recipient", ""))
    return _access(
        view, Sort.VERIFICATION, body, _post(content), purpose, _claims(facts, names), f"{_ART_50}；{_CONSENT}"
    )


def _signed_in(view: EntryView, content: Content, names: Names, _: Callable[[str], bool]) -> Access | None:
    body = names.recipient(_links(content).get("recipient", ""))
    claims = _claims(_facts(content), names)
    return _access(view, Sort.SIGN_IN, body, _post(content), _SIGNING_IN, claims, f"{_ART_50}；{_CONSENT}")


def _inspected(view: EntryView, content: Content, names: Names, _: Callable[[str], bool]) -> Access | None:
    account, _kind = _actor(content)
    body, post = _staff(content, account, names)
    return _access(view, Sort.INSPECTION, body, post, _INSPECTING, _MASKED, f"{_ART_50}、第五十一条")


_SHOWN: Final[Mapping[str, Callable[[EntryView, Content, Names, Callable[[str], bool]], Access | None]]] = {
    "registry.read": _registry_read,
    "release.prepared": _prepared,
    "release.outcome": _outcome,
    "identity.verified": _verified,
    "identity.sign_in_redeemed": _signed_in,
    "identity.userinfo_answered": _signed_in,
    "audit.read": _inspected,
}
KINDS: Final = frozenset(_SHOWN)
"""Kinds of entries that a family sees."""


def _access(
    view: EntryView, sort: Sort, body: str, post: str, purpose: Words, what: tuple[Words, ...], ground: str
) -> Access:
    return Access(view.index, _at(view.content), sort, body, post, purpose, what, ground, None)


def _granted(
    view: EntryView,
    sort: Sort,
    content: Content,
    names: Names,
    grant: GrantWords | None,
    what: tuple[Words, ...] | None,
    delivered: bool | None,
) -> Access:
    """Return an access under a grant; one that cannot be read still shows that there was one, and for whom."""
    recipient = names.recipient(_links(content).get("recipient", "")) if grant is None else grant.recipient
    purpose = Words("—") if grant is None else grant.purpose
    ground = _ART_50 if grant is None else f"{_ART_50}；{grant.ground}"
    return Access(view.index, _at(content), sort, recipient, "", purpose, what or (), ground, delivered)


def _grant(content: Content, names: Names) -> GrantWords | None:
    identifier = _links(content).get("grant")
    return None if identifier is None else names.grant(identifier)


def _staff(content: Content, account: str, names: Names) -> tuple[str, str]:
    """Return body and post: as the entry says, else of the account as it is now."""
    actor = content["actor"]
    told = actor if isinstance(actor, dict) else {}
    unit, post = str(told.get("unit") or ""), str(told.get("post") or "")
    if not unit and account:
        unit, post = names.post(account)
    return (names.unit(unit) if unit else "—"), post


def _actor(content: Content) -> tuple[str, str]:
    actor = content["actor"]
    return (str(actor["id"]), str(actor["kind"])) if isinstance(actor, dict) else ("", "")


def _post(content: Content) -> str:
    actor = content["actor"]
    return str(actor.get("post") or "") if isinstance(actor, dict) else ""


def _claims(facts: Mapping[str, JsonValue], names: Names) -> tuple[Words, ...]:
    claims = facts.get("claims")
    return tuple(names.claim(str(one)) for one in claims) if isinstance(claims, list) else ()


def _facts(content: Content) -> Mapping[str, JsonValue]:
    facts = content["facts"]
    return facts if isinstance(facts, dict) else {}


def _links(content: Content) -> Mapping[str, str]:
    links = content["links"]
    return {name: str(value) for name, value in links.items()} if isinstance(links, dict) else {}


def _at(content: Content) -> datetime:
    return instant_of(str(content.get("occurred") or content["at"]))
