"""The key folder: what is in its files, what it reads, and where keys are that it does not hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.errors import FatalChainError, FormatError
from chain.evm.signers.base import LocalKey
from gateway.command_failures import describe_failure
from gateway.keys import ROLES, KeyFolder
from gateway.signer_places import OutsideSigners, SignerPlace, parse_places

SECRET = bytes(range(1, 33))
ADDRESS = LocalKey(SECRET).address


def test_log_key_is_sealed_and_read_back(tmp_path: Path) -> None:
    made = KeyFolder(tmp_path).log_identity("example.org/log")
    again = KeyFolder(tmp_path).log_identity("example.org/log")
    assert (again.origin, again.key.private_bytes_raw()) == ("example.org/log", made.key.private_bytes_raw())
    content = (tmp_path / "log.json").read_text()
    assert made.key.private_bytes_raw().hex() not in content
    assert set(json.loads(content)) == {"origin", "salt", "nonce", "sealed"}
    assert (tmp_path / "log.json").stat().st_mode & 0o777 == 0o600


def test_log_key_of_the_old_form_is_read_and_sealed(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"secret\n")
    (tmp_path / "password").chmod(0o600)
    (tmp_path / "log.json").write_text(json.dumps({"origin": "example.org/old", "seed": SECRET.hex()}))
    vkey = KeyFolder(tmp_path).log_identity(None).vkey
    assert SECRET.hex() not in (tmp_path / "log.json").read_text()
    identity = KeyFolder(tmp_path).log_identity(None)
    assert identity.vkey == vkey
    assert (
        identity.key.private_bytes_raw() == Ed25519PrivateKey.from_private_bytes(SECRET).private_bytes_raw()
    )


@pytest.mark.parametrize("field", ["origin", "salt", "nonce", "sealed"])
def test_changed_log_key_is_refused(field: str, tmp_path: Path) -> None:
    KeyFolder(tmp_path).log_identity("example.org/log")
    path = tmp_path / "log.json"
    record = json.loads(path.read_text())
    last = record[field][-1]
    record[field] = record[field][:-1] + ("0" if last != "0" else "1")
    path.write_text(json.dumps(record))
    with pytest.raises(FormatError) as refused:
        KeyFolder(tmp_path).log_identity(None)
    assert (refused.value.where, refused.value.reason) == (
        "log.json",
        "is no log key that this password opens",
    )


def test_lost_password_is_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    KeyFolder(tmp_path).log_identity("example.org/log")
    (tmp_path / "password").unlink()
    with pytest.raises(FormatError, match="is missing, and the keys beside it are sealed with it"):
        KeyFolder(tmp_path).log_identity(None)
    assert not (tmp_path / "password").exists()


def test_other_origin_is_refused(tmp_path: Path) -> None:
    KeyFolder(tmp_path).log_identity("example.org/log")
    with pytest.raises(FormatError, match="is not the one this log was made with"):
        KeyFolder(tmp_path).log_identity("example.org/other")


def test_places_are_read_by_role() -> None:
    text = (
        f"hq=env:HQ_KEY, issuer=remote:http://127.0.0.1:9000/#0x{ADDRESS.hex()}\nfreezer=env:F#0x" + "Ab" * 20
    )
    assert parse_places(text, ROLES) == {
        "hq": SignerPlace("environment", "HQ_KEY", None),
        "issuer": SignerPlace("remote", "http://127.0.0.1:9000", ADDRESS),
        "freezer": SignerPlace("environment", "F", b"\xab" * 20),
    }
    assert parse_places("  ", ROLES) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://u:hunter2@kms.example/=x", f"names a role that is none of {', '.join(ROLES)}"),
        ("treasurer=env:KEY", f"names a role that is none of {', '.join(ROLES)}"),
        ("hq=env:A hq=env:B", "names hq twice"),
        ("hq", "hq: is neither env:NAME nor remote:URL#0xaddress"),
        ("hq=env:", "hq: is neither env:NAME nor remote:URL#0xaddress"),
        ("hq=env:A-B", "hq: is neither env:NAME nor remote:URL#0xaddress"),
        ("hq=remote:ftp://x#0x" + "11" * 20, "hq: is neither env:NAME nor remote:URL#0xaddress"),
        ("hq=remote:http://user:pass@x", "hq: a remote place ends with #0x and the key's address"),
        ("hq=env:A#0x11", "hq: what follows # is no address"),
    ],
)
def test_place_of_another_form_is_refused_without_showing_it(text: str, reason: str) -> None:
    with pytest.raises(FormatError) as refused:
        parse_places(text, ROLES)
    assert (refused.value.where, refused.value.reason) == ("TONGYI_SIGNERS", reason)


CANARY = "c0ffee" * 10 + "beef"
"""64 hex digits that begin like a variable's name, as a private key may."""


@pytest.mark.parametrize("spelled", [CANARY, CANARY.upper(), "0x" + CANARY, "1" + CANARY[1:], CANARY[:40]])
@pytest.mark.parametrize("tail", ["", "#0x" + "11" * 20, " issuer=env:A"])
def test_a_key_in_place_of_its_variables_name_is_never_shown(spelled: str, tail: str) -> None:
    with pytest.raises(FormatError) as refused:
        OutsideSigners(parse_places(f"hq=env:{spelled}{tail}", ROLES), {}).open("hq")
    failure = describe_failure(refused.value)
    said = f"{refused.value!r} {refused.value} {failure}".lower()
    assert CANARY[1:12] not in said
    assert refused.value.where == "TONGYI_SIGNERS" and "hq：" in failure.zh and "hq: " in failure.en


def test_environment_keys_are_taken_at_once_and_never_written(tmp_path: Path) -> None:
    environment = {"HQ_KEY": SECRET.hex(), "OTHER": "stays"}
    folder = KeyFolder(tmp_path, outside=OutsideSigners(parse_places("hq=env:HQ_KEY", ROLES), environment))
    assert environment == {"OTHER": "stays"}
    assert folder.signer("hq").address == ADDRESS
    assert list(tmp_path.iterdir()) == []
    rows = {row.role: (row.kind, row.address) for row in folder.list_roles()}
    assert rows["hq"] == ("environment", "0x" + ADDRESS.hex())
    assert rows["issuer"] == ("keystore", None)
    issuer = folder.signer("issuer")
    assert folder.list_roles()[ROLES.index("issuer")].address == "0x" + issuer.address.hex()


def test_environment_key_of_another_address_is_refused_by_its_role() -> None:
    places = parse_places("hq=env:HQ_KEY#0x" + "11" * 20, ROLES)
    with pytest.raises(FatalChainError) as refused:
        OutsideSigners(places, {"HQ_KEY": SECRET.hex()}).open_all()
    assert str(refused.value).startswith("signer of hq: HQ_KEY: holds the key of 0x" + ADDRESS.hex())
    assert SECRET.hex() not in str(refused.value)
