"""scripts/benches: rows are judged and printed as they must be."""

from __future__ import annotations

import asyncio
import json

import pytest

from scripts.bench import update_page
from scripts.benches.http_load import build_request, send_all
from scripts.benches.rows import Reach, format_json, format_markdown, make_row, percentile


@pytest.mark.parametrize(
    ("value", "peer_value", "met", "ratio"),
    [(40.0, 10.0, True, 4.0), (40.0, 20.0, False, 2.0), (20.0, 1.0, False, 20.0), (40.0, None, False, None)],
)
def test_a_row_meets_all_its_bounds_or_none(
    value: float, peer_value: float | None, met: bool, ratio: float | None
) -> None:
    row = make_row(
        "x", value, "/s", reach=Reach(30, "/s"), peer="plain", peer_value=peer_value, ratio_reach=3
    )
    assert (row.met, row.ratio, row.reach) == (met, ratio, "≥ 30 /s and ≥ 3 × peer")


def test_an_upper_bound_and_no_bound() -> None:
    assert make_row("p99", 90, "ms", reach=Reach(100, "ms", at_least=False)).met is True
    assert make_row("p99", 101, "ms", reach=Reach(100, "ms", at_least=False)).met is False
    assert make_row("p99", float("nan"), "ms", reach=Reach(100, "ms", at_least=False)).met is False
    assert make_row("shown", 1, "s").reach == "none"


def test_percentiles_are_by_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.99), percentile(values, 0.5), percentile([7.0], 0.99)) == (99.0, 50.0, 7.0)


def test_json_rows_have_the_named_fields() -> None:
    (row,) = json.loads(format_json([make_row("a", 1.5, "/s")]))
    assert list(row) == ["name", "value", "unit", "peer", "peer_value", "ratio", "reach", "met"]
    assert format_markdown([make_row("a", 1500, "/s")]).splitlines()[2] == "| a | 1,500 /s |  |  | none | ✓ |"


def test_the_table_is_written_between_its_marks() -> None:
    page = "before\n<!-- measured -->\nold\n<!-- /measured -->\nafter\n"
    written = update_page(page, "2 cores", [make_row("a", 1, "/s")])
    assert written.startswith("before\n<!-- measured -->\n2 cores\n\n| what |")
    assert written.endswith("| a | 1 /s |  |  | none | ✓ |\n<!-- /measured -->\nafter\n")
    assert "old" not in written
    with pytest.raises(ValueError, match="lacks"):
        update_page("no marks", "2 cores", [])


def test_the_load_generator_sends_every_request_once() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            seen.append(await reader.readexactly(length))
            assert b'idempotency-key: "k' in head
            writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")
            await writer.drain()
        writer.close()

    async def run() -> tuple[int, list[int]]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/v1/entries"
        requests = [build_request(url, "key", b"%d" % n, f"k{n}", "application/json") for n in range(50)]
        answers, _ = await asyncio.to_thread(send_all, url, requests, 4)
        server.close()
        return len(answers), [answer.status for answer in answers]

    number, statuses = asyncio.run(run())
    assert (number, set(statuses)) == (50, {201})
    assert sorted(seen) == sorted(b"%d" % n for n in range(50))
