"""Rows of seats, tables and gates: one for each event, and lines that read back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.events import (
    DailyCapSet,
    ReferralActivated,
    ReferralAnnounced,
    ReferralLowered,
    ReferralWithdrawn,
    SeatGranted,
    SeatLapsed,
    SeatReleased,
    SeatRenewed,
    TablePublished,
)
from chain.rule_kinds import RuleLine
from chain.types import Address, Digest
from gateway.mirror.rule_rows import format_lines, parse_lines, rule_row

A, B, C = (Digest(bytes([n]) * 32) for n in (1, 2, 3))
SHOP = Address(b"\x11" * 20)
AT = (7, 3)
LINES = (RuleLine(A, 1, 10_000), RuleLine(B, 2, 18_000))


@pytest.mark.parametrize(
    ("event", "table", "row"),
    [
        (
            SeatGranted(5, A, SHOP, B, 900, 1),
            "mirror_seats",
            ("granted", 5, A, SHOP, 900, 1, B, b"", b""),
        ),
        (
            SeatRenewed(5, A, SHOP, B, 2**64 - 1, 2),
            "mirror_seats",
            ("renewed", 5, A, SHOP, -1, 2, B, b"", b""),
        ),
        (SeatReleased(5, A, SHOP, B, C), "mirror_seats", ("released", 5, A, SHOP, 0, 0, b"", B, C)),
        (SeatLapsed(5, A, SHOP, 900), "mirror_seats", ("lapsed", 5, A, SHOP, 900, 0, b"", b"", b"")),
        (ReferralAnnounced(1, 2, A, 800), "mirror_referral", ("announced", 1, 2, A, 800)),
        (ReferralActivated(1, 2, A), "mirror_referral", ("activated", 1, 2, A, 0)),
        (ReferralLowered(1, 0, 2), "mirror_referral", ("lowered", 1, 0, b"", 0)),
        (ReferralWithdrawn(1, 2), "mirror_referral", ("withdrawn", 1, 2, b"", 0)),
    ],
)
def test_events_of_history(event: Any, table: str, row: tuple[object, ...]) -> None:
    assert rule_row(event, AT) == (table, (*AT, *row))


def test_published_table() -> None:
    event = TablePublished(A, 0, 4, 2, 900, B, C, LINES)
    lines = A + b"\x01" + (10_000).to_bytes(8, "big") + B + b"\x02" + (18_000).to_bytes(8, "big")
    assert rule_row(event, AT) == ("mirror_rule_tables", (A, 0, 4, 2, 900, B, C, lines, *AT))


def test_other_events_have_no_row_here() -> None:
    assert rule_row(DailyCapSet(5, 1), AT) is None


HASH = st.binary(min_size=32, max_size=32).map(Digest)
LINE = st.builds(RuleLine, HASH, st.integers(0, 255), st.integers(0, 2**64 - 1))


@given(st.lists(LINE, max_size=32).map(tuple))
def test_lines_read_back(lines: tuple[RuleLine, ...]) -> None:
    assert parse_lines(format_lines(lines)) == lines
