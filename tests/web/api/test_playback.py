"""The two playback calls: parameters, responses and errors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from core.errors import (
    AppError,
    CameraBusy,
    CameraUnreachable,
    CameraUnsupported,
    Conflict,
    LimitReached,
    NotFound,
    Unavailable,
)

NIGHT = "2026-11-22T02:13:00Z"
BODY = {"camera_id": 1, "recording_token": "Rec0", "start_time": NIGHT}


@pytest.fixture
def stream_id(client: FlaskClient) -> str:
    answer = client.post("/api/playback/start", json=BODY)
    assert answer.status_code == 201
    name: str = answer.get_json()["stream_id"]
    return name


def test_a_playback_is_listed_as_a_replay_stream(client: FlaskClient) -> None:
    started = client.post("/api/playback/start", json=BODY)
    document = started.get_json()
    assert started.status_code == 201
    assert document["kind"] == "replay"
    assert document["viewer_id"] == "viewer-1"
    assert document["recording_token"] == "Rec0"
    assert document["start_time"] == "2026-11-22T02:13:00.000Z"
    assert document["playlist_url"] == f"/static/streams/{document['stream_id']}/run1.m3u8"
    listed = client.get("/api/streams/all").get_json()["streams"]
    del document["viewer_id"]
    assert listed == [{**document, "node": ""}]
    assert client.get(f"/api/streams/status/{document['stream_id']}").get_json() == document


def test_times_are_understood_in_any_zone(client: FlaskClient, streams: Any) -> None:
    body = {**BODY, "start_time": "2026-11-22t03:13:00.5+01:00", "end_time": "2026-11-22T02:20:00z"}
    assert client.post("/api/playback/start", json={**body, "accept": ["hevc", "h264"]}).status_code == 201
    start_utc = datetime(2026, 11, 22, 2, 13, 0, 500_000, tzinfo=UTC)
    end_utc = datetime(2026, 11, 22, 2, 20, tzinfo=UTC)
    assert streams.replays == [("Rec0", start_utc, end_utc, ("hevc", "h264"))]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start_time", "2026-11-22T02:13:00"),
        ("start_time", "2026-11-22"),
        ("start_time", 1_763_777_580),
        ("start_time", "2026-13-22T02:13:00Z"),
        ("start_time", "1812-11-22T02:13:00Z"),
        ("start_time", "0001-01-01T00:00:00+14:00"),
        ("start_time", "9999-12-31T23:59:59-14:00"),
        ("start_time", "2026-11-22T02:13:00+99:00"),
        ("start_time", None),
        ("end_time", "yesterday"),
        ("end_time", NIGHT),
        ("recording_token", ""),
        ("recording_token", "a\x00b"),
        ("recording_token", "x" * 257),
        ("camera_id", "1"),
        ("accept", ["vp9"]),
        ("quality", "best"),
    ],
)
def test_an_invalid_start_is_refused_with_its_field(
    reader: FlaskClient, assert_problem: Any, field: str, value: Any
) -> None:
    document = assert_problem(reader.post("/api/playback/start", json={**BODY, field: value}), 400, "invalid_request")
    assert document["errors"][0]["field"].startswith(field)


def test_a_seek_returns_the_new_address_and_start_time(client: FlaskClient, stream_id: str) -> None:
    answer = client.post("/api/playback/seek", json={"stream_id": stream_id, "time": "2026-11-22T03:00:00Z"})
    assert (answer.status_code, answer.get_json()) == (
        200,
        {
            "stream_id": stream_id,
            "playlist_url": f"/static/streams/{stream_id}/run2.m3u8",
            "start_time": "2026-11-22T03:00:00.000Z",
            "time_confirmed": None,
            "replay_quality": "full",
            "has_sub_recording": None,
        },
    )


@pytest.mark.parametrize("quality", ["full", "sub", "small"])
def test_a_seek_may_ask_for_another_quality(client: FlaskClient, stream_id: str, quality: str) -> None:
    body = {"stream_id": stream_id, "time": NIGHT, "quality": quality}
    answer = client.post("/api/playback/seek", json=body)
    assert (answer.status_code, answer.get_json()["replay_quality"]) == (200, quality)
    assert client.post("/api/playback/start", json={**BODY, "quality": quality}).status_code == 201


@pytest.mark.parametrize("body", [{"time": NIGHT}, {"stream_id": "x"}, {"stream_id": "x", "time": "02:13"}, []])
def test_an_invalid_seek_is_refused(client: FlaskClient, assert_problem: Any, body: Any) -> None:
    assert_problem(client.post("/api/playback/seek", json=body), 400, "invalid_request")


def test_a_seek_in_an_unknown_session_is_404(client: FlaskClient, assert_problem: Any) -> None:
    assert_problem(client.post("/api/playback/seek", json={"stream_id": "replay1_x", "time": NIGHT}), 404, "not_found")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound("Nothing.", code="no_recording"), 404, "no_recording"),
        (Conflict("Later.", code="superseded"), 409, "superseded"),
        (CameraUnsupported("No.", service="replay"), 422, "camera_unsupported"),
        (CameraBusy("No session left."), 503, "camera_busy"),
        (CameraUnreachable("Gone."), 504, "camera_unreachable"),
        (Unavailable("Not yet."), 503, "not_ready"),
    ],
)
def test_the_error_of_a_failed_seek_is_returned(
    client: FlaskClient, streams: Any, stream_id: str, assert_problem: Any, error: AppError, status: int, code: str
) -> None:
    streams.fail_with = error
    assert_problem(client.post("/api/playback/seek", json={"stream_id": stream_id, "time": NIGHT}), status, code)


def test_a_replay_limit_names_the_sessions_in_use(client: FlaskClient, streams: Any, assert_problem: Any) -> None:
    streams.fail_with = LimitReached("Two are watched.", code="replay_limit", used_by=("replay1_a", "replay1_b"))
    answer = client.post("/api/playback/start", json=BODY)
    assert assert_problem(answer, 429, "replay_limit")["used_by"] == ["replay1_a", "replay1_b"]
    assert answer.headers["Retry-After"]
