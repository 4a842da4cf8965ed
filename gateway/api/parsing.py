"""What callers send, checked before anything else looks at it: strictly as the schema says, and never repeated.

APIFlask's own parser accepts any content type, takes the last of repeated members, coerces types and lets lone
surrogates through; a registry that keeps what officials declared must not guess (RFC 8259 section 4, RFC 7493).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, NoReturn, TypeVar

from flask import Request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from gateway.errors import ParameterError

Location = Literal["json", "query", "form_and_files"]
M = TypeVar("M", bound=BaseModel)

_FIXED = {
    "union_tag_invalid": "The value is none of those that are expected.",
    "union_tag_not_found": "The member that says which kind it is is missing.",
    "json_invalid": "This is not valid JSON.",
    "model_type": "A JSON object is expected.",
    "model_attributes_type": "A JSON object is expected.",
    "dict_type": "A JSON object is expected.",
    "date_from_datetime_parsing": "A date is expected, as 2026-11-23.",
    "date_parsing": "A date is expected, as 2026-11-23.",
    "datetime_parsing": "A time with its offset is expected, as 2026-11-23T10:00:00Z.",
    "datetime_from_date_parsing": "A time with its offset is expected, as 2026-11-23T10:00:00Z.",
}
"""Texts in place of those in which pydantic repeats the input (I7)."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing wrong with the input: where, as a JSON pointer or the name of a parameter, and what to change."""

    place: str
    detail: str


class InvalidInputError(ParameterError):
    """The input does not fit its schema; ``complaints`` say where. No value of it is in any text."""

    def __init__(self, location: Location, complaints: Sequence[Complaint]) -> None:
        super().__init__("Change the members named in 'errors'.", detail_zh="请按 errors 中的提示修改。")
        self.location = location
        self.complaints = tuple(complaints)

    def listed(self) -> list[dict[str, str]]:
        """Return the member ``errors`` of the problem document (RFC 9457 section 3)."""
        name = "pointer" if self.location == "json" else "parameter"
        return [{name: one.place, "detail": one.detail} for one in self.complaints]


def parse(model: type[M], location: Location, request: Request) -> M:
    """Return the input of ``request`` as ``model``.

    Raises ``UnsupportedMediaType``, ``BadRequest`` (not JSON at all), ``RequestEntityTooLarge`` or
    ``InvalidInputError``.
    """
    try:
        match location:
            case "json":
                return model.model_validate_json(_json_body(request), strict=True)
            case "query":
                return model.model_validate_strings(_once(request.args.to_dict(flat=False), "query"), strict=True)
            case "form_and_files":
                return _form(model, request)
    except ValidationError as error:
        raise InvalidInputError(location, _complaints(error, location, model)) from None


def _json_body(request: Request) -> bytes:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    body = request.get_data(cache=False)
    try:
        json.loads(body, object_pairs_hook=_no_repetition, parse_constant=_no_constant)
    except InvalidInputError:
        raise
    except (ValueError, RecursionError):
        raise BadRequest from None
    return body


def _form(model: type[M], request: Request) -> M:
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType
    texts = _once(request.form.to_dict(flat=False), "form_and_files")
    files = _once(request.files.to_dict(flat=False), "form_and_files")
    # Booleans and numbers of a form are texts: lax on purpose, the model bounds them.
    return model.model_validate({**texts, **files})


def _once(values: Mapping[str, list[Any]], location: Location) -> dict[str, Any]:
    """Return single values; a parameter that is given twice is refused, not picked from."""
    if any(len(found) != 1 for found in values.values()):
        raise InvalidInputError(location, [Complaint("", "A parameter was given more than once.")])
    return {name: found[0] for name, found in values.items()}


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidInputError("json", [Complaint("#", "A member of a JSON object was given more than once.")])
    return found


def _no_constant(_name: str) -> NoReturn:
    raise BadRequest  # NaN and Infinity are not JSON


def _complaints(error: ValidationError, location: Location, model: type[BaseModel]) -> list[Complaint]:
    found: list[Complaint] = []
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        place, kind = one["loc"], one["type"]
        if kind == "extra_forbidden":
            # The name of an unknown member may itself be personal data: the nearest known one is told instead.
            found.append(Complaint(_pointer(place[:-1], location), _unknown(str(place[-1]), model)))
        else:
            found.append(Complaint(_pointer(place, location), _FIXED.get(kind, one["msg"])))
    return found


def _unknown(name: str, model: type[BaseModel]) -> str:
    near = get_close_matches(name, model.model_fields, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"There is a member that nobody knows here; remove it.{hint}"


def _pointer(place: tuple[int | str, ...], location: Location) -> str:
    parts = "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in place)
    return f"#/{parts}" if location == "json" and parts else ("#" if location == "json" else parts)
