"""OpenAPI: what FastAPI cannot see of requests. The forms of the names in paths, the key that every write
asks for, bodies that are read raw or not at all; and links from an answer to where its names are asked for.
"""

from __future__ import annotations

import re
from typing import cast

from chain.operation import ACCOUNT_PATTERN, CHAPTER_PATTERN
from gateway.api import verification
from gateway.evidence.short_forms import FORMS

Json = dict[str, object]

ENTRY_NAME = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"


def _anchored(pattern: re.Pattern[str]) -> str:
    """Return the whole pattern as JSON Schema writes it, of one that is matched from the start."""
    return "^" + pattern.pattern.removesuffix(r"\Z") + "$"


_KEY_NAME, _WEBHOOK_NAME = "^key_[0-9a-f]{16}$", "^whk_[0-9a-f]{16}$"
_FORMS = {
    ("account", ""): _anchored(ACCOUNT_PATTERN),
    ("code", "/v1/chapters"): _anchored(CHAPTER_PATTERN),
    ("entry_id", ""): ENTRY_NAME,
    ("proposal_id", ""): ENTRY_NAME,
    ("key_id", ""): _KEY_NAME,
    ("webhook_id", ""): _WEBHOOK_NAME,
}
"""Patterns of names in paths, by parameter and by how the path begins."""
_ASKED = {
    "chapter": _anchored(CHAPTER_PATTERN),
    "holder": _anchored(ACCOUNT_PATTERN),
    "month": "^[0-9]{4}-(0[1-9]|1[0-2])$",
}
"""Patterns of what a query may ask for, by parameter."""

KEY_PARAMETER: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "One quoted string; required unless the body has idempotencyKey.",
    "schema": {"type": "string", "pattern": r'^"([ !#-\[\]-~]|\\["\\]){1,255}"$'},
    "example": '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
}
_WITHOUT_KEY = frozenset({"webhooks_secret"})
"""Writes whose repeat needs none: another secret may as well be made."""
_NOT_READ: Json = {
    "required": True,
    "description": "Any JSON; not read.",
    "content": {"application/json": {"schema": {}, "example": {}}},
}

_RESPONSE = "$response.body#/"
_ENTRY_READS = (("entries_get", "entry_id"), ("entries_proof", "entry_id"))
_LINKS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "entries_create": (_RESPONSE + "id", _ENTRY_READS),
    "credits_create": (_RESPONSE + "id", _ENTRY_READS),
    "proposals_create": (_RESPONSE + "id", (("proposals_get", "proposal_id"),)),
    "members_join": (
        _RESPONSE + "account",
        (
            ("members_get", "account"),
            ("accounts_balance", "account"),
            ("accounts_statement", "account"),
            ("members_set_rights", "account"),
        ),
    ),
    "chapters_open": (
        "$request.body#/code",
        (("chapters_get", "code"), ("chapters_set_cap", "code"), ("chapters_set_quota", "code")),
    ),
    "keys_create": (_RESPONSE + "id", (("keys_rotate", "key_id"), ("keys_revoke", "key_id"))),
    "webhooks_create": (
        _RESPONSE + "id",
        (
            ("webhooks_get", "webhook_id"),
            ("webhooks_dead_letters", "webhook_id"),
            ("webhooks_replay", "webhook_id"),
            ("webhooks_secret", "webhook_id"),
            ("webhooks_delete", "webhook_id"),
        ),
    ),
}
"""Where the name of what an operation makes is found, and which operations take it as which parameter."""


def describe_request(path: str, method: str, operation: Json) -> None:
    """Complete one operation's parameters, body and links."""
    parameters = cast("list[Json]", operation.setdefault("parameters", []))
    for parameter in parameters:
        if parameter["in"] == "path":
            _name_form(path, parameter)
        elif parameter["name"] in _ASKED:
            _add_pattern(parameter, _ASKED[str(parameter["name"])])
    name, responses = str(operation["operationId"]), cast("dict[str, Json]", operation["responses"])
    if method == "post" and "201" in responses and name not in _WITHOUT_KEY:
        parameters.append(KEY_PARAMETER)
    if not parameters:
        del operation["parameters"]
    if method == "post" and "requestBody" not in operation:
        operation["requestBody"] = _verified_body() if path == verification.ROUTE else _NOT_READ
    if name in _LINKS:
        expression, targets = _LINKS[name]
        responses["201"]["links"] = {
            target: {"operationId": target, "parameters": {parameter: expression}}
            for target, parameter in targets
        }


def _name_form(path: str, parameter: Json) -> None:
    for (name, start), pattern in _FORMS.items():
        if parameter["name"] == name and path.startswith(start):
            _add_pattern(parameter, pattern)


def _add_pattern(parameter: Json, pattern: str) -> None:
    """Put a pattern to a parameter's text, one that may be left out as well."""
    schema = cast("Json", parameter["schema"])
    choices = cast("list[Json]", schema.get("anyOf", [schema]))
    for choice in choices:
        if choice["type"] == "string":
            choice["pattern"] = pattern


def _verified_body() -> Json:
    """Return the body of the route that verifies files of every form."""
    binary = {"type": "string", "format": "binary"}
    medias = ["application/octet-stream", *(form.media_type.partition(";")[0] for form in FORMS.values())]
    content: Json = {media: {"schema": {} if media.endswith("json") else binary} for media in medias}
    return {"required": True, "description": "A file as it is.", "content": content}
