"""The OpenAPI document describes every document of the API, every field of it, and every path."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from monitor.model.secret import Secret
from monitor.model.settings import WebSettings
from monitor.scheduler.probe_request import ProbeRequest
from monitor.web.openapi import PATHS, SCHEMAS, document
from monitor.web.server import build_app
from tests.stores import hostile_board, realistic_board, remembered
from tests.web.serving import StoppedClock, client_of

STORES = [remembered(realistic_board()), hostile_board()]
CHECKED = {
    "type", "properties", "required", "items", "anyOf", "enum", "$ref", "additionalProperties",
    "propertyNames", "description", "minimum", "maxItems",
}  # fmt: skip
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def problems(value: object, schema: dict[str, Any], at: str = "$") -> list[str]:
    """Validate strictly: a property that the schema does not name is a problem."""
    assert schema.keys() <= CHECKED, f"the validator does not know {schema.keys() - CHECKED}"
    if "$ref" in schema:
        return problems(value, SCHEMAS[schema["$ref"].rpartition("/")[2]], at)
    if "anyOf" in schema:
        found = [problems(value, choice, at) for choice in schema["anyOf"]]
        return min(found, key=len)
    known = _TYPES[schema["type"]]
    if not isinstance(value, known) or (isinstance(value, bool) and bool not in known):
        return [f"{at}: {value!r} is not of type {schema['type']}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is not one of {schema['enum']}"]
    if isinstance(value, list):
        assert len(value) <= schema.get("maxItems", len(value))
        return [p for n, x in enumerate(value) for p in problems(x, schema["items"], f"{at}[{n}]")]
    return _of_object(value, schema, at) if isinstance(value, dict) else []


def _of_object(value: dict[str, object], schema: dict[str, Any], at: str) -> list[str]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    found = [f"{at}.{name} is missing" for name in schema.get("required", ()) if name not in value]
    for name, inner in value.items():
        own = properties.get(name, others)
        if own is None:
            found.append(f"{at}.{name} is not described")
        else:
            found += problems(inner, own, f"{at}.{name}")
        if "propertyNames" in schema:
            found += problems(name, schema["propertyNames"], f"{at} name")
    return found


def schema_of(operation: dict[str, Any], status: int) -> dict[str, Any]:
    content = operation["responses"][str(status)]["content"]["application/json"]
    schema = content["schema"]
    assert isinstance(schema, dict)
    return schema


@pytest.mark.parametrize("store", STORES, ids=["realistic", "hostile"])
async def test_every_response_is_as_described(store: Any) -> None:
    ids = {"targets": [*store.statuses, "missing"], "incidents": ["i-0", "i-1", "hostile", "x"]}
    seen = set()
    async with client_of(store) as client:
        for path, operations in PATHS.items():
            if "get" not in operations:
                continue
            names = ids[path.split("/")[3]] if "{id}" in path else [""]
            for name in names:
                async with client.get(path.replace("{id}", name)) as answer:
                    schema = schema_of(operations["get"], answer.status)  # type: ignore[arg-type]
                    assert problems(await answer.json(), schema) == []
                    seen.add((path, answer.status))
    assert {path for path, status in seen if status == 200} >= {
        path for path in PATHS if path != "/api/v1/targets/{id}/probe" and "incidents/" not in path
    }


async def test_every_path_of_the_api_is_described_and_no_other() -> None:
    app = build_app(realistic_board(), StoppedClock(), WebSettings())
    served = {
        (resource.canonical, route.method.lower())
        for resource in app.router.resources()
        for route in resource
        if resource.canonical.startswith("/api/") and route.method != "HEAD"
    }
    described = {(path, method) for path, methods in PATHS.items() for method in methods}
    assert served == described | {("/api/v1/openapi.json", "get")}


async def test_the_document_is_served_and_every_reference_leads_somewhere() -> None:
    async with client_of(realistic_board()) as client, client.get("/api/v1/openapi.json") as answer:
        served = await answer.json()
    assert served == json.loads(json.dumps(document()))
    assert served["openapi"].startswith("3.1")
    for name in re.findall(r'"#/components/schemas/([A-Za-z]+)"', json.dumps(served)):
        assert name in SCHEMAS


@pytest.mark.parametrize("outcome", ProbeRequest)
async def test_a_requested_probe_answers_as_described(outcome: ProbeRequest) -> None:
    operation: Any = PATHS["/api/v1/targets/{id}/probe"]["post"]
    headers = {"Authorization": "Bearer t0ken"}
    store = realistic_board()

    def probe_now(name: str) -> ProbeRequest:
        store.statuses[name]
        return outcome

    async with client_of(store, probe_now=probe_now, token=Secret("t0ken")) as client:
        for name in ("app-gitpod-io", "missing"):
            path = f"/api/v1/targets/{name}/probe"
            async with client.post(path, headers=headers) as answer:
                schema = schema_of(operation, answer.status)
                assert problems(await answer.json(), schema) == []
    async with client_of(store) as client, client.post(path) as answer:
        assert answer.status == 403
        assert problems(await answer.json(), schema_of(operation, 403)) == []


def test_the_validator_finds_what_is_not_described() -> None:
    wrong = {"version": 1, "error": 5, "more": None}
    assert problems(wrong, SCHEMAS["Error"]) == [
        "$.error: 5 is not of type string",
        "$.more is not described",
    ]
