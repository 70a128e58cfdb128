"""The OpenAPI description is made from the code, is valid and covers every route; responses follow it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from jsonschema import Draft202012Validator

from tests.web.web_harness import NODES

UNDESCRIBED = {"/api/openapi.json", "/api/docs", *NODES}


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/api/openapi.json").get_json()
    return answer


@pytest.fixture
def assert_described(document: dict[str, Any]) -> Callable[[Any, str, str], None]:
    """Return a function that validates a response against the described schema of its operation and status."""

    def check(response: Any, method: str, path: str) -> None:
        responses = document["paths"][path][method]["responses"]
        content = responses[str(response.status_code)]["content"]
        schema = content[response.mimetype]["schema"]
        whole = {**schema, "components": document["components"]}
        Draft202012Validator(whole).validate(response.get_json())

    return check


def test_the_description_is_openapi_3_1_with_valid_schemas(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = re.findall(r"'\$ref': '([^']+)'", str(document))
    assert references
    for reference in references:
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"], reference


def test_every_operation_with_a_body_describes_413_and_415(
    client: FlaskClient, document: dict[str, Any], assert_described: Callable[[Any, str, str], None]
) -> None:
    with_body = [
        (path, method) for path, item in document["paths"].items() for method in item if "requestBody" in item[method]
    ]
    assert len(with_body) > 10
    for path, method in with_body:
        address = re.sub(r"\{\w+\}", "1", path)
        for data, content_type, status in ((b"x" * 70_000, "application/json", 413), (b"x", "text/plain", 415)):
            answer = client.open(address, method=method.upper(), data=data, content_type=content_type)
            assert answer.status_code == status, path
            assert_described(answer, method, path)


def test_every_route_of_the_api_is_described_with_its_methods(web_app: OpenAPI, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in web_app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and rule.rule not in UNDESCRIBED
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert routes == described


def test_every_operation_has_a_summary_and_its_problems(document: dict[str, Any]) -> None:
    identifiers = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            identifiers.append(operation["operationId"])
            assert operation["summary"], (method, path)
            problems = {status for status in operation["responses"] if int(status) >= 400}
            assert {"403", "500"} <= problems
            for status in problems:
                assert list(operation["responses"][status]["content"]) == ["application/problem+json"]
    assert len(set(identifiers)) == len(identifiers)


def test_real_responses_match_the_description(
    client: FlaskClient, assert_described: Callable[[Any, str, str], None]
) -> None:
    camera = "/api/cameras/{camera_id}"
    start = {"camera_id": 1, "profile_token": "MediaProfile00000"}
    stop = {"stream_id": "camera1_MediaProfile00000"}
    wall = {"name": "Gates", "layout": 4, "tiles": [None, {"camera_id": 1, "channel": 1}]}
    calls: list[tuple[Any, str, str]] = [
        (client.post("/api/cameras", json={"host": "127.0.0.9", "name": "One"}), "post", "/api/cameras"),
        (client.post("/api/cameras", json={"host": "127.0.0.9"}), "post", "/api/cameras"),
        (client.post("/api/cameras", json={}), "post", "/api/cameras"),
        (client.post("/api/cameras", data="x"), "post", "/api/cameras"),
        (client.get("/api/cameras"), "get", "/api/cameras"),
        (client.get("/api/cameras/1"), "get", camera),
        (client.get("/api/cameras/01"), "get", camera),
        (client.get("/api/cameras/9"), "get", camera),
        (client.patch("/api/cameras/1", json={"name": "Two"}), "patch", camera),
        (client.post("/api/cameras/1/refresh"), "post", f"{camera}/refresh"),
        (client.get("/api/cameras/1/profiles"), "get", f"{camera}/profiles"),
        (client.get("/api/cameras/1/health"), "get", f"{camera}/health"),
        (client.post("/api/discovery"), "post", "/api/discovery"),
        (client.post("/api/cameras/pretend"), "post", "/api/cameras/pretend"),
        (client.patch("/api/cameras/1/channels/1", json={"hidden": True}), "patch", f"{camera}/channels/{{number}}"),
        (client.put("/api/cameras/1/channels/order", json={"channels": [2, 1]}), "put", f"{camera}/channels/order"),
        (client.post("/api/streams/start", json=start), "post", "/api/streams/start"),
        (client.post("/api/streams/start", json=start), "post", "/api/streams/start"),
        (client.get("/api/streams/all"), "get", "/api/streams/all"),
        (client.get("/api/streams/status/camera1_MediaProfile00000"), "get", "/api/streams/status/{stream_id}"),
        (client.post("/api/streams/stop", json=stop), "post", "/api/streams/stop"),
        (client.post("/api/walls", json=wall), "post", "/api/walls"),
        (client.post("/api/walls", json=wall), "post", "/api/walls"),
        (client.get("/api/walls"), "get", "/api/walls"),
        (client.get("/api/walls/1"), "get", "/api/walls/{wall_id}"),
        (client.patch("/api/walls/1", json={"layout": 9}), "patch", "/api/walls/{wall_id}"),
        (client.get("/api/walls/9"), "get", "/api/walls/{wall_id}"),
        (client.get("/api/health"), "get", "/api/health"),
        (client.get("/api/health", headers={"Host": "evil.example"}), "get", "/api/health"),
    ]
    for response, method, path in calls:
        assert response.status_code != 500, path
        assert_described(response, method, path)


def test_the_docs_page_is_complete_and_loads_nothing_from_elsewhere(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    page = client.get("/api/docs").get_data(as_text=True)
    for path in document["paths"]:
        assert path in page
    assert 'id="camera_auth_failed"' in page
    assert "//" not in re.sub(r"https?://localhost:5001", "", "".join(re.findall(r'(?:src|href)="([^"]*)"', page)))
