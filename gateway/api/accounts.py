"""``/v1/accounts``, ``/v1/security-rules``, ``/v1/delegations``: accounts of a territory (A50-1 to A50-3)."""

from __future__ import annotations

from datetime import date

from gateway.accounts.delegation_records import DelegationId
from gateway.accounts.delegations import Delegations, DelegationSpec
from gateway.accounts.records import Account, StaffSpec
from gateway.accounts.sealing import civil_date
from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models.administration import (
    AccountIn,
    AccountList,
    AccountListIn,
    AccountOut,
    CredentialsShownOut,
    DelegationIn,
    DelegationList,
    DelegationOut,
    ManagedActList,
    ManagedActOut,
    ReasonIn,
    RolesIn,
    RolesOut,
    SecurityRulesIn,
    SecurityRulesOut,
    TrainingIn,
    UnitRulesIn,
    UnsealedOut,
)
from gateway.errors import UnavailableError
from gateway.ids import AccountId, RecipientId, UnitCode

blueprint = ApiBlueprint("accounts", __name__, tag="Accounts")

CONFLICT = {409: {"description": "The account is in another state, or the roles exclude each other"}}


@blueprint.get("/v1/accounts")
@blueprint.input(AccountListIn, location="query")
@blueprint.output(AccountList)
def list_accounts(query_data: AccountListIn) -> AccountList:
    """List the accounts of the caller's territory with what comes due when; guardians are not listed."""
    unit = None if query_data.unit is None else UnitCode(query_data.unit)
    found = services().directory.listed(principal(), unit=unit)
    return AccountList(items=[_account(one) for one in found])


@blueprint.post("/v1/accounts")
@blueprint.input(AccountIn)
@blueprint.answers(CONFLICT)
@blueprint.output(CredentialsShownOut, status_code=201)
def open_account(json_data: AccountIn) -> CredentialsShownOut:
    """Open an account; its first credentials are shown once, in this answer."""
    spec = StaffSpec(
        json_data.username,
        json_data.name,
        frozenset(json_data.roles),
        None if json_data.unit is None else UnitCode(json_data.unit),
        json_data.post,
        None if json_data.recipient is None else RecipientId(json_data.recipient),
        filed_on=json_data.filed_on,
        trained_on=json_data.trained_on,
        second_factor=json_data.second_factor,
        acknowledged_on_paper=json_data.acknowledged_on_paper,
    )
    return CredentialsShownOut.of(services().directory.create(principal(), spec))


@blueprint.get("/v1/accounts/<account_id>")
@blueprint.output(AccountOut)
def show_account(account_id: str) -> AccountOut:
    """Show an account of the caller's territory, or the caller's own."""
    return _account(services().directory.show(principal(), AccountId(account_id)))


@blueprint.post("/v1/accounts/<account_id>/roles")
@blueprint.input(RolesIn)
@blueprint.answers(CONFLICT)
@blueprint.output(RolesOut)
def set_roles(account_id: str, json_data: RolesIn) -> RolesOut:
    """Replace the roles of an account; its sessions end. Nobody changes the own roles."""
    roles = frozenset(json_data.roles)
    secret = services().directory.set_roles(principal(), AccountId(account_id), roles)
    return RolesOut(account=account_id, roles=sorted(roles), totp_secret=secret)


@blueprint.post("/v1/accounts/<account_id>/sealing")
@blueprint.input(ReasonIn)
@blueprint.answers(CONFLICT)
@blueprint.output(AccountOut)
def seal_account(account_id: str, json_data: ReasonIn) -> AccountOut:
    """Seal an account (封存): sessions, tokens and delegations end at once, its history stays (A50-3)."""
    services().directory.seal(principal(), AccountId(account_id), json_data.reason)
    return _account(services().directory.get(AccountId(account_id)))


@blueprint.post("/v1/accounts/<account_id>/unsealing")
@blueprint.input(ReasonIn)
@blueprint.answers(CONFLICT)
@blueprint.output(UnsealedOut)
def unseal_account(account_id: str, json_data: ReasonIn) -> UnsealedOut:
    """Reopen a sealed account for a reason, with a new password; by a second person, who is named (A50-3)."""
    found = services().directory.unseal(principal(), AccountId(account_id), json_data.reason)
    return UnsealedOut(account=account_id, credentials=None if found is None else CredentialsShownOut.of(found))


@blueprint.post("/v1/accounts/<account_id>/credentials")
@blueprint.input(ReasonIn)
@blueprint.answers(CONFLICT)
@blueprint.output(CredentialsShownOut)
def reset_credentials(account_id: str, json_data: ReasonIn) -> CredentialsShownOut:
    """Give a new password and one-time-code secret, as after a lost telephone; shown once."""
    return CredentialsShownOut.of(
        services().directory.reset_credentials(principal(), AccountId(account_id), json_data.reason)
    )


@blueprint.post("/v1/accounts/<account_id>/training")
@blueprint.input(TrainingIn)
@blueprint.output(AccountOut)
def record_training(account_id: str, json_data: TrainingIn) -> AccountOut:
    """Record when a registrar was filed and trained: from the later day on the role holds (A48-2, A48-3)."""
    directory = services().directory
    directory.record_training(
        principal(), AccountId(account_id), filed_on=json_data.filed_on, trained_on=json_data.trained_on
    )
    return _account(directory.get(AccountId(account_id)))


@blueprint.get("/v1/accounts/<account_id>/acts")
@blueprint.output(ManagedActList)
def list_acts(account_id: str) -> ManagedActList:
    """List who sealed, reopened or reset an account and why, oldest first; for managers and inspectors."""
    found = services().directory.acts(principal(), AccountId(account_id))
    return ManagedActList(items=[ManagedActOut.of(act) for act in found])


@blueprint.get("/v1/security-rules")
@blueprint.input(UnitRulesIn, location="query")
@blueprint.output(SecurityRulesOut)
def show_rules(query_data: UnitRulesIn) -> SecurityRulesOut:
    """Show the security rules in force in a unit of the caller's territory (A50-1)."""
    return SecurityRulesOut.of(services().directory.rules_of(principal(), UnitCode(query_data.unit)))


@blueprint.post("/v1/security-rules")
@blueprint.input(SecurityRulesIn)
@blueprint.output(SecurityRulesOut, status_code=201)
def publish_rules(json_data: SecurityRulesIn) -> SecurityRulesOut:
    """Put security rules in force, with a responsible person; each account of the unit acknowledges them (A50-1)."""
    return SecurityRulesOut.of(
        services().directory.publish_rules(principal(), UnitCode(json_data.unit), json_data.text, json_data.responsible)
    )


@blueprint.get("/v1/delegations")
@blueprint.output(DelegationList)
def list_delegations() -> DelegationList:
    """List the delegations that concern the caller, and those of the units whose accounts the caller manages."""
    today = _today()
    return DelegationList(items=[DelegationOut.of(one, today) for one in _delegations().listed(principal())])


@blueprint.post("/v1/delegations")
@blueprint.input(DelegationIn)
@blueprint.answers({409: {"description": "The approval cannot be lent to this person, or on these days"}})
@blueprint.output(DelegationOut, status_code=201)
def delegate(json_data: DelegationIn) -> DelegationOut:
    """Lend the own approval for some days; whoever decides then is responsible, and the trail names both (A50-10)."""
    spec = DelegationSpec(AccountId(json_data.deputy), json_data.valid_from, json_data.valid_to, json_data.reason)
    return DelegationOut.of(_delegations().make(principal(), spec), _today())


@blueprint.post("/v1/delegations/<delegation_id>/revocation")
@blueprint.answers({409: {"description": "The delegation is over already"}})
@blueprint.output(DelegationOut)
def revoke_delegation(delegation_id: str) -> DelegationOut:
    """End a delegation at once."""
    return DelegationOut.of(_delegations().revoke(principal(), DelegationId(delegation_id)), _today())


def _account(account: Account) -> AccountOut:
    return AccountOut.of(services().directory.state(account, _today(), services().book.parameters))


def _today() -> date:
    return civil_date(services().now())


def _delegations() -> Delegations:
    found = services().delegations
    if found is None:
        raise UnavailableError("This process has no delegations.", detail_zh="本进程不办理委托。")
    return found
