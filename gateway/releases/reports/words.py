"""What codes of a release report mean, Chinese first: for its page, its PDF and the console."""

from __future__ import annotations

from collections.abc import Mapping

Words = tuple[str, str]

TECHNIQUES: Mapping[str, Words] = {
    "keep": ("原样", "Kept"),
    "mask": ("掩码", "Masked"),
    "cut": ("截取", "Cut"),
    "round": ("取整", "Rounded"),
    "generalize": ("泛化", "Generalized"),
    "pseudonymize": ("假名", "Pseudonym"),
    "redact": ("文本脱敏", "Redacted"),
    "suppress": ("置空", "Left empty"),
    "drop": ("不提供", "Dropped"),
}
ROLES: Mapping[str, Words] = {
    "direct": ("直接标识符", "Direct identifier"),
    "quasi": ("准标识符", "Quasi-identifier"),
    "sensitive": ("敏感", "Sensitive"),
    "ordinary": ("一般", "Ordinary"),
}
LEVELS: Mapping[str, Words] = {
    "anonymous": ("匿名", "anonymous"),
    "pseudonymous": ("去标识", "pseudonymous"),
    "masked": ("脱敏", "masked"),
    "match": ("比对回填", "match"),
    "statistics": ("统计", "statistics"),
}
REASONS: Mapping[str, Words] = {
    "class": ("等价类过小或不满足模型", "class too small or short of a model"),
    "joint": ("与以往提供合并后不足 k", "joint k with earlier releases"),
}
GRADES: Mapping[int, Words] = {
    1: ("含直接标识符（含掩码）", "direct identifiers, masked ones included"),
    2: ("无直接标识符，风险高于阈值或未度量", "no direct identifier, risk above the threshold or not measured"),
    3: ("风险在阈值以内", "risk within the threshold"),
    4: ("仅聚合数据", "aggregates only"),
}
ENVIRONMENTS: Mapping[str, Words] = {
    "public": ("公开提供", "public"),
    "controlled": ("受控提供", "controlled"),
}
KINDS: Mapping[str, Words] = {
    "id_number": ("身份证件号", "identity number"),
    "student_number": ("学籍号", "student number"),
    "phone": ("电话", "phone"),
    "name": ("姓名", "name"),
    "bank_card": ("银行卡号", "bank card"),
}
PLACES: Mapping[str, Words] = {
    "rows": ("数据行", "rows"),
    "sheets": ("其他工作表", "further sheets"),
    "names": ("列名、文件名、表名", "names"),
    "metadata": ("文件元数据", "metadata"),
    "statistics": ("列统计值", "column statistics"),
    "dictionary": ("字典页", "dictionary pages"),
    "parts": ("工作簿各部件", "parts of the workbook"),
    "bytes": ("原始字节", "bytes"),
}
RECODINGS: Mapping[str, Words] = {
    "global": ("全域泛化", "global"),
    "local": ("局部泛化", "local"),
}


def word(table: Mapping[str, Words], code: str) -> Words:
    """Return what ``code`` means; a code without words stands for itself."""
    return table.get(code, (code, ""))


def percent(value: float) -> str:
    """Return a share as percent with two digits; what is above 0 never shows as 0."""
    if 1e-9 < value < 0.0001:  # noqa: PLR2004  the last digit that is shown
        return "<0.01%"
    return f"{value * 100:.2f}%"
