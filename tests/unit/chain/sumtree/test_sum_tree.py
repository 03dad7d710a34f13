"""Sum trees against a slow one of their description; every change of a path, leaf or total is refused."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import astuple, replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError, VerificationError
from chain.sumtree.build import DEPTHS, SumTree, choose_depth, pad
from chain.sumtree.verify import (
    MAX_DEPTH,
    MAX_SEQUENCE,
    MAX_SUM,
    AccountHead,
    AccountLeaf,
    EntryLink,
    SumNode,
    account_key,
    join,
    leaf_node,
    subtotal_node,
    verify_membership,
    verify_period,
)
from chain.types import Address
from tests.reference import naive_sum_tree as naive

NOBODY = AccountHead(0, bytes(32))
NO_COINS = 0


def draws(seed: int) -> random.Random:
    return random.Random(seed)


def drawn_leaf(chance: random.Random) -> AccountLeaf:
    """Return an account with anything it may have."""
    balance = chance.choice((0, 1, chance.randrange(1 << 30)))
    start = NOBODY if chance.random() < 0.3 else AccountHead(chance.randrange(1, 99), chance.randbytes(32))
    end = start if chance.random() < 0.3 else AccountHead(start.sequence + 3, chance.randbytes(32))
    return AccountLeaf(chance.randbytes(32), balance, chance.randrange(balance + 1), start, end)


def as_naive(leaf: AccountLeaf) -> naive.Account:
    key, balance, locked, start, end = astuple(leaf)
    return key, balance, locked, *start, *end


def told(node: SumNode) -> naive.Node:
    return cast("naive.Node", astuple(node))


@pytest.mark.parametrize("depth", range(7))
def test_every_tree_and_path_is_that_of_the_slow_one(depth: int) -> None:
    chance = draws(depth)
    leaves = [drawn_leaf(chance) for _ in range(1 << depth)]
    nodes = [naive.leaf(as_naive(leaf)) for leaf in leaves]
    tree = SumTree.of_accounts(leaves)
    assert (tree.depth, told(tree.root)) == (depth, naive.total(nodes))
    assert tree.root.balance == sum(leaf.balance for leaf in leaves)
    assert tree.root.locked == sum(leaf.locked for leaf in leaves)
    for index, leaf in enumerate(leaves):
        path = tree.path(index)
        assert [told(node) for node in path] == naive.siblings(nodes, index)
        verify_membership(index, depth, leaf_node(leaf), path, tree.root)


def test_totals_of_trees_add_up_in_the_tree_above() -> None:
    chance = draws(1)
    towns = [SumTree.of_accounts([drawn_leaf(chance) for _ in range(4)]) for _ in range(2)]
    names = [chance.randbytes(32) for _ in towns]
    leaves = [subtotal_node(name, town.depth, town.root) for name, town in zip(names, towns, strict=True)]
    slow = [
        naive.subtotal(name, town.depth, told(town.root)) for name, town in zip(names, towns, strict=True)
    ]
    city = SumTree(leaves)
    assert told(city.root) == naive.total(slow)
    assert city.root.balance == sum(town.root.balance for town in towns)
    verify_membership(1, 1, leaves[1], city.path(1), city.root)


@given(st.integers(0, 2**32), st.data())
def test_no_change_of_anything_told_is_accepted(seed: int, data: st.DataObject) -> None:
    chance = draws(seed)
    depth = chance.randrange(1, 5)
    leaves = [drawn_leaf(chance) for _ in range(1 << depth)]
    tree = SumTree.of_accounts(leaves)
    index = chance.randrange(1 << depth)
    told_of = (index, depth, leaf_node(leaves[index]), tree.path(index), tree.root)
    changed = data.draw(st.sampled_from(list(changes(*told_of, chance))))
    with pytest.raises(VerificationError):
        verify_membership(*changed)


def changes(
    index: int, depth: int, node: SumNode, path: list[SumNode], root: SumNode, chance: random.Random
) -> Iterator[tuple[Any, ...]]:
    """Yield what somebody else may be shown: another place, depth, leaf, path or total."""
    for bit in range(depth):
        yield index ^ 1 << bit, depth, node, path, root
    yield index, depth, node, path[:-1], root
    yield index, depth, node, [*path, path[-1]], root
    yield index, depth - 1, node, path[:-1], root
    yield index, depth + 1, node, [*path, SumNode(bytes(32), 0, 0)], root
    yield index + (1 << depth), depth, node, path, root
    yield index, depth, path[0], [node, *path[1:]], root
    if depth > 1:
        yield index, depth, node, [path[1], path[0], *path[2:]], root
    for other in altered(node, chance):
        yield index, depth, other, path, root
    for other in altered(root, chance):
        yield index, depth, node, path, other
    for height, sibling in enumerate(path):
        for other in altered(sibling, chance):
            yield index, depth, node, [*path[:height], other, *path[height + 1 :]], root
        # What one has too little, another has too much: the root's totals stay.
        yield (
            index, depth, replace(node, balance=node.balance + 1),
            [*path[:height], replace(sibling, balance=sibling.balance - 1), *path[height + 1 :]], root,
        )  # fmt: skip


def altered(node: SumNode, chance: random.Random) -> Iterator[SumNode]:
    bad = bytearray(node.hash)
    bad[chance.randrange(32)] ^= 1 << chance.randrange(8)
    yield replace(node, hash=bytes(bad))
    for change in (1, -1, MAX_SUM, -node.balance - 1):
        yield replace(node, balance=node.balance + change)
    yield replace(node, locked=node.locked + 1)
    yield replace(node, locked=-1)


LEAF = AccountLeaf(b"\x07" * 32, 10, 4, AccountHead(2, b"\x01" * 32), AccountHead(3, b"\x02" * 32))


@pytest.mark.parametrize(
    ("leaf", "reason"),
    [
        (replace(LEAF, key=b"\x07" * 31), "key is not 32 bytes"),
        (replace(LEAF, balance=-1), f"balance is not 0 to {MAX_SUM}"),
        (replace(LEAF, balance=MAX_SUM + 1), f"balance is not 0 to {MAX_SUM}"),
        (replace(LEAF, balance=cast(int, True)), f"balance is not 0 to {MAX_SUM}"),
        (replace(LEAF, locked=11), "locked is not 0 to 10"),
        (replace(LEAF, end=AccountHead(MAX_SEQUENCE + 1, b"\x02" * 32)),
         f"end sequence is not 0 to {MAX_SEQUENCE}"),
        (replace(LEAF, end=AccountHead(3, b"\x02")), "end head is not 32 bytes"),
        (replace(LEAF, start=AccountHead(0, b"\x01" * 32)),
         "start head is not zeros exactly before the first entry"),
        (replace(LEAF, end=AccountHead(3, bytes(32))),
         "end head is not zeros exactly before the first entry"),
        (replace(LEAF, end=AccountHead(1, b"\x02" * 32)), "the chain of entries runs back"),
        (replace(LEAF, end=AccountHead(2, b"\x02" * 32)), "another head without an entry"),
    ],
)  # fmt: skip
def test_a_leaf_out_of_its_range_is_refused(leaf: AccountLeaf, reason: str) -> None:
    with pytest.raises(VerificationError) as refused:
        leaf_node(leaf)
    assert (refused.value.step, refused.value.reason) == ("sum tree", reason)


def test_sums_do_not_overflow() -> None:
    half = SumNode(bytes(32), MAX_SUM // 2 + 1, 0)
    with pytest.raises(VerificationError) as refused:
        join(0, half, half)
    assert refused.value.reason == f"balance is not 0 to {MAX_SUM}"
    assert join(0, half, replace(half, balance=MAX_SUM // 2)).balance == MAX_SUM


def test_hostile_parts_are_refused_like_wrong_ones() -> None:
    node = leaf_node(LEAF)
    for arguments in (
        (0, MAX_DEPTH + 1, node, [], node),
        (0, -1, node, [], node),
        (0, 1, node, None, node),
        (0, 1, node, [None], node),
        (0, 0, node, [], None),
        ("0", 0, node, [], node),
        (0, 0, replace(node, hash=cast(bytes, "x")), [], node),
    ):
        with pytest.raises(VerificationError):
            verify_membership(*cast("Any", arguments))
    verify_membership(0, 0, node, [], node)


def test_a_key_hides_its_account() -> None:
    account, salt = Address(b"\x05" * 20), b"\x06" * 32
    assert account_key(salt, account) != account_key(b"\x08" * 32, account)
    for bad_salt, bad_account in ((salt[:-1], account), (salt, Address(b"\x05" * 19))):
        with pytest.raises(VerificationError):
            account_key(bad_salt, bad_account)


def chained(start: AccountHead, count: int) -> list[EntryLink]:
    links, last = [], start
    for number in range(1, count + 1):
        last_hash = bytes([number]) * 32
        links.append(EntryLink(start.sequence + number, last.hash, last_hash))
        last = AccountHead(start.sequence + number, last_hash)
    return links


@pytest.mark.parametrize("start", [NOBODY, AccountHead(7, b"\x44" * 32)])
@pytest.mark.parametrize("count", [0, 1, 4])
def test_all_entries_of_a_period_or_none(start: AccountHead, count: int) -> None:
    links = chained(start, count)
    end = AccountHead(links[-1].sequence, links[-1].hash) if links else start
    leaf = AccountLeaf(b"\x07" * 32, 0, 0, start, end)
    verify_period(leaf, links)
    for left_out in range(count):
        with pytest.raises(VerificationError):
            verify_period(leaf, [*links[:left_out], *links[left_out + 1 :]])
    for bad in (
        *([*links[:at], replace(links[at], previous=b"\x33" * 32), *links[at + 1 :]] for at in range(count)),
        *([*links[:at], replace(links[at], hash=b"\x33" * 32), *links[at + 1 :]] for at in range(count)),
        [*links, EntryLink(end.sequence + 1, end.hash, b"\x33" * 32)],
        links[::-1] if count > 1 else [*links, *links, EntryLink(0, b"", b"")],
    ):
        with pytest.raises(VerificationError):
            verify_period(leaf, bad)


def test_padding_tells_nothing_but_a_class_of_sizes() -> None:
    assert [choose_depth(count) for count in (0, 1, 1024, 1025, 16_384, 16_385)] == [10, 10, 10, 14, 14, 17]
    with pytest.raises(FormatError):
        choose_depth((1 << DEPTHS[-1]) + 1)
    chance = draws(3)
    leaves = [drawn_leaf(chance) for _ in range(5)]
    whole = pad(leaves, 4, lambda: chance.randbytes(32))
    assert len(whole) == 16 and {leaf.key for leaf in leaves} <= {leaf.key for leaf in whole}
    assert all(before.key < after.key for before, after in itertools.pairwise(whole))
    assert sum(leaf.balance for leaf in whole) == sum(leaf.balance for leaf in leaves)
    assert {leaf.balance for leaf in whole if leaf not in leaves} == {NO_COINS}


def test_a_key_twice_and_too_many_leaves_are_refused() -> None:
    for leaves, depth, reason in (
        ([LEAF, LEAF], 1, "leaves: two have one key"),
        ([LEAF, replace(LEAF, key=b"\x08" * 32)], 0, "leaves: more than 1"),
    ):
        with pytest.raises(FormatError) as refused:
            pad(leaves, depth, lambda: b"\x09" * 32)
        assert str(refused.value) == reason
    for count in (0, 3):
        with pytest.raises(FormatError):
            SumTree([SumNode(bytes(32), 0, 0)] * count)
    for index in (-1, 1):
        with pytest.raises(FormatError):
            SumTree([SumNode(bytes(32), 0, 0)]).path(index)
