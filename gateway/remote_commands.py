"""``tongyi keys`` and ``tongyi export``: what a person asks of a running gateway, over its own API."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast
from urllib.parse import quote, urlsplit

import httpx2

from chain.canonical import JsonValue
from gateway.command_failures import EXIT_CANNOT, EXIT_PENDING, EXIT_USAGE, CommandFailure
from gateway.durable_files import write_durably

MOST_KEY_BYTES = 4_096
"""Bytes read of a key file; a key is far shorter."""


class GatewayRefused(CommandFailure):
    """The gateway said no; ``code`` is its stable code, ``status`` the HTTP status."""

    def __init__(self, status: int, code: str, detail: str, detail_zh: str) -> None:
        pending = code == "proof.pending"
        super().__init__(
            f"{code}：{detail_zh}", f"{code}: {detail}", EXIT_PENDING if pending else EXIT_CANNOT
        )
        self.status = status
        self.code = code


def check_address(gateway: str) -> str:
    """Return a gateway's address. Raises CommandFailure (usage) where no request could be sent to it."""
    try:
        parts = urlsplit(gateway)
        reachable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        httpx2.URL(gateway)
    except (ValueError, httpx2.InvalidURL):
        reachable = False
    if not reachable:
        raise CommandFailure(
            "--gateway：不是 http://主机:端口 形式的地址",
            "--gateway: not an address such as http://host:port",
            EXIT_USAGE,
        )
    return gateway


def read_key(file: Path) -> str:
    """Return the API key in a file. Raises OSError, or CommandFailure where it holds none."""
    try:
        key = file.read_bytes()[:MOST_KEY_BYTES].decode("ascii").strip()
    except UnicodeDecodeError:
        key = ""
    if not key.isprintable() or not key or " " in key:
        raise CommandFailure(f"{file}：不是 API 密钥文件", f"{file}: holds no API key")
    return key


class Remote:
    """One gateway with one key."""

    def __init__(self, gateway: str, key_file: Path) -> None:
        self._http = httpx2.Client(
            base_url=check_address(gateway),
            headers={"authorization": f"Bearer {read_key(key_file)}"},
            timeout=30.0,
            follow_redirects=False,
        )

    def _ask(self, method: str, path: str, body: object = None, key: str | None = None) -> httpx2.Response:
        headers = {} if key is None else {"idempotency-key": f'"{key}"'}
        response = self._http.request(method, path, json=body, headers=headers)
        if response.status_code >= 400:
            raise _refused(response)
        if response.status_code >= 300:
            raise _not_an_answer()
        return response

    def add_key(self, name: str, scopes: Sequence[str], chapter: str | None) -> dict[str, str]:
        """Make a key; the answer holds its secret, which is shown this once."""
        body: dict[str, object] = {"name": name, "scopes": list(scopes)}
        if chapter is not None:
            body["chapter"] = chapter
        made = _object(self._ask("POST", "/v1/keys", body, secrets.token_hex(16)))
        if not {"id", "secret"} <= made.keys():
            raise _not_an_answer()
        return {name: str(value) for name, value in made.items()}

    def list_keys(self) -> list[dict[str, str | None]]:
        """Return what is kept of every key."""
        found = _object(self._ask("GET", "/v1/keys")).get("keys")
        wanted = {"id", "name", "chapter", "scopes", "revoked_at", "ends_at"}
        if not isinstance(found, list) or not all(
            isinstance(key, dict) and wanted <= key.keys() for key in found
        ):
            raise _not_an_answer()
        return cast("list[dict[str, str | None]]", found)

    def rotate_key(self, key_id: str, reason: str, overlap_seconds: int) -> dict[str, str | None]:
        """Make a key in the place of another; the answer holds its secret, which is shown this once."""
        body = {"reason": reason, "overlap_seconds": overlap_seconds}
        path = f"/v1/keys/{quote(key_id, safe='')}/rotate"
        made = _object(self._ask("POST", path, body, secrets.token_hex(16)))
        if not {"id", "entry", "secret", "replaces", "ends_at"} <= made.keys():
            raise _not_an_answer()
        return {name: None if value is None else str(value) for name, value in made.items()}

    def revoke_key(self, key_id: str, reason: str = "retired") -> None:
        """End a key."""
        self._ask("DELETE", f"/v1/keys/{quote(key_id, safe='')}?reason={quote(reason, safe='')}")

    def export(
        self, entry_id: str, into: Path, disclose: str | None, patience: float, form: str = "bundle"
    ) -> int:
        """Write an entry's proof in a form, waiting while it is pending; return its size in bytes.

        Raises:
            GatewayRefused: ``proof.pending`` after ``patience`` seconds, or any other refusal.
        """
        deadline = time.monotonic() + patience
        query = f"?form={form}" + ("" if disclose is None else f"&disclose={quote(disclose, safe=',*')}")
        while True:
            try:
                content = self._ask("GET", f"/v1/entries/{quote(entry_id, safe='')}/proof{query}").content
            except GatewayRefused as refused:
                if refused.code != "proof.pending" or time.monotonic() > deadline:
                    raise
                time.sleep(1.0)
                continue
            write_durably(into, content)
            return len(content)


def _not_an_answer() -> CommandFailure:
    return CommandFailure(
        "应答并非来自网关，请核对 --gateway", "the answer is not a gateway's: check --gateway"
    )


def _object(response: httpx2.Response) -> dict[str, JsonValue]:
    try:
        answer = response.json()
    except ValueError:
        raise _not_an_answer() from None
    if not isinstance(answer, dict):
        raise _not_an_answer()
    return answer


def _refused(response: httpx2.Response) -> GatewayRefused:
    """Return the refusal an answer is; one that is no problem document is named by its status alone."""
    try:
        problem = _object(response)
        code, detail = str(problem["code"]), str(problem["detail"])
        return GatewayRefused(response.status_code, code, detail, str(problem.get("detail_zh", detail)))
    except (CommandFailure, KeyError):
        status = f"HTTP {response.status_code}"
        return GatewayRefused(
            response.status_code, status, "the answer is not a gateway's", "应答并非来自网关"
        )
