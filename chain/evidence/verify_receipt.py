"""Steps 6 to 8 of a verification where the file is a COSE receipt: path, signature over its root. Pure."""

from __future__ import annotations

from dataclasses import replace

from chain.cose_receipt import CoseReceipt, verify_root_signature
from chain.errors import NotaryError, VerificationError
from chain.evidence.steps import Facts, Outcome, Step, StepNumber, failed, not_present, passed
from chain.hashing import hash_leaf
from chain.merkle.verify import root_from_path
from chain.trust_root import TrustRoot
from chain.types import NodeHash

Found = dict[StepNumber, Step]


def check_receipt(receipt: CoseReceipt, leaf: bytes, root: TrustRoot, facts: Facts) -> tuple[Found, Facts]:
    """Steps 6 to 8 of a receipt for ``leaf``, and the facts with what they proved added.

    6. the path leads from the leaf to a root; 7. the log's key pinned for the size signed that root. As the
    receipt does not name its root, a path that leads to another one and a signature over another one look the
    same: both steps fail. 8. cosignatures have no place in this format.
    """
    witnesses = _absent_witnesses(root)
    try:
        leaf_hash = hash_leaf(leaf)
        computed = root_from_path(receipt.index, receipt.size, leaf_hash, receipt.path)
    except VerificationError as error:
        reason = not_present(StepNumber.CHECKPOINT, "not_reached", "not reached: the path leads to no root")
        return {
            StepNumber.INCLUSION: failed(StepNumber.INCLUSION, error),
            StepNumber.CHECKPOINT: reason,
            StepNumber.WITNESSES: witnesses,
        }, facts
    signature = _check_signature(receipt, computed, root)
    found = {StepNumber.CHECKPOINT: signature, StepNumber.WITNESSES: witnesses}
    if signature.status != "passed":
        detail = f"leads to a root that is not signed: {computed.hex()}"
        return {StepNumber.INCLUSION: failed(StepNumber.INCLUSION, detail, "root_unsigned"), **found}, facts
    place = passed(StepNumber.INCLUSION, f"leaf {receipt.index} of {receipt.size}")
    proved = replace(
        facts,
        origin=receipt.origin,
        index=receipt.index,
        size=receipt.size,
        leaf_hash=leaf_hash.hex(),
    )
    return {StepNumber.INCLUSION: place, **found}, proved


def _check_signature(receipt: CoseReceipt, computed: NodeHash, root: TrustRoot) -> Step:
    """Step 7 under each key pinned for the log at this size; one must be the key that the receipt names."""
    number = StepNumber.CHECKPOINT
    step = failed(number, "no key is pinned for this log at this size", "key_unknown")
    for vkey in root.log_keys(receipt.origin, receipt.size):
        try:
            verify_root_signature(receipt, computed, vkey)
        except NotaryError as error:
            step = failed(number, error)
        else:
            return passed(number, f"{receipt.origin} signed root {computed.hex()}", "root_signed")
    return step


def _absent_witnesses(root: TrustRoot) -> Step:
    quorum = root.required.witness_quorum
    consequence: Outcome = "cannot_check" if quorum else "pass"
    detail = f"this format holds no cosignatures, {quorum} required"
    return not_present(StepNumber.WITNESSES, "no_place", detail, consequence)
