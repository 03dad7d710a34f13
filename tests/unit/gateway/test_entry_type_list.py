"""The list of the cases' entry types in FORMATS.md: written from the registry and the rules, never by hand.

``python -m tests.unit.gateway.test_entry_type_list`` writes it again.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from chain.case_types import CASE_TYPES
from chain.entry_fields import SHARED, EntryType
from gateway.case_rules import CASE_BOOK

FORMATS = Path(__file__).resolve().parents[3] / "chain" / "FORMATS.md"
BEGIN, END = "<!-- case types -->\n", "<!-- /case types -->\n"
HEADING = "### Entry types of cases\n"


def meaning(name: str) -> str:
    """The first sentence of what is said of the type's rule, without what it raises."""
    text = inspect.getdoc(CASE_BOOK.rule(name)) or ""
    first = " ".join(text.split("\n\n")[0].split())
    told = re.split(r"(?<=[.:;]) Raises\b|\s*Raises\b|; see `|(?<=\.) See `", first)[0].strip()
    return told.rstrip(".;:").replace("``", "`").replace("|", "\\|")


def row(name: str, found: EntryType) -> str:
    fields = [
        f"`{field}`{'*' if field in found.essential else ''} {rule.name}"
        for field, rule in found.public.items()
        if field not in SHARED or field in found.essential
    ]
    kinds = ", ".join(sorted(kind.label for kind in found.operations))
    ordered = f"{kinds}{'*' if found.acts else ''}" if kinds else "-"
    return f"| `{name}` | {', '.join(fields) or '-'} | {ordered} | {meaning(name)} |"


def section() -> str:
    """The whole section, markers included."""
    shared = ", ".join(f"`{field}` {rule.name}" for field, rule in SHARED.items())
    lines = [
        BEGIN.rstrip("\n"),
        f"Written from the registry. Every type may also carry {shared}.",
        "`*`: required. What follows from the rest is filled in by the gateway's rules, an operation too.",
        "Kinds of values are those of `chain/entry_fields.py`.",
        "",
        "| type | public fields | operation | meaning |",
        "|---|---|---|---|",
        *(row(name, found) for name, found in sorted(CASE_TYPES)),
        END.rstrip("\n"),
    ]
    return "\n".join(lines) + "\n"


def stored() -> str:
    before, begin, rest = FORMATS.read_text().partition(BEGIN)
    assert before.endswith(HEADING)
    return begin + rest.partition(END)[0] + END


def test_the_list_is_what_the_registry_gives() -> None:
    assert stored() == section(), "run python -m tests.unit.gateway.test_entry_type_list"


def test_every_type_of_cases_is_listed_once_and_means_something() -> None:
    listed = re.findall(r"^\| `([a-z_.]+)` \|", stored(), re.MULTILINE)
    assert listed == sorted(name for name, _ in CASE_TYPES) and len(listed) > 100
    assert set(listed) == set(CASE_BOOK.types) & set(listed)
    for name in listed:
        assert len(meaning(name)) >= 4 and "Raises" not in meaning(name), name


@pytest.mark.parametrize(
    "line",
    [
        "| `voucher.expired` |",
        "`about`* entry_id, `amount`* sum",
        "| transfer* | Hold the pool's part",
    ],
)
def test_rows_say_fields_and_operations(line: str) -> None:
    assert line in stored()


if __name__ == "__main__":
    text = FORMATS.read_text()
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    if not rest:
        before, mark, after = text.partition("\n## 3. Operation digest")
        before, after = f"{before}\n{HEADING}", mark + after
    FORMATS.write_text(before + section() + after)
