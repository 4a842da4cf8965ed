"""The Cedar policies as text: read strictly, joined in order of name. Cedar's own parser checks them later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rulebook.records import PolicySet, RulebookError
from rulebook.source import Sources

FOLDER: Final = "policies"
EXAMPLES: Final = f"{FOLDER}/examples"
"""Examples lie beside the policies and decide nothing: ``xueji policy test`` runs them."""
SCHEMA: Final = "schema.cedarschema"
SUFFIX: Final = ".cedar"


def read_policies(sources: Sources) -> PolicySet:
    """Return the policies and their schema.

    Raises ``RulebookError`` when there is no policy file or no schema, or one is empty or not UTF-8.
    """
    files = sources.matching(FOLDER, SUFFIX)
    if not files:
        raise RulebookError(FOLDER, None, "no *.cedar file: without a policy nothing is permitted / 缺少策略文件")
    parts = tuple((name, f"// {name}\n{sources.text(name)}") for name in files)
    sources.set_aside(EXAMPLES, ".toml")
    return PolicySet(
        "\n".join(text for _, text in parts),
        sources.text(f"{FOLDER}/{SCHEMA}"),
        files,
        tuple(text for _, text in parts),
    )


def load_policies(contents: Mapping[str, bytes]) -> PolicySet:
    """Return the set in ``contents``, files by their name in the folder; raises what ``read_policies`` raises."""
    return read_policies(Sources.of({f"{FOLDER}/{name}": content for name, content in contents.items()}))


def policy_files(directory: Path) -> tuple[Path, ...]:
    """Return the paths in ``directory`` that belong to the set, sorted; a missing directory has none."""
    return tuple(sorted(path for path in directory.glob("*") if path.name == SCHEMA or path.suffix == SUFFIX))


def strangers(directory: Path) -> tuple[str, ...]:
    """Return the names of what lies in ``directory`` and is neither of the set nor an example, sorted."""
    ours = {*policy_files(directory), *directory.glob("examples/*.toml")}
    return tuple(
        path.relative_to(directory).as_posix()
        for path in sorted(directory.rglob("*"))
        if path not in ours and not path.is_dir()
    )
