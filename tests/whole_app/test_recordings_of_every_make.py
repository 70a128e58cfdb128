"""Recordings over HTTP through the whole app, with a simulated recorder of every make."""

from __future__ import annotations

import random
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from media.ffmpeg import find_ffmpeg
from tests.media.rtsp.replay.listening import burnt_time
from tests.patience import LIMIT_S, until
from tests.pictures.simulated_camera import burnt_times
from tools.running import PASSWORD, App, Recorder, running_recorder

MAKES = (
    "conformant",
    "dahua-like",
    "hikvision-like",
    "uniview-like",
    "axis-like",
    "no-replay-headers",
    "no-event-search",
)
CHANNELS = 4
GOP_S = 1.0
SEEKS = 8
TOKEN = "RecordMediaProfile00000"  # of channel 1


@dataclass(frozen=True, slots=True)
class Device:
    """A recorder that is a camera of the app. `start` and `end`: a window of twelve days, up to five minutes ago."""

    make: str
    recorder: Recorder
    app: App
    camera_id: int
    start: datetime
    end: datetime

    @property
    def has_event_search(self) -> bool:
        return self.make != "no-event-search"

    def recorded_spans(self, channel: int) -> list[tuple[datetime, datetime]]:
        """Return the spans of the window from the simulator's control interface."""
        spans = self.recorder.archive(channel, self.start, self.end)["spans"]
        return [(_moment(span["start"]), _moment(span["end"])) for span in spans]

    def search(self, **more: object) -> dict[str, Any]:
        body = {"start_time": self.start.isoformat(), "end_time": self.end.isoformat(), **more}
        found: dict[str, Any] = self.app.call("POST", f"/api/cameras/{self.camera_id}/recordings/search", body)
        return found


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    running = App(tmp_path_factory.mktemp("makes"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module", params=MAKES)
def device(request: pytest.FixtureRequest, app: App) -> Iterator[Device]:
    make: str = request.param
    with running_recorder("--channels", str(CHANNELS), "--profile", "small", "--make", make) as recorder:
        camera_id = app.add_camera(recorder, name=make)
        end = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
        yield Device(make, recorder, app, camera_id, end - timedelta(days=12), end)
        app.call("DELETE", f"/api/cameras/{camera_id}")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_summary_covers_the_whole_archive(device: Device) -> None:
    now = datetime.now(UTC)
    document = device.app.call("GET", f"/api/cameras/{device.camera_id}/recordings/summary")
    month_ago = now - timedelta(days=30)
    claimed = month_ago + timedelta(days=3) if device.make == "hikvision-like" else month_ago
    assert abs(_moment(document["data_from"]) - claimed) < timedelta(minutes=10)
    assert abs(_moment(document["data_until"]) - now) < timedelta(minutes=10)
    assert (document["number_recordings"], document["service"]) == (CHANNELS, "search")
    assert [item["channel"] for item in document["recordings"]] == [1, 2, 3, 4]
    first = document["recordings"][0]
    assert first["recording_token"] == TOKEN
    assert [track["type"] for track in first["tracks"]] == ["video", "audio"]
    assert abs(_moment(first["earliest"]) - month_ago) < timedelta(minutes=10), "1970 is no date"
    assert abs(document["clock_offset_s"]) < 30


def test_a_search_finds_exactly_the_recorded_spans(device: Device) -> None:
    document = device.search()
    assert (document["complete"], document["next_cursor"]) == (True, None)
    found = document["recordings"]
    assert [item["channel"] for item in found] == [1, 2, 3, 4]
    for item in found:
        spans = [(_moment(span["start_time"]), _moment(span["end_time"])) for span in item["spans"]]
        if device.has_event_search:
            assert item["coverage"] == "known"
            assert spans == device.recorded_spans(item["channel"])
        else:
            assert item["coverage"] == "unknown"
            assert spans == [(device.start, device.end)]
        assert (_moment(item["start_time"]), _moment(item["end_time"])) == (spans[0][0], spans[-1][1])
    assert len(found[0]["spans"]) > 5 or not device.has_event_search


def test_a_search_can_be_limited_to_a_recording_a_channel_or_a_page(device: Device) -> None:
    [of_token] = device.search(recording_token=TOKEN)["recordings"]
    assert (of_token["recording_token"], of_token["channel"]) == (TOKEN, 1)
    [of_channel] = device.search(channel=3)["recordings"]
    assert of_channel["channel"] == 3
    first = device.search(limit=3)
    assert [item["channel"] for item in first["recordings"]] == [1, 2, 3]
    last = device.search(limit=3, cursor=first["next_cursor"])
    assert ([item["channel"] for item in last["recordings"]], last["next_cursor"]) == ([4], None)


def test_the_coverage_fills_the_whole_window(device: Device) -> None:
    times = {"start_time": device.start.isoformat(), "end_time": device.end.isoformat()}
    address = f"{device.app.url}/api/cameras/{device.camera_id}/recordings/coverage"

    def indexed() -> dict[str, Any] | None:
        found: dict[str, Any] = requests.get(address, times, timeout=LIMIT_S).json()
        return found if found["indexing"] is None else None

    document = until(indexed)
    assert document
    assert (document["event_search"], document["error"]) == (device.has_event_search, None)
    for item in document["channels"]:
        spans = item["spans"]
        assert (_moment(spans[0]["start_time"]), _moment(spans[-1]["end_time"])) == (device.start, device.end)
        assert all(earlier["end_time"] == later["start_time"] for earlier, later in pairwise(spans))
        if not device.has_event_search:
            assert [(span["state"], span["recording_token"]) for span in spans] == [
                ("unknown", item["recording_token"])
            ]
            continue
        recorded = [span for span in spans if span["state"] == "recorded"]
        assert [(_moment(span["start_time"]), _moment(span["end_time"])) for span in recorded] == device.recorded_spans(
            item["channel"]
        )
        assert {span["state"] for span in spans} == {"recorded", "not_recorded"}
    first = document["channels"][0]
    hours = [span for span in first["spans"] if _length(span) == timedelta(hours=1)]
    assert len(hours) >= 5 or not device.has_event_search, "each day lacks an hour of channel 1"
    assert all(span["state"] == "not_recorded" for span in hours)
    assert bool(first["events"]) is device.has_event_search


def _length(span: dict[str, Any]) -> timedelta:
    return _moment(span["end_time"]) - _moment(span["start_time"])


def test_the_playback_uri_suits_the_make(device: Device) -> None:
    body = {"camera_id": device.camera_id, "recording_token": TOKEN, "start_time": device.start.isoformat()}
    document = device.app.call("POST", "/api/recordings/playback-uri", body)
    assert document["range"] == f"clock={device.start:%Y%m%dT%H%M%SZ}-"
    assert document["requires"] == ["onvif-replay"]
    assert PASSWORD not in document["uri"]
    query = "channel=1&proto=Onvif"
    if device.make == "axis-like":
        query = f"recordingid={TOKEN}&{query}&session_timeout=30"
    assert re.fullmatch(rf"rtsp://127\.0\.0\.1:\d+/cam/replay\?{query}", document["uri"])


def test_each_of_eight_seeks_shows_the_requested_time(device: Device) -> None:
    long_ones = [span for span in device.recorded_spans(1) if span[1] - span[0] > timedelta(minutes=1)]
    rng = random.Random(device.make)

    def moment() -> datetime:
        start, end = rng.choice(long_ones)
        return start + rng.random() * (end - start - timedelta(seconds=30))

    asked = moment()
    body = {"camera_id": device.camera_id, "recording_token": TOKEN, "start_time": asked.isoformat()}
    stream = device.app.call("POST", "/api/playback/start", body)
    try:
        _check_first_frame(device, stream["playlist_url"], asked)
        for _ in range(SEEKS):
            asked = moment()
            wanted = {"stream_id": stream["stream_id"], "time": asked.isoformat()}
            sought = device.app.call("POST", "/api/playback/seek", wanted)
            shown_s = _check_first_frame(device, sought["playlist_url"], asked)
            assert _moment(sought["start_time"]).timestamp() == pytest.approx(shown_s, abs=0.05)
            assert sought["time_confirmed"] is True
    finally:
        device.app.call("POST", "/api/streams/stop", {"stream_id": stream["stream_id"]})


def test_each_picture_is_within_one_group_of_frames_of_its_time(device: Device) -> None:
    start, _ = next(span for span in device.recorded_spans(1) if span[1] - span[0] > timedelta(minutes=25))
    _check_pictures(device.app, device.camera_id, start)


def test_pictures_come_from_the_recording_of_the_sub_stream(app: App) -> None:
    with running_recorder("--channels", "1", "--profile", "small", "--make", "sub-recordings") as recorder:
        camera_id = app.add_camera(recorder, name="sub-recordings")
        _check_pictures(app, camera_id, datetime.now(UTC) - timedelta(minutes=40))
        played = {session["recording"] for session in recorder.control("GET", "/replay")["sessions"]}
        app.call("DELETE", f"/api/cameras/{camera_id}")
    assert played == {"RecordMediaProfile00001"}


def _check_pictures(app: App, camera_id: int, after: datetime) -> None:
    """Ask for ten minutes of pictures until they are ready; compare each with the time that is burnt into it."""
    begin_s = -(-after.timestamp() // 600) * 600
    query: dict[str, str | int] = {
        "channel": 1,
        "start_time": datetime.fromtimestamp(begin_s, UTC).isoformat(),
        "end_time": datetime.fromtimestamp(begin_s + 600, UTC).isoformat(),
        "step_s": 10,
    }

    def made() -> list[dict[str, Any]] | None:
        answer = requests.get(f"{app.url}/api/cameras/{camera_id}/recordings/pictures", query, timeout=LIMIT_S)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["pictures"]
        return found if all(item["state"] != "pending" for item in found) else None

    pictures = until(made, within_s=3 * LIMIT_S, what="the pictures", rest=lambda _: time.sleep(0.5)) or []
    assert [item["state"] for item in pictures] == ["ready"] * 60
    jpegs = [requests.get(app.url + item["url"], timeout=LIMIT_S).content for item in pictures]
    for item, shown_s in zip(pictures, burnt_times(jpegs), strict=True):
        assert abs(_moment(item["time"]).timestamp() - shown_s) <= GOP_S
        assert _moment(item["picture_time"]).timestamp() == pytest.approx(shown_s, abs=0.1)


def test_replay_abilities_of_a_recorder_survive_a_restart(tmp_path: Path) -> None:
    with running_recorder("--channels", "1", "--profile", "small", "--make", "no-replay-headers") as recorder:
        app = App(tmp_path)
        app.start()
        try:
            camera_id = app.add_camera(recorder)
            start = datetime.now(UTC) - timedelta(minutes=20)
            body = {"camera_id": camera_id, "recording_token": TOKEN, "start_time": start.isoformat()}
            stream = app.call("POST", "/api/playback/start", body)
            _first_time(app.url + stream["playlist_url"])
            app.call("POST", "/api/streams/stop", {"stream_id": stream["stream_id"]})  # it learns nothing more then
            known = _replay_checks(app, camera_id)
            assert known["replay by ONVIF"] == "no"
            app.stop()
            app.start()
            assert _replay_checks(app, camera_id) == known
            app.call("PATCH", f"/api/cameras/{camera_id}", {"password": PASSWORD})
            assert _replay_checks(app, camera_id) == {}, "it may be another one now"
        finally:
            app.stop()


def _replay_checks(app: App, camera_id: int) -> dict[str, str]:
    checks = app.call("GET", f"/api/cameras/{camera_id}/health")["checks"]
    return {check["name"]: check["outcome"] for check in checks if check["name"].startswith(("replay by", "replay:"))}


def _check_first_frame(device: Device, playlist_url: str, asked: datetime) -> float:
    """Return the time burnt into the first frame; assert that it is at most one GOP before the time asked for."""
    shown_s = _first_time(device.app.url + playlist_url)
    assert asked.timestamp() - GOP_S <= shown_s <= asked.timestamp()
    return shown_s


def _first_time(playlist_url: str) -> float:
    """Return the time burnt into the first frame of the first segment, decoded by ffmpeg."""
    playlist = requests.get(playlist_url, timeout=LIMIT_S)
    assert playlist.status_code == 200, playlist.text
    [init_name, *_] = re.findall(r'#EXT-X-MAP:URI="([^"]+)"', playlist.text)
    name = next(line for line in playlist.text.splitlines() if line and not line.startswith("#"))
    data = b"".join(
        requests.get(f"{playlist_url.rpartition('/')[0]}/{part}", timeout=LIMIT_S).content for part in (init_name, name)
    )
    only_one = ["-frames:v", "1", "-f", "image2pipe", "-c:v", "pgm", "-pix_fmt", "gray", "-"]
    command = [str(find_ffmpeg()), "-v", "error", "-f", "mp4", "-i", "-", "-an", *only_one]
    pgm = subprocess.run(command, input=data, check=True, capture_output=True, timeout=LIMIT_S).stdout
    _, size, _, gray = pgm.split(b"\n", maxsplit=3)
    return burnt_time(gray, int(size.split()[0]))
