"""The vault: durable keys, sealing per entry and account, destruction."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from chain.errors import VerificationError
from gateway.ledger.vault import Vault

A, B = b"\x01" * 20, b"\x02" * 20
ENTRY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
NONCE = b"\x03" * 12


def test_sealed_bytes_open_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "vault.sqlite3"
    vault = Vault(path, os.urandom)
    vault.ensure_keys([A, B, A])
    sealed = vault.seal(A, ENTRY, b"secret", NONCE)
    vault.close()
    assert path.stat().st_mode & 0o777 == 0o600
    again = Vault(path, os.urandom)
    again.ensure_keys([A])
    assert again.open(A, ENTRY, sealed) == b"secret"
    assert b"secret" not in sealed
    again.close()


def test_record_key_is_hkdf_expand_of_the_subject_key(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "v.sqlite3", lambda size: b"\x09" * size)
    vault.ensure_keys([A])
    info = b"tongyi disclosure v1\x00" + ENTRY.encode()
    key = HKDFExpand(hashes.SHA256(), 32, info).derive(b"\x09" * 32)
    expected = NONCE + AESGCM(key).encrypt(NONCE, b"secret", ENTRY.encode())
    assert vault.seal(A, ENTRY, b"secret", NONCE) == expected


def test_keys_differ_by_account_and_entry(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "v.sqlite3", os.urandom)
    vault.ensure_keys([A, B])
    sealed = vault.seal(A, ENTRY, b"secret", NONCE)
    for account, entry, changed in (
        (B, ENTRY, sealed),
        (A, ENTRY[:-1] + "W", sealed),
        (A, ENTRY, sealed[:-1] + b"x"),
    ):
        with pytest.raises(VerificationError) as caught:
            vault.open(account, entry, changed)
        assert caught.value.step == "disclosures"


def test_destroyed_key_is_gone_for_good(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite3"
    vault = Vault(path, os.urandom)
    vault.ensure_keys([A])
    sealed = vault.seal(A, ENTRY, b"secret", NONCE)
    vault.destroy(A)
    assert vault.open(A, ENTRY, sealed) is None
    with pytest.raises(VerificationError) as caught:
        vault.seal(A, ENTRY, b"secret", NONCE)
    assert caught.value.step == "vault"
    vault.close()
    again = Vault(path, os.urandom)
    again.ensure_keys([A])
    with pytest.raises(VerificationError):
        again.open(A, ENTRY, sealed)
