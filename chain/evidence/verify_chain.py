"""Steps 9 to 14 of a verification: what the chain says, and who stands behind its blocks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from chain.entry import account_address
from chain.errors import NotaryError, VerificationError
from chain.event_kinds import Anchored
from chain.events import decode_event
from chain.evidence.bundle import AnchorEvidence, OutcomeEvidence, StateEvidence
from chain.evidence.case import Case, Run, Section
from chain.evidence.headers import header_hash, verify_links
from chain.evidence.layout import (
    account_key,
    cursor_key,
    parse_account_slot,
    refused_key,
)
from chain.evidence.receipts import parse_receipt
from chain.evidence.seals import SealCount, clique_quorum, verify_clique_seals, verify_qbft_seals
from chain.evidence.steps import Facts, Outcome, StepNumber, failed, not_present, passed
from chain.evidence.tries import verify_account_proof, verify_receipt_proof, verify_storage_proof
from chain.evidence.verify_record import Ended
from chain.hashing import sha256
from chain.trust_root import ChainPin, TrustRoot
from chain.types import BlockNumber, Digest

_NO_CHAIN = "the bundle has no evidence from a chain"


def check_anchor(case: Case, root: TrustRoot, facts: Facts) -> Ended:
    """Step 9: a receipt in the block holds LogAnchor's event for exactly this log, size and root."""
    number = StepNumber.ANCHOR
    anchor = case.bundle.anchor
    if anchor is None:
        return not_present(number, "not_anchored", "not anchored yet", _pending(root.required.anchor)), facts
    header = case.header(anchor.block)
    try:
        _check_anchor_event(case, anchor, header.receipts_root)
    except NotaryError as error:
        return failed(number, error), facts
    proved = replace(facts, block=header.number, block_time=header.timestamp)
    return passed(
        number, f"block {header.number}, transaction {anchor.tx_index}, event {anchor.log_index}"
    ), proved


def check_contract(case: Case, root: TrustRoot, facts: Facts) -> Ended:
    """Step 10: the contract of every section is pinned for its block and had the pinned code there."""
    number = StepNumber.CONTRACT
    chain = case.bundle.chain
    if chain is None:
        return not_present(number, "no_chain", _NO_CHAIN), facts
    pin = root.chain(chain.chain_id)
    proved: dict[str, None] = {}
    for name, section in case.sections():
        if not section.account_proof:
            detail = f"no account proof of {name} {section.contract.hex()}"
            return not_present(number, "no_account_proof", detail, "cannot_check"), facts
        found = None if pin is None else pin.contract(name, section.contract, section.block)
        if found is None:
            return failed(number, f"{name} {section.contract.hex()} is not pinned here", "unpinned"), facts
        try:
            state_root = case.header(section.block).state_root
            account = verify_account_proof(state_root, section.contract, section.account_proof)
        except NotaryError as error:
            return failed(number, error), facts
        if account.code_hash != found.code_hash:
            return failed(number, f"{name} has code {account.code_hash.hex()}", "other_code"), facts
        proved[f"{name} {section.contract.hex()} {account.code_hash.hex()}"] = None
    return passed(number, "; ".join(proved)), replace(facts, contracts=tuple(proved))


def check_blocks(case: Case, root: TrustRoot, facts: Facts) -> Ended:
    """Step 11: the chain is pinned, its headers follow one another, and enough of them follow every
    section's.
    """
    number = StepNumber.BLOCKS
    chain, depth = case.bundle.chain, root.required.depth
    if chain is None:
        # Without an anchor there is nothing to bury; step 9 has said whether one is required.
        return not_present(number, "no_chain", _NO_CHAIN), facts
    pin = root.chain(chain.chain_id)
    if pin is None:
        return failed(number, f"chain {chain.chain_id} is not pinned", "unpinned"), facts
    try:
        for run in case.runs:
            _check_run(run, pin)
        _check_order(case.runs)
    except NotaryError as error:
        return failed(number, error), facts
    least = min(_following(case, section) for _, section in case.sections())
    if least < depth:
        detail = f"{least} blocks follow, {depth} required"
        return not_present(number, "too_shallow", detail, "cannot_check"), facts
    return passed(number, f"chain {chain.chain_id}, {least} blocks follow, {depth} required"), replace(
        facts, chain_id=chain.chain_id, depth=least
    )


def check_seals(case: Case, root: TrustRoot, facts: Facts) -> Ended:
    """Step 12: validators of the trust root sealed every section's block.

    Clique: floor(N/2) + 1 distinct signers from the section's block on. QBFT: ceil(2N/3) committed seals on
    it and every block after it. A chain pinned with kind ``none`` has no seals.
    """
    number = StepNumber.SEALS
    required = root.required.seals
    missing: Outcome = "pass" if required == "none" else "cannot_check"
    chain = case.bundle.chain
    if chain is None:
        return not_present(number, "no_chain", _NO_CHAIN), facts
    pin = root.chain(chain.chain_id)
    counts: list[SealCount] = []
    kinds: list[str] = []
    for _, section in case.sections():
        kind = _kind(pin, section.block)
        if kind == "none":
            return not_present(number, "unsealed", "the chain's blocks carry no seals", missing), facts
        if required not in ("none", "any", kind):
            return not_present(number, "other_kind", f"{kind} seals, {required} required", missing), facts
        try:
            counts.append(_count_seals(case, section, pin))
        except NotaryError as error:
            return failed(number, error), facts
        kinds.append(kind)
    worst = min(counts, key=lambda count: count.sealed - count.needed)
    detail = f"{kinds[0]}: sealed by {worst.sealed} of {worst.validators}, {worst.needed} needed"
    if worst.sealed < worst.needed:
        return not_present(number, "too_few", detail, missing), facts
    return passed(number, detail), replace(facts, seal_kind=kinds[0], sealed=(worst.sealed, worst.validators))


def check_outcome(case: Case, root: TrustRoot, facts: Facts) -> Ended:
    """Step 13: TimeCredit's storage says that the leaf was executed, and whether it was refused."""
    number = StepNumber.OUTCOME
    outcome = case.bundle.outcome
    if case.entry.operation is None:
        if outcome is not None:
            return failed(number, "an outcome for an entry without operation", "no_operation"), facts
        return not_present(number, "no_operation", "the entry orders no operation"), facts
    if outcome is None:
        return not_present(number, "not_settled", "not settled yet", _pending(root.required.outcome)), facts
    if not outcome.account_proof:
        return not_present(number, "no_account_proof", "no account proof", "cannot_check"), facts
    try:
        _check_outcome_slots(case, outcome)
    except NotaryError as error:
        return failed(number, error), facts
    word = "refused" if outcome.refused else "done"
    detail = f"{word} by block {outcome.block}" + (f", reason {outcome.refused}" if outcome.refused else "")
    return passed(number, detail, word), replace(facts, outcome=word, refused=outcome.refused)


def check_state(case: Case, facts: Facts) -> Ended:
    """Step 14: TimeCredit's storage holds this balance, locked amount and sequence of an account of the
    entry.
    """
    number = StepNumber.STATE
    state = case.bundle.state
    if state is None:
        return not_present(number, "none", "no balance in the bundle"), facts
    if not state.account_proof:
        return not_present(number, "no_account_proof", "no account proof", "cannot_check"), facts
    try:
        _check_state_slot(case, state)
    except NotaryError as error:
        return failed(number, error), facts
    proved = replace(
        facts,
        account=state.account,
        balance=state.balance,
        locked=state.locked,
        sequence=state.sequence,
        state_block=state.block,
    )
    return passed(number, f"balance {state.balance}, locked {state.locked} at block {state.block}"), proved


def _pending(required: bool) -> Outcome:
    return "pending" if required else "pass"


def _check_anchor_event(case: Case, anchor: AnchorEvidence, receipts_root: Digest) -> None:
    receipt = parse_receipt(verify_receipt_proof(receipts_root, anchor.tx_index, anchor.receipt_proof))
    if not receipt.succeeded:
        raise VerificationError("anchor", "the transaction failed")
    if anchor.log_index >= len(receipt.logs):
        raise VerificationError("anchor", "no such event", got=anchor.log_index, want=len(receipt.logs))
    log = receipt.logs[anchor.log_index]
    if log.address != anchor.contract:
        raise VerificationError("anchor", "event of another contract", got=log.address.hex())
    event = decode_event(log.topics, log.data)
    if not isinstance(event, Anchored):
        raise VerificationError("anchor", "another event", got=type(event).__name__)
    checkpoint = case.checkpoint
    # What was anchored is exactly what the log signed: the id follows from the checkpoint's own origin.
    want = (sha256(checkpoint.origin.encode()), checkpoint.size, checkpoint.root)
    for name, got, wanted in zip(
        ("log", "size", "root"), (event.log_id, event.size, event.root), want, strict=True
    ):
        if got != wanted:
            raise VerificationError(
                "anchor", f"{name} anchored is another", got=_show(got), want=_show(wanted)
            )


def _show(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _kind(pin: ChainPin | None, block: BlockNumber) -> str:
    found = None if pin is None else pin.signer_set(block)
    return "none" if found is None else found.kind


def _check_run(run: Run, pin: ChainPin) -> None:
    kinds = [_kind(pin, header.number) for header in run.headers]
    verify_links(run.headers, kinds, run.head)
    first = run.headers[0]
    if first.number == 0 and header_hash(first, kinds[0]) != pin.genesis_hash:
        raise VerificationError("blocks", "another genesis block")


def _check_order(runs: Sequence[Run]) -> None:
    for earlier, later in pairwise(runs):
        if later.headers[0].number <= earlier.headers[-1].number:
            raise VerificationError("blocks", "runs overlap or do not ascend", got=later.headers[0].number)


def _following(case: Case, section: Section) -> int:
    run, position = case.locate(section.block)
    return len(run.headers) - 1 - position


def _count_seals(case: Case, section: Section, pin: ChainPin | None) -> SealCount:
    """Return by how many of the validators pinned for a section's block it is sealed, checking the whole
    run.
    """
    run, _ = case.locate(section.block)
    own = None if pin is None else pin.signer_set(section.block)
    if pin is None or own is None:
        raise VerificationError("seals", "no signers are pinned")
    sets = [pin.signer_set(header.number) for header in run.headers]
    # Only blocks of the same kind lend weight: a later consensus says nothing by the earlier one's rule.
    same = [
        (header, found.addresses)
        for header, found in zip(run.headers, sets, strict=True)
        if found is not None and found.kind == own.kind
    ]
    if own.kind == "clique":
        signers = verify_clique_seals([header for header, _ in same], [addresses for _, addresses in same])
        after = {
            signer
            for (header, _), signer in zip(same, signers, strict=True)
            if header.number >= section.block
        } & set(own.addresses)
        return SealCount(len(after), len(own.addresses), clique_quorum(len(own.addresses)))
    counts = [verify_qbft_seals(header, found) for header, found in same if header.number >= section.block]
    return min(counts, key=lambda count: count.sealed - count.needed)


def _check_outcome_slots(case: Case, outcome: OutcomeEvidence) -> None:
    storage_root = _storage_root(case, outcome)
    log_id = sha256(case.checkpoint.origin.encode())
    index = case.bundle.log.index
    cursor = verify_storage_proof(storage_root, cursor_key(log_id), outcome.cursor_proof)
    if cursor != outcome.cursor:
        raise VerificationError("outcome", "cursor is another", got=outcome.cursor, want=cursor)
    if cursor <= index:
        raise VerificationError("outcome", "the cursor has not reached the leaf", got=cursor, want=index + 1)
    reason = verify_storage_proof(storage_root, refused_key(log_id, index), outcome.refused_proof)
    if reason != outcome.refused:
        raise VerificationError("outcome", "reason is another", got=outcome.refused, want=reason)


def _check_state_slot(case: Case, state: StateEvidence) -> None:
    operation = case.entry.operation
    parties = set() if operation is None else {operation.sender, operation.receiver}
    address = account_address(state.account)
    # A balance of somebody else would be true and still mislead whoever reads it beside this entry.
    if state.account not in case.entry.subjects and address not in parties:
        raise VerificationError("state", "the entry does not concern this account", got=state.account)
    word = verify_storage_proof(_storage_root(case, state), account_key(address), state.storage_proof)
    slot = parse_account_slot(word)
    for name in ("balance", "locked", "sequence"):
        got, want = getattr(state, name), getattr(slot, name)
        if got != want:
            raise VerificationError("state", f"{name} is another", got=got, want=want)


def _storage_root(case: Case, section: OutcomeEvidence | StateEvidence) -> Digest:
    state_root = case.header(section.block).state_root
    return verify_account_proof(state_root, section.contract, section.account_proof).storage_root
