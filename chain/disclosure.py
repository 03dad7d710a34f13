"""Selective disclosure of an entry's private fields: RFC 9901 disclosures and digests. Pure.

A private field is in its entry only as a digest; whoever holds the disclosure can show it, and
nobody can guess it.
Must not repeat names or values in errors: they are private.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from chain.base64_text import decode_base64url, encode_base64url
from chain.canonical import JsonError, JsonValue, canonicalize, parse_json
from chain.errors import FormatError, VerificationError
from chain.hashing import sha256

DISCLOSURE_SALT_SIZE = 16
"""Bytes of a field's salt: 128 bits, as RFC 9901 section 9.3 asks."""

_NAME = re.compile(r"[\x21-\x7e]{1,64}\Z")
_RESERVED = frozenset({"_sd", "..."})


def make_disclosure(salt: bytes, name: str, value: JsonValue) -> str:
    """Return base64url(JSON of [salt, name, value]) (RFC 9901 section 4.2.1).

    Requires a fresh random 16-byte salt for every field. Raises FormatError for another salt length, a name
    that is not 1 to 64 visible ASCII characters (or is ``_sd`` or ``...``), or a value that is not JSON.
    """
    if len(salt) != DISCLOSURE_SALT_SIZE:
        raise FormatError("salt", "not 16 bytes")
    if not _is_name(name):
        raise FormatError("private field", "name is not 1 to 64 visible ASCII characters, or is reserved")
    return encode_base64url(canonicalize([encode_base64url(salt), name, value]))


def disclosure_digest(disclosure: str) -> str:
    """Return the digest that stands in an entry's ``_sd``: base64url(SHA-256(disclosure text))."""
    return encode_base64url(sha256(disclosure.encode("ascii")))


def verify_disclosures(entry: Mapping[str, object], disclosures: Sequence[str]) -> dict[str, JsonValue]:
    """Return name -> value of the disclosed fields of ``entry``.

    1. each disclosure's digest is in the entry's ``_sd``; 2. none is given twice; 3. each is canonical
    base64url of strict JSON [16-byte salt, name, value]; 4. no two have one name. Fields that are not
    disclosed are not known to be missing: the entry may hold more. Does not check the entry itself.

    Raises VerificationError for 1, 2 and 4, FormatError for 3; both name the position only.
    """
    committed = entry.get("_sd")
    if not isinstance(committed, list | tuple):
        raise FormatError("_sd", "not a list")
    values: dict[str, JsonValue] = {}
    seen: set[str] = set()
    for position, disclosure in enumerate(disclosures):
        where = f"disclosure {position}"
        if not isinstance(disclosure, str) or not disclosure.isascii():
            raise FormatError(where, "not base64url")
        digest = disclosure_digest(disclosure)
        if digest not in committed:
            raise VerificationError(where, "the entry does not commit to it")
        if digest in seen:
            raise VerificationError(where, "given twice")
        seen.add(digest)
        name, value = _parse_disclosure(disclosure, where)
        if name in values:
            raise VerificationError(where, "its field was already disclosed")
        values[name] = value
    return values


def _parse_disclosure(disclosure: str, where: str) -> tuple[str, JsonValue]:
    try:
        value = parse_json(decode_base64url(disclosure, where))
    except JsonError:
        # Its own words may quote a member name out of the private value.
        raise FormatError(where, "not strict JSON") from None
    if not isinstance(value, list) or len(value) != 3:
        raise FormatError(where, "not salt, name and value")
    salt, name, disclosed = value
    if not isinstance(salt, str) or len(decode_base64url(salt, where)) != DISCLOSURE_SALT_SIZE:
        raise FormatError(where, "salt is not 16 bytes")
    if not isinstance(name, str) or not _is_name(name):
        raise FormatError(where, "not a field name")
    return name, disclosed


def _is_name(name: str) -> bool:
    return _NAME.match(name) is not None and name not in _RESERVED
