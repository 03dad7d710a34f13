"""The published interface: a change of it is a change of ``tests/fixtures/openapi.json``, seen in review.

``python -m tests.unit.gateway.test_openapi`` writes the file anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.app import build_api
from gateway.error_codes import CODES

SNAPSHOT = Path(__file__).parents[2] / "fixtures" / "openapi.json"


def render() -> str:
    return json.dumps(build_api().openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render())
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_interface_is_the_one_in_the_repository() -> None:
    assert render() == SNAPSHOT.read_text()


def test_every_operation_has_a_name_a_text_and_only_problems_as_errors(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for path, method, operation in operations(document):
        assert operation["tags"] and operation.get("description"), (path, method)
        errors = {code: answer for code, answer in operation["responses"].items() if code >= "400"}
        assert {"429", "500"} <= set(errors)
        for answer in errors.values():
            assert list(answer["content"]) == ["application/problem+json"]
        assert ("401" in errors) == bool(operation.get("security"))
    assert "HTTPValidationError" not in json.dumps(document)


def test_every_code_is_documented(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == sorted(CODES)


if __name__ == "__main__":
    SNAPSHOT.parent.mkdir(exist_ok=True)
    SNAPSHOT.write_text(render())
