"""Does a legal ground hold? Art. 50 knows two, and no third way (``A50-5``).

Every problem is collected, so that an officer sees at once all that is missing; each says what to change
in Chinese and English and names its rule.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Final, Literal

from gateway.articles import keeps
from gateway.ids import RecipientId
from gateway.policies.document_numbers import NumberForm, normalize_document_number, read_number
from gateway.policies.errors import GroundRefusedError
from gateway.policies.ground_problems import GroundProblem, problem
from gateway.policies.records import GovernmentApproval, Ground, Scope, StatuteGround
from gateway.policies.scope import Ceiling
from rulebook.legal import LEGAL_KINDS, is_notice
from rulebook.records import Division, Divisions, LegalBasis, Rulebook

__all__ = [
    "ACTS",
    "LEAST_REASONING",
    "STATE_DIVISION",
    "ceiling",
    "government_level",
    "label",
    "normalize_document_number",
    "normalize_ground",
    "problems",
    "reach",
    "require_ground",
    "shown_codes",
    "texts_of",
    "visible",
]

STATE_DIVISION: Final = "000000"
"""Stands for the State Council, whose approval reaches every division."""

LEAST_REASONING: Final = 10
"""Characters in which the subsumption under a law is said at the least."""

ACTS: Final = {
    "reply": "批复",
    "office_document": "政府办公室文件（载明经政府同意）",
    "minutes": "会议纪要",
    "signed_sheet": "签批件",
}

_STATE_NAMES: Final = frozenset({"国务院", "中华人民共和国国务院"})
_GOVERNMENT: Final = "人民政府"
_OFFICES: Final = ("办公厅", "办公室")
_CONSENT: Final = re.compile(
    r"(?<![未不])经[^。；]{0,24}(?:政府|省长|市长|县长|区长|州长|盟长|常务会议)[^。；不未]{0,8}同意"
)
_PARTY: Final = re.compile(r"中共|中国共产党|党委|党组|党工委|纪委|省委|市委|县委|区委|(?:组织|宣传|统战)部|政法委")
_EDUCATION: Final = re.compile(r"教育(?:体育|和体育|科技|文化)*(?:局|厅|委员会|部)|教(?:体|科)?局|教委|教育厅")
_TOWNSHIP: Final = re.compile(r"(?:乡|镇|街道|苏木)(?:人民政府|办事处)|街道办|村民委员会|居民委员会")
_ZONE: Final = re.compile(r"管委会|管理委员会|开发区|示范区|高新区|经开区|园区|新区管")
_DIGITS: Final = 6
_ZONE_DIGIT: Final = 4  # index of the fifth digit of a division code; 7 marks a statistical development zone
_CODE: Final = re.compile(r"[a-z](?:[a-z_-]|[0-9](?![0-9])){0,39}")
_CREDIT_CODE: Final = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


def normalize_ground(ground: Ground) -> Ground:
    """Return the ground as it is stored: number and hash in their normal form, names without blanks."""
    if isinstance(ground, StatuteGround):
        return replace(
            ground,
            legal_basis=ground.legal_basis.strip(),
            reasoning=visible(ground.reasoning),
            determined_by=visible(ground.determined_by),
            text_sha256=ground.text_sha256.strip().lower(),
        )
    return replace(
        ground,
        government="".join(visible(ground.government).split()),
        document_number=normalize_document_number(ground.document_number),
        scan_sha256=ground.scan_sha256.strip().lower(),
        signatory=visible(ground.signatory),
        scope_text=visible(ground.scope_text),
        population_text=visible(ground.population_text),
    )


def visible(text: str) -> str:
    """Return what a reader sees of a text: without characters of no width, and without blanks around it."""
    return "".join(one for one in text if unicodedata.category(one) not in {"Cf", "Cs"}).strip()


def shown_codes(codes: Iterable[str]) -> str:
    """Return codes for an error text; what does not look like a code is not repeated, it may be a person's (I7)."""
    return ", ".join(one if _CODE.fullmatch(one) else "…" for one in sorted(codes))


def texts_of(book: Rulebook) -> Mapping[str, str]:
    """Return legal basis -> SHA-256 of the text that the rule book itself holds. Nobody confirmed these here."""
    return {code: basis.text_sha256 for code, basis in book.legal_bases.items() if basis.text_sha256 is not None}


def problems(
    ground: Ground,
    scope: Scope,
    recipient: RecipientId,
    book: Rulebook,
    today: date,
    *,
    texts: Mapping[str, str] | None = None,
) -> tuple[GroundProblem, ...]:
    """Return everything that is wrong with ``ground`` as the basis of ``scope`` on the civil date ``today``.

    ``texts`` is legal basis -> SHA-256 of the text on which it stands now (``legal_texts.standing``); ``None`` takes
    those of the rule book. Empty means that the ground holds. Source: ``A50-5`` to ``A50-7``, ``Q-3``, ``Q-4``.
    """
    normal = normalize_ground(ground)
    if isinstance(normal, StatuteGround):
        return tuple(_statute_problems(normal, scope, book, today, texts_of(book) if texts is None else texts))
    return tuple(_approval_problems(normal, scope, recipient, book, today))


def require_ground(
    ground: Ground,
    scope: Scope,
    recipient: RecipientId,
    book: Rulebook,
    today: date,
    *,
    texts: Mapping[str, str] | None = None,
    also: tuple[GroundProblem, ...] = (),
) -> None:
    """Return when the ground holds and ``also`` is empty; raise ``GroundRefusedError`` that names every problem."""
    found = (*problems(ground, scope, recipient, book, today, texts=texts), *also)
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
            valid_to=None if basis.repealed is None else basis.repealed - timedelta(days=1),
        )
    return Ceiling(
        name=f"approval {ground.document_number}",
        purposes=ground.purposes,
        levels=ground.levels,
        fields=ground.fields,
        territories=reach(ground.division, book.divisions),
        valid_from=ground.dated,
        valid_to=ground.valid_to,
    )


def reach(division: str, divisions: Divisions) -> frozenset[str]:
    """Return the managing authorities that the government of ``division`` reaches (``Q-4``)."""
    return frozenset(divisions.by_code) if division == STATE_DIVISION else divisions.territory(division)


def government_level(division: str, divisions: Divisions) -> Literal["state", "province", "city", "county"] | None:
    """Return the level of the government of a division code, ``None`` when no government of that kind has it."""
    if division == STATE_DIVISION:
        return "state"
    if _division_problem(division, divisions) is not None:
        return None
    return divisions.by_code[division].level


def label(ground: Ground, book: Rulebook) -> str:
    """Return what a person reads: law and article, or government and 文号."""
    if isinstance(ground, StatuteGround):
        basis = book.legal_bases.get(ground.legal_basis)
        return f"《{basis.title}》{ground.article or basis.article}" if basis else ground.legal_basis
    return f"{ground.government} {ground.document_number}"


@keeps("A50-6")
def _statute_problems(
    ground: StatuteGround, scope: Scope, book: Rulebook, today: date, texts: Mapping[str, str]
) -> Iterator[GroundProblem]:
    basis = book.legal_bases.get(ground.legal_basis)
    if basis is None:
        yield problem("legal_basis")
        return
    # the catalogue is data that an official may change: the kind is checked here too
    if basis.kind not in LEGAL_KINDS or is_notice(basis.title):
        yield problem("kind")
    standing = texts.get(basis.code)
    if standing is None:
        yield problem("text_unverified")
    elif (ground.text_sha256 and ground.text_sha256 != standing) or (ground.article not in {"", basis.article}):
        yield problem("text_changed")
    if len(ground.reasoning) < LEAST_REASONING:
        yield problem("reasoning", least=LEAST_REASONING)
    yield from _ceiling_problems(basis, scope)
    if ground.determined_on > today:
        yield problem("determined_on")
    if min(ground.determined_on, today) < basis.effective:
        yield problem("effective", day=basis.effective)
    if basis.repealed is not None and basis.repealed <= max(today, scope.valid_from):
        yield problem("repealed", day=basis.repealed)


def _ceiling_problems(basis: LegalBasis, scope: Scope) -> Iterator[GroundProblem]:
    if scope.purpose not in basis.purposes:
        yield problem("basis_purpose")
    if scope.level.value not in basis.levels:
        yield problem("basis_level")
    beyond = sorted(set(scope.fields) - basis.fields)
    if beyond:
        yield problem("basis_fields", names=", ".join(beyond))


@keeps("A50-7")
def _approval_problems(
    ground: GovernmentApproval, scope: Scope, recipient: RecipientId, book: Rulebook, today: date
) -> Iterator[GroundProblem]:
    yield from _government_problems(ground, book.divisions)
    yield from _document_problems(ground, today)
    if ground.valid_to < today:
        yield problem("expired", day=ground.valid_to)
    elif not ground.dated <= scope.valid_from <= ground.valid_to:
        yield problem("validity", first=ground.dated, last=ground.valid_to)
    if scope.population.territory not in reach(ground.division, book.divisions):
        yield problem("territory")
    yield from _named_problems(ground, scope, recipient)
    if unknown := set(_unknown_codes(ground, book)):
        yield problem("approved_unknown", names=shown_codes(unknown))


def _named_problems(ground: GovernmentApproval, scope: Scope, recipient: RecipientId) -> Iterator[GroundProblem]:
    """Yield what the document names and the application does not keep to; what it does not name limits nothing."""
    if ground.recipient is not None and ground.recipient != recipient:
        yield problem("approved_recipient")
    elif ground.recipients is not None and recipient not in ground.recipients:
        yield problem("approved_recipient")
    if ground.purposes is not None and scope.purpose not in ground.purposes:
        yield problem("approved_purpose")
    if ground.levels is not None and scope.level.value not in ground.levels:
        yield problem("approved_level")
    if ground.fields is not None and not ground.fields.intersection(scope.fields):
        yield problem("approved_fields")


def _unknown_codes(ground: GovernmentApproval, book: Rulebook) -> Iterator[str]:
    """Yield every code of the approval that names nothing: one that is mistyped would narrow it unnoticed."""
    fields = frozenset(field.name for profile in book.profiles.values() for field in profile.fields)
    yield from (ground.fields or frozenset()) - fields
    yield from (ground.purposes or frozenset()) - book.purposes.keys()
    yield from (one for one in ground.recipients or () if not _CREDIT_CODE.fullmatch(one))


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
    for code, pattern in (
        ("party_organ", _PARTY),
        ("education_department", _EDUCATION),
        ("township", _TOWNSHIP),
        ("zone", _ZONE),
    ):
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
    yield from _act_problems(ground)
    yield from _number_problems(ground)
    if not ground.signatory:
        yield problem("signatory")
    if not ground.scope_text:
        yield problem("scope_text")
    if ground.dated > today:
        yield problem("dated")
    if not _HASH.fullmatch(ground.scan_sha256):
        yield problem("scan")


def _act_problems(ground: GovernmentApproval) -> Iterator[GroundProblem]:
    """Yield what this kind of act needs and lacks (``A50-7``)."""
    match ground.act:
        case "office_document":
            if not (ground.states_consent or _CONSENT.search(ground.scope_text)):
                yield problem("consent_not_stated")
        case "minutes":
            if ground.meeting_date is None or ground.meeting_date > ground.dated:
                yield problem("meeting_date")
        case "reply" | "signed_sheet":
            pass
        case _:
            yield problem("act")


def _number_problems(ground: GovernmentApproval) -> Iterator[GroundProblem]:
    if not ground.document_number:
        yield problem("document_number")
        return
    read = read_number(ground.document_number)
    if ground.act == "signed_sheet":
        if NumberForm.REGISTRATION not in read.forms:
            yield problem("registration_number")
    else:
        taken = {NumberForm.DOCUMENT, NumberForm.REGISTRATION}
        if ground.act == "minutes":
            taken.add(NumberForm.MEETING)
        if not taken & read.forms:
            yield problem("document_number_form")
            return
    if read.year is not None and read.year > ground.dated.year:
        yield problem("document_number_form")


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
