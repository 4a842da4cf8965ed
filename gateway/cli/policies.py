"""``xueji policy``: check the policies, explain a decision, run the examples."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from gateway import bootstrap, settings
from gateway.anonymize.operations import compile_plan
from gateway.anonymize.plan import Plan
from gateway.anonymize.schemas import plan_schema, program_schema
from gateway.errors import ConfigurationError, GatewayError, ParameterError
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.policies.decision import Action, Circumstances, Resource
from gateway.policies.explain import Explanation, explain
from gateway.policies.floor import PROTECTED, SAMPLES, unused_actions
from gateway.policies.live import read_set
from gateway.policies.policy_set import LoadedSet, PolicySetError
from gateway.policies.questions import Example, Question, load_examples
from gateway.policies.scope import territory_within
from gateway.principals import AccountKind, Principal, Role
from gateway.settings import Settings
from rulebook.policies import strangers
from rulebook.records import RulebookError


@click.group()
def policy() -> None:
    """Check the policies, explain a decision, run the examples (核验策略、解释决定、运行示例)."""


@policy.command("check")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def check_policies(home: Path | None, directory: Path | None) -> None:
    """Say what a set of policies says, or what is wrong with it and what to change.

    Without DIRECTORY the configured rule book is loaded whole, as the program would at its start.
    """
    if directory is None:
        found = settings.from_environment(home=home)
        try:
            book = bootstrap.load_rulebook(found)
        except ConfigurationError as error:
            _problem(error.detail_zh)
            _problem(error.detail)
            sys.exit(1)
        click.echo(f"rule book {book.sha256}, {len(book.fields)} fields")
        directory = _configured(found)
    loaded = _read(directory)
    for one in sorted(loaded.by_id.values(), key=lambda one: (one.file, one.id)):
        mark = " *" if one.id in PROTECTED else ""
        click.echo(f"{one.effect}\t{one.id}{mark}\t{one.file}\n\t{', '.join(sorted(one.actions))}\n\t{one.zh}")
    for action in unused_actions(loaded):
        click.echo(f"注意 note: {action} 未准许任何人 · nobody may")
    for name in strangers(directory):
        click.echo(f"注意 note: {name} 不属于策略集，启动时会被拒绝 · is no part of the set, and the start refuses it")
    click.echo("* 受保护，不得删除或削弱 · protected: may neither go nor be weakened")
    click.echo(f"{len(loaded.by_id)} policies, policy set {loaded.sha256}")


@policy.command("test")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--policies", type=click.Path(path_type=Path, file_okay=False), help="Another directory of policies.")
@click.pass_obj
def test_policies(home: Path | None, files: tuple[Path, ...], policies: Path | None) -> None:
    """Run examples: each is to be decided by its own policy. FILES are files or directories of examples."""
    directory = policies or _configured(settings.from_environment(home=home))
    loaded = _read(directory)
    examples = load_examples(files or (directory / "examples",))
    failed = 0
    for example in examples:
        for line, good in _run(loaded, example):
            failed += not good
            click.echo(f"{'通过 ok' if good else '失败 FAILED'}\t{line}", err=not good)
    for name in sorted(set(loaded.by_id) - {example.policy for example in examples}) if not files else ():
        failed += 1
        _problem(f"{name}: 没有示例 · no example in {directory.name}/examples")
    click.echo(f"{len(examples)} examples, {failed} problems, policy set {loaded.sha256}")
    sys.exit(1 if failed else 0)


@policy.command("explain")
@click.option("--as", "roles", default="", metavar="ROLE[,ROLE]", help="Roles of the person or client.")
@click.option("--action", required=True, type=click.Choice([action.value for action in Action]), metavar="ACTION")
@click.option(
    "--resource", metavar="TYPE:NAME=VALUE,…", help="For example Application:state=confirmed,territory=140100."
)
@click.option("--application", metavar="ID", help="An application of the database instead.")
@click.option("--grant", metavar="ID", help="A grant of the database instead.")
@click.option(
    "--account", default="st-someone", show_default=True, help="Id; with --application or --grant of the database."
)
@click.option("--kind", type=click.Choice([kind.value for kind in AccountKind]), default="staff", show_default=True)
@click.option("--unit", help="Division or school code of the person's unit.")
@click.option("--recipient", help="Code of the organisation outside for which the person or client acts.")
@click.option("--assurance", type=click.IntRange(1, 2), default=2, show_default=True, help="2 with a second factor.")
@click.option("--on-behalf", help="Account that delegated the approval to this person.")
@click.option("--mandate", multiple=True, metavar="'GRANT USE'", help="What the token names; repeatable.")
@click.option("--errand", default="", metavar="'GRANT USE'", help="To what use the grant is put.")
@click.option("--separation", type=click.Choice(["two", "three"]), help="Default: the setting.")
@click.option(
    "--within/--outside", default=None, help="Whether the resource lies in the unit's territory. [default: computed]"
)
@click.option("--policies", type=click.Path(path_type=Path, file_okay=False), help="Another directory of policies.")
@click.pass_obj
def explain_decision(  # one option for each thing that a policy may ask about
    home: Path | None,
    roles: str,
    action: str,
    resource: str | None,
    application: str | None,
    grant: str | None,
    account: str,
    kind: str,
    unit: str | None,
    recipient: str | None,
    assurance: int,
    on_behalf: str | None,
    mandate: tuple[str, ...],
    errand: str,
    separation: str | None,
    within: bool | None,
    policies: Path | None,
) -> None:
    """Say what would be decided, by which policy, and what would have to change."""
    found = settings.from_environment(home=home)
    loaded = _read(policies or _configured(found))
    if sum(given is not None for given in (resource, application, grant)) != 1:
        raise click.UsageError("Give one of --resource, --application, --grant.")
    if resource is None:
        who, what = bootstrap.policy_case(found, AccountId(account), application=application, grant=grant)
        who = replace(who, assurance=assurance)
    else:
        what = _resource(resource)
        who = Principal(
            account=AccountId(account),
            kind=AccountKind(kind),
            roles=_roles(roles),
            unit=None if unit is None else UnitCode(unit),
            recipient=None if recipient is None else RecipientId(recipient),
            assurance=assurance,
            mandate=frozenset(mandate) or None,
            on_behalf=None if on_behalf is None else AccountId(on_behalf),
        )
    place = what.attributes.get("territory") or what.attributes.get("unit", "")
    if within is None:
        within = territory_within(bootstrap.load_rulebook(found).divisions, who.unit, place)
    question = Question(who, Action(action), what, Circumstances(separation or found.separation, within, errand))
    click.echo(f"问 question: {who.account} ({', '.join(sorted(who.roles)) or '无岗位 no role'}) {action} {what.type}")
    click.echo(f"  {', '.join(f'{name}={value}' for name, value in sorted(what.attributes.items()))}")
    click.echo(
        f"  {'范围内 within' if within else '范围外 outside'} territory, separation {separation or found.separation}"
    )
    answer = explain(loaded, question)
    _tell(answer)
    sys.exit(0 if answer.decision.allowed else 1)


@policy.command("plan")
@click.argument("profile", required=False)
@click.option("--field", "fields", multiple=True, metavar="NAME", help="A field that leaves; all of them by default.")
@click.option("--json", "as_json", is_flag=True, help="The canonical form, whose SHA-256 everything names.")
@click.option("--program", is_flag=True, help="The program that back ends execute, as JSON.")
@click.option(
    "--schema", type=click.Choice(["plan", "program"]), help="The JSON Schema of either; no profile is needed."
)
@click.pass_obj
def show_plan(
    home: Path | None, profile: str | None, fields: tuple[str, ...], *, as_json: bool, program: bool, schema: str | None
) -> None:
    """Say how each column of a release profile leaves, and under which limits (方案逐列说明)."""
    if schema is not None:
        click.echo(json.dumps(plan_schema() if schema == "plan" else program_schema(), ensure_ascii=False, indent=2))
        return
    if profile is None:
        raise click.UsageError("Give a PROFILE, or --schema.")
    book = bootstrap.load_rulebook(settings.from_environment(home=home))
    found = book.profiles.get(profile)
    if found is None:
        raise click.BadParameter(f"there is no '{profile}'; there are {', '.join(book.profiles)}", param_hint="PROFILE")
    try:
        plan = Plan.of(found, fields or [field.name for field in found.fields], book.sha256, matching=True)
    except GatewayError as error:
        _problem(f"{error.detail_zh}\n{error.detail}")
        sys.exit(1)
    if as_json or program:
        click.echo(plan.canonical() if as_json else json.dumps(compile_plan(plan).to_json(), ensure_ascii=False))
        return
    for zh, en in plan.words():
        click.echo(f"{zh}\n\t{en}")
    click.echo(f"plan {plan.sha256()}")


def _tell(answer: Explanation) -> None:
    decision = answer.decision
    click.echo(f"{'准许 ALLOWED' if decision.allowed else '拒绝 DENIED'}: {decision.policy}")
    for error in decision.errors:
        click.echo(f"  无法判定 could not be evaluated: {error}")
    for one in answer.deciding:
        click.echo(f"  {one.id} ({one.effect}, {one.rule}; {one.basis}) {one.file}\n    {one.zh}\n    {one.en}")
    if not decision.allowed and not answer.deciding and not decision.errors:
        click.echo("没有规则准许。可办理的人 · no policy permits; who may:")
        for one in answer.permits:
            click.echo(f"  {one.id} ({one.rule})\n    {one.zh}\n    {one.en}")
    if answer.ways:
        click.echo("以下任一变化即可准许 · any one of these would do:")
    for way in answer.ways:
        click.echo(f"  - {'，且'.join(change.zh for change in way)}\n    {', and '.join(change.en for change in way)}")
    click.echo(f"policy set {decision.policy_set}")


def _run(loaded: LoadedSet, example: Example) -> Iterator[tuple[str, bool]]:
    policy_ = loaded.by_id.get(example.policy)
    for wanted, question in ((True, example.permitted), (False, example.denied)):
        decision = question.put(loaded)
        told = "准许 permitted" if decision.allowed else "拒绝 denied"
        good = policy_ is not None and decision.allowed is wanted and not decision.errors
        if policy_ is not None and wanted is (policy_.effect == "permit"):
            good = good and decision.policy_ids == (example.policy,)  # by itself, and by no other
        yield f"{example.policy}: {question.action} {told} by {decision.policy}", good
    if policy_ is None:
        yield f"{example.policy}: 没有这条规则 · there is no such policy", False


def _read(directory: Path) -> LoadedSet:
    """Return the set, or print each problem with file and what to change, and end with status 1."""
    try:
        return read_set(directory)
    except PolicySetError as error:
        for problem in error.problems:
            _problem(f"{problem.file or 'policies'}: {problem.zh}\n\t{problem.text}")
        click.echo(f"{len(error.problems)} 处问题 problems", err=True)
    except RulebookError as error:
        _problem(str(error))
    except GatewayError as error:
        _problem(f"{error.detail_zh}\n\t{error.detail}")
    sys.exit(1)


def _problem(text: str) -> None:
    click.echo(text, err=True)


def _configured(found: Settings) -> Path:
    return found.config / "policies"


def _roles(text: str) -> frozenset[Role]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = {role.value for role in Role}
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(f"{', '.join(unknown)}; the roles are {', '.join(sorted(known))}", param_hint="--as")
    return frozenset(Role(name) for name in names)


def _resource(text: str) -> Resource:
    """Return what ``text`` describes; members that a resource must have and the text does not tell are filled in."""
    kind, _, told = text.partition(":")
    if kind not in SAMPLES:
        raise ParameterError(
            f"'{kind}' is no resource; there are {', '.join(SAMPLES)}.", detail_zh=f"没有资源类型 {kind}。"
        )
    given = {}
    for part in filter(None, told.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            raise ParameterError(f"'{part}' is not NAME=VALUE.", detail_zh=f"{part} 不是“名称=值”。")
        given[name.strip()] = value.strip()
    return Resource(kind, "example", {**SAMPLES[kind].attributes, **given})
