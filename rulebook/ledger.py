"""Reads how releases to one recipient hang together: table ``[ledger]`` of config/parameters.toml."""

from __future__ import annotations

import re
from types import MappingProxyType

from rulebook.ledger_records import LedgerRules
from rulebook.source import Table

_CREDIT_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}")
_MOST_NAME = 60
_LEAST_MEMBERS = 2


def read_ledger(table: Table) -> LedgerRules:
    """Return the rules. Raises ``RulebookError``, also for a recipient in two groups and for what is no credit code."""
    found = LedgerRules(
        withheld_share=table.share("withheld_share"),
        years=table.integer("years", least=0, most=20),
        yearly_releases=table.integer("yearly_releases", least=1, most=10_000),
        together=_read_together(table.table("together")),
    )
    table.finish()
    return found


def _read_together(table: Table) -> MappingProxyType[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    seen: set[str] = set()
    for name in table.keys():
        codes = table.texts(name)
        if len(name) > _MOST_NAME:
            table.fail(name, f"a name has at most {_MOST_NAME} characters / 组名过长")
        if len(codes) < _LEAST_MEMBERS:
            table.fail(name, "a group has two members at least / 每组至少两个接收方")
        for code in codes:
            if not _CREDIT_CODE.fullmatch(code):
                table.fail(name, "takes credit codes of 18 characters / 应为 18 位统一社会信用代码")
            if code in seen:
                table.fail(name, f"'{code}' stands in two groups; make one of them / 同一接收方列入了两组，请合并")
            seen.add(code)
        found[name] = frozenset(codes)
    table.finish()
    return MappingProxyType(found)
