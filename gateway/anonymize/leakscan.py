"""Leak scan (design 6.8): what in a table looks like an identity or student number, phone, bank card or name.

A suspicion is no leak: ``Matcher`` confirms it. Numbers are bounded by look-arounds for ASCII letters and digits,
not by word boundaries (there is none between a Chinese character and a digit), and found after NFKC, so that
full-width digits count. A number inside a hexadecimal pseudonym has letters or digits around it: it is none.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from core_registry.sharing import IdentifierKind
from gateway.anonymize.errors import TransformError
from gateway.anonymize.masks import COMPOUND_SURNAMES, MASK_SHAPES
from gateway.anonymize.plan import MASKED_COLUMNS, Plan
from gateway.articles import keeps
from gateway.errors import ParameterError

Hit = tuple[str, str]
"""Kind and normalised value."""
BANK_CARD = "bank_card"
PSEUDONYM_SHAPE = "^[0-9a-f]{32}$"

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛"
    "闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗"
    "谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣"
    "巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝官封谈匡鞠惠荆乐冀郁胥南班储原栗燕楚鄢劳谌奚皮粟冼蔺楼盘满闻位厉伊仝区郜海阚花权强帅屠豆朴盖练廉禹井祖漆巴丰支卿国狄平计索"
    "宣晋相初门云容敬来扈晁芮都普阙浦戈伏鹿薄邸雍辜羊阿乌母裘亓修邰赫杭况那宿鲜印逯隆茹诺战慕危玉银亢嵇公哈湛宾戎勾茅利於呼居揭干但尉冶斯元束檀衣信展阴昝智幸奉植衡富尧闭由"
)
_SEPARATOR = "[·•・‧]"
_NAME_SHAPE = (
    rf"^(?:[{_SURNAMES}]\p{{Han}}{{1,3}}|(?:{'|'.join(sorted(COMPOUND_SURNAMES))})\p{{Han}}{{1,2}}"
    rf"|\p{{Han}}{{1,10}}{_SEPARATOR}\p{{Han}}{{1,10}})$"
)
"""What a whole cell that is a name looks like. Only a whole cell: free text is redacted when it is written."""

_DIGIT_RUN = r"\p{Nd}(?:[\s\p{Pd}\p{Cf}()（）]{0,2}\p{Nd}){6}"
"""Seven digits of any kind, possibly spaced: nothing looked for has fewer. A cheap first sieve."""

_STUDENT = r"[GJLgjl][0-9]{14}[0-9A-Za-z]{3}[0-9A-Za-z]"
_ID18 = r"[1-9][0-9]{5}[ -]?[0-9]{8}[ -]?[0-9]{3}[0-9Xx]"
_ID15 = r"[1-9][0-9]{14}"
_CARD = r"[3-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{3,4}(?:[ -]?[0-9]{1,3})?"
_MOBILE = r"(?:(?:\+|00)?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"
_LANDLINE = r"\(?0[1-9][0-9]{1,2}\)?[ -]?[2-9][0-9]{2,3}[ -]?[0-9]{4}"
_ALL = (_STUDENT, _ID18, _ID15, _CARD, _MOBILE, _LANDLINE)
_SIEVE = rf"(?:^|[^0-9A-Za-z])(?:{'|'.join(_ALL)})(?:$|[^0-9A-Za-z])"
"""The same patterns for Rust's engine, which has no look-around: may find more, never less, than the exact ones."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_YEARS = range(1900, 2100)
_SPARSE = 20_000
_BESIDE = {"No": "#"}
"""Circled and raised digits number a list (①138…): NFKC would glue them to the number that follows."""
_DASHES = {"Cf": "", "Pd": "-"}
"""By category: format characters (zero-width spaces) go, every dash counts as a hyphen."""


@dataclass(frozen=True, slots=True)
class Finding:
    """So many values of one kind in one column; the values themselves are in ``Suspicions.by_kind``."""

    column: str
    kind: str
    values: int


@dataclass(frozen=True, slots=True)
class Suspicions:
    """What a scan found. Never printed: ``by_kind`` holds what may be clear identifiers."""

    findings: tuple[Finding, ...]
    by_kind: Mapping[IdentifierKind, tuple[str, ...]] = field(repr=False)
    """Values as ``Matcher.known`` takes them: ID numbers of 18 characters, phones as digits, sorted, each once."""
    unmasked: Mapping[str, int]
    """Column that should be masked or a pseudonym -> number of distinct values that are not: leaks as they are."""

    @property
    def clean(self) -> bool:
        """Whether nothing at all was found."""
        return not self.findings and not self.unmasked


def expected_shapes(plan: Plan) -> dict[str, str]:
    """Return the mask, or ``pseudonym``, that each such column of ``plan`` must look like."""
    shapes = {column.name: MASKED_COLUMNS[column.source] for column in plan.columns if column.operation == "mask"}
    return shapes | {column.name: "pseudonym" for column in plan.columns if column.operation == "pseudonymize"}


@keeps("A50-8")
def scan(frame: pl.DataFrame, expected: Mapping[str, str] | None = None) -> Suspicions:
    """Return what in ``frame`` looks like an identifier, in every column that can hold text or whole numbers.

    ``expected`` names columns that must have the shape of a mask (a key of ``MASK_SHAPES``) or ``pseudonym``.
    Raises ``TransformError`` for a column whose type cannot be looked into, ``ParameterError`` for an unknown
    shape or column: a scan that did not look at everything must not pass.
    """
    shapes = dict(expected or {})
    absent = sorted(set(shapes) - set(frame.columns))
    if absent:
        raise ParameterError(f"There is no column {', '.join(absent)} to check.")
    findings: list[Finding] = []
    values: dict[IdentifierKind, set[str]] = {kind: set() for kind in IdentifierKind}
    unmasked: dict[str, int] = {}
    for series in frame.iter_columns():
        text = _as_text(series)
        if text is None:
            continue
        shape = shapes.get(series.name)
        if shape is not None:
            odd = text.drop_nulls()
            odd = odd.filter(~odd.str.contains(_shape(shape))).unique()
            if odd.len():
                unmasked[series.name] = odd.len()
            text = odd  # what has the shape of a mask or of a pseudonym holds no identifier
        _scan_column(series.name, text, findings, values)
    return Suspicions(
        tuple(findings), {kind: tuple(sorted(found)) for kind, found in values.items() if found}, unmasked
    )


def _shape(name: str) -> str:
    if name == "pseudonym":
        return PSEUDONYM_SHAPE
    if name not in MASK_SHAPES:
        raise ParameterError(f"There is no mask '{name}'.")
    return MASK_SHAPES[name]


def _as_text(series: pl.Series) -> pl.Series | None:
    """Return the column as text, ``None`` when its type or range can hold no identifier."""
    dtype = series.dtype
    if dtype in {pl.Null, pl.Boolean, pl.Date, pl.Time} or isinstance(dtype, pl.Datetime | pl.Duration):
        return None
    if dtype == pl.String:
        return series
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return series.unique().cast(pl.String)
    if dtype.is_float() or dtype.is_decimal():
        whole = series.drop_nulls()
        whole = whole.filter((whole >= _LEAST_NUMBER) & (whole < _MOST_NUMBER))
        return whole.cast(pl.Int64).cast(pl.String) if whole.len() else None
    if dtype.is_integer():
        large = series.filter(series >= _LEAST_NUMBER)
        return large.cast(pl.String) if large.len() else None
    raise TransformError(f"The column '{series.name}' is of type {dtype}, which the leak scan cannot look into.")


_LEAST_NUMBER = 1_000_000
_MOST_NUMBER = 9e18


def _scan_column(name: str, text: pl.Series, findings: list[Finding], values: dict[IdentifierKind, set[str]]) -> None:
    distinct = text if _mostly_distinct(text) else text.unique()
    names = distinct.filter(distinct.str.contains(_NAME_SHAPE)).drop_nulls().unique()
    if names.len():
        findings.append(Finding(name, IdentifierKind.NAME, names.len()))
        values[IdentifierKind.NAME].update(names.to_list())
    numbers = distinct.filter(distinct.str.contains(_DIGIT_RUN)).drop_nulls().unique()
    if not numbers.len() or numbers.str.contains(PSEUDONYM_SHAPE).all():
        return
    plain = (
        numbers.str.replace_all(r"\p{No}", "#")
        .str.normalize("NFKC")
        .str.replace_all(r"\p{Cf}", "")
        .str.replace_all(r"\p{Pd}", "-")
    )
    candidates = plain.filter(plain.str.contains(_SIEVE))
    found: dict[str, set[str]] = {}
    for cell in candidates.to_list():
        for kind, value in identifiers(cell):
            found.setdefault(kind, set()).add(value)
    for kind, hits in sorted(found.items()):
        findings.append(Finding(name, kind, len(hits)))
        if kind != BANK_CARD:
            values[IdentifierKind(kind)].update(hits)


def _mostly_distinct(text: pl.Series) -> bool:
    """Say whether making the values distinct would hardly make them fewer, by a look at the first ones."""
    head = text.head(_SPARSE)
    return head.len() == _SPARSE and head.n_unique() > _SPARSE // 2


def identifiers(text: str) -> list[Hit]:
    """Return kind and normalised value of every number in ``text`` that looks like an identifier.

    A student number that contains an identity number gives both. What one kind took, a later one does not see:
    student number, identity number, bank card, phone (notes on free text, trap 7).
    """
    plain = unicodedata.normalize("NFKC", "".join(_BESIDE.get(unicodedata.category(c), c) for c in text))
    plain = "".join(_DASHES.get(unicodedata.category(c), c) for c in plain)
    found: list[Hit] = []
    for pattern, judge in _RULES:

        def take(match: re.Match[str], judge: Callable[[str], Iterable[tuple[str, str]]] = judge) -> str:
            hits = list(judge(match.group()))
            found.extend(hits)
            return "#" * len(match.group()) if hits else match.group()

        plain = pattern.sub(take, plain)
    return found


def _bounded(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![0-9A-Za-z]){pattern}(?![0-9A-Za-z])")


def _digits(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", text).upper()


def _student(text: str) -> Iterable[tuple[str, str]]:
    value = text.upper()
    number = value[1:]
    if value[0] == "L":
        if plausible_date(number[6:14]):
            yield IdentifierKind.STUDENT_NUMBER, value
        return
    if re.fullmatch(r"[0-9]{17}[0-9X]", number) and (plausible_date(number[6:14]) or _checksum(number)):
        yield IdentifierKind.STUDENT_NUMBER, value
        if value[0] == "G":
            yield IdentifierKind.ID_NUMBER, number


def _resident(text: str) -> Iterable[tuple[str, str]]:
    number = _digits(text)
    if plausible_date(number[6:14]) or _checksum(number):
        yield IdentifierKind.ID_NUMBER, number


def _old_resident(text: str) -> Iterable[tuple[str, str]]:
    if plausible_date("19" + text[6:12]):
        body = f"{text[:6]}19{text[6:]}"
        yield IdentifierKind.ID_NUMBER, body + check_character(body)


def _card(text: str) -> Iterable[tuple[str, str]]:
    number = _digits(text)
    total = 0
    for position, digit in enumerate(reversed(number)):
        step = int(digit) * (1 + position % 2)
        total += step - 9 * (step > 9)  # noqa: PLR2004  Luhn: the digits of a product of two digits
    if total % 10 == 0:
        yield BANK_CARD, number


def _mobile(text: str) -> Iterable[tuple[str, str]]:
    yield IdentifierKind.PHONE, _digits(text)[-11:]


def _landline(text: str) -> Iterable[tuple[str, str]]:
    yield IdentifierKind.PHONE, _digits(text)


_RULES: tuple[tuple[re.Pattern[str], Callable[[str], Iterable[tuple[str, str]]]], ...] = (
    (_bounded(_STUDENT), _student),
    (_bounded(_ID18), _resident),
    (_bounded(_ID15), _old_resident),
    (_bounded(_CARD), _card),
    (_bounded(_MOBILE), _mobile),
    (_bounded(_LANDLINE), _landline),
)


def plausible_date(digits: str) -> bool:
    """Return whether eight ASCII digits are a day of 1900 to 2099."""
    if not digits.isascii() or not digits.isdigit():
        return False
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    return year in _YEARS and month in range(1, 13) and 1 <= day <= calendar.monthrange(year, month)[1]


def _checksum(number: str) -> bool:
    return number[-1] == check_character(number[:-1])


def check_character(body: str) -> str:
    """Return the check character of GB 11643 for 17 digits."""
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]
