"""Checks (核验) and a match (比对回填): a recipient asks about people it knows already, and learns what was granted."""

from __future__ import annotations

import csv
import io

import polars as pl

from gateway.demo.stage import Stage, awaited, problem, ready
from gateway.remote import UnexpectedAnswerError, for_grant


def answered(stage: Stage) -> str:
    """Ask about three people, one of them not a pupil; then hand in a list and fetch what comes back."""
    pupils = _some_pupils(stage, 3)
    return "\n".join([_checked(stage, pupils), _matched(stage, pupils)])


def alerted(stage: Stage) -> str:
    """Return that the breaches of this step were seen; raises ``UnexpectedAnswerError`` when no alert came."""
    officer = stage.officer("recorder")
    found = awaited(lambda: officer.call("GET", "/v1/alerts").json(), lambda answer: bool(answer["items"]), "an alert")
    items = found["items"]
    kinds = sorted({str(one["rule"]) for one in items}) if isinstance(items, list) else []
    return f"预警 alerts: {', '.join(kinds)}"


def _checked(stage: Stage, pupils: list[tuple[str, str]]) -> str:
    grant = stage.grants["enrolment"]
    caller = stage.client("library", for_grant(grant, "check"))
    asked = [
        {"reference": f"row-{number}", "name": name, "id_number": id_number, "claims": {"in_school": True}}
        for number, (name, id_number) in enumerate([pupils[0], (pupils[0][0], pupils[1][1])], start=1)
    ]
    answers = caller.call("POST", f"/v1/grants/{grant}/checks", {"people": asked}).json()["answers"]
    if not isinstance(answers, list) or [one["answer"] for one in answers] != ["yes", "unconfirmed"]:
        raise UnexpectedAnswerError("a check did not answer yes and unconfirmed")
    beyond = [{**asked[0], "claims": {"school_code": "1401050001"}}]
    refused = caller.call("POST", f"/v1/grants/{grant}/checks", {"people": beyond}, expect=403)
    return "\n".join(
        [
            f"核验 check: {', '.join(str(one['answer_zh']) for one in answers)}",
            problem("问未授权的内容 a question that was not granted", refused),
        ]
    )


def _matched(stage: Stage, pupils: list[tuple[str, str]]) -> str:
    grant = stage.grants["match"]
    caller = stage.client("aid", for_grant(grant, "match"))
    people = [
        {"row": row, "name": name, "id_number": id_number}
        for row, (name, id_number) in enumerate([*pupils[:2], (pupils[0][0], pupils[2][1])], start=2)
    ]
    started = caller.call("POST", f"/v1/grants/{grant}/matches", {"people": people}, expect=202)
    extract = ready(caller, started.text("id"))
    content = caller.call("GET", f"/v1/extracts/{extract['id']}/content").body.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    if any(value in content for pair in pupils for value in pair) or len(rows) != len(people):
        raise UnexpectedAnswerError("a match gave back what was sent, or not every row")
    found = {row["matched"] for row in rows if row["row"] == "4"}
    if found & {row["matched"] for row in rows if row["row"] != "4"}:
        raise UnexpectedAnswerError("a match took a wrong pair of name and number for a pupil")
    return (
        f"比对回填 match: {len(rows)} 行按行号返回 rows by number, 列 columns: {', '.join(rows[0])}；"
        "名单已销毁 the list was destroyed"
    )


def _some_pupils(stage: Stage, count: int) -> list[tuple[str, str]]:
    """Return names and ID numbers as a recipient's own list would hold them: from the one source table."""
    table = pl.read_parquet(stage.directory / "source.parquet", columns=["name", "id_number", "id_type"])
    residents = table.filter(pl.col("id_type") == "居民身份证").head(count)
    return [(str(name), str(number)) for name, number in residents.select("name", "id_number").iter_rows()]
