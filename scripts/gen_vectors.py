"""Writes tests/vectors, or with ``--check`` compares what is there with what would be written.

The seed is fixed, so one state of the code has one set of vectors.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from random import Random

from chain.canonical import JsonValue
from scripts.vectors_canonical import build_canonical_vectors
from scripts.vectors_entries import build_entry_vectors
from scripts.vectors_merkle import build_merkle_vectors
from scripts.vectors_notes import build_note_vectors
from scripts.vectors_proof_files import build_proof_file_vectors

ROOT = Path(__file__).resolve().parent.parent / "tests" / "vectors"
SEED = 20261122
MUST_FAIL = 0.8
"""Share of every folder's cases that must be refused."""


def build_vectors() -> dict[str, str]:
    """Return path below tests/vectors -> text of every vector file."""
    files: dict[str, dict[str, JsonValue]] = {}
    # The seed makes vectors repeatable; nothing here is secret.
    files.update(build_merkle_vectors(Random(SEED)))  # noqa: S311
    files.update(build_note_vectors())
    files.update(build_proof_file_vectors())
    files.update(build_canonical_vectors())
    files.update(build_entry_vectors())
    check_shares(files)
    return {path: _format(file) for path, file in sorted(files.items())}


def check_shares(files: dict[str, dict[str, JsonValue]]) -> None:
    """Raise AssertionError for a folder with too few cases that must fail."""
    cases: dict[str, list[bool]] = {}
    for path, file in files.items():
        listed = file["cases"]
        count = len(listed) if isinstance(listed, list) else 0
        cases.setdefault(path.split("/")[0], []).extend([file["valid"] is False] * count)
    for folder, failing in cases.items():
        if sum(failing) < MUST_FAIL * len(failing):
            raise AssertionError(f"{folder}: only {sum(failing)} of {len(failing)} cases must fail")


def _format(file: dict[str, JsonValue]) -> str:
    """One line a case, so that a change of one shows as one line."""
    cases = file["cases"]
    head = {name: value for name, value in file.items() if name != "cases"}
    lines = ",\n".join(_line(case) for case in cases) if isinstance(cases, list) else ""
    return _line(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n"


def _line(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def find_differences(wanted: dict[str, str], root: Path) -> list[str]:
    """Return the paths that are missing, superfluous or different below ``root``."""
    found = {str(path.relative_to(root)): path.read_text() for path in root.glob("*/*.json")}
    return sorted(path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path))


def main(argv: list[str]) -> int:
    """Write or compare. Returns 1 when ``--check`` finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    check = parser.parse_args(argv).check
    wanted = build_vectors()
    differing = find_differences(wanted, ROOT)
    for path in differing:
        if check:
            print(f"differs: tests/vectors/{path}", file=sys.stderr)
        elif path in wanted:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(wanted[path])
        else:
            (ROOT / path).unlink()
    print(f"{len(wanted)} vector files, {len(differing)} {'differ' if check else 'written'}")
    return 1 if check and differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
