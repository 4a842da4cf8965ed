"""Invented numbers in the forms people write them in, and numbers that are nobody's."""

from __future__ import annotations

import random

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_WIDE = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
_HAN = str.maketrans("0123456789", "零一二三四五六七八九")
_OCR = {"0": "o", "1": "l"}
_MOBILES = (
    "130 131 132 133 135 136 137 138 139 150 151 152 155 156 158 159 166 173 176 177 180 182 185 186 187 189 191 198"
).split()
_BANKS = "622848 621700 621799 622202 621785 621467 622700 623052 622262".split()
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_HOTLINES = "110 120 119 12345 12355 12348 95588 400-810-8888 800-820-8820 12309".split()


class Numbers:
    """Draws identifiers: each method returns the number as it is written and whether its form is odd."""

    def __init__(self, rng: random.Random, counties: list[str]) -> None:
        self._rng = rng
        self._counties = counties

    def cn_id(self) -> tuple[str, str]:
        """Return a resident identity number and a tag for its form; ``invalid`` has a wrong check digit."""
        plain = self._id()
        wrong = self._rng.choice([one for one in _CHECKS if one != plain[-1]])
        permit = self._rng.choice(["810000", "820000", "830000"]) + plain[6:17]
        forms = {
            (plain, "plain"): 0.60,
            (plain[:-1] + wrong, "invalid"): 0.12,
            (f"{plain[:6]} {plain[6:14]} {plain[14:]}", "odd"): 0.08,
            (plain.translate(_WIDE), "odd"): 0.06,
            (plain.replace("X", "x"), "lower"): 0.06,
            (plain[:6] + plain[8:17], "old"): 0.04,  # 15 digits
            (permit + _check(permit), "permit"): 0.04,
        }
        return self._rng.choices(list(forms), list(forms.values()))[0]

    def student_no(self) -> tuple[str, str]:
        """Return a student number: a letter and an identity number."""
        number = self._id()
        letter = self._rng.choices("GJL", [8, 1, 1])[0]
        form = self._rng.random()
        if form < 0.8:
            return letter + number, "plain"
        if form < 0.9:
            return letter.lower() + number, "odd"
        wide = chr(ord(letter) + 0xFEE0) + number.translate(_WIDE)
        return (f"{letter} {number}" if form < 0.95 else wide), "odd"

    def phone(self) -> tuple[str, str]:
        """Return a telephone number, mobile or not."""
        rng = self._rng
        mobile = rng.choice(_MOBILES) + f"{rng.randrange(10**8):08d}"
        form = rng.random()
        if form < 0.45:
            return mobile, "plain"
        if form < 0.60:
            area = rng.choice(
                ["0351", "0352", "0353", "0354", "0355", "0356", "0357", "0358", "0359", "0350", "0349", "010", "029"]
            )
            digits = 7 if area in {"010", "029"} else 6
            local = f"{rng.randint(2, 8)}{rng.randrange(10**digits):0{digits}d}"
            return rng.choice([f"{area}-{local}", f"{area}{local}", f"({area}){local}", f"{area} {local}"]), "landline"
        forms = (
            f"{mobile[:3]}-{mobile[3:7]}-{mobile[7:]}", f"{mobile[:3]} {mobile[3:7]} {mobile[7:]}", f"+86 {mobile}",
            f"+86{mobile}", f"86-{mobile}", mobile.translate(_WIDE), mobile.translate(_HAN), self._misread(mobile),
            f"{mobile[:3]}.{mobile[3:7]}.{mobile[7:]}", f"{mobile[:5]} {mobile[5:8]} {mobile[8:]}",
        )  # fmt: skip
        return rng.choice(forms), "odd"

    def bank_card(self) -> tuple[str, str]:
        """Return the number of a bank card with its check digit (Luhn), at times a wrong one."""
        rng = self._rng
        body = rng.choice(_BANKS) + f"{rng.randrange(10**12):012d}"
        number = body + (_luhn(body) if rng.random() < 0.85 else str(rng.randrange(10)))
        if rng.random() < 0.6:
            return number, "plain"
        return " ".join(number[start : start + 4] for start in range(0, len(number), 4)), "odd"

    def passport(self) -> str:
        """Return the number of a passport."""
        letters = self._rng.choice(["E", "G", f"E{self._rng.choice('ABCDEFGHJK')}"])
        return letters + f"{self._rng.randrange(10**8):08d}"[len(letters) - 1 :]

    def permit(self) -> str:
        """Return the number of a travel permit of Hong Kong, Macao or Taiwan."""
        digits = f"{self._rng.randrange(10**8):08d}"
        return self._rng.choice(["H", "M", ""]) + digits

    def plate(self) -> str:
        """Return a number plate: five digits and letters, at most two of them letters; six for electric cars."""
        rng = self._rng
        letters = rng.choice([0, 1, 1, 2])
        tail = rng.sample([*rng.choices(_LETTERS, k=letters), *rng.choices("0123456789", k=5 - letters)], 5)
        if rng.random() < 0.3:
            tail = [rng.choice("DF"), *rng.choices("0123456789", k=5)]
        return rng.choice("晋晋晋晋京陕冀豫蒙") + rng.choice("ABCDEFHJKLM") + rng.choice(["", "·"]) + "".join(tail)

    def wechat(self) -> str:
        """Return an account of WeChat."""
        rng = self._rng
        return rng.choice(["wxid_", "lucky", "xiaoyu_", "mama", "sx-", "Baby"]) + "".join(
            rng.choice("abcdefghkmnpqrstuvwxyz0123456789") for _ in range(rng.randint(5, 9))
        )

    def qq(self) -> str:
        """Return a number of QQ."""
        return str(self._rng.randrange(10**7, 4 * 10**9))

    def email(self) -> str:
        """Return an e-mail address."""
        rng = self._rng
        return (
            rng.choice(["zhangsan", "li.na", "wxy_", "fang-", "sunny"])
            + str(rng.randrange(10, 9999))
            + "@"
            + rng.choice(["qq.com", "163.com", "126.com", "sina.cn", "edu.example.cn", "foxmail.com"])
        )

    def birth_date(self) -> str:
        """Return a full date."""
        rng = self._rng
        year, month, day = rng.randint(2008, 2020), rng.randint(1, 12), rng.randint(1, 28)
        return rng.choice(
            [
                f"{year}年{month}月{day}日",
                f"{year}-{month:02d}-{day:02d}",
                f"{year}.{month}.{day}",
                f"{year}/{month}/{day}",
            ]
        )

    def hotline(self) -> str:
        """Return a public number."""
        return self._rng.choice(_HOTLINES)

    def document_number(self) -> str:
        """Return the number of an official paper."""
        rng = self._rng
        return rng.choice(["晋教", "并教基", "教基一", "运教发", "国办发", "同教字"]) + rng.choice(
            ["〔{}〕{}号", "[{}]{}号", "〔{}〕第{}号"]
        ).format(rng.randint(2012, 2026), rng.randint(1, 180))

    def isbn(self) -> str:
        """Return an ISBN."""
        digits = f"9787{self._rng.randrange(10**8):08d}"
        return _hyphened(digits, self._rng)

    def order_number(self) -> str:
        """Return the number of an order, a parcel or a ticket of work."""
        rng = self._rng
        return (
            rng.choice(["", "SF", "YT", "JD", "DD-", "NO."])
            + str(rng.randint(2, 9))
            + f"{rng.randrange(10**12):012d}"[: rng.randint(8, 12)]
        )

    def _id(self) -> str:
        rng = self._rng
        adult = rng.random() < 0.4
        year = rng.randint(1950, 1992) if adult else rng.randint(2007, 2020)
        day = f"{year}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
        body = f"{rng.choice(self._counties)}{day}{rng.randrange(1000):03d}"
        return body + _check(body)

    def _misread(self, mobile: str) -> str:
        places = [index for index in range(1, 11) if mobile[index] in _OCR]
        if not places:
            return mobile
        place = self._rng.choice(places)
        return mobile[:place] + _OCR[mobile[place]] + mobile[place + 1 :]


def _hyphened(digits: str, rng: random.Random) -> str:
    """Return 13 digits of an ISBN with or without hyphens, with the right check digit."""
    total = sum(int(one) * (3 if number % 2 else 1) for number, one in enumerate(digits))
    whole = digits + str(-total % 10)
    return whole if rng.random() < 0.4 else f"{whole[:3]}-{whole[3]}-{whole[4:7]}-{whole[7:12]}-{whole[12]}"


def _check(body: str) -> str:
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]


def _luhn(body: str) -> str:
    total = 0
    for number, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if number % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)
