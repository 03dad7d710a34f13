"""Signed notes, checkpoints, cosignatures."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.base64_text import encode_base64
from chain.checkpoint import (
    Checkpoint,
    KeyKind,
    Note,
    VerifiedSignature,
    cosign,
    cosignature_line,
    format_checkpoint,
    format_vkey,
    open_checkpoint,
    open_note,
    parse_checkpoint_text,
    parse_vkey,
    select_signatures,
    sign_note,
)
from chain.errors import FormatError, VerificationError

# The example of C2SP signed-note.
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
# The example of Go's sumdb/note.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()

LOG, WITNESS = (
    Ed25519PrivateKey.from_private_bytes(b"\1" * 32),
    Ed25519PrivateKey.from_private_bytes(b"\2" * 32),
)
ORIGIN, WITNESS_NAME = "log.example/3101", "witness.example/w1"
LOG_VKEY = format_vkey(ORIGIN, LOG.public_key())
WITNESS_VKEY = format_vkey(WITNESS_NAME, WITNESS.public_key(), KeyKind.COSIGNER)
ROOT = bytes(range(32))
TEXT = format_checkpoint(ORIGIN, 70_000, ROOT)
NOTE = sign_note(TEXT, ORIGIN, LOG)
LOG_ID, WITNESS_ID = parse_vkey(LOG_VKEY).key_id, parse_vkey(WITNESS_VKEY).key_id


def test_notes_of_other_people() -> None:
    assert open_note(SPEC_NOTE, [SPEC_VKEY]).text == "This is an example message.\n"
    assert open_note(GO_NOTE, [SPEC_VKEY, GO_VKEY]).text.startswith("If you think")
    assert open_note(GO_NOTE, [GO_VKEY]).signatures[0].name == "PeterNeumann"
    for vkey in (SPEC_VKEY, GO_VKEY):
        assert parse_vkey(vkey).kind is KeyKind.LOG
    with pytest.raises(VerificationError):
        open_note(SPEC_NOTE.replace(b"an example", b"no example"), [SPEC_VKEY])


def test_checkpoint_and_cosignature_round_trip() -> None:
    assert TEXT == f"{ORIGIN}\n70000\n{encode_base64(ROOT)}\n"
    assert parse_checkpoint_text(TEXT) == Checkpoint(ORIGIN, 70_000, ROOT)
    note = cosign(NOTE, WITNESS_NAME, WITNESS, 1_795_000_000)
    opened = open_checkpoint(note, [LOG_VKEY, WITNESS_VKEY])
    assert (opened.origin, opened.size, opened.root) == (ORIGIN, 70_000, ROOT)
    assert opened.signatures == (
        VerifiedSignature(ORIGIN, LOG_ID, KeyKind.LOG, None),
        VerifiedSignature(WITNESS_NAME, WITNESS_ID, KeyKind.COSIGNER, 1_795_000_000),
    )
    assert open_note(note, [WITNESS_VKEY]) == Note(TEXT, opened.signatures[1:])
    assert open_checkpoint(note, [LOG_VKEY]).signatures == opened.signatures[:1]


def test_vkey_splits_at_the_first_two_plus_signs() -> None:
    # A key whose base64 holds plus signs: found by trying seeds, so the split is really exercised.
    for seed in range(1, 256):
        key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        vkey = format_vkey(ORIGIN, key.public_key())
        if vkey.count("+") > 2:
            break
    assert vkey.count("+") > 2
    assert parse_vkey(vkey).public_key == key.public_key().public_bytes_raw()
    assert open_checkpoint(sign_note(TEXT, ORIGIN, key), [vkey]).origin == ORIGIN


def test_one_key_has_different_ids_for_different_uses() -> None:
    both = format_vkey(ORIGIN, LOG.public_key(), KeyKind.COSIGNER)
    assert parse_vkey(both).key_id != LOG_ID
    with pytest.raises(VerificationError) as caught:
        open_note(NOTE, [both])
    assert (caught.value.step, caught.value.reason) == ("note", "no known key signed it")


@pytest.mark.parametrize(
    ("vkey", "reason"),
    [
        ("", "not name, id and key joined by +"),
        (LOG_VKEY.replace("+", "-"), "not name, id and key joined by +"),
        ("+" + LOG_VKEY.split("+", 1)[1], "name is empty or holds a space, plus or control character"),
        ("a b+" + LOG_VKEY.split("+", 1)[1], "name is empty or holds a space, plus or control character"),
        (
            "a\u3000b+" + LOG_VKEY.split("+", 1)[1],
            "name is empty or holds a space, plus or control character",
        ),
        ("\ud800+" + LOG_VKEY.split("+", 1)[1], "lone surrogate"),
        (LOG_VKEY.replace(LOG_ID.hex(), LOG_ID.hex().upper()), "id is not eight lower-case hex digits"),
        (LOG_VKEY.replace(LOG_ID.hex(), "00000000"), "id does not match name and key"),
        ("x" + LOG_VKEY, "id does not match name and key"),
        (LOG_VKEY + "=", "base64 is not canonical"),
        (LOG_VKEY + "!", "not base64"),
        (LOG_VKEY[:-4], "not an Ed25519 key of type 0x01 or 0x04"),
        ("a+00000000+" + encode_base64(b"\x06" + bytes(1312)), "not an Ed25519 key of type 0x01 or 0x04"),
        ("a+00000000+" + encode_base64(b"\x02" + bytes(32)), "not an Ed25519 key of type 0x01 or 0x04"),
    ],
)
def test_malformed_vkeys(vkey: str, reason: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_vkey(vkey)
    assert (caught.value.where, caught.value.reason) == ("vkey", reason)


def test_sixteen_and_more_signatures() -> None:
    lines = "".join(cosignature_line(TEXT, f"w{number}", WITNESS, 5) for number in range(99))
    assert len(open_note(NOTE + lines.encode(), [LOG_VKEY]).signatures) == 1
    vkeys = [
        LOG_VKEY,
        *(format_vkey(f"w{number}", WITNESS.public_key(), KeyKind.COSIGNER) for number in range(99)),
    ]
    assert len(open_note(NOTE + lines.encode(), vkeys).signatures) == 100
    with pytest.raises(FormatError, match="more than 100 signatures"):
        open_note(NOTE + lines.encode() + cosignature_line(TEXT, "w", WITNESS, 5).encode(), vkeys)


def forged(name: str, key_id: bytes, signature: bytes) -> bytes:
    return f"— {name} {encode_base64(key_id + signature)}\n".encode()


def test_unknown_keys_are_ignored_known_ones_must_hold() -> None:
    for name, key_id in ((ORIGIN, WITNESS_ID), (WITNESS_NAME, LOG_ID), ("x", b"\0\0\0\0")):
        assert open_checkpoint(NOTE + forged(name, key_id, bytes(64)), [LOG_VKEY]).size == 70_000
    for signature in (bytes(64), bytes(63), bytes(65), b"x"):
        for note in (
            NOTE + forged(ORIGIN, LOG_ID, signature),
            TEXT.encode() + b"\n" + forged(ORIGIN, LOG_ID, signature),
        ):
            with pytest.raises(VerificationError) as caught:
                open_note(note, [LOG_VKEY])
            assert (caught.value.reason, caught.value.got) == (
                "signature of a known key does not hold",
                ORIGIN,
            )


def test_first_of_a_key_s_signatures_counts() -> None:
    note = cosign(cosign(NOTE, WITNESS_NAME, WITNESS, 7), WITNESS_NAME, WITNESS, 9)
    assert [one.timestamp for one in open_note(note, [LOG_VKEY, WITNESS_VKEY]).signatures] == [None, 7]


@pytest.mark.parametrize("timestamp", [0, 2**63, 2**64 - 1])
def test_cosignatures_have_a_time(timestamp: int) -> None:
    message = f"cosignature/v1\ntime {timestamp}\n{TEXT}".encode()
    signature = timestamp.to_bytes(8, "big") + WITNESS.sign(message)
    with pytest.raises(VerificationError) as caught:
        open_note(NOTE + forged(WITNESS_NAME, WITNESS_ID, signature), [LOG_VKEY, WITNESS_VKEY])
    assert (caught.value.reason, caught.value.got) == ("cosignature has no time", WITNESS_NAME)
    with pytest.raises(FormatError) as refused:
        cosign(NOTE, WITNESS_NAME, WITNESS, timestamp)
    assert refused.value.where == "timestamp"


def test_only_checkpoints_are_cosigned() -> None:
    with pytest.raises(FormatError):
        cosignature_line("any text\n", WITNESS_NAME, WITNESS, 5)
    message = b"cosignature/v1\ntime 5\nany text\n"
    line = forged(WITNESS_NAME, WITNESS_ID, (5).to_bytes(8, "big") + WITNESS.sign(message))
    with pytest.raises(FormatError) as caught:
        open_note(b"any text\n\n" + line, [WITNESS_VKEY])
    assert caught.value.where == "checkpoint"


def test_a_checkpoint_needs_its_own_log_s_signature() -> None:
    other = sign_note(TEXT, "other.example", LOG)
    with pytest.raises(VerificationError) as caught:
        open_checkpoint(other, [format_vkey("other.example", LOG.public_key())])
    assert (caught.value.step, caught.value.want) == ("checkpoint", ORIGIN)
    as_witness = TEXT.encode() + b"\n" + cosignature_line(TEXT, ORIGIN, LOG, 5).encode()
    with pytest.raises(VerificationError):
        open_checkpoint(as_witness, [format_vkey(ORIGIN, LOG.public_key(), KeyKind.COSIGNER)])


def test_known_keys_of_one_name_and_id_must_be_one_key() -> None:
    assert open_note(NOTE, [LOG_VKEY, LOG_VKEY]).text == TEXT


@pytest.mark.parametrize(
    "arguments", [("", 1, ROOT), ("a b", 1, ROOT), ("a", -1, ROOT), ("a", 2**63, ROOT), ("a", 1, b"")]
)
def test_checkpoints_that_cannot_be(arguments: Any) -> None:
    with pytest.raises(FormatError):
        format_checkpoint(*arguments)


@pytest.mark.parametrize("text", ["no newline", "tab\there\n", "nul\0\n", "return\r\n", ""])
def test_texts_that_cannot_be_signed(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        sign_note(text, ORIGIN, LOG)
    assert caught.value.where == "note"


def test_texts_may_hold_empty_lines() -> None:
    text = "one\n\n\ntwo — three\n"
    assert open_note(sign_note(text, ORIGIN, LOG), [LOG_VKEY]).text == text


def test_only_chosen_keys_lines_are_kept() -> None:
    signed = cosign(cosign(NOTE, WITNESS_NAME, WITNESS, 7), "witness.example/other", LOG, 8)
    assert select_signatures(signed, [LOG_VKEY]) == NOTE
    assert select_signatures(signed, [WITNESS_VKEY, LOG_VKEY]) == cosign(NOTE, WITNESS_NAME, WITNESS, 7)
    with pytest.raises(FormatError) as refused:
        select_signatures(NOTE, [WITNESS_VKEY])
    assert (refused.value.where, refused.value.reason) == ("note", "none of these keys signed it")


def test_extension_lines_are_only_a_witness_s_business() -> None:
    more = TEXT + "extension\n"
    assert parse_checkpoint_text(more, extensions=True) == parse_checkpoint_text(TEXT)
    assert cosignature_line(more, WITNESS_NAME, WITNESS, 7) != cosignature_line(
        TEXT, WITNESS_NAME, WITNESS, 7
    )
    for text in (TEXT + "\n", TEXT + "a\n\nb\n", TEXT + "a"):
        with pytest.raises(FormatError):
            parse_checkpoint_text(text, extensions=True)
    with pytest.raises(FormatError):
        parse_checkpoint_text(more)
