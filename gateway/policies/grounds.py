"""Does a legal ground hold? Art. 50 knows two, and no third way (``A50-5``).

Every problem is collected, so that an officer sees at once all that is missing; each says what to change
in Chinese and English and names its rule.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Final

from gateway.ids import RecipientId
from gateway.policies.errors import GroundRefusedError
from gateway.policies.ground_problems import GroundProblem, problem
from gateway.policies.records import GovernmentApproval, Ground, Scope, StatuteGround
from gateway.policies.scope import Ceiling
from rulebook.records import Division, Divisions, Rulebook

STATE_DIVISION: Final = "000000"
"""Stands for the State Council, whose approval reaches every division."""

KINDS: Final = {"law": "法律", "administrative_regulation": "行政法规", "local_regulation": "地方性法规"}
"""What 法律法规 means (``Q-3``): a departmental rule or a notice is none of them."""

ACTS: Final = {
    "reply": "批复",
    "office_document": "政府办公室文件（载明经政府同意）",
    "minutes": "会议纪要",
    "signed_sheet": "签批件",
}

_STATE_NAMES: Final = frozenset({"国务院", "中华人民共和国国务院"})
_GOVERNMENT: Final = "人民政府"
_OFFICES: Final = ("办公厅", "办公室")
_EDUCATION: Final = re.compile(r"教育(?:体育|和体育|科技|文化)*(?:局|厅|委员会|部)|教(?:体|科)?局|教委|教育厅")
_TOWNSHIP: Final = re.compile(r"(?:乡|镇|街道|苏木)(?:人民政府|办事处)|街道办|村民委员会|居民委员会")
_ZONE: Final = re.compile(r"管委会|管理委员会|开发区|示范区|高新区|经开区|园区|新区管")
_DIGITS: Final = 6
_ZONE_DIGIT: Final = 4  # index of the fifth digit of a division code; 7 marks a statistical development zone
_BRACKETS: Final = str.maketrans(dict.fromkeys("[［【(（〈《「", "〔") | dict.fromkeys("]］】)）〉》」", "〕"))
_DOCUMENT_NUMBER: Final = re.compile(r"[\u3400-\u9fff]{1,16}〔(\d{4})〕第?\d{1,5}[号次期]")
_REGISTRATION_NUMBER: Final = re.compile(r"[\u3400-\u9fff]{2,20}(?:登|登记|签|批|纪)字?第?(\d{4})-\d{1,6}号?")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


def normalize_document_number(text: str) -> str:
    """Return a 文号 with 〔〕 as brackets, half-width digits and no blanks. Total and idempotent."""
    folded = "".join(unicodedata.normalize("NFKC", ch) if ch.isdigit() or ch in "－～" else ch for ch in text)
    return "".join(folded.translate(_BRACKETS).split())


def normalize_ground(ground: Ground) -> Ground:
    """Return the ground as it is stored: number and hash in their normal form, names without blanks."""
    if isinstance(ground, StatuteGround):
        return replace(ground, legal_basis=ground.legal_basis.strip())
    return replace(
        ground,
        government="".join(ground.government.split()),
        document_number=normalize_document_number(ground.document_number),
        scan_sha256=ground.scan_sha256.strip().lower(),
        signatory=ground.signatory.strip(),
        scope_text=ground.scope_text.strip(),
    )


def problems(
    ground: Ground, scope: Scope, recipient: RecipientId, book: Rulebook, today: date
) -> tuple[GroundProblem, ...]:
    """Return everything that is wrong with ``ground`` as the basis of ``scope`` on the civil date ``today``.

    Empty means that it holds. Source: ``A50-5`` to ``A50-7``, ``Q-3``, ``Q-4``.
    """
    normal = normalize_ground(ground)
    if isinstance(normal, StatuteGround):
        return tuple(_statute_problems(normal, scope, book, today))
    return tuple(_approval_problems(normal, scope, recipient, book.divisions, today))


def require_ground(ground: Ground, scope: Scope, recipient: RecipientId, book: Rulebook, today: date) -> None:
    """Return when the ground holds; raise ``GroundRefusedError`` that names every problem otherwise."""
    found = problems(ground, scope, recipient, book, today)
    if found:
        raise GroundRefusedError(
            " ".join(one.en for one in found),
            detail_zh="".join(one.zh for one in found),
            rule=found[0].rule,
            missing=tuple(one.code for one in found),
        )


def ceiling(ground: Ground, book: Rulebook) -> Ceiling:
    """Return the basis ceiling of a ground that holds: what it allows at the most (I6).

    Raises ``GroundRefusedError`` for a legal basis that the rule book does not know.
    """
    if isinstance(ground, StatuteGround):
        basis = book.legal_bases.get(ground.legal_basis)
        if basis is None:
            raise GroundRefusedError(
                "The legal basis is not in the catalogue.",
                detail_zh="依据目录中没有该法律法规。",
                rule="A50-6",
                missing=("legal_basis",),
            )
        return Ceiling(
            name=f"basis {basis.code}",
            purposes=basis.purposes,
            levels=basis.levels,
            fields=basis.fields,
            valid_from=basis.effective,
        )
    return Ceiling(
        name=f"approval {ground.document_number}",
        levels=ground.levels,
        fields=ground.fields,
        territories=reach(ground.division, book.divisions),
        valid_from=ground.dated,
        valid_to=ground.valid_to,
    )


def reach(division: str, divisions: Divisions) -> frozenset[str]:
    """Return the managing authorities that the government of ``division`` reaches (``Q-4``)."""
    return frozenset(divisions.by_code) if division == STATE_DIVISION else divisions.territory(division)


def label(ground: Ground, book: Rulebook) -> str:
    """Return what a person reads: law and article, or government and 文号."""
    if isinstance(ground, StatuteGround):
        basis = book.legal_bases.get(ground.legal_basis)
        return f"《{basis.title}》{basis.article}" if basis else ground.legal_basis
    return f"{ground.government} {ground.document_number}"


def _statute_problems(ground: StatuteGround, scope: Scope, book: Rulebook, today: date) -> Iterator[GroundProblem]:
    basis = book.legal_bases.get(ground.legal_basis)
    if basis is None:
        yield problem("legal_basis")
        return
    # the catalogue is data that an official may change: the kind is checked here too
    if basis.kind not in KINDS:
        yield problem("kind")
    if not basis.verified:
        yield problem("text_unverified")
    if scope.purpose not in basis.purposes:
        yield problem("basis_purpose")
    if scope.level.value not in basis.levels:
        yield problem("basis_level")
    beyond = sorted(set(scope.fields) - basis.fields)
    if beyond:
        yield problem("basis_fields", names=", ".join(beyond))
    if ground.determined_on > today:
        yield problem("determined_on")
    if min(ground.determined_on, today) < basis.effective:
        yield problem("effective", day=basis.effective)


def _approval_problems(
    ground: GovernmentApproval, scope: Scope, recipient: RecipientId, divisions: Divisions, today: date
) -> Iterator[GroundProblem]:
    yield from _government_problems(ground, divisions)
    yield from _document_problems(ground, today)
    if ground.valid_to < today:
        yield problem("expired", day=ground.valid_to)
    elif not ground.dated <= scope.valid_from <= ground.valid_to:
        yield problem("validity", first=ground.dated, last=ground.valid_to)
    if scope.population.territory not in reach(ground.division, divisions):
        yield problem("territory")
    if ground.recipient is not None and ground.recipient != recipient:
        yield problem("approved_recipient")
    if ground.levels is not None and scope.level.value not in ground.levels:
        yield problem("approved_level")
    if ground.fields is not None and not ground.fields.intersection(scope.fields):
        yield problem("approved_fields")


def _government_problems(ground: GovernmentApproval, divisions: Divisions) -> Iterator[GroundProblem]:
    name_code = _name_problem(ground.government, ground.act)
    division_code = _division_problem(ground.division, divisions)
    for code in dict.fromkeys(filter(None, (name_code, division_code))):
        yield problem(code)
    if name_code or division_code:
        return
    if ground.division == STATE_DIVISION:
        if ground.government not in _STATE_NAMES:
            yield problem("government_name", expected="国务院")
        return
    division = divisions.by_code[ground.division]
    if _base_name(ground.government) not in _names(division, divisions):
        yield problem("government_name", expected=division.name + _GOVERNMENT)


def _name_problem(name: str, act: str) -> str | None:
    """Return the code of what is wrong with the name of the approving body by itself."""
    for code, pattern in (("education_department", _EDUCATION), ("township", _TOWNSHIP), ("zone", _ZONE)):
        if pattern.search(name):
            return code
    if name in _STATE_NAMES or name.endswith(_GOVERNMENT):
        return None
    if name.endswith(tuple(_GOVERNMENT + office for office in _OFFICES)):
        return None if act == "office_document" else "government_office"
    return "not_a_government"


def _division_problem(code: str, divisions: Divisions) -> str | None:
    """Return the code of what is wrong with the division: a township, a zone, or none with a government."""
    if code == STATE_DIVISION:
        return None
    division = divisions.by_code.get(code)
    if division is None:
        return "township" if code[:_DIGITS] in divisions.by_code and len(code) > _DIGITS else "division"
    if division.zone or (division.level == "county" and code[_ZONE_DIGIT] == "7"):
        return "zone"
    return "division" if _only_groups(division.name) else None


def _document_problems(ground: GovernmentApproval, today: date) -> Iterator[GroundProblem]:
    if ground.act not in ACTS:
        yield problem("act")
    number = ground.document_number
    form = _DOCUMENT_NUMBER.fullmatch(number) or _REGISTRATION_NUMBER.fullmatch(number)
    if not number:
        yield problem("document_number")
    elif form is None or int(form.group(1)) > ground.dated.year:
        yield problem("document_number_form")
    if not ground.signatory:
        yield problem("signatory")
    if not ground.scope_text:
        yield problem("scope_text")
    if ground.dated > today:
        yield problem("dated")
    if not _HASH.fullmatch(ground.scan_sha256):
        yield problem("scan")


def _base_name(government: str) -> str:
    for suffix in (*(_GOVERNMENT + office for office in _OFFICES), _GOVERNMENT):
        if government.endswith(suffix):
            return government.removesuffix(suffix)
    return government


def _names(division: Division, divisions: Divisions) -> frozenset[str]:
    """Return every way to write the division: alone, after the unit above it, and after the whole chain."""
    names = {division.name, division.full_name}
    prefix = ""
    for code in divisions.ancestors(division.code)[1:]:
        above = divisions.by_code[code].name
        if not _only_groups(above):
            prefix = above + prefix
            names |= {prefix + division.name, above + division.name}
    return frozenset(names)


def _only_groups(name: str) -> bool:
    """Whether a row of GB/T 2260 only groups counties: it has no people's government of its own."""
    return name in {"市辖区", "县"} or "直辖县级" in name
