"""The OpenAPI document, completed: what APIFlask leaves out of it or cannot know.

Components come from pydantic in one pass, so that each model is described once and inputs apart from outputs; each
operation says who may call it and which problems it answers with.
"""

from __future__ import annotations

from typing import Any, Literal

from apiflask import APIFlask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.api.access import LARGEST, OPEN, SESSION
from gateway.api.problem_responses import MEDIA_TYPE
from gateway.problems import CATALOGUE

Mode = Literal["validation", "serialization"]
Document = dict[str, Any]

DESCRIPTION = """\
学籍数据共享网关：没有依据不提供，用多少给多少，谁批准、谁负责。

A privacy gateway in front of the student registry: no basis, no release; the minimum; whoever approves is responsible.

- 错误为 RFC 9457 问题文档，`type` 指向 `/problems/{name}` 的说明。
  Errors are RFC 9457 problem documents; `type` leads to an explanation.
- 系统客户端在 `/oauth/token` 以 `private_key_jwt` 换取令牌，人员在 `POST /v1/sessions` 登录。
  Clients get a token at `/oauth/token` with `private_key_jwt`, people at `POST /v1/sessions`.
- 每项申请：提交 → 登记依据 → 复核 → 批准 → 授权 → 提取。
  An application: submit, ground, confirmation, decision, grant, extract.
"""
TAGS = {
    "Sessions": "人员登录、密码、安全制度 · people sign in",
    "Accounts": "账号、安全制度、委托（安全管理员、批准人） · accounts, security rules, delegations",
    "Recipients": "数据使用方登记、年度核验、系统客户端 · recipients, their yearly attestation, their programs",
    "Applications": "申请、依据、复核、决定 · applications, grounds, decisions",
    "Grounds": "依据目录、条文原文、批准文件扫描件、线下提供登记 · laws and their texts, scans, disclosures outside",
    "Grants": "授权、权限、公示 · grants, permissions, the public register",
    "Checks": "核验与比对回填 · checks, and matches of the recipient's own list",
    "Extracts": "提取与交付 · extracts and their delivery",
    "Statistics": "统计（差分隐私）与预算 · statistics with differential privacy, and their budget",
    "Identity": "学生可信教育数字身份 · digital identities",
    "Registry": "学籍（学籍管理员） · the registry, for registrars",
    "Oversight": "核准、升级、编班、撤并、立案、招生名单、全国系统交换 · whole-school acts, matters, the exchange",
    "Cases": "学籍业务：试办、受理、各环节、证明材料、待办、历程 · cases of the registry's procedures",
    "Certificates": "证书、附件打印、公开核验 · certificates, prints, the public check",
    "Posts": "校长和学籍管理员：备案、离任 · principals and registrars",
    "Alerts": "预警 · alerts: who answers, until when, what was found",
    "Families": "家庭账号：孩子、谁看过、询问、监护人申请 · families: children, who looked, questions, applications",
    "Decoys": "诱饵学籍：触碰即预警（第五十条） · decoy pupils, any use of which alerts",
    "Inspections": "检查案件与责令改正（第五十一条） · inspection cases, orders to correct",
    "Retention": "保存期限与法定留存 · retention, and what is held beyond it",
    "Audit": "审计（检查员） · the audit trail, for inspectors",
    "Public log": "公开日志 · the public log (C2SP tlog-tiles)",
    "OAuth": "访问令牌（RFC 6749、7009、7662） · access tokens",
    "System": "运行状态 · state of the service",
}
_PROBLEM_REF = "#/components/schemas/Problem"
_CALLER: list[dict[str, list[str]]] = [{"client": []}, {"bound": [], "proof": []}, {"person": []}]
_TEXTS = {
    400: "Not understood",
    401: "No valid token",
    403: "Not permitted",
    404: "Not there, or not for the caller to know",
    409: "The state does not allow it",
    410: "Gone",
    413: "Too large",
    415: "Wrong media type",
    416: "The range cannot be satisfied",
    422: "Refused; says what to change",
    429: "Too many requests; Retry-After",
    500: "Unexpected; quote the incident",
    503: "A part is gone; nothing was done",
}


def complete(document: Document, app: APIFlask, public_url: str) -> Document:
    """Return APIFlask's ``document`` of ``app`` completed; ``public_url`` is where clients get tokens."""
    document.pop("servers", None)
    document["info"] |= {"description": DESCRIPTION, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}}
    schemas, names = _components(app)
    document["components"] = {
        "schemas": schemas,
        "securitySchemes": _security_schemes(public_url, oauth="oauth.token" in app.view_functions),
    }
    endpoints = _endpoints(app)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            endpoint = endpoints[path, method.upper()]
            _finish(operation, endpoint, app, names)
    if "oauth.token" in app.view_functions:
        document["paths"] |= _oauth_paths()
    used = {tag for operations in document["paths"].values() for one in operations.values() for tag in one["tags"]}
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in used]
    return document


def _components(app: APIFlask) -> tuple[Document, dict[tuple[str, Mode], str]]:
    """Return the component schemas, and model name and mode -> reference."""
    models: dict[tuple[type[BaseModel], Mode], None] = {}
    for view in app.view_functions.values():
        spec = getattr(view, "_spec", {})
        found: list[tuple[Any, Mode]] = [(spec.get("body"), "validation"), *_arguments(spec)]
        found.append((spec.get("json_too"), "validation"))
        found.append((spec.get("response", {}).get("schema"), "serialization"))
        for model, mode in found:
            if isinstance(model, type) and issubclass(model, BaseModel):
                models[model, mode] = None
    refs, definitions = models_json_schema(list(models), ref_template="#/components/schemas/{model}")
    schemas: Document = dict(sorted(definitions["$defs"].items()))
    schemas["Problem"] = _problem_schema()
    schemas["OAuthError"] = _oauth_error_schema()
    return schemas, {(model.__name__, mode): ref["$ref"] for (model, mode), ref in refs.items()}


def _arguments(spec: Document) -> list[tuple[Any, Mode]]:
    return [(model, "validation") for model, _location in spec.get("args", [])]


def _endpoints(app: APIFlask) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for rule in app.url_map.iter_rules():
        path = "".join(f"{{{part}}}" if dynamic else part for dynamic, part in _pieces(rule.rule))
        for method in rule.methods or ():
            found[path, method] = rule.endpoint
    return found


def _pieces(rule: str) -> list[tuple[bool, str]]:
    """Return the parts of a rule: whether it is a parameter, and its text or name."""
    found: list[tuple[bool, str]] = []
    for outer in rule.split("<"):
        inside, closed, after = outer.partition(">")
        if closed:
            found += [(True, inside.rpartition(":")[2]), (False, after)]
        else:
            found.append((False, outer))
    return found


def _finish(operation: Document, endpoint: str, app: APIFlask, names: dict[tuple[str, Mode], str]) -> None:
    operation["operationId"] = endpoint.replace(".", "_")
    spec = getattr(app.view_functions[endpoint], "_spec", {})
    if "json_too" in spec:
        told = {"schema": {"$ref": f"#/components/schemas/{spec['json_too'].__name__}"}}
        operation["requestBody"]["content"]["application/json"] = told
    _refer(operation, names)
    _bound(operation)
    known = endpoint not in OPEN
    operation["security"] = [] if not known else ([{"person": []}] if endpoint in SESSION else _CALLER)
    statuses = {429, 500, 503}
    if known:
        statuses |= {401, 403, 404}
    if any(parameter["in"] == "path" for parameter in operation["parameters"]):
        statuses.add(404)
    if any(parameter["in"] == "query" for parameter in operation["parameters"]):
        statuses.add(422)
    if spec.get("body"):
        operation["requestBody"]["required"] = True
        statuses |= {400, 401, 409, 413, 415, 422}
    responses = operation["responses"]
    statuses |= {int(status) for status in responses if status.startswith(("4", "5"))}
    if endpoint == "extracts.get_content":
        statuses |= {409, 410, 416}
    if endpoint == "extracts.get_rows":
        statuses.add(410)
    if endpoint == "extracts.list_parts":
        statuses.add(409)
    if endpoint.startswith("extracts.get_"):
        statuses.add(409)
    for status in sorted(statuses):
        if status == 503 and endpoint == "system.readyz":  # noqa: PLR2004  its 503 is the same answer as its 200
            responses["503"] = {**responses["200"], "description": "A part is gone: nothing is released"}
            continue
        told = responses.get(str(status), {}).get("description", "")
        text = told if status in {410, 416} and told else _TEXTS[status]
        responses[str(status)] = _problem_response(text, status)
    operation["responses"] = dict(sorted(responses.items()))


def _refer(operation: Document, names: dict[tuple[str, Mode], str]) -> None:
    """Point the operation to the components: input models as they are validated, output as they are written."""
    body = operation.get("requestBody", {}).get("content", {})
    for media in body.values():
        media["schema"] = {"$ref": names[_name(media["schema"]), "validation"]}
    for response in operation["responses"].values():
        for media in response.get("content", {}).values():
            if "$ref" in media.get("schema", {}) and (_name(media["schema"]), "serialization") in names:
                media["schema"] = {"$ref": names[_name(media["schema"]), "serialization"]}


def _name(schema: Document) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _bound(operation: Document) -> None:
    """Say what path parameters look like: ids, and numbers that fit."""
    for parameter in operation["parameters"]:
        if parameter["in"] != "path":
            continue
        schema = parameter["schema"]
        if schema.get("type") == "integer":
            schema |= {"minimum": 0, "maximum": LARGEST}
        elif parameter["name"] == "tile":
            schema |= {"pattern": r"^(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]{1,3})?$"}
        else:
            schema |= {"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"}


def _problem_response(text: str, status: int) -> Document:
    response: Document = {
        "description": text,
        "content": {MEDIA_TYPE: {"schema": {"$ref": _PROBLEM_REF}}},
    }
    header = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}.get(status)
    if header is not None:
        response["headers"] = {header: {"schema": {"type": "string"}, "required": True}}
    return response


def _problem_schema() -> Document:
    return {
        "title": "Problem",
        "description": "A problem document (RFC 9457). It holds no personal data.",
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {
                "type": "string",
                "format": "uri-reference",
                "enum": [f"/problems/{name}" for name in CATALOGUE],
                "description": "Stable; leads to an explanation.",
            },
            "title": {"type": "string", "description": "Chinese / English"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "What to change, in English"},
            "detail_zh": {"type": "string", "description": "同上，中文"},
            "rule": {"type": "string", "description": "Rule of the regulation that was applied"},
            "basis": {"type": "string", "description": "The article that the rule comes from"},
            "missing": {"type": "array", "items": {"type": "string"}, "description": "What is not there"},
            "errors": {
                "type": "array",
                "description": "What does not fit, one by one",
                "items": {
                    "type": "object",
                    "required": ["detail"],
                    "properties": {
                        "pointer": {"type": "string", "description": "JSON pointer into the body"},
                        "parameter": {"type": "string"},
                        "row": {"type": "integer", "description": "Row of a list; 0 is the file (bad-list)"},
                        "column": {"type": "string", "description": "Letters of the column in the list"},
                        "detail": {"type": "string"},
                        "detail_zh": {"type": "string"},
                    },
                },
            },
            "results": {
                "type": "array",
                "description": "What each rule says of the request, failures first (case-refused)",
                "items": {
                    "type": "object",
                    "required": ["rule", "status"],
                    "properties": {
                        "rule": {"type": "string"},
                        "status": {"type": "string", "description": "passed, failed, exception_possible or excepted"},
                        **{name: {"type": "string"} for name in ("title", "title_zh", "needed", "needed_zh")},
                        **{name: {"type": ["string", "null"]} for name in ("ask", "ask_zh", "evidence")},
                    },
                },
            },
            "incident": {"type": "string", "description": "Number under which the operator finds the cause"},
            "policy": {"type": "string", "description": "Id of the policy that decided"},
            "reason": {"type": "string", "description": "Stable code of a credential's refusal"},
            "retry_after": {"type": "integer", "description": "Seconds"},
        },
    }


def _security_schemes(public_url: str, *, oauth: bool) -> Document:
    schemes: Document = {
        "client": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "系统客户端的访问令牌 · a client's access token, by client credentials and private_key_jwt"
            + (f" at {public_url}/oauth/token" if oauth else ""),
        },
        "bound": {
            "type": "http",
            "scheme": "dpop",
            "description": "绑定密钥的访问令牌 · the same, bound to a key of the client (RFC 9449)",
        },
        "proof": {
            "type": "apiKey",
            "in": "header",
            "name": "DPoP",
            "description": "密钥证明，每次请求一份 · a proof of the token's key, for each request (RFC 9449)",
        },
        "person": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "opaque",
            "description": "人员的会话令牌 · a person's session token, from POST /v1/sessions",
        },
    }
    return schemes


def _oauth_error_schema() -> Document:
    return {
        "title": "OAuthError",
        "description": "An error of the OAuth endpoints (RFC 6749 section 5.2).",
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
    }


def _oauth_paths() -> Document:
    """Return the operations of the OAuth endpoints, which Authlib serves."""
    proof: Document = {
        "client_assertion_type": {
            "type": "string",
            "const": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
        "client_assertion": {"type": "string", "description": "JWT signed by the client (RFC 7523 section 3)"},
        "client_id": {"type": "string"},
    }

    def post(name: str, summary: str, wanted: Document, needed: list[str], answer: Document) -> Document:
        schema = {
            "type": "object",
            "required": ["client_assertion_type", "client_assertion", *needed],
            "properties": {**proof, **wanted},
        }
        error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/OAuthError"}}}}
        return {
            "post": {
                "operationId": f"oauth_{name}",
                "tags": ["OAuth"],
                "summary": summary,
                "security": [],
                "parameters": [],
                "requestBody": {
                    "required": True,
                    "content": {"application/x-www-form-urlencoded": {"schema": schema}},
                },
                "responses": {
                    "200": {"description": "Done", "content": {"application/json": {"schema": answer}}},
                    **{
                        str(status): {"description": _TEXTS[status], **error}
                        for status in (400, 401, 413, 429, 500, 503)
                    },
                },
            }
        }

    token: Document = {
        "type": "object",
        "required": ["access_token", "token_type", "expires_in", "scope"],
        "properties": {
            "access_token": {"type": "string"},
            "token_type": {"enum": ["Bearer", "DPoP"]},
            "expires_in": {"type": "integer"},
            "scope": {"type": "string"},
            "authorization_details": {"type": "array", "items": {"type": "object"}},
        },
    }
    active: Document = {"type": "object", "required": ["active"], "properties": {"active": {"type": "boolean"}}}
    asked: Document = {
        "grant_type": {"const": "client_credentials"},
        "scope": {"type": "string", "description": "Roles, by spaces; left out, all that the client has"},
        "authorization_details": {
            "type": "string",
            "description": "JSON array of {type: xueji_grant, identifier: grant, actions: [extract, …]} (RFC 9396)",
        },
    }
    held: Document = {"token": {"type": "string"}, "token_type_hint": {"type": "string"}}
    gain = post("token", "Get an access token (RFC 6749).", asked, ["grant_type"], token)
    gain["post"]["parameters"] = [
        {
            "name": "DPoP",
            "in": "header",
            "schema": {"type": "string"},
            "description": "Binds the token to a key (RFC 9449)",
        }
    ]
    return {
        "/oauth/token": gain,
        "/oauth/introspect": post("introspect", "Say what a token is worth (RFC 7662).", held, ["token"], active),
        "/oauth/revoke": post("revoke", "Revoke a token (RFC 7009).", held, ["token"], {"type": "object"}),
    }
