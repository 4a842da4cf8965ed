"""Statistics (统计) in the demo: accuracy before asking, counts with noise, the same question again, the account."""

from __future__ import annotations

from gateway.demo.stage import Stage
from gateway.remote import UnexpectedAnswerError, for_grant

Found = dict[str, object]
# Every cell of this table holds so many pupils that no noise hides it: what the step promises does not hang on luck.
QUESTION: Found = {"dimensions": ["grade", "sex"]}
REORDERED: Found = {"dimensions": ["sex", "grade"]}
_SHOWN = 3


def counted(stage: Stage) -> str:
    """Ask how exact an answer would be, ask, ask the same in other words, and look what is left."""
    grant = stage.grants["places"]
    caller = stage.client("books", for_grant(grant, "statistics"))
    path = f"/v1/grants/{grant}/statistics"
    estimate = caller.call("POST", f"{path}/accuracy", QUESTION).json()
    before = _member(caller.call("GET", f"{path}/budget").json(), "left")
    told = caller.call("POST", path, QUESTION).json()
    again = caller.call("POST", path, REORDERED).json()
    if again["fresh"] or again["content_sha256"] != told["content_sha256"]:
        raise UnexpectedAnswerError("the same question in another order was counted anew")
    after = _member(caller.call("GET", f"{path}/budget").json(), "left")
    cells, least = told["cells"], _member(told, "report")["least"]
    if not isinstance(cells, list) or not isinstance(least, int):
        raise UnexpectedAnswerError("a statistic without cells")
    shown = [cell for cell in cells if cell["count"] is not None]
    if not shown or any(cell["count"] < least for cell in shown):
        raise UnexpectedAnswerError("nothing is shown, or a small cell is")
    first = "；".join(f"{'·'.join(cell['labels'].values())} {cell['count']}" for cell in shown[:_SHOWN])
    return "\n".join(
        [
            f"先看精度 accuracy first: ±{estimate['half_width_95']} (95 %), ε {_member(estimate, 'cost')['epsilon']}",
            f"{len(shown)} 格显示 cells shown: {first} …；{len(cells) - len(shown)} 格因人数少不显示 hidden",
            "换个次序再问：同一答案，不再计费 asked again in another order: the same answer, at no cost",
            f"隐私预算 privacy budget: ε {before['epsilon']} → {after['epsilon']}",
        ]
    )


def _member(found: Found, name: str) -> Found:
    value = found[name]
    if not isinstance(value, dict):
        raise UnexpectedAnswerError(f"the answer has no {name}")
    return value
