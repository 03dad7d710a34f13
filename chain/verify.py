"""The public verification of a proof file, offline, from nothing but the file and a trust root. Pure.

``verify_bundle`` goes through these steps, in this order and under these numbers:

 1. **format**: canonical bytes, closed schema, bounded sizes; entry, leaf, checkpoint text and headers parse.
 2. **trust_root**: the bundle was made for the verifier's trust root, or for one it replaces.
 3. **commitment**: the leaf commits to the entry under its salt.
 4. **operation**: the leaf's operation digest is that of the operands in the entry, or zero without
    operation.
 5. **disclosures**: each disclosed private field is one the entry commits to.
 6. **inclusion**: the leaf is at its index under the checkpoint's root.
 7. **checkpoint**: the log's key pinned for that size signed the checkpoint.
 8. **witnesses**: the required number of pinned witnesses cosigned it; no unknown key signed it.
 9. **anchor**: a successful receipt in the block holds LogAnchor's event of this log, size and root.
10. **contract**: every contract named is pinned and had the pinned code at its block.
11. **blocks**: the chain is pinned, headers link by hash up to the head, and enough of them follow.
12. **seals**: enough distinct pinned validators sealed.
13. **outcome**: the credit contract executed the leaf, and did or refused its operation.
14. **state**: the balance shown is the contract's at that block.
15. **lock**: what is left of the lock the entry is about is the contract's word at the outcome's block.

Each step ends as ``passed``, ``failed`` or ``not_present``; none is left out of the verdict. A failed step
makes it ``mismatch``. A part that the trust root requires and the bundle lacks makes it ``cannot_check``,
or ``pending`` where the bundle itself says "not yet" (a null anchor or outcome). What is proved of time is
the cosignatures' or the block's, never the entry's own ``at``. Not proved: that what was recorded was true
before it was recorded.

Functions here never raise on hostile input, and read no file, clock or network.
"""

from __future__ import annotations

from dataclasses import replace

from chain.checkpoint import parse_checkpoint_text
from chain.cose_receipt import FIRST_BYTE, parse_cose_receipt
from chain.entry import LEAF_SIZE, parse_leaf_data
from chain.errors import FormatError, VerificationError
from chain.evidence.case import Case, checkpoint_text, open_case
from chain.evidence.steps import (
    Facts,
    Outcome,
    Step,
    StepNumber,
    Verdict,
    build_verdict,
    failed,
    not_present,
    passed,
)
from chain.evidence.verify_chain import (
    check_anchor,
    check_blocks,
    check_contract,
    check_outcome,
    check_seals,
    check_state,
)
from chain.evidence.verify_lock import check_lock
from chain.evidence.verify_receipt import check_receipt
from chain.evidence.verify_record import (
    absent_chain,
    absent_record,
    check_checkpoint,
    check_commitment,
    check_disclosures,
    check_inclusion,
    check_operation,
    check_trust_root,
    check_witnesses,
)
from chain.hashing import hash_leaf
from chain.merkle.verify import verify_inclusion
from chain.proof_file import HEADER, TlogProof, parse_tlog_proof
from chain.trust_root import TrustRoot, parse_trust_root

__all__ = [
    "Facts",
    "Outcome",
    "Step",
    "StepNumber",
    "Verdict",
    "verify_bundle",
    "verify_cose_file",
    "verify_file",
    "verify_tlog_proof_file",
]

_NO_ROOT = "there is no trust root to judge by"
_UNNAMED_ROOT = not_present(StepNumber.TRUST_ROOT, "unnamed", "this format names no trust root")


def verify_bundle(bundle: bytes, trust_root: bytes) -> Verdict:
    """Return what ``bundle`` proves to a verifier who believes ``trust_root``. Never raises.

    A bundle of another form is a ``mismatch`` at step 1; a trust root of another form ``cannot_check`` at
    step 2.
    """
    # 1. format.
    try:
        case = open_case(bundle)
    except FormatError as error:
        return _malformed(error)
    steps = {StepNumber.FORMAT: passed(StepNumber.FORMAT, f"{len(bundle)} bytes")}
    # 2. trust root.
    root = _open_root(trust_root, steps)
    if root is None:
        return _stopped(steps, _NO_ROOT)
    return _verify_case(case, root, steps)


def verify_tlog_proof_file(proof: bytes, trust_root: bytes, leaf_data: bytes | None = None) -> Verdict:
    """Return what a C2SP ``.tlog-proof`` file proves about ``leaf_data``. Never raises.

    Without ``leaf_data`` the file's ``extra`` line is taken for it: nothing vouches for that line, but the
    proof holds for no other leaf. Such a file holds no entry and no chain evidence, so those steps are not
    present.
    """
    # 1. format.
    try:
        parsed, leaf = _open_tlog_proof(proof, leaf_data)
    except FormatError as error:
        return _malformed(error)
    steps = {StepNumber.FORMAT: passed(StepNumber.FORMAT, f"{len(proof)} bytes")}
    # 2. trust root: this format names none, so there is nothing to compare.
    root = _open_root(trust_root, steps)
    if root is None:
        return _stopped(steps, _NO_ROOT)
    steps[StepNumber.TRUST_ROOT] = _UNNAMED_ROOT
    return _verify_proof(parsed, leaf, root, steps)


def verify_cose_file(receipt: bytes, trust_root: bytes, leaf_data: bytes | None = None) -> Verdict:
    """Return what a COSE receipt (RFC 9942) proves about ``leaf_data``. Never raises.

    Without ``leaf_data`` the leaf in the receipt is taken for it: the receipt holds for no other. It holds no
    entry, no cosignature and no chain evidence, so those steps are not present.
    """
    # 1. format.
    try:
        parsed = parse_cose_receipt(receipt)
        leaf = leaf_data if leaf_data is not None else parsed.leaf
        if leaf is None:
            raise FormatError("receipt", f"no leaf data of {LEAF_SIZE} bytes")
        acts = parse_leaf_data(leaf)[1] is not None
    except FormatError as error:
        return _malformed(error)
    steps = {StepNumber.FORMAT: passed(StepNumber.FORMAT, f"{len(receipt)} bytes")}
    # 2. trust root: as above, this format names none.
    root = _open_root(trust_root, steps)
    if root is None:
        return _stopped(steps, _NO_ROOT)
    steps[StepNumber.TRUST_ROOT] = _UNNAMED_ROOT
    absent_record(steps)
    # 6. to 8. the path to a root, the log's signature over it; witnesses have no place in this format.
    found, facts = check_receipt(parsed, leaf, root, Facts(trust_root=root.name))
    absent_chain(steps, root.required, acts=acts)
    return build_verdict(steps | found, facts, reason="")


def verify_file(data: bytes, trust_root: bytes) -> Verdict:
    """Return the verdict on a file of any format, told apart by how it starts. Never raises."""
    if data.startswith(HEADER.encode()):
        return verify_tlog_proof_file(data, trust_root)
    if data.startswith(FIRST_BYTE):
        return verify_cose_file(data, trust_root)
    return verify_bundle(data, trust_root)


def _verify_case(case: Case, root: TrustRoot, steps: dict[StepNumber, Step]) -> Verdict:
    log = case.bundle.log
    note = log.checkpoint.encode()
    facts = Facts(trust_root=root.name)
    # 2. trust root. A failure does not end the way: the other steps say what else is wrong.
    steps[StepNumber.TRUST_ROOT], facts = check_trust_root(case, root, facts)
    # 3. to 5. the record itself.
    steps[StepNumber.COMMITMENT], facts = check_commitment(case, facts)
    steps[StepNumber.OPERATION], facts = check_operation(case, facts)
    steps[StepNumber.DISCLOSURES], facts = check_disclosures(case, facts)
    # 6. to 8. its place in the log, and who signed for the log.
    steps[StepNumber.INCLUSION], facts = check_inclusion(case, facts)
    steps[StepNumber.CHECKPOINT], facts = check_checkpoint(note, log.origin, log.size, root, facts)
    steps[StepNumber.WITNESSES], facts = check_witnesses(note, log.origin, root, facts)
    # 9. to 12. the chain that holds the log's root.
    steps[StepNumber.ANCHOR], facts = check_anchor(case, root, facts)
    steps[StepNumber.CONTRACT], facts = check_contract(case, root, facts)
    steps[StepNumber.BLOCKS], facts = check_blocks(case, root, facts)
    steps[StepNumber.SEALS], facts = check_seals(case, root, facts)
    # 13. to 15. what the chain made of it.
    steps[StepNumber.OUTCOME], facts = check_outcome(case, root, facts)
    steps[StepNumber.STATE], facts = check_state(case, facts)
    steps[StepNumber.LOCK], facts = check_lock(case, facts)
    return build_verdict(steps, facts, reason="")


def _verify_proof(parsed: TlogProof, leaf: bytes, root: TrustRoot, steps: dict[StepNumber, Step]) -> Verdict:
    checkpoint = parse_checkpoint_text(checkpoint_text(parsed.checkpoint.decode()))
    leaf_hash = hash_leaf(leaf)
    facts = Facts(trust_root=root.name, leaf_hash=leaf_hash.hex())
    # 3. to 5. the record is not in this format.
    absent_record(steps)
    # 6. inclusion.
    try:
        verify_inclusion(parsed.index, checkpoint.size, leaf_hash, parsed.path, checkpoint.root)
        steps[StepNumber.INCLUSION] = passed(
            StepNumber.INCLUSION, f"leaf {parsed.index} of {checkpoint.size}"
        )
        facts = replace(facts, index=parsed.index, size=checkpoint.size)
    except VerificationError as error:
        steps[StepNumber.INCLUSION] = failed(StepNumber.INCLUSION, error)
    # 7. and 8. who signed for the log.
    note, origin, size = parsed.checkpoint, checkpoint.origin, checkpoint.size
    steps[StepNumber.CHECKPOINT], facts = check_checkpoint(note, origin, size, root, facts)
    steps[StepNumber.WITNESSES], facts = check_witnesses(note, origin, root, facts)
    # 9. to 15. nor is the chain: required and absent cannot be checked.
    absent_chain(steps, root.required, acts=parse_leaf_data(leaf)[1] is not None)
    return build_verdict(steps, facts, reason="")


def _open_tlog_proof(proof: bytes, leaf_data: bytes | None) -> tuple[TlogProof, bytes]:
    parsed = parse_tlog_proof(proof)
    leaf = leaf_data if leaf_data is not None else parsed.extra
    if leaf is None:
        raise FormatError("extra", f"no leaf data of {LEAF_SIZE} bytes")
    parse_leaf_data(leaf)
    try:
        text = parsed.checkpoint.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("checkpoint", "not UTF-8") from None
    parse_checkpoint_text(checkpoint_text(text))
    return parsed, leaf


def _open_root(trust_root: bytes, steps: dict[StepNumber, Step]) -> TrustRoot | None:
    """Return the trust root to judge by; None, with step 2 saying why, where there is none."""
    try:
        return parse_trust_root(trust_root)
    except FormatError as error:
        reason = f"no usable trust root: {error}" if trust_root else "no trust root was given"
        steps[StepNumber.TRUST_ROOT] = not_present(StepNumber.TRUST_ROOT, "malformed", reason, "cannot_check")
        return None


def _malformed(error: FormatError) -> Verdict:
    steps = {StepNumber.FORMAT: failed(StepNumber.FORMAT, error, "malformed")}
    return _stopped(steps, "the file is malformed")


def _stopped(steps: dict[StepNumber, Step], reason: str) -> Verdict:
    return build_verdict(steps, Facts(), reason=f"not reached: {reason}")
