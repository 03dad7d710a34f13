"""The policy a gateway starts under: what is taken, and what is refused before anything else is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.checkpoint import KeyKind, format_vkey
from chain.errors import FormatError
from gateway.witness.setup import build_collector, read_policy
from tests.unit.gateway.witness.logs import OTHER_VKEY, VKEY, WITNESS, WITNESS_VKEY

URL = "https://w.example/witness"
SAME_NAME = format_vkey(
    WITNESS, Ed25519PrivateKey.from_private_bytes(b"\6" * 32).public_key(), KeyKind.COSIGNER
)


def test_none_is_none() -> None:
    assert read_policy(None, VKEY) is None and build_collector(None) is None


@pytest.mark.parametrize("logs", ["", f"log {VKEY}\n", f"log {OTHER_VKEY}\nlog {VKEY}\n"])
def test_a_policy_is_taken(tmp_path: Path, logs: str) -> None:
    (tmp_path / "policy").write_text(f"{logs}witness w {WITNESS_VKEY} {URL}\nquorum w\n")
    policy = read_policy(tmp_path / "policy", VKEY)
    assert policy is not None and [one.url for one in policy.witnesses] == [URL]
    collector = build_collector(policy)
    assert collector is not None
    collector.stop()


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        (f"witness w {WITNESS_VKEY} {URL}\nquorum v\n", "policy line 2", "the quorum's name is not defined"),
        (f"log {OTHER_VKEY}\nquorum none\n", "policy", "lists logs, and not this one by its key"),
        (
            f"witness w {WITNESS_VKEY}\nquorum w\n",
            f"policy: witness {WITNESS}",
            "has no http or https URL to ask at",
        ),
        (
            f"witness w {WITNESS_VKEY} file:///etc/passwd\nquorum w\n",
            f"policy: witness {WITNESS}",
            "has no http or https URL to ask at",
        ),
        (
            f"witness w {WITNESS_VKEY} {URL}\nwitness v {SAME_NAME} {URL}\nquorum w\n",
            "policy",
            "two witnesses' keys have one name",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, where: str, reason: str) -> None:
    (tmp_path / "policy").write_text(text)
    with pytest.raises(FormatError) as refused:
        read_policy(tmp_path / "policy", VKEY)
    assert refused.value.where == where and refused.value.reason.startswith(reason)


def test_a_file_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as refused:
        read_policy(tmp_path / "none", VKEY)
    assert (refused.value.where, refused.value.reason) == (
        "TONGYI_WITNESS_POLICY",
        "cannot be read: No such file or directory",
    )
