"""/api/backfills over HTTP: answers, states, roles and the audit log."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from backfill.records import Stretch
from core.archive import GapReason, RecordingMode, RecordingRule, WeekSpan
from core.clock import rfc3339
from tests.recordings.recorder import HOUR, NOON, Archive

URL = "/api/backfills"
START = NOON - 2 * HOUR
BODY = {"camera_id": 1, "channel": 1, "start_time": rfc3339(START), "end_time": rfc3339(START + HOUR)}


@pytest.fixture(autouse=True)
def recorded(archive: Archive) -> None:
    """The recorder has half of the hour."""
    archive.recorder.spans = {"Rec1": [(START, START + HOUR / 2)], "Rec2": []}


def add(client: FlaskClient) -> dict[str, Any]:
    answer = client.post(URL, json=BODY)
    assert answer.status_code == 202, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


def test_an_estimate_tells_size_time_and_what_nobody_has(client: FlaskClient) -> None:
    found = client.post(f"{URL}/estimate", json=BODY).get_json()
    assert found == {
        "seconds": 1800.0,
        "bytes": 1800 * 500_000,
        "about": False,
        "missing_s": 1800.0,
        "spans": [{"start_time": rfc3339(START), "end_time": rfc3339(START + HOUR / 2)}],
    }


def test_a_backfill_is_queued_listed_and_deleted(client: FlaskClient, archive: Archive) -> None:
    made = add(client)
    assert made == {
        "id": 1,
        **BODY,
        "state": "queued",
        "progress": {"done_s": 0.0, "total_s": 1800.0, "bytes": 0},
        "eta_s": None,
        "lacking_s": 0.0,
        "frames_lost": 0,
        "automatic": False,
        "by": "this machine",
        "error": None,
        "created_at": rfc3339(archive.clock.now),
        "ended_at": None,
    }
    assert client.get(URL).get_json() == {"backfills": [made], "proposals": []}
    assert client.get(f"{URL}/1").get_json() == made
    assert client.delete(f"{URL}/1").status_code == 204
    assert client.get(URL).get_json() == {"backfills": [], "proposals": []}


def test_states_change_only_in_their_order(client: FlaskClient) -> None:
    add(client)
    for action, status, state in (
        ("pause", 200, "paused"),
        ("pause", 409, None),
        ("resume", 200, "queued"),
        ("resume", 409, None),
        ("cancel", 200, "cancelled"),
        ("cancel", 409, None),
        ("retry", 200, "queued"),
    ):
        answer = client.post(f"{URL}/1/{action}")
        assert answer.status_code == status
        assert answer.get_json().get("state") == state
        assert status == 200 or answer.get_json()["code"] == "backfill_state"


def test_a_range_without_anything_to_fetch_is_refused(client: FlaskClient) -> None:
    later = {**BODY, "start_time": rfc3339(START + HOUR / 2), "end_time": rfc3339(START + HOUR)}
    answer = client.post(URL, json=later)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "nothing_to_fetch")


def test_a_pause_of_the_recording_is_left_out(client: FlaskClient, archive: Archive) -> None:
    archive.server.gap_store.begin(1, 1, START, GapReason.PAUSED, end=START + HOUR / 4, by="anna")
    found = client.post(f"{URL}/estimate", json=BODY).get_json()
    assert found["spans"] == [{"start_time": rfc3339(START + HOUR / 4), "end_time": rfc3339(START + HOUR / 2)}]


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [(START, START, "end_time"), (START, START + timedelta(days=32), "end_time")],
)
def test_impossible_ranges_are_refused(client: FlaskClient, start: datetime, end: datetime, field: str) -> None:
    answer = client.post(URL, json={**BODY, "start_time": rfc3339(start), "end_time": rfc3339(end)})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_an_unknown_channel_or_backfill_is_not_found(client: FlaskClient) -> None:
    assert client.post(URL, json={**BODY, "channel": 99}).status_code == 404
    assert client.get(f"{URL}/7").status_code == 404
    assert client.post(f"{URL}/7/pause").status_code == 404
    assert client.delete(f"{URL}/7").status_code == 404


def test_a_recording_whose_channel_is_guessed_is_not_fetched(client: FlaskClient, archive: Archive) -> None:
    """Users of the channel would see another one."""
    archive.recorder.recordings_ = (
        replace(archive.recorder.recordings_[0], source_id="", source_name="Cam 1"),
        archive.recorder.recordings_[1],
    )
    answer = client.post(f"{URL}/estimate", json=BODY)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unsure_channel")


def test_a_gap_that_no_rule_fills_is_proposed_until_a_job_has_it(client: FlaskClient, archive: Archive) -> None:
    archive.server.set_rule(1, 1, RecordingRule(RecordingMode.SCHEDULE, schedule=(WeekSpan(0, 0, 30),)))
    archive.server.gap_store.begin(1, 1, START, GapReason.SERVER_OFF, end=START + HOUR / 4)
    archive.backfills._planner.plan(lambda: False)
    (found,) = client.get(URL).get_json()["proposals"]
    times = {"start_time": rfc3339(START), "end_time": rfc3339(START + HOUR / 4)}
    assert found == {"camera_id": 1, "channel": 1, **times, "seconds": 900.0, "bytes": 900 * 500_000}
    assert client.post(URL, json={**BODY, **times}).status_code == 202
    assert client.get(URL).get_json()["proposals"] == []


def test_footage_beyond_a_limit_by_law_is_not_fetched(client: FlaskClient, archive: Archive) -> None:
    """Also not by a job that waited until the limit passed."""
    limit = timedelta(hours=1, minutes=45)
    archive.server.set_rule(1, 1, RecordingRule(limit_days=limit / timedelta(days=1)))
    answer = client.post(f"{URL}/estimate", json=BODY)
    assert [error["field"] for error in answer.get_json()["errors"]] == ["start_time"]
    found = archive.backfills._targets.find(1, 1, Stretch(START, START + HOUR), resumes=True)
    assert found.stretches == (Stretch(NOON - limit, START + HOUR / 2),)


@pytest.mark.parametrize(("keep_days", "seconds"), [(30.0, 1200.0), (1.75 / 24, 300.0), (0.5 / 24, None)])
def test_gaps_that_the_retention_would_delete_are_not_proposed(
    client: FlaskClient, archive: Archive, keep_days: float, seconds: float | None
) -> None:
    """The gap begins two hours ago and lasts twenty minutes, of which the recorder has all."""
    schedule = (WeekSpan(0, 0, 30),)
    archive.server.set_rule(1, 1, RecordingRule(RecordingMode.SCHEDULE, schedule=schedule, keep_days=keep_days))
    archive.server.gap_store.begin(1, 1, START, GapReason.SERVER_OFF, end=START + HOUR / 3)
    archive.backfills._planner.plan(lambda: False)
    found = [item["seconds"] for item in client.get(URL).get_json()["proposals"]]
    assert found == ([] if seconds is None else [seconds])
