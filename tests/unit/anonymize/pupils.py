"""Invented rows of the sharing view: a seed and a number of rows give the same table every time."""

from __future__ import annotations

import numpy as np
import polars as pl

COUNTIES = ("140105", "140106", "140107", "140202", "140212", "141002", "141181")
GRADES = {
    "primary": ("11", "12", "13", "14", "15", "16"),
    "junior": ("21", "22", "23"),
    "senior": ("31", "32", "33"),
}


def pupils(rows: int, seed: int = 7) -> pl.DataFrame:
    """Return ``rows`` rows with the columns that the tests' plans read; a few are missing here and there."""
    rng = np.random.default_rng(seed)
    stage = rng.choice(list(GRADES), size=rows, p=[0.55, 0.27, 0.18])
    grade = [str(rng.choice(GRADES[name])) for name in stage] if rows <= 10_000 else _grades(rng, stage)
    born = np.datetime64("2008-09-01") + rng.integers(0, 3650, size=rows).astype("timedelta64[D]")
    county = rng.choice(COUNTIES, size=rows, p=[0.3, 0.2, 0.15, 0.15, 0.1, 0.07, 0.03])
    ethnicity = rng.choice(["01", "03", "11", "02"], size=rows, p=[0.97, 0.015, 0.01, 0.005])
    return pl.DataFrame(
        {
            "subject_ref": [bytes(block).hex() for block in rng.integers(0, 256, size=(rows, 16), dtype=np.uint8)],
            "name_masked": rng.choice(["王**", "欧阳**", "买**"], size=rows),
            "id_number_masked": [f"{code[:4]}{'*' * 14}" for code in county],
            "phone_masked": ["138********"] * rows,
            "address_masked": ["山西省太原市小店区***"] * rows,
            "address_division": county,
            "school_division": county,
            "school_code": [f"2114{code[2:]}" for code in county],
            "birth_date": pl.Series(born).cast(pl.Date),
            "sex": rng.choice(["1", "2"], size=rows),
            "ethnicity": pl.Series(ethnicity).set(pl.Series(rng.random(rows) < 0.01), None),
            "stage": stage,
            "grade": grade,
            "boarding": rng.random(rows) < 0.2,
            "disability": rng.random(rows) < 0.02,
            "left_behind": rng.random(rows) < 0.1,
            "state": ["active"] * rows,
        }
    )


def _grades(rng: np.random.Generator, stage: np.ndarray[tuple[int], np.dtype[np.str_]]) -> list[str]:
    picks = {name: rng.choice(grades, size=stage.size).tolist() for name, grades in GRADES.items()}
    return [picks[name][i] for i, name in enumerate(stage)]
