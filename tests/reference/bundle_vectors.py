"""Bundle vectors: whole bundles and named edits of them, for every implementation of the verifier.

``python -m tests.reference.bundle_vectors`` writes ``tests/vectors/bundle/v1``; a test compares. A case takes
a base, sets the members that its JSON pointers name (``null`` included), writes the result as canonical JSON,
and must end with the outcome and the failed step given.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from chain.canonical import JsonValue
from chain.checkpoint import sign_note
from chain.disclosure import make_disclosure
from chain.operation import OperationKind
from tests.campaign.worlds import make_pair
from tests.reference.bundle_maker import (
    BALANCE,
    CHAIN_ID,
    ORIGIN,
    SETTLED,
    SIZE,
    Made,
    MadeLock,
    ed25519,
    make,
)

FOLDER = Path(__file__).parents[1] / "vectors" / "bundle" / "v1"

BASES = {
    "clique": lambda: make(),
    "qbft": lambda: make("qbft"),
    "development": lambda: make("none", witnesses=0),
    "refused": lambda: make(refused=7),
    "lock-open": lambda: make(lock=MadeLock(rest=1_500)),
    "lock-ended": lambda: make(lock=MadeLock(OperationKind.RELEASE, rest=0)),
    "no-operation": lambda: make(operation=False, state=False),
    "three-witnesses": lambda: make_pair("clique")[0],
    "three-witnesses-qbft": lambda: make_pair("qbft")[0],
}
ZERO = "00" * 32


@dataclass(frozen=True)
class Case:
    """``changes`` maps JSON pointers of the bundle to values."""

    name: str
    base: str
    changes: dict[str, JsonValue]
    outcome: str = "mismatch"
    failed_step: int | None = None


def flipped(made: Made, *place: str | int) -> JsonValue:
    """The hex text at ``place`` with its last digit changed."""
    value: JsonValue = json.loads(made.data)
    for name in place:
        value = value[name]  # type: ignore[index,call-overload]
    assert isinstance(value, str)
    return value[:-1] + ("0" if value[-1] != "0" else "1")


def build_cases() -> list[Case]:
    full, qbft = make(), make("qbft")
    headers = "/chain/runs/0/headers"
    bare: dict[str, JsonValue] = {"/chain": None, "/anchor": None, "/outcome": None, "/state": None}
    value = json.loads(full.data)
    note: str = value["log"]["checkpoint"]
    unsigned = "".join(line for line in note.splitlines(keepends=True) if not line.startswith("\u2014 log."))
    lone = "".join(line for line in note.splitlines(keepends=True) if "/bank " not in line)
    stranger = make_disclosure(bytes(16), "note", "x")
    path = value["log"]["path"]
    return [
        *(Case(f"complete-{name}", name, {}, "pass") for name in BASES),
        Case("not-anchored-yet", "clique", bare, "pending"),
        Case("not-settled-yet", "clique", {"/outcome": None, "/state": None}, "pending"),
        Case("one-witness-of-two", "clique", {"/log/checkpoint": lone}, "cannot_check"),
        Case("operation-salt-missing", "clique", {"/op_salt": None}, "cannot_check"),
        Case("member-missing-from-version", "clique", {"/v": 2}, failed_step=1),
        Case("upper-case-salt", "clique", {"/salt": value["salt"].upper()}, failed_step=1),
        Case(
            "headers-without-sections",
            "clique",
            {"/anchor": None, "/outcome": None, "/state": None},
            failed_step=1,
        ),
        Case("header-of-anchor-missing", "clique", {"/anchor/block": 1}, failed_step=1),
        Case("another-trust-root", "clique", {"/trust_root": ZERO}, failed_step=2),
        Case("another-salt", "clique", {"/salt": ZERO}, failed_step=3),
        Case("amount-raised", "clique", {"/entry/op/amount": "9000"}, failed_step=3),
        Case("backdated", "clique", {"/entry/at": "2025-11-22T05:58:57.123Z"}, failed_step=3),
        Case("authority-changed", "clique", {"/entry/authority": "countersigned"}, failed_step=3),
        Case("another-operation-salt", "clique", {"/op_salt": "00" * 16}, failed_step=4),
        Case("salt-without-operation", "no-operation", {"/op_salt": "00" * 16}, failed_step=4),
        Case("strange-disclosure", "clique", {"/disclosures": [stranger]}, failed_step=5),
        Case("doubled-disclosure", "clique", {"/disclosures": value["disclosures"] * 2}, failed_step=5),
        Case("path-too-short", "clique", {"/log/path": path[:-1]}, failed_step=6),
        Case("path-too-long", "clique", {"/log/path": [*path, path[0]]}, failed_step=6),
        Case("path-in-wrong-order", "clique", {"/log/path": path[::-1]}, failed_step=6),
        Case("another-index", "clique", {"/log/index": 1}, failed_step=6),
        Case("another-size", "clique", {"/log/size": SIZE + 1}, failed_step=6),
        Case("log-signature-missing", "clique", {"/log/checkpoint": unsigned}, "cannot_check"),
        Case("log-key-replaced", "clique", {"/log/checkpoint": resigned(note)}, failed_step=7),
        Case("entry-salt-missing", "clique", {"/salt": None}, "cannot_check"),
        Case("path-missing", "clique", {"/log/path": None}, "cannot_check"),
        Case("code-proof-missing", "clique", {"/anchor/account_proof": []}, "cannot_check"),
        Case("another-root-in-checkpoint", "clique", {"/log/checkpoint": other_root(note)}, failed_step=6),
        Case(
            "doubled-cosignature",
            "clique",
            {"/log/checkpoint": note + note.splitlines(True)[-1]},
            failed_step=8,
        ),
        Case("another-event", "clique", {"/anchor/log_index": 0}, failed_step=9),
        Case("another-receipt", "clique", {"/anchor/tx_index": 0}, failed_step=9),
        Case(
            "receipt-proof-cut",
            "clique",
            {"/anchor/receipt_proof": value["anchor"]["receipt_proof"][:1]},
            failed_step=9,
        ),
        Case("anchor-in-another-block", "clique", {"/anchor/block": 1_001}, failed_step=9),
        Case("another-contract", "clique", {"/outcome/contract": "11" * 20}, failed_step=10),
        Case("account-of-another-block", "clique", {"/outcome/block": 1_002}, failed_step=10),
        Case("another-chain", "clique", {"/chain/chain_id": CHAIN_ID + 1}, failed_step=10),
        Case("another-head", "clique", {"/chain/runs/0/head": ZERO}, failed_step=11),
        Case(
            "header-skipped",
            "clique",
            {f"{headers}/2": value["chain"]["runs"][0]["headers"][3]},
            failed_step=11,
        ),
        Case("cut-below-depth", "development", shortened(), "cannot_check"),
        Case(
            "clique-last-header-altered",
            "clique",
            {f"{headers}/3": flipped(full, "chain", "runs", 0, "headers", 3)},
            failed_step=11,
        ),
        Case("qbft-seal-forged", "qbft", {f"{headers}/3": forged_seal(qbft)}, failed_step=12),
        Case("cursor-overstated", "clique", {"/outcome/cursor": SETTLED + 1}, failed_step=13),
        Case("refusal-concealed", "refused", {"/outcome/refused": 0}, failed_step=13),
        Case("refusal-invented", "clique", {"/outcome/refused": 7}, failed_step=13),
        Case("balance-raised", "clique", {"/state/balance": str(BALANCE + 1)}, failed_step=14),
        Case("lock-concealed", "clique", {"/state/locked": "0"}, failed_step=14),
        Case("lock-not-there", "lock-open", {"/outcome": None}, failed_step=1),
        Case("lock-null", "clique", {"/lock": None}, failed_step=1),
        Case("lock-larger", "lock-open", {"/lock/rest": "2000"}, failed_step=15),
        Case("lock-said-to-have-ended", "lock-open", {"/lock/rest": "0"}, failed_step=15),
        Case("lock-said-to-be-open", "lock-ended", {"/lock/rest": "2000"}, failed_step=15),
        Case("lock-said-never-to-be", "lock-ended", {"/lock/holder": None}, failed_step=15),
        Case("lock-of-somebody-else", "lock-open", {"/lock/holder": "acct_" + "11" * 20}, failed_step=15),
        Case("lock-proof-cut", "lock-open", {"/lock/storage_proof": []}, failed_step=15),
        Case("balance-of-somebody-else", "clique", {"/state/account": "acct_" + "11" * 20}, failed_step=14),
    ]


def resigned(note: str) -> str:
    """The note with the log's own line made by another key, the witnesses' lines as they were."""
    text, _, lines = note.partition("\n\n")
    forged = sign_note(text + "\n", ORIGIN, ed25519("thief")).decode()
    return forged + "".join(line for line in lines.splitlines(True) if not line.startswith("\u2014 log."))


def other_root(note: str) -> str:
    lines = note.split("\n")
    return "\n".join([*lines[:2], "A" * 43 + "=", *lines[3:]])


def shortened() -> dict[str, JsonValue]:
    """The development bundle without its last header."""
    made = make("none", witnesses=0)
    shorter = make("none", witnesses=0, depth=1)
    value = json.loads(shorter.data)
    assert (
        value["chain"]["runs"][0]["headers"][:2] == json.loads(made.data)["chain"]["runs"][0]["headers"][:2]
    )
    return {"/chain": value["chain"]}


def forged_seal(made: Made) -> str:
    """The last QBFT header with one bit of its first seal flipped; its hash does not cover seals."""
    raw: str = json.loads(made.data)["chain"]["runs"][0]["headers"][3]
    at = raw.index("b841") + 4  # the first item of 65 bytes
    return raw[:at] + f"{int(raw[at : at + 2], 16) ^ 1:02x}" + raw[at + 2 :]


def apply(data: bytes, changes: dict[str, JsonValue]) -> JsonValue:
    """Return the bundle's value with the members named by the pointers set."""
    value: JsonValue = json.loads(data)
    for pointer, new in changes.items():
        *parents, last = pointer[1:].split("/")
        target: JsonValue = value
        for name in parents:
            target = target[int(name)] if isinstance(target, list) else target[name]  # type: ignore[index]
        if isinstance(target, list):
            target[int(last)] = new
        else:
            assert isinstance(target, dict)
            target[last] = new
    return value


def build_vectors() -> dict[str, str]:
    """Return file name -> text."""
    files = {}
    for name, build in BASES.items():
        made = build()
        files[f"{name}.bundle.json"] = made.data.decode()
        files[f"{name}.trust-root.json"] = made.root_data.decode()
    cases = [
        {
            "name": case.name,
            "base": case.base,
            "set": case.changes,
            "outcome": case.outcome,
            "failed_step": case.failed_step,
        }
        for case in build_cases()
    ]
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    files["cases.json"] = f'{{"what": "edits of the bundles beside this file", "cases": [\n{lines}\n]}}\n'
    return files


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for name, text in build_vectors().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
