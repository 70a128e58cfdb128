"""Replay sessions over the real gateway and GStreamer's ONVIF replay server."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from core.clock import SystemClock
from core.errors import CameraAuthFailed, DeviceError, LimitReached
from core.login_gate import LoginGate
from core.recordings import ReplaySource
from core.records import Credential, StreamState
from core.secrets import Secret
from core.settings import Settings
from media.codecs.access_unit import VIDEO, AccessUnit
from media.process import Spawner
from media.rtsp.gateway import RtspGateway
from sessions.replay.buffer import ReplayBuffer
from stream_manager import StreamManager
from tests.memory import held_bytes
from tests.patience import LIMIT_S, promised_median, until
from tests.sessions.replay.replaying import at, play, segments_of, text_of, times_of
from tests.sessions.stand_ins import NoCameras, ThinRecordings

pytestmark = pytest.mark.gstreamer
PEER = Path(__file__).parents[2] / "media" / "rtsp" / "replay" / "gstreamer_peer.py"
GOP_S = 1.0
SEEKS = 8
FPS = 10


class Peer:
    """GStreamer's replay server in its own process; its recording begins in 1900 and never ends.

    GStreamer 1.22 aborts (gst_rtsp_media_get_rates) if PLAY comes before it has sent a frame for the PLAY before it.
    """

    def __init__(self) -> None:
        self.process = subprocess.Popen(["/usr/bin/python3", str(PEER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout
        self.port = int(json.loads(self.process.stdout.readline())["port"])

    def end(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@dataclass
class ReplayHarness:
    manager: StreamManager
    cameras: NoCameras
    gateway: RtspGateway
    port: int
    password: str = "pass 12"

    def find(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        uri = f"rtsp://127.0.0.1:{self.port}/recording"
        credential = Credential("admin", Secret(self.password))
        return ReplaySource(camera_id, recording_token, uri, f"camera{camera_id}", credential), 0.0


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.end()


@pytest.fixture
def harness(settings: Settings, spawner: Spawner, peer: Peer) -> Iterator[ReplayHarness]:
    clock = SystemClock()
    gateway = RtspGateway(login_gate=LoginGate(clock), clock=clock, settings=settings)
    gateway.start()
    made: list[ReplayHarness] = []
    recordings = ThinRecordings(find=lambda camera_id, token: made[0].find(camera_id, token))
    cameras = NoCameras()
    manager = StreamManager(settings, clock, spawner, gateway, cameras, recordings)
    made.append(ReplayHarness(manager, cameras, gateway, peer.port))
    manager.start()
    yield made[0]
    manager.stop()
    gateway.stop()


def test_a_session_reports_the_abilities_that_its_recorder_shows(harness: ReplayHarness) -> None:
    play(harness.manager)
    until(lambda: harness.cameras.noted)
    token, abilities = harness.cameras.noted[-1]
    assert (token, abilities.method) == ("Rec0", "onvif")


@pytest.mark.slow
def test_seeks_lead_to_the_key_frame_at_or_before_and_decode(harness: ReplayHarness) -> None:
    view = play(harness.manager)
    text_of(harness.manager, view)
    latest, earliest = timedelta(milliseconds=2), timedelta(seconds=-GOP_S - 0.01)
    with promised_median(0.8) as measured:
        for number in range(SEEKS):
            asked = at(number * 7919 % 86_400 + 0.37)
            with measured():
                moved = harness.manager.seek_replay(view.stream_id, asked)
                text = text_of(harness.manager, moved)
            assert moved.start_time is not None
            assert earliest <= moved.start_time - asked <= latest
            first = datetime.fromisoformat(re.findall("DATE-TIME:(.*)", text)[0])
            assert abs(first - moved.start_time) < timedelta(milliseconds=2)
    folder = harness.manager.segment_path(view.stream_id, segments_of(text)[0]).parent
    whole = folder.parent.parent / "whole.mp4"
    names = [f"run{SEEKS + 1}_init0.mp4", *segments_of(text)[:1]]
    whole.write_bytes(b"".join((folder / name).read_bytes() for name in names))
    decode = ["ffmpeg", "-v", "error", "-i", str(whole), "-f", "framecrc", "-"]
    done = subprocess.run(decode, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert len(re.findall("^0,", done.stdout, re.MULTILINE)) >= 5
    assert harness.manager.session_view(view.stream_id).restarts == 0


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> list[AccessUnit]:
    """The frames that arrived after the last PAUSE: the recorder had sent them before it read the request."""
    arrived: list[AccessUnit] = []
    on_units = ReplayBuffer.on_units

    def counted(buffer: ReplayBuffer, units: Sequence[AccessUnit]) -> None:
        if not buffer.is_paused:
            arrived.clear()
        arrived.extend(unit for unit in units if buffer.is_paused and unit.track == VIDEO)
        on_units(buffer, units)

    monkeypatch.setattr(ReplayBuffer, "on_units", counted)
    return arrived


@pytest.mark.slow
def test_read_ahead_follows_the_player_without_a_discontinuity(harness: ReplayHarness, late: list[AccessUnit]) -> None:
    view = play(harness.manager)
    asked = 0

    def watch() -> int:
        nonlocal asked
        names = segments_of(text_of(harness.manager, view))
        if len(names) > asked + 5:
            asked += 5
            harness.manager.segment_path(view.stream_id, names[asked])
        return len(names)

    until(lambda: watch() >= 60)
    text = text_of(harness.manager, view)
    ahead_s = times_of(text)[-1] - times_of(text)[asked]
    assert ahead_s - len(late) / FPS <= 62
    # GStreamer marks the first frame, which it cuts at the requested time.
    assert text.count("#EXT-X-DISCONTINUITY\n") <= 1
    steps = [later - earlier for earlier, later in pairwise(times_of(text))]
    later = zip(times_of(text)[2:], steps[2:], strict=False)
    odd = {at_s: step_s for at_s, step_s in later if step_s != pytest.approx(2.0, abs=0.15)}
    assert not odd, f"{harness.manager.session_view(view.stream_id).restarts} restarts"


def test_a_third_replay_of_one_real_recorder_is_refused(harness: ReplayHarness) -> None:
    first, second = play(harness.manager, 0.0), play(harness.manager, 3600.0)
    assert times_of(text_of(harness.manager, first))[0] == pytest.approx(0.0, abs=0.01)
    assert times_of(text_of(harness.manager, second))[0] == pytest.approx(3600.0, abs=0.01)
    with pytest.raises(LimitReached):
        play(harness.manager, 7200.0)
    harness.manager.stop_session(first.stream_id)
    third = play(harness.manager, 7200.0)
    assert times_of(text_of(harness.manager, third))[0] == pytest.approx(7200.0, abs=0.01)
    assert harness.manager.session_view(second.stream_id).status is StreamState.RUNNING


@pytest.mark.slow
def test_the_recorders_session_is_closed_before_a_stop_returns(
    harness: ReplayHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessions.replay.resources.RELEASE_WAIT_S", LIMIT_S)
    other = play(harness.manager, 3600.0)
    text_of(harness.manager, other)
    with promised_median(1.0) as measured:
        for number in range(3):
            view = play(harness.manager, 60.0 * number)
            text_of(harness.manager, view)
            assert harness.manager.session_view(view.stream_id).restarts == 0, "it was refused at first"
            with measured():
                harness.manager.stop_session(view.stream_id)


def test_a_wrong_password_fails_the_seek(harness: ReplayHarness) -> None:
    harness.password = "wrong"
    view = play(harness.manager)
    with pytest.raises(CameraAuthFailed):
        harness.manager.seek_replay(view.stream_id, at(10))
    error = harness.manager.session_view(view.stream_id).error
    assert error is not None
    assert error.code == "camera_auth_failed"


@pytest.mark.slow
def test_a_recorder_that_goes_away_and_comes_back_plays_on(harness: ReplayHarness) -> None:
    other = Peer()
    harness.port = other.port
    view = play(harness.manager)
    text_of(harness.manager, view)
    other.end()
    with pytest.raises(DeviceError) as caught:
        harness.manager.seek_replay(view.stream_id, at(100))
    assert caught.value.code == "camera_unreachable"
    assert harness.manager.session_view(view.stream_id).status is StreamState.RECONNECTING
    back = Peer()
    harness.port = back.port
    until(lambda: harness.manager.session_view(view.stream_id).status is StreamState.RUNNING)
    assert times_of(text_of(harness.manager, harness.manager.session_view(view.stream_id)))[0] == pytest.approx(
        100.0, abs=0.01
    )
    harness.manager.stop_session(view.stream_id)
    back.end()


@pytest.mark.stress
def test_two_hundred_seeks_over_the_gateway_leak_no_resources(harness: ReplayHarness) -> None:
    view = play(harness.manager)
    text_of(harness.manager, view)
    here = psutil.Process()

    def seek(count: int) -> tuple[int, int, int]:
        for number in range(count):
            moved = harness.manager.seek_replay(view.stream_id, at(number * 7919 % 86_400))
            if number % 5 == 0:
                text_of(harness.manager, moved)
        return here.num_fds(), threading.active_count(), held_bytes()

    fds, threads, rss = seek(50)
    fds_after, threads_after, rss_after = seek(200)
    print(f"descriptors {fds} -> {fds_after}, threads {threads} -> {threads_after}, memory +{rss_after - rss}")
    assert fds_after <= fds + 2  # a connection that is being opened
    assert threads_after <= threads
    assert rss_after - rss < 20_000_000
    text = text_of(harness.manager, harness.manager.session_view(view.stream_id))
    folder = harness.manager.segment_path(view.stream_id, segments_of(text)[0]).parent
    assert {path.name.partition("_")[0] for path in folder.iterdir()} <= {"run250", "run251"}
