"""Parts of the API's description that the views share."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

PROBLEM = {
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
}
JPEG: dict[str, Any] = {
    "description": "The picture",
    "content": {"image/jpeg": {"schema": {"type": "string", "contentMediaType": "image/jpeg"}}},
    "headers": {
        "X-Snapshot-Taken-At": {"description": "When it was taken", "schema": {"type": "string", "format": "date-time"}}
    },
}
NO_PICTURE: dict[str, Any] = {"description": "With `cached=1`: there is no picture of this channel yet"}
NO_CONTENT: dict[str, Any] = {"description": "Done"}


def answers_with(good: dict[int, type[BaseModel] | dict[str, Any]], *errors: int) -> dict[Any, Any]:
    """`responses` of an operation: its good answers, the problems it is known for, and those any may have.

    415 says that it takes a body, which may also be too large: 413.
    """
    problems = {
        status: {"description": HTTPStatus(status).phrase, **PROBLEM}
        for status in sorted({400, 401, 403, *errors, *({413} if 415 in errors else ()), 500})
    }
    return {**{status: dict(item) if isinstance(item, dict) else item for status, item in good.items()}, **problems}
