"""Steps 2 to 8 of a verification: the record, its place in the log, and who signed for the log. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chain.canonical import JsonValue
from chain.checkpoint import KeyKind, VerifiedSignature, open_checkpoint, open_note, parse_vkey
from chain.disclosure import verify_disclosures
from chain.entry import entry_commitment, operation_digest
from chain.errors import NotaryError, VerificationError
from chain.evidence.case import Case
from chain.evidence.steps import Facts, Outcome, Step, StepNumber, failed, not_present, passed
from chain.merkle.verify import verify_inclusion
from chain.trust_root import Requirements, TrustRoot, trust_root_id

Ended = tuple[Step, Facts]
"""How a step ended, and the facts with what it proved added."""


def check_trust_root(case: Case, root: TrustRoot, facts: Facts) -> Ended:
    """Step 2: the bundle was made for this trust root, or for one that it replaces."""
    number = StepNumber.TRUST_ROOT
    want = trust_root_id(root)
    got = case.bundle.trust_root
    if got == want:
        return passed(number, f"{root.name} {want.hex()}"), facts
    if got in root.replaces:
        return passed(number, f"{root.name} {want.hex()} replaces {got.hex()}", "replaced"), facts
    return failed(number, f"made for trust root {got.hex()}, not for {want.hex()}", "other"), facts


def check_commitment(case: Case, facts: Facts) -> Ended:
    """Step 3: the leaf's commitment is SHA-256(salt || entry bytes)."""
    number = StepNumber.COMMITMENT
    if case.bundle.salt is None:
        # Nothing then joins the entry to the leaf, so no trust root can waive it.
        return not_present(number, "salt_missing", "no salt of the entry", "cannot_check"), facts
    if entry_commitment(case.bundle.salt, case.bundle.entry) != case.commitment:
        return failed(number, "entry and salt do not give the leaf's commitment"), facts
    entry = case.entry
    proved = replace(
        facts,
        entry_id=entry.id,
        entry_type=entry.type,
        recorded_at=entry.at,
        authority=entry.authority,
        leaf_hash=case.leaf_hash.hex(),
    )
    return passed(number, f"leaf {case.leaf_hash.hex()}"), proved


def check_operation(case: Case, facts: Facts) -> Ended:
    """Step 4: the leaf's operation digest is that of the entry's operands, or zero where the entry has
    none.
    """
    number = StepNumber.OPERATION
    operation, op_salt = case.entry.operation, case.bundle.op_salt
    if operation is None:
        if case.operation_digest is not None or op_salt is not None:
            return failed(number, "leaf has an operation that the entry does not order", "hidden"), facts
        return not_present(number, "none", "the entry orders no operation"), facts
    if op_salt is None:
        # Whatever a trust root waives, an operation nobody can recompute must not read as checked.
        return not_present(number, "salt_missing", "no operation salt", "cannot_check"), facts
    if operation_digest(operation, op_salt) != case.operation_digest:
        return failed(number, "operands and salt do not give the leaf's operation digest"), facts
    return passed(number, operation.kind.label), replace(facts, operation=operation.kind.label)


def check_disclosures(case: Case, facts: Facts) -> Ended:
    """Step 5: every disclosed private field is one that the entry commits to."""
    number = StepNumber.DISCLOSURES
    if not case.bundle.disclosures:
        return not_present(number, "none", f"{len(case.entry.sd)} private fields, none disclosed"), facts
    try:
        values: dict[str, JsonValue] = verify_disclosures(
            {"_sd": list(case.entry.sd)}, case.bundle.disclosures
        )
    except NotaryError as error:
        return failed(number, error), facts
    detail = f"{len(values)} of {len(case.entry.sd)} private fields disclosed"
    return passed(number, detail), replace(facts, disclosed=tuple(sorted(values)))


def check_inclusion(case: Case, facts: Facts) -> Ended:
    """Step 6: the leaf is at its index in the tree of the checkpoint (RFC 9162 section 2.1.3.2)."""
    number = StepNumber.INCLUSION
    log, checkpoint = case.bundle.log, case.checkpoint
    if (checkpoint.origin, checkpoint.size) != (log.origin, log.size):
        return failed(number, "origin or size is not the checkpoint's", "other_checkpoint"), facts
    if log.path is None:
        return not_present(number, "path_missing", "no inclusion path", "cannot_check"), facts
    try:
        verify_inclusion(log.index, log.size, case.leaf_hash, log.path, checkpoint.root)
    except VerificationError as error:
        return failed(number, error), facts
    return passed(number, f"leaf {log.index} of {log.size}"), replace(facts, index=log.index, size=log.size)


def check_checkpoint(note: bytes, origin: str, size: int, root: TrustRoot, facts: Facts) -> Ended:
    """Step 7: the log's key pinned for this size signed the checkpoint."""
    number = StepNumber.CHECKPOINT
    vkeys = root.log_keys(origin, size)
    if not vkeys:
        return failed(number, "no key is pinned for this log at this size", "key_unknown"), facts
    if f"\n\u2014 {origin} ".encode() not in note:
        return not_present(number, "unsigned", f"no signature by {origin}", "cannot_check"), facts
    try:
        checkpoint = open_checkpoint(note, vkeys)
    except NotaryError as error:
        return failed(number, error), facts
    return passed(number, f"{checkpoint.origin} at size {checkpoint.size}"), replace(facts, origin=origin)


def check_witnesses(note: bytes, origin: str, root: TrustRoot, facts: Facts) -> Ended:
    """Step 8: as many of the pinned witnesses as required cosigned the checkpoint, and nobody unknown
    signed it.

    C2SP notes may carry signatures of strangers; a bundle's may not, as nobody could check those lines.
    """
    number = StepNumber.WITNESSES
    logs = [key.vkey for key in root.logs if key.origin == origin]
    try:
        opened = open_note(note, [*logs, *(witness.vkey for witness in root.witnesses)])
        cosigned = _cosignatures(opened.signatures, root)
    except NotaryError as error:
        return failed(number, error), facts
    if note.rpartition(b"\n\n")[2].count(b"\n") != len(opened.signatures):
        return failed(number, "a signature by an unknown key, or twice by one", "unknown_key"), facts
    quorum = root.required.witness_quorum
    times = sorted(cosigned.values())
    if len(times) < max(quorum, 1):
        consequence: Outcome = "cannot_check" if quorum else "pass"
        detail = f"{len(times)} cosignatures, {quorum} required"
        return not_present(number, "too_few" if quorum else "none", detail, consequence), facts
    names = tuple(sorted(cosigned))
    independent = tuple(sorted({w.name for w in root.witnesses if w.independent} & set(names)))
    # The record is as old as the moment at which the quorum was complete, not as the first witness's.
    proved = replace(
        facts, witnesses=names, independent_witnesses=independent, cosigned_at=times[max(quorum, 1) - 1]
    )
    return passed(number, f"{len(names)} witnesses, {quorum} required: {', '.join(names)}"), proved


def absent_record(steps: dict[StepNumber, Step]) -> None:
    """Say of steps 3 to 5 that a file which holds the leaf alone has no record to check."""
    for number in (StepNumber.COMMITMENT, StepNumber.OPERATION, StepNumber.DISCLOSURES):
        steps[number] = not_present(number, "no_entry", "this format holds no entry")


def absent_chain(steps: dict[StepNumber, Step], required: Requirements, *, acts: bool) -> None:
    """Say of steps 9 to 15 that a file of a format without chain evidence cannot show them.

    ``acts`` says whether the leaf has an operation, whose outcome may be required.
    """
    needs = {
        StepNumber.ANCHOR: required.anchor,
        StepNumber.BLOCKS: required.depth > 0,
        StepNumber.SEALS: required.seals != "none",
        StepNumber.OUTCOME: required.outcome and acts,
    }
    for number in StepNumber:
        if number >= StepNumber.ANCHOR:
            consequence: Outcome = "cannot_check" if needs.get(number) else "pass"
            steps[number] = not_present(
                number, "no_chain", "this format holds no chain evidence", consequence
            )


def _cosignatures(signatures: Sequence[VerifiedSignature], root: TrustRoot) -> dict[str, int]:
    """Return witness name -> earliest time it cosigned.

    Raises VerificationError for a key outside its range.
    """
    keys = {
        (key.name, key.key_id): witness for witness in root.witnesses for key in [parse_vkey(witness.vkey)]
    }
    times: dict[str, int] = {}
    for signature in signatures:
        if signature.kind is not KeyKind.COSIGNER or signature.timestamp is None:
            continue
        witness = keys[signature.name, signature.key_id]
        time = signature.timestamp
        if time < witness.start or (witness.end is not None and time >= witness.end):
            raise VerificationError("witnesses", "key used outside its time", got=time, want=witness.name)
        times[witness.name] = min(time, times.get(witness.name, time))
    return times
