"""For each numbered step: its part alone taken away is *not present* with the documented exit code, its part
alone falsified fails at that step with exit code 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from chain.canonical import canonicalize
from chain.trust_root import TrustRoot
from chain.types import Digest
from chain.verify import StepNumber
from gateway.verify_command import run_verify
from tests.reference.bundle_maker import Made, MadeLock, for_root, make
from tests.reference.bundle_vectors import forged_seal, resigned

Json = Any
Edit = Callable[[Json], None]
N = StepNumber
FULL, QBFT, LOCKED = make(), make("qbft"), make(lock=MadeLock())


@dataclass(frozen=True)
class Change:
    """What to do with the JSON of ``made``, and the exit code it must then end with."""

    step: StepNumber
    exit: int
    edit: Edit
    made: Made = FULL


def put(*place: str | int, to: Json) -> Edit:
    """An edit that sets the member at ``place``."""

    def edit(value: Json) -> None:
        for name in place[:-1]:
            value = value[name]
        value[place[-1]] = to

    return edit


def note(change: Callable[[str], str]) -> Edit:
    """An edit of the signed checkpoint."""

    def edit(value: Json) -> None:
        value["log"]["checkpoint"] = change(value["log"]["checkpoint"])

    return edit


def without(prefix: str) -> Edit:
    """An edit that takes away the signature lines of names with ``prefix``."""
    start = f"\u2014 {prefix}"
    return note(lambda text: "".join(line for line in text.splitlines(True) if not line.startswith(start)))


def forged_cosignature(text: str) -> str:
    at = text.index("witness.example.org/bank ") + 60
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def without_chain(value: Json) -> None:
    for name in ("chain", "anchor", "outcome", "state"):
        value[name] = None


def keep(value: Json) -> None:
    """The base itself is what the case is about."""


def rooted(made: Made = FULL, **required: Any) -> Made:
    return for_root(made, replace(made.root, required=replace(made.root.required, **required)))


def other_code(root: TrustRoot) -> TrustRoot:
    """The trust root with another code hash of LogAnchor."""
    (chain,) = root.chains
    first, *others = chain.contracts
    pins = (replace(first, code_hash=Digest(bytes(32))), *others)
    return replace(root, chains=(replace(chain, contracts=pins),))


ANCHORED = rooted(Made(replace(FULL.bundle, outcome=None, state=None), FULL.root), outcome=False)
ABSENT = [
    Change(N.COMMITMENT, 4, put("salt", to=None)),
    Change(N.OPERATION, 4, put("op_salt", to=None)),
    Change(N.DISCLOSURES, 0, put("disclosures", to=[])),
    Change(N.INCLUSION, 4, put("log", "path", to=None)),
    Change(N.CHECKPOINT, 4, without("log.")),
    Change(N.WITNESSES, 4, without("witness.")),
    Change(N.ANCHOR, 3, without_chain),
    Change(N.CONTRACT, 4, put("anchor", "account_proof", to=[]), ANCHORED),
    Change(N.BLOCKS, 4, keep, rooted(depth=3)),
    Change(N.SEALS, 4, keep, rooted(make("none"), seals="clique")),
    Change(N.OUTCOME, 3, put("outcome", to=None)),
    Change(N.STATE, 0, put("state", to=None)),
    Change(N.LOCK, 0, lambda value: value.pop("lock"), LOCKED),
]
"""Steps 3 to 15; a file and a trust root that are not there at all have tests of their own."""

FALSE = [
    Change(N.FORMAT, 1, put("v", to=2)),
    Change(N.TRUST_ROOT, 1, put("trust_root", to="00" * 32)),
    Change(N.COMMITMENT, 1, put("salt", to="00" * 32)),
    Change(N.OPERATION, 1, put("op_salt", to="00" * 16)),
    Change(N.DISCLOSURES, 1, lambda value: value["disclosures"].append(value["disclosures"][0])),
    Change(N.INCLUSION, 1, lambda value: value["log"]["path"].reverse()),
    Change(N.CHECKPOINT, 1, note(resigned)),
    Change(N.WITNESSES, 1, note(forged_cosignature)),
    Change(N.ANCHOR, 1, put("anchor", "log_index", to=0)),
    Change(N.CONTRACT, 1, keep, for_root(FULL, other_code(FULL.root))),
    Change(N.BLOCKS, 1, put("chain", "runs", 0, "head", to="00" * 32)),
    Change(N.SEALS, 1, put("chain", "runs", 0, "headers", 3, to=forged_seal(QBFT)), QBFT),
    Change(N.OUTCOME, 1, put("outcome", "refused", to=7)),
    Change(N.STATE, 1, put("state", "balance", to="1")),
    Change(N.LOCK, 1, put("lock", "rest", to="1"), LOCKED),
]


def run(folder: Path, change: Change, capture: pytest.CaptureFixture[bytes]) -> tuple[int, Json]:
    """Exit code and JSON line of ``tongyi verify`` on the changed bundle."""
    value = json.loads(change.made.data)
    change.edit(value)
    file, root = folder / "bundle.json", folder / "root.json"
    file.write_bytes(canonicalize(value))
    root.write_bytes(change.made.root_data)
    code = run_verify([file], root, json=True)
    return code, json.loads(capture.readouterr().out)


@pytest.mark.parametrize("change", ABSENT, ids=[change.step.label for change in ABSENT])
def test_absent(change: Change, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    code, line = run(tmp_path, change, capfdbinary)
    assert code == change.exit
    assert line["steps"][change.step - 1]["status"] == "not_present"
    assert {step["status"] for step in line["steps"]} == {"passed", "not_present"}
    if change.step not in (N.ANCHOR, N.OUTCOME):
        # Nothing else suffers: what is missing is this step's part alone.
        absent = [step["number"] for step in line["steps"] if step["status"] == "not_present"]
        assert {*absent} - {13, 14, 15} == {change.step} - {13, 14, 15}


@pytest.mark.parametrize("change", FALSE, ids=[change.step.label for change in FALSE])
def test_false(change: Change, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    code, line = run(tmp_path, change, capfdbinary)
    assert (code, line["outcome"], line["failed_step"]) == (change.exit, "mismatch", change.step)


def test_every_step_is_here() -> None:
    assert [change.step for change in FALSE] == [*N]
    assert [change.step for change in ABSENT] == [*N][2:]


def test_no_file(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "root.json").write_bytes(FULL.root_data)
    assert run_verify([tmp_path / "bundle.json"], tmp_path / "root.json", json=True) == 4
    told = capfdbinary.readouterr()
    place = tmp_path / "bundle.json"
    said = f"✗ {place}：没有这个文件或目录 / {place}: No such file or directory\n"
    assert (told.out, told.err.decode()) == (b"", said)


def test_no_trust_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TONGYI_TRUST_ROOT", raising=False)
    Path("bundle.json").write_bytes(FULL.data)
    assert run_verify([Path("bundle.json")], json=True) == 4
    steps = json.loads(capfdbinary.readouterr().out)["steps"]
    assert [step["status"] for step in steps] == ["passed"] + ["not_present"] * 14
    assert (steps[1]["code"], {step["code"] for step in steps[2:]}) == ("malformed", {"not_reached"})


@pytest.mark.parametrize("section", ["outcome", "state"])
def test_a_section_without_the_proof_of_its_contract(
    section: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    change = Change(N.CONTRACT, 4, put(section, "account_proof", to=[]), LOCKED)
    code, line = run(tmp_path, change, capfdbinary)
    assert code == 4
    own = {"outcome": [13, 15], "state": [14]}[section]
    absent = [step["number"] for step in line["steps"] if step["status"] == "not_present"]
    assert absent == [10, *own]
    assert {line["steps"][number - 1]["code"] for number in absent} == {"no_account_proof"}
