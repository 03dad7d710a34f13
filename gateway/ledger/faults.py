"""The ledger's one fatal error: what is stored contradicts what was promised."""

from __future__ import annotations

from chain.errors import NotaryError


class LedgerFault(NotaryError):
    """Integrity cannot be shown: nothing more may be signed or accepted until someone looked.

    ``check`` names what failed, ``got`` and ``want`` the two sides (sizes or hashes, never contents).
    """

    def __init__(self, check: str, *, got: object = None, want: object = None) -> None:
        super().__init__(f"{check} (got {got}, want {want})")
        self.check = check
        self.got = got
        self.want = want
