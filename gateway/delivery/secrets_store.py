"""Secrets of webhooks: sealed in SQL, each subscription's key in the vault, apart from it.

Whoever has the tables alone signs nothing; deleting a subscription destroys its key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, func, insert, or_, select, update

from chain.errors import VerificationError
from gateway.delivery.signing import SECRET_SIZE
from gateway.delivery.tables import webhook_secrets
from gateway.ledger.vault import NONCE_SIZE, Entropy, Vault

OVERLAP_SECONDS = 86_400.0
"""How long a secret still signs beside the one that followed it."""


def format_time(seconds: float) -> str:
    """Return Unix seconds as RFC 3339 UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class SecretsStore:
    """Makes, reads and destroys secrets by webhook id."""

    def __init__(self, vault: Vault, entropy: Entropy) -> None:
        self._vault = vault
        self._entropy = entropy

    def prepare(self, webhook: str) -> None:
        """Make the subscription's key durable, before a row rests on it."""
        self._vault.ensure_keys([_account(webhook)])

    def add(self, connection: Connection, webhook: str, now: float) -> bytes:
        """Store a fresh secret and return it; the one before it ends after the overlap.

        Requires `prepare`.
        """
        secret, kept = self._entropy(SECRET_SIZE), webhook_secrets.c
        last = connection.execute(select(func.max(kept.number)).where(kept.webhook_id == webhook)).scalar()
        number = 1 if last is None else last + 1
        former = update(webhook_secrets).where(kept.webhook_id == webhook)
        # Two sign at most: of several new ones in a row, those in between were perhaps never received.
        connection.execute(former.where(kept.expires_at.is_not(None)).values(expires_at=now))
        connection.execute(former.where(kept.expires_at.is_(None)).values(expires_at=now + OVERLAP_SECONDS))
        sealed = self._vault.seal(
            _account(webhook), _name(webhook, number), secret, self._entropy(NONCE_SIZE)
        )
        row = {"webhook_id": webhook, "number": number, "sealed": sealed, "created_at": format_time(now)}
        connection.execute(insert(webhook_secrets), row)
        return secret

    def load(self, connection: Connection, webhook: str, now: float) -> Sequence[bytes]:
        """Return the secrets that sign at ``now``, the newest first; none where the key is gone."""
        kept = webhook_secrets.c
        wanted = (
            select(kept.number, kept.sealed)
            .where(kept.webhook_id == webhook, or_(kept.expires_at.is_(None), kept.expires_at > now))
            .order_by(kept.number.desc())
        )
        opened = [self._open(webhook, row.number, row.sealed) for row in connection.execute(wanted)]
        return [secret for secret in opened if secret is not None]

    def _open(self, webhook: str, number: int, sealed: bytes) -> bytes | None:
        try:
            return self._vault.open(_account(webhook), _name(webhook, number), sealed)
        except VerificationError:
            # Sealed with a key that is gone; another one was made since, for a new secret.
            return None

    def destroy(self, webhook: str) -> None:
        """Destroy the subscription's key: its sealed secrets are unreadable from then on."""
        self._vault.destroy(_account(webhook))


def _account(webhook: str) -> bytes:
    return b"webhook\x00" + webhook.encode()


def _name(webhook: str, number: int) -> str:
    return f"{webhook}/{number}"
