"""Paths and bundles of tlog-tiles."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import FormatError
from chain.tiles import (
    TilePath,
    encode_entry_bundle,
    entries_path,
    list_tiles,
    parse_entry_bundle,
    parse_tile_path,
    partial_width,
    tile_path,
)


@pytest.mark.parametrize(
    ("path", "parsed"),
    [
        ("tile/0/000", TilePath(0, 0, 256)),
        ("tile/0/x001/x234/067", TilePath(0, 1234067, 256)),
        ("tile/63/999.p/255", TilePath(63, 999, 255)),
        ("tile/1/x001/000.p/1", TilePath(1, 1000, 1)),
        ("tile/entries/x001/x234/067.p/17", TilePath(None, 1234067, 17)),
    ],
)
def test_paths_both_ways(path: str, parsed: TilePath) -> None:
    assert parse_tile_path(path) == parsed
    assert parsed.name == path


@given(st.none() | st.integers(0, 63), st.integers(0, 2**55), st.integers(1, 256))
def test_every_path_reads_back(level: int | None, index: int, width: int) -> None:
    parsed = TilePath(level, index, width)
    assert parse_tile_path(parsed.name) == parsed


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/00/000",
            "tile/-1/000",
        ),
        *("tile/64/000", "tile/100/000", "tile/0/x000/000", "tile/0/x000/x001/000", "tile/0/001/000"),
        *("tile/0/x001", "tile/0/x001/x000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01"),
        *("tile/0/000.p/", "tile/0/000.p", "tile/0/000.p/999", "/tile/0/000", "tile/0/000/", "tile/0/000\n"),
        *(
            "tile/entry/000",
            "tile/entries/",
            "tile/0/../000",
            "tile/0/０００",
            "tile/0/" + "x001/" * 40 + "000",
        ),
    ],
)
def test_paths_that_name_nothing(path: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_tile_path(path)
    assert caught.value.where == "tile path"


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_536, 65_537, 70_000])
def test_a_log_has_every_tile_once(size: int) -> None:
    """Leaves and nodes are counted level by level as the specification tells them."""
    listed = list(list_tiles(size))
    assert len(set(listed)) == len(listed)
    widths = {level: [one.width for one in listed if one.level == level] for level in (None, 0, 1, 2, 3)}
    nodes = {None: size, 0: size, 1: size // 256, 2: size // 65_536, 3: 0}
    for level, count in nodes.items():
        assert sum(widths[level]) == count and set(widths[level][:-1]) <= {256}
        mine = [one.index for one in listed if one.level == level]
        assert mine == list(range(len(mine)))
    assert {one.width for one in listed if one.width < 256} <= {partial_width(size, n) for n in (0, 1, 2)}
    for since in {0, 1, 255, 256, 300, size // 2, max(size - 1, 0), size}:
        if since <= size:
            former = set(list_tiles(since))
            assert list(list_tiles(size, since)) == [one for one in listed if one not in former]


@pytest.mark.parametrize(
    ("ask", "where"),
    [
        (lambda: tile_path(64, 0), "tile level"),
        (lambda: tile_path(-1, 0), "tile level"),
        (lambda: tile_path(0, -1), "tile index"),
        (lambda: tile_path(0, 0, 0), "tile width"),
        (lambda: entries_path(0, 257), "tile width"),
    ],
)
def test_paths_that_cannot_be(ask: Any, where: str) -> None:
    with pytest.raises(FormatError) as caught:
        ask()
    assert caught.value.where == where


def test_widths_of_the_specification_s_example() -> None:
    assert [partial_width(70_000, level) for level in range(4)] == [112, 17, 1, 0]
    assert [partial_width(256, level) for level in range(3)] == [0, 1, 0]
    assert partial_width(0, 0) == 0


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=256))
def test_bundles_round_trip(entries: list[bytes]) -> None:
    data = encode_entry_bundle(entries)
    assert parse_entry_bundle(data) == entries
    assert parse_entry_bundle(data, len(entries)) == entries
    with pytest.raises(FormatError, match=f"not {len(entries) + 1} entries"):
        parse_entry_bundle(data, len(entries) + 1)
    with pytest.raises(FormatError):
        parse_entry_bundle(data[:-1])


def test_bundle_bytes_and_limits() -> None:
    assert encode_entry_bundle([b"ab", b""]) == b"\x00\x02ab\x00\x00"
    assert parse_entry_bundle(encode_entry_bundle([b"x" * 65_535])) == [b"x" * 65_535]
    for entries, where in (
        ([], "entry bundle"),
        ([b""] * 257, "entry bundle"),
        ([b"", b"x" * 65_536], "entry 1 of the bundle"),
    ):
        with pytest.raises(FormatError) as caught:
            encode_entry_bundle(entries)
        assert caught.value.where == where
    for data, where in (
        (b"", "entry bundle"),
        (b"\x00", "entry 0 of the bundle"),
        (b"\x00\x01", "entry 0 of the bundle"),
        (b"\x00\x00\x00", "entry 1 of the bundle"),
        (bytes(2 * 257), "entry bundle"),
    ):
        with pytest.raises(FormatError) as caught:
            parse_entry_bundle(data)
        assert caught.value.where == where
