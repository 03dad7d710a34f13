"""Keystore files and environment keys."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from eth_account import Account

from chain.errors import FormatError
from chain.evm.recursion import RECURSION_LIMIT
from chain.evm.signers.base import LocalKey
from chain.evm.signers.environment import load_environment_key
from chain.evm.signers.keystore import load_keystore, read_password, save_keystore
from chain.hashing import keccak256

SECRET = keccak256(b"keystore test")
PASSWORD = b"correct horse"


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A keystore file with the test key."""
    path = tmp_path_factory.mktemp("keys") / "operator.json"
    save_keystore(path, SECRET, PASSWORD)
    return path


def test_keystore_round_trip_is_private_encrypted_and_keeps_the_recursion_limit(keystore: Path) -> None:
    key = load_keystore(keystore, PASSWORD)
    assert key.address == LocalKey(SECRET).address
    assert key.sign_digest(bytes(32)) == LocalKey(SECRET).sign_digest(bytes(32))
    assert keystore.stat().st_mode & 0o777 == 0o600
    content = keystore.read_text()
    assert SECRET.hex() not in content
    assert json.loads(content)["version"] == 3 and json.loads(content)["crypto"]["kdf"] == "scrypt"
    assert sys.getrecursionlimit() == RECURSION_LIMIT


def test_keystore_is_one_that_other_tools_open_and_the_reverse(keystore: Path, tmp_path: Path) -> None:
    assert bytes(Account.decrypt(keystore.read_text(), PASSWORD.decode())) == SECRET
    foreign = tmp_path / "foreign.json"
    foreign.write_text(json.dumps(Account.encrypt(SECRET, PASSWORD.decode(), kdf="pbkdf2", iterations=1000)))
    assert load_keystore(foreign, PASSWORD).address == LocalKey(SECRET).address


def test_existing_keystore_is_never_overwritten(keystore: Path) -> None:
    before = keystore.read_bytes()
    with pytest.raises(FormatError) as error:
        save_keystore(keystore, keccak256(b"another"), PASSWORD)
    assert (error.value.where, error.value.reason) == ("operator.json", "exists already")
    assert keystore.read_bytes() == before


def test_wrong_password_or_file_is_refused_without_a_word_of_its_content(
    keystore: Path, tmp_path: Path
) -> None:
    with pytest.raises(FormatError) as error:
        load_keystore(keystore, b"wrong")
    assert error.value.reason == "is no keystore that this password opens"
    assert error.value.__cause__ is None and error.value.__suppress_context__
    bad = tmp_path / "bad.json"
    for content in (b"", b"{}", b"[]", b"[" * 100_000, b'{"version": 3, "crypto": {}}', b"\xff"):
        bad.write_bytes(content)
        with pytest.raises(FormatError):
            load_keystore(bad, PASSWORD)


def test_keystore_that_names_another_address_is_refused(keystore: Path, tmp_path: Path) -> None:
    other = json.loads(keystore.read_text()) | {"address": "11" * 20}
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other))
    with pytest.raises(FormatError) as error:
        load_keystore(path, PASSWORD)
    assert error.value.reason == "names another address than that of its key"


def test_password_file_is_one_private_line(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(b"secret line\nnot this\n")
    path.chmod(0o600)
    assert read_password(path) == b"secret line"
    path.chmod(0o640)
    with pytest.raises(FormatError) as error:
        read_password(path)
    assert error.value.reason == "may be read by others than its owner"
    path.write_bytes(b"\n")
    path.chmod(0o600)
    with pytest.raises(FormatError) as error:
        read_password(path)
    assert error.value.reason == "holds no password"


@pytest.mark.parametrize("text", [SECRET.hex(), "0x" + SECRET.hex(), f" {SECRET.hex()}\n"])
def test_environment_key_is_taken_out_of_the_environment(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_KEY", text)
    assert load_environment_key("OPERATOR_KEY", os.environ).address == LocalKey(SECRET).address
    assert "OPERATOR_KEY" not in os.environ


def test_bad_environment_key_is_refused_without_its_value() -> None:
    for text in ("", "zz" * 32, SECRET.hex()[:-2], "00" * 32, SECRET.hex() * 2):
        with pytest.raises(FormatError) as error:
            load_environment_key("OPERATOR_KEY", {"OPERATOR_KEY": text})
        assert error.value.where == "OPERATOR_KEY"
        assert not text or text not in str(error.value)
        assert error.value.__cause__ is None and error.value.__suppress_context__
    with pytest.raises(FormatError) as error:
        load_environment_key("OPERATOR_KEY", {})
    assert error.value.reason == "is not set"
