"""States, steps and kinds have words in both languages, and sentences say them instead of codes."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

import gateway.rules
from gateway.errors import Refusal, problem_document
from gateway.reason_words.codes import KINDS, STAGES, STATES, STEPS, Words, sentence_words
from gateway.rules.fees import FEE_KINDS
from tests.unit.gateway.reason_sources import argument, called, calls_in

ROOT = Path(__file__).resolve().parents[3] / "gateway"
ROOMS = ("cases", "members", "timebank", "alliance", "commerce", "rules", "evidence", "api")
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
TREES = [ast.parse(path.read_text()) for path in FILES]
CHINESE = re.compile(r"[\u4e00-\u9fff]+\Z")
WORLD = frozenset({"find", "require", "about", "list", "open"})


def assigned_texts(tree: ast.Module) -> dict[str, str]:
    """Texts that the names of a module stand for."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                both = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                pairs = zip(target.elts, node.value.elts, strict=True) if both else [(target, node.value)]  # type: ignore[attr-defined]
                for name, value in pairs:
                    if isinstance(name, ast.Name) and isinstance(value, ast.Constant):
                        found[name.id] = str(value.value)
    return found


OWN = {tree: assigned_texts(tree) for tree in TREES}
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts): OWN[tree]
    for path, tree in zip(FILES, TREES, strict=True)
}


def named(name: str, tree: ast.Module) -> Iterator[str]:
    """The text a name stands for in a module, its own or one it imports."""
    found = [OWN[tree].get(name)]
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            known = MODULES[node.module]
            found += [known.get(one.name) for one in node.names if (one.asname or one.name) == name]
    yield from (text for text in found if text is not None)


def texts(node: ast.expr | None, tree: ast.Module) -> Iterator[str]:
    """The texts an expression may be, as far as it says them itself; enumerations are looked at as such."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id.isupper():
        yield from named(node.id, tree)
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body, tree)
        yield from texts(node.orelse, tree)


def enumerated(ending: str) -> set[str]:
    found: set[str] = set()
    for module in pkgutil.iter_modules(gateway.rules.__path__):
        for name, value in vars(importlib.import_module(f"gateway.rules.{module.name}")).items():
            if isinstance(value, type) and issubclass(value, StrEnum) and name.endswith(ending):
                found |= {one.value for one in value}
    return found


def kinds_in_source() -> set[str]:
    found: set[str] = set()
    for tree in TREES:
        for call in calls_in(tree):
            ours = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "world"
            if call.args and (called(call) == "Case" or (ours and called(call) in WORLD)):
                found |= set(texts(call.args[0], tree))
            if called(call) == "Refusal":
                found |= set(texts(argument(call, None, "kind"), tree))
    return found


def states_in_source() -> set[str]:
    found: set[str] = set()
    for tree in TREES:
        for call in calls_in(tree):
            name = called(call)
            given = [argument(call, 3 if name == "Case" else None, "state")]
            given += call.args[3:] if name == "require" else call.args[1:] if name == "about" else []
            if name in ("Refusal", "RuleRefusal", "require", "about", "Case", "replace", "list"):
                found |= {text for one in given for text in texts(one, tree)}
    return found


def steps_in_source() -> set[str]:
    found: set[str] = set()
    for tree in TREES:
        for call in calls_in(tree):
            if called(call) in ("Refusal", "RuleRefusal"):
                found |= set(texts(argument(call, None, "step"), tree))
            if called(call) == "_require":
                found |= set(texts(call.args[1] if len(call.args) > 1 else None, tree))
    return found


def test_every_state_has_words() -> None:
    wanted = enumerated("State") | states_in_source()
    assert {"checked_in", "emptying", "settling", "anchored", "partly_refunded", "lapsed"} <= wanted
    assert sorted(wanted - set(STATES[""]) - {word for room in STATES.values() for word in room}) == []


def test_every_step_has_words() -> None:
    wanted = enumerated("Step") | steps_in_source()
    assert {"check_in", "subsidise", "withdraw_notice", "pay_out", "top_up"} <= wanted
    assert sorted(wanted - set(STEPS[""])) == []


def test_every_kind_has_words() -> None:
    wanted = kinds_in_source() | set(FEE_KINDS)
    assert {"booking", "seat_application", "referral_duty", "ordinary"} <= wanted
    assert sorted(wanted - set(KINDS)) == []


@pytest.mark.parametrize("table", [*STATES.values(), *STEPS.values(), KINDS, STAGES])
def test_words_are_of_their_language(table: dict[str, Words]) -> None:
    for code, (en, zh) in table.items():
        assert CHINESE.match(zh), code
        assert en.isascii() and "_" not in en and en == en.strip() != "", code


def test_rooms_differ_only_where_all_have_a_word() -> None:
    for tables in (STATES, STEPS):
        for room, table in tables.items():
            assert room == "" or set(table) <= set(tables[""])


def shown(code: str, **fields: str | int) -> tuple[str, str]:
    document = problem_document(Refusal(code, **fields), instance="/v1/entries", trace_id="t")
    for name, value in fields.items():
        assert document[name] == value
    return str(document["detail"]), str(document["detail_zh"])


@pytest.mark.parametrize(
    ("code", "fields", "english", "chinese"),
    [
        (
            "booking.wrong_state", {"state": "checked_in", "step": "report_absent"},
            "The booking is checked in; the step report absent is not possible now.",
            "预约目前为已签到，不能进行报告缺席。",
        ),
        (
            "case.wrong_state",
            {"field": "public.about", "state": "partly_refunded", "wanted": "open or used"},
            "public.about: the case is partly refunded, this step needs open or used.",
            "public.about：该事项目前为部分退款，此步骤需要开放或已使用。",
        ),
        (
            "case.wrong_state",
            {"field": "public.about", "state": "settling", "wanted": "service.settled"},
            "public.about: the case is settling, this step needs pay out the next part.",
            "public.about：该事项目前为结算中，此步骤需要支付下一笔。",
        ),
        ("case.exists", {"kind": "seat_application"}, "There is a seat application for this already.",
         "该席位申请已经存在。"),
        ("case.unknown", {"field": "public.about", "kind": "fee"},
         "public.about names no fee of this chapter.", "public.about 所指的会费在本分会不存在。"),
        ("deposit.wrong_state", {"state": "suspended", "step": "top_up"},
         "top up: the deposit is below its floor.", "补足：保证金目前的状态为低于下限。"),
        ("voucher.not_open", {"state": "void"}, "The voucher is void.", "该代金券的状态为已作废。"),
        ("proof.pending", {"state": "anchored", "want": "final"},
         "The entry is anchored; its proof is complete when it is final.",
         "记录状态为已锚定，达到已最终确认后证明方可生成。"),
        ("seat.wrong_stage", {"stage": "referral_ability", "state": "applied"},
         "referral ability cannot be reviewed while the application is applied for.",
         "申请目前为已申请，不能审核推荐能力。"),
        ("alliance.too_early", {"step": "penalty.executed", "until": "2027-01-01T00:00:00.000Z"},
         "The step execute a penalty is possible from 2027-01-01T00:00:00.000Z on.",
         "执行处罚须在 2027-01-01T00:00:00.000Z 之后方可进行。"),
        ("membership.not_an_upgrade", {"kind": "co_creation"},
         "From co-creation membership there is no upgrade to the kind named.",
         "共创会员不能升级为所指类别。"),
    ],
)  # fmt: skip
def test_sentences_hold_words_and_members_codes(
    code: str, fields: dict[str, str], english: str, chinese: str
) -> None:
    assert shown(code, **fields) == (english, chinese)


def test_a_code_without_words_stays_and_other_fields_are_not_touched() -> None:
    assert sentence_words("case.wrong_state", {"state": "unheard", "field": "open"}, "zh") == {
        "state": "unheard"
    }
    assert sentence_words("membership.wrong_account", {"wanted": "open", "want": 3}, "zh") == {}
