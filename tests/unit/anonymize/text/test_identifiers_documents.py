"""Passports, permits and plates in text. All numbers are invented."""

from __future__ import annotations

import pytest

from tests.unit.anonymize.text.marked import expected, found, plain

CASES = (
    "护照{PASSPORT:E12345678}",
    "护照号码：{PASSPORT:EA1234567}",
    "{PASSPORT:E12345678}",
    "{PASSPORT:EA1234567}",
    "{PASSPORT:G12345678}",
    "护照{PASSPORT:e12345678}",
    "护照号{PASSPORT:E 12345678}",
    "护照号{PASSPORT:E1234 5678}",
    "护照{PASSPORT:Ｅ１２３４５６７８}",
    "持护照{PASSPORT:D12345678}出境",
    "公务护照{PASSPORT:SE1234567}",
    "美国护照{PASSPORT:512345678}",
    "韩国护照号{PASSPORT:M12345678}",
    "passport no. {PASSPORT:E12345678}",
    "证书编号E12345678",
    "产品型号G12345678",
    # permits
    "回乡证{PERMIT:H12345678}",
    "回乡证号：{PERMIT:H1234567801}",
    "港澳居民来往内地通行证{PERMIT:M12345678}",
    "{PERMIT:H1234567801}",
    "通行证号码为{PERMIT:C12345678}",
    "往来港澳通行证{PERMIT:CA1234567}",
    "台胞证{PERMIT:12345678}",
    "台胞证号：{PERMIT:0123456789}",
    "台湾居民来往大陆通行证 {PERMIT:12345678}",
    "往来台湾通行证{PERMIT:L12345678}",
    "香港身份证{PERMIT:A123456(3)}",
    "{PERMIT:A123456(3)}",
    "{PERMIT:Z683365（A）}",
    "台湾身份证{PERMIT:A123456789}",
    "{PERMIT:F223344558}",
    "父亲持港澳证{PERMIT:H12345678}来校",
    "是香港人，证件为{PERMIT:H12345678}",
    # plates
    "车牌{PLATE:晋A12345}",
    "{PLATE:晋A·12345}",
    "{PLATE:晋A 12345}",
    "{PLATE:晋A-12345}",
    "{PLATE:晋A·D1234}",
    "{PLATE:晋AD12345}",
    "{PLATE:晋A12345D}",
    "{PLATE:京A·F0236}",
    "{PLATE:晋a12345}",
    "{PLATE:晋Ａ１２３４５}",
    "{PLATE:晋A1234学}",
    "{PLATE:晋A1234警}",
    "{PLATE:晋A1234挂}",
    "{PLATE:粤Z1234港}",
    "{PLATE:晋 A 12345}",
    "车牌号为{PLATE:晋AB1C2D}",
    "开一辆{PLATE:晋AF1234}白色轿车",
    "接送车{PLATE:晋A12345}、{PLATE:晋B54321}",
    "新HSK四级",
    "云ABC平台",
)


@pytest.mark.parametrize("marked", CASES, ids=range(len(CASES)))
def test_documents_and_plates_are_found_whole_and_nothing_else(marked: str) -> None:
    assert found(plain(marked)) == expected(marked)
