"""A real gateway on a real node, watched by a real witness, and the files that people keep from it.

The node outlives the gateway, so that its operator can come back with other data.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chain.canonical import JsonValue
from chain.evidence.bundle import format_bundle, parse_bundle
from chain.evm.client import EvmClient
from chain.evm.local import LocalChain
from chain.trust_root import (
    Requirements,
    TrustRoot,
    Witness,
    format_trust_root,
    parse_trust_root,
    trust_root_id,
)
from chain.typed_data import Place
from gateway.outbox.credit_views import load_anchored
from gateway.witness.requests import format_request
from tests.integration.serving import Serving
from tests.integration.witnesses_kit import Witnessing
from tests.malicious.crook import Crook, History, rewrite

CHAPTER = "3101-0007"
WITNESS = "witness.example/regulator"
TONGYI = str(Path(sys.executable).parent / "tongyi")
BACKDATED = "2020-01-01T00:00:00.000Z"

DEVELOPMENT, WITNESSED, SEALED = "development.json", "witnessed.json", "sealed.json"
"""Trust roots: the one the gateway made; one that also wants the regulator's cosignature; one of a chain
that four validators seal."""


@dataclass
class Scene:
    """Everything after the fact: the gateway is stopped, node and witness run.

    ``kept`` is what members, monitor and regulator have on their own disks. ``purchase`` is the entry that
    is attacked, ``late`` one recorded after the backup, ``backdated`` one whose time is a lie.
    """

    folder: Path
    client: EvmClient
    rpc: str
    crook: Crook
    backup: Crook
    witness: Witnessing
    kept: Path
    purchase: str
    late: str
    backdated: str

    @property
    def place(self) -> Place:
        deployment = self.crook.deployment
        return Place(deployment.chain_id, deployment.genesis_hash, deployment.address("LogAnchor"))

    @property
    def anchored(self) -> int:
        return int(load_anchored(self.client, self.place.contract, self.crook.identity.log_id).size)

    def trust_root(self, name: str) -> TrustRoot:
        return parse_trust_root((self.kept / name).read_bytes())

    def verify(self, file: Path, root: str = DEVELOPMENT) -> dict[str, Any]:
        """Return what ``tongyi verify`` prints as JSON, with its exit code."""
        command = [TONGYI, "verify", str(file), "--trust-root", str(self.kept / root), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said: dict[str, Any] = json.loads(done.stdout)
        return said | {"exit": done.returncode}

    def restart(self, crook: Crook) -> str:
        """Start a gateway on this folder against the same node; return why it takes no record."""
        serving = Serving(crook.data, ("--chain-url", self.rpc)).start()
        try:
            refused = serving.post("/v1/chapters", {"code": "3101-0099"})
            assert refused.status_code == 503, refused.text
            return str(refused.json()["reason"])
        finally:
            assert serving.stop() == 0


def ask_witness(witness: Witnessing, history: History, note: bytes, old: int) -> tuple[int, str]:
    """Return status and code of a request to cosign, as the log would make it."""
    answer = witness.post(format_request(old, history.growth(old) if old else (), note))
    return answer.status_code, answer.headers.get("x-tongyi-code", answer.text.strip())


def _purchase(serving: Serving, member: str, amount: str) -> dict[str, Any]:
    body = {"type": "purchase.recorded", "chapter": CHAPTER, "actor": member, "subjects": [member]}
    said = {"amount": amount, "currency": "CNY", "receipt": secrets.token_hex(32)}
    return serving.made("/v1/entries", body | {"public": said})


def _backdate(crook: Crook, template: str) -> str:
    """Append an entry in the name of the template's member, dated years ago, past the gateway."""
    last, size = crook.record(template), crook.history.size
    entry_id = "01DXEXAMP0" + last.entry_id[10:]

    def lie(entry: dict[str, JsonValue]) -> None:
        ((account, link),) = entry["subjects"].items()  # type: ignore[union-attr]
        before = crook.history.tree.node(0, last.index).hex()
        entry["subjects"] = {account: {"seq": link["seq"] + 1, "prev": before}}  # type: ignore[index, call-overload, operator]
        entry.update(id=entry_id, at=BACKDATED)

    made = rewrite(last, lie)
    crook.sql(
        (
            "INSERT INTO entries (log_index, entry_id, chapter, type, at, salt, body, leaf_data) "
            "SELECT ?, ?, chapter, type, ?, salt, ?, ? FROM entries WHERE log_index = ?",
            (size, entry_id, BACKDATED, made.body, made.leaf, last.index),
        ),
        (
            "INSERT INTO account_entries (account, seq, log_index) "
            "SELECT account, seq + 1, ? FROM account_entries WHERE log_index = ?",
            (size, last.index),
        ),
        ("UPDATE log_heads SET next_index = ?, at = ?", (size + 1, BACKDATED)),
    )
    return entry_id


def _keep_roots(kept: Path, data: Path, witness: Witnessing) -> None:
    root = parse_trust_root((data / "trust_root.json").read_bytes())
    (kept / DEVELOPMENT).write_bytes(format_trust_root(root))
    seen = Witness(WITNESS, witness.vkey, "the regulator", True, 0, None)
    required = Requirements(True, True, "none", root.required.depth, 1)
    strict = replace(
        root,
        name="regulator's root",
        replaces=(trust_root_id(root),),
        witnesses=(seen,),
        required=required,
    )
    (kept / WITNESSED).write_bytes(format_trust_root(strict))


def _cosign(scene: Scene) -> None:
    """Have the witness follow the log as it grew, and give the member's bundle its cosignature."""
    path, crook = scene.kept / "purchase.json", scene.crook
    bundle = parse_bundle(path.read_bytes())
    part = History(crook.history.leaves[: bundle.log.size])
    assert ask_witness(scene.witness, part, bundle.log.checkpoint.encode(), 0)[0] == 200
    held = scene.witness.checkpoint(crook.identity.origin)
    assert held is not None
    log = replace(bundle.log, checkpoint=held.decode())
    path.with_name("cosigned.json").write_bytes(format_bundle(replace(bundle, log=log)))
    (scene.kept / "checkpoint").write_bytes(held)
    newest = (crook.data / "log" / "checkpoint").read_bytes()
    assert ask_witness(scene.witness, crook.history, newest, bundle.log.size)[0] == 200


@contextmanager
def running_scene(folder: Path) -> Iterator[Scene]:
    """Play the honest part, then hand everything the operator owns to the crook."""
    kept, data = folder / "kept", folder / "data"
    kept.mkdir()
    with LocalChain(folder / "chain", block_time=0.4) as chain:
        serving = Serving(data, ("--chain-url", chain.url)).start()
        try:
            serving.made("/v1/chapters", {"code": CHAPTER})
            member = serving.join(CHAPTER)
            bought = _purchase(serving, member, "40000")
            (kept / "purchase.json").write_bytes(serving.proof(bought["id"]))
            vkey = serving.ready["vkey"]
        finally:
            assert serving.stop() == 0
        backup = Crook(data).copy(folder / "backup")
        serving.start()
        try:
            late = _purchase(serving, member, "7000")
            (kept / "receipt.json").write_text(json.dumps(late["receipt"]))
            serving.proof(late["id"])
        finally:
            assert serving.stop() == 0
        backdated = _backdate(Crook(data), late["id"])
        serving.start()
        try:
            (kept / "backdated.json").write_bytes(serving.proof(backdated))
        finally:
            assert serving.stop() == 0
        shutil.copytree(data / "log", kept / "log")
        witness = Witnessing(folder / "witness", ("--log", vkey, "--name", WITNESS)).start()
        try:
            _keep_roots(kept, data, witness)
            with closing(EvmClient(chain.url)) as client:
                scene = Scene(
                    folder, client, chain.url, Crook(data), backup, witness, kept,
                    bought["id"], late["id"], backdated,
                )  # fmt: skip
                _cosign(scene)
                yield scene
        finally:
            assert witness.stop() == 0
