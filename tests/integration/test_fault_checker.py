"""The campaign's checker on a real gateway at rest: nothing is wrong, then one thing at a time is.

Each row breaks one thing behind the gateway's back and names the oracle that must say so.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.faults.checker import Place, check
from scripts.faults.client import Client, Target, draw_request
from scripts.faults.stored import Stored
from scripts.faults.world import SQLITE, World

REQUESTS = 30


def no_clone(template: str | None) -> tuple[str, Callable[[], None]]:
    raise AssertionError("this world is on SQLite")


@pytest.fixture(scope="module")
def rested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway that took requests of every kind, came to rest and was stopped; its chain still runs."""
    folder = tmp_path_factory.mktemp("checker")
    with World(folder / "world", SQLITE, no_clone) as world:
        world.warm()
        with world.case() as case:
            process = case.process()
            process.start()
            assert process.wait_ready(), process.log()
            accounts, target = case.state.accounts, Target(case.state.key, process.port)
            client = Client(
                case.place.journals,
                target,
                connections=2,
                draw=lambda number: draw_request(accounts, "c", number) if number < REQUESTS else None,
            )
            client.start()
            assert client.join(60)
            case.wait_quiet()
            client.close()
            assert process.stop() == 0
            assert (client.tally.accepted, client.tally.strange) == (REQUESTS, [])
            yield case.place


@pytest.fixture
def place(rested: Place, tmp_path: Path) -> Place:
    """A copy of what the checker reads; the chain is the same."""
    data = rested.log.parent
    shutil.copytree(data, tmp_path / "data")
    shutil.copytree(rested.journals, tmp_path / "journals")
    database = f"sqlite:///{tmp_path / 'data' / 'gateway.sqlite3'}"
    return replace(rested, database=database, log=tmp_path / "data" / "log", journals=tmp_path / "journals")


def sql(*statements: str) -> Callable[[Place], None]:
    def tamper(place: Place) -> None:
        for statement in statements:
            Stored(place.database).change(statement)

    return tamper


def say(make: Callable[[Place], list[dict[str, object]]]) -> Callable[[Place], None]:
    """Have the clients have written something else."""

    def tamper(place: Place) -> None:
        with (place.journals / "zzz.ndjson").open("a") as file:
            for line in make(place):
                file.write(json.dumps(line) + "\n")

    return tamper


def first(place: Place, word: str) -> dict[str, object]:
    lines = (place.journals / "client-0.ndjson").read_text().splitlines()
    found: dict[str, object] = next(line for line in map(json.loads, lines) if word in line)
    return found


def asked_by_nobody(place: Place) -> None:
    lines = [line for path in place.journals.glob("client-*") for line in path.read_text().splitlines()]
    key = first(place, "ask")["ask"]
    for path in place.journals.glob("client-*"):
        path.unlink()
    kept = [line for line in lines if key not in json.loads(line).values()]
    (place.journals / "client-0.ndjson").write_text("\n".join(kept))


def lost_entry(place: Place) -> list[dict[str, object]]:
    asked, answer = first(place, "ask"), first(place, "ok")["answer"]
    assert isinstance(answer, dict)
    told = {**answer, "index": 9_999, "receipt": {**answer["receipt"], "index": 9_999}}
    return [{**asked, "ask": "lost", "order": "0" * 64}, {"ok": "lost", "answer": told}]


def accepted_twice(place: Place) -> list[dict[str, object]]:
    ok = first(place, "ok")
    answer = ok["answer"]
    assert isinstance(answer, dict)
    return [{**ok, "answer": {**answer, "id": "another"}}]


def changed_receipt(place: Place) -> list[dict[str, object]]:
    ok = first(place, "ok")
    answer = ok["answer"]
    assert isinstance(answer, dict)
    receipt = {**answer["receipt"], "at": "2020-01-01T00:00:00.000Z"}
    return [{"ok": ok["ok"], "answer": {**answer, "receipt": receipt}}]


def cut_tile(place: Place) -> None:
    tile = max((place.log / "tile" / "0").rglob("*"), key=lambda path: (path.is_file(), int(path.name[:3])))
    tile.write_bytes(tile.read_bytes()[:-32])


def cut_bundle(place: Place) -> None:
    bundles = [path for path in (place.log / "tile" / "entries").rglob("*") if path.is_file()]
    bundle = max(bundles, key=lambda path: int(path.name[:3]))
    bundle.write_bytes(bundle.read_bytes()[:-67])


SECOND_WINDOW = """
INSERT INTO chain_transactions (chain_id, kind, target, signer, reference, gas, state, log_id, window_start,
  window_end, anchored_size, run, created_at)
SELECT chain_id, kind, target, signer, reference, gas, 'failed', log_id, window_start, window_end,
  anchored_size, run, created_at FROM chain_transactions WHERE kind = 'settle' ORDER BY id DESC LIMIT 1"""
"""The last window once more, as another call."""


def final_elsewhere(place: Place) -> list[dict[str, object]]:
    row = Stored(place.database).rows(
        "SELECT e.entry_id, e.log_index FROM entries e JOIN operations o ON o.log_index = e.log_index LIMIT 1"
    )
    entry_id, index = row[0]
    entry = {"id": entry_id, "index": index, "outcome": {"status": "done"}, "tx_hash": "0x" + "00" * 32}
    return [{"told": entry_id, "entry": entry}]


def shown_before(place: Place) -> list[dict[str, object]]:
    notes = Stored(place.database).rows("SELECT note FROM checkpoints ORDER BY size DESC")
    return [{"seen": bytes(note).decode()} for (note,) in (notes[0], notes[1])]


def test_nothing_is_wrong_with_a_gateway_at_rest(rested: Place) -> None:
    assert [str(failure) for failure in check(rested)] == []


@pytest.mark.parametrize(
    ("tamper", "oracle"),
    [
        (sql("UPDATE entries SET salt = zeroblob(32) WHERE log_index = 20"), "O1 body"),
        (sql("UPDATE entries SET entry_id = 'X' || log_index WHERE log_index > 20"), "O1 changed"),
        (say(lost_entry), "O1 lost"),
        (say(changed_receipt), "O1 receipt"),
        (sql("DELETE FROM entries WHERE log_index = 20"), "O1 gap"),
        (say(lambda place: [{"refused": first(place, "ok")["ok"], "code": "x"}]), "O2 phantom"),
        (asked_by_nobody, "O2 phantom"),
        (say(accepted_twice), "O2 double"),
        (sql("UPDATE entries SET leaf_data = zeroblob(65) WHERE log_index > 10"), "O3 foreign"),
        (sql("UPDATE chain_transactions SET state = 'sent' WHERE id = 3"), "O3 stuck"),
        (sql("UPDATE chain_signers SET next_nonce = next_nonce + 1"), "O3 nonce"),
        (sql("UPDATE mirror_accounts SET balance = balance + 1"), "O4 mirror"),
        (say(shown_before), "O5 shrunk"),
        (sql("UPDATE checkpoints SET root = zeroblob(32) WHERE size > 20"), "O5 root"),
        (sql("DELETE FROM checkpoints WHERE size > 20"), "O8 forgotten"),
        (sql("DELETE FROM mirror_logs WHERE block_number % 2 = 0"), "O7 events"),
        (sql("DELETE FROM mirror_blocks WHERE number % 7 = 0"), "O7 blocks"),
        (say(final_elsewhere), "O8 taken back"),
        (cut_tile, "O9 tiles"),
        (sql("UPDATE log_trees SET size = size - 1"), "O9 checkpoint"),
        (cut_bundle, "O9 bundles"),
        (sql("UPDATE balances SET available = available + 1"), "O4 registers"),
        (sql(SECOND_WINDOW), "O3 window"),
        (say(lambda place: [{"refused": "other", "code": "idempotency.key_reused"}]), "O2 key"),
        (say(lambda place: [{"heard": {"seq": 2}, "by": "somebody"}]), "O2 heard"),
        (say(lambda place: [{"proof": "none", "of": 3}]), "O8 proof"),
        (say(lambda place: [{"verdict": "pass", "forged": True, "of": 3}]), "O8 verdict"),
    ],
)
def test_what_is_wrong_is_named(place: Place, tamper: Callable[[Place], None], oracle: str) -> None:
    tamper(place)
    assert oracle in {failure.oracle for failure in check(place)}
