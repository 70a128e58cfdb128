"""The archive, and how each make presents it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zeep.exceptions

from simulator.archive import Recording
from simulator.layout import make_layout
from tests.simulator.process import Makes, Simulator
from tests.simulator.services import call

UTC = datetime.UTC
DAY = datetime.timedelta(days=1)
TEN = datetime.timedelta(seconds=10)


@pytest.fixture(scope="module")
def makes(cache_dir: Path) -> Iterator[Makes]:
    started = Makes(cache_dir, channels=16)
    yield started
    started.stop()


def results(simulator: Simulator, start: datetime.datetime, end: datetime.datetime, **more: Any) -> list[Any]:
    """All results of FindEvents."""
    asked = {"Scope": {}, "SearchFilter": {}, "IncludeStartState": True, **more}
    token = call(simulator, "tse", "FindEvents", StartPoint=start, EndPoint=end, KeepAliveTime=TEN, **asked)
    found: list[Any] = []
    while True:
        page = call(simulator, "tse", "GetEventSearchResults", SearchToken=token)
        found += page.Result
        if not page.Result:
            call(simulator, "tse", "EndSearch", SearchToken=token)
            return found


def test_the_archive_is_the_same_in_each_recorder(makes: Makes, tmp_path: Path) -> None:
    now = datetime.datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    window = f"start={(midnight - DAY).strftime('%Y-%m-%dT%H:%M:%SZ')}&end={midnight.strftime('%Y-%m-%dT%H:%M:%SZ')}"
    first = makes["conformant"].get(f"/archive?channel=1&{window}")
    lengths = [_length_s(span) for span in first["spans"]]
    assert len(lengths) == 2
    assert sum(lengths) == 23 * 3600  # one seeded hour is missing
    assert len(first["motion"]) > 20
    another = Simulator(tmp_path, "--make", "hikvision-like", "--channels", "2")
    try:
        assert another.get(f"/archive?channel=1&{window}")["spans"] == first["spans"]
    finally:
        another.stop()


def test_the_hours_around_the_start_are_recorded() -> None:
    for channel in make_layout(16):
        for half_hours in range(2 * 24 * 7):
            started_s = 1_795_478_400 + 1800 * half_hours
            recording = Recording(channel, 1, started_s, started_s - 20 * 86_400, started_s + 3 * 3600)
            around = (started_s - 3600, started_s + 3 * 3600)
            assert recording.spans(*around) == [around]


def _length_s(span: dict[str, str]) -> float:
    start, end = (datetime.datetime.fromisoformat(span[name]) for name in ("start", "end"))
    return (end - start).total_seconds()


def test_a_month_of_sixteen_channels_is_about_25_000_events(makes: Makes) -> None:
    now = datetime.datetime.now(UTC)
    week = len(results(makes["conformant"], now - 7 * DAY, now))
    assert 25_000 * 7 / 30 * 0.9 < week < 25_000 * 7 / 30 * 1.2


def test_a_make_may_ignore_filters(makes: Makes) -> None:
    now = datetime.datetime.now(UTC)
    scope = {"IncludedRecordings": ["RecordMediaProfile00000"]}

    def tokens(make: str) -> set[str]:
        return {row.RecordingToken for row in results(makes[make], now - DAY, now, Scope=scope)}

    assert tokens("conformant") == {"RecordMediaProfile00000"}
    assert len(tokens("dahua-like")) == 13


def test_a_make_may_lack_start_states(makes: Makes) -> None:
    now = datetime.datetime.now(UTC)
    assert any(row.StartStateEvent for row in results(makes["conformant"], now - DAY, now))
    assert not any(row.StartStateEvent for row in results(makes["hikvision-like"], now - DAY, now))


def test_a_make_without_event_search_has_a_summary(makes: Makes) -> None:
    now = datetime.datetime.now(UTC)
    with pytest.raises(zeep.exceptions.Fault, match="Optional Action Not Implemented"):
        results(makes["no-event-search"], now - DAY, now)
    assert call(makes["no-event-search"], "tse", "GetRecordingSummary").NumberRecordings == 13


def test_makes_differ_in_their_summaries(makes: Makes) -> None:
    full = call(makes["conformant"], "tse", "GetRecordingSummary")
    assert (full.NumberRecordings, full.DataFrom.year >= 2026) == (13, True)
    empty = call(makes["dahua-like"], "tse", "GetRecordingSummary")
    assert (empty.NumberRecordings, empty.DataFrom.year) == (0, 1970)
    with pytest.raises(zeep.exceptions.Fault, match="Optional Action Not Implemented"):
        call(makes["uniview-like"], "tse", "GetRecordingSummary")


def test_makes_differ_in_their_replay_urls(makes: Makes) -> None:
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}

    def address(make: str) -> str:
        token = "RecordMediaProfile00000"
        return str(call(makes[make], "trp", "GetReplayUri", StreamSetup=setup, RecordingToken=token))

    assert address("conformant").endswith("/cam/replay?channel=1&proto=Onvif")
    assert address("axis-like").endswith("session_timeout=30")


def test_a_make_without_profile_g_lacks_its_services(makes: Makes) -> None:
    simulator = makes["no-profile-g"]
    spaces = [service.Namespace for service in call(simulator, "tds", "GetServices", IncludeCapability=False)]
    assert not [space for space in spaces if space.rpartition("/ver10/")[2] in ("search/wsdl", "replay/wsdl")]
    assert not [space for space in spaces if "recording" in space]
    with pytest.raises(zeep.exceptions.Fault):
        call(simulator, "tse", "GetRecordingSummary")


def test_many_recordings_have_the_spans_of_one(makes: Makes) -> None:
    now = datetime.datetime.now(UTC)
    noon = (now - DAY).replace(hour=12, minute=0, second=0, microsecond=0)
    simulator = makes["many-recordings"]
    events = [row for row in results(simulator, noon - DAY, noon) if row.TrackToken == "VideoTrack001"]
    tokens = {row.RecordingToken for row in events}
    assert len(tokens) > 100  # a month of one channel
    begun = sorted({row.RecordingToken for row in events if not row.StartStateEvent})
    assert len(begun) == 6  # noon is an end and a beginning on both days
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    uri = str(call(simulator, "trp", "GetReplayUri", StreamSetup=setup, RecordingToken=begun[0]))
    assert f"recordingid={begun[0]}&channel=2" in uri
