"""``tongyi verify``: proof files in, verdicts out. Reads files and nothing else: no database, no network.

Imports the pure rooms alone, so that it starts fast and runs on a machine that has nothing but this
package. The trust root is a file the verifier already has; it is never taken from the proof.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from chain.canonical import canonicalize
from chain.proof_file import MAX_PROOF_FILE_SIZE
from chain.trust_root import MAX_TRUST_ROOT_SIZE
from chain.verdict_text import (
    LANGUAGES,
    Language,
    render_verdict,
)
from chain.verify import Outcome, Verdict, verify_file
from gateway.command_failures import EXIT_CANNOT, EXIT_USAGE, describe_failure
from gateway.verdict_json import describe_outcome, describe_steps

EXIT_CODES: dict[Outcome, int] = {"pass": 0, "mismatch": 1, "pending": 3, "cannot_check": 4}

TRUST_ROOT_VARIABLE = "TONGYI_TRUST_ROOT"
TRUST_ROOT_FILE = "trust_root.json"

NO_TRUST_ROOT = (
    "✗ 没有信任根，无法核验：请用 --trust-root 给出您已有的信任根文件 / "
    "no trust root, so nothing can be checked: pass the one you already have by --trust-root"
)
"""What is said where neither an option, the environment nor the folder names one."""

_WORST_FIRST = (1, 4, 3, 0)
_MAX_FILE = MAX_PROOF_FILE_SIZE


def run_verify(
    paths: Sequence[Path],
    trust_root_path: Path | None = None,
    json: bool = False,
    lang: Literal["zh", "en", "both"] = "both",
) -> int:
    """Verify every file, print a verdict for each, and return the exit code.

    0 all passed, 1 a mismatch, 2 no file was named, 3 something waits for the chain, 4 something cannot be
    checked or read; of several the first of 1, 4, 3 counts. With ``json`` one JSON line for each file read.
    """
    if not paths:
        _complain("✗ 没有给出文件 / no file given")
        return EXIT_USAGE
    try:
        trust_root = _load_trust_root(trust_root_path)
    except OSError as error:
        failure = describe_failure(error)
        _complain(f"✗ 读不到信任根：{failure.zh} / cannot read the trust root: {failure.en}")
        return EXIT_CANNOT
    if not trust_root:
        # The verdict says only that there is none.
        _complain(NO_TRUST_ROOT)
    codes = set()
    for path in paths:
        try:
            data = _read(path, _MAX_FILE)
        except OSError as error:
            failure = describe_failure(error)
            _complain(str(failure))
            codes.add(failure.exit_code)
            continue
        verdict = verify_file(data, trust_root)
        _print(format_json(path, verdict) if json else _format_text(path, verdict, lang))
        codes.add(EXIT_CODES[verdict.outcome])
    return next(code for code in _WORST_FIRST if code in codes)


def format_json(path: Path, verdict: Verdict) -> str:
    """Return one line: file, outcome, failed step (number or null), steps, facts, and the statements in
    words.
    """
    failed = verdict.failed_step
    return canonicalize(
        {
            "file": _name(path),
            "outcome": verdict.outcome,
            "failed_step": None if failed is None else int(failed.number),
            "steps": describe_steps(verdict),
            "facts": asdict(verdict.facts),
            "words": describe_outcome(verdict),
        }
    ).decode()


def _format_text(path: Path, verdict: Verdict, lang: Literal["zh", "en", "both"]) -> str:
    languages: Sequence[Language] = LANGUAGES if lang == "both" else (lang,)
    return "\n".join([_name(path), *(render_verdict(verdict, language) for language in languages), ""])


def _load_trust_root(path: Path | None) -> bytes:
    """Return the trust root's bytes: of ``path``, else of the environment's, else of the working folder's.

    Where none of them is named or there, nothing is returned, and no file can be checked. Raises OSError
    for one that is named and cannot be read.
    """
    if path is None and (named := os.environ.get(TRUST_ROOT_VARIABLE)):
        path = Path(named)
    if path is not None:
        return _read(path, MAX_TRUST_ROOT_SIZE)
    default = Path(TRUST_ROOT_FILE)
    return _read(default, MAX_TRUST_ROOT_SIZE) if default.is_file() else b""


def _read(path: Path, most: int) -> bytes:
    """Return a file's bytes, one more than ``most`` at most: the parser refuses what is too long."""
    with path.open("rb") as file:
        return file.read(most + 1)


def _name(path: Path) -> str:
    return str(path).encode("utf-8", "backslashreplace").decode()


def _print(text: str) -> None:
    # Verdicts are bilingual: a terminal without the letters must not stop them.
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()


def _complain(text: str) -> None:
    sys.stderr.write(text.encode("utf-8", "replace").decode("utf-8") + "\n")
