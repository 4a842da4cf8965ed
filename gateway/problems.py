"""The one table from errors to problems (RFC 9457): status and wording live here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

from core_registry.errors import (
    RegisterChangedError,
    RegisterRuleError,
    RegistryError,
    RegistryUnavailableError,
    SealedValueError,
    ShrinkGuardError,
    StudentNotFoundError,
    UnreadableFileError,
)
from gateway import errors
from gateway.accounts import errors as accounts
from gateway.anonymize import errors as anonymize
from gateway.audit import errors as audit
from gateway.identity import errors as identity
from gateway.policies import errors as policies
from gateway.releases import errors as releases


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem: the last part of its ``type`` URI, the HTTP status, and its title in both languages."""

    name: str
    status: int
    title_zh: str
    title: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem as people and programs read it. Holds no personal data (I7)."""

    kind: ProblemType
    detail: str = ""
    detail_zh: str = ""
    rule: str | None = None
    missing: tuple[str, ...] = ()
    extra: dict[str, str | int] = field(default_factory=dict)

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
    policies.StaleVersionError: ProblemType("stale-version", 409, "内容已被他人更新", "Somebody else acted in between"),
    policies.WrongStateError: ProblemType("wrong-state", 409, "当前状态不能办理", "Not possible in this state"),
    policies.GrantInvalidError: ProblemType("grant-invalid", 403, "授权签名无效", "The grant does not verify"),
    policies.GrantEndedError: ProblemType("grant-ended", 403, "授权已终止", "The grant has ended"),
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
    audit.LogDamagedError: ProblemType("log-damaged", 503, "审计日志损坏", "The audit log is damaged"),
    identity.CredentialRejectedError: ProblemType("credential-rejected", 422, "凭证未通过核验", "Not verified"),
    identity.ProofError: ProblemType("proof-refused", 422, "密钥证明无效", "The key proof does not hold"),
    releases.LeakSuspectedError: ProblemType("leak-suspected", 409, "疑似泄露，已停止提供", "Leak found: stopped"),
    releases.NotReadyError: ProblemType("not-ready", 409, "尚未准备好", "Not ready yet"),
    releases.ExtractGoneError: ProblemType("extract-gone", 410, "提取文件已不存在", "The extract is gone"),
    releases.ContentDamagedError: ProblemType("content-damaged", 503, "提取文件损坏", "The stored file is damaged"),
    releases.TooManyRowsError: ProblemType("too-many-rows", 403, "超出行数上限", "More rows than allowed"),
    RegistryError: ProblemType("registry-refused", 422, "学籍系统未能办理", "The registry refused"),
    RegisterChangedError: ProblemType("register-changed", 409, "学籍数据已变动", "The register changed in between"),
    RegisterRuleError: ProblemType("register-rule", 422, "不符合学籍管理规定", "Against a rule of the registry"),
    UnreadableFileError: ProblemType("unreadable-file", 422, "文件无法读取", "The file cannot be read as a form"),
    ShrinkGuardError: ProblemType("shrink-guard", 409, "变动幅度过大", "The file would change too much"),
    StudentNotFoundError: NOT_FOUND,
    RegistryUnavailableError: ProblemType("registry-unavailable", 503, "学籍库暂不可用", "The registry is unavailable"),
    SealedValueError: ProblemType("sealed-value", 503, "加密数据无法打开", "An encrypted value does not open"),
}
"""Error class -> problem; a class that is not listed takes that of its nearest listed parent."""

_ROOMS = (accounts, anonymize, audit, identity, policies, releases)
"""The rooms whose errors are covered; a test walks them."""


def problem_of(error: Exception) -> Problem | None:
    """Return the problem of a known error, ``None`` for one that nobody raises on purpose."""
    for parent in type(error).__mro__:
        kind = TABLE.get(parent)
        if kind is None:
            continue
        if isinstance(error, errors.GatewayError):
            return Problem(kind, error.detail, error.detail_zh, error.rule, error.missing, dict(error.extra))
        if isinstance(error, RegistryError):
            return Problem(kind, error.detail, error.detail_zh, error.rule)
    return None


def _basis(rule: str) -> str:
    """Return the article that a rule id stands for: ``A50-9`` is 晋教〔2026〕1号 art. 50."""
    if rule.startswith("A") and "-" in rule:
        return f"晋教〔2026〕1号 art. {rule[1:].split('-', maxsplit=1)[0]}"
    return "晋教〔2026〕1号"
