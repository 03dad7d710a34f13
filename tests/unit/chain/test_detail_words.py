"""What stands beside a step of a Chinese verdict is Chinese: for every reason in the code, every case."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.canonical import canonicalize
from chain.detail_words import DETAILS, detail_zh
from chain.evidence.steps import Step
from chain.verdict_text import render_verdict
from chain.verify import verify_bundle, verify_cose_file, verify_tlog_proof_file
from gateway import bootstrap, simulation
from tests.fixtures.bundles.make import HERE
from tests.reference.bundle_maker import make
from tests.reference.bundle_vectors import FOLDER, apply
from tests.unit.chain.test_verify_steps import for_root

ROOT = Path(__file__).parents[3]
SOURCES = (
    *(ROOT / "chain" / "evidence").glob("*.py"),
    *(ROOT / "chain" / name for name in ("checkpoint.py", "disclosure.py", "cose_receipt.py", "verify.py")),
)
NAMES = re.compile(
    r"\b(?:[0-9a-f]{16,}|acct_\w+|LogAnchor|TimeCredit|QBFT|EIP-225|clique|qbft|none|any"
    r"|[\w.-]+\.(?:org|local)(?:/[\w/.-]+)?|test network|after the migration)\b"
)
"""What has the same name in every language: keys, contracts, consensus rules, logs, roots of the tests."""
CASES = json.loads((FOLDER / "cases.json").read_text())["cases"]
KEPT = sorted(HERE.glob("*/*.bundle.json"))


def assert_chinese(text: str, english: str) -> None:
    assert text and not re.search(r"[A-Za-z]{2,}", NAMES.sub("", text)), (english, text)


def said(step: Step) -> bool:
    return bool(step.detail) and step.code != "not_reached"


def reasons() -> Iterator[str]:
    """The reason of every VerificationError, 7 in place of what is filled in."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "VerificationError":
                reason = node.args[1]
                if isinstance(reason, ast.Constant):
                    yield str(reason.value)


@pytest.mark.parametrize("reason", sorted(set(reasons())))
def test_every_reason_has_words(reason: str) -> None:
    assert_chinese(detail_zh(f"step: {reason}", "mismatch"), reason)
    assert_chinese(detail_zh(f"log.path: {reason} (got 7, want 9)", "mismatch"), reason)


@pytest.mark.parametrize("name", ["difficulty", "mix hash", "proposer"])
def test_rules_of_qbft_have_words(name: str) -> None:
    assert f'("{name}", header' in (ROOT / "chain" / "evidence" / "seals.py").read_text()
    assert f"{name} breaks QBFT" in DETAILS


@pytest.mark.parametrize("name", sorted([*bootstrap._NAMES.values(), simulation.NAME]))
def test_names_of_a_gateways_trust_roots_have_words(name: str) -> None:
    shown = detail_zh(f"{name} {'ab' * 32}", "ok")
    assert shown == f"{DETAILS[name]} {'ab' * 32}"
    assert detail_zh(f"{name} {'ab' * 32} replaces {'cd' * 32}", "ok") == f"{shown}，接续 {'cd' * 32}"


def test_sides_of_an_error_are_named() -> None:
    text = "outcome: cursor is another (got 281, want 280)"
    assert detail_zh(text, "mismatch") == "执行进度不同（得到 281，应为 280）"
    assert detail_zh("seals: signed again too soon (got 7, want None)", "mismatch") == (
        "同一签名者再次签名过早（得到 7）"
    )
    assert (
        detail_zh("log.path[3]: not 32 bytes in lower-case hex", "malformed") == "不合格式之处：log.path[3]"
    )
    assert detail_zh("no usable trust root: v: not an integer from 1 to 1", "malformed") == (
        "信任根不可用，不合格式之处：v"
    )
    assert detail_zh("0123abcd", "ok") == "0123abcd"


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_vector_is_told_in_chinese(case: dict[str, object]) -> None:
    base = FOLDER / f"{case['base']}.bundle.json"
    root = (FOLDER / f"{case['base']}.trust-root.json").read_bytes()
    verdict = verify_bundle(canonicalize(apply(base.read_bytes(), case["set"])), root)  # type: ignore[arg-type]
    text = render_verdict(verdict, "zh")
    for step in filter(said, verdict.steps):
        if step.code != "malformed":
            assert_chinese(detail_zh(step.detail, step.code), step.detail)
        if step.code not in ("none", "no_operation"):
            assert detail_zh(step.detail, step.code) in text
            assert step.detail in render_verdict(verdict, "en")


@pytest.mark.parametrize("path", KEPT, ids=[f"{path.parent.name} {path.stem}" for path in KEPT])
def test_every_kept_bundle_is_told_in_chinese(path: Path) -> None:
    root = path.with_name(path.name.replace(".bundle.", ".trust-root."))
    for step in filter(said, verify_bundle(path.read_bytes(), root.read_bytes()).steps):
        assert_chinese(detail_zh(step.detail, step.code), step.detail)


def test_files_without_a_record_and_without_a_root_are_told_in_chinese() -> None:
    made = make()
    for verdict in (
        verify_bundle(made.data, b""),
        verify_bundle(b"", made.root_data),
        verify_tlog_proof_file(b"c2sp.org/tlog-proof@v1\n", made.root_data),
        verify_cose_file(b"\xd2", made.root_data),
        verify_bundle(made.data, for_root(make("qbft"), make("qbft").root).root_data),
    ):
        for step in filter(said, verdict.steps):
            text = detail_zh(step.detail, step.code)
            assert text.startswith("不合格式之处：") or not assert_chinese(text, step.detail)
