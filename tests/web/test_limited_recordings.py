"""A user limited to channels gets only recordings that the device itself assigns to them, not guessed matches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from archive.records import FileKey, FileState, IndexedFile, IndexedStretch, to_ms
from core.access import Role, Scope
from core.archive import GapReason, RecordedQuality, StreamKey
from recordings.matching import MatchedBy
from tests.patience import until
from tests.recordings.recorder import HOUR, NOON, Archive
from tests.web.web_harness import ApiClient, WebHarness

DAY = {"start_time": "2026-11-22T00:00:00Z", "end_time": "2026-11-22T12:00:00Z"}


@pytest.fixture
def recorded(archive: Archive) -> Archive:
    archive.recorder.spans = {
        "Rec1": [(NOON - 4 * HOUR, NOON - 2 * HOUR)],
        "Rec2": [(NOON - 3 * HOUR, NOON - HOUR)],
    }
    return archive


def _remove_sources(archive: Archive, by: MatchedBy) -> None:
    """Remove the recording jobs and sources, so that recordings match channels only by name or by order."""
    named = {MatchedBy.NAME: "Cam ", MatchedBy.ORDER: "Nobody's "}[by]
    archive.recorder.recordings_ = tuple(
        replace(item, source_id="", source_name=f"{named}{number}")
        for number, item in enumerate(archive.recorder.recordings_, 1)
    )


def _listed_channels(api: ApiClient) -> dict[str, list[Any]]:
    """Return the channels in the response of each call that lists recordings."""
    search = api.request("POST", "/api/cameras/1/recordings/search", json=DAY).get_json()
    summary = api.request("GET", "/api/cameras/1/recordings/summary").get_json()

    def coverage() -> dict[str, Any]:
        answer: dict[str, Any] = api.request(
            "GET", "/api/cameras/1/recordings/coverage", query_string={**DAY, "events": "1"}
        ).get_json()
        return answer

    until(lambda: coverage()["indexing"] is None)
    return {
        "search": [item["channel"] for item in search["recordings"]],
        "summary": [item["channel"] for item in summary["recordings"]],
        "coverage": [item["channel"] for item in coverage()["channels"]],
    }


def _plays(api: ApiClient, recording_token: str) -> int:
    body = {"camera_id": 1, "recording_token": recording_token, "start_time": "2026-11-22T09:00:00Z"}
    uri = {"camera_id": 1, "recording_token": recording_token}
    first = api.request("POST", "/api/playback/start", json=body)
    assert api.request("POST", "/api/recordings/playback-uri", json=uri).status_code == (
        200 if first.status_code == 201 else 404
    )
    if first.status_code == 201:
        view = first.get_json()
        assert api.request("GET", f"/api/streams/status/{view['stream_id']}").status_code == 200
        assert api.request("GET", view["playlist_url"]).status_code == 200
    return int(first.status_code)


def test_a_reviewer_of_one_channel_plays_only_its_recordings(harness: WebHarness, recorded: Archive) -> None:
    api = harness.token_client(Role.REVIEWER, Scope({1: frozenset({2})}))
    assert _listed_channels(api) == {"search": [2], "summary": [2], "coverage": [2]}
    assert (_plays(api, "Rec2"), _plays(api, "Rec1")) == (201, 404)


@pytest.mark.parametrize("by", [MatchedBy.NAME, MatchedBy.ORDER])
def test_a_guessed_match_is_hidden_from_limited_users_only(
    harness: WebHarness, recorded: Archive, by: MatchedBy
) -> None:
    _remove_sources(recorded, by)
    whole = harness.token_client(Role.REVIEWER, Scope({1: None}))
    assert _listed_channels(whole) == {"search": [1, 2], "summary": [1, 2], "coverage": [1, 2]}
    assert _plays(whole, "Rec2") == 201
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({2})}))
    assert _listed_channels(limited) == {"search": [], "summary": [], "coverage": []}
    assert (_plays(limited, "Rec2"), _plays(limited, "Rec1")) == (404, 404)


def test_coverage_with_one_guessed_recording_is_hidden_too(harness: WebHarness, recorded: Archive) -> None:
    """A coverage row shows both recordings, so a limited user sees it only if both are certain."""
    first, second = recorded.recorder.recordings_
    recorded.recorder.recordings_ = (first, replace(second, source_id="", source_name="Cam 1"))
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({1})}))
    assert _listed_channels(limited) == {"search": [1], "summary": [1], "coverage": []}
    assert (_plays(limited, "Rec1"), _plays(limited, "Rec2")) == (201, 404)


def test_a_user_limited_to_channels_may_not_stop_indexing(harness: WebHarness, recorded: Archive) -> None:
    for scope, status in ((Scope({1: frozenset({2})}), 403), (Scope({1: None}), 204)):
        api = harness.token_client(Role.REVIEWER, scope)
        coverage = api.request("GET", "/api/cameras/1/recordings/coverage", query_string=DAY).get_json()
        assert coverage["may_stop_indexing"] is (status == 204)
        for what in ("stop", "resume"):
            assert api.request("POST", f"/api/cameras/1/recordings/coverage/{what}").status_code == status


def _record_on_the_server(archive: Archive, channel: int) -> None:
    stream, index = StreamKey(1, channel, RecordedQuality.MAIN), archive.server.index
    stretch_id = index.new_stretch_id()
    start_ms, end_ms = to_ms(NOON - 4 * HOUR), to_ms(NOON - 2 * HOUR)
    index.commit(
        [IndexedFile(FileKey(stream, 1, start_ms), end_ms, 1000, stretch_id, FileState.CLOSED)],
        [IndexedStretch(stretch_id, stream, start_ms, end_ms, end_reason=GapReason.SWITCHED_OFF)],
    )


def test_the_server_knows_the_channels_of_its_own_recordings(harness: WebHarness, recorded: Archive) -> None:
    _remove_sources(recorded, MatchedBy.ORDER)
    _record_on_the_server(recorded, 1)
    _record_on_the_server(recorded, 2)
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({2})}))
    assert _listed_channels(limited) == {"search": [2], "summary": [2], "coverage": [2]}
    row = limited.request("GET", "/api/cameras/1/recordings/coverage", query_string=DAY).get_json()["channels"][0]
    assert row["matched_by"] == "server"
    assert {span["source"] for span in row["spans"]} == {None, "server"}
    body = {"camera_id": 1, "start_time": "2026-11-22T09:00:00Z"}
    for token, status in (("server-2-main", 201), ("server-1-main", 404), ("server-3-sub", 404), ("Rec2", 404)):
        started = limited.request("POST", "/api/playback/start", json={**body, "recording_token": token})
        assert started.status_code == status, token
    for token, status in (("server-2-main", 400), ("server-1-main", 404)):
        uri = {"camera_id": 1, "recording_token": token}
        assert limited.request("POST", "/api/recordings/playback-uri", json=uri).status_code == status, token
