"""A key from an environment variable: for containers that inject secrets, and for tests.

The variable is taken out of this process's environment, so that no child inherits it. Whoever may read the
process's start-up environment still sees the key; a keystore or a remote signer does better.
"""

from __future__ import annotations

from collections.abc import MutableMapping

from chain.errors import FormatError
from chain.evm.signers.base import LocalKey


def load_environment_key(name: str, environment: MutableMapping[str, str]) -> LocalKey:
    """Return the key in variable ``name`` (64 hex digits, ``0x`` allowed) and remove the variable.

    Raises FormatError, which names the variable and never its value.
    """
    text = environment.pop(name, None)
    if text is None:
        raise FormatError(name, "is not set")
    try:
        secret = bytes.fromhex(text.strip().removeprefix("0x"))
        return LocalKey(secret)
    except (ValueError, FormatError):
        # The cause would show the value in a traceback.
        raise FormatError(name, "is not the 64 hex digits of a secp256k1 key") from None
