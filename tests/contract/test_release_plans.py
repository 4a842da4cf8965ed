"""The release plan as approvers and programs see it: schema, words, HTTP, page and shell; and its new members."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from werkzeug.test import TestResponse

import rulebook
from gateway.anonymize.errors import PlanError
from gateway.anonymize.masks import MASK_SHAPES, ColumnMasks
from gateway.anonymize.operations import Program, compile_plan
from gateway.anonymize.plan import MASKED_COLUMNS, Plan, PlanColumn
from gateway.anonymize.schemas import plan_schema, program_schema
from gateway.anonymize.transform import Transformer, day_shows
from gateway.cli import cli
from rulebook.columns import CASE_LIST_ROWS, MASKS
from rulebook.records import FieldClass, Hierarchy, ModelDemand
from tests.factories.checks import CHECK
from tests.factories.console_house import House, open_house
from tests.factories.release_cases import CASES, submit

ROOT = Path(__file__).resolve().parents[2]
BOOK = rulebook.load(ROOT / "config")
VECTORS = json.loads((ROOT / "tests" / "vectors" / "operations.json").read_text(encoding="utf-8"))["cases"]


def plans() -> list[Plan]:
    """Return the plan of every profile with rows, whole."""
    rows = [profile for profile in BOOK.profiles.values() if profile.level not in {"check", "statistics"}]
    return [Plan.of(p, [field.name for field in p.fields], BOOK.sha256, matching=True) for p in rows]


DEMANDING = replace(
    next(plan for plan in plans() if plan.level == "anonymous"),
    columns=(
        PlanColumn("sex", "sex", "性别", "quasi", "generalize", "sex"),
        PlanColumn("disability_type", "disability_type", "残疾类型", "sensitive", "keep"),
        PlanColumn("left_behind", "left_behind", "是否农村留守儿童", "sensitive", "keep"),
        PlanColumn("remarks", "remarks_text", "备注", "ordinary", "suppress"),
    ),
    demands=(
        ModelDemand(
            "disability_type", distinct_l=3, entropy_l=1.5, recursive=(2.5, 2), t=0.4, t_tree="disability_type"
        ),
        ModelDemand("left_behind", alpha=0.8),
    ),
    objective="entropy",
    recoding="local",
    l_diversity=2,
)


@pytest.mark.parametrize(("name", "made"), [("release-plan", plan_schema()), ("operations", program_schema())])
def test_the_published_schema_is_the_programs_own(name: str, made: dict[str, object]) -> None:
    published = json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert published == made, "write it anew: xueji policy plan --schema plan (or program)"
    jsonschema.Draft202012Validator.check_schema(published)


@pytest.mark.parametrize("plan", [*plans(), DEMANDING], ids=lambda plan: f"{plan.profile}-{plan.objective}")
def test_every_plan_and_its_program_are_of_their_schema(plan: Plan) -> None:
    jsonschema.Draft202012Validator(plan_schema()).validate(json.loads(plan.canonical()))
    program = compile_plan(plan)
    jsonschema.Draft202012Validator(program_schema()).validate(program.to_json())
    assert Program.from_json(json.loads(json.dumps(program.to_json()))) == program
    assert program.columns == plan.names


@pytest.mark.parametrize("case", VECTORS, ids=[case["name"] for case in VECTORS])
def test_the_vectors_are_of_the_schema(case: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(program_schema()).validate(case["program"])


@pytest.mark.parametrize(
    "change",
    [
        {"objective": "loss"},
        {"recoding": "global"},
        {"demands": DEMANDING.demands[:1]},
        {"demands": (replace(DEMANDING.demands[0], t_tree=None), DEMANDING.demands[1])},
        {"demands": (replace(DEMANDING.demands[0], recursive=(2.5, 3)), DEMANDING.demands[1])},
    ],
)
def test_every_new_member_changes_the_hash_and_the_words(change: dict[str, Any]) -> None:
    changed = replace(DEMANDING, **change)
    assert changed.sha256() != DEMANDING.sha256()
    assert changed.words() != DEMANDING.words()


def test_the_words_tell_every_demand_in_both_languages() -> None:
    for language in (0, 1):
        told = "\n".join(line[language] for line in DEMANDING.words())
        for word in ("3", "1.5", "(2.5, 2)", "0.4", "disability_type", "80.0%", "left_behind"):
            assert word in told
    longitudinal = {plan.profile: plan.longitudinal for plan in plans() if plan.pseudonymous}
    assert longitudinal == {"bus-pseudonymous": True, "research-pseudonymous": False}
    for plan in plans():
        told = "".join(zh for zh, _ in plan.words())
        assert ("可跟踪同一学生" in told) is plan.longitudinal
        assert ("不能关联" in told) is (plan.pseudonymous and not plan.longitudinal)


def test_of_what_is_demanded_twice_the_stricter_holds() -> None:
    found = {demand.column: demand for demand in DEMANDING.demanded}
    assert found["disability_type"].distinct_l == 3
    assert found["left_behind"].distinct_l == 2
    strict = replace(DEMANDING, l_diversity=4, t_closeness=0.2, demands=(ModelDemand("left_behind", t=0.5),))
    assert {demand.t for demand in strict.demanded} == {0.2}
    assert {demand.distinct_l for demand in strict.demanded} == {4}
    bare = replace(DEMANDING, l_diversity=None, demands=())
    assert bare.demanded == ()


@pytest.mark.parametrize(
    "change",
    [
        {"k": None},
        {"demands": (ModelDemand("left_behind", t=0.1), ModelDemand("left_behind", alpha=0.5))},
        {"demands": (ModelDemand("sex", t=0.1),)},
        {"demands": (ModelDemand("nothing", t=0.1),)},
        {"t_closeness": 0.3},
        {"longitudinal": True},
    ],
)
def test_demands_that_contradict_the_plan_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        replace(DEMANDING, **change)


@pytest.mark.rule("A50-8")
def test_masks_are_for_case_lists_and_never_beside_a_full_birth_date() -> None:
    (masked,) = [plan for plan in plans() if plan.level == "masked"]
    with pytest.raises(PlanError, match="case lists"):
        replace(masked, row_cap=CASE_LIST_ROWS + 1)
    for operation, more in (
        ("keep", {}),
        ("cut", {"length": 8}),
        ("generalize", {"hierarchy": "birth_date", "fixed_level": 0}),
    ):
        column = PlanColumn("born", "birth_date", "出生日期", "quasi", operation, **more)  # type: ignore[arg-type]  # of a table
        with pytest.raises(PlanError, match="birth date"):
            replace(masked, columns=(*masked.columns, column))
    month = PlanColumn("born", "birth_date", "出生年月", "quasi", "generalize", "birth_date", 1)
    made = Transformer(replace(masked, columns=(*masked.columns, month)), BOOK.hierarchies, BOOK.divisions)
    assert made.program.columns[-1] == "born"


@pytest.mark.rule("A50-8")
def test_no_hierarchy_tells_the_day_of_birth_by_another_name() -> None:
    fine = Hierarchy("fine", "prefix", ("10", "9", "7", "*"), None)
    table = Hierarchy("table", "table", ("day", "half", "*"), {"2015-03-02": ("2015-03-0x", "*")})
    (masked,) = [plan for plan in plans() if plan.level == "masked"]
    for hierarchy, level in ((fine, 1), (table, 1)):
        column = PlanColumn("born", "birth_date", "出生", "quasi", "generalize", hierarchy.name, level)
        plan = replace(masked, columns=(*masked.columns, column))
        with pytest.raises(PlanError, match="full birth date"):
            Transformer(plan, {**BOOK.hierarchies, hierarchy.name: hierarchy}, BOOK.divisions)
    assert not day_shows(fine, 2)
    assert not day_shows(fine, 3)
    for hierarchy in BOOK.hierarchies.values():
        if hierarchy.name.startswith("birth_date"):
            assert day_shows(hierarchy, 0)
            assert not any(day_shows(hierarchy, level) for level in range(1, len(hierarchy.levels)))


@pytest.mark.rule("A50-8")
def test_every_item_of_annex_1_has_its_mask_or_is_no_identifier() -> None:
    masks = ColumnMasks.of(BOOK.divisions)
    for field in BOOK.fields.values():
        if field.cls in {FieldClass.DIRECT, FieldClass.NEVER}:
            assert field.mask in MASKS
        for column in field.sharing:
            if column in MASKED_COLUMNS:
                assert field.mask == MASKED_COLUMNS[column]
        if field.mask is not None:
            assert masks.cell(field.mask, "山西省太原市小店区 王小明 140105201503020017") is not None  # type: ignore[arg-type]  # a kind
    assert set(MASKS) == set(MASK_SHAPES)
    named = {number: field.mask for field in BOOK.fields.values() if (number := field.number) is not None}
    assert {named[1], named[2], named[18], named[27]} == {"name"}
    assert {named[8], named[23], named[32]} == {"id_number"}
    assert {named[26], named[35]} == {"phone"}
    assert {named[10], named[11], named[25], named[34]} == {"address"}
    assert {named[24], named[33]} == {"text"}


# -- the doors


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as found:
        yield found


def call(house: House, name: str, path: str) -> TestResponse:
    person = house.people[name]
    body = {"username": person.username, "password": person.password}
    if person.credentials.totp_secret is not None:
        body["totp"] = person.code()
    token = house.app.test_client().post("/v1/sessions", json=body).get_json()["token"]
    return house.app.test_client().get(path, headers={"Authorization": f"Bearer {token}"})


def test_an_approver_reads_the_plan_of_an_application(house: House) -> None:
    application = submit(house.process.services, CASES["bus-pseudonymous"])
    answer = call(house, "approver", f"/v1/applications/{application.id}/plan")
    assert answer.status_code == 200, answer.text
    found = answer.get_json()
    jsonschema.Draft202012Validator(plan_schema()).validate(found["plan"])
    jsonschema.Draft202012Validator(program_schema()).validate(found["program"])
    profile = BOOK.profiles["bus-pseudonymous"]
    plan = Plan.of(profile, application.scope.fields, house.process.services.book.sha256)
    assert found["plan_sha256"] == plan.sha256()
    assert [(line["zh"], line["en"]) for line in found["words"]] == list(plan.words())
    assert found["plan"]["longitudinal"] is True


def test_a_level_without_rows_has_no_plan_and_an_unknown_application_is_not_there(house: House) -> None:
    application = submit(house.process.services, CHECK)
    answer = call(house, "approver", f"/v1/applications/{application.id}/plan")
    assert (answer.status_code, answer.get_json()["type"]) == (422, "/problems/invalid-input")
    assert call(house, "approver", "/v1/applications/ap-nobody/plan").status_code == 404


def test_the_page_of_an_application_says_the_plan_in_words(house: House) -> None:
    application = submit(house.process.services, CASES["bus-pseudonymous"])
    page = house.browser("approver").get(f"/applications/{application.id}").get_data(as_text=True)
    assert "提供方案明细" in page
    assert "接收方可跟踪同一学生" in page
    assert "替换为本接收方、本项目专用的假名" in page


# -- the shell


def shell(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["policy", "plan", *arguments], env={"XUEJI_CONFIG": str(ROOT / "config")})
    return done.exit_code, done.output


def test_the_shell_says_a_plan_in_words_as_json_and_as_a_program() -> None:
    code, told = shell("research-pseudonymous")
    profile = rulebook.load(ROOT / "config").profiles["research-pseudonymous"]
    plan = Plan.of(profile, [field.name for field in profile.fields], rulebook.load(ROOT / "config").sha256)
    assert code == 0
    assert all(zh in told and en in told for zh, en in plan.words())
    assert plan.sha256() in told
    code, told = shell("research-pseudonymous", "--json")
    assert (code, told.strip()) == (0, plan.canonical().decode())
    code, told = shell("research-pseudonymous", "--field", "sex", "--field", "pseudonym", "--program")
    assert code == 0
    assert [step["op"] for step in json.loads(told)["steps"]] == ["pseudonymize", "keep"]
    assert json.loads(shell("--schema", "plan")[1]) == plan_schema()
    assert json.loads(shell("--schema", "program")[1]) == program_schema()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nothing",), "bus-pseudonymous"),
        ((), "PROFILE"),
        (("identity-check",), "no rows"),
        (("bus-pseudonymous", "--field", "id_number"), "id_number"),
    ],
)
def test_the_shell_says_what_is_wrong(arguments: tuple[str, ...], says: str) -> None:
    code, told = shell(*arguments)
    assert code != 0
    assert says in told
