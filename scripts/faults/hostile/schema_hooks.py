"""Loaded by Schemathesis: what a schema cannot say of a request that is to be accepted.

It does not end the keys that it, and everybody else, calls with. Chapters and accounts drawn at random are
nobody's: three of four are made those there are, so that writes succeed and their links can be followed.
Bodies of lines are written and read. Values that have not the form of a name are left as they are.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from typing import Any
from zlib import crc32

import schemathesis

KEPT = frozenset(os.environ.get("TORTURE_KEPT_KEYS", "").split(","))
"""Names of the keys that are not to be ended."""
NOBODYS = "key_" + "0" * 16
"""A key that there is not, asked for in their place."""
CHAPTER = os.environ.get("TORTURE_CHAPTER", "")
ACCOUNTS = os.environ.get("TORTURE_ACCOUNTS", "").split(",")
GOOD = {"url": "https://receiver.example/", "amount": "1"}
"""Texts that rules beyond the schema accept, by member."""
LINES = "application/x-ndjson"
_COUNT = itertools.count()
_CHAPTER = re.compile(r"[0-9]{4}-[0-9]{4}\Z")
_ACCOUNT = re.compile(r"acct_[0-9a-f]{40}\Z")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Put names that there are in the place of drawn ones, and leave the key of a write in one place."""
    if isinstance(case.path_parameters, dict):
        case.path_parameters = {name: known(value) for name, value in case.path_parameters.items()}
        if case.path_parameters.get("key_id") in KEPT:
            case.path_parameters["key_id"] = NOBODYS
    if not isinstance(case.body, dict):
        return
    case.body = {name: known(value) for name, value in case.body.items()}
    case.body |= {name: value for name, value in GOOD.items() if isinstance(case.body.get(name), str)}
    if "Idempotency-Key" in (case.headers or {}):
        case.body.pop("idempotencyKey", None)
    elif case.method == "POST" and "idempotencyKey" not in case.body:
        case.headers = {**(case.headers or {}), "Idempotency-Key": f'"{case.id}-{next(_COUNT)}"'}


def known(value: Any) -> Any:
    """Return what there is in the place of a name that nobody has, three times of four."""
    if isinstance(value, dict):
        return {name: known(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [known(inner) for inner in value]
    if not isinstance(value, str) or crc32(value.encode("utf-8", "surrogatepass")) % 4 == 0:
        return value
    if _CHAPTER.match(value):
        return CHAPTER
    return ACCOUNTS[crc32(value.encode()) % len(ACCOUNTS)] if _ACCOUNT.match(value) else value


@schemathesis.serializer(LINES)
def write_lines(context: Any, value: Any) -> Any:
    """Write a body of one line."""
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


@schemathesis.deserializer(LINES)
def read_lines(context: Any, response: Any) -> Any:
    """Read the first line of an answer: one was asked for."""
    return json.loads(response.content.splitlines()[0])
