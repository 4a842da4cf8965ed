"""Which part of an ``.xlsx`` package holds a sheet (ECMA-376 part 1, section 12)."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Mapping
from pathlib import Path
from xml.parsers import expat


def part_of_sheet(path: Path, sheet: str) -> str:
    """Return the name of the part that holds ``sheet``, the empty text when the package does not say.

    Only for packages that ``limits.unpack`` has measured.
    """
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
            return ""
        sheets = _attributes(archive.read("xl/workbook.xml"), "sheet")
        relations = _attributes(archive.read("xl/_rels/workbook.xml.rels"), "Relationship")
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    for found in sheets:
        if found.get("name") == sheet:
            reference = next((value for key, value in found.items() if key.endswith(":id")), None)
            target = targets.get(reference, "")
            return target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
    return ""


def _attributes(content: bytes, element: str) -> list[Mapping[str, str]]:
    found: list[Mapping[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == element:
            found.append(attributes)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        parser.Parse(content, True)
    except expat.ExpatError:
        return []
    return found
