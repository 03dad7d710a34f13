"""From a model to its place in the OpenAPI document: a reference at the route, a component beside it."""

from __future__ import annotations

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

JSON = "application/json"
_REFERENCE = "#/components/schemas/{model}"
_CREATED_HEADERS: dict[str, object] = {
    "Location": {"description": "Where the entry is read", "schema": {"type": "string"}},
    "Idempotency-Replayed": {"description": "On a repeat", "schema": {"const": "true"}},
}

_published: dict[str, type[BaseModel]] = {}

Responses = dict[int | str, dict[str, object]]


def reference(model: type[BaseModel]) -> dict[str, str]:
    """Return the reference to a model's schema, and publish the model.

    Raises ValueError where another model of the same name is published already.
    """
    name = model.__name__
    if _published.setdefault(name, model) is not model:
        raise ValueError(f"two models are named {name}")
    return {"$ref": _REFERENCE.format(model=name)}


def answers(model: type[BaseModel], status: int = 200, *, media: str = JSON, entry: bool = True) -> Responses:
    """Return ``responses=`` of a route whose success answer looks like ``model``.

    A 201 is an entry's, with its headers, unless ``entry`` says no.
    """
    found: dict[str, object] = {
        "description": (model.__doc__ or "").strip().partition("\n")[0],
        "content": {media: {"schema": reference(model)}},
    }
    if status == 201 and entry:
        found["headers"] = _CREATED_HEADERS
    return {status: found}


def text_answers(description: str, media: str = "text/plain", *, binary: bool = False) -> Responses:
    """Return ``responses=`` of a route that answers text, or bytes where ``binary``."""
    schema: dict[str, object] = {"type": "string"}
    if binary:
        schema = {"type": "string", "contentMediaType": media}
    return {200: {"description": description, "content": {media: {"schema": schema}}}}


def components() -> dict[str, object]:
    """Return the JSON Schema of every published model and of those they are made of, by name."""
    models = [(model, "serialization") for model in _published.values()]
    _, schema = models_json_schema(models, ref_template=_REFERENCE)  # type: ignore[arg-type]
    return dict(schema.get("$defs", {}))
