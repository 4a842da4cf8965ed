"""Words for the codes of decoy pupils."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.console.texts import Label

STATES: Mapping[str, Label] = {
    "proposed": Label("待确认", "Proposed", "wait"),
    "confirmed": Label("已确认，待放入", "Confirmed, on its way", "wait"),
    "planted": Label("监视中", "Watched", "good"),
    "refused": Label("不予确认", "Refused"),
    "withdrawn": Label("已撤回", "Withdrawn"),
}
"""``planted`` is a confirmed one whose record lies in the registry."""
MISSING: Mapping[str, Label] = {
    "unit": Label("区划代码", "Division code"),
    "phones": Label("电话", "Telephones"),
}
NOTICES: Mapping[str, Label] = {
    "canary_proposed": Label("已提出，待另一岗位确认。", "Proposed; the other duty decides."),
    "canary_done": Label("已办理。", "Done."),
}
KINDS: Mapping[str, Label] = {
    "canary.listed": Label("查看诱饵学籍", "Decoys listed"),
    "canary.proposed": Label("提出诱饵学籍", "Decoy proposed"),
    "canary.confirmed": Label("确认诱饵学籍", "Decoy confirmed"),
    "canary.refused": Label("不予确认诱饵学籍", "Decoy refused"),
    "canary.withdrawn": Label("撤回诱饵学籍", "Decoy withdrawn"),
    "canary.recognized": Label("在外泄文件中查找诱饵学籍", "Leaked text held against decoys"),
    "canary.touched": Label("触碰诱饵学籍", "Decoy touched"),
}
TABLES: Mapping[str, Mapping[str, Label]] = {"kind": KINDS, "canary": STATES, "missing": MISSING}
"""Table name, as templates write it, to table; beside ``texts.TABLES``."""
