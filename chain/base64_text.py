"""Base64 in its one canonical form (RFC 4648 sections 4 and 5). Pure.

Padding is as the alphabet has it and unused bits are zero. Two texts for the same bytes would let one
document have two digests, so any other spelling is refused.
"""

from __future__ import annotations

import base64

from chain.errors import FormatError


def encode_base64(data: bytes) -> str:
    """Return standard base64 with padding. Inverse of :func:`decode_base64`."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str, where: str) -> bytes:
    """Return the bytes of canonical standard base64. Raises FormatError naming ``where``."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise FormatError(where, "not base64") from None
    if encode_base64(data) != text:
        raise FormatError(where, "base64 is not canonical")
    return data


def encode_base64url(data: bytes) -> str:
    """Return URL-safe base64 without padding. Inverse of :func:`decode_base64url`."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64url(text: str, where: str) -> bytes:
    """Return the bytes of canonical unpadded base64url. Raises FormatError naming ``where``."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise FormatError(where, "not base64url") from None
    if encode_base64url(data) != text:
        raise FormatError(where, "base64url is not canonical")
    return data
