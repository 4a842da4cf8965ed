"""Free text on its whole way: a record is written, its text is redacted by the real engine, a granted column leaves."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

import rulebook
from core_registry.db.sharing_reader import SqlSharingView
from core_registry.db.store import SqlRegisterStore
from core_registry.sharing import RowFilter
from gateway.anonymize.plan import Plan
from gateway.anonymize.transform import Transformer
from gateway.anonymize.withholding import WITHHELD
from gateway.bootstrap.texts import text_redactor
from rulebook import Rulebook, RulebookError
from tests.factories.registrydb_rows import (
    KEYS,
    MASKS,
    SENIOR,
    STAGES,
    Registry,
    land,
    make_registry,
    pupil,
)

ROOT = Path(__file__).resolve().parents[2]
COLUMN = '  { name = "awards", column = "awards_text", label = "奖励情况", role = "ordinary", operation = "redact" },\n'
PUPIL, MATE, MOTHER, STREET = "王小禾", "欧阳同窗", "李翠禾", "平阳路12号"
HIDDEN = (PUPIL, MATE, MOTHER, STREET, "13903511234", "小店区第一小学", "140105201503090017")


def _config(folder: Path, profile: str) -> Path:
    """Return a copy of the rule book in which a profile also gives awards."""
    shutil.copytree(ROOT / "config", folder)
    path = folder / "release_profiles.toml"
    head, rest = path.read_text(encoding="utf-8").split(f"[{profile}]", 1)
    path.write_text(f"{head}[{profile}]" + rest.replace("fields = [\n", f"fields = [\n{COLUMN}", 1), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Rulebook:
    return rulebook.load(_config(tmp_path_factory.mktemp("rules") / "config", "aid-masked"))


@pytest.fixture(scope="module")
def leaving(tmp_path_factory: pytest.TempPathFactory, book: Rulebook) -> dict[str, str | None]:
    """What leaves as ``awards`` under the profile, by class: one class for each pupil."""
    made = make_registry(f"sqlite:///{tmp_path_factory.mktemp('registry') / 'registry.db'}")
    store = SqlRegisterStore(made.engine, KEYS, MASKS, text_redactor(book), STAGES)
    land(
        Registry(made.url, made.engine, store),
        [
            pupil(1, name=PUPIL, member1_name=MOTHER, class_name="1班", awards=(
                f"{PUPIL}与{MATE}代表小店区第一小学获县级二等奖，奖状由{MOTHER}代领，电话13903511234，"
                f"家住山西省太原市小店区{STREET}，身份证140105201503090017。"
            )),
            pupil(2, name=MATE, class_name="2班", awards="校级书法展优秀奖。"),
            pupil(3, class_name="3班", school_code=SENIOR, grade="31"),
        ],
    )  # fmt: skip
    profile = book.profiles["aid-masked"]
    plan = Plan.of(profile, ["awards", "class_name"], book.sha256)
    transformer = Transformer(plan, book.hierarchies, book.divisions)
    view = SqlSharingView(made.url)
    with view.snapshot() as snapshot:
        rows = pl.concat(
            frame
            for batch in snapshot.batches(list(plan.sources), RowFilter())
            if isinstance(frame := pl.from_arrow(batch), pl.DataFrame)
        )
    found = transformer.apply(rows)
    view.close()
    made.engine.dispose()
    return dict(found.select("class_name", "awards").iter_rows())


def test_a_granted_text_leaves_with_nobody_in_it(leaving: dict[str, str | None]) -> None:
    text = leaving["1班"]
    assert text is not None
    assert text != WITHHELD
    assert "获县级二等奖" in text
    assert [one for one in HIDDEN if one in text] == []
    assert leaving["2班"] == "校级书法展优秀奖。"
    assert leaving["3班"] is None


def test_a_text_never_leaves_at_level_anonymous(tmp_path: Path) -> None:
    with pytest.raises(RulebookError, match=r"free text|自由文本"):
        rulebook.load(_config(tmp_path / "config", "textbook-anonymous"))
