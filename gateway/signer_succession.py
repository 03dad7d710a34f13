"""After a rotation of a key that acts on chain: files follow the entries, a start says what is unfinished.

The entry is the word that counts: from its commit on the new key acts. What is still to be done on chain is
told and left to ``tongyi keys rotate signer``, as a start sends nothing that takes powers away.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from sqlalchemy import inspect

from chain.errors import FormatError, TransientChainError
from gateway.db import Database
from gateway.keys import KeyFolder
from gateway.ledger.log_keys import SignerChange, last_signer_changes, load_signer_changes
from gateway.role_powers import RolePowers

_log = structlog.get_logger("signers")

MAY_BE_AWAY = ("deployer", "regulator")
"""Roles that no process acts in: their keys may be kept away from the folder, and be named nowhere."""
NOT_NAMED = "is not the key that the role's last rotation names"


def read_signer_changes(database: Database) -> list[SignerChange]:
    """Return the rotations in the order of their entries, none where there is no table yet."""
    with database.reader() as connection:
        return load_signer_changes(connection) if inspect(connection).has_table("entries") else []


def finish_signers(database: Database, keys: KeyFolder) -> Mapping[str, SignerChange]:
    """Put following keys into the places that the entries give them; return each role's last rotation.

    Call it before a signer is used. Raises FormatError where a role's key in the folder is another than the
    one its last rotation names.
    """
    last = last_signer_changes(read_signer_changes(database))
    for role, change in last.items():
        if keys.following_address(role) == change.new:
            keys.take_following_signer(role)
        if role not in keys.outside and keys.stored_address(role) not in (None, change.new):
            raise FormatError(f"{role}.json", NOT_NAMED)
    return last


def check_signers(last: Mapping[str, SignerChange], keys: KeyFolder, powers: RolePowers) -> None:
    """Check in a process that signs that the key of each rotated role is at hand, and tell what the chain
    does not know yet.

    Raises:
        FormatError: a role's key is another one, or missing though processes act in that role.
        FatalChainError: a key that is elsewhere cannot be used.
    """
    for role, change in last.items():
        if role in keys.outside:
            if keys.outside.open(role).address != change.new:
                raise FormatError(f"TONGYI_SIGNERS: {role}", NOT_NAMED)
        elif keys.stored_address(role) != change.new and role not in MAY_BE_AWAY:
            # `finish_signers` refused another one already; a missing one must not be made anew.
            raise FormatError(f"{role}.json", "is missing: the role's last rotation names its key")
        try:
            if powers.is_any(role, change.old) or not powers.is_whole(role, change.new):
                _log.warning("a rotation is not finished on chain: run tongyi keys rotate signer", role=role)
        except TransientChainError:
            _log.warning("the node does not answer: whether a rotation is finished is not known", role=role)
