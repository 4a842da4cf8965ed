"""Bank cards in text. All numbers are invented; some have a right check digit by accident of calculation."""

from __future__ import annotations

import pytest

from tests.unit.anonymize.text.marked import expected, found, plain

CASES = (
    "卡号{BANK_CARD:6222020402001234564}",
    "{BANK_CARD:6222020402001234564}",
    "{BANK_CARD:6222 0204 0200 1234 564}",
    "{BANK_CARD:6222-0204-0200-1234-564}",
    "{BANK_CARD:622202 0402001234564}",
    "{BANK_CARD:６２２２０２０４０２００１２３４５６４}",
    "工行{BANK_CARD:6222020402001234564}",
    "{BANK_CARD:6217000110001234567}",
    "农行卡{BANK_CARD:6228480288123456783}",
    "建行卡{BANK_CARD:4367 4201 8273 6450 918}，",
    "{BANK_CARD:4367420012345673}",
    "{BANK_CARD:4367 4200 1234 5673}",
    "{BANK_CARD:5456781234567892}",
    "{BANK_CARD:6225881234567898}",
    "{BANK_CARD:9558800200001234562}",
    "{BANK_CARD:3568881234567890}",
    # wrong check digit
    "银行卡号：{BANK_CARD:6222020402001234567}",
    "{BANK_CARD:6222 0204 0200 1234 567}",
    "{BANK_CARD:6222020402001234567}",
    "账号{BANK_CARD:1234567890123456}",
    "开户账号：{BANK_CARD:14050101040012345}",
    "存折{BANK_CARD:140501010400123}",
    # written otherwise
    "{BANK_CARD:六二二二零二零四零二零零一二三四五六四}",
    "卡号{BANK_CARD:62220204O2OO1234564}",
    "卡号{BANK_CARD:6222020402\n001234564}",
    "卡号{BANK_CARD:6222020402\u200b001234564}",
    "{BANK_CARD:6222 **** **** 1234}",
    "{BANK_CARD:622202*********4564}",
    "{BANK_CARD:6222020402001234564}，{PHONE:13812345678}",
    "尾号4564的卡",
    "订单号6222020402001234567",
    "****************",
)


@pytest.mark.parametrize("marked", CASES, ids=range(len(CASES)))
def test_cards_are_found_whole_and_nothing_else(marked: str) -> None:
    assert found(plain(marked)) == expected(marked)
