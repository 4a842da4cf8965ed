"""What an extract may be asked for beyond fields and rows: as changes since an earlier one, compressed, encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from gateway.anonymize.plan import Plan
from gateway.errors import ParameterError
from gateway.ids import AccountId, GrantId
from gateway.journal import JsonValue
from gateway.releases.envelopes import EnvelopeKey
from gateway.releases.errors import BaselineUnusableError, IncrementRefusedError, NoEncryptionKeyError
from gateway.releases.records import COMPRESSIBLE, Extract, ExtractRequest, ExtractState
from gateway.releases.uses import conditions

CHANGE = "change"
"""The column that says what became of a row."""
_WHOLE = frozenset({ExtractState.READY, ExtractState.EXPIRED})


class RecipientKeys(Protocol):
    """Which key a recipient's system wants its extracts encrypted to."""

    def of(self, account: AccountId) -> Mapping[str, str] | None:
        """Return the public JWK, ``None`` when it has none."""

    def always(self, account: AccountId) -> bool:
        """Say whether every extract of the account is to be encrypted, asked for or not."""


def require_compressible(request: ExtractRequest) -> None:
    """Return when the compression that is asked for makes the file smaller. Raises ``ParameterError``."""
    if request.compression is not None and request.format not in COMPRESSIBLE:
        raise ParameterError(
            f"A {request.format} file is compressed in itself: leave out 'compression'.",
            detail_zh=f"{request.format} 文件本身已压缩，请去掉 compression。",
        )


def with_key(request: ExtractRequest, keys: RecipientKeys | None, account: AccountId) -> ExtractRequest:
    """Return ``request`` with the key to encrypt to, where it asks for that or the system always wants it.

    Raises ``NoEncryptionKeyError``: what should be encrypted and cannot be does not leave (I8). The key is kept with
    the request: what is registered later concerns later extracts.
    """
    if not request.encrypt and not (keys is not None and keys.always(account)):
        return request
    key = None if keys is None else keys.of(account)
    if key is None:
        raise NoEncryptionKeyError(
            "This system has no key of use 'enc' in its key set: register one, or ask without 'encrypt'.",
            detail_zh="该客户端的公钥集中没有 use 为 enc 的密钥：请登记，或不要求加密。",
        )
    return replace(request, encrypt=True, encrypt_to=EnvelopeKey.of(key).jwk)


def asked_facts(request: ExtractRequest) -> dict[str, JsonValue]:
    """Return what the audit trail says of this, where it was asked for: of the key only its id."""
    facts: dict[str, JsonValue] = {}
    if request.since is not None:
        facts["since"] = request.since
    if request.compression is not None:
        facts["compression"] = request.compression
    if request.encrypt_to is not None:
        facts["encrypted_to"] = request.encrypt_to["kid"]
    return facts


def require_longitudinal(plan: Plan) -> None:
    """Return when changes can be told under ``plan``. Raises ``IncrementRefusedError`` with the reason otherwise."""
    if plan.level == "anonymous":
        raise IncrementRefusedError(
            "An anonymous release has no rows that could be recognised, and the difference of two of them is what "
            "singles pupils out. Ask for all rows again (earlier releases are taken into account), or apply for a "
            "longitudinal profile of level 'pseudonymous'.",
            detail_zh="匿名数据的行无法对应，两次结果之差恰会暴露个人。请重新提取全部数据（系统会核对以往提供的数据），"
            "或申请去标识级别的跟踪方案。",
            missing=("since",),
        )
    if not plan.pseudonymous:
        raise IncrementRefusedError(
            "The rows of this release have no pseudonym by which a change could be told from a new pupil. Ask for all "
            "rows, or apply for a longitudinal profile of level 'pseudonymous'.",
            detail_zh="此级别的行没有假名，无法区分变动与新增。请提取全部数据，或申请去标识级别的跟踪方案。",
            missing=("since",),
        )
    if not plan.longitudinal:
        raise IncrementRefusedError(
            "Pseudonyms differ from extract to extract under this profile, so a change cannot be told from a new "
            "pupil. Ask for all rows, or apply for a longitudinal profile.",
            detail_zh="本方案每次提取的假名不同，无法区分变动与新增。请提取全部数据，或申请可跟踪的方案。",
            missing=("since",),
        )
    if CHANGE in plan.names:
        raise IncrementRefusedError(
            f"The profile has a field '{CHANGE}' of its own; ask for all rows.",
            detail_zh=f"方案自身含有字段 {CHANGE}，请提取全部数据。",
            missing=("since",),
        )


def require_baseline(base: Extract | None, grant: GrantId, request: ExtractRequest, granted: tuple[str, ...]) -> None:
    """Return when the recipient holds ``base`` and it is of the same fields and rows.

    Raises ``BaselineUnusableError``. An extract of another grant gets the answer of one that does not exist.
    """
    problem: tuple[str, str] | None = None
    if base is None or base.grant != grant:
        problem = ("there is no such extract of this grant", "该授权下没有这一提取")
    elif base.first_delivery_at is None or base.state not in _WHOLE:
        problem = ("it was never fetched, or was deleted since", "该提取从未领取或已销毁")
    elif set(base.request.fields or granted) != set(request.fields or granted):
        problem = ("it has other fields", "该提取的字段不同")
    elif conditions(base.request) != conditions(request):
        problem = ("it is of other stages, grades or schools", "该提取的学段、年级或学校范围不同")
    if problem is not None:
        raise BaselineUnusableError(
            f"The extract in 'since' cannot be compared with: {problem[0]}. Name the last extract that you hold of the "
            "same fields and rows, or leave 'since' out.",
            detail_zh=f"不能以 since 所指的提取为基准：{problem[1]}。"
            "请指明所持有的、字段和范围相同的最近一次提取，或不带 since。",
            missing=("since",),
        )
