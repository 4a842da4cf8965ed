"""Recipients of the territory: registration, yearly attestation, rename, suspension, and their programs."""

from __future__ import annotations

import json
from collections.abc import Callable

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.accounts.recipient_records import Recipient, RecipientSpec, Suspension
from gateway.accounts.recipients import RecipientRegister
from gateway.accounts.records import ClientSpec, SignInSpec
from gateway.accounts.sealing import civil_date
from gateway.console import forms
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, ParameterError, UnavailableError
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.principals import Role
from gateway.problems import Problem

blueprint = Blueprint("recipients", __name__)

CLIENT_ROLES = (Role.APPLICANT, Role.EXECUTOR, Role.RELYING_PARTY)


def register() -> RecipientRegister:
    """Return the register of recipients; raises ``UnavailableError`` where there is none."""
    found = services().recipients
    if found is None:
        raise UnavailableError("This process has no register of recipients.", detail_zh="本进程不办理数据使用方登记。")
    return found


@blueprint.get("/recipients")
def index() -> ResponseReturnValue:
    """List the recipients that the person keeps, those with a problem first, and the form for a new one."""
    return _index(None)


@blueprint.post("/recipients")
def create() -> ResponseReturnValue:
    """Register a recipient."""
    unit = forms.text("unit", longest=10)
    try:
        spec = RecipientSpec(
            forms.text("code", longest=40),
            forms.text("name", longest=200),
            forms.text("post", longest=200),
            forms.text("responsible", longest=200),
            forms.text("evidence", longest=500),
            UnitCode(unit) if unit else None,
        )
        made = register().register(principal(), spec)
    except GatewayError as error:
        return _index(problem_for(error))
    notify("recipient_registered")
    return redirect(url_for("console.recipients.show", code=made.code))


@blueprint.get("/recipients/<code>")
def show(code: str) -> ResponseReturnValue:
    """Show a recipient with its programs, what was done to it, and what may be done."""
    return _show(RecipientId(code), None)


@blueprint.post("/recipients/<code>/attestation")
def attest(code: str) -> ResponseReturnValue:
    """Record the yearly attestation under the recipient's present name."""
    return _act(
        code,
        lambda which: register().attest(
            principal(), which, name=forms.text("attested_name", longest=200), evidence=forms.text("evidence")
        ),
    )


@blueprint.post("/recipients/<code>/rename")
def rename(code: str) -> ResponseReturnValue:
    """Record another name; it suspends until the recipient is attested under it."""
    return _act(
        code,
        lambda which: register().rename(
            principal(), which, name=forms.text("new_name", longest=200), evidence=forms.text("rename_evidence")
        ),
    )


@blueprint.post("/recipients/<code>/suspension")
def suspend(code: str) -> ResponseReturnValue:
    """Suspend the recipient at once."""
    return _act(code, lambda which: register().suspend(principal(), which, forms.text("suspend_reason")))


@blueprint.post("/recipients/<code>/resumption")
def resume(code: str) -> ResponseReturnValue:
    """Lift a manager's suspension or dormancy."""
    return _act(code, lambda which: register().resume(principal(), which, forms.text("resume_reason")))


@blueprint.post("/recipients/<code>/clients")
def register_client(code: str) -> ResponseReturnValue:
    """Register a program of the recipient with its keys, or the address at which it publishes them."""

    def registered(which: RecipientId) -> None:
        register().get(principal(), which)
        uri = forms.text("jwks_uri", longest=500)
        chosen = forms.chosen("client_roles")
        if not set(chosen) <= set(CLIENT_ROLES):
            raise ParameterError("Choose roles from the list.", detail_zh="请从列表中选择角色。", missing=("roles",))
        spec = ClientSpec(
            which,
            frozenset(Role(one) for one in chosen),
            {} if uri else _jwks("jwks"),
            post=forms.text("client_post", longest=100),
            jwks_uri=uri or None,
            dpop_required=forms.ticked("dpop_required"),
            encrypt_always=forms.ticked("encrypt_always"),
            sign_in=_sign_in(""),
        )
        services().directory.register_client(principal(), spec)

    return _act(code, registered, "client_registered")


@blueprint.post("/recipients/<code>/clients/<client_id>/keys")
def replace_keys(code: str, client_id: str) -> ResponseReturnValue:
    """Replace the keys of a program."""

    def replaced(which: RecipientId) -> None:
        _own(which, client_id)
        uri = forms.text("new_jwks_uri", longest=500)
        keys = {} if uri else _jwks("new_jwks")
        services().directory.replace_client_keys(principal(), AccountId(client_id), keys, uri or None)

    return _act(code, replaced, "keys_replaced")


@blueprint.post("/recipients/<code>/clients/<client_id>/sign-in")
def replace_sign_in(code: str, client_id: str) -> ResponseReturnValue:
    """Replace where a relying party takes people who signed in."""

    def replaced(which: RecipientId) -> None:
        _own(which, client_id)
        services().directory.replace_sign_in(principal(), AccountId(client_id), _sign_in("new_"))

    return _act(code, replaced)


@blueprint.post("/recipients/<code>/clients/<client_id>/state")
def change_client(code: str, client_id: str) -> ResponseReturnValue:
    """Seal a program, or reopen it."""

    def changed(which: RecipientId) -> None:
        _own(which, client_id)
        reason = forms.text("client_reason", longest=500)
        if request.form.get("act") == "seal":
            services().directory.seal(principal(), AccountId(client_id), reason)
        else:
            services().directory.unseal(principal(), AccountId(client_id), reason)

    return _act(code, changed)


def _act(code: str, act: Callable[[RecipientId], object], notice: str = "recipient_changed") -> ResponseReturnValue:
    which = RecipientId(code)
    try:
        act(which)
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    notify(notice)
    return redirect(url_for("console.recipients.show", code=which))


def _own(which: RecipientId, client_id: str) -> None:
    clients = services().directory.clients_of(principal(), which)
    if client_id not in {one.account.id for one in clients}:
        raise NotFoundError("There is no such client.", detail_zh="没有这个系统客户端。")


def _sign_in(prefix: str) -> SignInSpec:
    """Return what was typed of addresses, one a line."""
    redirects, after = (
        tuple(forms.text(f"{prefix}{name}", longest=6000).split())
        for name in ("redirect_uris", "post_logout_redirect_uris")
    )
    told = forms.text(f"{prefix}backchannel_logout_uri", longest=500) or None
    return SignInSpec(redirects, after, forms.text(f"{prefix}sector_identifier", longest=253) or None, told)


def _jwks(name: str) -> dict[str, object]:
    try:
        found = json.loads(forms.text(name, longest=10_000) or "null")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ParameterError(
            "Give the public keys as a JSON Web Key Set, or the address at which they are published.",
            detail_zh="请填写公钥（JWKS），或公钥发布地址（jwks_uri）。",
            missing=(name,),
        )
    return found


def _index(problem: Problem | None) -> ResponseReturnValue:
    found = [(one, _problem(one)) for one in register().listed(principal())]
    return page(
        "recipients.html",
        problem=problem,
        recipients=sorted(found, key=lambda pair: (pair[1] is None, pair[0].attested_until)),
        typed=request.form,
        own_unit=principal().unit,
    )


def _show(which: RecipientId, problem: Problem | None) -> ResponseReturnValue:
    who = principal()
    found = register().get(who, which)
    return page(
        "recipient.html",
        problem=problem,
        recipient=found,
        standing=_problem(found),
        dormant_on=found.dormant_on(services().book.parameters.dormant_months),
        clients=services().directory.clients_of(who, which),
        acts=register().acts(who, which),
        client_roles=CLIENT_ROLES,
        typed=request.form,
    )


def _problem(recipient: Recipient) -> Suspension | None:
    return recipient.problem(civil_date(services().now()), services().book.parameters)
