"""Which module may import what: one table for every module of chain, gateway and scripts.

A module belongs to the row with its longest matching prefix. A row names the rooms it may import (its own
always), the packages of others, and whether it is pure: free of time, randomness, files and networks.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("chain", "gateway", "scripts")
IMPURE = frozenset(
    "asyncio ctypes ftplib getpass glob http imaplib io logging multiprocessing os pathlib random sched "
    "secrets select selectors shutil signal smtplib socket socketserver sqlite3 ssl subprocess tempfile "
    "threading time urllib uuid webbrowser xmlrpc".split()
)
"""Parts of the standard library that a pure module does without: what they give comes in as an argument."""


@dataclass(frozen=True)
class Row:
    """``modules`` and ``may`` are prefixes of dotted names; ``others`` are top-level package names."""

    modules: tuple[str, ...]
    may: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    pure: bool = False


def row(modules: str, may: str = "", others: str = "", *, pure: bool = False) -> Row:
    return Row(tuple(modules.split()), tuple(may.split()), frozenset(others.split()), pure)


# Rooms, from the bottom up.
BASE = "chain.types chain.errors"
FORMAT = (
    f"{BASE} chain.hashing chain.base64_text chain.canonical chain.operation chain.entry_fields"
    " chain.case_types chain.entry_types chain.entry"
)
NOTES = "chain.checkpoint chain.receipt chain.disclosure chain.witness_policy"
EVENTS = (
    "chain.event_kinds chain.events chain.event_words chain.rule_events chain.rule_kinds"
    " chain.typed_data chain.tiles"
)
RECEIPTS = "chain.cbor chain.merkle.verify"
VERIFIERS = (
    f"{FORMAT} {NOTES} {EVENTS} {RECEIPTS} chain.proof_file chain.cose_receipt chain.trust_root"
    " chain.evidence"
)
PURE = f"{VERIFIERS} chain.merkle"
GROUND = (
    "gateway.db gateway.row_compare gateway.durable_files gateway.errors gateway.error_codes"
    " gateway.telemetry gateway.failpoints"
)
MACHINERY = "gateway.ledger gateway.outbox gateway.mirror gateway.anchor"
USE_CASES = "gateway.members gateway.timebank gateway.alliance gateway.commerce gateway.evidence"
EDGE = "gateway.auth gateway.services gateway.schemas"
STORE = "sqlalchemy structlog"
WITNESSES_OF_FAULTS = (
    "scripts.faults.checker scripts.faults.client scripts.faults.journals scripts.faults.onchain"
    " scripts.faults.stored scripts.faults.told scripts.faults.tree scripts.faults.derived"
    " scripts.faults.published scripts.faults.shown scripts.faults.durable"
)

TABLE = (
    # chain: pure rooms.
    row("chain.types chain.errors chain", pure=True),
    row("chain.hashing", BASE, "Crypto", pure=True),
    row("chain.base64_text chain.cbor chain.tiles chain.evidence.rlp", "chain.errors", pure=True),
    row("chain.canonical", "chain.errors", "rfc8785", pure=True),
    row("chain.operation", f"{BASE} chain.hashing chain.canonical", pure=True),
    row("chain.entry_fields", f"{BASE} chain.canonical chain.operation", pure=True),
    row("chain.case_types", f"{BASE} chain.operation chain.entry_fields", pure=True),
    row("chain.entry_types", f"{BASE} chain.operation chain.entry_fields chain.case_types", pure=True),
    row("chain.entry chain.entry_text chain.disclosure", FORMAT, pure=True),
    row("chain.checkpoint", f"{BASE} chain.hashing chain.base64_text", "cryptography", pure=True),
    row("chain.receipt", f"{FORMAT} chain.checkpoint", "cryptography", pure=True),
    row("chain.witness_policy", f"{BASE} chain.checkpoint", pure=True),
    row("chain.merkle", f"{BASE} chain.hashing", pure=True),
    # The verifier shares nothing with the prover, so that neither can excuse the other.
    Row(("chain.merkle.verify",), (*BASE.split(), "chain.hashing"), pure=True),
    Row(("chain.sumtree",), (*BASE.split(), "chain.hashing", "chain.sumtree"), pure=True),
    Row(("chain.sumtree.verify",), (*BASE.split(), "chain.hashing"), pure=True),
    row("chain.event_chain", f"{BASE} chain.hashing chain.canonical", pure=True),
    row("chain.proof_file", f"{FORMAT} {NOTES} chain.merkle.verify", pure=True),
    row("chain.cose_receipt", f"{FORMAT} {NOTES} {RECEIPTS}", "cryptography", pure=True),
    row(EVENTS.removesuffix(" chain.tiles"), f"{BASE} chain.hashing {EVENTS}", pure=True),
    row("chain.trust_root chain.evidence", VERIFIERS, pure=True),
    row("chain.evidence.seals", VERIFIERS, "coincurve", pure=True),
    row("chain.phrases", pure=True),
    row("chain.detail_words", "chain.phrases", pure=True),
    row(
        "chain.verdict_words chain.verdict_text",
        "chain.evidence chain.verdict_words chain.detail_words",
        pure=True,
    ),
    row("chain.verify", VERIFIERS, pure=True),
    # chain: the I/O shell.
    row("chain.evm", PURE, "httpx2 coincurve eth_keys"),
    row("chain.evm.signers.keystore", f"{PURE} chain.evm", "eth_keyfile"),
    row("chain.evm.solc", PURE, "solcx"),
    # gateway: ground that every room stands on.
    row("gateway gateway.error_codes", "gateway.rules.refusal_texts"),
    row("gateway.reason_words", pure=True),
    row("gateway.errors", f"{PURE} gateway.error_codes gateway.reason_words"),
    row("gateway.failpoint_names", pure=True),
    row("gateway.lost_writes", "", pure=True),
    row("gateway.failpoints", "chain.errors gateway.failpoint_names", "sqlalchemy pysqlite3"),
    row("gateway.sqlite_writer", "gateway.failpoints gateway.lost_writes", "sqlalchemy pysqlite3"),
    row("gateway.database_checks", "chain.errors", "sqlalchemy pysqlite3"),
    row(
        "gateway.db",
        "gateway.failpoints gateway.sqlite_writer gateway.database_checks",
        "sqlalchemy alembic pysqlite3",
    ),
    row("gateway.row_compare", "", "sqlalchemy"),
    row("gateway.durable_files"),
    row("gateway.telemetry", "", "structlog prometheus_client starlette"),
    row(
        "gateway.settings",
        f"{PURE} gateway.reason_words gateway.setting_forms",
        "pydantic pydantic_settings",
    ),
    row("gateway.setting_forms", "chain gateway"),
    row("gateway.rules", PURE, pure=True),
    # gateway: the machinery. Mirror and outbox do not know each other; nobody here knows a use case.
    row("gateway.outbox", f"chain gateway.rules {GROUND}", f"{STORE} eth_abi"),
    row("gateway.mirror", f"chain gateway.rules {GROUND}", STORE),
    row("gateway.witness", f"{PURE} {GROUND}", STORE),
    row("gateway.witness.client", f"{PURE} {GROUND} gateway.witness", "httpx2"),
    row("gateway.witness.app", f"{PURE} {GROUND} gateway.witness", f"{STORE} starlette prometheus_client"),
    row(
        "gateway.witness.process",
        f"{PURE} {GROUND} gateway.witness gateway.data_folder gateway.keys gateway.server",
    ),
    row("gateway.anchor", f"chain gateway.rules gateway.outbox {GROUND}", STORE),
    row(
        "gateway.ledger", f"chain gateway.rules gateway.outbox gateway.mirror gateway.witness {GROUND}", STORE
    ),
    row("gateway.ledger.identity", PURE, "cryptography"),
    row("gateway.ledger.receipt_process", "", "cryptography"),
    row("gateway.ledger.authorization", f"chain gateway.ledger gateway.rules {GROUND}", "coincurve"),
    row("gateway.ledger.vault", f"{PURE} gateway.failpoints gateway.lost_writes", "cryptography pysqlite3"),
    # gateway: use cases, then the edge that renders them, then what puts everything together.
    row("gateway.cases", f"chain gateway.rules gateway.ledger {GROUND}", STORE),
    row(USE_CASES, f"chain gateway.rules gateway.cases {MACHINERY} {GROUND} {USE_CASES}", STORE),
    row("gateway.case_rules", f"gateway.cases {USE_CASES}"),
    # Delivery tells what the machinery found; its one way out is a module of its own.
    row(
        "gateway.delivery",
        f"{BASE} chain.canonical chain.event_chain chain.operation gateway.auth_tables"
        f" gateway.evidence.records gateway.ledger.tables gateway.ledger.vault gateway.mirror.tables"
        f" {GROUND}",
        STORE,
    ),
    row("gateway.delivery.targets", BASE),
    row("gateway.delivery.egress", f"{BASE} gateway.delivery.targets", "httpx2"),
    row("gateway.delivery.signing gateway.delivery.schedule"),
    row("gateway.auth_tables", GROUND, "sqlalchemy"),
    row("gateway.auth", f"chain gateway.auth_tables gateway.rates {GROUND}", "sqlalchemy"),
    row("gateway.schemas", f"{PURE} gateway.auth", "pydantic pydantic_core"),
    row("gateway.response_schemas", f"{PURE} gateway.schemas", "pydantic"),
    row("gateway.api gateway.web gateway.guard", f"chain gateway {EDGE}", "fastapi starlette sqlalchemy"),
    row("gateway.schema gateway.schema_state", "gateway", "sqlalchemy alembic"),
    row("gateway.migrations", "gateway.schema gateway.db", "alembic sqlalchemy"),
    row("gateway.app gateway.services gateway.workers", "chain gateway", "fastapi starlette structlog"),
    row("gateway.server", "gateway", "uvicorn starlette"),
    row("gateway.bootstrap gateway.standing gateway.signer_succession", "chain gateway", STORE),
    row("gateway.role_powers gateway.signer_rotation_refusals", "chain gateway"),
    row("gateway.validators", PURE),
    row("gateway.simulation", "gateway.ledger"),
    row("gateway.start_check gateway.witness_check", "chain gateway", "structlog"),
    row(
        "gateway.ground gateway.machinery gateway.machinery_delivery gateway.assembly gateway.runtime",
        "chain gateway",
        "structlog",
    ),
    row("gateway.leadership gateway.leadership_tables", f"{PURE} {GROUND}", STORE),
    row("gateway.roles gateway.api_role", "chain gateway", STORE),
    row("gateway.data_folder", PURE),
    row("gateway.heap gateway.rates gateway.version"),
    row("gateway.keys gateway.log_key gateway.signer_places", "chain gateway", "cryptography"),
    row(
        "gateway.cli gateway.role_commands gateway.signer_command gateway.doctor_command "
        "gateway.witness_command gateway.rotate_command gateway.backup_commands gateway.recover_command "
        "gateway.import_command gateway.import_report gateway.check_commands gateway.key_commands "
        "gateway.command_options gateway.command_line",
        "chain gateway",
        "typer rich httpx2",
    ),
    row("gateway.chain_commands gateway.verify_command gateway.import_source", "chain gateway"),
    row("gateway.mirror_commands gateway.import_judging gateway.command_failures", "chain gateway"),
    row("gateway.doctor_words", "chain.phrases", pure=True),
    row("gateway.command_words", "gateway.reason_words chain.phrases", pure=True),
    row("gateway.data_present gateway.stopped", "gateway"),
    row("gateway.backup", f"{PURE} gateway", "sqlalchemy pysqlite3"),
    row("gateway.repair", "chain gateway", "sqlalchemy"),
    row("gateway.verdict_json", "chain.canonical chain.verdict_text chain.verify", pure=True),
    row("gateway.import_roster gateway.import_posting", "chain gateway", "httpx2"),
    row("gateway.root_succession", "chain gateway.ledger"),
    row(
        "gateway.fsck_command gateway.log_rotation gateway.witness_rotation gateway.api_key_rotation "
        "gateway.signer_rotation",
        "chain gateway",
        "sqlalchemy",
    ),
    row("gateway.remote_commands", "chain gateway", "httpx2"),
    row("gateway.import_mapping", "chain gateway.rules"),
    row("gateway.import_state", "gateway.command_failures gateway.durable_files"),
    # scripts: above both.
    row("scripts", "chain gateway", "rich sqlalchemy alembic cryptography httpx2 pandas pymerkle web3"),
    # The campaign starts gateways; who judges them, and who posts to them, knows nothing of the product.
    row("scripts.faults", "chain gateway tests.databases", "psycopg"),
    row("scripts.faults.hostile.schema_hooks", "", "schemathesis"),
    row("scripts.faults.tamper_sql", "gateway", "sqlalchemy"),
    row("scripts.faults.planted.ledger_bugs", "chain gateway scripts.faults", "sqlalchemy"),
    row("scripts.faults.disk_calls", "", "pysqlite3"),
    row("scripts.faults.restore_part", "chain gateway scripts.faults tests.integration.witnesses_kit"),
    row(WITNESSES_OF_FAULTS, "", "Crypto psycopg"),
)
"""Whatever is in no row is in no room: give it one here, with the least it needs."""

ONLY_HERE = {
    "pydantic": {"gateway.settings", "gateway.schemas", "gateway.response_schemas"},
    "web3": {"scripts"},
    "uvicorn": {"gateway.server"},
    "typer": {
        "gateway.backup_commands",
        "gateway.check_commands",
        "gateway.cli",
        "gateway.command_line",
        "gateway.command_options",
        "gateway.doctor_command",
        "gateway.import_command",
        "gateway.import_report",
        "gateway.key_commands",
        "gateway.recover_command",
        "gateway.role_commands",
        "gateway.rotate_command",
        "gateway.signer_command",
        "gateway.witness_command",
    },
}
"""Packages with a place of their own, whatever the rows say."""


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def find_modules(root: Path) -> dict[str, Path]:
    """Dotted name -> file of every module of ours."""
    found = {}
    for package in OURS:
        for path in (root / package).rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def find_imports(source: str, module: str, *, package: bool, known: frozenset[str]) -> Iterator[str]:
    """Dotted names a module imports, anywhere in it and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[: -(node.level - package) or None]
                base = ".".join([*parents, *([base] if base else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base


def find_row(module: str) -> Row | None:
    best: tuple[int, Row] | None = None
    for candidate in TABLE:
        for prefix in candidate.modules:
            # "chain" and "gateway" alone are their __init__, not everything below.
            fits = module == prefix if prefix in OURS[:2] else within(module, prefix)
            if fits and (best is None or len(prefix) > best[0]):
                best = (len(prefix), candidate)
    return None if best is None else best[1]


def judge(module: str, imported: str) -> str | None:
    """What is wrong with this import, or None."""
    rules = find_row(module)
    top = imported.split(".")[0]
    if rules is None:
        return "is in no row of the table"
    if top in ONLY_HERE and not any(within(module, place) for place in ONLY_HERE[top]):
        return f"imports {imported}, which only {sorted(ONLY_HERE[top])} may"
    if top in sys.stdlib_module_names:
        return f"is pure and imports {imported}" if rules.pure and top in IMPURE else None
    if top in OURS or top == "tests":
        # A row is free within itself, but "chain" and "gateway" as its modules are __init__ files only.
        allowed = (*rules.may, *(own for own in rules.modules if own not in OURS[:2]))
        return None if any(within(imported, prefix) for prefix in allowed) else f"may not import {imported}"
    return None if top in rules.others else f"may not import the package {imported}"


MODULES = find_modules(ROOT)
KNOWN = frozenset(MODULES)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_of(module: str) -> None:
    path = MODULES[module]
    names = find_imports(path.read_text(), module, package=path.name == "__init__.py", known=KNOWN)
    assert find_row(module) is not None, f"{module} is in no row of the table"
    assert [fault for name in sorted(set(names)) if (fault := judge(module, name))] == []


def test_every_row_has_a_module() -> None:
    used = {id(find_row(module)) for module in MODULES}
    assert [one.modules for one in TABLE if id(one) not in used] == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("chain.merkle.verify", "chain.merkle.prove"),
        ("chain.merkle.verify", "chain.merkle.tree"),
        ("chain.verify", "chain.merkle.prove"),
        ("chain.verify", "chain.evm.client"),
        ("chain.evidence.bundle", "chain.evm"),
        ("chain.entry", "time"),
        ("chain.entry", "os.path"),
        ("chain.canonical", "random"),
        ("chain.checkpoint", "secrets"),
        ("chain.tiles", "pathlib"),
        ("chain.events", "web3"),
        ("chain.entry", "pydantic"),
        ("chain.evm.client", "gateway.db"),
        ("chain.evm.client", "web3"),
        ("gateway.rules.rebate", "time"),
        ("gateway.rules.rebate", "gateway.db"),
        ("gateway.mirror.follower", "gateway.outbox.queue"),
        ("gateway.outbox.queue", "gateway.mirror.tables"),
        ("gateway.ledger.sequencer", "gateway.members"),
        ("gateway.ledger.sequencer", "gateway.api.problems"),
        ("gateway.ledger.sequencer", "pydantic"),
        ("gateway.evidence.assemble", "gateway.api"),
        ("gateway.api.system", "pydantic"),
        ("gateway.app", "scripts.setup"),
        ("gateway.app", "tests.conftest"),
        ("gateway.new_room", "gateway.db"),
        ("scripts.faults.checker", "gateway.failpoints"),
        ("scripts.faults.checker", "scripts.faults.world"),
        ("scripts.faults.client", "chain.hashing"),
        ("scripts.faults.tree", "chain.merkle.tree"),
    ],
)
def test_what_the_table_forbids(module: str, imported: str) -> None:
    assert judge(module, imported) is not None


def test_imports_are_found_wherever_they_hide() -> None:
    source = (
        "import os.path\nfrom . import b\nfrom .c import d\nfrom ..e import f\n"
        "from gateway.api import system, other\ndef g():\n    import time\n"
    )
    known = frozenset({"gateway.api.system", "p.q.b"})
    found = set(find_imports(source, "p.q.a", package=False, known=known))
    assert found == {"os.path", "p.q.b", "p.q.c", "p.e", "gateway.api.system", "gateway.api", "time"}
    assert set(find_imports("from . import b\n", "p.q", package=True, known=known)) == {"p.q.b"}
