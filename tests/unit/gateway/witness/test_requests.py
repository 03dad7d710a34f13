"""The body of add-checkpoint: what is read of it, and the status of everything that is wrong with it."""

from __future__ import annotations

import pytest

from chain.base64_text import encode_base64
from chain.checkpoint import cosign, format_checkpoint, sign_note
from chain.hashing import EMPTY_ROOT
from gateway.witness.refusals import REFUSALS, WitnessRefusal
from gateway.witness.requests import format_request, open_request, split_request
from tests.unit.gateway.witness.logs import (
    KEY,
    ORIGIN,
    OTHER_KEY,
    OTHER_VKEY,
    VKEY,
    WITNESS,
    WITNESS_KEY,
    TestLog,
)

LOG = TestLog(20)
NOTE = LOG.note(20)
LOGS = {ORIGIN: (VKEY,)}
ROOT = LOG.tree.root()


def refused(body: bytes) -> tuple[str, int]:
    with pytest.raises(WitnessRefusal) as refusal:
        open_request(body, LOGS)
    return refusal.value.code, refusal.value.status


def test_a_request_is_read_as_it_was_written() -> None:
    for old in (0, 1, 7, 20):
        body = LOG.request(old, 20)
        assert split_request(body) == (old, tuple(LOG.proof(old, 20)), NOTE)
        request = open_request(body, LOGS)
        assert (request.old_size, request.checkpoint.size, request.checkpoint.root) == (old, 20, ROOT)
        assert request.note == NOTE and request.text == NOTE.decode().partition("\n\n")[0] + "\n"


def test_strangers_signatures_are_left_out() -> None:
    signed = cosign(NOTE, WITNESS, WITNESS_KEY, 5)
    assert open_request(format_request(0, (), signed), LOGS).note == NOTE


def test_each_of_a_logs_keys_counts() -> None:
    logs = {ORIGIN: (VKEY, OTHER_VKEY)}
    for key in (KEY, OTHER_KEY):
        assert open_request(format_request(0, (), LOG.note(9, key)), logs).checkpoint.size == 9


def test_extension_lines_are_signed_as_they_stand() -> None:
    text = format_checkpoint(ORIGIN, 20, ROOT) + "more\nand more\n"
    request = open_request(format_request(0, (), sign_note(text, ORIGIN, KEY)), LOGS)
    assert (request.text, request.checkpoint.size) == (text, 20)


def test_a_tree_of_size_0_is_taken() -> None:
    note = sign_note(format_checkpoint(ORIGIN, 0, EMPTY_ROOT), ORIGIN, KEY)
    assert open_request(format_request(0, (), note), LOGS).checkpoint.size == 0


NODE = encode_base64(b"\7" * 32).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 0\n" + NOTE,
        b"old 00\n\n" + NOTE,
        b"old 01\n\n" + NOTE,
        b"old +1\n\n" + NOTE,
        b"old -1\n\n" + NOTE,
        b"old 1 \n\n" + NOTE,
        b"old  1\n\n" + NOTE,
        b"Old 1\n\n" + NOTE,
        b"old\n\n" + NOTE,
        b"old 0\r\n\r\n" + NOTE,
        b"old 99999999999999999999\n\n" + NOTE,
        b"old 7\nAAAA\n\n" + NOTE,
        b"old 7\n" + NODE[:-1] + b"\n\n" + NOTE,
        b"old 7\n" + NODE + b" \n\n" + NOTE,
        b"old 7\n\xff\n\n" + NOTE,
        b"old 7\n" + (NODE + b"\n") * 64 + b"\n" + NOTE,
        b"old 0\n\n" + NOTE[:-1],
        format_request(0, (), sign_note(f"{ORIGIN}\n020\n{encode_base64(ROOT)}\n", ORIGIN, KEY)),
        b"old 0\n\n" + ORIGIN.encode() + b"\n20\n",
        b"old 0\n\n\xff" + NOTE,
        format_request(0, (), sign_note(f"{ORIGIN}\n20\n", ORIGIN, KEY)),
        format_request(0, (), sign_note(f"{ORIGIN}\n20\nAAAA\n", ORIGIN, KEY)),
        format_request(0, (), sign_note(format_checkpoint(ORIGIN, 20, ROOT) + "\n", ORIGIN, KEY)),
        format_request(0, (), sign_note(format_checkpoint(ORIGIN, 20, ROOT) + "a\n\nb\n", ORIGIN, KEY)),
        format_request(0, (), NOTE + b"\xe2\x80\x94 x AAAA\n"),
        format_request(0, (), NOTE + NOTE.splitlines(keepends=True)[-1] * 100),
    ],
)
def test_what_is_malformed(body: bytes) -> None:
    assert refused(body) == ("request.malformed", 400)


def test_63_proof_lines_are_read() -> None:
    assert len(split_request(b"old 7\n" + (NODE + b"\n") * 63 + b"\n" + NOTE)[1]) == 63


def test_an_unknown_origin_is_404_whatever_else() -> None:
    note = sign_note(format_checkpoint("log.example/other", 3, ROOT), "log.example/other", KEY)
    assert refused(format_request(9, (), note)) == ("log.unknown", 404)


def test_no_signature_of_a_trusted_key_is_403() -> None:
    assert refused(format_request(0, (), LOG.note(20, OTHER_KEY))) == ("signature.invalid", 403)
    text = NOTE.decode().partition("\n\n")[0] + "\n"
    assert refused(format_request(0, (), cosign(NOTE, ORIGIN, OTHER_KEY, 5).replace(
        NOTE.splitlines(keepends=True)[-1], b""
    ))) == ("signature.invalid", 403)  # fmt: skip
    assert refused(format_request(0, (), sign_note(text, "somebody", KEY))) == ("signature.invalid", 403)


def test_a_trusted_keys_signature_that_fails_is_403_beside_one_that_holds() -> None:
    forged = LOG.note(19).splitlines(keepends=True)[-1]
    assert refused(format_request(0, (), NOTE + forged)) == ("signature.invalid", 403)
    assert refused(format_request(0, (), NOTE.replace(b"\n20\n", b"\n21\n"))) == ("signature.invalid", 403)


def test_an_old_size_above_the_new_is_400() -> None:
    assert refused(format_request(21, (), NOTE)) == ("size.old_above_new", 400)


def test_size_0_with_another_root_is_422() -> None:
    note = sign_note(format_checkpoint(ORIGIN, 0, ROOT), ORIGIN, KEY)
    assert refused(format_request(0, (), note)) == ("root.not_empty", 422)


def test_every_code_has_words_in_both_languages() -> None:
    for code, words in REFUSALS.items():
        assert code.count(".") <= 1 and words.en.endswith(".") and words.zh.endswith("。")
        assert 400 <= words.status < 600 and words.en.isascii() and not words.zh.isascii()
