"""``/v1/recipients``: organisations that receive, attested every year, and their programs."""

from __future__ import annotations

from typing import NoReturn

from gateway.accounts.errors import AccountNotFoundError
from gateway.accounts.recipient_records import Recipient, RecipientSpec
from gateway.accounts.recipients import RecipientRegister
from gateway.accounts.records import NO_SIGN_IN, ClientSpec, OAuthClient
from gateway.accounts.sealing import civil_date
from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models.administration import (
    AttestationIn,
    ClientIn,
    ClientKeysIn,
    ClientList,
    ClientOut,
    ReasonIn,
    RecipientActList,
    RecipientActOut,
    RecipientIn,
    RecipientList,
    RecipientOut,
    RenameIn,
    SignInIn,
)
from gateway.errors import UnavailableError
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.principals import Role

blueprint = ApiBlueprint("recipients", __name__, tag="Recipients")

STATE = {409: {"description": "The recipient is in another state, or somebody acted in between"}}


def _register() -> RecipientRegister:
    found = services().recipients
    if found is None:
        raise UnavailableError("This process has no register of recipients.", detail_zh="本进程不办理数据使用方登记。")
    return found


@blueprint.get("/v1/recipients")
@blueprint.output(RecipientList)
def list_recipients() -> RecipientList:
    """List the recipients that the caller's department and those below it registered."""
    return RecipientList(items=[_out(one) for one in _register().listed(principal())])


@blueprint.post("/v1/recipients")
@blueprint.input(RecipientIn)
@blueprint.answers({409: {"description": "The recipient is registered already"}})
@blueprint.output(RecipientOut, status_code=201)
def register_recipient(json_data: RecipientIn) -> RecipientOut:
    """Register a recipient under its 统一社会信用代码; it is attested from today on, for a year at the most."""
    spec = RecipientSpec(
        json_data.code,
        json_data.name,
        json_data.post,
        json_data.responsible,
        json_data.evidence,
        None if json_data.unit is None else UnitCode(json_data.unit),
    )
    return _out(_register().register(principal(), spec))


@blueprint.get("/v1/recipients/<code>")
@blueprint.output(RecipientOut)
def show_recipient(code: str) -> RecipientOut:
    """Show a recipient: its name, until when it is attested, and what is wrong with it if anything is."""
    return _out(_register().get(principal(), RecipientId(code)))


@blueprint.post("/v1/recipients/<code>/attestation")
@blueprint.input(AttestationIn)
@blueprint.answers(STATE)
@blueprint.output(RecipientOut)
def attest_recipient(code: str, json_data: AttestationIn) -> RecipientOut:
    """Record that somebody looked and the recipient is who it was, under this name: it is in force for another year."""
    return _out(_register().attest(principal(), RecipientId(code), name=json_data.name, evidence=json_data.evidence))


@blueprint.post("/v1/recipients/<code>/rename")
@blueprint.input(RenameIn)
@blueprint.answers(STATE)
@blueprint.output(RecipientOut)
def rename_recipient(code: str, json_data: RenameIn) -> RecipientOut:
    """Record another name: the recipient is suspended until it is attested under it."""
    return _out(_register().rename(principal(), RecipientId(code), name=json_data.name, evidence=json_data.evidence))


@blueprint.post("/v1/recipients/<code>/suspension")
@blueprint.input(ReasonIn)
@blueprint.answers(STATE)
@blueprint.output(RecipientOut)
def suspend_recipient(code: str, json_data: ReasonIn) -> RecipientOut:
    """Suspend a recipient at once: no token, no submission, no delivery."""
    return _out(_register().suspend(principal(), RecipientId(code), json_data.reason))


@blueprint.post("/v1/recipients/<code>/resumption")
@blueprint.input(ReasonIn)
@blueprint.answers(STATE)
@blueprint.output(RecipientOut)
def resume_recipient(code: str, json_data: ReasonIn) -> RecipientOut:
    """Lift a manager's suspension or dormancy; what needs an attestation stays."""
    return _out(_register().resume(principal(), RecipientId(code), json_data.reason))


@blueprint.get("/v1/recipients/<code>/acts")
@blueprint.output(RecipientActList)
def list_acts(code: str) -> RecipientActList:
    """List what was done to a recipient, by whom and on what evidence, oldest first."""
    return RecipientActList(items=[RecipientActOut.of(act) for act in _register().acts(principal(), RecipientId(code))])


@blueprint.get("/v1/recipients/<code>/clients")
@blueprint.output(ClientList)
def list_clients(code: str) -> ClientList:
    """List the programs of a recipient."""
    found = services().directory.clients_of(principal(), RecipientId(code))
    return ClientList(items=[ClientOut.of(one) for one in found])


@blueprint.post("/v1/recipients/<code>/clients")
@blueprint.input(ClientIn)
@blueprint.output(ClientOut, status_code=201)
def register_client(code: str, json_data: ClientIn) -> ClientOut:
    """Register a program with its public keys, or the address at which it publishes them."""
    who, recipient = principal(), RecipientId(code)
    _register().get(who, recipient)
    spec = ClientSpec(
        recipient,
        frozenset(Role(role) for role in json_data.roles),
        {} if json_data.jwks is None else json_data.jwks.model_dump(),
        post=json_data.post,
        jwks_uri=json_data.jwks_uri,
        dpop_required=json_data.dpop_required,
        encrypt_always=json_data.encrypt_always,
        sign_in=NO_SIGN_IN if json_data.sign_in is None else json_data.sign_in.spec(),
    )
    return ClientOut.of(_client(recipient, services().directory.register_client(who, spec)))


@blueprint.post("/v1/recipients/<code>/clients/<client_id>/keys")
@blueprint.input(ClientKeysIn)
@blueprint.output(ClientOut)
def replace_keys(code: str, client_id: str, json_data: ClientKeysIn) -> ClientOut:
    """Replace the keys of a program, or name where it publishes them; old and new ones together leave no gap."""
    recipient = RecipientId(code)
    found = _client(recipient, AccountId(client_id))
    keys = {} if json_data.jwks is None else json_data.jwks.model_dump()
    services().directory.replace_client_keys(principal(), found.account.id, keys, json_data.jwks_uri)
    return ClientOut.of(_client(recipient, found.account.id))


@blueprint.post("/v1/recipients/<code>/clients/<client_id>/sign-in")
@blueprint.input(SignInIn)
@blueprint.output(ClientOut)
def replace_sign_in(code: str, client_id: str, json_data: SignInIn) -> ClientOut:
    """Replace where a relying party takes people who signed in or out; without redirect URIs nobody signs in there."""
    recipient = RecipientId(code)
    found = _client(recipient, AccountId(client_id))
    services().directory.replace_sign_in(principal(), found.account.id, json_data.spec())
    return ClientOut.of(_client(recipient, found.account.id))


@blueprint.post("/v1/recipients/<code>/clients/<client_id>/suspension")
@blueprint.input(ReasonIn)
@blueprint.answers(STATE)
@blueprint.output(ClientOut)
def suspend_client(code: str, client_id: str, json_data: ReasonIn) -> ClientOut:
    """Seal a program: it gets no token, and those that it holds end."""
    recipient = RecipientId(code)
    found = _client(recipient, AccountId(client_id))
    services().directory.seal(principal(), found.account.id, json_data.reason)
    return ClientOut.of(_client(recipient, found.account.id))


@blueprint.post("/v1/recipients/<code>/clients/<client_id>/resumption")
@blueprint.input(ReasonIn)
@blueprint.answers(STATE)
@blueprint.output(ClientOut)
def resume_client(code: str, client_id: str, json_data: ReasonIn) -> ClientOut:
    """Reopen a program that was sealed (A50-3)."""
    recipient = RecipientId(code)
    found = _client(recipient, AccountId(client_id))
    services().directory.unseal(principal(), found.account.id, json_data.reason)
    return ClientOut.of(_client(recipient, found.account.id))


def _client(recipient: RecipientId, client: AccountId) -> OAuthClient:
    """Return a client of the recipient that the caller keeps; one of another recipient is not there."""
    for found in services().directory.clients_of(principal(), recipient):
        if found.account.id == client:
            return found
    _no_client()


def _no_client() -> NoReturn:
    raise AccountNotFoundError("There is no such client.", detail_zh="没有这个系统客户端。")


def _out(found: Recipient) -> RecipientOut:
    parameters = services().book.parameters
    problem = found.problem(civil_date(services().now()), parameters)
    return RecipientOut.of(found, problem, parameters.dormant_months)
