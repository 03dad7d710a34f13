"""Rotation of a key that acts on chain, on a stopped gateway whose chain answers.

1. What the old key has in flight is brought to its end; else ``signer.not_drained`` with the number left.
2. The new key is kept beside the old one. *A crash here, or in the next step: the old key goes on acting, and
   the next run takes this same new key.*
3. The new key gets its powers on chain, beside the old one. Where such a grant waits, so does the rotation.
4. **[atomic]** ``key.rotated`` and its checkpoint. From this commit on the new key acts, as it can by now.
5. The new key takes the old one's place in the folder. *A crash in between: the next start does it.*
6. The old key's powers are taken. *A crash before or in between: a start says so, the next run does it.*

Both keys have the powers from 3 to 6, so there is no moment at which nobody could act.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from chain.evm.recursion import reset_recursion_limit
from chain.evm.signers.base import Signer
from chain.types import Address
from gateway.bootstrap import ANCHOR_ROLES
from gateway.command_failures import EXIT_USAGE, CommandFailure
from gateway.data_folder import DataFolder
from gateway.data_present import present_database, require_gateway
from gateway.failpoints import step
from gateway.ground import Ground, open_ground
from gateway.keys import ROLES, KeyFolder
from gateway.ledger.append import RandomPool
from gateway.ledger.log_follower import LogFollower
from gateway.ledger.log_keys import SIGNER_ROLE, SignerChange, last_signer_changes
from gateway.log_rotation import append_rotation, check_reason
from gateway.machinery import build_submitter
from gateway.outbox.calls import TransactionState
from gateway.outbox.rows import count_open
from gateway.outbox.tables import chain_signers
from gateway.role_powers import ROLE_IDS, RolePowers
from gateway.rules.calendar import format_timestamp
from gateway.settings import load_settings
from gateway.signer_rotation_refusals import (
    admin_compromised,
    another_address,
    key_in_use,
    key_not_at_hand,
    no_address,
    no_gateway,
    no_such_role,
    not_drained,
    unknown_holder,
)
from gateway.signer_succession import finish_signers, read_signer_changes
from gateway.start_check import AnchorCheck

DRAIN_SECONDS = 60.0
"""How long the old key's transactions are waited for."""
_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class SignerRotation:
    """What became of a rotation. ``pending``: the grant to the new key counts from ``until`` on, nothing is
    recorded, the old key still acts. ``done``: by the entry ``entry_id``, at ``index``.
    """

    state: str
    signer: str
    old_address: str
    new_address: str
    until: str | None = None
    entry_id: str | None = None
    index: int | None = None


class SignerSwap:
    """One role's rotation over an open ground that nothing else is using."""

    def __init__(self, ground: Ground, role: str, drain_seconds: float = DRAIN_SECONDS) -> None:
        self._ground = ground
        self._role = role
        self._drain_seconds = drain_seconds
        # Keys are drawn from the system also where a rehearsal draws its own.
        self._keys = KeyFolder(ground.folder.keys, outside=ground.keys.outside)
        self._powers = RolePowers(ground.client, ground.deployment, ground.log_id, depth=ground.depth)
        self._changes = read_signer_changes(ground.database)
        self._follower = LogFollower(ground.database, ground.identity.vkey)

    def run(self, reason: str, named: Address | None, now: int) -> SignerRotation:
        """Rotate the role's key, or finish its last rotation; ``named`` is the new key's address where it is
        elsewhere, ``now`` Unix milliseconds.

        Raises:
            CommandFailure: the old key's transactions are open, or a key is not at hand or not fit.
            FatalChainError: the chain refused a step, or is not the log's.
            TransientChainError: the node did not answer; run it again.
            LedgerFault: as for a rotation of the log's key, or the chain holds more than this log.
        """
        last = last_signer_changes(self._changes).get(self._role)
        if last is not None and not self._is_finished(last):
            return self._conclude(last)
        if (self._role in self._keys.outside) != (named is not None):
            raise no_address(self._role)
        old = self._present(named)
        self._follower.catch_up()
        AnchorCheck(self._ground.client, self._ground.deployment, self._ground.log_id)(
            self._follower.view.tree
        )
        self._drain(self._role, old)
        new = self._following(old, named)
        until = self._grant(new)
        if until is not None:
            return self._pending(old, new, until)
        # If we crash here, both keys have the powers and the old one acts.
        entry_id, index = self._record(old, new, reason, now)
        # If we crash here, the new key acts as soon as anything starts.
        return self._conclude(SignerChange(self._role, old, new, entry_id, index))

    def _is_finished(self, change: SignerChange) -> bool:
        return self._powers.is_whole(self._role, change.new) and not self._powers.is_any(
            self._role, change.old
        )

    def _conclude(self, change: SignerChange) -> SignerRotation:
        """Do what the entry leaves to be done, as far as it is not done already."""
        role, old, new = self._role, change.old, change.new
        until = self._grant(new)
        if until is not None:
            # Only a chain that lost blocks has forgotten a grant that was in force.
            return self._pending(old, new, until)
        finish_signers(self._ground.database, self._keys)
        if role in self._keys.outside:
            self._keys.drop_signer(role)
        # The same bytes again would give the powers back to keys that have lost them.
        (self._ground.folder.root / "deployment.progress").unlink(missing_ok=True)
        # If we crash here, the old key can still do what it could; nothing of ours uses it.
        self._revoke(old)
        return SignerRotation("done", role, _hex(old), _hex(new), None, change.entry_id, change.index)

    def _pending(self, old: Address, new: Address, until: int) -> SignerRotation:
        return SignerRotation("pending", self._role, _hex(old), _hex(new), format_timestamp(until * 1000))

    # --- whose key ---------------------------------------------------------------------------------------

    def _present(self, named: Address | None) -> Address:
        """Return the address of the key that acts now. Raises CommandFailure where nothing here tells it."""
        role, last = self._role, last_signer_changes(self._changes).get(self._role)
        found = self._keys.stored_address(role) if last is None else last.new
        if found is None:
            columns = chain_signers.c
            query = select(columns.address).where(
                columns.chain_id == self._ground.chain_id, columns.signer == role
            )
            with self._ground.database.reader() as connection:
                used = {Address(bytes(row)) for row in connection.execute(query).scalars()} - {named}
            if len(used) != 1:
                raise unknown_holder(role)
            found = used.pop()
        return found

    def _following(self, old: Address, named: Address | None) -> Address:
        """Return the new key's address; the key is at hand. Raises CommandFailure for one that is not fit."""
        role = self._role
        if named is None:
            new = self._keys.following_signer(role).address
        else:
            new = self._keys.outside.open(role).address
            if new != named:
                raise another_address(role, _hex(new))
        others = {key.address for key in self._keys.list_roles() if key.role != role}
        used = {change.old for change in self._changes} | {change.new for change in self._changes}
        if new == old or new in used or _hex(new) in others:
            raise key_in_use(_hex(new))
        return new

    def _at_hand(self, role: str) -> list[Signer]:
        """Return the keys of a role that can sign here: one that is elsewhere, then one in the folder."""
        found: list[Signer] = []
        if role in self._keys.outside:
            found.append(self._keys.outside.open(role))
        if self._keys.stored_address(role) is not None:
            found.append(KeyFolder(self._ground.folder.keys).signer(role))
        return found

    def _acting(self, role: str, but: Address | None = None) -> Signer:
        """Return a key that has a role on chain, another than ``but``. Raises CommandFailure for none."""
        for signer in self._at_hand(role):
            if signer.address != but and self._powers.has_role(role, signer.address):
                return signer
        raise key_not_at_hand(role)

    # --- what the old key has in flight ------------------------------------------------------------------

    def _drain(self, role: str, address: Address) -> None:
        """Bring the transactions of a key to their end. Raises CommandFailure with the number left."""
        left = self._open_calls(address)
        if not left:
            return
        signer = next((one for one in self._at_hand(role) if one.address == address), None)
        if signer is None:
            raise not_drained(_hex(address), left)
        submitter = build_submitter(self._ground, self._follower.view, {role: signer})
        deadline = time.monotonic() + self._drain_seconds
        while left := self._open_calls(address):
            if time.monotonic() > deadline:
                raise not_drained(_hex(address), left)
            submitter.follow()
            time.sleep(_PAUSE)

    def _open_calls(self, address: Address) -> int:
        # What is mined and not final may come back by a reorganisation, in the old key's bytes.
        states = (TransactionState.SIGNED, TransactionState.SENT, TransactionState.MINED)
        with self._ground.database.reader() as connection:
            return count_open(connection, self._ground.chain_id, address, states)

    # --- powers on chain ---------------------------------------------------------------------------------

    def _grant(self, new: Address) -> int | None:
        """Give a key what its role needs; return the time from which it counts where that is to come."""
        role, powers = self._role, self._powers
        if role in ROLE_IDS and not powers.has_role(role, new):
            if powers.granted_from(role, new) is None:
                powers.grant_role(self._acting("deployer"), role, new)
            if not powers.has_role(role, new):
                # Blocks may have no time before the next one; then a run a moment later goes on.
                return powers.granted_from(role, new)
        if role in ANCHOR_ROLES:
            signers, threshold = powers.signers()
            if new not in signers:
                powers.set_signers(self._hq(), [*signers, new], threshold)
        return None

    def _revoke(self, old: Address) -> None:
        role, powers = self._role, self._powers
        if role in ANCHOR_ROLES:
            signers, threshold = powers.signers()
            if old in signers:
                powers.set_signers(self._hq(), [one for one in signers if one != old], threshold)
        # If we crash here, the old key signs no anchors and still has its role.
        if role in ROLE_IDS and powers.granted_from(role, old) is not None:
            # For the admin's own role this is the new one.
            powers.revoke_role(self._acting("deployer", but=old), role, old)

    def _hq(self) -> Signer:
        """Return HQ's key with nothing in flight, so that its next nonce is free."""
        signer = self._acting("hq")
        self._drain("hq", signer.address)
        return signer

    # --- the entry ---------------------------------------------------------------------------------------

    def _record(self, old: Address, new: Address, reason: str, now: int) -> tuple[str, int]:
        public: dict[str, str | int] = {"role": SIGNER_ROLE, "signer": self._role, "reason": reason}
        public |= {"old_address": old.hex(), "new_address": new.hex()}
        with self._ground.database.writer(step("rotate.signer")) as connection:
            return append_rotation(connection, self._ground.identity, public, now, RandomPool(os.urandom))


def _hex(address: Address) -> str:
    return "0x" + address.hex()


def check_role(role: str, reason: str) -> None:
    """Pass for a role whose key may be rotated for this reason.

    Raises:
        CommandFailure: there is no such role, or the admin's own key would replace itself though others have
            it.
        FormatError: ``reason`` is none of those of a rotation.
    """
    check_reason(reason)
    if role not in ROLES:
        raise no_such_role(", ".join(ROLES))
    if role == "deployer" and reason == "compromised":
        raise admin_compromised()


def run_rotate_signer(
    data: Path | None,
    chain_url: str | None,
    database_url: str | None,
    role: str,
    reason: str,
    address: str | None,
) -> SignerRotation:
    """Rotate a role's key of a data folder that no gateway is using; its own chain is started for the time.

    Raises as `check_role`, `open_ground` and `SignerSwap.run`, and CommandFailure where there is no gateway's
    data or ``address`` is none; nothing was made then.
    """
    check_role(role, reason)
    named = None if address is None else _parse_address(address)
    settings = load_settings(data, chain_url=chain_url, database_url=database_url)
    folder = DataFolder(settings.data)
    require_gateway(folder)
    present_database(settings)
    if not folder.deployment.exists():
        raise no_gateway(str(folder.root))
    reset_recursion_limit()
    with ExitStack() as stack:
        ground = open_ground(settings, stack, shared=False, signs=False)
        return SignerSwap(ground, role).run(reason, named, ground.surroundings.clock())


def _parse_address(text: str) -> Address:
    try:
        found = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != 20 or not text.startswith("0x"):
        raise CommandFailure(
            "--address：不是 0x 加 40 位十六进制数字", "--address: is not 0x and 40 hex digits", EXIT_USAGE
        )
    return Address(found)
