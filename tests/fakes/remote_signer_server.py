"""A signing service of its own process: what the product uses of Web3Signer's interface, by eth_account.

``python remote_signer_server.py`` reads the hex key from ``SIGNER_KEY``, listens on 127.0.0.1, prints its
port and ends when standard input closes. The first part of the path makes it lie:

- ``honest`` does not; ``key`` signs with another key; ``high-s`` gives the twin of each data signature;
- ``nonce``, ``gas``, ``to``, ``data``, ``value``, ``gasPrice``, ``chainId`` change that field before signing;
- ``garbage`` answers bytes that are no transaction; ``error`` refuses; ``status`` answers 500, ``redirect``
  307, ``huge`` 16 MiB.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_account import Account
from eth_utils import keccak

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HELD = Account.from_key(os.environ["SIGNER_KEY"])
OTHER = Account.from_key(keccak(b"another key"))
CHAIN_ID = int(os.environ.get("SIGNER_CHAIN_ID", "20261"))


def sign_transaction(request: dict[str, Any], fault: str) -> str:
    """Return the signed bytes in hex; the chain id is the service's own setting, as with Web3Signer."""
    numbers = ("nonce", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "value")
    tx: dict[str, Any] = {name: int(request[name], 16) for name in numbers if name in request}
    tx |= {"data": bytes.fromhex(request["data"][2:]), "chainId": CHAIN_ID}
    tx["to"] = bytes.fromhex(request["to"][2:]) if "to" in request else b""
    if "maxFeePerGas" in tx:
        tx["type"] = 2
    if fault in ("nonce", "gas", "value", "gasPrice", "chainId"):
        tx[fault] += 1
    if fault == "to":
        tx["to"] = b"\x66" * 20
    if fault == "data":
        tx["data"] += b"\0"
    raw = bytes((OTHER if fault == "key" else HELD).sign_transaction(tx).raw_transaction)
    return "0x" + (raw[:-1] if fault == "garbage" else raw).hex()


def sign_data(data: bytes, fault: str) -> str:
    """Return r, s, v over the keccak-256 of the data."""
    signed = (OTHER if fault == "key" else HELD).unsafe_sign_hash(keccak(data))
    r, s, v = signed.r, signed.s, signed.v
    if fault == "high-s":
        s, v = ORDER - s, 55 - v
    return "0x" + r.to_bytes(32, "big").hex() + s.to_bytes(32, "big").hex() + bytes([v]).hex()


class Handler(BaseHTTPRequestHandler):
    """One request: JSON-RPC at the root, or data to sign below ``/api/v1/eth1/sign``."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer one request."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.path.split("/")[1]
        if fault in ("status", "redirect"):
            self.reply(500 if fault == "status" else 307, b"")
        elif fault == "huge":
            self.reply(200, b" " * (16 << 20))
        elif "/api/v1/eth1/sign/" in self.path:
            public = HELD._key_obj.public_key.to_hex().removeprefix("0x")
            known = self.path.rpartition("/")[2].removeprefix("0x") == public
            refused = not known or fault == "error"
            self.reply(
                404 if refused else 200,
                b"" if refused else sign_data(bytes.fromhex(body["data"][2:]), fault).encode(),
            )
        else:
            self.reply(
                200, json.dumps({"jsonrpc": "2.0", "id": body["id"], **self.rpc(body, fault)}).encode()
            )

    def do_GET(self) -> None:
        """Answer the list of public keys."""
        fault, _, path = self.path[1:].partition("/")
        keys = {"honest": [HELD._key_obj.public_key.to_hex()], "error": [], "garbage": "none"}.get(fault, [])
        found = path == "api/v1/eth1/publicKeys" and fault != "status"
        self.reply(200 if found else 500, json.dumps(keys).encode())

    def rpc(self, body: dict[str, Any], fault: str) -> dict[str, Any]:
        """Return the result or error of one JSON-RPC request."""
        if body["method"] == "eth_accounts":
            return {"result": [HELD.address]}
        if body["method"] != "eth_signTransaction":
            return {"error": {"code": -32601, "message": "Method not found"}}
        request = body["params"][0]
        if fault == "error" or request["from"] != HELD.address.lower():
            return {"error": {"code": -32000, "message": "Signing from unlocked account required"}}
        return {"result": sign_transaction(request, fault)}

    def reply(self, status: int, content: bytes) -> None:
        """Send one answer."""
        self.send_response(status)
        if status == 307:
            self.send_header("Location", "http://127.0.0.1:9/")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
