"""Loading the rule book: the whole set, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rulebook.alerts import read_alerts
from rulebook.calendar import read_calendar
from rulebook.catalogue import read_fields
from rulebook.codes import read_code_lists
from rulebook.divisions import read_divisions
from rulebook.evidence import read_evidence_kinds
from rulebook.hierarchies import read_hierarchies
from rulebook.legal import read_legal_bases
from rulebook.mappings import read_import_mappings
from rulebook.parameters import read_parameters
from rulebook.policies import read_policies
from rulebook.profiles import read_profiles
from rulebook.purposes import read_purposes
from rulebook.recognizers import read_recognizers
from rulebook.records import Rulebook
from rulebook.retention import read_retention
from rulebook.security_terms import read_security_terms
from rulebook.source import Sources
from rulebook.terms import read_school_terms

_HELD: Final[dict[str, Rulebook]] = {}
"""The book that was read last, by its SHA-256: reading it takes a twelfth of a second."""


def load(directory: Path) -> Rulebook:
    """Return the rule book under ``directory``.

    Raises ``RulebookError``, which names file, line and what to change, for the first thing wrong: a syntax error,
    an unknown file, key or column, a code that stands twice, a value of another type, a reference to something that
    does not exist, an empty set. Nothing is taken from a broken set.

    The same files give the same book, which nobody can alter.
    """
    sources = Sources(directory)
    sha256 = digest(sources.contents)
    held = _HELD.get(sha256)
    if held is None:
        held = _read(sources, sha256)
        _HELD.clear()
        _HELD[sha256] = held
    return held


def _read(sources: Sources, sha256: str) -> Rulebook:
    code_lists = read_code_lists(sources)
    divisions = read_divisions(sources)
    fields = read_fields(sources, code_lists)
    hierarchies = read_hierarchies(sources, code_lists)
    profiles = read_profiles(sources, hierarchies)
    purposes = read_purposes(sources, profiles)
    parameters, registry = read_parameters(sources, code_lists["grades"], fields, divisions.by_code, profiles)
    book = Rulebook(
        sha256=sha256,
        fields=MappingProxyType(fields),
        code_lists=MappingProxyType(code_lists),
        divisions=divisions,
        purposes=MappingProxyType(purposes),
        legal_bases=MappingProxyType(read_legal_bases(sources, purposes)),
        profiles=MappingProxyType(profiles),
        hierarchies=MappingProxyType(hierarchies),
        import_mappings=MappingProxyType(read_import_mappings(sources, fields, code_lists)),
        policies=read_policies(sources),
        parameters=parameters,
        registry=registry,
        calendar=MappingProxyType(read_calendar(sources)),
        school_terms=MappingProxyType(read_school_terms(sources, divisions.by_code)),
        evidence_kinds=MappingProxyType(read_evidence_kinds(sources)),
        security_terms=read_security_terms(sources),
        alerts=read_alerts(sources),
        recognition=read_recognizers(sources),
        retention=MappingProxyType(read_retention(sources)),
    )
    sources.finish()
    return book


def digest(contents: Mapping[str, bytes]) -> str:
    """Return the SHA-256 of a set of files, hexadecimal: over sorted names and contents.

    Each name and each content goes in behind its length (eight bytes, big-endian), so no two sets share one input.
    """
    whole = hashlib.sha256()
    for name in sorted(contents):
        for part in (name.encode(), contents[name]):
            whole.update(len(part).to_bytes(8, "big"))
            whole.update(part)
    return whole.hexdigest()
