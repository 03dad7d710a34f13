"""``tongyi serve`` with keys outside of its folder: one with a signing service, one from the environment."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from chain.evm.client import EvmClient
from chain.evm.signers.base import LocalKey
from tests.integration.serving import Serving
from tests.integration.signer_kit import running_signer

TONGYI = str(Path(sys.executable).parent / "tongyi")


def run_cli(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TONGYI, *arguments], env=dict(environment), capture_output=True, text=True, timeout=60, check=False
    )


def list_children(pid: int) -> list[str]:
    """Process ids of the children of all threads of a process."""
    return [
        child for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()
    ]


def test_operation_settles_with_a_remote_operator_and_an_issuer_from_the_environment(tmp_path: Path) -> None:
    operator, issuer = secrets.token_bytes(32), secrets.token_bytes(32)
    addresses = {"operator": LocalKey(operator).address, "issuer": LocalKey(issuer).address}
    with running_signer(operator) as url:
        remote = f"operator=remote:{url}/honest#0x{addresses['operator'].hex()}"
        environment = {"TONGYI_SIGNERS": f"{remote}, issuer=env:ISSUER_KEY", "ISSUER_KEY": issuer.hex()}
        data = tmp_path / "data"
        gateway = Serving(data, environment=environment).start()
        try:
            # The quota is the issuer's call; registration, anchor and window are the operator's.
            chapter = "3105-0001"
            pool = gateway.open_chapter(chapter)
            member = gateway.join(chapter)
            operation = {"kind": "transfer", "from": pool, "to": member, "amount": "700"}
            entry = gateway.made(
                "/v1/entries", {"type": "credit.transferred", "chapter": chapter, "op": operation}
            )
            assert gateway.wait_state(entry["id"], "final")["outcome"]["moved"] == "700"
            client = EvmClient(gateway.ready["rpc"])
            assert all(client.transaction_count(address) > 0 for address in addresses.values())
            client.close()
            assert not {"operator.json", "issuer.json"} & {path.name for path in (data / "keys").iterdir()}
            assert gateway.process is not None
            children = list_children(gateway.process.pid)
            assert children
            for child in children:
                assert issuer.hex().encode() not in Path(f"/proc/{child}/environ").read_bytes()
            assert issuer.hex() not in gateway.log()

            listed = run_cli(environment, "keys", "signers", "--data", str(data), "--json")
            rows = {row["role"]: (row["kind"], row["address"]) for row in json.loads(listed.stdout)}
            assert rows["operator"] == ("remote", "0x" + addresses["operator"].hex())
            assert rows["issuer"] == ("environment", "0x" + addresses["issuer"].hex())
            assert rows["hq"][0] == "keystore"
            assert rows["hq"][1] is not None
        finally:
            assert gateway.stop() == 0
        stranger = {"TONGYI_SIGNERS": f"{remote} issuer=env:ISSUER_KEY", "ISSUER_KEY": secrets.token_hex(32)}
        address = LocalKey(bytes.fromhex(stranger["ISSUER_KEY"])).address.hex()
        refused = run_cli(stranger, "serve", "--data", str(data))
        assert refused.returncode == 4
        assert f"signer of issuer: 0x{address} does not have this role on chain" in refused.stderr
        other = {"TONGYI_SIGNERS": f"operator=remote:{url}/honest#0x{'44' * 20}"}
        refused = run_cli(other, "serve", "--data", str(data))
        assert refused.returncode == 4
        assert "signer of operator:" in refused.stderr
        assert f"does not hold 0x{'44' * 20}" in refused.stderr


@pytest.mark.parametrize(
    ("setting", "code", "said"),
    [
        ("hq=env:NO_SUCH_KEY", 4, "signer of hq: NO_SUCH_KEY: is not set"),
        ("witness=remote:http://127.0.0.1:{port}#0x" + "55" * 20, 4, "signer of witness: eth1/publicKeys:"),
        ("regulator=keystore", 2, "regulator: is neither env:NAME nor remote:URL#0xaddress"),
        ("treasurer=env:KEY", 2, "names a role that is none of deployer, hq"),
    ],
)
def test_signer_that_cannot_be_used_ends_the_start_naming_its_role(
    setting: str, code: int, said: str, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        environment = {"TONGYI_SIGNERS": setting.replace("{port}", str(taken.getsockname()[1]))}
        refused = run_cli(environment, "serve", "--data", str(tmp_path / "data"))
    assert refused.returncode == code
    assert said in refused.stderr
    assert not (tmp_path / "data" / "chain").exists()
