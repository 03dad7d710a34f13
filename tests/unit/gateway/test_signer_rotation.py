"""Keys of roles and their followers in the folder, which role may be rotated, and how a refusal reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chain.entry_types import check_draft
from chain.errors import FormatError
from chain.operation import FieldError
from chain.types import Address
from gateway import signer_rotation_refusals
from gateway.command_failures import CommandFailure, describe_failure
from gateway.data_folder import DataFolder
from gateway.db import Database, migrate, sqlite_url
from gateway.keys import KeyFolder
from gateway.ledger.log_keys import SignerChange, last_signer_changes
from gateway.signer_rotation import check_role, run_rotate_signer
from gateway.signer_succession import NOT_NAMED, finish_signers

ADDRESS = "11" * 20


def change(role: str, old: bytes, new: bytes, index: int) -> SignerChange:
    return SignerChange(role, Address(old), Address(new), "", index)


def test_a_following_key_stays_the_same_until_it_takes_its_place(tmp_path: Path) -> None:
    keys = KeyFolder(tmp_path)
    old = keys.signer("issuer").address
    assert keys.following_address("issuer") is None
    new = keys.following_signer("issuer").address
    assert new != old and KeyFolder(tmp_path).following_signer("issuer").address == new
    assert (keys.following_address("issuer"), keys.stored_address("issuer")) == (new, old)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("issuer*")} == {0o600}
    keys.take_following_signer("issuer")
    # Also what this process had opened.
    assert keys.signer("issuer").address == new == KeyFolder(tmp_path).signer("issuer").address
    assert sorted(path.name for path in tmp_path.iterdir()) == ["issuer.json", "password"]


def test_a_following_key_cut_off_while_it_was_written_is_made_again(tmp_path: Path) -> None:
    keys = KeyFolder(tmp_path)
    (tmp_path / "issuer.next.part").write_bytes(b'{"addr')
    assert keys.following_signer("issuer").address == keys.following_address("issuer")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["issuer.next.json", "password"]


def test_a_dropped_key_is_gone(tmp_path: Path) -> None:
    keys = KeyFolder(tmp_path)
    keys.signer("issuer")
    keys.drop_signer("issuer")
    assert keys.stored_address("issuer") is None
    keys.drop_signer("issuer")


def test_the_last_rotation_of_each_role_counts() -> None:
    changes = [
        change("issuer", b"a", b"b", 4),
        change("hq", b"x", b"y", 5),
        change("issuer", b"b", b"c", 9),
    ]
    assert last_signer_changes(changes) == {"issuer": changes[2], "hq": changes[1]}


def test_without_a_rotation_nothing_of_the_folder_changes(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "gateway.sqlite3"), pool_size=1)
    keys = KeyFolder(tmp_path)
    old, new = keys.signer("issuer").address, keys.following_signer("issuer").address
    try:
        assert finish_signers(database, keys) == {}
        migrate(database)
        assert finish_signers(database, keys) == {}
    finally:
        database.close()
    # Perhaps the chain knows it by now.
    assert (keys.stored_address("issuer"), keys.following_address("issuer")) == (old, new)


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({}, None),
        ({"old_address": "0x" + ADDRESS}, "public.old_address"),
        ({"new_address": ADDRESS.upper().replace("1", "A")}, "public.new_address"),
        ({"signer": "the issuer"}, "public.signer"),
    ],
)
def test_the_entry_names_role_and_addresses(fields: dict[str, str], bad: str | None) -> None:
    public = {"role": "signer", "signer": "issuer", "reason": "custody"}
    public |= {"old_address": ADDRESS, "new_address": "22" * 20} | fields
    if bad is None:
        assert check_draft("key.rotated", public, None).name == "key.rotated"
        return
    with pytest.raises(FieldError) as refused:
        check_draft("key.rotated", public, None)
    assert refused.value.where == bad


def test_which_role_may_be_rotated_for_which_reason() -> None:
    check_role("hq", "compromised")
    check_role("deployer", "custody")
    with pytest.raises(CommandFailure) as refused:
        check_role("treasurer", "scheduled")
    assert refused.value.exit_code == 2
    assert refused.value.en.startswith("signer.no_role: the role is none of deployer, hq, operator")
    with pytest.raises(CommandFailure) as refused:
        check_role("deployer", "compromised")
    assert (refused.value.exit_code, refused.value.en.partition(":")[0]) == (4, "signer.admin_compromised")
    with pytest.raises(FormatError) as malformed:
        check_role("hq", "because")
    assert malformed.value.where == "reason"


def test_a_folder_without_contracts_is_left_as_it_is(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.lock()
    database = Database(sqlite_url(folder.database), pool_size=1)
    migrate(database)
    database.close()
    KeyFolder(folder.keys).log_identity("log.example/half")
    folder.unlock()
    before = sorted(path.name for path in folder.keys.iterdir())
    with pytest.raises(CommandFailure) as refused:
        run_rotate_signer(folder.root, None, None, "hq", "scheduled", None)
    assert refused.value.en.partition(":")[0] == "signer.no_chain"
    assert sorted(path.name for path in folder.keys.iterdir()) == before
    with pytest.raises(CommandFailure) as refused:
        run_rotate_signer(tmp_path / "none", None, None, "hq", "scheduled", None)
    assert refused.value.en.endswith("there is no such data folder")


def test_every_refusal_has_its_code_and_both_languages() -> None:
    made = [
        signer_rotation_refusals.no_such_role("hq"),
        signer_rotation_refusals.no_gateway("data"),
        signer_rotation_refusals.not_drained("0x11", 3),
        signer_rotation_refusals.admin_compromised(),
        signer_rotation_refusals.unknown_holder("hq"),
        signer_rotation_refusals.no_address("hq"),
        signer_rotation_refusals.another_address("hq", "0x11"),
        signer_rotation_refusals.key_in_use("0x11"),
        signer_rotation_refusals.key_not_at_hand("hq"),
    ]
    codes = [one.en.partition(": ")[0] for one in made]
    assert len(set(codes)) == len(codes) == 9
    for one, code in zip(made, codes, strict=True):
        assert re.fullmatch(r"signer\.[a-z_]+", code) and one.zh.startswith(f"{code}：")
        assert re.search(r"[\u4e00-\u9fff]", one.zh)
    shown = str(describe_failure(made[2]))
    assert "0x11 还有 3 笔交易未最终确定" in shown and "3 transactions of 0x11 are not final" in shown
    assert describe_failure(FormatError("hq.json", NOT_NAMED)).zh == (
        "hq.json：不是该角色最近一次更换所写明的密钥"
    )
