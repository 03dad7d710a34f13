"""Vectors for inclusion, consistency and window proofs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random

from chain.canonical import JsonValue
from chain.errors import VerificationError
from chain.hashing import hash_leaf
from chain.merkle.prove import consistency_proof, inclusion_proof, window_proof
from chain.merkle.tree import Tree
from chain.merkle.verify import root_from_window, verify_consistency, verify_inclusion

Case = dict[str, JsonValue]
VectorFile = dict[str, JsonValue]

_SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 17, 33, 64, 100)
_TREE = Tree(hash_leaf(number.to_bytes(8, "big")) for number in range(max(_SIZES) + 1))
_HUGE = 2**52 + 5
_CASES_A_FAULT = 24


def build_merkle_vectors(random: Random) -> Iterator[tuple[str, VectorFile]]:
    """Yield (path below tests/vectors, file) of the three folders."""
    for folder, sound, faults, holds in (
        ("inclusion", _sound_inclusions(), _INCLUSION_FAULTS, _inclusion_holds),
        ("consistency", _sound_consistencies(), _CONSISTENCY_FAULTS, _consistency_holds),
        ("window", _sound_windows(), _WINDOW_FAULTS, _window_holds),
    ):
        yield from _files(folder, list(sound), faults, holds, random)


Fault = Callable[[Case, Random], Case | None]


def _files(
    folder: str,
    sound: list[Case],
    faults: dict[str, tuple[str, Fault]],
    holds: Callable[[Case], bool],
    random: Random,
) -> Iterator[tuple[str, VectorFile]]:
    for case in sound:
        if not holds(case):
            raise AssertionError(f"{folder}: own prover and verifier disagree")
    yield f"{folder}/sound-proofs.json", _file("Proofs that hold.", True, sound)
    for name, (what, fault) in faults.items():
        broken = [made for case in sound if (made := fault(case, random)) is not None]
        # A changed size or index can leave a proof that still holds; such a case says nothing here.
        cases = [case for case in broken if not holds(case)]
        if not cases or (len(cases) < len(broken) and not name.startswith("shifted-")):
            raise AssertionError(f"{folder}/{name}: a broken proof holds")
        thinned = cases[:: -(-len(cases) // _CASES_A_FAULT)]
        yield f"{folder}/{name}.json", _file(what, False, thinned)


def _file(what: str, valid: bool, cases: Iterable[Case]) -> VectorFile:
    return {"what": what, "valid": valid, "cases": list(cases)}


def _hex(hashes: Iterable[bytes]) -> list[JsonValue]:
    return [item.hex() for item in hashes]


def _nodes(case: Case, name: str) -> list[bytes]:
    value = case[name]
    assert isinstance(value, list)  # noqa: S101  (these are our own cases)
    return [bytes.fromhex(str(item)) for item in value]


def _number(case: Case, name: str) -> int:
    value = case[name]
    assert isinstance(value, int)  # noqa: S101
    return value


def _hash(case: Case, name: str) -> bytes:
    return bytes.fromhex(str(case[name]))


def _sound_inclusions() -> Iterator[Case]:
    for size in _SIZES:
        for index in sorted({0, 1, size // 2, size - 2, size - 1} & set(range(size))):
            yield {
                "index": index,
                "size": size,
                "leaf_hash": _TREE.leaf_hash(index).hex(),
                "proof": _hex(inclusion_proof(_TREE, index, size)),
                "root": _TREE.root(size).hex(),
            }


def _sound_consistencies() -> Iterator[Case]:
    for size2 in _SIZES:
        for size1 in sorted({1, 2, size2 // 2, size2 - 1, size2} & set(range(1, size2 + 1))):
            yield {
                "size1": size1,
                "size2": size2,
                "proof": _hex(consistency_proof(_TREE, size1, size2)),
                "root1": _TREE.root(size1).hex(),
                "root2": _TREE.root(size2).hex(),
            }


def _sound_windows() -> Iterator[Case]:
    for start, end, size in (
        *((0, 1, 1), (0, 1, 2), (1, 2, 2), (0, 3, 3), (1, 2, 3), (2, 3, 3), (1, 4, 8), (4, 8, 8), (3, 5, 9)),
        *((7, 8, 9), (8, 9, 9), (5, 6, 16), (0, 16, 33), (15, 17, 33), (16, 20, 33), (31, 33, 64)),
        *((1, 2, 100), (37, 53, 100), (63, 65, 100), (64, 96, 100), (99, 100, 100)),
    ):
        left, right = window_proof(_TREE, start, end, size)
        yield {
            "start": start,
            "size": size,
            "leaf_hashes": _hex(_TREE.leaf_hash(index) for index in range(start, end)),
            "left": _hex(left),
            "right": _hex(right),
            "root": _TREE.root(size).hex(),
        }


def _inclusion_holds(case: Case) -> bool:
    try:
        verify_inclusion(
            _number(case, "index"),
            _number(case, "size"),
            _hash(case, "leaf_hash"),
            _nodes(case, "proof"),
            _hash(case, "root"),
        )
    except VerificationError:
        return False
    return True


def _consistency_holds(case: Case) -> bool:
    try:
        verify_consistency(
            _number(case, "size1"),
            _number(case, "size2"),
            _nodes(case, "proof"),
            _hash(case, "root1"),
            _hash(case, "root2"),
        )
    except VerificationError:
        return False
    return True


def _window_holds(case: Case) -> bool:
    try:
        root = root_from_window(
            _number(case, "start"),
            _nodes(case, "leaf_hashes"),
            _nodes(case, "left"),
            _nodes(case, "right"),
            _number(case, "size"),
        )
    except VerificationError:
        return False
    return root == _hash(case, "root")


def _flip(text: str, random: Random) -> str:
    return (int(text, 16) ^ 1 << random.randrange(256)).to_bytes(32, "big").hex()


def _in_list(name: str, change: Callable[[list[JsonValue], Random], list[JsonValue] | None]) -> Fault:
    """Change a list of hashes; None where the change needs more of them."""

    def fault(case: Case, random: Random) -> Case | None:
        value = case[name]
        changed = change(list(value), random) if isinstance(value, list) else None
        return None if changed is None or changed == value else {**case, name: changed}

    return fault


def _flip_one(nodes: list[JsonValue], random: Random) -> list[JsonValue] | None:
    if not nodes:
        return None
    place = random.randrange(len(nodes))
    nodes[place] = _flip(str(nodes[place]), random)
    return nodes


def _drop_last(nodes: list[JsonValue], random: Random) -> list[JsonValue] | None:
    return nodes[:-1] if nodes else None


def _drop_first(nodes: list[JsonValue], random: Random) -> list[JsonValue] | None:
    return nodes[1:] if nodes else None


def _drop_all(nodes: list[JsonValue], random: Random) -> list[JsonValue] | None:
    return [] if nodes else None


def _swap(nodes: list[JsonValue], random: Random) -> list[JsonValue] | None:
    return [nodes[1], nodes[0], *nodes[2:]] if len(nodes) > 1 else None


def _reverse(nodes: list[JsonValue], random: Random) -> list[JsonValue] | None:
    return nodes[::-1] if len(nodes) > 1 else None


def _repeat_last(nodes: list[JsonValue], random: Random) -> list[JsonValue] | None:
    return [*nodes, nodes[-1]] if nodes else None


def _add_zeros(nodes: list[JsonValue], random: Random) -> list[JsonValue] | None:
    return [*nodes, bytes(32).hex()]


def _put_zeros_first(nodes: list[JsonValue], random: Random) -> list[JsonValue] | None:
    return [bytes(32).hex(), *nodes]


def _flip_hash(name: str) -> Fault:
    return lambda case, random: {**case, name: _flip(str(case[name]), random)}


def _shift(name: str, by: int, least: int = 0) -> Fault:
    def fault(case: Case, random: Random) -> Case | None:
        number = _number(case, name) + by
        return {**case, name: number} if number >= least else None

    return fault


def _list_faults(name: str, word: str) -> dict[str, tuple[str, Fault]]:
    return {
        f"changed-{word}": ("One bit of one node is flipped.", _in_list(name, _flip_one)),
        f"truncated-{word}": ("The last node is missing.", _in_list(name, _drop_last)),
        f"beheaded-{word}": ("The first node is missing.", _in_list(name, _drop_first)),
        f"emptied-{word}": ("All nodes are missing.", _in_list(name, _drop_all)),
        f"swapped-{word}": ("The first two nodes are swapped.", _in_list(name, _swap)),
        f"reversed-{word}": ("The nodes are in reverse order.", _in_list(name, _reverse)),
        f"repeated-{word}": ("The last node is there twice.", _in_list(name, _repeat_last)),
        f"extended-{word}": ("A node of zeros follows the last.", _in_list(name, _add_zeros)),
        f"preceded-{word}": ("A node of zeros precedes the first.", _in_list(name, _put_zeros_first)),
    }


def _other_leaf(case: Case, random: Random) -> Case | None:
    if case["size"] == 1:
        return None
    other = (_number(case, "index") + 1) % _number(case, "size")
    return {**case, "leaf_hash": _TREE.leaf_hash(other).hex()}


_INCLUSION_FAULTS: dict[str, tuple[str, Fault]] = {
    **_list_faults("proof", "proof"),
    "changed-leaf": ("One bit of the leaf hash is flipped.", _flip_hash("leaf_hash")),
    "other-leaf": ("The leaf hash is another leaf's of the same tree.", _other_leaf),
    "changed-root": ("One bit of the root is flipped.", _flip_hash("root")),
    "root-of-next-size": (
        "The root is that of the tree one leaf longer.",
        lambda case, random: {**case, "root": _TREE.root(_number(case, "size") + 1).hex()},
    ),
    "index-equals-size": (
        "The index is the size itself.",
        lambda case, random: {**case, "index": case["size"]},
    ),
    "index-beyond-size": (
        "The index lies far beyond the size.",
        lambda case, random: {**case, "index": _HUGE},
    ),
    "empty-tree": (
        "Nothing is in a tree of size 0.",
        lambda case, random: {**case, "index": 0, "size": 0, "proof": []},
    ),
    "huge-size": ("The size needs a far longer proof.", lambda case, random: {**case, "size": _HUGE}),
    "shifted-index": ("The index is one too high.", _shift("index", 1)),
    "shifted-size": ("The size is one too high and the shape another.", _shift("size", 1)),
    "shifted-size-down": ("The size is one too low and the shape another.", _shift("size", -1)),
}


def _root_ahead(case: Case, random: Random) -> Case | None:
    """The old root put before a proof that must not carry it."""
    nodes = case["proof"]
    return {**case, "proof": [case["root1"], *nodes]} if isinstance(nodes, list) else None


def _unequal(case: Case, random: Random) -> bool:
    return case["size1"] != case["size2"]


_CONSISTENCY_FAULTS: dict[str, tuple[str, Fault]] = {
    **_list_faults("proof", "proof"),
    "changed-first-root": ("One bit of the first root is flipped.", _flip_hash("root1")),
    "changed-second-root": ("One bit of the second root is flipped.", _flip_hash("root2")),
    "first-root-in-proof": ("The proof begins with the first root.", _root_ahead),
    "swapped-roots": (
        "The two roots are swapped.",
        lambda case, random: (
            {**case, "root1": case["root2"], "root2": case["root1"]} if _unequal(case, random) else None
        ),
    ),
    "swapped-sizes": (
        "The first size is above the second.",
        lambda case, random: (
            {**case, "size1": case["size2"], "size2": case["size1"]} if _unequal(case, random) else None
        ),
    ),
    "same-root-for-a-longer-tree": (
        "A longer tree claims the shorter one's root and needs no proof.",
        lambda case, random: (
            {**case, "proof": [], "root2": case["root1"]} if _unequal(case, random) else None
        ),
    ),
    "equal-sizes-other-root": (
        "Two roots for one size.",
        lambda case, random: {
            **case,
            "proof": [],
            "size1": case["size2"],
            "root1": _flip(str(case["root2"]), random),
        },
    ),
    "huge-second-size": ("The size needs a longer proof.", lambda case, random: {**case, "size2": _HUGE}),
    "shifted-first-size": ("The first size is one too high.", _shift("size1", 1)),
    "shifted-first-size-down": ("The first size is one too low.", _shift("size1", -1, 1)),
    "shifted-second-size": ("The second size is one too high.", _shift("size2", 1)),
    "shifted-second-size-down": ("The second size is one too low.", _shift("size2", -1)),
}

_WINDOW_FAULTS: dict[str, tuple[str, Fault]] = {
    **_list_faults("leaf_hashes", "leaves"),
    **_list_faults("left", "left"),
    **_list_faults("right", "right"),
    "changed-root": ("One bit of the root is flipped.", _flip_hash("root")),
    "beyond-size": (
        "The window ends after the tree.",
        lambda case, random: {**case, "start": case["size"], "left": []},
    ),
    "huge-size": ("The size needs more nodes.", lambda case, random: {**case, "size": _HUGE}),
    "shifted-start": ("The start is one too high.", _shift("start", 1)),
    "shifted-start-down": ("The start is one too low.", _shift("start", -1)),
    "shifted-size": ("The size is one too high and the shape another.", _shift("size", 1)),
    "shifted-size-down": ("The size is one too low and the shape another.", _shift("size", -1)),
}
