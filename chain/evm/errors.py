"""Errors of the EVM shell; all of them are of the family in ``chain.errors``."""

from __future__ import annotations

from chain.errors import ChainError, FatalChainError, TransientChainError


class NodeRefused(ChainError):
    """The node answered with a JSON-RPC error object; it understood and said no.

    ``data`` is the revert data in hex where the node gives it.
    """

    def __init__(self, method: str, code: int, message: str, data: str | None = None) -> None:
        super().__init__(f"{method}: node refused ({code}): {message}")
        self.method = method
        self.code = code
        self.message = message
        self.data = data


class MalformedAnswer(TransientChainError):
    """The answer is cut off, too large, too deep, or not what was asked for; nothing of it was used."""

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(f"{method}: {reason}")
        self.method = method
        self.reason = reason


class NodeUnreachable(TransientChainError):
    """No answer: connection refused or lost, time-out, or an HTTP status that says try again."""

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(f"{method}: {reason}")
        self.method = method
        self.reason = reason


class WrongChain(FatalChainError):
    """Another chain, genesis block or contract code than the one that was pinned.

    ``what`` names it, ``got`` and ``want`` are the two sides.
    """

    def __init__(self, what: str, got: object, want: object) -> None:
        super().__init__(f"{what} is {got}, wants {want}")
        self.what = what
        self.got = got
        self.want = want


class SignerRefused(ChainError):
    """A signer cannot or will not sign, or signed something else than asked.

    ``field`` names what differs; never carries key material.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"signer: {field}: {reason}")
        self.field = field
        self.reason = reason


class LocalChainError(ChainError):
    """The local chain could not be started or stopped; ``reason`` says why, with the node's last words."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"local chain: {reason}")
        self.reason = reason
