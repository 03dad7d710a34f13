"""A chapter's existing lists: each row registers a member or merchant and, where it says so, a membership.

Columns are those of ``POST /v1/members`` (``chapter, kind, custody, account, industry, private.name``) and,
as ``membership.kind, membership.receipt, ...``, the public fields of ``membership.opened``. Names and
telephone numbers belong into ``private.*``. Every row is checked for its form and its kind of membership
before anything of it is sent, so a dry run says what would be refused for that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

import httpx2

from chain.canonical import JsonValue
from chain.entry_types import check_draft
from chain.errors import FormatError
from gateway.command_failures import EXIT_CANNOT
from gateway.import_posting import post_patiently
from gateway.import_source import Record, Source
from gateway.import_state import ImportFailure
from gateway.rules.fees import FEE_KINDS
from gateway.schemas import check_member

OPENED = "membership.opened"
_BOOLS = {"true": True, "false": False}


class Roster(Source):
    """A list of members and merchants; rows that cannot be one carry their fault."""

    __slots__ = ()

    def records(self) -> Iterator[Record]:
        """All rows in order, each checked for its form."""
        for record in super().records():
            yield record if record.body is None else _checked(record, record.body)


def _checked(record: Record, body: Mapping[str, JsonValue]) -> Record:
    try:
        return replace(record, body=read_row(body))
    except FormatError as fault:
        return replace(record, body=None, dust=0, fault=fault)


def read_row(body: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a row as it is sent. Raises FormatError naming the column that is wrong, never its value."""
    member = {name: value for name, value in body.items() if name != "membership"}
    check_member(member)
    membership = body.get("membership")
    if membership is None:
        return member
    if not isinstance(membership, dict):
        raise FormatError("membership", "is not an object")
    public = {name: _BOOLS.get(str(value), value) for name, value in membership.items()}
    try:
        check_draft(OPENED, public, None)
    except FormatError as error:
        raise FormatError(error.where.replace("public.", "membership."), error.reason) from None
    if public["kind"] not in FEE_KINDS:
        raise FormatError("membership.kind", f"is not one of {', '.join(FEE_KINDS)}")
    return {**member, "membership": public}


class RosterSender:
    """Registers rows one by one and repeats what got no answer: their keys make that safe."""

    def __init__(self, client: httpx2.Client, key: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._key = key
        self._sleep = sleep

    def send(self, lines: Sequence[bytes]) -> list[dict[str, JsonValue]]:
        """Return one answer per row, in order: the account and its entry, or the problem.

        Raises ImportFailure when the gateway does not answer.
        """
        return [self._row(json.loads(line)) for line in lines]

    def _row(self, row: dict[str, JsonValue]) -> dict[str, JsonValue]:
        key = str(row.pop("idempotency_key"))
        membership = row.pop("membership", None)
        joined = self._post("/v1/members", row, key)
        if "id" not in joined or membership is None:
            return joined
        step: dict[str, JsonValue] = {
            "type": OPENED,
            "chapter": row["chapter"],
            "subjects": [joined["account"]],
            "public": membership,
        }
        # If we crash here, the member is registered; the same keys go on with the membership.
        opened = self._post("/v1/entries", step, key + "-membership")
        return joined if "id" in opened else {**opened, "account": joined["account"]}

    def _post(self, path: str, body: Mapping[str, JsonValue], key: str) -> dict[str, JsonValue]:
        headers = {"authorization": f"Bearer {self._key}", "idempotency-key": f'"{key}"'}
        response = post_patiently(
            lambda: self._client.post(path, json=dict(body), headers=headers), self._sleep
        )
        answer = cast("dict[str, JsonValue]", response.json())
        if response.status_code in (401, 403) and str(answer.get("code", "")).startswith("auth."):
            code = answer.get("code")
            raise ImportFailure(
                f"网关拒绝此密钥：{code}", f"the gateway refuses the key: {code}", EXIT_CANNOT
            )
        replayed = response.headers.get("idempotency-replayed") == "true"
        return {**answer, "replayed": True} if replayed else answer
