"""gateway/import_source.py: rows of CSV and NDJSON files, good and bad."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from chain.errors import FormatError
from gateway.import_mapping import RoundingRule
from gateway.import_source import Record, Source, load_mapping

RULE = RoundingRule.REFUSE


def write(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, mapping: dict[str, object] | None = None, rule: RoundingRule = RULE) -> list[Record]:
    return list(Source(path, path.suffix[1:], mapping, rule).records())  # type: ignore[arg-type]


def test_csv_rows_count_records_and_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path, "a.csv", '\ufefftype,public.code\r\ngift.sent,"two\r\nlines"\r\n\r\ngift.sent,x\r\n'
    )
    assert read(path) == [
        Record(1, 2, {"type": "gift.sent", "public": {"code": "two\r\nlines"}}),
        Record(2, 5, {"type": "gift.sent", "public": {"code": "x"}}),
    ]


def test_a_csv_row_of_another_length_is_one_bad_record(tmp_path: Path) -> None:
    records = read(write(tmp_path, "a.csv", "type,chapter\na\nb,c\n"))
    assert records[0].body is None and records[0].fault is not None
    assert (records[0].fault.where, records[0].fault.reason) == ("row", "has 1 cells where the header has 2")
    assert records[1].body == {"type": "b", "chapter": "c"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("a,a\n1,2\n", "has two columns of one name"),
        (b"type\n\xff\xfe\n", "is not UTF-8 text"),
    ],
)
def test_a_csv_file_that_cannot_be_read_is_refused_whole(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    with pytest.raises(FormatError) as caught:
        read(write(tmp_path, "a.csv", content))
    assert (caught.value.where, caught.value.reason) == ("a.csv", reason)


def test_ndjson_lines_pass_unchanged_and_bad_ones_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.ndjson", '{"type":"x","n":1}\n\n{"a":1,"a":2}\n[1]\nnot json\n')
    records = read(path)
    assert records[0] == Record(1, 1, {"type": "x", "n": 1})
    assert [(r.number, r.line, r.body) for r in records[1:]] == [(2, 3, None), (3, 4, None), (4, 5, None)]
    assert records[2].fault is not None and records[2].fault.reason == "is not a JSON object"


def test_ndjson_members_are_columns_of_a_mapping(tmp_path: Path) -> None:
    path = write(tmp_path, "a.ndjson", '{"sum":"0.125","n":7,"none":null}\n')
    mapping = {"op": {"amount": {"$coins": "{sum}"}}, "public": {"code": "n{n}{none}"}}
    (record,) = read(path, mapping, RoundingRule.FLOOR)
    assert record.body == {"op": {"amount": "12"}, "public": {"code": "n7"}}
    assert record.dust == 5 * 10**15


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "type\nx\n")
    assert Source(path, "csv", None, RULE).digest() == hashlib.sha256(b"type\nx\n").hexdigest()


def test_a_mapping_file_is_an_object(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        load_mapping(write(tmp_path, "m.json", "[]"))
    assert (caught.value.where, caught.value.reason) == ("m.json", "is not a JSON object")
