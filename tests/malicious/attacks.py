"""The attacks, one function each: what the crook does, and who catches it from which file, as it was seen.

Each returns its rows as observed; ``test_malicious_operator.py`` compares them with the table in README.md.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from chain.canonical import JsonValue
from chain.checkpoint import open_checkpoint
from chain.errors import VerificationError
from chain.evidence.bundle import Bundle, parse_bundle
from chain.evm.calldata import encode_register_log
from chain.evm.client import EvmClient
from chain.evm.errors import NodeRefused
from chain.evm.local import LocalChain
from chain.hashing import hash_leaf, keccak256
from chain.merkle.verify import verify_consistency, verify_inclusion
from chain.receipt import parse_receipt, verify_receipt
from chain.tiles import entries_path, parse_entry_bundle, tile_path
from chain.types import Address
from chain.verify import verify_bundle
from gateway.witness.requests import format_request
from tests.malicious.crook import FILLER, History, forge_bundle, rewrite, write_bundle, write_log
from tests.malicious.forgery import EVERYBODY, LyingClient, anchor_elsewhere, reseal
from tests.malicious.scene import DEVELOPMENT, SEALED, TONGYI, WITNESSED, Scene, ask_witness
from tests.malicious.table import NOBODY, Catch

MEMBER, MONITOR, WITNESS = "member", "monitor", "witness"
CONTRACT, START = "LogAnchor contract", "gateway's start check"
ANCHOR_CALL = "the anchor call, signed by both stolen keys"
BUNDLE, KEPT_CHECKPOINT = "the member's bundle", "a checkpoint kept from before"


def cheaper(entry: dict[str, JsonValue]) -> None:
    """Make the member's purchase a smaller one."""
    public = entry["public"]
    assert isinstance(public, dict)
    public["amount"] = "100"


def revert_name(client: EvmClient, contract: Address, calldata: bytes, sender: Address | None = None) -> str:
    """Return the error with which ``LogAnchor`` refuses a call that must be refused."""
    names = {
        keccak256(f"{item['name']}({','.join(field['type'] for field in item['inputs'])})".encode())[:4]: str(
            item["name"]
        )
        for item in load_abi()
        if item["type"] == "error"
    }
    try:
        client.view(contract, calldata, sender=sender)
    except NodeRefused as refused:
        assert refused.data is not None
        return names[bytes.fromhex(refused.data.removeprefix("0x"))[:4]]
    raise AssertionError("the contract took it")


def load_abi() -> list[dict[str, Any]]:
    path = Path(__file__).resolve().parents[2] / "contracts" / "artifacts" / "LogAnchor.json"
    abi: list[dict[str, Any]] = json.loads(path.read_text())["abi"]
    return abi


def judged(scene: Scene, file: Path, root: str = DEVELOPMENT) -> str:
    """Return the first step of ``tongyi verify`` that makes its verdict, and its exit code."""
    code = scene.verify(file, root)["exit"]
    verdict = verify_bundle(file.read_bytes(), (scene.kept / root).read_bytes())
    assert verdict.outcome != "pass"
    step = next(step for step in verdict.steps if step.consequence == verdict.outcome)
    return f"step {step.number} {step.name}: {step.status} {step.code}, exit {code}"


def watched(kept: bytes, vkey: str, log: Path) -> str:
    """A monitor, from files alone: return why what is published does not extend the checkpoint kept."""
    old, new = (open_checkpoint(note, [vkey]) for note in (kept, (log / "checkpoint").read_bytes()))
    if new.size < old.size:
        return "size falls"
    leaves = parse_entry_bundle((log / entries_path(0, new.size)).read_bytes(), new.size)
    assert (log / tile_path(0, 0, new.size)).read_bytes() == b"".join(map(hash_leaf, leaves))
    history = History(leaves)
    assert history.root() == new.root
    if old.size == new.size:
        return "" if old.root == new.root else "two roots for one size"
    try:
        verify_consistency(old.size, new.size, history.growth(old.size), old.root, new.root)
    except VerificationError as error:
        return f"{error.step}: {error.reason}"
    return ""


def against_chain_and_witness(scene: Scene, history: History) -> list[Catch]:
    """Have both judge a history that is one leaf longer than what they know."""
    longer, crook = History([*history.leaves, FILLER]), scene.crook
    call = crook.anchor_call(scene.place, longer, scene.anchored)
    status, code = ask_witness(scene.witness, longer, crook.sign(longer), scene.crook.history.size)
    return [
        Catch(CONTRACT, ANCHOR_CALL, revert_name(scene.client, scene.place.contract, call)),
        Catch(WITNESS, "the request to cosign", f"{status} {code}"),
    ]  # fmt: skip


def rewrite_an_entry(scene: Scene) -> list[Catch]:
    """An old entry is changed: first its row alone, then everything that follows from it."""
    history, _ = rewriting(scene)
    crook = scene.crook.copy(scene.folder / "rewritten")
    row_only = scene.crook.copy(scene.folder / "row")
    record = rewrite(row_only.record(scene.purchase), cheaper)
    row_only.sql(("UPDATE entries SET body = ? WHERE log_index = ?", (record.body, record.index)))
    said = subprocess.run(
        [TONGYI, "fsck", "--data", str(row_only.data)], capture_output=True, text=True, check=False
    )
    fault = "its leaf does not commit to it"
    assert said.returncode == 1 and fault in said.stdout + said.stderr
    crook.sql(
        (
            "UPDATE entries SET body = ?, leaf_data = ? WHERE log_index = ?",
            (record.body, record.leaf, record.index),
        )
    )
    crook.publish(history)
    kept = (scene.kept / "checkpoint").read_bytes()
    true = scene.kept / "purchase.json"
    size = parse_bundle(true.read_bytes()).log.size
    # In the place of the true record, under a true anchor.
    part = History(history.leaves[:size])
    bundle = forge_bundle(true.read_bytes(), record, part, crook.sign(part))
    forged = write_bundle(scene.folder / "rewritten.json", bundle)
    assert scene.verify(true)["exit"] == 0
    assert scene.verify(scene.kept / "cosigned.json", WITNESSED)["exit"] == 0
    return [
        Catch("tongyi fsck", "the database", fault),
        Catch(START, "the database, rewritten whole", scene.restart(crook).partition("(")[0]),
        Catch("tongyi verify", "the forged bundle", judged(scene, forged)),
        *against_chain_and_witness(scene, history),
        Catch(MONITOR, KEPT_CHECKPOINT, watched(kept, crook.identity.vkey, crook.data / "log")),
    ]


def split_view(scene: Scene) -> list[Catch]:
    """Somebody is shown another history of the very same size, signed with the log's own key."""
    crook, true = scene.crook, scene.crook.history
    record = rewrite(crook.record(scene.purchase), cheaper)
    other = true.with_leaf(record.index, record.leaf)
    note = crook.sign(other)
    folder = scene.folder / "shown to one"
    write_log(folder, other, note)
    published = (scene.kept / "log" / "checkpoint").read_bytes()
    bundle = forge_bundle((scene.kept / "purchase.json").read_bytes(), record, other, note)
    alone = replace(bundle, chain=None, anchor=None, outcome=None, state=None)
    shown = write_bundle(scene.folder / "shown.json", alone)
    call = crook.anchor_call(scene.place, History([*other.leaves]), 1)
    status, code = ask_witness(scene.witness, other, note, other.size)
    evidence = scene.witness.get(f"/witness/{crook.identity.log_id.hex()}/evidence").json()["evidence"]
    assert [pair["refused"].encode() for pair in evidence if pair["size"] == other.size] == [note]
    assert scene.verify(shown)["outcome"] == "pending"
    return [
        Catch(MONITOR, "two checkpoints side by side", watched(published, crook.identity.vkey, folder)),
        Catch(WITNESS, "the request to cosign", f"{status} {code}"),
        Catch(WITNESS, "its evidence: both checkpoints, signed", "/witness/{origin}/evidence"),
        Catch(CONTRACT, ANCHOR_CALL, revert_name(scene.client, scene.place.contract, call)),
        Catch("tongyi verify", "the bundle shown, by a root with a witness", judged(scene, shown, WITNESSED)),
        Catch(NOBODY, "the bundle shown, alone, by a root without witness", "pending: not anchored"),
    ]  # fmt: skip


def withhold_an_entry(scene: Scene) -> list[Catch]:
    """A receipt was given; the published log has something else at that index."""
    crook = scene.crook
    receipt = parse_receipt(json.loads((scene.kept / "receipt.json").read_text()))
    verify_receipt(receipt, crook.identity.vkey)
    other = crook.history.with_leaf(receipt.index, FILLER)
    folder = scene.folder / "withheld"
    write_log(folder, other, crook.sign(other))
    shown = open_checkpoint((folder / "checkpoint").read_bytes(), [crook.identity.vkey])
    leaves = parse_entry_bundle((folder / entries_path(0, shown.size)).read_bytes(), shown.size)
    path = History(leaves).path(receipt.index)
    try:
        verify_inclusion(receipt.index, shown.size, receipt.leaf_hash, path, shown.root)
    except VerificationError as error:
        found = f"{error.step}: {error.reason}"
    return [
        Catch(MEMBER, "the receipt, against the published tile", found),
        *against_chain_and_witness(scene, other),
        Catch(NOBODY, "the receipt, before a checkpoint reaches its index", "no promise is broken yet"),
    ]


def backdate_an_entry(scene: Scene) -> list[Catch]:
    """An entry carries a time years before it was recorded, and is anchored like any other."""
    said = scene.verify(scene.kept / "backdated.json")
    facts = said["facts"]
    assert said["exit"] == 0 and facts["recorded_at"].startswith("2020-01-01")
    assert facts["block_time"] > 1_700_000_000
    times = [record.at for record in scene.crook.records()]
    falls = [index for index in range(1, len(times)) if times[index] < times[index - 1]]
    assert falls == [scene.crook.record(scene.backdated).index]
    return [
        Catch("tongyi verify", BUNDLE, "facts: block_time is the time proved, recorded_at a claim"),
        Catch("regulator", "the entries in order", "at falls below the entry before"),
        Catch(NOBODY, BUNDLE + ", alone", "a time too early by less than the anchor's delay"),
    ]


def reset_the_log(scene: Scene) -> list[Catch]:
    """The database and tiles are gone; the log begins anew under its name and key."""
    crook = scene.crook.copy(scene.folder / "reset")
    for path in crook.data.glob("gateway.sqlite3*"):
        path.unlink()
    for path in sorted((crook.data / "log").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    new = History([FILLER] * (scene.crook.history.size + 3))
    hq, contract = scene.crook.keys.signer("hq").address, scene.place.contract
    signers = [signer.address for signer in scene.crook.anchor_signers]
    again = encode_register_log(crook.identity.log_id, new.root(1), 1_000_000, signers, 2)
    folder = scene.folder / "reset log"
    write_log(folder, new, scene.crook.sign(new))
    kept = (scene.kept / "checkpoint").read_bytes()
    return [
        Catch(START, "an empty database with the old keys", scene.restart(crook).partition("(")[0]),
        Catch(CONTRACT, "registerLog, by HQ's stolen key", revert_name(scene.client, contract, again, hq)),
        *against_chain_and_witness(scene, new),
        Catch(MONITOR, KEPT_CHECKPOINT, watched(kept, scene.crook.identity.vkey, folder)),
    ]


def restore_an_old_backup(scene: Scene) -> list[Catch]:
    """SQL, tiles and keys as they were before the last entries."""
    crook = scene.backup.copy(scene.folder / "restored")
    size, note = crook.history.size, crook.sign(crook.history)
    answer = scene.witness.post(format_request(size, (), note))
    assert answer.text.strip() == str(scene.crook.history.size)
    longer = History([*crook.history.leaves, FILLER, FILLER, FILLER, FILLER])
    newest = (scene.kept / "log" / "checkpoint").read_bytes()
    return [
        Catch(START, "the restored database", scene.restart(crook).partition("(")[0]),
        Catch(WITNESS, "the request to cosign", f"{answer.status_code} {answer.headers['content-type']}"),
        Catch(CONTRACT, ANCHOR_CALL, against_chain_and_witness(scene, longer)[0].how),
        Catch(MONITOR, KEPT_CHECKPOINT, watched(newest, crook.identity.vkey, crook.data / "log")),
    ]  # fmt: skip


def forge_a_seal(scene: Scene) -> list[Catch]:
    """Four validators must seal; the crook has the key of one, and makes blocks that anchor the rewriting."""
    history, forged = rewriting(scene)
    rows = []
    # The forgery is whole but for the seals: with those of all validators it passes.
    all_of_them = write_bundle(scene.folder / "all.json", reseal(forged, scene, history, EVERYBODY))
    assert scene.verify(all_of_them, SEALED)["exit"] == 0
    for how in ("own key, one block", "own key, three blocks", "made-up keys", "seals of other blocks"):
        file = write_bundle(scene.folder / f"{how}.json", reseal(forged, scene, history, how))
        rows.append(
            Catch("tongyi verify", f"a bundle with forged blocks: {how}", judged(scene, file, SEALED))
        )
    rows.append(
        Catch(NOBODY, "a bundle with forged blocks: seals of most validators", "pass: sealed by 3 of 4")
    )
    return rows


def rewriting(scene: Scene) -> tuple[History, Bundle]:
    """Return the whole history in which the purchase always was another, and the bundle that claims so."""
    crook = scene.crook
    record = rewrite(crook.record(scene.purchase), cheaper)
    history = crook.history.with_leaf(record.index, record.leaf)
    true = (scene.kept / "purchase.json").read_bytes()
    return history, forge_bundle(true, record, history, crook.sign(history))


def anchor_on_another_chain(scene: Scene) -> list[Catch]:
    """The rewriting is anchored, by the same contracts at the same addresses, on the crook's chain."""
    crook, rows = scene.crook, []
    history, forged = rewriting(scene)
    depth = scene.trust_root(DEVELOPMENT).required.depth
    own = crook.deployment.chain_id
    for name, chain_id, lies in (
        ("another chain id", own + 1, False),
        ("the same chain id", own, False),
        ("the same chain id and salt", own, True),
    ):
        folder = scene.folder / name
        with LocalChain(folder, block_time=0.2, chain_id=chain_id) as chain:
            with closing(LyingClient(chain.url) if lies else EvmClient(chain.url)) as client:
                if isinstance(client, LyingClient):
                    client.true_genesis = crook.deployment.genesis_hash
                place, bundle = anchor_elsewhere(client, crook, forged, history, folder / "progress", depth)
        rows.append((f"a bundle anchored under {name}", write_bundle(folder / "forged.json", bundle), place))
    longer = History([*crook.history.leaves, FILLER])
    contract, size = scene.place.contract, scene.anchored
    refused = [
        revert_name(scene.client, contract, crook.anchor_call(place, longer, size))
        for _, _, place in rows[:2]
    ]
    (other, other_file, _), (same, same_file, _), (copied, copied_file, _) = rows
    assert scene.verify(copied_file)["exit"] == 0
    return [
        Catch("tongyi verify", other, judged(scene, other_file)),
        Catch("tongyi verify", same, judged(scene, same_file)),
        Catch("tongyi verify", f"{copied}, by a root with a witness", judged(scene, copied_file, WITNESSED)),
        Catch("tongyi verify", f"{copied}, by a root with validators", judged(scene, copied_file, SEALED)),
        Catch(CONTRACT, "anchor signatures made for another chain id", refused[0]),
        Catch(CONTRACT, "anchor signatures made for another genesis block", refused[1]),
        Catch(NOBODY, f"{copied}, by the development root", "pass: nobody independent sealed or saw it"),
    ]


ATTACKS: dict[str, Callable[[Scene], list[Catch]]] = {
    "rewrite of an old entry": rewrite_an_entry,
    "split view": split_view,
    "withheld entry": withhold_an_entry,
    "backdated entry": backdate_an_entry,
    "reset log": reset_the_log,
    "restored old backup": restore_an_old_backup,
    "forged seal": forge_a_seal,
    "anchor on another chain": anchor_on_another_chain,
}
