"""The fast reading of outcome events agrees with ``chain.events`` on every byte string."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chain.errors import FormatError
from chain.events import OperationDone, OperationRefused, RawLog, decode
from chain.types import Address, BlockNumber, Digest
from gateway.mirror.operation_rows import DONE, REFUSED, read_operation

MAX = 2**63 - 1


def log(topic: bytes, index: bytes, data: bytes, topics: int = 4) -> RawLog:
    words = (topic, b"\x01" * 32, index, b"\x02" * 32)[:topics]
    block, digest = BlockNumber(1), Digest(bytes(32))
    return RawLog(block, digest, digest, 0, 0, Address(bytes(20)), words, data)


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def data(kind: int, sender: bytes, receiver: bytes, amount: int, until: int, salt: bytes, last: int) -> bytes:
    parties = sender.rjust(32, b"\0") + receiver.rjust(32, b"\0")
    return (
        word(kind) + parties + word(amount) + word(until) + b"\x03" * 32 + salt.ljust(32, b"\0") + word(last)
    )


GOOD = data(2, b"\x11" * 20, b"\x12" * 20, 5, 6, b"\x13" * 16, 4)
big = st.integers(0, 2**70) | st.integers(MAX - 1, MAX + 1)


@settings(max_examples=300)
@given(
    st.sampled_from([DONE, REFUSED]),
    st.integers(0, 2**65),
    st.integers(0, 300),
    st.binary(min_size=20, max_size=20),
    big,
    big,
    big,
    st.integers(0, 511),
    st.integers(0, 255),
    st.booleans(),
)
@example(DONE, 3, 2, b"\x11" * 20, 5, 6, 4, 0, 0, False)
def test_agrees_with_the_decoder(
    topic: bytes,
    index: int,
    kind: int,
    party: bytes,
    amount: int,
    until: int,
    last: int,
    position: int,
    flip: int,
    is_flipped: bool,
) -> None:
    body = bytearray(data(kind, party, party[::-1], amount, until, party[:16], last))
    if is_flipped:
        body[position % len(body)] ^= flip
    raw = log(topic, word(index), bytes(body))
    fast = read_operation(raw)
    try:
        event = decode(raw)
    except FormatError:
        # What is malformed is never read fast, but for a reason above a byte, which no chain of ours emits.
        assert fast is None or fast[8] > 255
        return
    assert isinstance(event, OperationDone | OperationRefused)
    end = event.moved if isinstance(event, OperationDone) else event.reason
    if fast is None:
        assert max(event.amount, event.valid_until, end) > MAX
        return
    want = (event.index, event.kind, event.sender, event.receiver, event.amount, event.valid_until)
    assert fast == (*want, event.ref, event.op_salt, end)


def test_reads_what_it_should() -> None:
    assert read_operation(log(DONE, word(9), GOOD)) == (
        9,
        2,
        b"\x11" * 20,
        b"\x12" * 20,
        5,
        6,
        b"\x03" * 32,
        b"\x13" * 16,
        4,
    )


def test_leaves_the_unusual_to_the_decoder() -> None:
    assert read_operation(log(DONE, word(9), GOOD + b"\0")) is None
    assert read_operation(log(DONE, word(9), GOOD, topics=3)) is None
    assert read_operation(log(DONE, word(2**64), GOOD)) is None
