"""The release report as one page of HTML: no script, nothing from outside, readable from a disk without this server."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Any

from gateway.releases.reports.drawings import svg
from gateway.releases.reports.view import Fact, Section, Table, view_of

_STYLE = """
body{margin:0 auto;max-width:62rem;padding:2rem 1.5rem;color:#1b2430;background:#fff;
font:16px/1.6 "Noto Sans SC","Source Han Sans SC","PingFang SC","Microsoft YaHei",sans-serif}
h1{font-size:1.7rem;margin:0;color:#16375f}h2{font-size:1.15rem;margin:2rem 0 .6rem;border-bottom:2px solid #16375f}
.en{color:#4d5a6a;font-size:.85em;font-weight:400}.numbers{display:flex;flex-wrap:wrap;border:1px solid #d5dbe3;
margin:1.2rem 0}.numbers div{flex:1 1 8rem;padding:.7rem 1rem;border-right:1px solid #d5dbe3}
.numbers strong{display:block;font-size:1.35rem;color:#16375f}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(24rem,1fr));gap:1.6rem}
figure{margin:0;break-inside:avoid}figcaption{font-weight:600}figure p{margin:.3rem 0;color:#4d5a6a;font-size:.85rem}
svg{display:block;width:100%;height:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{border:1px solid #d5dbe3;padding:.3rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
thead th{background:#f3f5f8}td.n{text-align:right;font-variant-numeric:tabular-nums}dl{display:grid;
grid-template-columns:14rem 1fr;margin:0}dt,dd{padding:.25rem .4rem;border-bottom:1px solid #e7ebf1;margin:0;
overflow-wrap:anywhere}.remark{color:#4d5a6a;font-size:.9rem;margin:.5rem 0}
@media(max-width:40rem){.pictures{grid-template-columns:1fr}dl{grid-template-columns:1fr}}
@media print{body{padding:0}h2{break-after:avoid}}
"""
POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content policy of the page: its own style by hash, and nothing else."""


def report_page(report: Mapping[str, Any], purposes: Mapping[str, str] | None = None) -> str:
    """Return a release report (as JSON) as a page; ``purposes`` gives the words for purpose codes."""
    view = view_of(report, purposes)
    numbers = "".join(f"<div><strong>{escape(one.value)}</strong>{_both(one.zh, one.en)}</div>" for one in view.numbers)
    figures = "".join(
        f"<figure><figcaption>{_both(one.zh, one.en)}</figcaption>{svg(one)}<p>{escape(one.note)}</p></figure>"
        for one in view.drawings
    )
    return (
        '<!doctype html><html lang="zh-Hans"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(view.title)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{escape(view.title)}</h1><p class="en" lang="en">{escape(view.subtitle)}</p>'
        f'<div class="numbers">{numbers}</div><div class="pictures">{figures}</div>'
        f"{''.join(_section(section) for section in view.sections)}</body></html>"
    )


def _section(section: Section) -> str:
    facts = f"<dl>{''.join(_fact(fact) for fact in section.facts)}</dl>" if section.facts else ""
    table = _table(section.table) if section.table is not None else ""
    remarks = "".join(f'<p class="remark">{escape(remark)}</p>' for remark in section.remarks)
    return f"<section><h2>{_both(section.zh, section.en)}</h2>{facts}{table}{remarks}</section>"


def _fact(fact: Fact) -> str:
    return f"<dt>{_both(fact.zh, fact.en)}</dt><dd>{escape(fact.value)}</dd>"


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col">{_both(*head)}</th>' for head in table.heads)
    rows = "".join(
        f"<tr>{''.join(_cell(table, place, cell) for place, cell in enumerate(row))}</tr>" for row in table.rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(table: Table, place: int, text: str) -> str:
    return f'<td class="n">{escape(text)}</td>' if place in table.numeric else f"<td>{escape(text)}</td>"


def _both(zh: str, en: str) -> str:
    english = f' <span class="en" lang="en">{escape(en)}</span>' if en else ""
    return f"{escape(zh)}{english}"
