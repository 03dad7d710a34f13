"""Calldata against eth_abi, selectors against the compiled contracts, and the speed a window needs."""

from __future__ import annotations

import time
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.errors import FormatError
from chain.evm import calldata
from chain.evm.artifacts import load_artifact
from chain.evm.calldata import Registration
from chain.hashing import keccak256
from chain.operation import Operation, OperationKind, encode_operands
from chain.types import Address, TreeSize

ADDRESS = st.binary(min_size=20, max_size=20).map(Address)
HASH = st.binary(min_size=32, max_size=32)
HASHES = st.lists(HASH, max_size=6)
U64 = st.integers(0, 2**64 - 1)
U32 = st.integers(0, 2**32 - 1)
U8 = st.integers(0, 255)
OPERATION = st.tuples(
    U8, ADDRESS, ADDRESS, st.integers(0, 2**128 - 1), U64, HASH, st.binary(min_size=16, max_size=16), HASH
)
OPERATION_TYPE = "(uint8,address,address,uint128,uint64,bytes32,bytes16,bytes32)"


def abi_call(signature: str, arguments: list[Any]) -> bytes:
    """Return the call as eth_abi encodes it."""
    return keccak256(signature.encode())[:4] + encode(split_types(signature), arguments)


def split_types(signature: str) -> list[str]:
    """Return the top-level types of a signature."""
    types, depth, current = [], 0, ""
    for letter in signature.partition("(")[2][:-1]:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            types.append(current)
            current = ""
        else:
            current += letter
    return [*types, current]


def signature_of(name: str) -> str:
    return next(text for text in calldata.SIGNATURES if text.startswith(name + "("))


def plain(operation: tuple[Any, ...]) -> tuple[Any, ...]:
    return (operation[0], "0x" + operation[1].hex(), "0x" + operation[2].hex(), *operation[3:])


def type_of(argument: dict[str, Any]) -> str:
    if not argument["type"].startswith("tuple"):
        return str(argument["type"])
    members = ",".join(type_of(component) for component in argument["components"])
    return f"({members}){argument['type'][5:]}"


def test_every_signature_is_of_a_compiled_contract() -> None:
    compiled = set()
    for name in ("RoleManager", "Membership", "TimeCredit", "LogAnchor", "CoSignature"):
        for item in load_artifact(name).abi:
            if item["type"] == "function":
                entry: dict[str, Any] = dict(item)
                compiled.add(f"{entry['name']}({','.join(type_of(a) for a in entry['inputs'])})")
    assert set(calldata.SIGNATURES) <= compiled


@settings(max_examples=60, deadline=None)
@given(st.data(), HASH, U64, HASHES, HASHES)
def test_settle(
    data: st.DataObject, log_id: bytes, start: int, left: list[bytes], right: list[bytes]
) -> None:
    count = data.draw(st.integers(1, 600))
    mask = data.draw(st.integers(0, 2**count - 1))
    bits = [bool(mask >> i & 1) for i in range(count)]
    pool = data.draw(st.lists(OPERATION, min_size=1, max_size=3))
    operations = [pool[i % len(pool)] for i in range(sum(bits))]
    others = [bytes([i % 256]) * 32 for i in range(len(bits) - sum(bits))]
    evidence = data.draw(st.lists(st.binary(max_size=100), max_size=4))
    got = calldata.encode_settle(
        log_id,
        start,
        len(bits),
        mask,
        [calldata.pack_operation(*operation) for operation in operations],
        others,
        left,
        right,
        evidence,
    )
    words = [(mask >> (256 * i)) & (2**256 - 1) for i in range(-(-len(bits) // 256))]
    arguments = [
        log_id,
        start,
        len(bits),
        words,
        [plain(op) for op in operations],
        others,
        left,
        right,
        evidence,
    ]
    assert got == abi_call(signature_of("settle"), arguments)


@settings(max_examples=50, deadline=None)
@given(OPERATION, U64, HASHES)
def test_evidence(operation: tuple[Any, ...], index: int, proof: list[bytes]) -> None:
    piece = calldata.pack_operation(*operation)
    want = encode([OPERATION_TYPE, "uint64", "bytes32[]"], [plain(operation), index, proof])
    assert calldata.encode_original(piece, index, proof) == want
    signature = (proof[0] if proof else b"") + piece[:65]
    want = encode(["bytes32", "bytes"], [operation[5], signature])
    assert calldata.encode_authorization(operation[5], signature) == want


def test_packed_operation_begins_with_what_the_digest_hashes() -> None:
    parties = Address(b"\x11" * 20), Address(b"\x22" * 20)
    operation = Operation(OperationKind.TRANSFER, *parties, 2**63 - 1, 2**40, b"\x33" * 32)
    salt = b"\x44" * 16
    piece = calldata.pack_operation(2, *parties, 2**63 - 1, 2**40, b"\x33" * 32, salt, b"\x55" * 32)
    assert piece == encode_operands(operation, salt) + b"\x55" * 32


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(ADDRESS, U32, U8, U8, HASH, HASH), max_size=5))
def test_register(entries: list[tuple[Address, int, int, int, bytes, bytes]]) -> None:
    got = calldata.encode_register([Registration(*entry) for entry in entries])
    want = [("0x" + entry[0].hex(), *entry[1:]) for entry in entries]
    assert got == abi_call(signature_of("register"), [want])


@settings(max_examples=30, deadline=None)
@given(ADDRESS, ADDRESS, HASH, HASH, HASHES, U64, U32, U32, U8, st.lists(ADDRESS, max_size=4), st.booleans())
def test_all_other_calls(
    a: Address,
    b: Address,
    h: bytes,
    g: bytes,
    hashes: list[bytes],
    big: int,
    chapter: int,
    period: int,
    small: int,
    signers: list[Address],
    flag: bool,
) -> None:
    x, y, names = "0x" + a.hex(), "0x" + b.hex(), ["0x" + signer.hex() for signer in signers]
    signatures = [bytes([i]) * 65 for i in range(len(hashes))]
    size = TreeSize(big)
    calls: list[tuple[str, bytes, list[Any]]] = [
        ("setRights", calldata.encode_set_rights(a, flag, not flag, h), [x, flag, not flag, h]),
        ("recover", calldata.encode_recover(a, b, h), [x, y, h]),
        ("passLeaf", calldata.encode_pass_leaf(h, big, g, hashes, [g]), [h, big, g, hashes, [g]]),
        ("setQuota", calldata.encode_set_quota(chapter, period, big), [chapter, period, big]),
        ("setDailyCap", calldata.encode_set_daily_cap(chapter, big), [chapter, big]),
        ("setHoldingCap", calldata.encode_set_holding_cap(chapter, big), [chapter, big]),
        ("registerLog", calldata.encode_register_log(h, g, big, signers, small), [h, g, big, names, small]),
        ("setSigners", calldata.encode_set_signers(h, signers, small), [h, names, small]),
        ("succeed", calldata.encode_succeed(h, g), [h, g]),
        ("anchor", calldata.encode_anchor(h, size, g, hashes, signatures), [h, big, g, hashes, signatures]),
        ("registerPolicy", calldata.encode_register_policy(h, [1, small], 2), [h, [1, small], 2]),
        ("approve", calldata.encode_approve(h, chapter, g), [h, chapter, g]),
        ("grantRole", calldata.encode_grant_role(big, a, period), [big, x, period]),
        ("revokeRole", calldata.encode_revoke_role(big, a), [big, x]),
        ("setGrantDelay", calldata.encode_set_grant_delay(big, period), [big, period]),
        ("setRoleAdmin", calldata.encode_set_role_admin(big, small), [big, small]),
    ]
    for name, got, arguments in calls:
        assert got == abi_call(signature_of(name), arguments), name
    assert {name for name, _, _ in calls} | {"settle", "register"} == {
        text.partition("(")[0] for text in calldata.SIGNATURES
    }


GOOD = [1, Address(bytes(20)), Address(bytes(20)), 1, 0, bytes(32), bytes(16), bytes(32)]


@pytest.mark.parametrize(
    ("at", "bad"),
    [
        (0, 256),
        (0, -1),
        (1, bytes(19)),
        (2, bytes(21)),
        (3, 2**128),
        (3, -1),
        (4, 2**64),
        (5, bytes(31)),
        (6, bytes(17)),
        (7, b""),
    ],
)
def test_operands_that_do_not_fit_are_refused_and_never_cut(at: int, bad: Any) -> None:
    arguments: list[Any] = [*GOOD[:at], bad, *GOOD[at + 1 :]]
    with pytest.raises(FormatError) as error:
        calldata.pack_operation(*arguments)
    assert error.value.where == "operation"


def test_window_whose_counts_disagree_is_refused() -> None:
    piece = calldata.pack_operation(*GOOD)  # type: ignore[arg-type]
    for count, mask, operations, others, where in (
        (2, 0b111, [piece] * 2, [], "mask"),
        (0, 0, [], [], "mask"),
        (2, 0b11, [piece], [bytes(32)], "operations"),
        (2, 0b01, [piece], [], "operations"),
        (1, 0b1, [piece[:-1]], [], "operations"),
        (1, 0, [], [bytes(31)], "otherCommitments"),
    ):
        with pytest.raises(FormatError) as error:
            calldata.encode_settle(bytes(32), 0, count, mask, operations, others, [], [], [])
        assert error.value.where == where


def test_packing_and_joining_a_window_is_fast() -> None:
    others = [bytes(32)] * 200
    mask = int("01" * 200, 2)
    best = 0.0
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(25):
            pieces = [calldata.pack_operation(*GOOD) for _ in range(200)]  # type: ignore[arg-type]
            calldata.encode_settle(bytes(32), 0, 400, mask, pieces, others, [], [], [])
        best = max(best, 25 * 200 / (time.perf_counter() - begun))
    # Measured at about ten times this; the floor is what keeps Python from being the bottleneck.
    assert best >= 100_000
