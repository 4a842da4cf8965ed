"""A set of Cedar policies, parsed and validated whole: what it says, and what is wrong with it, file by file.

Cedar itself would load more than we do: policies without id or basis, templates, a ``permit`` that names no
action. What is not wanted here is refused when the set is read, not found out when somebody asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import cedarpy
from cedarpy import pst

from gateway.errors import ConfigurationError
from rulebook.records import PolicySet

_REQUIRED: Final = ("id", "basis", "rule", "zh", "en")
_KNOWN: Final = frozenset({*_REQUIRED, "missing"})


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy as people read it: id, effect, the actions it speaks of, its basis and its text."""

    id: str
    effect: pst.Effect
    actions: frozenset[str]
    basis: str
    rule: str
    zh: str
    en: str
    missing: tuple[str, ...] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a set: in which file, of which policy, and what to change.

    ``code`` is its class, one of ``file``, ``syntax``, ``schema``, ``annotation``, ``duplicate``, ``template``,
    ``action``, ``floor``; the audit entry of a refused set holds nothing else of it.
    """

    code: str
    file: str
    policy: str
    en: str
    zh: str

    @property
    def text(self) -> str:
        """In English, with the policy where one is at fault."""
        return f"policy {self.policy}: {self.en}" if self.policy else self.en


class PolicySetError(ConfigurationError):
    """A set of policies does not hold: nothing of it is used. ``problems`` are all of them."""

    def __init__(self, files: tuple[str, ...], problems: Collection[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(sorted(problems, key=lambda one: (one.file, one.policy, one.en))))
        named = ", ".join(dict.fromkeys(one.file for one in self.problems if one.file)) or ", ".join(files)
        super().__init__(
            f"The policies do not hold ({named or 'config/policies'}): {'; '.join(p.text for p in self.problems)}.",
            detail_zh=f"策略文件有误（{named or 'config/policies'}）：{'；'.join(p.zh for p in self.problems)}。",
        )


@dataclass(frozen=True, slots=True)
class LoadedSet:
    """Policies and schema as Cedar has parsed them. Immutable; ``sha256`` is the set's name in the audit trail."""

    sha256: str
    schema: cedarpy.Schema
    by_id: Mapping[str, Policy]
    names: Mapping[str, str]
    """Cedar's own name of a policy -> its id."""
    by_action: Mapping[str, cedarpy.PolicySet]
    """For each action the policies that speak of it: the others cannot decide it, and are not asked."""


def load_set(source: PolicySet, actions: Collection[str]) -> LoadedSet:
    """Return the set in ``source``; ``actions`` are those that the program knows.

    Raises ``PolicySetError`` that says what to change: text that does not parse, a policy that the schema does
    not allow, a policy without id, basis, rule or text, two policies with one id, a template, a permit that
    does not name its actions, an action that the program does not know.
    """
    schema = _schema(source)
    try:
        parsed = cedarpy.PolicySet.from_str(source.policies)
        nodes = parsed.to_pst()
    except ValueError as error:
        raise PolicySetError(source.files, _syntax_problems(source, str(error))) from error
    files = _files(source)
    validation = cedarpy.validate_policies(source.policies, schema)
    problems = [_validation_problem(error, nodes, files) for error in validation.errors]
    if not validation.validation_passed and not problems:
        problems.append(Problem("schema", "", "", "the policies do not validate against the schema", "策略与模式不符"))
    for name, template in nodes.templates.items():
        problems.append(
            Problem("template", "", template.annotations.get("id", name), "templates are not used here", "不使用模板")
        )
    for name, node in nodes.static_policies.items():
        problems += _node_problems(name, node, files.get(name, ""), actions)
    counts = Counter(node.annotations.get("id", "") for node in nodes.static_policies.values())
    for name, node in nodes.static_policies.items():
        identifier = node.annotations.get("id", "")
        if identifier and counts[identifier] > 1:
            told = f"is declared {counts[identifier]} times; give each its own @id"
            told_zh = f"策略 {identifier} 重复出现 {counts[identifier]} 次，请各用不同的 @id"
            problems.append(Problem("duplicate", files.get(name, ""), identifier, told, told_zh))
    if problems:
        raise PolicySetError(source.files, problems)
    policies = [_policy(node, files.get(name, ""), actions) for name, node in nodes.static_policies.items()]
    return LoadedSet(
        sha256=source.sha256,
        schema=schema,
        by_id={policy.id: policy for policy in policies},
        names={name: node.annotations["id"] for name, node in nodes.static_policies.items()},
        by_action={action: _speaking_of(action, nodes, actions) for action in actions},
    )


def _schema(source: PolicySet) -> cedarpy.Schema:
    try:
        return cedarpy.Schema.from_str(source.schema)
    except ValueError as error:
        told = f"does not parse: {error}"
        problem = Problem("schema", "policies/schema.cedarschema", "", told, f"模式文件无法解析（{error}）")
        raise PolicySetError(source.files, [problem]) from error


def _syntax_problems(source: PolicySet, error: str) -> list[Problem]:
    """Return which files do not parse; the whole when each does alone."""
    found = []
    for name, text in zip(source.files, source.texts, strict=False):
        try:
            cedarpy.PolicySet.from_str(text)
        except ValueError as failure:
            found.append(Problem("syntax", name, "", f"does not parse: {failure}", f"语法错误（{failure}）"))
    return found or [Problem("syntax", "", "", f"does not parse: {error}", f"语法错误（{error}）")]


def _files(source: PolicySet) -> dict[str, str]:
    """Return the file of each policy by Cedar's name for it: it counts through the joined text."""
    names: list[str] = []
    for name, text in zip(source.files, source.texts, strict=False):
        nodes = cedarpy.PolicySet.from_str(text).to_pst()
        names += [name] * (len(nodes.static_policies) + len(nodes.templates))
    return {f"policy{number}": name for number, name in enumerate(names)}


def _speaking_of(action: str, nodes: pst.PolicySet, actions: Collection[str]) -> cedarpy.PolicySet:
    kept = {name: node for name, node in nodes.static_policies.items() if action in _actions(node, actions)}
    return cedarpy.PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=kept, template_links=()))


def _policy(node: pst.Template, file: str, actions: Collection[str]) -> Policy:
    return Policy(
        id=node.annotations["id"],
        effect=node.effect,
        actions=_actions(node, actions),
        basis=node.annotations["basis"],
        rule=node.annotations["rule"],
        zh=node.annotations["zh"],
        en=node.annotations["en"],
        missing=tuple(node.annotations.get("missing", "").split()),
        file=file,
    )


def _actions(node: pst.Template, actions: Collection[str]) -> frozenset[str]:
    match node.action:
        case pst.ActionEq(entity=entity):
            return frozenset({entity.id})
        case pst.ActionIn(entities=entities):
            return frozenset(entity.id for entity in entities)
        case _:
            return frozenset(actions)


def _node_problems(name: str, node: pst.Template, file: str, actions: Collection[str]) -> Iterator[Problem]:
    label = node.annotations.get("id") or f"{name} (counted from policy0)"
    for key in _REQUIRED:
        if not node.annotations.get(key):
            yield Problem("annotation", file, label, f"@{key} is missing; add it", f"策略 {label} 缺少 @{key}，请补上")
    for key in sorted(set(node.annotations) - _KNOWN):
        told_zh = f"策略 {label} 有未知的注解 @{key}，请删去"
        yield Problem("annotation", file, label, f"unknown annotation @{key}; remove it", told_zh)
    if node.effect == "permit" and isinstance(node.action, pst.ScopeAny):
        yield Problem("action", file, label, "a permit must name its actions", f"准许规则 {label} 须写明操作")
    unknown = ", ".join(sorted(_actions(node, actions) - frozenset(actions)))
    if unknown:
        yield Problem("action", file, label, f"unknown actions {unknown}", f"策略 {label} 写了未知的操作 {unknown}")


def _validation_problem(error: cedarpy.ValidationError, nodes: pst.PolicySet, files: Mapping[str, str]) -> Problem:
    node = nodes.static_policies.get(error.policy_id)
    label = node.annotations.get("id", error.policy_id) if node else error.policy_id
    return Problem(
        "schema", files.get(error.policy_id, ""), label, error.error, f"策略 {label} 与模式不符（{error.error}）"
    )
