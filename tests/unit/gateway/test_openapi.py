"""The published interface: a change of it is a change of ``tests/fixtures/openapi.json``, seen in review.

``python -m tests.unit.gateway.test_openapi`` writes the file anew.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from chain.types import AccountId
from gateway.app import build_api
from gateway.cases.case import Case
from gateway.cases.reading import describe
from gateway.error_codes import CODES
from gateway.response_schemas.publish import reference
from tests.published import faults, resolve

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
        asked = {one["name"] for one in operation.get("parameters", ())}
        assert "chapter" not in asked or "404" in errors, path
    assert "HTTPValidationError" not in json.dumps(document)


def test_every_link_leads_to_an_operation_that_takes_the_name(document: dict[str, Any]) -> None:
    by_name = {operation["operationId"]: operation for _, _, operation in operations(document)}
    linked: set[str] = set()
    for _, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            for link in answer.get("links", {}).values():
                linked.add(operation["operationId"])
                ((name, expression),) = link["parameters"].items()
                target = by_name[link["operationId"]]
                assert (name, "path") in {(one["name"], one["in"]) for one in target["parameters"]}
                source, _, member = expression.partition("#/")
                content = answer if source == "$response.body" else operation["requestBody"]
                schema = resolve(document, content["content"]["application/json"]["schema"])
                assert status == "201" and member in schema["properties"], expression
    assert linked == {
        "entries_create", "credits_create", "proposals_create", "members_join", "chapters_open",
        "keys_create", "webhooks_create",
    }  # fmt: skip


def test_every_write_says_what_it_asks_for(document: dict[str, Any]) -> None:
    keyed: set[str] = set()
    for path, method, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == "Idempotency-Key":
                keyed.add(operation["operationId"])
                assert re.fullmatch(parameter["schema"]["pattern"], parameter["example"])
        assert (method == "post") == ("requestBody" in operation), path
    without = {"cases_due", "entries_create_batch", "simulation_clock", "verify_bundle"}
    posts = {operation["operationId"] for _, method, operation in operations(document) if method == "post"}
    assert posts - keyed == without | {"webhooks_replay", "webhooks_secret"}


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/v1/members/{account}", "^acct_[0-9a-f]{40}$"),
        ("/v1/chapters/{code}/caps", "^[0-9]{4}-[0-9]{4}$"),
        ("/v1/entries/{entry_id}", "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"),
        ("/v1/keys/{key_id}", "^key_[0-9a-f]{16}$"),
        ("/v1/webhooks/{webhook_id}", "^whk_[0-9a-f]{16}$"),
        ("/problems/{code}", None),
    ],
)
def test_names_in_paths_have_their_form(document: dict[str, Any], path: str, pattern: str | None) -> None:
    for operation in document["paths"][path].values():
        (named,) = (one for one in operation["parameters"] if one["in"] == "path")
        assert named["schema"].get("pattern") == pattern


def successes(document: dict[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    return [
        (path, method, status, answer)
        for path, method, operation in operations(document)
        for status, answer in operation["responses"].items()
        if status < "300"
    ]


def test_every_success_has_a_schema_that_says_something(document: dict[str, Any]) -> None:
    for path, method, status, answer in successes(document):
        if status == "204":
            assert method == "delete" and "content" not in answer, path
            continue
        assert status in ("200", "201"), path
        # One form each, but for an entry's proof: ``form`` chooses among three.
        forms = 3 if path == "/v1/entries/{entry_id}/proof" else 1
        assert len(answer["content"]) == forms, path
        for media, content in answer["content"].items():
            schema = resolve(document, content["schema"])
            if "json" in media:
                assert schema.get("properties") or schema.get("items") or schema.get("anyOf"), (path, method)
            else:
                assert schema["type"] == "string", path


def test_no_object_is_published_without_its_members(document: dict[str, Any]) -> None:
    found = document["components"]["schemas"]
    bare = {
        name for name, schema in found.items() if schema.get("type") == "object" and not schema["properties"]
    }
    assert bare == set()
    for text in re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document)):
        assert text in found


def test_a_case_is_published_as_it_is_described(document: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/Case"}
    case = Case("seat", "s1", 31010001, "held", AccountId("acct_" + "ab" * 20), 1, {"a": 1}, 2, 3)
    assert faults(document, schema, describe(case)) == []
    assert faults(document, schema, describe(replace(case, holder=None, due_at=None))) == []
    assert faults(document, schema, describe(replace(case, opened_index=-1))) == [
        "$.opened_index: is less than 0"
    ]


def test_two_answers_of_one_name_are_refused() -> None:
    class Alive(BaseModel):
        """Not the one of the health route."""

    with pytest.raises(ValueError, match="two models are named Alive"):
        reference(Alive)


@pytest.mark.parametrize(
    ("schema", "value", "wanted"),
    [
        ({"type": "integer", "minimum": 1}, 0, ["$: is less than 1"]),
        ({"type": "integer"}, True, ["$: is no integer"]),
        ({"type": "object", "properties": {"a": {"type": "null"}}}, {"b": 1}, ["$: b is not published"]),
        ({"type": "object", "required": ["a"]}, {}, ["$: lacks a"]),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"b": 1}, ["$.b: is no string"]),
        ({"patternProperties": {"^a": {"type": "null"}}}, {"ab": 1}, ["$.ab: is no null"]),
        ({"type": "array", "items": {"pattern": "^x$"}}, ["x", "y"], ["$[1]: does not match ^x$"]),
        ({"anyOf": [{"const": 1}, {"type": "null"}]}, None, []),
        ({"anyOf": [{"const": 1}]}, 2, ["$: fits none of [['$: is not 1']]"]),
        ({"enum": ["a"], "maxItems": 0}, "b", ["$: is none of ['a']"]),
    ],
)
def test_values_are_held_against_schemas(schema: dict[str, Any], value: object, wanted: list[str]) -> None:
    assert faults({}, schema, value) == wanted


def test_every_code_is_documented(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == sorted(CODES)


if __name__ == "__main__":
    SNAPSHOT.parent.mkdir(exist_ok=True)
    SNAPSHOT.write_text(render())
