"""Accounts of the territory: who there is, what comes due, opening, roles, sealing and reopening, security rules."""

from __future__ import annotations

import io
from datetime import date

import segno
from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from gateway.accounts.credit_codes import credit_code
from gateway.accounts.directory import AccountState
from gateway.accounts.records import Account, Credentials, StaffSpec
from gateway.accounts.sealing import civil_date
from gateway.accounts.totp import provisioning_uri
from gateway.console import forms
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, ParameterError
from gateway.ids import AccountId, UnitCode
from gateway.principals import AccountKind, Role
from gateway.problems import Problem

blueprint = Blueprint("accounts", __name__)

OFFERED = tuple(role for role in Role if role not in {Role.GUARDIAN, Role.PUPIL, Role.RELYING_PARTY})
"""Roles that a person may have; a relying party is a program."""


@blueprint.get("/accounts")
def index() -> ResponseReturnValue:
    """List the accounts of the person's territory: state, what comes due, second factor."""
    unit = request.args.get("unit", "")
    wanted = UnitCode(unit) if unit.isascii() and unit.isdigit() and len(unit) in {6, 10} else None
    found = [_state(one) for one in services().directory.listed(principal(), unit=wanted)]
    return page("accounts.html", accounts=found, unit=unit, today=_today())


@blueprint.get("/accounts/new")
def new() -> ResponseReturnValue:
    """Show the form for a new account."""
    services().directory.listed(principal(), unit=principal().unit)
    return _form(None)


@blueprint.post("/accounts")
def create() -> ResponseReturnValue:
    """Open an account and show its first credentials, once."""
    try:
        recipient = forms.text("recipient", longest=40)
        unit = forms.text("unit", longest=10)
        spec = StaffSpec(
            forms.text("username", longest=80),
            forms.text("name", longest=100),
            _roles(),
            UnitCode(unit) if unit else None,
            forms.text("post", longest=100),
            credit_code(recipient) if recipient else None,
            filed_on=forms.optional_day("filed_on", request.form.get("filed_on", "")),
            trained_on=forms.optional_day("trained_on", request.form.get("trained_on", "")),
            second_factor=forms.ticked("second_factor"),
            acknowledged_on_paper=forms.ticked("acknowledged_on_paper"),
        )
        made = services().directory.create(principal(), spec)
    except GatewayError as error:
        return _form(problem_for(error))
    return _credentials(made, services().directory.get(made.account))


@blueprint.get("/accounts/<account_id>")
def show(account_id: str) -> ResponseReturnValue:
    """Show an account, what was done to it, and what may be done."""
    return _show(AccountId(account_id), None)


@blueprint.post("/accounts/<account_id>/roles")
def set_roles(account_id: str) -> ResponseReturnValue:
    """Replace the roles; a new second factor is shown once."""
    which = AccountId(account_id)
    try:
        secret = services().directory.set_roles(principal(), which, _roles())
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    if secret is not None:
        account = services().directory.get(which)
        return _credentials(Credentials(which, account.username or "", "", secret), account)
    notify("roles_changed")
    return _back(which)


@blueprint.post("/accounts/<account_id>/sealing")
def seal(account_id: str) -> ResponseReturnValue:
    """Seal the account at once (A50-3)."""
    which = AccountId(account_id)
    try:
        services().directory.seal(principal(), which, forms.text("seal_reason", longest=500))
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    notify("sealed")
    return _back(which)


@blueprint.post("/accounts/<account_id>/unsealing")
def unseal(account_id: str) -> ResponseReturnValue:
    """Reopen the account with a new password, which is shown once (A50-3)."""
    which = AccountId(account_id)
    try:
        made = services().directory.unseal(principal(), which, forms.text("unseal_reason", longest=500))
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    if made is None:
        notify("unsealed")
        return _back(which)
    return _credentials(made, services().directory.get(which))


@blueprint.post("/accounts/<account_id>/credentials")
def reset_credentials(account_id: str) -> ResponseReturnValue:
    """Give a new password and second factor, shown once."""
    which = AccountId(account_id)
    try:
        made = services().directory.reset_credentials(principal(), which, forms.text("reset_reason", longest=500))
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    return _credentials(made, services().directory.get(which))


@blueprint.post("/accounts/<account_id>/training")
def record_training(account_id: str) -> ResponseReturnValue:
    """Record when a registrar was filed and trained (A48-2, A48-3)."""
    which = AccountId(account_id)
    try:
        services().directory.record_training(
            principal(), which, filed_on=forms.day("filed_on"), trained_on=forms.day("trained_on")
        )
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    notify("trained")
    return _back(which)


@blueprint.get("/accounts/rules")
def unit_rules() -> ResponseReturnValue:
    """Show the security rules of a unit, and the form for new ones (A50-1)."""
    unit = request.args.get("unit", "") or principal().unit or ""
    return _rules(UnitCode(unit[:10]), None)


@blueprint.post("/accounts/rules")
def publish_rules() -> ResponseReturnValue:
    """Put security rules in force in a unit (A50-1)."""
    unit = UnitCode(forms.text("unit", longest=10))
    try:
        services().directory.publish_rules(
            principal(), unit, forms.text("text", longest=20_000), forms.text("responsible", longest=200)
        )
    except GatewayError as error:
        return _rules(unit, problem_for(error))
    notify("rules_published")
    return redirect(url_for("console.accounts.unit_rules", unit=unit))


def _roles() -> frozenset[Role]:
    chosen = forms.chosen("roles")
    if not set(chosen) <= set(Role):
        raise ParameterError("Choose roles from the list.", detail_zh="请从列表中选择角色。", missing=("roles",))
    return frozenset(Role(one) for one in chosen)


def _show(which: AccountId, problem: Problem | None) -> ResponseReturnValue:
    who, directory = principal(), services().directory
    account = directory.show(who, which)
    manages = who.account != which
    return page(
        "account.html",
        problem=problem,
        state=_state(account),
        manages=manages,
        acts=directory.acts(who, which) if manages else (),
        roles=OFFERED if account.kind is AccountKind.STAFF else (Role.APPLICANT, Role.EXECUTOR, Role.RELYING_PARTY),
        today=_today(),
    )


def _form(problem: Problem | None) -> ResponseReturnValue:
    return page("account_form.html", problem=problem, roles=OFFERED, typed=request.form, own_unit=principal().unit)


def _rules(unit: UnitCode, problem: Problem | None) -> ResponseReturnValue:
    rules = services().directory.rules_of(principal(), unit)
    return page("unit_rules.html", problem=problem, unit=unit, rules=rules, typed=request.form)


def _credentials(made: Credentials, account: Account) -> ResponseReturnValue:
    drawing = io.BytesIO()
    if made.totp_secret is not None:
        segno.make(provisioning_uri(made.username, made.totp_secret), error="m").save(
            drawing, kind="svg", border=4, omitsize=True, xmldecl=False, svgns=False, svgclass="qr", lineclass=None
        )
    qr = Markup(drawing.getvalue().decode())  # noqa: S704  made by segno
    return page("credentials.html", made=made, account=account, qr=qr, issued=services().now())


def _back(which: AccountId) -> ResponseReturnValue:
    return redirect(url_for("console.accounts.show", account_id=which))


def _state(account: Account) -> AccountState:
    return services().directory.state(account, _today(), services().book.parameters)


def _today() -> date:
    return civil_date(services().now())
