"""The blueprint of the API: APIFlask's, with strict input, and documents that are not JSON described in full."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from apiflask import APIBlueprint
from flask import request
from pydantic import BaseModel

from gateway.api.parsing import Location, parse

View = TypeVar("View", bound=Callable[..., Any])

JSON = "application/json"
BINARY: dict[str, object] = {"type": "string", "format": "binary"}


class ApiBlueprint(APIBlueprint):
    """A blueprint whose ``input`` is parsed by ``gateway.api.parsing``."""

    def input(  # type: ignore[override]  # fewer choices than APIFlask has, on purpose
        self, schema: type[BaseModel], location: Location = "json", *, json_too: type[BaseModel] | None = None
    ) -> Callable[[View], View]:
        """Parse the input as ``schema`` and hand it to the view as ``{location}_data``.

        ``json_too`` is the model of a body of JSON that the operation takes instead of a form, as ``json_data``.
        """

        def decorate(view: View) -> View:
            described = super(ApiBlueprint, self).input(schema, location=location)(view)

            @wraps(view)
            def parsed(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  whatever the view takes and returns
                if json_too is not None and request.mimetype == JSON:
                    named["json_data"] = parse(json_too, "json", request)
                else:
                    named[f"{location}_data"] = parse(schema, location, request)
                return view(*arguments, **named)

            if json_too is not None:
                described._spec["json_too"] = json_too  # type: ignore[attr-defined]
            parsed._spec = described._spec  # type: ignore[attr-defined]
            return cast("View", parsed)

        return decorate

    def answers(self, responses: Mapping[int, object]) -> Callable[[View], View]:
        """Describe the responses of a view: status -> description (``content``)."""
        return self.doc(responses=cast("Any", dict(responses)))


def content(
    description: str, media_type: str, schema: dict[str, object] | None = None, **headers: str
) -> dict[str, object]:
    """Return the description of a response that is no model; ``headers`` are name (``_`` for ``-``) and meaning."""
    found: dict[str, object] = {
        "description": description,
        "content": {media_type: {"schema": schema or {"type": "string"}}},
    }
    if headers:
        found["headers"] = {
            name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        }
    return found
