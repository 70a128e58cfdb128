"""Replay connections to GStreamer's ONVIF replay server, with its login."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import CameraAuthFailed
from media.rtsp.gateway import RtspGateway
from tests.media.rtsp.gstreamer_server import GstreamerServer, gstreamer_server
from tests.media.rtsp.replay.listening import Listener, recording, times_in
from tests.patience import promised_median, settled, stays, until

pytestmark = pytest.mark.gstreamer
PEER = Path(__file__).with_name("gstreamer_peer.py")
NIGHT_S = 1_795_400_000.0  # a night in November 2026


@pytest.fixture(scope="module")
def server() -> Iterator[GstreamerServer]:
    """GStreamer 1.22 aborts (gst_rtsp_media_get_rates) at a PLAY before the first frame of the PLAY before it."""
    with gstreamer_server(PEER) as running:
        yield running


@pytest.fixture
def archive(server: GstreamerServer) -> str:
    return f"rtsp://127.0.0.1:{server.port}/recording"


def test_gstreamer_plays_from_the_key_frame_at_or_before_the_time(archive: str, gateway: RtspGateway) -> None:
    line, listener = gateway.open_replay(recording(archive)), Listener()
    line.play(NIGHT_S + 0.45, listener)
    pictures = listener.until_pictures(30)
    assert pictures[0].is_key
    assert NIGHT_S - 0.6 < (pictures[0].device_s or 0) <= NIGHT_S + 0.45
    steps = [later - earlier for earlier, later in pairwise(listener.times()[:30])]
    assert steps[1:] == pytest.approx([0.1] * 28, abs=0.001)  # GStreamer cuts the first frame at the requested time
    video, audio, sets, _ = listener.descriptions[0]
    assert (video.codec, video.width, video.height, audio, len(sets)) == ("h264", 320, 240, None, 2)
    line.close()


def assert_receives_nothing(listener: Listener) -> None:
    count = len(listener.units)
    stays(lambda: len(listener.units) == count, 0.02)


def test_twenty_seeks_in_one_session_reach_the_requested_time(archive: str, gateway: RtspGateway) -> None:
    line = gateway.open_replay(recording(archive))
    before = Listener()
    with promised_median(1.0) as measured:
        for number in range(20):
            asked_s = NIGHT_S + (number * 7919 % 86_400) + 0.3
            listener = Listener()
            with measured():
                line.play(asked_s, listener)
                first = listener.until_pictures(1)[0]
            assert first.is_key
            assert asked_s - 1.01 <= (first.device_s or 0) <= asked_s + 0.001  # rounding of NTP fractions
            [shown_s] = times_in(listener)
            assert asked_s - 1.01 <= shown_s <= asked_s + 0.001
            assert_receives_nothing(before)
            before = listener
    abilities = line.abilities()
    assert (abilities.method, abilities.seeks_in_session, abilities.has_times) == ("onvif", True, True)
    line.close()


def test_gstreamer_sends_faster_than_real_time_and_can_pause(archive: str, gateway: RtspGateway) -> None:
    line, listener = gateway.open_replay(recording(archive)), Listener()
    line.play(NIGHT_S, listener)
    listener.until_pictures(60)
    line.pause()
    held = settled(lambda: len(listener.units))
    line.resume()
    listener.until_pictures(held + 60)
    times = listener.times()
    assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([0.1] * (len(times) - 1), abs=0.001)
    ticks = [unit.ticks for unit in listener.pictures()]
    assert [later - earlier for earlier, later in pairwise(ticks)] == pytest.approx([9000] * (len(ticks) - 1), abs=90)
    assert len(listener.descriptions) == 1
    line.close()


def test_gstreamer_ends_at_the_requested_end(archive: str, gateway: RtspGateway) -> None:
    line, listener = gateway.open_replay(recording(archive)), Listener()
    line.play(NIGHT_S, listener, end_device_s=NIGHT_S + 3)
    until(lambda: listener.ends)
    assert listener.ends == ["end_of_recording"]
    assert NIGHT_S + 2.5 < listener.times()[-1] < NIGHT_S + 3
    line.close()


def test_a_wrong_password_is_tried_once(archive: str, gateway: RtspGateway) -> None:
    line, listener = gateway.open_replay(recording(archive, password="wrong")), Listener()
    line.play(NIGHT_S, listener)
    until(lambda: listener.errors)
    assert isinstance(listener.errors[0], CameraAuthFailed)
    line.close()
