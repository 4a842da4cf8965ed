"""``/docs``: the API for people, made on the server from the OpenAPI document. No script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from apiflask import APIBlueprint, APIFlask
from flask import Response, current_app, make_response, render_template

from gateway.problems import CATALOGUE

blueprint = APIBlueprint(
    "docs",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/docs/static",
    enable_openapi=False,
)
_METHODS = ("get", "post", "put", "patch", "delete")
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Type:
    """A type in words, with the component it leads to, if it is one."""

    text: str
    component: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object or a parameter."""

    name: str
    type: Type
    required: bool
    limits: str
    text: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: str
    text: str
    media: str
    type: Type | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint."""

    id: str
    method: str
    path: str
    summary: str
    text: str
    callers: tuple[str, ...]
    parameters: tuple[Member, ...]
    body: Type | None
    media: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """One object that is sent or answered."""

    name: str
    text: str
    members: tuple[Member, ...]
    values: tuple[str, ...]


@blueprint.get("/docs")
def index() -> Response:
    """Show the API."""
    # the cached document: APIFlask.spec makes it anew each time
    document = cast("Document", cast("APIFlask", current_app)._get_spec("json"))
    operations: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in sorted(document["paths"].items()):
        for method in _METHODS:
            if method in methods:
                operations[methods[method]["tags"][0]].append(_operation(method, path, methods[method]))
    html = render_template(
        "api/docs.html",
        info=document["info"],
        paragraphs=_paragraphs(document["info"]["description"]),
        tags=document["tags"],
        operations=operations,
        components=[_component(name, one) for name, one in document["components"]["schemas"].items()],
        schemes=document["components"]["securitySchemes"],
        problems=CATALOGUE.values(),
    )
    return make_response(html)


def _operation(method: str, path: str, spec: Document) -> Operation:
    body, media = _content(spec.get("requestBody", {}))
    return Operation(
        id=spec["operationId"],
        method=method.upper(),
        path=path,
        summary=spec.get("summary", "").replace("``", ""),
        text=spec.get("description", "").replace("``", ""),
        callers=tuple(name for one in spec["security"] for name in one),
        parameters=tuple(
            Member(
                parameter["name"],
                _type(parameter.get("schema", {})),
                bool(parameter.get("required")),
                _limits(parameter.get("schema", {})),
                parameter.get("description", ""),
                parameter["in"],
            )
            for parameter in spec["parameters"]
        ),
        body=body,
        media=media,
        answers=tuple(_answer(status, one) for status, one in spec["responses"].items()),
    )


def _answer(status: str, spec: Document) -> Answer:
    kind, media = _content(spec)
    return Answer(status, spec.get("description", ""), media, kind)


def _content(spec: Document) -> tuple[Type | None, str]:
    for media, found in spec.get("content", {}).items():
        return _type(found.get("schema", {})), str(media)
    return None, ""


def _component(name: str, spec: Document) -> Component:
    needed = set(spec.get("required", ()))
    members = tuple(
        Member(key, _type(one), key in needed, _limits(one), one.get("description", "").replace("``", ""))
        for key, one in spec.get("properties", {}).items()
    )
    return Component(
        name, spec.get("description", "").replace("``", ""), members, tuple(str(one) for one in spec.get("enum", ()))
    )


def _type(spec: Document) -> Type:
    if "$ref" in spec:
        name = str(spec["$ref"]).rpartition("/")[2]
        return Type(name, name)
    if "const" in spec:
        return Type(f"“{spec['const']}”")
    if "enum" in spec:
        return Type(" | ".join(f"“{one}”" for one in spec["enum"]))
    for several in ("anyOf", "oneOf"):
        if several in spec:
            found = [_type(one) for one in spec[several] if one.get("type") != "null"]
            component = next((one.component for one in found if one.component), "")
            return Type(" | ".join(one.text for one in found), component)
    if spec.get("type") == "array":
        inner = _type(spec.get("items", {}))
        return Type(f"{inner.text}[]", inner.component)
    return Type(str(spec.get("format") or spec.get("type") or "any"))


def _limits(spec: Document) -> str:
    told = []
    for one in (spec, *spec.get("anyOf", ())):
        told += [
            f"{sign} {one[key]}"
            for key, sign in (
                ("minimum", "≥"),
                ("maximum", "≤"),
                ("minLength", "length ≥"),
                ("maxLength", "length ≤"),
                ("minItems", "items ≥"),
                ("maxItems", "items ≤"),
            )
            if key in one
        ]
    if spec.get("default") is not None:
        told.append(f"default {spec['default']}")
    return ", ".join(told)


def _paragraphs(text: str) -> list[tuple[str, str]]:
    """Return the paragraphs of the description, ``p`` or ``li``; it is our own text, of these two kinds only."""
    found: list[tuple[str, str]] = []
    for line in text.strip().splitlines():
        if line.startswith("- "):
            found.append(("li", line[2:]))
        elif not line.strip():
            found.append(("", ""))
        elif found and found[-1][0]:
            kind, before = found.pop()
            found.append((kind, f"{before} {line.strip()}"))
        else:
            found.append(("p", line.strip()))
    return [one for one in found if one[0]]
