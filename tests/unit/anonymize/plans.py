"""Profiles, hierarchies and divisions for the tests of plans and transformations."""

from __future__ import annotations

from typing import Literal

from rulebook.records import Division, Divisions, Hierarchy, Operation, ProfileField, ReleaseProfile
from tests.unit.anonymize.pupils import COUNTIES, GRADES

RULEBOOK = "ab" * 32
KEY = "0123456789abcdef" * 4


def _divisions() -> Divisions:
    found = {"140000": Division("140000", "山西省", "province", None, False, "山西省")}
    for code in COUNTIES:
        city = code[:4] + "00"
        found[city] = Division(city, city, "city", "140000", False, city)
        found[code] = Division(code, code, "county", city, False, code)
    return Divisions(found, {})


DIVISIONS = _divisions()
HIERARCHIES = {
    "birth_date": Hierarchy("birth_date", "date", ("day", "month", "quarter", "year", "3 years", "*"), None),
    "division": Hierarchy("division", "division", ("county", "city", "province", "*"), None),
    "sex": Hierarchy("sex", "table", ("value", "*"), {"1": ("*",), "2": ("*",), "9": ("*",)}),
    "grade": Hierarchy(
        "grade",
        "table",
        ("grade", "stage", "*"),
        {grade: (stage, "*") for stage, grades in GRADES.items() for grade in grades},
    ),
    "ethnicity": Hierarchy(
        "ethnicity",
        "table",
        ("group", "majority", "*"),
        {f"{i:02}": ("汉" if i == 1 else "少", "*") for i in range(1, 57)},
    ),
}


def item(
    name: str,
    column: str,
    role: Literal["direct", "quasi", "sensitive", "ordinary"],
    operation: Operation,
    hierarchy: str | None = None,
    level: int | None = None,
    length: int | None = None,
) -> ProfileField:
    """Return a field of a profile."""
    return ProfileField(name, column, f"字段{name}", role, operation, hierarchy, level, length)


ANONYMOUS_FIELDS = (
    item("county", "school_division", "quasi", "generalize", "division"),
    item("grade", "grade", "quasi", "generalize", "grade"),
    item("sex", "sex", "quasi", "generalize", "sex"),
    item("ethnicity", "ethnicity", "quasi", "generalize", "ethnicity"),
    item("born", "birth_date", "quasi", "generalize", "birth_date"),
    item("left_behind", "left_behind", "sensitive", "keep"),
    item("state", "state", "ordinary", "keep"),
)
PSEUDONYMOUS_FIELDS = (
    item("pseudonym", "subject_ref", "direct", "pseudonymize"),
    item("born", "birth_date", "quasi", "generalize", "birth_date", 1),
    item("school", "school_code", "quasi", "cut", None, None, 4),
    item("sex", "sex", "quasi", "keep"),
    item("boarding", "boarding", "ordinary", "keep"),
)
MASKED_FIELDS = (
    item("name", "name_masked", "direct", "mask"),
    item("id", "id_number_masked", "direct", "mask"),
    item("phone", "phone_masked", "direct", "mask"),
    item("address", "address_masked", "direct", "mask"),
    item("sex", "sex", "quasi", "keep"),
)


def profile(
    level: str,
    fields: tuple[ProfileField, ...],
    k: int | None = None,
    l_diversity: int | None = None,
    limit: float = 0.0,
    row_cap: int = 1000,
) -> ReleaseProfile:
    """Return a release profile."""
    return ReleaseProfile(f"test-{level}", "测试", "test", level, fields, k, l_diversity, limit, row_cap, 30)


def names(fields: tuple[ProfileField, ...]) -> list[str]:
    """Return the names of ``fields``."""
    return [field.name for field in fields]
