"""The place of the current request's record among several nodes: its camera, or the node with its files.

Each function raises ValueError for an invalid id, and NotFound if there is no such record, or if it is another user's:
the view then answers both alike.
"""

from __future__ import annotations

from flask import request

from events.log_query import EventQuery
from web.access.principal import current_principal, linked_channel_of
from web.fields import parse_id
from web.services import services


def of_export() -> str:
    return services().exports.node_of(current_principal(), _id("export_id"))


def of_case() -> str:
    return services().evidence.node_of(current_principal(), _id("case_id"))


def of_search() -> int:
    return services().searches.camera_of(current_principal(), _id("search_id"))


def of_backfill() -> int:
    return services().backfills.get(_id("backfill_id")).camera_id


def of_kept() -> int:
    return services().archive.kept_range(_id("kept_id")).camera_id


def of_player_link() -> int:
    return linked_channel_of(current_principal())[0]


def of_event() -> int | None:
    """None for an event without a camera."""
    query = EventQuery(scope=current_principal().scope)
    return services().events.log.get(query, _id("event_id")).camera_id


def _id(name: str) -> int:
    return parse_id(str((request.view_args or {})[name]))
