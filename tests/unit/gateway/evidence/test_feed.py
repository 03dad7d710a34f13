"""Outcomes are told once, in chain order, from final blocks alone, also where blocks were taken back."""

from __future__ import annotations

import pytest

from gateway.db import Database, insert_rows
from gateway.evidence.feed import Feed, Place

CHAIN, LOG, DEPTH = 31_337, b"l" * 32, 2
START = Place((0, 0))


@pytest.fixture
def feed(database: Database) -> Feed:
    return Feed(database, chain_id=CHAIN, log_id=LOG, depth=DEPTH)


def mine(database: Database, block: int, *leaves: int, chapter: int = 1, fork: bytes = b"a") -> None:
    """Mirror a block that settles ``leaves``, as the new head."""
    block_hash = fork + block.to_bytes(31, "big")
    with database.writer() as connection:
        connection.exec_driver_sql("DELETE FROM mirror_cursor")
        insert_rows(
            connection, "mirror_cursor", "chain_id,genesis_hash,block_number,block_hash",
            [(CHAIN, b"g" * 32, block, block_hash)],
        )  # fmt: skip
        insert_rows(
            connection, "mirror_blocks", "chain_id,number,hash,parent_hash,timestamp,log_count",
            [(CHAIN, block, block_hash, b"p" * 32, 0, len(leaves))],
        )  # fmt: skip
        insert_rows(
            connection, "entries", "log_index,entry_id,chapter,type,at,leaf_data",
            [(leaf, f"entry-{leaf}", chapter, "gift.sent", "", b"") for leaf in leaves],
        )  # fmt: skip
        insert_rows(
            connection, "mirror_operations",
            "chain_id,log_id,leaf_index,leaf_hash,kind,from_address,to_address,amount,valid_until,ref,op_salt,"
            "moved,moved_locked,reason,block_number,log_index",
            [(CHAIN, LOG, leaf, b"h", 2, b"f", b"t", 5, 0, b"r", b"s", 5, 0, leaf % 2, block, number)
             for number, leaf in enumerate(leaves)],
        )  # fmt: skip


def rewind(database: Database, block: int) -> None:
    """Take back all blocks from ``block`` on."""
    with database.writer() as connection:
        for statement in (
            f"DELETE FROM entries WHERE log_index IN "
            f"(SELECT leaf_index FROM mirror_operations WHERE block_number >= {block})",
            f"DELETE FROM mirror_operations WHERE block_number >= {block}",
            f"DELETE FROM mirror_blocks WHERE number >= {block}",
            f"UPDATE mirror_cursor SET block_number = {block - 1}",
        ):
            connection.exec_driver_sql(statement)


def read(
    feed: Feed, place: Place, *, limit: int = 10, chapter: int | None = None
) -> tuple[list[object], Place]:
    found, place = feed.news(place, limit, chapter)
    return [event["entry"] for event in found], place


def test_a_block_is_told_once_it_is_final(database: Database, feed: Feed) -> None:
    assert read(feed, START) == ([], START)
    mine(database, 1, 1, 2)
    mine(database, 2, 3)
    assert read(feed, START) == ([], START)
    mine(database, 3)
    told, place = read(feed, START)
    assert (told, place.told) == (["entry-1", "entry-2"], (1, 1))
    assert read(feed, place) == ([], place)
    mine(database, 4)
    told, place = read(feed, place)
    assert (told, place.told) == (["entry-3"], (2, 0))


def test_news_are_the_pages_events_and_go_on_where_one_was_cut(database: Database, feed: Feed) -> None:
    mine(database, 1, *range(1, 8))
    mine(database, 2, *range(8, 11))
    mine(database, 4)
    place, seen = START, []
    while True:
        found, place = feed.news(place, 4, None)
        if not found:
            break
        seen += found
    assert [event["entry"] for event in seen] == [f"entry-{n}" for n in range(1, 11)]
    assert seen == feed.events((0, 0), 200, None)
    assert seen[0] == {
        "cursor": "1:0", "type": "operation.refused", "entry": "entry-1", "index": 1, "kind": "transfer",
        "outcome": {"status": "refused", "reason": "unknown_kind", "moved": "5", "block": 1},
    }  # fmt: skip


def test_another_chapters_blocks_are_searched_once(database: Database, feed: Feed) -> None:
    mine(database, 1, 1, chapter=1)
    mine(database, 2, 2, chapter=2)
    mine(database, 4)
    told, place = read(feed, START, chapter=3)
    assert (told, place.told) == ([], (0, 0))
    assert place.searched is not None and place.searched[0] == 2
    # What now appeared in a searched block could only be a fault of the mirror: nobody looks there again.
    with database.writer() as connection:
        connection.exec_driver_sql("UPDATE entries SET chapter = 3 WHERE log_index = 1")
    mine(database, 5, 5, chapter=3)
    mine(database, 7)
    assert read(feed, place, chapter=3)[0] == ["entry-5"]


def test_blocks_that_replace_searched_ones_are_searched_again(database: Database, feed: Feed) -> None:
    mine(database, 1, 1)
    for block in range(2, 8):
        mine(database, block)
    told, place = read(feed, START)
    assert told == ["entry-1"] and place.searched is not None and place.searched[0] == 5
    rewind(database, 3)
    mine(database, 3, 2, fork=b"b")
    for block in range(4, 9):
        mine(database, block, fork=b"b")
    assert read(feed, place)[0] == ["entry-2"]
