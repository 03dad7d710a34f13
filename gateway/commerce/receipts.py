"""The receipt of a purchase: the hash of what the channel or the shop gave out, recorded once for each payee.

What it hashes is the recorder's: the receipt's file, or provider and reference as the channel names them.
"""

from __future__ import annotations

from collections.abc import Iterable

from chain.operation import account_address, account_id
from chain.types import AccountId, Address
from gateway.cases.filling import read_text
from gateway.cases.receipts import Taken, parse_receipt
from gateway.cases.world import World
from gateway.commerce.successors import last_of, load_recoveries
from gateway.errors import Refusal

FIELD = "public.receipt"
_ADDRESS_SIZE = 20


def take_receipt(world: World, accounts: Iterable[str]) -> None:
    """Have the step record its receipt: of the chapter's merchants among the accounts, else of the chapter.

    Raises:
        Refusal: ``entry.bad_field`` without a receipt; ``receipt.recorded_already`` with the ``index`` of the
            entry that recorded it.
    """
    if "receipt" not in world.draft.public and not world.needs_receipt:
        return
    receipt = parse_receipt(read_text(world.draft, "receipt"))
    if receipt is None:
        raise Refusal("entry.bad_field", field=FIELD, reason="not 64 lower-case hex digits")
    # A purchase may name another chapter's merchant: that never keeps such a one from recording its own.
    merchants = (world.own_merchant(account) for account in accounts)
    payees = tuple(found for found in merchants if found is not None) or (world.chapter.to_bytes(4),)
    for payee, index in world.receipts.find(receipt).items():
        if payee in payees or _succeeded(world, payee) in payees:
            raise Refusal("receipt.recorded_already", field=FIELD, index=index)
    world.taken = Taken(receipt, payees)


def _succeeded(world: World, payee: bytes) -> bytes | None:
    """Return the address that goes on for a payee whose account was lost, None for a chapter.

    Two payees of one receipt are rare, so nothing is read for it before.
    """
    if len(payee) != _ADDRESS_SIZE:
        return None
    account = last_of(account_id(Address(payee)), world.ask(load_recoveries))
    return bytes(account_address(AccountId(account)))
