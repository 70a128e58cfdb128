"""Tests with the pretend recorder, whose faults are switched on and off while it runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import CameraAuthFailed, CameraBadAnswer, CameraUnreachable, CameraUnsupported, DeviceError
from core.ptz import Velocity
from onvif_services import discovery, events, media, ptz, recording_search, replay
from onvif_services.connection import DeviceConnection
from onvif_services.snapshot import fetch_snapshot, jpeg_size
from tests.onvif_services.connecting import Connect
from tests.patience import LIMIT_S, promised, until

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "Kn0w&<ü"


class Recorder:
    """A running simulator and its control port."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.onvif_port = int(ready["onvif_port"])
        self.rtsp_port = int(ready["rtsp_port"])
        self._control = f"http://127.0.0.1:{ready['control_port']}"

    def get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(self._control + path, timeout=LIMIT_S) as answer:
            return dict(json.load(answer))

    def post(self, path: str, **body: object) -> None:
        asked = urllib.request.Request(self._control + path, json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(asked, timeout=LIMIT_S):
            pass

    def fault(self, name: str, value: object) -> None:
        self.post("/fault", name=name, value=value)

    def failed_logins(self) -> int:
        return int(self.get("/logins")["soap"]["failed"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    cache = tmp_path_factory.mktemp("pretend")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "simulator",
            "--discovery",
            "--profile",
            "small",
            "--cache-dir",
            str(cache),
            "--die-with-parent",
        ],
        cwd=ROOT,
        env={**os.environ, "SIMULATOR_PASSWORD": PASSWORD},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield Recorder(json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(LIMIT_S)
        process.stdout.close()


@pytest.fixture
def recorder(running: Recorder) -> Recorder:
    running.post("/clear")
    return running


def _open(recorder: Recorder, connect: Connect, **options: Any) -> DeviceConnection:
    conn = connect(port=recorder.onvif_port, **{"password": PASSWORD, "timeout_s": LIMIT_S, **options})
    conn.open()
    return conn


def test_sixteen_channels_with_main_and_sub_are_read(recorder: Recorder, connect: Connect) -> None:
    conn = _open(recorder, connect)
    channels = media.read_channels(conn)
    state = recorder.get("/state")
    assert [channel.name for channel in channels] == [item["name"] for item in state["channels"]]
    for channel, item in zip(channels, state["channels"], strict=True):
        assert [profile.profile_token for profile in channel.profiles] == [
            item["profiles"][role]["token"] for role in ("main", "sub")
        ]
        assert [profile.role.value for profile in channel.profiles] == ["main", "sub"]
    codecs = [channel.profiles[0].video.codec for channel in channels if channel.profiles[0].video]
    assert codecs == ["h264", "hevc"] * 8
    assert recorder.failed_logins() == 0


def test_stream_addresses_lead_to_the_recorders_rtsp_port(recorder: Recorder, connect: Connect) -> None:
    conn = _open(recorder, connect)
    uris = {media.stream_uri(conn, token) for token in ("MediaProfile00000", "MediaProfile00001", "MediaProfile00100")}
    assert len(uris) == 3
    assert all(uri.startswith(f"rtsp://127.0.0.1:{recorder.rtsp_port}/") for uri in uris)


@pytest.mark.parametrize("told", ["192.168.77.77", "192.168.77.77:9999"])
def test_addresses_of_another_host_are_rewritten(recorder: Recorder, connect: Connect, told: str) -> None:
    recorder.fault("other_host", told)
    conn = _open(recorder, connect)
    assert len(media.read_channels(conn)) == 16
    assert media.stream_uri(conn, "MediaProfile00000").startswith("rtsp://127.0.0.1:")
    with events.PullPoint(conn) as point:
        assert point.pull(timeout_s=1.0)
    assert recorder.get("/state")["subscriptions"] == 0


def test_opening_and_reading_leaves_no_subscription(recorder: Recorder, connect: Connect) -> None:
    media.read_channels(_open(recorder, connect))
    assert recorder.get("/state")["subscriptions"] == 0


@pytest.mark.parametrize("offset_s", [-94_608_000, 1800])
def test_a_wrong_clock_costs_no_login(recorder: Recorder, connect: Connect, offset_s: float) -> None:
    before = recorder.failed_logins()
    recorder.fault("clock_offset", offset_s)
    began_s = time.monotonic()
    conn = _open(recorder, connect)
    took_s = time.monotonic() - began_s
    assert conn.clock_offset is not None
    assert conn.clock_offset.offset_s == pytest.approx(offset_s, abs=1 + took_s / 2)
    assert recorder.failed_logins() == before


def test_a_clock_that_jumps_while_connected_is_followed(recorder: Recorder, connect: Connect) -> None:
    conn = _open(recorder, connect)
    before = recorder.failed_logins()
    recorder.fault("clock_offset", -5000)
    media.read_channels(conn)
    assert recorder.failed_logins() - before <= 4  # of the calls under way


def test_a_recorder_with_local_time_as_utc_or_without_utc_opens(recorder: Recorder, connect: Connect) -> None:
    recorder.fault("local_time_in_utc", 19800)
    assert len(media.read_channels(_open(recorder, connect))) == 16
    recorder.post("/clear")
    recorder.fault("no_utc", True)
    conn = _open(recorder, connect)
    assert conn.clock_offset is not None


@pytest.mark.parametrize("sixteen", range(2))
def test_sixteen_logins_with_a_wrong_password_do_not_lock_the_account(
    recorder: Recorder, connect: Connect, sixteen: int
) -> None:
    recorder.fault("lock_out", 3)

    def attempt(_: int) -> type[Exception]:
        with pytest.raises(DeviceError) as caught:
            _open(recorder, connect, password="wrong")
        return type(caught.value)

    before = recorder.failed_logins()
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(attempt, range(16))) == {CameraAuthFailed}
    assert recorder.failed_logins() - before <= 2
    _open(recorder, connect)


def test_without_media2_only_the_h265_profiles_are_missing(recorder: Recorder, connect: Connect) -> None:
    recorder.fault("no_media2", True)
    conn = _open(recorder, connect)
    assert "media2" not in conn.services
    channels = media.read_channels(conn)
    assert sum(len(channel.profiles) for channel in channels) == 24


def test_h265_that_media_calls_h264_is_corrected_by_media2(recorder: Recorder, connect: Connect) -> None:
    recorder.fault("h265_as_h264", True)
    channels = media.read_channels(_open(recorder, connect))
    main = channels[1].profiles[0]
    assert main.video is not None
    assert main.video.codec == "hevc"


def test_snapshots_are_fetched_with_digest_or_unsupported(recorder: Recorder, connect: Connect) -> None:
    conn = _open(recorder, connect)
    assert jpeg_size(fetch_snapshot(conn, "MediaProfile00000"))[0] > 0
    recorder.fault("stale_nonce", 1.0)  # long enough for the repetition with the next nonce
    time.sleep(1.1)
    assert fetch_snapshot(conn, "MediaProfile00000")
    recorder.post("/clear")
    recorder.fault("digest_algorithm", "both")
    assert fetch_snapshot(_open(recorder, connect), "MediaProfile00001")
    recorder.fault("no_snapshots", True)
    with pytest.raises(CameraUnsupported):
        fetch_snapshot(conn, "MediaProfile00000")


@pytest.mark.parametrize(("name", "value"), [("soap_silent", True), ("drip", 1), ("slow", 30)])
def test_a_device_that_is_slow_or_silent_is_unreachable_in_time(
    recorder: Recorder, connect: Connect, name: str, value: object
) -> None:
    conn = _open(recorder, connect)
    recorder.fault(name, value)
    conn.timeout_s = 0.6
    with promised(4):
        with pytest.raises(CameraUnreachable):
            conn.check()
        with pytest.raises(CameraUnreachable):
            media.read_channels(conn)
    recorder.post("/clear")
    conn.timeout_s = LIMIT_S
    conn.check()


def test_a_redirect_is_refused(recorder: Recorder, connect: Connect) -> None:
    recorder.fault("soap_redirect", f"http://127.0.0.1:{recorder.rtsp_port}/")
    with pytest.raises(CameraBadAnswer):
        _open(recorder, connect)


def test_hostile_names_are_only_text(recorder: Recorder, connect: Connect) -> None:
    recorder.fault("names", "<img src=x onerror=alert(1)>\u202e{{7*7}}" + "x" * 500)
    conn = _open(recorder, connect)
    assert conn.info.model.isprintable()
    assert len(conn.info.model) <= 128
    assert all(channel.name.isprintable() and len(channel.name) <= 128 for channel in media.read_channels(conn))


def test_the_channel_with_ptz_moves(recorder: Recorder, connect: Connect) -> None:
    conn = _open(recorder, connect)
    profile = next(item for channel in media.read_channels(conn) for item in channel.profiles if item.has_ptz)
    ptz.continuous_move(conn, profile.profile_token, Velocity(pan=0.5, tilt=-0.5), 1.0)
    ptz.stop(conn, profile.profile_token)
    token = ptz.set_preset(conn, profile.profile_token, "Gate & <wall>")
    assert "Gate & <wall>" in {item.name for item in ptz.read_presets(conn, profile.profile_token)}
    ptz.goto_preset(conn, profile.profile_token, token)
    ptz.remove_preset(conn, profile.profile_token, token)


def test_a_second_device_opens_and_is_read_within_a_second(recorder: Recorder, connect: Connect) -> None:
    _open(recorder, connect)
    with promised(1.0):
        media.read_channels(_open(recorder, connect))


def test_the_recorder_is_found_by_discovery(recorder: Recorder) -> None:
    def is_found() -> bool:
        return recorder.onvif_port in {item.port for item in discovery.discover(1.0) if item.host == "127.0.0.1"}

    until(is_found)  # a recorder that stands still answers the next probe


def test_recordings_events_and_replay_addresses_are_found(recorder: Recorder, connect: Connect) -> None:
    conn = _open(recorder, connect)
    recordings, service = listed = recording_search.list_recordings(conn)
    told = recording_search.summary(conn, listed=listed)
    assert (service, told.service, told.number_recordings) == ("search", "search", len(recordings))
    assert told.data_until is not None
    first = recordings[0]
    assert first.tracks
    found = recording_search.find_events(
        conn,
        start=told.data_until - timedelta(days=1),
        end=told.data_until,
        recording_tokens=(first.recording_token,),
        topics=recording_search.HISTORY,
    )
    assert found.complete
    assert found.has_start_states
    assert {event.recording_token for event in found.events} == {first.recording_token}
    assert replay.replay_uri(conn, first.recording_token).startswith(f"rtsp://127.0.0.1:{recorder.rtsp_port}/")
