"""Every English reason in the source that a refusal may carry, found by reading the syntax trees.

A reason is followed from where it is raised to where its words stand: through parameters to the callers,
through local names to their assignments, through both branches of a choice and through functions that only
return one. What cannot be followed is given back too, so that nothing escapes by being written cleverly.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]

NEVER_ANSWERED = (
    # What is read from the chain, from files or by the verifier: answered as verdicts or a failed start.
    *("chain/evidence", "chain/evm", "chain/merkle", "chain/checkpoint.py", "chain/proof_file.py"),
    *("chain/cbor.py", "chain/cose_receipt.py"),
    *("chain/tiles.py", "chain/trust_root.py", "chain/receipt.py", "chain/events.py"),
    *("chain/event_words.py", "chain/event_kinds.py", "chain/rule_events.py", "chain/typed_data.py"),
    *("chain/verify.py", "chain/witness_policy.py"),
    # Commands and first starts: their reader is at a terminal.
    *(
        "gateway/import_",
        "gateway/failpoints.py",
        "gateway/keys.py",
        "gateway/log_key.py",
        "gateway/setting_forms.py",
        "gateway/signer_",
        "gateway/witness",
        "gateway/mirror_commands.py",
        "gateway/validators.py",
    ),
    # Between our own processes.
    *("gateway/outbox", "gateway/ledger/intake_wire.py"),
)
"""Starts of paths whose reasons reach no HTTP client."""

POSITIONS = {"FormatError": 1, "FieldError": 2, "JsonError": 2, "LedgerFault": 0, "stop_writes": 0}
"""Where an error takes its reason, by position."""
OWN_WORDS = frozenset({"validation_reason"})
"""Functions whose reasons stand in a table of their own, tested by itself."""
PASSED_ON = frozenset({"reason", "check", "fault", "_fault"})
"""Attributes that hold a reason raised elsewhere: ``error.reason``."""


@dataclass(frozen=True, slots=True)
class Found:
    """One reason: ``text`` with ``{}`` for what is filled in, or None where it could not be followed."""

    place: str
    text: str | None
    shown: str


@dataclass(frozen=True, slots=True)
class Module:
    """One parsed file with the parents of its nodes."""

    path: str
    tree: ast.Module
    parents: dict[ast.AST, ast.AST]

    def functions_around(self, node: ast.AST) -> Iterator[ast.FunctionDef]:
        """The functions a node stands in, innermost first."""
        while (above := self.parents.get(node)) is not None:
            if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef):
                yield above  # type: ignore[misc]
            node = above


def read_modules(root: Path = ROOT) -> list[Module]:
    """Parse every module whose reasons may be answered."""
    found = []
    for room in ("chain", "gateway"):
        for file in sorted((root / room).rglob("*.py")):
            path = file.relative_to(root).as_posix()
            if not path.startswith(NEVER_ANSWERED):
                found.append(parse_module(path, file.read_text()))
    return found


def parse_module(path: str, source: str) -> Module:
    """Return the module of a source text."""
    tree = ast.parse(source)
    return Module(path, tree, {b: a for a in ast.walk(tree) for b in ast.iter_child_nodes(a)})


class Search:
    """Follows reasons through ``modules``; ``codes`` are the refusals whose ``reason`` is prose."""

    def __init__(self, modules: list[Module], codes: frozenset[str]) -> None:
        self._modules = modules
        self._codes = codes
        self._followed: set[tuple[str, str]] = set()
        self._found: dict[tuple[str, str], Found] = {}

    def run(self) -> list[Found]:
        """Return every reason once per place."""
        for module in self._modules:
            for call in calls_in(module.tree):
                reason = self._reason_of(call)
                if reason is not None:
                    self._follow(module, reason)
        return list(self._found.values())

    def _reason_of(self, call: ast.Call) -> ast.expr | None:
        name = called(call)
        if name in POSITIONS:
            return argument(call, POSITIONS[name], "check" if name == "LedgerFault" else "reason")
        if name == "Refusal" and call.args and isinstance(call.args[0], ast.Constant):
            return argument(call, None, "reason") if call.args[0].value in self._codes else None
        return argument(call, None, "reason") if name == "Refusal" else None

    def _follow(self, module: Module, node: ast.expr) -> None:
        if isinstance(node, ast.IfExp):
            self._follow(module, node.body)
            self._follow(module, node.orelse)
        elif isinstance(node, ast.Attribute) and node.attr in PASSED_ON:
            return
        elif (text := text_of(node)) is not None:
            self._note(module, node, text)
        elif isinstance(node, ast.Name) and self._follow_name(module, node):
            return
        elif isinstance(node, ast.Call) and called(node) in OWN_WORDS:
            return
        elif isinstance(node, ast.Call) and self._follow_returns(module, called(node)):
            return
        else:
            self._note(module, node, None)

    def _follow_name(self, module: Module, node: ast.Name) -> bool:
        for function in module.functions_around(node):
            parameters = [*function.args.posonlyargs, *function.args.args]
            names = [one.arg for one in parameters]
            if node.id in names:
                index = names.index(node.id) - (names[0] in ("self", "cls"))
                self._follow_callers(function.name, index, node.id)
                return True
            if node.id in [one.arg for one in function.args.kwonlyargs]:
                self._follow_callers(function.name, None, node.id)
                return True
        scopes: list[ast.AST] = [*module.functions_around(node), module.tree]
        for scope in scopes:
            values = list(assigned(scope, node.id))
            for value in values:
                self._follow(module, value)
            if values:
                return True
        return self._follow_imported(module, node.id)

    def _follow_imported(self, module: Module, name: str) -> bool:
        for statement in ast.walk(module.tree):
            if isinstance(statement, ast.ImportFrom) and name in [one.name for one in statement.names]:
                path = f"{(statement.module or '').replace('.', '/')}.py"
                for other in self._modules:
                    values = list(assigned(other.tree, name)) if other.path == path else []
                    for value in values:
                        self._follow(other, value)
                    if values:
                        return True
        return False

    def _follow_callers(self, function: str, index: int | None, name: str) -> None:
        if (function, name) in self._followed:
            return
        self._followed.add((function, name))
        for module in self._modules:
            for call in calls_in(module.tree):
                given = argument(call, index, name) if called(call) == function else None
                if given is not None:
                    self._follow(module, given)

    def _follow_returns(self, module: Module, function: str) -> bool:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef) and node.name == function:
                values = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
                for value in values:
                    self._follow(module, value)
                return bool(values)
        return False

    def _note(self, module: Module, node: ast.expr, text: str | None) -> None:
        place = f"{module.path}:{node.lineno}"
        self._found[place, text or ""] = Found(place, text, ast.unparse(node))


def calls_in(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call below a node."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def argument(call: ast.Call, index: int | None, name: str) -> ast.expr | None:
    """The argument a call gives for one parameter."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[index] if index is not None and index < len(call.args) else None


def assigned(scope: ast.AST, name: str) -> Iterator[ast.expr]:
    """The values a name is given in a scope."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            if any(isinstance(target, ast.Name) and target.id == name for target in node.targets):
                yield node.value
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
            if isinstance(node.target, ast.Name) and node.target.id == name and node.value is not None:
                yield node.value


def text_of(node: ast.expr) -> str | None:
    """The words of a text with ``{}`` for each part filled in, or None when there are none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "{}" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text_of(node.left), text_of(node.right)
        return None if left is None and right is None else (left or "{}") + (right or "{}")
    return None
