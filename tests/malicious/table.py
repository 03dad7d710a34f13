"""The table of README.md: which attack is caught by whom, from which file, with which step or code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).with_name("README.md")
NOBODY = "nobody"
"""Who catches what is not caught."""


@dataclass(frozen=True, slots=True, order=True)
class Catch:
    """One row: ``by`` whom, from which ``file``, and ``how``: a step with its code, an error or a status."""

    by: str
    file: str
    how: str


def read_table() -> dict[str, list[Catch]]:
    """Return the rows of the README by attack, in their order."""
    found: dict[str, list[Catch]] = {}
    for line in README.read_text().splitlines():
        cells = [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or len(cells) != 4 or cells[0] == "attack":
            continue
        found.setdefault(cells[0], []).append(Catch(*cells[1:]))
    return found


def format_rows(attack: str, rows: list[Catch]) -> str:
    """Return rows as the README has them."""
    return "\n".join(f"| {attack} | {row.by} | {row.file} | `{row.how}` |" for row in rows)
