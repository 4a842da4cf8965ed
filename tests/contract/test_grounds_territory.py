"""Territory by who manages the school (A50-7, Q-4): approval → grant → row predicate, on rows of the real view."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest

from core_registry.db.engine import make_engine
from core_registry.db.migrate import upgrade
from core_registry.db.sharing_reader import SqlSharingView
from core_registry.db.store import SqlRegisterStore
from core_registry.db.units import load_departments, save_schools
from gateway.policies.admission import granted_scope
from gateway.policies.errors import GroundRefusedError
from gateway.policies.grounds import require_ground
from gateway.policies.records import Population, Scope
from gateway.policies.scope import row_filter
from tests.factories import policies as make
from tests.factories.registrydb_rows import AT, CATEGORIES, KEYS, MASKS, STAGES, Registry, StarRedactor, land, pupil

PROVINCE = "140000"
SCHOOLS = {
    # school: who manages it, where it stands, pupils
    "2114000001": (make.COUNTY, make.COUNTY, 5),
    "2114000002": (make.CITY, make.COUNTY, 7),  # city-managed, stands in the county
    "2114000003": (make.ZONE, make.COUNTY, 11),  # of a development zone, stands in the county
    "2114000004": (PROVINCE, make.COUNTY, 13),  # province-managed, stands in the county
    "2114000005": (make.OTHER_CITY, make.OTHER_CITY, 17),
    "2114000006": ("140106", "140106", 19),  # another county of the city
}


@pytest.fixture
def view(database_url: str) -> Iterator[SqlSharingView]:
    upgrade(database_url)
    engine = make_engine(database_url)
    load_departments(engine, make.rule_book().divisions, PROVINCE)
    schools = pl.DataFrame(
        {
            "school_code": list(SCHOOLS),
            "name": [f"示例{code}小学" for code in SCHOOLS],
            "division": [stands for _, stands, _ in SCHOOLS.values()],
            "managing_authority": [manages for manages, _, _ in SCHOOLS.values()],
            "stages": ["primary"] * len(SCHOOLS),
        }
    )
    save_schools(engine, schools, AT, CATEGORIES)
    store = SqlRegisterStore(engine, KEYS, MASKS, StarRedactor(), STAGES)
    numbers = iter(range(10_000))
    rows = [pupil(next(numbers), school_code=code) for code, (_, _, count) in SCHOOLS.items() for _ in range(count)]
    land(Registry(database_url, engine, store), rows)
    found = SqlSharingView(database_url)
    yield found
    found.close()
    engine.dispose()


def reached(view: SqlSharingView, scope: Scope) -> dict[str, int]:
    """Return school -> rows that a grant of ``scope`` releases."""
    with view.snapshot() as snapshot:
        counted = snapshot.tuples(["school_code"], row_filter(scope, make.rule_book().divisions))
    return dict(zip(counted["school_code"].to_list(), counted["n"].to_list(), strict=True))


def granted(government: str, division: str, population: Population) -> Scope:
    """Return what an approval of ``government`` grants of ``population``; raises what it refuses."""
    book, scope = make.rule_book(), make.scope(population=population)
    ground = make.approval(government=government, division=division)
    require_ground(ground, scope, make.RECIPIENT, book, make.TODAY)
    return granted_scope(scope, ground, book, make.TODAY)


@pytest.mark.rule("A50-7")
def test_q4_each_government_reaches_the_schools_that_it_manages_and_those_below(view: SqlSharingView) -> None:
    county = granted("太原市小店区人民政府", make.COUNTY, Population(make.COUNTY))
    assert reached(view, county) == {"2114000001": 5}
    city = granted("太原市人民政府", make.CITY, Population(make.CITY))
    assert reached(view, city) == {"2114000001": 5, "2114000002": 7, "2114000003": 11, "2114000006": 19}
    zone = granted("太原市人民政府", make.CITY, Population(make.ZONE))
    assert reached(view, zone) == {"2114000003": 11}
    province = granted("山西省人民政府", PROVINCE, Population(PROVINCE))
    assert reached(view, province) == {code: count for code, (_, _, count) in SCHOOLS.items()}
    # the province may approve for one county: still not what stands there and is managed from above
    one = granted("山西省人民政府", PROVINCE, Population(make.COUNTY))
    assert reached(view, one) == {"2114000001": 5}


@pytest.mark.rule("A50-7")
def test_q4_naming_a_school_does_not_bring_it_into_the_reach_of_a_county(view: SqlSharingView) -> None:
    named = Population(make.COUNTY, schools=frozenset({"2114000001", "2114000002", "2114000003", "2114000004"}))
    assert reached(view, granted("太原市小店区人民政府", make.COUNTY, named)) == {"2114000001": 5}
    only_above = Population(make.COUNTY, schools=frozenset({"2114000002"}))
    assert reached(view, granted("太原市小店区人民政府", make.COUNTY, only_above)) == {}


@pytest.mark.rule("A50-7")
@pytest.mark.parametrize(
    ("government", "division", "territory"),
    [
        ("太原市小店区人民政府", make.COUNTY, make.CITY),
        ("太原市小店区人民政府", make.COUNTY, make.ZONE),
        ("太原市小店区人民政府", make.COUNTY, "140106"),
        ("太原市人民政府", make.CITY, PROVINCE),
        ("太原市人民政府", make.CITY, make.OTHER_CITY),
        ("大同市人民政府", make.OTHER_CITY, make.COUNTY),
    ],
)
def test_q4_an_approval_for_more_than_the_government_manages_is_refused_with_the_way_out(
    government: str, division: str, territory: str
) -> None:
    with pytest.raises(GroundRefusedError) as refusal:
        granted(government, division, Population(territory))
    assert refusal.value.missing == ("territory",)
    assert refusal.value.rule == "A50-7"
    assert "按行政区划分别申请" in refusal.value.detail_zh
    assert "one application for each" in refusal.value.detail
