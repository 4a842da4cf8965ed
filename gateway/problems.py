"""The one table from errors to problems (RFC 9457): status and wording live here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core_registry.errors import (
    CaseNotFoundError,
    CaseRefusedError,
    EvidenceRefusedError,
    RegisterChangedError,
    RegisterRuleError,
    RegistryError,
    RegistryUnavailableError,
    SealedValueError,
    ShrinkGuardError,
    StaleCaseError,
    StudentNotFoundError,
    UnreadableFileError,
    ValuesError,
)
from gateway import errors
from gateway.accounts import errors as accounts
from gateway.anonymize import errors as anonymize
from gateway.audit import errors as audit
from gateway.families import errors as families
from gateway.identity import errors as identity
from gateway.policies import errors as policies
from gateway.releases import errors as releases
from gateway.releases.ledger import errors as ledger
from gateway.releases.statistics import errors as statistics


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem: the last part of its ``type`` URI, the HTTP status, and its title in both languages."""

    name: str
    status: int
    title_zh: str
    title: str


Listed = Mapping[str, list[Mapping[str, str | int | None]]]
"""Members of a problem that are lists, each of flat objects."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem as people and programs read it. Holds no personal data (I7)."""

    kind: ProblemType
    detail: str = ""
    detail_zh: str = ""
    rule: str | None = None
    missing: tuple[str, ...] = ()
    extra: dict[str, str | int] = field(default_factory=dict)
    listed: Listed = field(default_factory=dict)
    """Extension members that are lists: ``results``, what each rule says; ``errors``, what is wrong with each value."""

    def document(self) -> dict[str, object]:
        """Return the members of the problem document; ``type`` is relative to the service."""
        document: dict[str, object] = {
            "type": f"/problems/{self.kind.name}",
            "title": f"{self.kind.title_zh} / {self.kind.title}",
            "status": self.kind.status,
        }
        if self.detail:
            document["detail"] = self.detail
        if self.detail_zh:
            document["detail_zh"] = self.detail_zh
        if self.rule:
            document["rule"] = self.rule
            document["basis"] = _basis(self.rule)
        if self.missing:
            document["missing"] = list(self.missing)
        document.update(self.extra)
        document.update(self.listed)
        return document


UNEXPECTED = ProblemType("unexpected", 500, "系统内部错误", "Something went wrong inside")
INVALID_INPUT = ProblemType("invalid-input", 422, "输入不符合要求", "The input does not fit")
NOT_FOUND = ProblemType("not-found", 404, "未找到", "Not found")
METHOD = ProblemType("method-not-allowed", 405, "不支持此方法", "The method is not allowed here")
TOO_LARGE = ProblemType("too-large", 413, "请求过大", "The request is too large")
TOO_MANY = ProblemType("too-many-requests", 429, "请求过于频繁", "Too many requests")
UNSUPPORTED = ProblemType("unsupported-media-type", 415, "不支持的内容类型", "The media type is not supported")
BAD_REQUEST = ProblemType("bad-request", 400, "请求有误", "The request cannot be understood")
RANGE = ProblemType("range-not-satisfiable", 416, "请求的范围无效", "The range cannot be satisfied")

TABLE: dict[type[Exception], ProblemType] = {
    errors.GatewayError: ProblemType("refused", 422, "未能办理", "The request was refused"),
    errors.ParameterError: INVALID_INPUT,
    errors.NotFoundError: NOT_FOUND,
    errors.ForbiddenError: ProblemType("forbidden", 403, "不允许", "Not permitted"),
    errors.ConflictError: ProblemType("conflict", 409, "状态冲突", "The state does not allow this"),
    errors.UnauthenticatedError: ProblemType("unauthenticated", 401, "请先登录", "Sign in first"),
    errors.UnavailableError: ProblemType("unavailable", 503, "服务暂不可用", "Temporarily unavailable"),
    errors.ConfigurationError: ProblemType("not-configured", 503, "系统配置不完整", "Not configured"),
    policies.GroundRefusedError: ProblemType("ground-refused", 422, "提供依据不成立", "The legal ground does not hold"),
    policies.ScopeExceededError: ProblemType("scope-exceeded", 403, "超出申请使用范围", "Outside the granted scope"),
    policies.ApplicationIncompleteError: ProblemType(
        "application-incomplete", 422, "申请材料不完整", "The application is incomplete"
    ),
    policies.AssessmentRefusedError: ProblemType(
        "assessment-refused", 422, "影响评估未通过", "The impact assessment does not carry this"
    ),
    policies.StaleVersionError: ProblemType("stale-version", 409, "内容已被他人更新", "Somebody else acted in between"),
    policies.WrongStateError: ProblemType("wrong-state", 409, "当前状态不能办理", "Not possible in this state"),
    policies.GrantInvalidError: ProblemType("grant-invalid", 403, "授权签名无效", "The grant does not verify"),
    policies.GrantEndedError: ProblemType("grant-ended", 403, "授权已终止", "The grant has ended"),
    policies.RecipientBarredError: ProblemType("recipient-barred", 403, "该数据使用方暂不得获得", "Recipient barred"),
    policies.TextRefusedError: ProblemType("text-refused", 422, "条文原文不予收存", "The text is not taken"),
    policies.ScanRefusedError: ProblemType("scan-refused", 422, "扫描件不予收存", "The scan is not taken"),
    policies.ScanDamagedError: ProblemType("scan-damaged", 503, "扫描件损坏", "The stored scan is damaged"),
    policies.DisclosureRefusedError: ProblemType("disclosure-refused", 422, "登记未通过", "The entry is not taken"),
    accounts.LockedOutError: ProblemType("locked-out", 429, "尝试次数过多，已暂时锁定", "Too many attempts: locked"),
    accounts.SealedAccountError: ProblemType("account-sealed", 403, "账号已封存", "The account is sealed"),
    accounts.PasswordExpiredError: ProblemType("password-expired", 403, "请先修改密码", "Change the password first"),
    accounts.RulesNotAcknowledgedError: ProblemType(
        "rules-not-acknowledged", 403, "请先确认安全管理制度", "Acknowledge the security rules first"
    ),
    accounts.ScopeRefusedError: ProblemType("scope-refused", 403, "权限范围不符", "The scope is refused"),
    anonymize.UnknownLeafError: ProblemType("unknown-value", 409, "数据值不在层级表中", "A value fits no hierarchy"),
    anonymize.TransformError: ProblemType("transform-failed", 409, "处理失败，已停止提供", "Not as planned: stopped"),
    audit.ProofError: ProblemType("proof-failed", 409, "证明不成立", "The proof does not hold"),
    audit.DamagedLogStopError: ProblemType(
        "log-in-doubt", 503, "审计日志受损，暂停提供", "Stopped until the log holds again"
    ),
    audit.WitnessSilentError: ProblemType(
        "witness-silent", 503, "审计见证中断，暂停提供", "Stopped until the log is witnessed"
    ),
    audit.LogDamagedError: ProblemType("log-damaged", 503, "审计日志损坏", "The audit log is damaged"),
    families.ActivationRefusedError: ProblemType("activation-refused", 403, "激活未成功", "Activation refused"),
    families.PasskeyRefusedError: ProblemType("passkey-refused", 403, "通行密钥未通过", "The passkey does not hold"),
    families.StrongerSignInError: ProblemType("passkey-needed", 403, "请用通行密钥登录", "Sign in with a passkey"),
    families.LastPasskeyError: ProblemType("last-passkey", 409, "最后一个通行密钥", "The last passkey"),
    identity.CredentialRejectedError: ProblemType("credential-rejected", 422, "凭证未通过核验", "Not verified"),
    # OpenID4VCI 1.0 section 8.3.1.2: both are 400, and the code is no bearer token (401) that was sent wrongly
    identity.ProofError: ProblemType("proof-refused", 400, "密钥证明无效", "The key proof does not hold"),
    identity.OAuthRefusedError: ProblemType("wallet-refused", 400, "钱包请求无效", "The request does not hold"),
    identity.SignInRefusedError: ProblemType("sign-in-refused", 400, "登录请求无效", "The sign-in does not hold"),
    releases.LeakSuspectedError: ProblemType("leak-suspected", 409, "疑似泄露，已停止提供", "Leak found: stopped"),
    releases.NotReadyError: ProblemType("not-ready", 409, "尚未准备好", "Not ready yet"),
    releases.ExtractGoneError: ProblemType("extract-gone", 410, "提取文件已不存在", "The extract is gone"),
    releases.IncrementRefusedError: ProblemType(
        "increment-refused", 403, "本授权不提供变动数据", "No changes under this grant"
    ),
    releases.BaselineUnusableError: ProblemType(
        "baseline-unusable", 409, "不能以该提取为基准", "Not an extract to compare with"
    ),
    releases.NoEncryptionKeyError: ProblemType("no-encryption-key", 409, "没有加密公钥", "No key to encrypt to"),
    releases.NotPageableError: ProblemType("not-pageable", 409, "不能分页读取", "Not to be read by pages"),
    releases.ContentDamagedError: ProblemType("content-damaged", 503, "提取文件损坏", "The stored file is damaged"),
    releases.TooManyRowsError: ProblemType("too-many-rows", 403, "超出行数上限", "More rows than allowed"),
    ledger.JointLimitError: ProblemType("joint-limit", 409, "与已持有数据合并后风险过高", "Too telling together"),
    ledger.LedgerDamagedError: ProblemType("ledger-damaged", 503, "提供台账损坏", "The ledger of releases is damaged"),
    ledger.YearlyReleasesError: ProblemType("yearly-releases", 403, "本学年提供次数已满", "No more releases this year"),
    releases.BadListError: ProblemType("bad-list", 422, "名单有误", "The list cannot be taken"),
    releases.ListGoneError: ProblemType("list-gone", 409, "名单已销毁", "The list was destroyed"),
    statistics.BudgetSpentError: ProblemType("budget-spent", 403, "隐私预算不足", "The privacy budget is spent"),
    RegistryError: ProblemType("registry-refused", 422, "学籍系统未能办理", "The registry refused"),
    RegisterChangedError: ProblemType("register-changed", 409, "学籍数据已变动", "The register changed in between"),
    RegisterRuleError: ProblemType("register-rule", 422, "不符合学籍管理规定", "Against a rule of the registry"),
    UnreadableFileError: ProblemType("unreadable-file", 422, "文件无法读取", "The file cannot be read as a form"),
    ShrinkGuardError: ProblemType("shrink-guard", 409, "变动幅度过大", "The file would change too much"),
    StudentNotFoundError: NOT_FOUND,
    CaseNotFoundError: NOT_FOUND,
    CaseRefusedError: ProblemType("case-refused", 422, "不符合办理条件", "Rules stop this request"),
    StaleCaseError: ProblemType("case-stale", 409, "该业务或学籍已被他人更新", "Changed meanwhile by somebody else"),
    ValuesError: ProblemType("invalid-values", 422, "填写内容有误", "Values do not fit the procedure"),
    EvidenceRefusedError: ProblemType("evidence-refused", 422, "证明材料不予接收", "The evidence is not accepted"),
    RegistryUnavailableError: ProblemType("registry-unavailable", 503, "学籍库暂不可用", "The registry is unavailable"),
    SealedValueError: ProblemType("sealed-value", 503, "加密数据无法打开", "An encrypted value does not open"),
}
"""Error class -> problem; a class that is not listed takes that of its nearest listed parent."""

UNSTARTED = (UNEXPECTED, INVALID_INPUT, NOT_FOUND, METHOD, TOO_LARGE, TOO_MANY, UNSUPPORTED, BAD_REQUEST, RANGE)
"""The problems that HTTP itself knows, before a service is asked."""

CATALOGUE: dict[str, ProblemType] = {
    kind.name: kind for kind in sorted({*UNSTARTED, *TABLE.values()}, key=lambda kind: kind.name)
}
"""Every problem there is, by the last part of its ``type``; ``/problems/{name}`` explains it."""

_ROOMS = (accounts, anonymize, audit, families, identity, policies, releases)
"""The rooms whose errors are covered; a test walks them."""


def problem_of(error: Exception) -> Problem | None:
    """Return the problem of a known error, ``None`` for one that nobody raises on purpose."""
    for parent in type(error).__mro__:
        kind = TABLE.get(parent)
        if kind is None:
            continue
        if isinstance(error, errors.GatewayError):
            extra = dict(error.extra)
            return Problem(kind, error.detail, error.detail_zh, error.rule, error.missing, extra, _listed(error))
        if isinstance(error, RegistryError):
            return Problem(kind, error.detail, error.detail_zh, error.rule, listed=_listed(error))
    return None


def _listed(error: Exception) -> Listed:
    match error:
        case releases.BadListError():
            return {
                "errors": [
                    {"row": one.row, "column": one.column, "detail": one.detail, "detail_zh": one.detail_zh}
                    for one in error.problems
                ]
            }
        case CaseRefusedError():
            return {"results": [result.document() for result in error.results]}
        case ValuesError():
            return {
                "errors": [
                    {"pointer": f"#/values/{name}", "detail": en, "detail_zh": zh}
                    for name, (zh, en) in error.problems.items()
                ]
            }
        case _:
            return {}


ADVICE: dict[str, tuple[str, str]] = {
    "account-sealed": ("请本单位安全管理员解封；解封须由另一人办理。", "Ask the security administrator to reopen it."),
    "activation-refused": (
        "核对链接和八位确认码；必要时请学校重新出具。",
        "Check the link and the eight digits, or ask the school for a new activation.",
    ),
    "passkey-refused": ("用本账号的通行密钥重试，或请学校重新激活。", "Try again with the passkey of this account."),
    "passkey-needed": ("用通行密钥重新登录后再办理。", "Sign in with a passkey, then act."),
    "last-passkey": ("先添加新的通行密钥，或确认移除。", "Add another passkey first, or confirm the removal."),
    "application-incomplete": ("按 missing 补齐材料后再提交。", "Add what 'missing' names, then submit again."),
    "bad-list": (
        "按 errors 所列的行、列更正名单后重新上传；上次的名单未保存。",
        "Correct the rows and columns in 'errors' and send the list again; nothing of it was kept.",
    ),
    "list-gone": ("重新上传名单。", "Hand the list in again."),
    "budget-spent": (
        "减小 ε、缩小问题，或使用已有的统计结果；预算每学年重新计算。",
        "Ask with less epsilon, ask for less, or use what was answered before; a new school year has a new budget.",
    ),
    "assessment-refused": (
        "按 missing 补充或修改个人信息保护影响评估后再办理。",
        "Complete or change the impact assessment, as 'missing' names, then decide.",
    ),
    "bad-request": ("检查请求体是否为完整的 JSON，头部是否正确。", "Send complete JSON and correct headers."),
    "case-refused": (
        "results 列出每条规则的结论、需要什么、向谁办理；可用 POST /v1/registry/explanations 先行试办。",
        "'results' says for each rule what is needed and whom to ask; try with POST /v1/registry/explanations.",
    ),
    "case-stale": ("重新读取后再办理。", "Read it again, then act."),
    "conflict": ("先读取当前状态，再决定如何办理。", "Read the present state, then decide what to do."),
    "content-damaged": ("请联系运维人员；不要使用已下载的部分。", "Call the operator; do not use what came so far."),
    "credential-rejected": ("按 reason 处理；可请持有人重新出示。", "See 'reason'; ask the holder to present again."),
    "disclosure-refused": (
        "按 missing 补齐或更改；登记中不得出现学生姓名、证件号码、电话。",
        "Complete or change what 'missing' names; no pupil, number of a person or telephone belongs here.",
    ),
    "scan-damaged": ("请联系运维人员；重新上传扫描件。", "Call the operator; hand the scan in again."),
    "scan-refused": (
        "换用 PDF、PNG 或 JPEG 文件，不超过 20 MB。",
        "Send another file: PDF, PNG or JPEG of at most 20 MB.",
    ),
    "text-refused": (
        "按 missing 更改；原文须连同条号从公报或官方数据库抄录，由另一人核对。",
        "Change what 'missing' names; copy the article with its number, and let another officer compare it.",
    ),
    "evidence-refused": (
        "按 detail 更换材料：PDF、JPEG 或 PNG，不超过规定大小，种类与业务相符。",
        "Send another file, as 'detail' says: PDF, JPEG or PNG, not too large, of a kind that the procedure takes.",
    ),
    "baseline-unusable": (
        "按 detail 更换 since 所指的提取，或不带 since 提取全部数据。",
        "Name another extract in 'since', as 'detail' says, or leave it out for all rows.",
    ),
    "increment-refused": (
        "不带 since 提取全部数据；需要连续跟踪的，申请去标识级别的跟踪方案。",
        "Leave out 'since'; to follow pupils, apply for a longitudinal profile of level 'pseudonymous'.",
    ),
    "no-encryption-key": (
        "为客户端登记 use 为 enc 的公钥（P-256 或 RSA）。",
        "Register a public key of use 'enc' (P-256 or RSA) for the client.",
    ),
    "not-pageable": ("用 /content 或 /parts 下载。", "Fetch it from /content, whole or by /parts."),
    "extract-gone": ("在授权有效期内重新提取。", "Start a new extract while the grant lasts."),
    "forbidden": (
        "查看 policy 与 rule；可用 GET /v1/me/permissions 查询自己的权限。",
        "See 'policy' and 'rule'; GET /v1/me/permissions lists what you may do.",
    ),
    "recipient-barred": (
        "按 missing 办理：补交逾期的销毁证明，或恢复数据使用方的登记；之后方可批准。",
        "Do what 'missing' names: hand in overdue deletion certificates, or have the recipient attested again.",
    ),
    "grant-ended": ("授权已到期、用完或撤回，请重新申请。", "It expired, was used up or withdrawn: apply again."),
    "grant-invalid": ("停止使用并联系主管部门核查。", "Stop, and ask the authority to check the grant."),
    "ground-refused": (
        "按 missing 补正依据：法律法规依据，或县级以上人民政府的批准文件。",
        "Correct what 'missing' names: a law or regulation, or an approval of a government of county level or above.",
    ),
    "invalid-input": ("按 errors 逐项修改后重发。", "Change each member named in 'errors' and send again."),
    "invalid-values": (
        "按 errors 逐项修改；各业务的栏目见 GET /v1/registry/procedures。",
        "Change each value named in 'errors'; GET /v1/registry/procedures lists what a procedure takes.",
    ),
    "joint-limit": (
        "按以往提取的字段和范围申请，或选择更粗的字段，或改用统计。",
        "Ask for the fields and pupils of an earlier extract, for coarser fields, or for statistics.",
    ),
    "ledger-damaged": ("请联系运维人员；恢复台账前不提供。", "Call the operator: the ledger must be restored first."),
    "yearly-releases": (
        "使用已提供的数据，或报主管部门调整上限。",
        "Use what was delivered, or ask for a higher limit.",
    ),
    "leak-suspected": ("已停止提供，等待人工核查。", "Nothing leaves until a person has looked at it."),
    "locked-out": ("等待 retry_after 秒后再试。", "Wait for 'retry_after' seconds."),
    "log-damaged": (
        "请联系运维人员和检查员；修复前不提供数据。",
        "Call operator and inspector; nothing is released.",
    ),
    "method-not-allowed": ("查看 Allow 头和 /docs。", "See the header Allow, and /docs."),
    "not-configured": ("请联系运维人员。", "Call the operator."),
    "not-found": (
        "检查编号；不存在与无权查看的答复相同。",
        "Check the id; what does not exist and what you may not see look alike.",
    ),
    "witness-silent": (
        "请审计检查员恢复见证；会签后自动恢复提供。",
        "Let the inspector's witness cosign the log; releases then go on by themselves.",
    ),
    "log-in-doubt": (
        "请审计检查员核验日志；恢复后自动恢复提供。",
        "Let the inspector verify the log; releases go on by themselves when it holds again.",
    ),
    "not-ready": ("稍后查询状态，状态为 ready 后再取。", "Poll the state; go on when it is 'ready'."),
    "wallet-refused": ("按 error 代码修改；必要时向学校重新申领。", "See the code in error; or ask for a new offer."),
    "sign-in-refused": (
        "返回所要登录的服务，重新发起登录。",
        "Go back to the service and sign in there once more.",
    ),
    "password-expired": ("用 POST /v1/me/password 修改密码。", "Change it with POST /v1/me/password."),
    "proof-failed": ("请联系检查员核查日志。", "Ask the inspector to check the log."),
    "proof-refused": ("取新的 c_nonce，用新密钥重新签名。", "Get a new c_nonce and sign again with a new key."),
    "range-not-satisfiable": ("按 Content-Range 给出的长度重新请求。", "Ask within the length in Content-Range."),
    "refused": ("按 detail 修改后再试。", "Change what 'detail' says, then try again."),
    "register-changed": ("重新预览后再导入。", "Preview once more, then import."),
    "register-rule": ("按 rule 所指条款修改。", "Change what breaks the rule that is named."),
    "registry-refused": ("按 detail 修改后再试。", "Change what 'detail' says, then try again."),
    "registry-unavailable": ("稍后再试；期间不提供数据。", "Try again later; nothing is released meanwhile."),
    "rules-not-acknowledged": (
        "阅读 GET /v1/me/rules 并用 POST /v1/me/rules/acknowledgement 确认。",
        "Read GET /v1/me/rules, then POST /v1/me/rules/acknowledgement.",
    ),
    "scope-exceeded": ("只请求授权范围内的内容，或另行申请。", "Ask within the grant, or apply for more."),
    "scope-refused": ("只申请已登记的角色。", "Ask for the roles that the client was registered with."),
    "sealed-value": ("请联系运维人员核查密钥。", "Ask the operator to check the keys."),
    "shrink-guard": ("核对文件；确属实际变动的，确认后再导入。", "Check the file; confirm the change if it is real."),
    "stale-version": ("重新读取后再办理。", "Read it again, then act."),
    "too-large": ("分批发送，或缩小请求。", "Send less, or in parts."),
    "too-many-requests": ("等待 Retry-After 所示秒数。", "Wait for the seconds in Retry-After."),
    "too-many-rows": ("缩小范围，或换用其他格式。", "Narrow the request, or take another format."),
    "transform-failed": ("请联系运维人员；未提供任何数据。", "Call the operator; nothing was released."),
    "unauthenticated": (
        "系统客户端由 /oauth/token、人员由 /v1/sessions 取得令牌，放入 Authorization 头。",
        "Get a token at /oauth/token (clients) or /v1/sessions (people); send it as WWW-Authenticate says.",
    ),
    "unavailable": (
        "等待 Retry-After 所示秒数后再试；期间不提供数据。",
        "Try again after Retry-After.",
    ),
    "unexpected": ("把 incident 编号告诉运维人员。", "Tell the operator the 'incident' number."),
    "unknown-value": ("请联系运维人员补充层级表。", "Ask the operator to complete the hierarchy."),
    "unreadable-file": ("用附件一模板重新填写并上传。", "Fill in the template of Annex 1 and send it again."),
    "unsupported-media-type": ("按 /docs 设置 Content-Type。", "Set Content-Type as /docs says."),
    "wrong-state": ("missing 列出可以办理的状态。", "'missing' lists the states in which it can be done."),
}
"""What to do, Chinese and English, by name of the problem."""


def _basis(rule: str) -> str:
    """Return the article that a rule id stands for: ``A50-9`` is 晋教〔2026〕1号 art. 50."""
    if rule.startswith("A") and "-" in rule:
        return f"晋教〔2026〕1号 art. {rule[1:].split('-', maxsplit=1)[0]}"
    return "晋教〔2026〕1号"
