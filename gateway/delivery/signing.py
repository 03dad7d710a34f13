"""Standard Webhooks 1.0: secrets, and the three headers by which a receiver knows a message.

``webhook-id`` is the same at every attempt, ``webhook-timestamp`` the attempt's, ``webhook-signature`` one
``v1,`` signature for each secret that holds: HMAC-SHA256 over ``id.timestamp.body``, base64.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105  the standard's prefix
SECRET_SIZE = 32


def format_secret(secret: bytes) -> str:
    """Return a secret as it is shown once."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def message_id(webhook: str, seq: int) -> str:
    """Return the name of one event to one subscription."""
    return f"{webhook.replace('whk_', 'msg_')}_{seq}"


def sign_message(secrets: Sequence[bytes], identifier: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt at Unix second ``at``."""
    signed = f"{identifier}.{at}.".encode() + body
    lines = ["v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode() for secret in secrets]
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(lines),
    }
