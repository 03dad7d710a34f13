"""Rows of a CSV or NDJSON file, one at a time, and the digest that names the file. Only reads."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from chain.canonical import JsonValue, parse_json
from chain.errors import FormatError
from gateway.import_mapping import RoundingRule, map_row, mapping_from_header

FORMATS = ("csv", "ndjson")
MAX_CELL = 65_536
"""Characters of one CSV cell at most, as one line of a batch may be."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row: ``number`` counts records from 1, ``line`` is the text line it starts at.

    Exactly one of ``body`` (ready to send) and ``fault`` (why it cannot be) is set.
    """

    number: int
    line: int
    body: dict[str, JsonValue] | None
    dust: int = 0
    fault: FormatError | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file to import: ``mapping`` is None where the rows speak for themselves."""

    path: Path
    format: str
    mapping: Mapping[str, JsonValue] | None
    rule: RoundingRule

    def digest(self) -> str:
        """SHA-256 of the file's bytes, hex."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def records(self) -> Iterator[Record]:
        """All rows in order. Raises FormatError only where the file as a whole cannot be read."""
        try:
            yield from self._csv_records() if self.format == "csv" else self._ndjson_records()
        except UnicodeDecodeError as error:
            raise FormatError(self.path.name, "is not UTF-8 text") from error

    def _csv_records(self) -> Iterator[Record]:
        csv.field_size_limit(MAX_CELL)
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, None)
            if header is None:
                raise FormatError(self.path.name, "is empty")
            if len(set(header)) != len(header):
                raise FormatError(self.path.name, "has two columns of one name")
            mapping = self.mapping if self.mapping is not None else mapping_from_header(header)
            number = 0
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    raise FormatError(f"{self.path.name} line {line}", str(error)) from error
                if not cells:
                    continue
                number += 1
                if len(cells) != len(header):
                    reason = f"has {len(cells)} cells where the header has {len(header)}"
                    yield Record(number, line, None, fault=FormatError("row", reason))
                else:
                    yield self._mapped(number, line, mapping, dict(zip(header, cells, strict=True)))

    def _ndjson_records(self) -> Iterator[Record]:
        number = 0
        with self.path.open("rb") as file:
            for line, raw in enumerate(file, 1):
                if not raw.strip():
                    continue
                number += 1
                try:
                    row = parse_json(raw.strip())
                except FormatError as fault:
                    yield Record(number, line, None, fault=fault)
                    continue
                if not isinstance(row, dict):
                    yield Record(number, line, None, fault=FormatError("row", "is not a JSON object"))
                elif self.mapping is None:
                    yield Record(number, line, row)
                else:
                    columns = {name: _as_text(value) for name, value in row.items()}
                    yield self._mapped(number, line, self.mapping, columns)

    def _mapped(
        self, number: int, line: int, mapping: Mapping[str, JsonValue], columns: Mapping[str, str]
    ) -> Record:
        try:
            mapped = map_row(mapping, columns, self.rule)
        except FormatError as fault:
            return Record(number, line, None, fault=fault)
        return Record(number, line, mapped.body, mapped.dust)


def load_mapping(path: Path) -> Mapping[str, JsonValue]:
    """Read a mapping file. Raises FormatError where it is not a JSON object without floats."""
    mapping = parse_json(path.read_bytes())
    if not isinstance(mapping, dict):
        raise FormatError(path.name, "is not a JSON object")
    return mapping


def _as_text(value: object) -> str:
    """A column's text: texts as they are, null as empty, numbers in digits."""
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value)
