"""Scopes as JSON text in the database, and back."""

from __future__ import annotations

import json

from core.access import EVERYTHING, Scope


def scope_to_json(scope: Scope) -> str | None:
    """An object from camera id to its channels (null: all of them); None for a scope without limits."""
    if scope.cameras is None:
        return None
    return json.dumps(
        {str(camera_id): None if chosen is None else sorted(chosen) for camera_id, chosen in scope.cameras.items()}
    )


def scope_from_json(text: str | None) -> Scope:
    """What scope_to_json wrote. Text that cannot be read allows nothing."""
    if text is None:
        return EVERYTHING
    try:
        return Scope(
            {
                int(camera_id): None if chosen is None else frozenset(int(number) for number in chosen)
                for camera_id, chosen in json.loads(text).items()
            }
        )
    except (AttributeError, TypeError, ValueError):
        return Scope({})
