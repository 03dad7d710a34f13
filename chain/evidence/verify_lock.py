"""Step 15 of a verification: what is left of the lock the entry is about. Pure."""

from __future__ import annotations

from dataclasses import replace

from chain.errors import NotaryError, VerificationError
from chain.evidence.bundle import OutcomeEvidence
from chain.evidence.case import Case
from chain.evidence.layout import LockSlot, lock_key, parse_lock_slot
from chain.evidence.lock import LockEvidence, lock_of
from chain.evidence.steps import Facts, StepNumber, failed, not_present, passed
from chain.evidence.tries import verify_account_proof, verify_storage_proof
from chain.evidence.verify_record import Ended
from chain.operation import ZERO_ADDRESS, account_id


def check_lock(case: Case, facts: Facts) -> Ended:
    """Step 15: TimeCredit's storage holds this rest of the lock that the entry makes or takes from.

    It ends as ``open``, ``ended`` (a holder, and nothing left) or ``unknown`` (the contract has no such lock:
    its operation was refused). Read at the outcome's block, from the contract that steps 10 to 12 judge
    there.
    """
    number = StepNumber.LOCK
    lock, outcome = case.bundle.lock, case.bundle.outcome
    if lock is None or outcome is None:
        return not_present(number, "none", "no lock in the bundle"), facts
    wanted = lock_of(case.entry.operation, case.leaf_hash)
    if wanted is None:
        return failed(number, "a lock for an entry that concerns none", "no_lock"), facts
    if not outcome.account_proof:
        return not_present(number, "no_account_proof", "no account proof", "cannot_check"), facts
    try:
        slot = _read_slot(case, outcome, lock, wanted)
    except NotaryError as error:
        return failed(number, error), facts
    holder = "" if slot.holder == ZERO_ADDRESS else account_id(slot.holder)
    word = ("open" if slot.rest else "ended") if holder else "unknown"
    proved = replace(facts, lock=word, lock_holder=holder, lock_rest=slot.rest, lock_block=outcome.block)
    return passed(number, f"{slot.rest} locked at block {outcome.block}", word), proved


def _read_slot(case: Case, outcome: OutcomeEvidence, lock: LockEvidence, wanted: bytes) -> LockSlot:
    state_root = case.header(outcome.block).state_root
    storage_root = verify_account_proof(state_root, outcome.contract, outcome.account_proof).storage_root
    slot = parse_lock_slot(verify_storage_proof(storage_root, lock_key(wanted), lock.storage_proof))
    if slot.holder != lock.holder:
        raise VerificationError(
            "lock", "holder is another", got=account_id(lock.holder), want=account_id(slot.holder)
        )
    if slot.rest != lock.rest:
        raise VerificationError("lock", "rest is another", got=lock.rest, want=slot.rest)
    return slot
