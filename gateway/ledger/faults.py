"""The one fatal error, a contradiction with what was promised; and what a failed write means to callers."""

from __future__ import annotations

import errno

from sqlalchemy.exc import DBAPIError, OperationalError

from chain.errors import NotaryError
from gateway.errors import Refusal


class LedgerFault(NotaryError):
    """Integrity cannot be shown: nothing more may be signed or accepted until someone looked.

    ``check`` names what failed, ``got`` and ``want`` the two sides (sizes or hashes, never contents).
    """

    def __init__(self, check: str, *, got: object = None, want: object = None) -> None:
        super().__init__(f"{check} (got {got}, want {want})")
        self.check = check
        self.got = got
        self.want = want


def refusal_of(error: DBAPIError | OSError) -> Refusal:
    """Return what a database that cannot write means to the caller."""
    text = str(getattr(error, "orig", error))
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "full" in text or "No space" in text:
        return Refusal("storage.full")
    if isinstance(error, OperationalError) or getattr(error, "errno", None) == errno.EAGAIN:
        return Refusal("ledger.busy")
    return Refusal("internal")
