"""A well-formed request for every call of the API: path, query and body."""

from __future__ import annotations

from typing import Any

from tests.web.web_harness import BODIES, PASSWORD

USER = {"name": "Ben", "password": "correct-horse-battery", "role": "viewer"}
VALID: dict[str, dict[str, Any]] = {
    **{path.replace("<path:", "{").replace("<", "{").replace(">", "}"): body for path, body in BODIES.items()},
    "/api/cameras": {"host": "10.0.0.77"},
    "/api/session": {"name": "Nobody", "password": "of no account"},
    "/api/session/password": {"current_password": PASSWORD.reveal(), "new_password": "correct-horse-battery-2"},
    "/api/setup": {"name": "Eve", "password": "correct-horse-battery"},
    "/api/cameras/{camera_id}": {"name": "Barn"},
    "/api/cameras/{camera_id}/certificate": {"sha256": "ab" * 32},
    "/api/cameras/{camera_id}/channels/{number}": {"name": "Door"},
    "/api/cameras/{camera_id}/channels/order": {"channels": [2, 1]},
    "/api/recordings/playback-uri": {"camera_id": 1, "recording_token": "Rec1"},
    "/api/users/{user_id}": {"name": "Ben"},
    "/api/users": {**USER, "name": "Cleo"},
    "/api/tokens": {"name": "one", "role": "viewer"},
    "/api/walls": {"name": "Yard", "layout": 4, "tiles": [{"camera_id": 1, "channel": 1}, None]},
    "/api/walls/{wall_id}": {"name": "Yard by night"},
    "/api/exports/{export_id}": {"name": "Theft"},
    "/api/cases/{case_id}": {"notes": "at the gate"},
}
WINDOW = {"start_time": "2026-11-22T10:00:00Z", "end_time": "2026-11-22T11:00:00Z"}
VALID_QUERIES = {
    "/api/events": {"camera_id": "1", "words": "person yesterday unicorn"},
    "/api/events/days": {"camera_id": "1", "joined": "1"},
    "/api/events/zones": {"camera_id": "1"},
    "/api/events/news": {"camera_id": "1", "after": WINDOW["start_time"]},
    "/api/cameras/{camera_id}/recordings/coverage": WINDOW,
    "/api/cameras/{camera_id}/recordings/pictures": {**WINDOW, "channel": "1", "step_s": "60"},
    "/api/cameras/{camera_id}/recordings/pictures.vtt": {**WINDOW, "channel": "1", "step_s": "60"},
    "/api/cameras/{camera_id}/recordings/picture": {"channel": "1", "time": WINDOW["start_time"]},
    "/api/cameras/{camera_id}/recordings/iframes.m3u8": {**WINDOW, "channel": "1"},
    "/api/cameras/{camera_id}/recordings/iframe.mp4": {
        "channel": "1",
        "time": WINDOW["start_time"],
        "start_time": WINDOW["start_time"],
    },
}


PATH_PARTS: dict[str, Any] = {
    "camera_id": 1,
    "number": 1,
    "role": "main",
    "user_id": 2,
    "session_id": 1,
    "token_id": 1,
    "wall_id": 1,
    "export_id": 1,
    "case_id": 1,
    "kept_id": 1,
    "search_id": 1,
    "backfill_id": 1,
    "event_id": 1,
    "subscription_id": 1,
    "rule_id": 1,
    "sink_id": 1,
    "file": "recording.mp4",
    "tour_id": 1,
    "preset_token": "1",
    "name": "unknown",
    "relay_token": "RelayOutput1",
    "stream_id": "camera1_MediaProfile00000",
}


def filled(path: str) -> str:
    """Return the path with ids of objects that exist."""
    for name, value in PATH_PARTS.items():
        path = path.replace(f"{{{name}}}", str(value))
    assert "{" not in path, path
    return path
