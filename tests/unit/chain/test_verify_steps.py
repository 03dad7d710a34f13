"""Every step of a verification: what passes it, what fails it, and what its absence means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from chain.checkpoint import cosign, format_checkpoint, sign_note
from chain.disclosure import make_disclosure
from chain.entry import leaf_data
from chain.errors import FormatError
from chain.evidence.bundle import Bundle, ChainEvidence, HeaderRun
from chain.operation import ZERO_ADDRESS, OperationKind, account_address
from chain.trust_root import ContractPin, LogKey, SignerSet, TrustRoot
from chain.types import Address, BlockNumber, Digest, LeafIndex, TreeSize
from chain.verify import Verdict, verify_bundle
from tests.reference import bundle_maker, chain_maker, naive_trie
from tests.reference.bundle_maker import (
    ANCHOR_BLOCK,
    COSIGNED_AT,
    INDEX,
    LOG_VKEY,
    ORIGIN,
    SETTLED,
    SIZE,
    WITNESSES,
    Made,
    MadeLock,
    ed25519,
    for_root,
    make,
)

FULL = make()
NAMES = (
    "format trust_root commitment operation disclosures inclusion checkpoint witnesses "
    "anchor contract blocks seals outcome state lock"
).split()


def check(made: Made) -> Verdict:
    return verify_bundle(made.data, made.root_data)


def assert_step(verdict: Verdict, number: int, status: str, code: str, outcome: str) -> None:
    """The step ended so, the verdict too, and no other step is to blame for it."""
    step = verdict.steps[number - 1]
    assert (step.number, step.name, step.status, step.code) == (number, NAMES[number - 1], status, code)
    assert verdict.outcome == outcome
    if outcome == "mismatch":
        assert [other.number for other in verdict.steps if other.status == "failed"] == [number]


def bundle(**changes: Any) -> Made:
    return Made(replace(FULL.bundle, **changes), FULL.root)


def log(**changes: Any) -> Made:
    return bundle(log=replace(FULL.bundle.log, **changes))


def part(name: str, **changes: Any) -> Made:
    return bundle(**{name: replace(getattr(FULL.bundle, name), **changes)})


def rooted(base: Made = FULL, **changes: Any) -> Made:
    return for_root(base, replace(base.root, **changes))


def require(base: Made = FULL, **changes: Any) -> Made:
    return rooted(base, required=replace(base.root.required, **changes))


def chained(base: Made = FULL, **changes: Any) -> Made:
    return rooted(base, chains=(replace(base.root.chains[0], **changes),))


def headers(made: Made) -> HeaderRun:
    assert made.bundle.chain is not None
    return made.bundle.chain.runs[0]


def with_run(made: Made, raws: tuple[bytes, ...], head: bytes) -> Made:
    assert made.bundle.chain is not None
    chain = replace(made.bundle.chain, runs=(HeaderRun(raws, Digest(head)),))
    return Made(replace(made.bundle, chain=chain), made.root)


@pytest.mark.parametrize("kind", ["clique", "qbft", "none"])
def test_complete_bundles_pass_every_step_there_is(kind: str) -> None:
    verdict = check(make(kind))
    assert verdict.outcome == "pass"
    assert [step.name for step in verdict.steps] == NAMES
    assert [step.number for step in verdict.steps] == list(range(1, 16))
    absent = [step.name for step in verdict.steps if step.status != "passed"]
    assert absent == (["seals", "lock"] if kind == "none" else ["lock"])
    assert all(step.consequence == "pass" for step in verdict.steps)


def test_facts_are_those_of_the_evidence() -> None:
    facts = check(FULL).facts
    assert (facts.origin, facts.index, facts.size) == (ORIGIN, INDEX, SIZE)
    assert (facts.entry_type, facts.authority, facts.operation) == ("gift.sent", "device", "transfer")
    assert facts.witnesses == WITNESSES
    assert facts.independent_witnesses == (WITNESSES[1],)
    # Two witnesses are required, so the time proved is the second one's.
    assert facts.cosigned_at == COSIGNED_AT + 1
    assert (facts.block, facts.block_time, facts.depth) == (ANCHOR_BLOCK, COSIGNED_AT + 10, 2)
    assert (facts.seal_kind, facts.sealed) == ("clique", (3, 4))
    assert (facts.outcome, facts.refused) == ("done", 0)
    assert (facts.balance, facts.locked, facts.sequence) == (123_456, 2_000, 17)
    assert facts.disclosed == ("note",)


def test_step_1_format() -> None:
    for data in (b"", FULL.data[:-1], FULL.data + b" ", b"{}"):
        verdict = verify_bundle(data, FULL.root_data)
        assert_step(verdict, 1, "failed", "malformed", "mismatch")
        assert {step.code for step in verdict.steps[1:]} == {"not_reached"}


@pytest.mark.parametrize(
    "made",
    [
        bundle(entry=b'{"v":1}'),
        log(leaf=b"\x02" + FULL.bundle.log.leaf[1:]),
        log(checkpoint="no note"),
        log(checkpoint="one line\n\n\u2014 x y\n"),
        with_run(FULL, (b"\xc0",), bytes(32)),
        part("anchor", block=BlockNumber(999)),
        part("outcome", block=BlockNumber(1_004)),
        part("state", block=BlockNumber(1_004)),
    ],
)
def test_step_1_format_of_parts(made: Made) -> None:
    assert_step(check(made), 1, "failed", "malformed", "mismatch")


def test_step_2_trust_root() -> None:
    other = replace(FULL.root, name="another")
    verdict = verify_bundle(FULL.data, Made(FULL.bundle, other).root_data)
    assert_step(verdict, 2, "failed", "other", "mismatch")
    replacing = replace(other, replaces=(FULL.bundle.trust_root,))
    verdict = verify_bundle(FULL.data, Made(FULL.bundle, replacing).root_data)
    assert_step(verdict, 2, "passed", "replaced", "pass")
    for root in (b"", b"{}", b"\xff", FULL.root_data[:-1]):
        verdict = verify_bundle(FULL.data, root)
        assert_step(verdict, 2, "not_present", "malformed", "cannot_check")
        assert {step.code for step in verdict.steps[2:]} == {"not_reached"}
    # A file of another form stays a mismatch, whatever the verifier brings.
    assert verify_bundle(b"", b"").outcome == "mismatch"


def test_step_3_commitment() -> None:
    assert_step(check(bundle(salt=bytes(32))), 3, "failed", "mismatch", "mismatch")
    entry = FULL.bundle.entry.replace(b'"amount":"2000"', b'"amount":"9000"')
    verdict = check(bundle(entry=entry))
    assert [step.number for step in verdict.steps if step.status == "failed"] == [3, 4]
    assert_step(
        check(bundle(entry=FULL.bundle.entry.replace(b"05:58:57", b"05:58:56"))),
        3,
        "failed",
        "mismatch",
        "mismatch",
    )


def test_step_4_operation() -> None:
    assert_step(check(bundle(op_salt=bytes(16))), 4, "failed", "mismatch", "mismatch")
    # Without its salt the operation cannot be recomputed, whatever the trust root waives.
    lax = require(anchor=False, outcome=False, seals="none", depth=0, witness_quorum=0)
    missing = Made(replace(lax.bundle, op_salt=None), lax.root)
    assert_step(check(missing), 4, "not_present", "salt_missing", "cannot_check")
    plain = make(operation=False)
    assert_step(check(plain), 4, "not_present", "none", "pass")
    salted = Made(replace(plain.bundle, op_salt=bytes(16)), plain.root)
    assert_step(check(salted), 4, "failed", "hidden", "mismatch")


def test_step_4_finds_an_operation_the_entry_conceals() -> None:
    plain = make(operation=False)
    leaf = plain.bundle.log.leaf[:33] + sha256(b"hidden").digest()
    hidden, _ = bundle_maker.make_log(leaf)
    lax = require(
        Made(replace(plain.bundle, log=hidden, chain=None, anchor=None, state=None), plain.root), anchor=False
    )
    assert_step(check(lax), 4, "failed", "hidden", "mismatch")


def test_step_5_disclosures() -> None:
    stranger = make_disclosure(bytes(16), "note", "另一句")
    for disclosures in ((stranger,), FULL.bundle.disclosures * 2, ("not base64url!",), ("\u00e9",)):
        step = check(bundle(disclosures=disclosures)).steps[4]
        assert (step.number, step.status) == (5, "failed")
    assert_step(check(bundle(disclosures=(stranger,))), 5, "failed", "mismatch", "mismatch")
    assert_step(check(bundle(disclosures=())), 5, "not_present", "none", "pass")


def test_step_6_inclusion() -> None:
    path = FULL.bundle.log.path
    for broken in (path[:-1], (*path, path[0]), (path[1], path[0], *path[2:]), ()):
        assert_step(check(log(path=broken)), 6, "failed", "mismatch", "mismatch")
    assert_step(check(log(size=TreeSize(SIZE + 1))), 6, "failed", "other_checkpoint", "mismatch")
    moved = check(log(index=LeafIndex(INDEX - 1)))
    assert [step.number for step in moved.steps if step.status == "failed"] == [6, 13]
    verdict = check(log(origin="elsewhere"))
    assert [step.number for step in verdict.steps if step.status == "failed"] == [6, 7, 8]


def test_step_7_checkpoint() -> None:
    text = FULL.bundle.log.checkpoint.partition("\n\n")[0] + "\n"
    forged = sign_note(text, ORIGIN, ed25519("thief"))
    for name in WITNESSES:
        forged = cosign(forged, name, ed25519(name), COSIGNED_AT)
    verdict = check(log(checkpoint=forged.decode()))
    assert [step.number for step in verdict.steps if step.status == "failed"] == [7, 8]
    assert verdict.steps[6].code == "mismatch"
    for key in (LogKey(ORIGIN, LOG_VKEY, SIZE + 1, None), LogKey(ORIGIN, LOG_VKEY, 0, SIZE)):
        assert_step(check(rooted(logs=(key,))), 7, "failed", "key_unknown", "mismatch")
    for key in (LogKey(ORIGIN, LOG_VKEY, SIZE, SIZE + 1), LogKey(ORIGIN, LOG_VKEY, 0, SIZE + 1)):
        assert check(rooted(logs=(key,))).outcome == "pass"


def test_step_7_needs_the_logs_signature_itself() -> None:
    lines = FULL.bundle.log.checkpoint.splitlines(keepends=True)
    unsigned = "".join(line for line in lines if not line.startswith(f"\u2014 {ORIGIN} "))
    assert_step(check(log(checkpoint=unsigned)), 7, "not_present", "unsigned", "cannot_check")


def without_witness(name: str) -> str:
    lines = FULL.bundle.log.checkpoint.splitlines(keepends=True)
    return "".join(line for line in lines if f" {name} " not in line)


def test_step_8_witnesses() -> None:
    one = without_witness(WITNESSES[0])
    assert_step(check(log(checkpoint=one)), 8, "not_present", "too_few", "cannot_check")
    enough = require(log(checkpoint=one), witness_quorum=1)
    verdict = check(enough)
    assert_step(verdict, 8, "passed", "ok", "pass")
    assert verdict.facts.cosigned_at == COSIGNED_AT + 1
    none = require(make(witnesses=0), witness_quorum=0)
    assert_step(check(none), 8, "not_present", "none", "pass")
    assert check(require(witness_quorum=0)).facts.witnesses == WITNESSES
    # One required, two there: the record is as old as the earlier one says.
    assert check(require(witness_quorum=1)).facts.cosigned_at == COSIGNED_AT


def test_step_8_refuses_bad_strange_and_doubled_signatures() -> None:
    note = FULL.bundle.log.checkpoint
    text = note.partition("\n\n")[0] + "\n"
    at = note.index(WITNESSES[1]) + len(WITNESSES[1]) + 30
    letter = "A" if note[at] != "A" else "B"
    doubled = cosign(note.encode(), WITNESSES[0], ed25519(WITNESSES[0]), COSIGNED_AT + 5).decode()
    strange = cosign(note.encode(), "stranger", ed25519("stranger"), COSIGNED_AT).decode()
    assert_step(
        check(log(checkpoint=note[:at] + letter + note[at + 1 :])), 8, "failed", "mismatch", "mismatch"
    )
    assert_step(check(log(checkpoint=strange)), 8, "failed", "unknown_key", "mismatch")
    assert_step(check(log(checkpoint=doubled)), 8, "failed", "unknown_key", "mismatch")
    # A cosignature over another checkpoint of the same log is none over this one.
    other = format_checkpoint(ORIGIN, SIZE, bytes(32))
    lifted = cosign(
        sign_note(other, ORIGIN, ed25519("log")), WITNESSES[0], ed25519(WITNESSES[0]), COSIGNED_AT
    )
    line = lifted.decode().splitlines(keepends=True)[-1]
    moved = sign_note(text, ORIGIN, ed25519("log")).decode() + line
    assert_step(check(log(checkpoint=moved)), 8, "failed", "mismatch", "mismatch")


def test_step_8_a_witness_key_counts_only_in_its_time() -> None:
    first, second = FULL.root.witnesses
    retired = rooted(witnesses=(replace(first, end=COSIGNED_AT), second))
    assert_step(check(retired), 8, "failed", "mismatch", "mismatch")
    future = rooted(witnesses=(first, replace(second, start=COSIGNED_AT + 2)))
    assert_step(check(future), 8, "failed", "mismatch", "mismatch")
    fits = rooted(witnesses=(replace(first, end=COSIGNED_AT + 1), replace(second, start=COSIGNED_AT + 1)))
    assert check(fits).outcome == "pass"


def bare(made: Made = FULL) -> Made:
    return Made(replace(made.bundle, chain=None, anchor=None, outcome=None, state=None), made.root)


def test_step_9_absent_anchor_waits_unless_it_is_not_required() -> None:
    assert_step(check(bare()), 9, "not_present", "not_anchored", "pending")
    assert_step(check(bare(require(outcome=False))), 9, "not_present", "not_anchored", "pending")
    assert_step(check(bare(require(anchor=False))), 9, "not_present", "not_anchored", "pending")
    lax = bare(require(anchor=False, outcome=False))
    assert_step(check(lax), 9, "not_present", "not_anchored", "pass")
    assert {step.code for step in check(lax).steps[9:12]} == {"no_chain"}
    # What waits for the chain still cannot be checked where something else is missing for good.
    short = Made(
        replace(bare().bundle, log=replace(FULL.bundle.log, checkpoint=without_witness(WITNESSES[0]))),
        FULL.root,
    )
    assert check(short).outcome == "cannot_check"


def anchored(receipt: bytes, **changes: Any) -> Made:
    """A bundle whose anchor block holds ``receipt`` at index 1, all its proofs right."""
    items = chain_maker.receipts([chain_maker.receipt([]), receipt])
    sides = bundle_maker.make_contracts()
    before, after = (naive_trie.root(chain_maker.state(list(sides), others=count)) for count in (39, 40))
    later = [(after, naive_trie.EMPTY)] * 3
    run = bundle_maker.make_headers("clique", 4, [(before, naive_trie.root(items)), *later])
    proof = tuple(naive_trie.prove(items, naive_trie.rlp.encode(1)))
    anchor = replace(FULL.bundle.anchor, receipt_proof=proof, **changes)  # type: ignore[type-var]
    chain = ChainEvidence(bundle_maker.CHAIN_ID, (run,))
    return Made(replace(FULL.bundle, anchor=anchor, chain=chain), FULL.root)


def root_of_log() -> bytes:
    return bundle_maker.make_log(FULL.bundle.log.leaf)[1]


def test_step_9_anchor() -> None:
    good = bundle_maker.anchor_receipt(root_of_log())
    assert check(anchored(good)).outcome == "pass"
    settled = chain_maker.log(bundle_maker.TIME_CREDIT, [b"t" * 32], b"")
    unknown = chain_maker.log(bundle_maker.LOG_ANCHOR, [b"t" * 32], b"")
    topic = chain_maker.keccak(b"LogRegistered(bytes32,bytes32,uint64)")
    words = root_of_log() + chain_maker.word(SIZE)
    registered = chain_maker.log(bundle_maker.LOG_ANCHOR, [topic, bundle_maker.LOG_ID], words)
    bad = {
        "another root": bundle_maker.anchor_receipt(bytes(32)),
        "another size": bundle_maker.anchor_receipt(root_of_log(), size=SIZE - 1),
        "another log": bundle_maker.anchor_receipt(root_of_log(), log_id=bytes(32)),
        "another contract": bundle_maker.anchor_receipt(root_of_log(), emitter=bundle_maker.TIME_CREDIT),
        "no second event": chain_maker.receipt([settled]),
        "unknown event": chain_maker.receipt([settled, unknown]),
        "an event of another kind": chain_maker.receipt([settled, registered]),
        "no receipt": b"\x01",
    }
    for receipt in bad.values():
        verdict = check(anchored(receipt))
        assert [step.number for step in verdict.steps if step.status == "failed"] == [9]
    event = [bundle_maker.ANCHORED, bundle_maker.LOG_ID, chain_maker.word(SIZE)]
    anchor_log = chain_maker.log(bundle_maker.LOG_ANCHOR, event, root_of_log() + chain_maker.word(100))
    assert check(anchored(chain_maker.receipt([settled, anchor_log]))).outcome == "pass"
    failed = check(anchored(chain_maker.receipt([settled, anchor_log], status=0)))
    assert_step(failed, 9, "failed", "mismatch", "mismatch")
    # The event before it belongs to the other contract.
    assert_step(check(anchored(good, log_index=0)), 9, "failed", "mismatch", "mismatch")


def test_step_9_receipt_proof() -> None:
    anchor = FULL.bundle.anchor
    assert anchor is not None
    for changes in (
        {"tx_index": 0},
        {"tx_index": 200},
        {"log_index": 2},
        {"receipt_proof": anchor.receipt_proof[:-1]},
        {"receipt_proof": (*anchor.receipt_proof, anchor.receipt_proof[0])},
        {"receipt_proof": ()},
    ):
        step = check(part("anchor", **changes)).steps[8]
        assert (step.number, step.status) == (9, "failed")


def pins(change: Callable[[ContractPin], ContractPin]) -> Made:
    return chained(contracts=tuple(change(pin) for pin in FULL.root.chains[0].contracts))


def test_step_10_contract() -> None:
    assert_step(check(chained(contracts=())), 10, "failed", "unpinned", "mismatch")
    for name in ("LogAnchor", "TimeCredit"):
        code = pins(
            lambda pin, name=name: replace(pin, code_hash=Digest(bytes(32))) if pin.name == name else pin
        )
        assert_step(check(code), 10, "failed", "other_code", "mismatch")
    ended = pins(lambda pin: replace(pin, end=BlockNumber(ANCHOR_BLOCK)))
    assert_step(check(ended), 10, "failed", "unpinned", "mismatch")
    late = pins(lambda pin: replace(pin, start=BlockNumber(ANCHOR_BLOCK + 2)))
    assert_step(check(late), 10, "failed", "unpinned", "mismatch")
    swapped = pins(lambda pin: replace(pin, name="LogAnchor" if pin.name == "TimeCredit" else "TimeCredit"))
    assert_step(check(swapped), 10, "failed", "unpinned", "mismatch")
    assert check(FULL).facts.contracts == tuple(
        f"{pin.name} {pin.address.hex()} {pin.code_hash.hex()}" for pin in FULL.root.chains[0].contracts
    )
    for name in ("anchor", "outcome", "state"):
        short = getattr(FULL.bundle, name).account_proof[:-1]
        verdict = check(part(name, account_proof=short))
        assert verdict.steps[9].status == "failed"
        assert verdict.outcome == "mismatch"
    moved = check(part("anchor", contract=Address(bundle_maker.TIME_CREDIT)))
    assert [step.number for step in moved.steps if step.status == "failed"] == [9, 10]


def test_step_11_blocks() -> None:
    assert FULL.bundle.chain is not None
    other = bundle(chain=replace(FULL.bundle.chain, chain_id=1))
    verdict = check(other)
    assert (verdict.steps[10].status, verdict.steps[10].code) == ("failed", "unpinned")
    run = headers(FULL)
    assert_step(check(with_run(FULL, run.headers, bytes(32))), 11, "failed", "mismatch", "mismatch")
    gap = with_run(FULL, (run.headers[0], run.headers[1], run.headers[3]), run.head)
    assert_step(check(require(gap, depth=1)), 11, "failed", "mismatch", "mismatch")
    deep = require(depth=3)
    assert_step(check(deep), 11, "not_present", "too_shallow", "cannot_check")
    assert check(require(depth=2)).outcome == "pass"


def test_step_11_depth_counts_after_every_section() -> None:
    # The anchor has three blocks behind it; the outcome, one block later, only two.
    assert check(require(FULL, depth=2)).facts.depth == 2
    only_anchor = Made(replace(FULL.bundle, outcome=None, state=None), FULL.root)
    assert check(require(only_anchor, outcome=False, depth=3)).facts.depth == 3
    assert check(require(only_anchor, outcome=False, depth=4)).outcome == "cannot_check"


def test_step_11_runs_ascend_and_a_genesis_is_the_pinned_one() -> None:
    assert FULL.bundle.chain is not None
    run = headers(FULL)
    doubled = bundle(chain=replace(FULL.bundle.chain, runs=(run, run)))
    assert_step(check(doubled), 11, "failed", "mismatch", "mismatch")
    raw, hashed = chain_maker.seal_clique(chain_maker.Block(0, 1, bytes(32), bytes(32)), bytes(32), 4)
    genesis = HeaderRun((raw,), Digest(hashed))
    with_genesis = bundle(chain=replace(FULL.bundle.chain, runs=(genesis, run)))
    assert_step(check(with_genesis), 11, "failed", "mismatch", "mismatch")
    right = chained(with_genesis, genesis_hash=Digest(hashed))
    assert check(right).outcome == "pass"


def test_step_11_several_runs_serve_several_sections() -> None:
    """The balance may be shown at a much later block than the anchor."""
    sides = bundle_maker.make_contracts()
    state_root = naive_trie.root(chain_maker.state(list(sides)))
    later = bundle_maker.make_headers("clique", 4, [(state_root, naive_trie.EMPTY)] * 3, first=9_000)
    assert FULL.bundle.chain is not None and FULL.bundle.state is not None
    chain = replace(FULL.bundle.chain, runs=(*FULL.bundle.chain.runs, later))
    state = replace(FULL.bundle.state, block=BlockNumber(9_000))
    verdict = check(bundle(chain=chain, state=state))
    assert verdict.outcome == "pass"
    assert (verdict.facts.block, verdict.facts.state_block) == (ANCHOR_BLOCK, 9_000)
    backwards = replace(chain, runs=chain.runs[::-1])
    assert_step(check(bundle(chain=backwards, state=state)), 11, "failed", "mismatch", "mismatch")


def test_step_12_seals_of_strangers_fail() -> None:
    strangers = tuple(Address(sha256(b"%d" % n).digest()[:20]) for n in range(4))
    for base in (FULL, make("qbft")):
        kind = base.root.chains[0].signers[0].kind
        signed = chained(base, signers=(SignerSet(kind, strangers, BlockNumber(0), None),))
        assert_step(check(signed), 12, "failed", "mismatch", "mismatch")


def test_step_12_too_few_seals() -> None:
    # Seven validators need four distinct signers; two blocks follow the outcome, so three there.
    seven = make(validators=7)
    assert_step(check(seven), 12, "not_present", "too_few", "cannot_check")
    assert check(seven).steps[11].detail == "clique: sealed by 3 of 7, 4 needed"
    assert check(require(seven, seals="none")).outcome == "pass"
    assert check(make(validators=7, depth=3)).outcome == "pass"


def test_step_12_qbft_without_quorum() -> None:
    base = make("qbft", depth=0)
    run = headers(base)
    fields = naive_trie.rlp.decode(run.headers[1])
    vanity, listed, vote, number, seals = naive_trie.rlp.decode(fields[12])
    fields[12] = naive_trie.rlp.encode([vanity, listed, vote, number, seals[:2]])
    thin = with_run(base, (run.headers[0], naive_trie.rlp.encode(fields)), run.head)
    assert_step(check(thin), 12, "not_present", "too_few", "cannot_check")
    assert check(thin).steps[11].detail == "qbft: sealed by 2 of 4, 3 needed"


def test_step_12_unsealed_chains_and_other_kinds() -> None:
    dev = make("none")
    assert_step(check(dev), 12, "not_present", "unsealed", "pass")
    for seals in ("clique", "qbft", "any"):
        assert_step(check(require(dev, seals=seals)), 12, "not_present", "unsealed", "cannot_check")
    assert check(require(seals="any")).outcome == "pass"
    assert_step(check(require(seals="qbft")), 12, "not_present", "other_kind", "cannot_check")
    unpinned = chained(signers=())
    assert_step(check(unpinned), 12, "not_present", "unsealed", "cannot_check")
    # Required nowhere, yet there: a seal that is wrong still fails.
    strangers = (Address(b"s" * 20),)
    wrong = chained(require(seals="none"), signers=(SignerSet("clique", strangers, BlockNumber(0), None),))
    assert_step(check(wrong), 12, "failed", "mismatch", "mismatch")


def test_step_12_signer_sets_change_by_block() -> None:
    addresses = FULL.root.chains[0].signers[0].addresses
    split = (
        SignerSet("clique", addresses, BlockNumber(0), BlockNumber(ANCHOR_BLOCK + 2)),
        SignerSet("clique", addresses, BlockNumber(ANCHOR_BLOCK + 2), None),
    )
    assert check(chained(signers=split)).outcome == "pass"
    # Blocks that none are pinned for lend no weight: the outcome's block then has one seal.
    ended = (replace(split[0]),)
    step = check(chained(signers=ended)).steps[11]
    assert (step.status, step.code) == ("not_present", "too_few")


def test_step_13_outcome() -> None:
    no_outcome = bundle(outcome=None)
    assert_step(check(no_outcome), 13, "not_present", "not_settled", "pending")
    assert_step(check(require(no_outcome, outcome=False)), 13, "not_present", "not_settled", "pass")
    for changes in (
        {"cursor": SETTLED + 1},
        {"refused": 7},
        {"cursor_proof": FULL.bundle.outcome.refused_proof},  # type: ignore[union-attr]
        {"refused_proof": FULL.bundle.outcome.cursor_proof},  # type: ignore[union-attr]
        {"cursor_proof": ()},
    ):
        assert_step(check(part("outcome", **changes)), 13, "failed", "mismatch", "mismatch")
    refused = make(refused=7)
    verdict = check(refused)
    assert_step(verdict, 13, "passed", "refused", "pass")
    assert (verdict.facts.outcome, verdict.facts.refused) == ("refused", 7)
    hidden = Made(replace(refused.bundle, outcome=replace(refused.bundle.outcome, refused=0)), refused.root)  # type: ignore[type-var]
    assert_step(check(hidden), 13, "failed", "mismatch", "mismatch")


def test_step_13_needs_a_cursor_beyond_the_leaf_and_an_operation() -> None:
    behind = make(index=SETTLED)
    assert_step(check(behind), 13, "failed", "mismatch", "mismatch")
    assert "has not reached" in check(behind).steps[12].detail
    assert check(make(index=SETTLED - 1)).outcome == "pass"
    plain = make(operation=False)
    assert_step(check(plain), 13, "not_present", "no_operation", "pass")
    extra = Made(replace(plain.bundle, outcome=FULL.bundle.outcome), plain.root)
    assert_step(check(extra), 13, "failed", "no_operation", "mismatch")


def test_step_14_state() -> None:
    assert_step(check(bundle(state=None)), 14, "not_present", "none", "pass")
    for changes in (
        {"balance": 123_457},
        {"locked": 0},
        {"sequence": 18},
        {"account": bundle_maker.RECEIVER},
        {"storage_proof": FULL.bundle.state.storage_proof[:-1]},  # type: ignore[union-attr]
    ):
        assert_step(check(part("state", **changes)), 14, "failed", "mismatch", "mismatch")
    stranger = check(part("state", account="acct_" + "11" * 20))
    assert_step(stranger, 14, "failed", "mismatch", "mismatch")
    assert "does not concern" in stranger.steps[13].detail


LOCKED = make(lock=MadeLock(rest=1_500))


def held(base: Made = LOCKED, **changes: Any) -> Made:
    assert base.bundle.lock is not None
    return Made(replace(base.bundle, lock=replace(base.bundle.lock, **changes)), base.root)


@pytest.mark.parametrize("kind", [OperationKind.LOCK, OperationKind.RELEASE, OperationKind.CANCEL])
@pytest.mark.parametrize(
    ("rest", "known", "word"),
    [(2_000, True, "open"), (1, True, "open"), (0, True, "ended"), (0, False, "unknown")],
)
def test_step_15_lock(kind: OperationKind, rest: int, known: bool, word: str) -> None:
    made = make(lock=MadeLock(kind, rest, known))
    verdict = check(made)
    assert_step(verdict, 15, "passed", word, "pass")
    assert (verdict.facts.lock, verdict.facts.lock_rest, verdict.facts.lock_block) == (
        word,
        rest,
        ANCHOR_BLOCK + 1,
    )
    assert verdict.facts.lock_holder == (bundle_maker.SENDER if known else "")
    assert verdict.steps[14].detail == f"{rest} locked at block {ANCHOR_BLOCK + 1}"
    absent = Made(replace(made.bundle, lock=None), made.root)
    assert_step(check(absent), 15, "not_present", "none", "pass")
    assert check(absent).facts.lock == ""


def test_step_15_refuses_every_other_word_about_the_lock() -> None:
    lock = LOCKED.bundle.lock
    assert lock is not None and LOCKED.bundle.state is not None
    for changes in (
        {"rest": 2_000},
        {"rest": 0},
        {"holder": ZERO_ADDRESS},
        {"holder": ZERO_ADDRESS, "rest": 0},
        {"holder": account_address(bundle_maker.RECEIVER)},
        {"storage_proof": lock.storage_proof[:-1]},
        {"storage_proof": ()},
        {"storage_proof": LOCKED.bundle.state.storage_proof},
    ):
        assert_step(check(held(**changes)), 15, "failed", "mismatch", "mismatch")
    # An ended lock is not one that never was, and the other way about.
    ended, unknown = (make(lock=MadeLock(rest=0, known=known)) for known in (True, False))
    assert_step(check(held(ended, holder=ZERO_ADDRESS)), 15, "failed", "mismatch", "mismatch")
    claimed = held(unknown, holder=account_address(bundle_maker.SENDER))
    assert_step(check(claimed), 15, "failed", "mismatch", "mismatch")


def test_step_15_is_about_the_lock_of_the_entry_alone() -> None:
    """A lock of somebody else would be true and still mislead."""
    strange = bundle(lock=LOCKED.bundle.lock)
    assert_step(check(strange), 15, "failed", "no_lock", "mismatch")
    release = make(lock=MadeLock(OperationKind.RELEASE, 1_500))
    swapped = Made(replace(release.bundle, lock=LOCKED.bundle.lock), release.root)
    assert_step(check(swapped), 15, "failed", "mismatch", "mismatch")


def test_step_15_without_the_contracts_account_or_the_outcome() -> None:
    outcome = LOCKED.bundle.outcome
    assert outcome is not None
    bare_outcome = replace(outcome, account_proof=())
    verdict = check(Made(replace(LOCKED.bundle, outcome=bare_outcome), LOCKED.root))
    assert verdict.outcome == "cannot_check"
    assert [step.number for step in verdict.steps if step.code == "no_account_proof"] == [10, 13, 15]
    with pytest.raises(FormatError) as refused:
        _ = Made(replace(LOCKED.bundle, outcome=None), LOCKED.root).data
    assert (refused.value.where, refused.value.reason) == (
        "lock",
        "without the outcome at whose block it is read",
    )


def test_all_failures_are_reported_at_once() -> None:
    broken: Bundle = replace(
        FULL.bundle,
        salt=bytes(32),
        op_salt=bytes(16),
        state=replace(FULL.bundle.state, balance=1),  # type: ignore[type-var]
    )
    verdict = check(Made(broken, FULL.root))
    assert [step.number for step in verdict.steps if step.status == "failed"] == [3, 4, 14]
    assert verdict.failed_step is not None and verdict.failed_step.number == 3


def test_leaf_of_another_record_is_refused() -> None:
    """Entry and salt of one record, leaf and path of another."""
    other_leaf = leaf_data(sha256(b"other").digest(), None)
    other, _ = bundle_maker.make_log(other_leaf)
    verdict = check(bundle(log=other))
    assert [step.number for step in verdict.steps if step.status == "failed"][:2] == [3, 4]


def test_root_that_requires_nothing_still_needs_the_log() -> None:
    lax: TrustRoot = replace(
        FULL.root,
        witnesses=(),
        chains=(),
        required=replace(
            FULL.root.required, anchor=False, outcome=False, seals="none", depth=0, witness_quorum=0
        ),
    )
    plain = bare(for_root(make(witnesses=0), lax))
    verdict = check(plain)
    assert verdict.outcome == "pass"
    assert [step.name for step in verdict.steps if step.status == "passed"] == NAMES[:7]
