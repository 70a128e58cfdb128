"""The calls for pictures of recordings: the exact responses that pages rely on, access and errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from core.access import Role, Scope
from core.errors import CameraUnreachable, NotFound
from pictures.views import Picture
from tests.patience import until
from tests.recordings.recorder import HOUR, NOON, Archive
from tests.web.stand_in_pictures import JPEG, StandInPictures
from tests.web.web_harness import WebHarness

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
GRID = "/api/cameras/1/recordings/pictures"
PICTURE = "/api/cameras/1/recordings/picture"
WINDOW = {"channel": "1", "start_time": "2026-11-22T10:00:00Z", "end_time": "2026-11-22T10:00:20Z", "step_s": "10"}
MOMENT = {"channel": "1", "time": "2026-11-22T10:00:00Z", "width": "320"}


@pytest.fixture
def ready(pictures: StandInPictures) -> StandInPictures:
    """The picture of ten o'clock exists, and is a second older."""
    pictures.made[TEN] = Picture(JPEG, TEN.replace(hour=9, minute=59, second=59))
    return pictures


def test_the_grid_has_the_ready_pictures_with_their_addresses(client: FlaskClient, ready: StandInPictures) -> None:
    answer = client.get(GRID, query_string=WINDOW)
    assert answer.status_code == 200
    assert answer.get_json() == {
        "pictures": [
            {
                "time": "2026-11-22T10:00:00.000Z",
                "picture_time": "2026-11-22T09:59:59.000Z",
                "state": "ready",
                "url": f"{PICTURE}?channel=1&time=2026-11-22T10%3A00%3A00.000Z&width=320",
            },
            {"time": "2026-11-22T10:00:10.000Z", "picture_time": None, "state": "pending", "url": None},
        ]
    }


def test_the_address_in_the_grid_leads_to_the_picture(client: FlaskClient, ready: StandInPictures) -> None:
    url = client.get(GRID, query_string=WINDOW).get_json()["pictures"][0]["url"]
    answer = client.get(url)
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/jpeg", JPEG)
    assert answer.headers["X-Picture-Time"] == "2026-11-22T09:59:59.000Z"
    assert answer.headers["Cache-Control"] == "private, max-age=3600"
    again = client.get(url, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_players_get_the_pictures_of_a_window_as_webvtt(client: FlaskClient, ready: StandInPictures) -> None:
    window = {**WINDOW, "start_time": "2026-11-22T10:00:04.5Z", "end_time": "2026-11-22T10:00:18Z"}
    answer = client.get(f"{GRID}.vtt", query_string=window)
    assert (answer.status_code, answer.mimetype) == (200, "text/vtt")
    address = f"{PICTURE}?channel=1&time=2026-11-22T10%3A00%3A{{}}.000Z&width=320&wait_s=10"
    assert answer.get_data(as_text=True).split("\n\n") == [
        "WEBVTT",
        f"00:00:00.000 --> 00:00:05.500\n{address.format('00')}",
        f"00:00:05.500 --> 00:00:13.500\n{address.format('10')}\n",
    ]
    assert client.get(address.format("00")).data == JPEG


def test_webvtt_leaves_out_times_without_a_recording(client: FlaskClient, pictures: StandInPictures) -> None:
    pictures.not_recorded.add(TEN)
    text = client.get(f"{GRID}.vtt", query_string=WINDOW).get_data(as_text=True)
    assert text.count("-->") == 1
    assert "00:00:10.000 --> 00:00:20.000" in text


def test_a_picture_without_a_confirmed_time_says_none(client: FlaskClient, ready: StandInPictures) -> None:
    ready.made[TEN] = Picture(JPEG, None)
    assert client.get(GRID, query_string=WINDOW).get_json()["pictures"][0]["picture_time"] is None
    assert "X-Picture-Time" not in client.get(PICTURE, query_string=MOMENT).headers


def test_a_pending_picture_is_answered_202_with_a_time_to_retry(client: FlaskClient) -> None:
    answer = client.get(PICTURE, query_string=MOMENT)
    assert (answer.status_code, answer.data, answer.headers["Retry-After"]) == (202, b"", "1")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channel", "0"),
        ("channel", ""),
        ("start_time", "2026-11-22T10:00:00"),
        ("end_time", "later"),
        ("step_s", "30"),
        ("step_s", "010"),
        ("step_s", "10.0"),
    ],
)
def test_an_invalid_field_of_the_grid_is_named(
    reader: FlaskClient, assert_problem: Callable[..., dict[str, Any]], field: str, value: str
) -> None:
    document = assert_problem(reader.get(GRID, query_string={**WINDOW, field: value}), 400, "invalid_request")
    assert [error["field"] for error in document["errors"]] == [field]


@pytest.mark.parametrize(("field", "value"), [("channel", "x"), ("time", "now"), ("width", "0"), ("width", "wide")])
def test_an_invalid_field_of_a_picture_is_named(
    reader: FlaskClient, assert_problem: Callable[..., dict[str, Any]], field: str, value: str
) -> None:
    document = assert_problem(reader.get(PICTURE, query_string={**MOMENT, field: value}), 400, "invalid_request")
    assert [error["field"] for error in document["errors"]] == [field]


def test_errors_of_both_calls_are_problems(
    client: FlaskClient, pictures: StandInPictures, assert_problem: Callable[..., dict[str, Any]]
) -> None:
    pictures.fail_with = CameraUnreachable("It does not answer.")
    assert_problem(client.get(GRID, query_string=WINDOW), 504, "camera_unreachable")
    pictures.fail_with = NotFound("Nothing is recorded at this time.", code="no_recording")
    assert_problem(client.get(PICTURE, query_string=MOMENT), 404, "no_recording")


def test_a_user_limited_to_channels_sees_only_their_pictures(
    harness: WebHarness, archive: Archive, ready: StandInPictures
) -> None:
    """As for playing: a channel that is only guessed by name or order does not count."""
    archive.recorder.spans = {"Rec1": [(NOON - 4 * HOUR, NOON)], "Rec2": [(NOON - 4 * HOUR, NOON)]}
    api = harness.token_client(Role.REVIEWER, Scope({1: frozenset({2})}))
    until(lambda: archive.manager.summary(1).recordings)

    def statuses() -> list[int]:
        of_both = [(path, query) for path, query in ((GRID, WINDOW), (f"{GRID}.vtt", WINDOW), (PICTURE, MOMENT))]
        return [
            api.request("GET", path, query_string={**query, "channel": channel}).status_code
            for path, query in of_both
            for channel in ("1", "2")
        ]

    assert statuses() == [404, 200] * 3
    archive.recorder.recordings_ = tuple(
        replace(item, source_id="", source_name=f"Cam {number}")
        for number, item in enumerate(archive.recorder.recordings_, 1)
    )
    archive.manager.summary(1)
    assert statuses() == [404] * 6
