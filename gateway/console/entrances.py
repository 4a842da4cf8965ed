"""The menu: what a person may enter follows from the decision point, never from the name of a role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app

from gateway.errors import ForbiddenError
from gateway.ids import UnitCode
from gateway.policies.decision import Action, Resource
from gateway.policies.resources import (
    alert_resource,
    audit_log_resource,
    canary_resource,
    disclosure_resource,
    identity_resource,
    registry_resource,
    retention_resource,
    system_resource,
    text_resource,
)
from gateway.principals import Principal, Role
from gateway.services import Services


@dataclass(frozen=True, slots=True)
class Entrance:
    """One item of the menu. ``about`` makes the resource that ``action`` is asked for; both ``None``: for all."""

    endpoint: str
    zh: str
    en: str
    icon: str
    action: Action | None = None
    about: Callable[[Principal], Resource] | None = None


def own_application(who: Principal) -> Resource:
    """Return an application as it would be in the reach of ``who``: of their recipient, or in their unit."""
    return Resource(
        "Application",
        "any",
        {
            "applicant": who.account,
            "recipient": who.recipient or "",
            "unit": who.unit or "",
            "territory": who.unit or "",
            "state": "draft",
        },
    )


def own_verification(who: Principal) -> Resource:
    """Return identities as they are presented to the recipient of ``who``."""
    return identity_resource(recipient=who.recipient)


def own_registry(who: Principal) -> Resource:
    """Return the registry of the unit of ``who``."""
    return registry_resource(who.unit or UnitCode(""))


def own_alerts(who: Principal) -> Resource:
    """Return the alerts of the unit of ``who``."""
    return alert_resource(who.unit or UnitCode(""), Role.DATA_OFFICER)


def own_canaries(who: Principal) -> Resource:
    """Return the decoys of the unit of ``who``."""
    return canary_resource(who.unit or UnitCode(""))


def own_disclosures(who: Principal) -> Resource:
    """Return the register of disclosures of the unit of ``who``."""
    return disclosure_resource(who.unit or UnitCode(""))


def own_system(who: Principal) -> Resource:
    """Return the system of the unit of ``who``: its accounts, its recipients, its approvals."""
    return system_resource(who.unit)


def _a_text(_who: Principal) -> Resource:
    return text_resource()


def _the_data(_who: Principal) -> Resource:
    return retention_resource()


def _the_log(_who: Principal) -> Resource:
    return audit_log_resource()


_READ = Action.READ_APPLICATION
ENTRANCES = (
    Entrance("console.work.home", "工作台", "Work", "home"),
    Entrance("console.applications.index", "申请", "Applications", "form", _READ, own_application),
    Entrance("console.grants.index", "授权", "Grants", "seal", _READ, own_application),
    Entrance("console.extracts.index", "提取", "Extracts", "box", _READ, own_application),
    Entrance("console.verifier.form", "身份核验", "Verify", "check", Action.VERIFY_IDENTITY, own_verification),
    Entrance("console.imports.upload_form", "学籍导入", "Import", "upload", Action.IMPORT_REGISTRY, own_registry),
    Entrance("console.classes.search_form", "班级名册", "Classes", "people", Action.READ_REGISTRY, own_registry),
    Entrance("console.todo.index", "待办", "To do", "check", Action.READ_CASES, own_registry),
    Entrance("console.cases.index", "学籍业务", "Cases", "form", Action.READ_CASES, own_registry),
    Entrance("console.lives.find_form", "学生", "Pupils", "person", Action.READ_CASES, own_registry),
    Entrance("console.activations.index", "家庭账号", "Families", "people", Action.READ_CASES, own_registry),
    Entrance("console.questions.index", "家庭询问", "Questions", "form", Action.HANDLE_CASES, own_registry),
    Entrance("console.redactions.form", "文本脱敏预览", "Texts", "search", Action.READ_REGISTRY, own_registry),
    Entrance("console.papers.index", "打印与证书", "Papers", "print", Action.READ_CASES, own_registry),
    Entrance("console.legal_bases.index", "依据目录", "Laws", "book", Action.CONFIRM_TEXT, _a_text),
    Entrance("console.disclosures.index", "线下提供", "Disclosures", "form", Action.READ_DISCLOSURES, own_disclosures),
    Entrance("console.alerts.index", "预警", "Alerts", "alert", Action.READ_ALERTS, own_alerts),
    Entrance("console.audit.index", "审计", "Audit", "search", Action.READ_AUDIT, _the_log),
    Entrance("console.inspections.index", "检查案件", "Inspections", "form", Action.READ_AUDIT, _the_log),
    Entrance("console.retention.index", "保存期限", "Retention", "box", Action.READ_RETENTION, _the_data),
    Entrance("console.canaries.index", "诱饵学籍", "Decoys", "alert", Action.READ_CANARIES, own_canaries),
    Entrance("console.accounts.index", "账号", "Accounts", "people", Action.MANAGE_ACCOUNTS, own_system),
    Entrance("console.recipients.index", "数据使用方", "Recipients", "box", Action.MANAGE_CLIENTS, own_system),
    Entrance("console.delegations.index", "委托", "Delegations", "person", Action.DELEGATE, own_system),
    Entrance("console.register.index", "共享公示", "Register", "book"),
)


def may(services: Services, who: Principal, action: Action, resource: Resource, territory: str = "") -> bool:
    """Say whether the decision point permits ``action``; nothing is recorded, since nothing is done."""
    try:
        services.applications.authorize(who, action, resource, territory=territory)
    except ForbiddenError:
        return False
    return True


def entrances(services: Services, who: Principal) -> tuple[Entrance, ...]:
    """Return the menu of ``who`` on this face."""
    here = current_app.view_functions
    return tuple(
        one
        for one in ENTRANCES
        if one.endpoint in here
        and (
            one.action is None
            or one.about is None
            or may(services, who, one.action, one.about(who), territory=who.unit or "")
        )
    )
