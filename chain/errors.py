"""The one family of errors that crosses a room's boundary.

Errors carry what they got and what they wanted as fields, so a caller or a test never parses text. They
never carry private values: a culprit is named by position, field name, hash or public identifier.
"""

from __future__ import annotations


class NotaryError(Exception):
    """Base of every error this project raises on purpose."""


class FormatError(NotaryError):
    """Bytes or values are not in the one accepted form.

    ``where`` names the field or position, ``reason`` the rule that is broken.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


class VerificationError(NotaryError):
    """A proof, signature or commitment does not hold.

    ``step`` names the check, ``got`` and ``want`` the two sides where there are two.
    """

    def __init__(self, step: str, reason: str, *, got: object = None, want: object = None) -> None:
        detail = "" if got is None and want is None else f" (got {got}, want {want})"
        super().__init__(f"{step}: {reason}{detail}")
        self.step = step
        self.reason = reason
        self.got = got
        self.want = want


class ChainError(NotaryError):
    """The chain or its node did not do what was asked."""


class TransientChainError(ChainError):
    """May succeed when tried again: nothing is known to have changed."""


class FatalChainError(ChainError):
    """The state is unknown or wrong (other chain, other code, contradicting node): stop, restart, recover."""
