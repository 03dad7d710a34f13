"""What a disk shows after a power cut: a checkpoint must stand on whole tiles, and on none but its own."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from scripts.faults.durable import find_unfounded
from scripts.faults.tree import leaf_hash, roots_at

SIZE = 300
DATA = [bytes([number % 256]) * 3 + number.to_bytes(2, "big") for number in range(SIZE)]
LEAVES = [leaf_hash(data) for data in DATA]
KEY = ECC.construct(curve="Ed25519", seed=bytes(range(32)))  # type: ignore[arg-type]
_RAW = KEY.public_key().export_key(format="raw")
VKEY = "log.example+00000000+" + base64.b64encode(b"\x01" + _RAW).decode()


def note(size: int) -> str:
    text = f"log.example\n{size}\n{base64.b64encode(roots_at(LEAVES, [size])[size]).decode()}\n"
    signature = eddsa.new(KEY, "rfc8032").sign(text.encode())
    return f"{text}\n\u2014 log.example {base64.b64encode(bytes(4) + signature).decode()}\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    files = {"tile/0/000": LEAVES[:256], "tile/0/001.p/44": LEAVES[256:]}
    whole = {name: b"".join(part) for name, part in files.items()}
    whole["tile/1/000.p/1"] = roots_at(LEAVES[:256], [256])[256]
    bundles = {"tile/entries/000": DATA[:256], "tile/entries/001.p/44": DATA[256:]}
    for name, part in bundles.items():
        whole[name] = b"".join(len(data).to_bytes(2, "big") + data for data in part)
    for name, data in whole.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "checkpoint").write_text(note(SIZE))
    return tmp_path


def test_a_checkpoint_with_all_its_tiles_is_founded(log: Path) -> None:
    assert find_unfounded(log, [VKEY], [note(SIZE)]) == []
    assert find_unfounded(log, [VKEY], [note(299)]) == []


@pytest.mark.parametrize("name", ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"])
@pytest.mark.parametrize("torn", [False, True])
def test_a_tile_that_is_missing_or_torn_is_named(log: Path, name: str, torn: bool) -> None:
    path = log / name
    path.write_bytes(path.read_bytes()[:-1]) if torn else path.unlink()
    level, number = name.split("/")[1:3]
    (what,) = find_unfounded(log, [VKEY], [])
    assert what == f"a checkpoint of 300 is on disk, and not tile {int(number[:3])} of level {level}"


def test_bundles_must_be_whole_and_give_the_root(log: Path) -> None:
    bundle = log / "tile/entries/001.p/44"
    whole = bundle.read_bytes()
    bundle.write_bytes(whole[:-2])
    assert find_unfounded(log, [VKEY], []) == ["a checkpoint of 300 is on disk, and bundles of 299 entries"]
    bundle.write_bytes(whole[:-1] + b"\x00")
    assert find_unfounded(log, [VKEY], [])[0] == "the bundles on disk do not give the root of 300"


def test_a_checkpoint_that_was_shown_must_be_on_disk(log: Path) -> None:
    shown = [note(SIZE)]
    (log / "checkpoint").write_text(note(299))
    assert "a checkpoint of 300 was shown, one of 299 is on disk" in find_unfounded(log, [VKEY], shown)
    (log / "checkpoint").unlink()
    assert find_unfounded(log, [VKEY], shown) == ["a checkpoint of 300 was shown and none is on disk"]
    assert find_unfounded(log, [VKEY], []) == []
    (log / "checkpoint").write_text("torn")
    assert find_unfounded(log, [VKEY], []) == ["the checkpoint on disk: no signed note"]
