"""One question to the decision point, as a value: for examples, the floor, explanations and benches."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.errors import ParameterError
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.policies.decision import Action, Circumstances, Decision, Resource, decide_with
from gateway.policies.policy_set import LoadedSet
from gateway.principals import AccountKind, Principal, Role

_QUESTION: Final = frozenset({"action", "principal", "resource", "separation", "territory_within", "errand"})
_PRINCIPAL: Final = frozenset({"account", "kind", "roles", "unit", "recipient", "assurance", "mandate", "on_behalf"})


@dataclass(frozen=True, slots=True)
class Question:
    """Whether ``principal`` may do ``action`` on ``resource`` in these circumstances."""

    principal: Principal
    action: Action
    resource: Resource
    circumstances: Circumstances

    def put(self, loaded: LoadedSet) -> Decision:
        """Return what a set answers."""
        return decide_with(loaded, self.principal, self.action, self.resource, self.circumstances)


@dataclass(frozen=True, slots=True)
class Example:
    """What a policy permits and what it denies: two questions."""

    policy: str
    permitted: Question
    denied: Question


def example_of(policy: str, told: Mapping[str, object]) -> Example:
    """Return the example of ``policy`` as an example file tells it; raises ``ParameterError``."""
    if set(told) != {"permitted", "denied"}:
        raise ParameterError(
            f"The example of '{policy}' must have [permitted] and [denied], and nothing else.",
            detail_zh=f"{policy} 的示例须有且只有 [permitted] 和 [denied] 两段。",
        )
    return Example(policy, question_of(policy, told["permitted"]), question_of(policy, told["denied"]))


def load_examples(paths: Iterable[Path]) -> tuple[Example, ...]:
    """Return the examples in files and directories; a file is named for its policy.

    Raises ``ParameterError`` that names the file which cannot be read.
    """
    files = [one for path in paths for one in (sorted(path.glob("*.toml")) if path.is_dir() else [path])]
    examples = []
    for file in files:
        try:
            told = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ParameterError(
                f"{file.name} cannot be read ({error}).", detail_zh=f"{file.name} 无法读取（{error}）。"
            ) from error
        examples.append(example_of(file.stem, told))
    return tuple(examples)


def question_of(policy: str, told: object) -> Question:
    """Return one question of an example file; raises ``ParameterError`` that names the example."""
    try:
        asked = _known(told, _QUESTION)
        who = _known(asked["principal"], _PRINCIPAL)
        what = {str(name): str(value) for name, value in dict(asked["resource"]).items()}
        return Question(
            Principal(
                account=AccountId(who["account"]),
                kind=AccountKind(who.get("kind", "staff")),
                roles=frozenset(Role(role) for role in who["roles"]),
                unit=UnitCode(who["unit"]) if "unit" in who else None,
                recipient=RecipientId(who["recipient"]) if "recipient" in who else None,
                assurance=int(who.get("assurance", 2)),
                mandate=frozenset(who["mandate"]) if "mandate" in who else None,
                on_behalf=AccountId(who["on_behalf"]) if "on_behalf" in who else None,
            ),
            Action(asked["action"]),
            Resource(what.pop("type"), what.pop("id", "one"), what),
            Circumstances(
                separation=str(asked.get("separation", "three")),
                territory_within=bool(asked.get("territory_within", True)),
                errand=str(asked.get("errand", "")),
            ),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ParameterError(
            f"The example of '{policy}' cannot be read ({error}).",
            detail_zh=f"{policy} 的示例无法读取（{error}）。",
        ) from error


def _known(told: object, members: frozenset[str]) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise TypeError("not a table")
    if unknown := set(told) - members:
        raise ValueError(f"unknown members {', '.join(sorted(unknown))}")
    return told
