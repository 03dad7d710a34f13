"""OpenAPI 3.1: what FastAPI cannot see by itself. The raw entry routes, and the one error shape of every
route."""

from __future__ import annotations

from typing import cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.api.described_requests import ENTRY_NAME, describe_request
from gateway.api.entry_writes import BATCH_ROUTE, NDJSON, ROUTE
from gateway.error_codes import CODES
from gateway.errors import PROBLEM_MEDIA_TYPE
from gateway.response_schemas.entries import Accepted, AcceptedLine
from gateway.response_schemas.publish import answers, components, reference

Json = dict[str, object]

_REF = {"$ref": "#/components/schemas/Problem"}
_ACCOUNT = {"type": "string", "pattern": "^acct_[0-9a-f]{40}$"}
_ENTRY_ID = {"type": "string", "pattern": ENTRY_NAME}
_AMOUNT = {
    "type": "string",
    "pattern": "^[1-9][0-9]{0,18}$",
    "description": "Hundredths of a coin, 1 to 2^63 - 1. 以百分之一积分为单位的整数。",
}
_HEX32 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}

_INSTRUCTION: Json = {
    "type": "object",
    "required": ["type", "chapter"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "examples": ["purchase.recorded"]},
        "chapter": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{4}$", "examples": ["3101-0007"]},
        "actor": {"anyOf": [_ACCOUNT, {"type": "null"}]},
        "subjects": {"type": "array", "items": _ACCOUNT, "maxItems": 16, "uniqueItems": True},
        "op": {"anyOf": [{"$ref": "#/components/schemas/Operation"}, {"type": "null"}]},
        "public": {"type": "object", "description": "Fields of the type's registry: codes, numbers, hashes."},
        "private": {"type": "object", "description": "Kept sealed; only digests enter the entry."},
        "refs": {"type": "array", "items": _ENTRY_ID, "maxItems": 16, "uniqueItems": True},
        "rule": {"type": ["string", "null"]},
        "authorization": {
            "type": "object",
            "description": "A self-custody holder's EIP-712 TransferAuthorization.",
            "required": ["nonce", "signature"],
            "additionalProperties": False,
            "properties": {"nonce": _HEX32, "signature": {"type": "string", "pattern": "^[0-9a-f]{130}$"}},
        },
        "idempotencyKey": {"type": "string", "maxLength": 255},
    },
}
_OPERATION: Json = {
    "type": "object",
    "required": ["kind"],
    "additionalProperties": False,
    "properties": {
        "kind": {
            "enum": ["issue", "transfer", "redeem", "burn", "lock", "release", "cancel", "reverse", "recover"]
        },
        "from": {"anyOf": [_ACCOUNT, {"type": "null"}]},
        "to": {"anyOf": [_ACCOUNT, {"type": "null"}]},
        "amount": _AMOUNT,
        "unit": {"const": "0.01 coin"},
        "valid_until": {"type": "integer", "minimum": 0},
        "ref": _HEX32,
    },
}
_PROBLEM: Json = {
    "type": "object",
    "description": "RFC 9457. 每个 4xx/5xx 都是此结构。",
    "required": [
        "type",
        "title",
        "title_zh",
        "status",
        "detail",
        "detail_zh",
        "instance",
        "code",
        "trace_id",
    ],
    "properties": {
        **{
            name: {"type": "string"}
            for name in ("type", "title", "title_zh", "detail", "detail_zh", "instance", "trace_id")
        },
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": sorted(CODES)},
        "retryable": {"type": "boolean"},
        "retry_after_s": {"type": "integer"},
        "line": {"type": "integer", "minimum": 1, "description": "Of a batch, from 1."},
    },
    # The refusal's own fields: what is at fault, which limit.
    "additionalProperties": {"type": ["string", "integer"]},
}


def describe(api: FastAPI) -> None:
    """Make ``api.openapi()`` complete; the document is built once, when first asked for."""
    built: list[Json] = []

    def openapi() -> Json:
        if not built:
            built.append(_document(api))
        return built[0]

    api.openapi = openapi  # type: ignore[method-assign]


def _document(api: FastAPI) -> Json:
    document = get_openapi(title=api.title, version=api.version, routes=api.routes)
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    paths = document["paths"]
    paths.setdefault(ROUTE, {})["post"] = _post_entry()
    paths.setdefault(BATCH_ROUTE, {})["post"] = _post_batch()
    for path, methods in paths.items():
        for method, operation in methods.items():
            describe_request(path, method, operation)
            _add_problems(path, method, operation)
    ours: Json = {"Instruction": _INSTRUCTION, "Operation": _OPERATION, "Problem": _PROBLEM}
    # After all routes: each publishes what it answers.
    document["components"]["schemas"] = _joined(schemas, components(), ours)
    return cast(Json, document)


def _joined(*parts: dict[str, object]) -> dict[str, object]:
    """Return all schemas by name. Raises ValueError where two share one."""
    found: dict[str, object] = {}
    for part in parts:
        if found.keys() & part.keys():
            raise ValueError(f"two schemas of one name: {sorted(found.keys() & part.keys())}")
        found |= part
    return found


def _add_problems(path: str, method: str, operation: Json) -> None:
    """Give one operation the problem responses it can answer with."""
    responses = cast(dict[str, object], operation["responses"])
    responses.pop("422", None)
    statuses = {"408", "429", "431", "500", "503"}
    if operation.get("security"):
        statuses |= {"401", "403"}
    if "{" in path or path.startswith(("/log", "/v1/simulation")):
        statuses.add("404")
    parameters = cast("list[Json]", operation.get("parameters", []))
    if parameters:
        statuses.add("400")
    if any(one["name"] == "chapter" for one in parameters):
        statuses.add("404")
    if method == "post":
        statuses |= {"400", "409", "413", "415", "422", "507"}
    if path.endswith("/proof"):
        statuses |= {"409", "422"}
    for status in sorted(statuses):
        responses[status] = {"description": "Problem", "content": {PROBLEM_MEDIA_TYPE: {"schema": _REF}}}


def _post_entry() -> Json:
    return {
        "tags": ["entries"],
        "operationId": "entries_create",
        "summary": "Record one entry",
        "description": "201 when the entry is durable. A repeat with the same key gives the same answer.",
        "security": [{"HTTPBearer": []}],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Instruction"}}},
        },
        "responses": {"201": answers(Accepted, 201)[201]},
    }


def _post_batch() -> Json:
    line = {"anyOf": [reference(AcceptedLine), _REF]}
    return {
        "tags": ["entries"],
        "operationId": "entries_create_batch",
        "summary": "Record many entries, one JSON line each",
        "description": "Each line is an instruction with idempotency_key; each answer line is the 201 body "
        "or a problem with its line number, in order.",
        "security": [{"HTTPBearer": []}],
        "requestBody": {
            "required": True,
            "content": {NDJSON: {"schema": {"$ref": "#/components/schemas/Instruction"}}},
        },
        "responses": {
            "200": {"description": "One line for each line", "content": {NDJSON: {"schema": line}}}
        },
    }
