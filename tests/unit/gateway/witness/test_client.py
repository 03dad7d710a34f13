"""What our log takes from a witness, and what it names and refuses."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.base64_text import encode_base64
from chain.checkpoint import cosignature_line, open_checkpoint, parse_vkey
from gateway.witness.client import MAX_ANSWER, Cosignature, WitnessClient, WitnessTrouble
from gateway.witness.requests import split_request
from tests.unit.gateway.witness.false_witness import Given, answering
from tests.unit.gateway.witness.logs import VKEY, WITNESS, WITNESS_KEY, WITNESS_VKEY, TestLog, witness_line

LOG = TestLog(50)
TEXT = LOG.note(50).decode().partition("\n\n")[0] + "\n"
LINE = witness_line(TEXT, 77)
SIZE = {"content-type": "text/x.tlog.size"}


def asked(*answers: Given) -> tuple[Cosignature | WitnessTrouble, list[bytes]]:
    """Ask a witness that gives these answers in turn; return what came of it and the bodies it was sent."""
    bodies: list[bytes] = []

    def answer(body: bytes) -> Given:
        bodies.append(body)
        return answers[min(len(bodies), len(answers)) - 1]

    with answering(answer) as url:
        client = WitnessClient(WITNESS_VKEY, url + "/", deadline=0.5)
        try:
            return client.cosign(LOG.note(50), 50, LOG.proof), bodies
        except WitnessTrouble as trouble:
            return trouble, bodies
        finally:
            client.close()


def trouble_of(*answers: Given) -> tuple[str, int | None]:
    found, _ = asked(*answers)
    assert isinstance(found, WitnessTrouble) and found.witness == WITNESS
    return found.reason, found.size


def ok(text: str | bytes) -> Given:
    return 200, {}, text.encode() if isinstance(text, str) else text


def test_a_cosignature_is_taken() -> None:
    found, bodies = asked(ok(LINE))
    assert found == Cosignature(WITNESS, parse_vkey(WITNESS_VKEY).key_id, LINE, 77)
    assert [split_request(body) for body in bodies] == [(0, (), LOG.note(50))]
    assert len(open_checkpoint(LOG.note(50) + LINE.encode(), [VKEY, WITNESS_VKEY]).signatures) == 2


def test_lines_of_others_beside_it_are_left_out() -> None:
    other = cosignature_line(TEXT, "witness.example/other", Ed25519PrivateKey.generate(), 5)
    found, _ = asked(ok(other + LINE + witness_line(TEXT, 78)))
    assert isinstance(found, Cosignature) and found.line == LINE


def test_a_409_is_followed_once_with_the_proof_from_its_size() -> None:
    found, bodies = asked((409, SIZE, b"33\n"), ok(LINE))
    assert isinstance(found, Cosignature)
    assert [split_request(body)[:2] for body in bodies] == [(0, ()), (33, tuple(LOG.proof(33, 50)))]


def test_the_same_size_needs_no_proof_and_the_next_question_starts_there() -> None:
    sent: list[bytes] = []

    def answer(body: bytes) -> Given:
        sent.append(body)
        size = int(split_request(body)[2].splitlines()[1])
        return ok(witness_line(LOG.note(size).decode().partition("\n\n")[0] + "\n", 9))

    with answering(answer) as url:
        client = WitnessClient(WITNESS_VKEY, url)
        for size in (20, 20, 50):
            client.cosign(LOG.note(size), size, LOG.proof)
        client.close()
    assert [split_request(body)[:2] for body in sent] == [(0, ()), (20, ()), (20, tuple(LOG.proof(20, 50)))]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ok(witness_line(LOG.note(49).decode().partition("\n\n")[0] + "\n", 77)), "bad_cosignature"),
        (ok(LINE[:-40] + LINE[-40:-20].swapcase() + LINE[-20:]), "bad_cosignature"),
        (ok(cosignature_line(TEXT, WITNESS, Ed25519PrivateKey.generate(), 77)), "no_cosignature"),
        (ok(cosignature_line(TEXT, "witness.example/x", WITNESS_KEY, 77)), "no_cosignature"),
        (ok(""), "malformed"),
        (ok("\n"), "malformed"),
        (ok(LINE[:-1]), "malformed"),
        (ok(LINE + "hello\n"), "malformed"),
        (ok(b"\xff\n"), "malformed"),
        (ok(LINE * 101), "malformed"),
        (ok(b"a" * 10_000_000), "too_large"),
        ((200, {"content-length": str(10**12)}, b"a" * (MAX_ANSWER + 1)), "too_large"),
        ((404, {}, b"log.unknown\n"), "unknown_log"),
        ((403, {}, b""), "refused_403"),
        ((500, {}, b""), "refused_500"),
        ((302, {"location": "http://127.0.0.1:1/"}, b""), "refused_302"),
        ((409, {}, b"33\n"), "malformed"),
        ((409, SIZE, b"33"), "malformed"),
        ((409, SIZE, b"033\n"), "malformed"),
        ((409, SIZE, b"-3\n"), "malformed"),
        ((409, SIZE, b"9" * 5000 + b"\n"), "malformed"),
        ((409, SIZE, "３\n".encode()), "malformed"),
        ((409, SIZE, b"0\n"), "refused_409"),
        ((409, SIZE, b"33\n"), "refused_409"),
    ],
)
def test_what_is_named_and_refused(answer: Given, reason: str) -> None:
    assert trouble_of(answer) == (reason, None)


def test_a_cosignature_of_time_0_is_refused() -> None:
    message = f"cosignature/v1\ntime 0\n{TEXT}".encode()
    key_id = parse_vkey(WITNESS_VKEY).key_id
    line = f"— {WITNESS} {encode_base64(key_id + bytes(8) + WITNESS_KEY.sign(message))}\n"
    assert trouble_of(ok(line)) == ("bad_cosignature", None)


def test_a_witness_that_holds_more_or_other_than_we_have_is_named() -> None:
    assert trouble_of((409, SIZE, b"51\n")) == ("ahead", 51)
    assert trouble_of((409, SIZE, b"50\n"), (422, {}, b"")) == ("other_root", 50)
    assert trouble_of((409, SIZE, b"7\n"), (422, {}, b"")) == ("other_root", 7)
    # By the first edition of the specification another root of the same size is a 409, too.
    assert trouble_of((409, SIZE, b"50\n"), (409, {}, b"")) == ("other_root", 50)
    assert trouble_of((409, SIZE, b"50\n")) == ("other_root", 50)


def test_nobody_there_and_an_answer_without_end() -> None:
    client = WitnessClient(WITNESS_VKEY, "http://127.0.0.1:1", deadline=0.5)
    with pytest.raises(WitnessTrouble) as nobody:
        client.cosign(LOG.note(50), 50, LOG.proof)
    client.close()
    assert nobody.value.reason == "unreachable"

    def slow(body: bytes) -> Given:
        time.sleep(1.5)
        return ok(LINE)

    with answering(slow) as url:
        client = WitnessClient(WITNESS_VKEY, url, deadline=0.2)
        with pytest.raises(WitnessTrouble) as late:
            client.cosign(LOG.note(50), 50, LOG.proof)
        client.close()
    assert late.value.reason == "too_slow"
