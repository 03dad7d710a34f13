"""gateway/import_mapping.py: templates, rounding and dust, times, absent members."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.canonical import JsonValue
from chain.errors import FormatError
from gateway.import_mapping import RoundingRule, format_dust, map_row, mapping_from_header, round_coins

FLOOR, HALF_UP, REFUSE = RoundingRule.FLOOR, RoundingRule.HALF_UP, RoundingRule.REFUSE


@pytest.mark.parametrize(
    ("text", "rule", "amount", "dust"),
    [
        ("12.34", REFUSE, 1234, "0"),
        ("12", HALF_UP, 1200, "0"),
        ("0.005", HALF_UP, 1, "-0.005"),
        ("0.005", FLOOR, 0, "0.005"),
        ("0.0049999", HALF_UP, 0, "0.0049999"),
        ("-0.005", HALF_UP, -1, "0.005"),
        ("-0.005", FLOOR, 0, "-0.005"),
        ("7.999999999999999999", HALF_UP, 800, "-0.000000000000000001"),
    ],
)
def test_rule_29_rounding_keeps_the_rest_as_dust(
    text: str, rule: RoundingRule, amount: int, dust: str
) -> None:
    got, rest = round_coins(text, rule, "op.amount")
    assert (got, format_dust(rest)) == (amount, dust)


@given(st.integers(-(10**20), 10**20), st.integers(0, 18), st.sampled_from([FLOOR, HALF_UP]))
def test_rule_29_amount_and_dust_are_exactly_what_came_in(
    digits: int, decimals: int, rule: RoundingRule
) -> None:
    sign = "-" if digits < 0 else ""
    whole, part = divmod(abs(digits), 10**decimals)
    text = f"{sign}{whole}" + (f".{part:0{decimals}d}" if decimals else "")
    try:
        amount, dust = round_coins(text, rule, "x")
    except FormatError:
        assert whole > (2**63 - 1) // 100 - 1
        return
    assert Fraction(amount, 100) + Fraction(dust, 10**18) == Fraction(text)
    assert abs(Fraction(dust, 10**18)) <= (Fraction(1, 200) if rule is HALF_UP else Fraction(1, 100))


def test_refuse_names_the_member() -> None:
    with pytest.raises(FormatError) as caught:
        map_row({"op": {"amount": {"$coins": "{total}"}}}, {"total": "1.234"}, REFUSE)
    assert caught.value.where == "op.amount"
    assert caught.value.reason == "is finer than a hundredth; choose a rounding rule to take it"


@pytest.mark.parametrize("text", ["", "1,5", "1e3", "NaN", "Infinity", "٣", "1.", ".5", "+1", "0x10"])
def test_what_is_no_decimal_is_refused(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        round_coins(text, HALF_UP, "op.amount")
    assert caught.value.where == "op.amount"


def test_a_digest_hashes_what_names_a_receipt() -> None:
    mapping: dict[str, JsonValue] = {"receipt": {"$digest": "{shop}:{slip}"}}
    found = map_row(mapping, {"shop": "s1", "slip": " 17 "}, REFUSE).body["receipt"]
    assert found == hashlib.sha256(b"s1: 17").hexdigest()
    assert mapping_from_header(["public.receipt:digest"]) == {
        "public": {"receipt": {"$optional": {"$digest": "{public.receipt:digest}"}}}
    }
    with pytest.raises(FormatError) as caught:
        map_row({"receipt": {"$digest": "{slip}"}}, {"slip": " "}, REFUSE)
    assert (caught.value.where, caught.value.reason) == ("receipt", "is empty")


def test_a_template_fills_texts_lists_numbers_and_times() -> None:
    mapping = {
        "type": "purchase.recorded",
        "chapter": "3101-{chapter}",
        "subjects": {"$list": "{who}"},
        "public": {
            "amount": {"$coins": "{sum}"},
            "item_count": {"$integer": "{n}"},
            "occurred_at": {"$time": ["{day}T{hour}", "Asia/Shanghai"]},
            "literal": "{{x}}",
            "flag": True,
        },
    }
    columns = {
        "chapter": "0007",
        "who": "a b",
        "sum": "1.5",
        "n": "3",
        "day": "2026-11-22",
        "hour": "07:30:00",
    }
    mapped = map_row(mapping, columns, REFUSE)
    assert mapped.body == {
        "type": "purchase.recorded",
        "chapter": "3101-0007",
        "subjects": ["a", "b"],
        "public": {
            "amount": "150",
            "item_count": 3,
            "occurred_at": "2026-11-21T23:30:00.000Z",
            "literal": "{x}",
            "flag": True,
        },
    }
    assert mapped.dust == 0


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2026-11-22T07:30:00+00:00", "2026-11-22T07:30:00.000Z"),
        ("2026-11-22", "2026-11-21T16:00:00.000Z"),
        ("2026-11-22 07:30:00.123456", "2026-11-21T23:30:00.123Z"),
    ],
)
def test_a_time_with_an_offset_keeps_it_and_one_without_is_local(text: str, want: str) -> None:
    mapped = map_row({"at": {"$time": ["{t}", "Asia/Shanghai"]}}, {"t": text}, REFUSE)
    assert mapped.body == {"at": want}


@pytest.mark.parametrize(
    ("mapping", "where", "reason"),
    [
        ({"a": "{nobody}"}, "a", "names the column 'nobody', which the file does not have"),
        ({"a": "{x"}, "a", "has an unmatched brace in the mapping"),
        ({"a": ["{x}", {"$integer": "{x}"}]}, "a[1]", "is not an integer of at most 15 digits"),
        (
            {"a": {"$what": "{x}"}},
            "a",
            "$what is not one of $coins, $digest, $time, $integer, $list, $optional",
        ),
        ({"a": {"$time": ["{x}", "Mars/Base"]}}, "a", "'Mars/Base' is not a time zone"),
        ({"a": {"$time": "{x}"}}, "a", "$time takes a list of a text and a time zone"),
        ({"a": {"$coins": 5}}, "a", "must be a text here"),
    ],
)
def test_a_bad_mapping_names_its_member(mapping: dict[str, object], where: str, reason: str) -> None:
    with pytest.raises(FormatError) as caught:
        map_row(mapping, {"x": "2026-01-01"}, REFUSE)  # type: ignore[arg-type]
    assert (caught.value.where, caught.value.reason) == (where, reason)


def test_a_header_speaks_for_itself() -> None:
    header = ["type", "subjects", "op.kind", "op.amount:coins", "op.valid_until:integer", "public.note"]
    mapping = mapping_from_header(header)
    row = dict(zip(header, ["gift.sent", "acct_1 acct_2", "transfer", "0.10", "5", ""], strict=True))
    assert map_row(mapping, row, REFUSE).body == {
        "type": "gift.sent",
        "subjects": ["acct_1", "acct_2"],
        "op": {"kind": "transfer", "amount": "10", "valid_until": 5},
    }
    empty = dict.fromkeys(header, "") | {"type": "gift.sent"}
    assert map_row(mapping, empty, REFUSE).body == {"type": "gift.sent"}


@pytest.mark.parametrize("header", [["a.b.c"], [""], ["a:euros"], ["a", "a.b"], ["a.b", "a"], ["a{"]])
def test_a_header_that_cannot_be_a_line_is_refused(header: list[str]) -> None:
    with pytest.raises(FormatError) as caught:
        mapping_from_header(header)
    assert caught.value.where == f"column {header[-1]}"
