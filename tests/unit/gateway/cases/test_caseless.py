"""Which steps are not judged again: those that rest on movements of their moment, and change no case."""

from __future__ import annotations

import inspect

import pytest

from gateway.case_rules import CASE_BOOK


@pytest.mark.parametrize("name", sorted(CASE_BOOK.types))
def test_a_rule_that_asks_for_movements_changes_no_case(name: str) -> None:
    source = inspect.getsource(CASE_BOOK.rule(name))
    assert ("world.movements(" in source) == (name in CASE_BOOK.caseless)
    if name in CASE_BOOK.caseless:
        assert "world.put(" not in source and "world.open(" not in source


def test_what_is_caseless_is_judged_at_all() -> None:
    assert CASE_BOOK.caseless and CASE_BOOK.caseless <= set(CASE_BOOK.types)
