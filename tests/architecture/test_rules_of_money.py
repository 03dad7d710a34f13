"""Every rule learned the hard way (rules 1 to 41) has a test named after it, or is said to be another's."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = set(range(1, 42))
ELSEWHERE = re.compile(r"^\| (\d{1,2}) \|", re.MULTILINE)
NAMED = re.compile(r"(?:def test|function test(?:Fuzz)?)_rule_(\d{1,2})")


def named_tests() -> set[int]:
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "contracts" / "test").rglob("*.sol")]
    return {int(number) for file in files for number in NAMED.findall(file.read_text())}


def out_of_scope() -> set[int]:
    page = (ROOT / "gateway" / "README.md").read_text()
    _, found, rest = page.partition("### Rules of other systems")
    assert found, "gateway/README.md has no section on the rules of other systems"
    return {int(number) for number in ELSEWHERE.findall(rest.partition("\n## ")[0])}


def test_every_rule_has_a_test_or_is_another_systems() -> None:
    tested, others = named_tests(), out_of_scope()
    assert not tested & others
    assert tested | others == RULES, sorted(RULES - tested - others)
    # Only what speaks of another system's feature may be left out.
    assert others == {22, 41}
