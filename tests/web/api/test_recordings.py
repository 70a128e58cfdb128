"""The recording calls: the exact responses that scripts rely on, and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from core.errors import CameraAuthFailed, CameraBusy, CameraUnreachable, CameraUnsupported, DeviceError
from tests.patience import until
from tests.recordings.recorder import HOUR, NOON, Archive

DAY = {"start_time": "2026-11-22T00:00:00Z", "end_time": "2026-11-22T12:00:00Z"}


@pytest.fixture
def recorded(archive: Archive) -> Archive:
    """Two hours of recording with a motion event on the first channel; no recording on the second."""
    archive.recorder.spans = {"Rec1": [(NOON - 4 * HOUR, NOON - 2 * HOUR)], "Rec2": []}
    archive.recorder.motion = [("Rec1", NOON - 3 * HOUR)]
    return archive


def test_a_search_returns_the_recordings_with_their_spans(client: FlaskClient, recorded: Archive) -> None:
    answer = client.post("/api/cameras/1/recordings/search", json=DAY)
    assert answer.status_code == 200
    assert answer.get_json() == {
        "recordings": [
            {
                "recording_token": "Rec1",
                "channel": 1,
                "matched_by": "video_source",
                "source": "device",
                "source_name": "Gate 1",
                "start_time": "2026-11-22T08:00:00.000Z",
                "end_time": "2026-11-22T10:00:00.000Z",
                "tracks": [
                    {"track_token": "V1", "type": "video", "codec": "h264"},
                    {"track_token": "A1", "type": "audio", "codec": None},
                ],
                "spans": [{"start_time": "2026-11-22T08:00:00.000Z", "end_time": "2026-11-22T10:00:00.000Z"}],
                "coverage": "known",
            }
        ],
        "complete": True,
        "next_cursor": None,
        "error": None,
    }


def test_the_summary_lists_recordings_and_their_range(client: FlaskClient, recorded: Archive) -> None:
    document = client.get("/api/cameras/1/recordings/summary").get_json()
    assert document["number_recordings"] == 2
    assert document["data_from"] == "2026-10-23T12:00:00.000Z"
    assert document["data_until"] == "2026-11-22T12:00:00.000Z"
    assert document["service"] == "search"
    assert document["clock_offset_s"] == 0
    assert document["zone_s"] == 8 * 3600
    assert [item["channel"] for item in document["recordings"]] == [1, 2]
    assert set(document["recordings"][0]) == {
        "recording_token",
        "channel",
        "matched_by",
        "source",
        "source_name",
        "earliest",
        "latest",
        "tracks",
    }


def test_the_coverage_has_no_holes(client: FlaskClient, recorded: Archive) -> None:
    document = _covered(client)
    first, second = document["channels"]
    assert [(span["start_time"][11:16], span["end_time"][11:16], span["state"]) for span in first["spans"]] == [
        ("00:00", "08:00", "not_recorded"),
        ("08:00", "10:00", "recorded"),
        ("10:00", "12:00", "not_recorded"),
    ]
    assert first["events"] == [
        {
            "time": "2026-11-22T09:00:00.000Z",
            "topic": "tns1:RuleEngine/CellMotionDetector/Motion",
            "active": True,
        }
    ]
    assert (first["channel"], first["name"], first["recording_token"]) == (1, "Cam 1", "Rec1")
    assert [span["state"] for span in second["spans"]] == ["not_recorded"]
    assert (document["indexing"], document["event_search"], document["error"]) == (None, True, None)
    assert document["indexing_stopped"] is False


def test_coverage_leaves_out_events_on_request(client: FlaskClient, recorded: Archive) -> None:
    first, _ = _covered(client, events="0")["channels"]
    assert (first["events"], first["events_truncated"]) == ([], False)
    assert len(first["spans"]) == 3


def test_coverage_can_be_limited_to_one_channel(client: FlaskClient, recorded: Archive) -> None:
    assert [item["channel"] for item in _covered(client, channel="2")["channels"]] == [2]


def test_indexing_stops_and_resumes(client: FlaskClient, recorded: Archive) -> None:
    assert client.post("/api/cameras/1/recordings/coverage/stop").status_code == 204
    assert client.post("/api/cameras/1/recordings/coverage/resume").status_code == 204
    assert client.post("/api/cameras/2/recordings/coverage/stop").status_code == 404


def test_the_playback_uri_is_for_other_clients(client: FlaskClient, recorded: Archive) -> None:
    body = {"camera_id": 1, "recording_token": "Rec1", "start_time": "2026-11-22T11:00:00+01:00"}
    assert client.post("/api/recordings/playback-uri", json=body).get_json() == {
        "uri": "rtsp://recorder:8554/recording/Rec1",
        "range": "clock=20261122T100000Z-",
        "requires": ["onvif-replay"],
    }


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (CameraUnsupported("It has no Search service.", service="search"), 422),
        (CameraAuthFailed("It refuses the password."), 502),
        (CameraUnreachable("It does not answer."), 504),
        (CameraBusy("It searches already."), 503),
    ],
)
def test_an_error_of_the_device_is_returned_by_every_call(
    client: FlaskClient,
    recorded: Archive,
    assert_problem: Callable[..., dict[str, Any]],
    problem: DeviceError,
    status: int,
) -> None:
    recorded.recorder.problem = problem
    assert_problem(client.get("/api/cameras/1/recordings/summary"), status, problem.code)
    assert_problem(client.post("/api/cameras/1/recordings/search", json=DAY), status, problem.code)
    body = {"camera_id": 1, "recording_token": "Rec1"}
    assert_problem(client.post("/api/recordings/playback-uri", json=body), status, problem.code)
    answer = client.get("/api/cameras/1/recordings/coverage", query_string=DAY)
    assert_problem(answer, status, problem.code)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start_time", "2026-11-22T00:00:00"),
        ("start_time", "yesterday"),
        ("start_time", None),
        ("end_time", "2026-11-21T00:00:00Z"),
        ("end_time", "2028-11-21T00:00:00Z"),
        ("recording_token", ""),
        ("recording_token", "a\u202eb"),
        ("channel", 0),
        ("channel", "1"),
        ("limit", 0),
        ("limit", 100_000),
        ("cursor", "Rec9"),
        ("cursor", 7),
    ],
)
def test_an_invalid_search_field_is_named(
    reader: FlaskClient, assert_problem: Callable[..., dict[str, Any]], field: str, value: object
) -> None:
    answer = reader.post("/api/cameras/1/recordings/search", json={**DAY, field: value})
    document = assert_problem(answer, 400, "invalid_request")
    assert [error["field"] for error in document["errors"]] == [field]


def test_coverage_without_a_window_names_the_missing_field(
    reader: FlaskClient, assert_problem: Callable[..., dict[str, Any]]
) -> None:
    answer = reader.get("/api/cameras/1/recordings/coverage", query_string={"start_time": DAY["start_time"]})
    document = assert_problem(answer, 400, "invalid_request")
    assert [error["field"] for error in document["errors"]] == ["end_time"]


def test_an_unknown_camera_is_not_found(client: FlaskClient, assert_problem: Callable[..., dict[str, Any]]) -> None:
    assert_problem(client.post("/api/cameras/9/recordings/search", json=DAY), 404, "not_found")
    assert_problem(client.get("/api/cameras/9/recordings/coverage", query_string=DAY), 404, "not_found")
    assert_problem(client.get("/api/cameras/9/recordings/summary"), 404, "not_found")


def _covered(client: FlaskClient, **more: str) -> dict[str, Any]:
    """Return the coverage once indexing is finished."""

    def indexed() -> dict[str, Any]:
        answer = client.get("/api/cameras/1/recordings/coverage", query_string={**DAY, **more})
        assert answer.status_code == 200
        document: dict[str, Any] = answer.get_json()
        return document if document["indexing"] is None else {}

    return until(indexed)
