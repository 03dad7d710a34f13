"""Measure what calls cost on an anvil with the rules of Paris and compare with ``contracts/gas.json``.

``python -m tests.contracts.gas --write`` measures and writes; ``--check`` fails where a number has changed.
Salts and hashes are fixed, so the numbers repeat exactly.
"""

from __future__ import annotations

import argparse
import json
import sys

from eth_account import Account
from eth_utils import keccak

from chain.evm.solc import CONTRACTS_DIR
from tests.contracts.harness import (
    GENESIS,
    ISSUE,
    TRANSFER,
    ZERO,
    Log,
    Operation,
    System,
    address,
    deploy_system,
    run_chain,
    sha,
)

GAS_FILE = CONTRACTS_DIR / "gas.json"
LOG_ID = sha(b"gas")
CHAPTER = 31010007
MEMBERS = [address(f"member {number}") for number in range(2000)]
WINDOWS = (1, 40, 100, 400, 800)
PER_OPERATION_LIMIT = 26_000
"""The most an operation may cost in a window of 400 leaves of which 200 are operations."""


def _salted(kind: int, sender: str, receiver: str, amount: int, number: int) -> Operation:
    salt = sha(b"salt" + number.to_bytes(8, "big"))
    return Operation(kind, sender, receiver, amount, 0, bytes(32), salt[:16], sha(salt))


def _build_log() -> Log:
    """A genesis leaf, an issue to each member, then leaves of which every second one is a transfer."""
    log = Log()
    log.append([sha(b"genesis")])
    log.append([_salted(ISSUE, ZERO, member, 1_000_000, number) for number, member in enumerate(MEMBERS)])
    for number in range(66_000 - len(log.leaves)):
        if number % 2:
            log.append([sha(number.to_bytes(8, "big"))])
            continue
        sender = MEMBERS[number % 2000]
        receiver = MEMBERS[(number + 1) % 2000]
        log.append([_salted(TRANSFER, sender, receiver, 500, 10_000 + number)])
    return log


def _register(system: System) -> dict[str, int]:
    rows = [(member, CHAPTER, 1, 1, LOG_ID, sha(member.encode())) for member in MEMBERS]
    operator = system.holders["operator"]
    first = system.membership.send("register", rows[:1], sender=operator)
    system.membership.send("register", rows[1:1900], sender=operator)
    last = system.membership.send("register", rows[1900:], sender=operator)
    return {
        "register 1, first of its chapter": int(first["gasUsed"], 16),
        "register 100, each": int(last["gasUsed"], 16) // 100,
    }


def _anchor(system: System, log: Log, have: int, size: int) -> tuple[int, int]:
    keys = sorted(
        (Account.from_key(sha(bytes([number]))) for number in range(2)), key=lambda key: key.address
    )
    message = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
                {"name": "salt", "type": "bytes32"},
            ],
            "Anchor": [
                {"name": "logId", "type": "bytes32"},
                {"name": "size", "type": "uint64"},
                {"name": "root", "type": "bytes32"},
            ],
        },
        "primaryType": "Anchor",
        "domain": {
            "name": "Tongyi LogAnchor",
            "version": "1",
            "chainId": 31337,
            "verifyingContract": system.anchor.address,
            "salt": GENESIS,
        },
        "message": {"logId": LOG_ID, "size": size, "root": log.root(size)},
    }
    if have == 1:
        signers = [key.address for key in keys]
        system.anchor.send("registerLog", LOG_ID, log.root(1), 2**40, signers, 2)
    signatures = [bytes(key.sign_typed_data(full_message=message).signature) for key in keys]
    proof = log.consistency(have, 0, size)
    receipt = system.anchor.send("anchor", LOG_ID, size, log.root(size), proof, signatures)
    return int(receipt["gasUsed"], 16), len(proof)


def _settle(system: System, log: Log, start: int, count: int, size: int) -> int:
    window = log.window(start, count, size)
    receipt = system.credit.send(
        "settle", LOG_ID, start, count, *window, [], sender=system.holders["operator"]
    )
    assert len(receipt["logs"]) == 2 * len(window[1]) + 1, "every operation must be done"
    return int(receipt["gasUsed"], 16)


def _seats_and_rules(system: System) -> dict[str, int]:
    """A seat under its policy, a table of three lines and a raise, each as it is used in earnest."""
    chain, holders, shop = system.chain, system.holders, address("shop")
    hq, operator = holders["hq"], holders["operator"]
    system.membership.send("register", [(shop, CHAPTER, 2, 1, LOG_ID, sha(b"shop"))], sender=operator)
    policies = {"seat": ([3, 4], ("president", "secretary")), "referral": ([1, 13], ("hq", "regulator"))}
    for name, (kinds, _) in policies.items():
        system.cosign.send("registerPolicy", keccak(name.encode()), kinds, 2, sender=hq)

    def approve(name: str, chapter: int, digest: bytes) -> None:
        for officer in policies[name][1]:
            system.cosign.send("approve", keccak(name.encode()), chapter, digest, sender=holders[officer])

    used = {}
    until, seat = 1_800_000_000, (CHAPTER, b"bakery".ljust(32, b"\0"))
    for action, name, step in ((1, "grant a seat", 0), (2, "renew a seat", 1)):
        term = (sha(b"certificate"), until + step)
        approve("seat", CHAPTER, system.seats.call("approvalDigest", action, *seat, shop, *term))
        operands = (*seat, shop, *term) if action == 1 else (*seat, *term)
        used[name] = system.seats.send(name.split()[0], *operands, sender=operator)
    used["release a seat"] = system.seats.send(
        "release", *seat, sha(b"reason"), sha(b"order"), sender=operator
    )
    lines = [(bytes([position]) * 32, 1, basis) for position, basis in ((1, 1000), (2, 1000), (3, 8000))]
    table = (sha(b"table"), 0, 2, 1_795_000_000, lines, bytes([3]) * 32, sha(b"json"))
    used["publish a table of 3 lines"] = system.rules.send("publish", *table, sender=hq)
    approve("referral", 0, system.rules.call("raiseDigest", 1, 2, sha(b"opinion")))
    used["announce a raise"] = system.rules.send("announce", 1, 2, sha(b"opinion"), sender=hq)
    chain.rpc("evm_increaseTime", 7 * 86_400)
    used["activate a raise"] = system.rules.send("activate", 1, sender=hq)
    return {name: int(receipt["gasUsed"], 16) for name, receipt in used.items()}


def measure() -> dict[str, int]:
    """Return gas by name of what was done."""
    log = _build_log()
    with run_chain("--timestamp", "1790000000") as chain:
        system = deploy_system(chain)
        table = _register(system)
        size = 66_000
        table["anchor, 2 signatures, first"], _ = _anchor(system, log, 1, 65_123)
        used, hashes = _anchor(system, log, 65_123, size)
        table[f"anchor, 2 signatures, consistency proof of {hashes} hashes"] = used
        month = int(chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        assert 1_789_000_000 < month < 1_793_000_000, "the blocks must lie in one known month"
        receipt = system.credit.send("setQuota", CHAPTER, 202609, 2**62, sender=system.holders["issuer"])
        table["set quota"] = int(receipt["gasUsed"], 16)
        _settle(system, log, 0, 1, size)
        table["settle, 2000 issues, each"] = _settle(system, log, 1, 2000, size) // 2000
        start = 2001
        # Each member has sent and received before, so no counter of a day starts from zero.
        _settle(system, log, start, 4000, size)
        start += 4000
        for count in WINDOWS:
            used = _settle(system, log, start, count, size)
            table[f"settle, {count} leaves, each operation"] = used // ((count + 1) // 2)
            start += count + count % 2
            if count % 2:
                _settle(system, log, start - 1, 1, size)
        table |= _seats_and_rules(system)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--check", action="store_true")
    choice.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    table = measure()
    if table["settle, 400 leaves, each operation"] > PER_OPERATION_LIMIT:
        print(f"an operation costs more than {PER_OPERATION_LIMIT} gas: {table}", file=sys.stderr)
        return 1
    if arguments.write:
        GAS_FILE.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
        return 0
    committed = json.loads(GAS_FILE.read_text(encoding="utf-8"))
    for name in sorted(committed.keys() | table.keys()):
        if committed.get(name) != table.get(name):
            print(f"{name}: committed {committed.get(name)}, measured {table.get(name)}", file=sys.stderr)
    return int(committed != table)


if __name__ == "__main__":
    sys.exit(main())
