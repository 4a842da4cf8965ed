"""Awards and remarks of some pupils, as people write them: with classmates, parents, streets and telephones in them.

Drawn apart from everything else, so that the other columns are the same with and without texts.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from core_registry.sample.draw import Table
from core_registry.sample.sentinels import SENTINEL_NAMES

AWARDS = Table(
    [
        "{name}获校级三好学生称号。",
        "{name}与{mate}、{other}获县级机器人竞赛团体二等奖，指导教师{teacher}。",
        "获市级作文比赛一等奖，{mate}同学同获三等奖。",
        "{name}、{mate}代表{school}参加省中学生运动会4×100米接力，获第三名。",
        "2025年11月被评为市级优秀少先队员，奖状由{parent}代领。",
        "校级书法展优秀奖。",
    ]
)
REMARKS = Table(
    [
        "家长{parent}，联系电话{phone}，要求放学后由奶奶接送。",
        "{given}同学对花生过敏，请班主任{teacher}老师留意。",
        "该生与同班{mate}合住一间宿舍。",
        "现随{parent}借住在{address}，户口未迁。",
        "{parent}来电说明，10月12日至16日外出看病，由{mate}代交作业。",
        "普通话二级，参加学校合唱团。",
        "原班主任{teacher}已调离，档案由教务处保管，编号20250917。",
    ]
)
TEACHERS = Table(["卫建民", "畅秀兰", "郇志平", "令狐爱华", "相里国强", "尉迟桂珍"])
_STREAM = 0x7478  # "tx": a stream of random numbers of its own


def with_texts(frame: pl.DataFrame, seed: int, chunk: int, share: float, schools: pl.DataFrame) -> pl.DataFrame:
    """Return a chunk of the sample with ``awards`` and ``remarks``, each filled for ``share`` of the pupils.

    ``schools`` has school_code and name. The pupils whose names are sentinels of the leak tests have no text.
    """
    rng = np.random.default_rng([seed % 2**63, _STREAM, chunk])
    names = frame["name"].to_list()
    codes = frame["school_code"].to_list()
    places = frame.join(schools.select("school_code", pl.col("name").alias("school")), on="school_code", how="left")
    columns: dict[str, list[str | None]] = {}
    for column, table in (("awards", AWARDS), ("remarks", REMARKS)):
        chosen = rng.random(frame.height) < share
        wordings, teachers = table.texts(rng, frame.height), TEACHERS.texts(rng, frame.height)
        steps = rng.integers(1, 6, (frame.height, 2))
        columns[column] = [None] * frame.height
        for at in np.flatnonzero(chosen).tolist():
            if names[at] in SENTINEL_NAMES:
                continue
            row = places.row(at, named=True)
            mates = [names[near] for near in (at - steps[at][0], at - steps[at][0] - steps[at][1])
                     if near >= 0 and codes[near] == codes[at]]  # fmt: skip
            columns[column][at] = wordings[at].format(
                name=row["name"],
                given=_given(row["name"]),
                mate=mates[0] if mates else "另一名同学",
                other=mates[-1] if mates else "队友",
                teacher=teachers[at],
                parent=row["member1_name"] or "家长",
                phone=row["member1_phone"] or "见登记表",
                address=row["residence_address"] or "亲戚家",
                school=row["school"] or "学校",
            )
    return frame.with_columns(pl.Series(name, values, dtype=pl.String) for name, values in columns.items())


def _given(name: str) -> str:
    """Return a given name as people say it: the part before the dot, or what follows the first character."""
    head = name.split("·", maxsplit=1)[0]
    return head if head != name or len(name) < len("王小明") else name[1:]
