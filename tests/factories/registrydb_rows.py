"""Invented pupils and schools for the tests of the registry's database."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl
from sqlalchemy import Engine

from core_registry.db.engine import make_engine
from core_registry.db.migrate import upgrade
from core_registry.db.sealing import RegistryKeys
from core_registry.db.store import SqlRegisterStore
from core_registry.db.units import load_departments, save_schools
from core_registry.domain.identity_number import check_character
from core_registry.intake.records import ImportId, ImportMeta, ImportSummary
from core_registry.sharing import Redactor
from gateway.anonymize.masks import ColumnMasks
from rulebook.records import Division, Divisions

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
KEYS = RegistryKeys(data=bytes(range(32)), index=bytes(range(32, 64)))
STAGES: Mapping[str, str] = {
    **{f"1{n}": "primary" for n in range(1, 7)},
    **{f"2{n}": "junior" for n in range(1, 4)},
    **{f"3{n}": "senior" for n in range(1, 4)},
}
CATEGORIES = {"21": "普通小学", "31": "普通初中", "34": "普通高中"}
PRIMARY, SENIOR = "2114000001", "3414000002"
SENTINEL = "龘靐齉"
"""A name that no list of names holds."""
STREET = "亲贤北街九十九号院"
EMPLOYER = "哨兵机械厂"

_DIVISIONS = {
    "140000": Division("140000", "山西省", "province", None, zone=False, full_name="山西省"),
    "140100": Division("140100", "太原市", "city", "140000", zone=False, full_name="山西省太原市"),
    "140105": Division("140105", "小店区", "county", "140100", zone=False, full_name="山西省太原市小店区"),
    "140106": Division("140106", "迎泽区", "county", "140100", zone=False, full_name="山西省太原市迎泽区"),
}
DIVISIONS = Divisions(_DIVISIONS, {})
MASKS = ColumnMasks.of(DIVISIONS)

_TEXTS = (
    "former_name", "political_status", "disability_type", "special_ed_placement", "student_number", "student_id",
    *(f"member{m}_{part}" for m in (1, 2)
      for part in ("name", "relation", "ethnicity", "id_type", "id_number", "employer", "household_address", "phone")),
)  # fmt: skip


class StarRedactor:
    """Replaces every text by three stars: a redactor that shows nothing."""

    version = "stars-1"

    def redact(self, texts: pl.Series, known: pl.DataFrame, rosters: Callable[[str], Sequence[str]]) -> pl.Series:
        return texts.to_frame("v").select(pl.when(pl.col("v").is_not_null()).then(pl.lit("***")).alias("v"))["v"]


@dataclass(frozen=True)
class Registry:
    """A registry database with departments, two schools and its store."""

    url: str
    engine: Engine
    store: SqlRegisterStore


def make_registry(url: str, keys: RegistryKeys = KEYS, redactor: Redactor | None = None) -> Registry:
    """Return a migrated registry with two schools; its texts are stars if no redactor is given."""
    upgrade(url)
    engine = make_engine(url)
    load_departments(engine, DIVISIONS, "140000")
    save_schools(engine, school_frame(), AT, CATEGORIES)
    store = SqlRegisterStore(engine, keys, MASKS, redactor or StarRedactor(), STAGES)
    return Registry(url, engine, store)


def school_frame() -> pl.DataFrame:
    """Return a primary school of a county and a senior high school that the city manages."""
    return pl.DataFrame(
        {
            "school_code": [PRIMARY, SENIOR],
            "name": ["小店区第一小学", "太原市第二中学"],
            "division": ["140105", "140105"],
            "managing_authority": ["140105", "140100"],
            "stages": ["primary", "senior"],
        }
    )


def id_number(serial: int, born: date = date(2015, 3, 9)) -> str:
    """Return a resident identity number with a valid check character; ``serial`` is taken modulo 1000."""
    body = f"140105{born - timedelta(days=serial // 1000):%Y%m%d}{serial % 1000:03d}"
    return body + check_character(body)


def pupil(serial: int, **changes: object) -> dict[str, object]:
    """Return an invented pupil; parents are those of the same ``serial``."""
    row: dict[str, object] = {
        "name": f"{SENTINEL}{chr(0x4E00 + serial % 20000)}", "former_name": None, "sex": "1", "nationality": "CHN",
        "overseas_status": "00", "ethnicity": "01", "id_type": "1", "id_number": id_number(serial),
        "birth_date": date(2015, 3, 9), "residence_address": f"山西省太原市小店区{STREET}",
        "household_address": f"山西省太原市迎泽区{STREET}", "grade": "14", "class_name": "2班",
        "political_status": None, "boarding": False, "disability": False, "left_behind": True,
        "disability_type": None, "special_ed_placement": None, "school_code": PRIMARY, "student_number": None,
        "entry_month": "2021-09", "residence_division": "140105", "household_division": "140106", "student_id": None,
    }  # fmt: skip
    row |= {
        "member1_name": f"欧阳{chr(0x4E00 + serial % 20000)}", "member1_relation": "52", "member1_guardian": True,
        "member1_ethnicity": "01", "member1_id_type": "1",
        "member1_id_number": id_number(100_000 + serial, date(1985, 1, 1)), "member1_employer": EMPLOYER,
        "member1_household_address": STREET, "member1_phone": f"1390351{serial % 10000:04d}",
    }  # fmt: skip
    row |= {f"member2_{key[8:]}": None for key in list(row) if key.startswith("member1_")}
    return {**row, **changes}


def frame_of(rows: list[dict[str, object]], store: SqlRegisterStore) -> pl.DataFrame:
    """Return the frame that an import hands to the store, with keys as the intake makes them."""
    frame = pl.DataFrame(rows, schema_overrides=dict.fromkeys(_TEXTS, pl.String), infer_schema_length=None)
    content = frame.select(pl.struct(pl.exclude("student_id")).struct.json_encode().alias("c"))["c"]
    return frame.with_columns(
        pl.col("member2_guardian").cast(pl.Boolean),
        store.keyed("id_number", frame["id_number"]).alias("id_key"),
        store.keyed("suspect", frame["name"] + frame["member1_id_number"]).alias("suspect_key"),
        store.keyed("suspect", content).alias("content_key"),
    )


def meta_of(frame: pl.DataFrame, sha: str | None = None, at: datetime = AT) -> ImportMeta:
    """Return the meta of an import of ``frame``."""
    import_id = ImportId(secrets.token_hex(8))
    sha = sha or secrets.token_hex(32)
    rows = frame.height
    summary = ImportSummary(sha, "template", rows, rows, 0, 0, 0, 0, 0, 1, {}, (), (), import_id)
    return ImportMeta(import_id, sha, "template", "st-registrar", at, summary)


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""


def land(registry: Registry, rows: list[dict[str, object]], sha: str | None = None) -> pl.DataFrame:
    """Import ``rows`` and return what ``held`` says of them."""
    frame = frame_of(rows, registry.store)
    registry.store.apply(frame, meta_of(frame, sha), silent)
    return registry.store.held(frame["id_key"])
