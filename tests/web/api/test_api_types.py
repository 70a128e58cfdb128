"""The front end's types of the API's answers are up to date with the OpenAPI description."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tools.api_types import TYPES_FILE, api_types


def test_the_types_match_the_description(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    assert TYPES_FILE.read_text("utf-8") == api_types(document), "run make api-types"


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
    assert api_types(document).endswith(f"export {{}};\n\n{typedef}\n")
