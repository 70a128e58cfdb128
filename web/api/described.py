"""Parts of the API's description that several views use."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

PROBLEM = {
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
}
JPEG: dict[str, Any] = {
    "description": "The snapshot",
    "content": {"image/jpeg": {"schema": {"type": "string", "contentMediaType": "image/jpeg"}}},
    "headers": {
        "X-Snapshot-Taken-At": {
            "description": "Time of the snapshot",
            "schema": {"type": "string", "format": "date-time"},
        }
    },
}
NO_PICTURE: dict[str, Any] = {"description": "With `cached=1`: there is no snapshot of this channel yet"}
NO_CONTENT: dict[str, Any] = {"description": "Done"}


def answers_with(good: dict[int, type[BaseModel] | dict[str, Any]], *errors: int) -> dict[Any, Any]:
    """Return `responses` of an operation: its successful answers, its own errors, and the errors of all operations.

    `errors` contains 415 if the operation has a body; then 413 (body too large) is added.
    """
    problems = {
        status: {"description": HTTPStatus(status).phrase, **PROBLEM}
        for status in sorted({400, 401, 403, *errors, *({413} if 415 in errors else ()), 500})
    }
    return {**{status: dict(item) if isinstance(item, dict) else item for status, item in good.items()}, **problems}
