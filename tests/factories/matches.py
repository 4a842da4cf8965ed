"""Lists of pupils as a recipient hands them in, grants of level ``match``, and what is left of a list."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from gateway.ids import GrantId
from gateway.policies.records import Format, Level
from gateway.releases.matches.matching import Matching
from gateway.releases.matches.records import Listed, MatchRequest, Upload
from gateway.releases.matches.service import MatchService
from gateway.releases.records import Extract
from gateway.services import Services
from tests.factories.checks import people_of
from tests.factories.release_cases import AID, Case, client, grant_for
from tests.factories.releases import House

MATCH = Case(AID, "financial-aid", "aid-match", Level.MATCH, ("boarding", "grade", "school_name", "stage"), 6, 2_000)
MATCHER = client(AID)
CSV = MatchRequest(Format.CSV)
HEADER = ("序号", "姓名", "身份证号")


def matches_of(services: Services) -> MatchService:
    """Return the service of matches."""
    assert services.matches is not None
    return services.matches


def match_grant(services: Services, **changes: Any) -> GrantId:  # noqa: ANN401  members of the scope
    """Return a grant of level ``match``."""
    return grant_for(services, MATCH, **changes)


def listed(rows: Sequence[Mapping[str, Any]], first: int = 2) -> tuple[Listed, ...]:
    """Return a list of pupils as a recipient has it, rows counted from ``first``."""
    return tuple(Listed(number, str(row["name"]), str(row["id_number"])) for number, row in enumerate(rows, first))


def workbook(
    rows: Sequence[Sequence[object]], header: Sequence[str] = ("序号", "姓名", "身份证号", "金额"), titles: int = 0
) -> bytes:
    """Return an ``.xlsx`` as Excel writes it; a text that begins with ``=`` is a formula."""
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True})
    sheet = book.add_worksheet("名单")
    for number in range(titles):
        sheet.write_string(number, 0, "虚构名单")
    for number, row in enumerate([header, *rows], titles):
        for column, cell in enumerate(row):
            if isinstance(cell, str) and not cell.startswith("="):
                sheet.write_string(number, column, cell)
            else:
                sheet.write(number, column, cell)
    book.close()
    return content.getvalue()


def start(house: House, grant: GrantId, upload: Upload, kind: str = "csv", **more: Any) -> Extract:  # noqa: ANN401  members of the request
    """Hand in a list as the recipient's system."""
    return matches_of(house.services).start(grant, MatchRequest(Format(kind), **more), upload, MATCHER)


def first_of(house: House, count: int = 1) -> Upload:
    """Return a list of the first so many pupils, typed in."""
    return Upload(people=listed(people_of(house)[:count]))


def rows_of(content: bytes) -> list[dict[str, str]]:
    """Return the rows of an answer in CSV."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def files_of_lists(house: House) -> list[Path]:
    """Return the lists that are kept."""
    return sorted((house.settings.files / "lists").glob("*"))


def destroyed(house: House, extract: str) -> list[dict[str, Any]]:
    """Return the entries that say that the list of ``extract`` was destroyed."""
    return [e for e in house.entries("match.list_destroyed") if e["links"]["extract"] == extract]


def matching_of(house: House) -> Matching:
    """Return the worker's part that matches lists."""
    return house.task("matches", Matching)


def sweep(house: House) -> bool:
    """Let the worker destroy what is overdue."""
    return matching_of(house).shelf.sweep()
