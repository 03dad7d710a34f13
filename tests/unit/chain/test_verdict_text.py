"""Verdicts in words: a sentence for everything that can happen, and the statements beside every verdict."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from chain.evidence.steps import Facts, StepNumber, Verdict, build_verdict, failed, not_present, passed
from chain.verdict_text import (
    LANGUAGES,
    outcome_sentence,
    render_verdict,
    statements,
    step_sentence,
    time_sentences,
)
from chain.verdict_words import NOBODY_INDEPENDENT, NOT_PROVED, OUTCOMES, REASONS, SENTENCES, SPECIAL, STEPS
from chain.verify import verify_bundle
from tests.reference.bundle_maker import Made, make

CHINESE = re.compile(r"[\u4e00-\u9fff]")
SOURCES = Path(__file__).parents[3]


def check(made: Made) -> Verdict:
    return verify_bundle(made.data, made.root_data)


def test_every_step_and_status_has_a_sentence_in_both_languages() -> None:
    assert set(STEPS) == set(StepNumber)
    statuses = ("passed", "failed", "not_present")
    assert set(SENTENCES) == {(number, status) for number in StepNumber for status in statuses}
    words = [*SENTENCES.values(), *SPECIAL.values(), *STEPS.values(), *OUTCOMES.values(), *REASONS.values()]
    for zh, en in words:
        assert CHINESE.search(zh) and not CHINESE.search(en) and en
    sentences = [*SENTENCES.values(), *SPECIAL.values()]
    assert len(set(sentences)) == len(sentences)
    assert all(zh.endswith("。") and en.endswith(".") for zh, en in sentences)


def test_the_four_outcomes_are_called_as_agreed() -> None:
    assert {outcome: words[0] for outcome, words in OUTCOMES.items()} == {
        "pass": "核验通过",
        "pending": "等待上链",
        "mismatch": "核验不通过",
        "cannot_check": "暂时无法核验",
    }


def test_every_reason_of_the_contract_has_words() -> None:
    source = (SOURCES / "contracts" / "src" / "libraries" / "Ledger.sol").read_text()
    library = source[source.index("library Reason") :]
    numbers = {int(n) for n in re.findall(r"constant [A-Z_]+ = (\d+);", library[: library.index("}")])}
    assert set(REASONS) == numbers - {0}


def test_special_codes_are_ones_that_steps_end_with() -> None:
    code = "".join(path.read_text() for path in (SOURCES / "chain" / "evidence").glob("verify_*.py"))
    computed = {"done", "refused"}
    for _, name in SPECIAL:
        assert f'"{name}"' in code or name in computed


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_statements_stand_beside_every_verdict(language: str) -> None:
    at = LANGUAGES.index(language)  # type: ignore[arg-type]
    verdicts = [
        check(make()),
        check(make("none", witnesses=0)),
        check(make(operation=False)),
        check(make(refused=7)),
        verify_bundle(b"", b""),
        verify_bundle(make().data, b""),
        check(Made(replace(make().bundle, chain=None, anchor=None, outcome=None, state=None), make().root)),
    ]
    for verdict in verdicts:
        said = statements(verdict, LANGUAGES[at])
        assert said[0] == NOT_PROVED[at]
        assert len(said) >= 2 and ("积分" in said[1] or "redits" in said[1])
        text = render_verdict(verdict, LANGUAGES[at])
        assert text.startswith(OUTCOMES[verdict.outcome][at])
        assert all(sentence in text for sentence in said)
        assert all(f"{number:>3}  [" in text for number in range(1, 16))


def test_by_whose_authority_credits_moved() -> None:
    def second(verdict: Verdict) -> str:
        return statements(verdict, "en")[1]

    full = check(make())
    assert "member's device" in second(full)
    for authority, word in (("operator", "operator's authority"), ("countersigned", "co-signers")):
        assert word in second(replace(full, facts=replace(full.facts, authority=authority)))
    assert second(check(make(operation=False))) == "This record moved no credits."
    assert second(check(make(refused=7))) == "The operation was refused and moved no credits."
    pending = check(Made(replace(make().bundle, outcome=None, state=None), make().root))
    assert pending.outcome == "pending"
    assert second(pending).endswith("Nothing shows yet that the chain carried it out.")
    assert second(verify_bundle(b"", b"")) == "By whose authority credits moved is not established."


def test_says_so_when_nobody_independent_stands_behind_it() -> None:
    dev, alone = make("none", witnesses=0), make("none", witnesses=1)
    for made, expected in ((dev, True), (alone, True), (make("none"), False), (make(), False)):
        assert (NOBODY_INDEPENDENT[1] in statements(check(made), "en")) is expected
        assert (NOBODY_INDEPENDENT[0] in statements(check(made), "zh")) is expected


def test_says_which_time_is_proved() -> None:
    sealed = time_sentences(check(make()), "en")
    assert sealed == (
        "Witnesses show that it existed by 2025-11-24T16:00:01Z.",
        "Its block is of 2025-11-24T16:00:10Z, sealed by 3 of 4 validators.",
        "The record's own time, 2026-11-22T05:58:57.123Z, is not proved.",
    )
    dev = time_sentences(check(make("none", witnesses=0)), "en")
    assert dev[0] == "Its block says 2025-11-24T16:00:10Z, on the node's word alone."
    assert time_sentences(verify_bundle(b"", b""), "en") == ()
    far = Facts(cosigned_at=2**62)
    verdict = build_verdict({StepNumber.FORMAT: passed(StepNumber.FORMAT)}, far, reason="")
    assert str(2**62) in time_sentences(verdict, "en")[0]


def test_names_the_failed_step_and_the_reason_of_a_refusal() -> None:
    verdict = check(Made(replace(make().bundle, salt=bytes(32)), make().root))
    assert outcome_sentence(verdict, "zh") == "核验不通过（第 3 步：记录承诺）"
    assert outcome_sentence(verdict, "en") == "Verification failed (step 3: record commitment)"
    assert "Refused: insufficient balance (7)" in render_verdict(check(make(refused=7)), "en")
    assert "拒绝原因：原因不明（200）" in render_verdict(check(make(refused=200)), "zh")


def test_a_step_that_was_not_reached_says_that() -> None:
    verdict = verify_bundle(b"", b"")
    assert step_sentence(verdict.steps[8], "en") == "Not checked, as an earlier step ended the verification."


def test_a_verdict_is_the_worst_of_its_steps() -> None:
    number = StepNumber.ANCHOR
    steps = {
        "pass": not_present(number, "x", ""),
        "pending": not_present(number, "x", "", "pending"),
        "cannot_check": not_present(number, "x", "", "cannot_check"),
        "mismatch": failed(number, "x"),
    }
    order = list(steps)
    for at, outcome in enumerate(order):
        for other in order[: at + 1]:
            both = {number: steps[outcome], StepNumber.STATE: replace(steps[other], number=StepNumber.STATE)}
            assert build_verdict(both, Facts(), reason="").outcome == outcome
