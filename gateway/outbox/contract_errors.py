"""Revert data of our contracts as text: ``ErrorName(field=value, ...)``, from the committed artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import cast

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from chain.evm.artifacts import CONTRACT_NAMES, load_artifact
from chain.hashing import keccak256

Signature = tuple[str, tuple[str, ...], tuple[str, ...]]
"""Name of an error, names of its fields, their types."""


@cache
def contract_errors() -> Mapping[bytes, Signature]:
    """Return every error of our contracts by its four-byte selector."""
    found: dict[bytes, Signature] = {}
    for contract in CONTRACT_NAMES:
        for item in load_artifact(contract).abi:
            if item.get("type") != "error":
                continue
            inputs = cast("Sequence[Mapping[str, str]]", item["inputs"])
            types = tuple(field["type"] for field in inputs)
            name = str(item["name"])
            selector = keccak256(f"{name}({','.join(types)})".encode())[:4]
            found[selector] = (name, tuple(field["name"] for field in inputs), types)
    return found


def format_error(data: str | None) -> str | None:
    """Return the error that revert data (``0x`` hex) carries, or None where it is none of ours."""
    if data is None or len(data) < 10:
        return None
    try:
        raw = bytes.fromhex(data.removeprefix("0x"))
        name, fields, types = contract_errors()[raw[:4]]
        values = decode(types, raw[4:])
    except (KeyError, ValueError, DecodingError):
        return None
    shown = (value.hex() if isinstance(value, bytes) else str(value) for value in values)
    return f"{name}({', '.join(f'{field}={value}' for field, value in zip(fields, shown, strict=True))})"
