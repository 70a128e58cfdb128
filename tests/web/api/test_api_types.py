"""The front end's types of the API's answers are up to date with the OpenAPI description."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tools.api_types import FOLDER, TYPES_FILE, api_types


def test_the_types_match_the_description(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    for file, text in api_types(document).items():
        assert (FOLDER / file).read_text("utf-8") == text, "run make api-types"


@pytest.mark.parametrize(
    ("schema", "typedef"),
    [
        ({"type": "string", "enum": ["live", "replay"]}, "/** @typedef {'live'|'replay'} Answer */"),
        (
            {
                "type": "object",
                "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
                "required": ["id"],
            },
            "/** @typedef {{id: number, name?: string}} Answer */",
        ),
        (
            {
                "type": "object",
                "description": "A wall.",
                "properties": {
                    "tiles": {
                        "type": "array",
                        "items": {"anyOf": [{"$ref": "#/components/schemas/Answer"}, {"type": "null"}]},
                        "description": "one item per place",
                    }
                },
            },
            "/**\n * @typedef {object} Answer A wall.\n * @property {(Answer|null)[]} [tiles] one item per place\n */",
        ),
    ],
    ids=["enum", "short", "described"],
)
def test_a_schema_becomes_a_typedef(schema: dict[str, Any], typedef: str) -> None:
    response = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}}
    document = {
        "paths": {"/api/answer": {"get": {"responses": {"200": response}}}},
        "components": {"schemas": {"Answer": schema, "Request": {"type": "object", "properties": {}}}},
    }
    assert api_types(document)[TYPES_FILE].endswith(f"export {{}};\n\n{typedef}\n")


def test_types_of_heads_alone_are_in_a_file_of_their_own() -> None:
    def answer(name: str) -> dict[str, Any]:
        return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}

    both = {"$ref": "#/components/schemas/Problem"}
    document = {
        "paths": {
            "/api/a": {"get": {"tags": ["ptz"], "responses": {"200": answer("Ptz")}}},
            "/api/b": {"get": {"tags": ["cameras"], "responses": {"200": answer("Problem")}}},
        },
        "components": {
            "schemas": {
                "Ptz": {"type": "object", "properties": {"error": both}, "required": ["error"]},
                "Problem": {"type": "string", "enum": ["off"]},
            }
        },
    }
    modules = api_types(document)
    assert "/** @typedef {import('./ptz-types.js').Ptz} Ptz */" in modules[TYPES_FILE]
    assert "/** @typedef {'off'} Problem */" in modules[TYPES_FILE]
    assert "/** @typedef {import('./api-types.js').Problem} Problem */" in modules["ptz-types.js"]
    assert "/** @typedef {{error: Problem}} Ptz */" in modules["ptz-types.js"]
