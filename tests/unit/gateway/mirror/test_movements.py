"""What each kind of operation moves, and that taking it back is exact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.operation import OperationKind as Kind
from gateway.mirror.movements import Movements, quota_period

A, B, ZERO = b"\x0a" * 20, b"\x0b" * 20, bytes(20)


@pytest.mark.parametrize(
    ("kind", "sender", "receiver", "want"),
    [
        (Kind.ISSUE, ZERO, B, {B: [7, 0]}),
        (Kind.TRANSFER, A, B, {A: [-7, 0], B: [7, 0]}),
        (Kind.REDEEM, A, B, {A: [-7, 0], B: [7, 0]}),
        (Kind.BURN, A, ZERO, {A: [-7, 0]}),
        (Kind.LOCK, A, A, {A: [0, 7]}),
        (Kind.RELEASE, A, A, {A: [0, -7]}),
        (Kind.CANCEL, A, ZERO, {A: [-7, -7]}),
        (Kind.REVERSE, A, B, {A: [-7, 0], B: [7, 0]}),
        (Kind.REVERSE, A, ZERO, {A: [-7, 0]}),
        (Kind.RECOVER, A, B, {A: [-7, -3], B: [7, 3]}),
    ],
)
def test_each_kind(kind: Kind, sender: bytes, receiver: bytes, want: dict[bytes, list[int]]) -> None:
    movements = Movements()
    movements.add(int(kind), sender, receiver, 7, 3)
    assert movements.changes == want


@given(
    st.lists(
        st.tuples(
            st.integers(1, 9),
            st.sampled_from([A, B]),
            st.sampled_from([A, B, ZERO]),
            st.integers(0, 2**63),
            st.integers(0, 9),
        ),
        max_size=20,
    )
)
def test_taking_back_leaves_nothing(done: list[tuple[int, bytes, bytes, int, int]]) -> None:
    movements = Movements()
    for operation in done:
        movements.add(*operation)
    for operation in done:
        movements.add(*operation, sign=-1)
    assert all(change == [0, 0] for change in movements.changes.values())


@pytest.mark.parametrize(
    ("timestamp", "period"),
    [
        (0, 197001),
        (1767196799, 202512),  # 2025-12-31T15:59:59Z is 23:59:59 at UTC+8
        (1767196800, 202601),
        (1772294399, 202602),  # the last second of February 2026 at UTC+8
        (1772294400, 202603),
    ],
)
def test_the_month_turns_at_utc_plus_8(timestamp: int, period: int) -> None:
    assert quota_period(timestamp) == period
