"""The tap of a recording: access units with wall-clock times that never jump."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive import GapReason
from core.errors import CameraNoSignal, StreamStalled
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.codecs.video import H264
from media.rtsp.client.rtp import Delivery, RtpPacket
from media.rtsp.client.sdp import AudioTrack, VideoTrack, parse_sdp
from media.rtsp.live.source import SharedSource
from media.rtsp.live.timeline import WallClock
from media.rtsp.live.units import UnitClock, UnitTap
from tests.archive.collecting import CollectingTarget
from tests.hand_clock import HandClock

SPS = bytes.fromhex("6742c00bda05067e7c0440000003004000000503c50aa8")
LARGE_SPS = bytes.fromhex("6742c016da0280bfe5c044000003000400000300503c58ba80")
PPS = b"\x68\xce\x0f\xc8"
IDR, SLICE = b"\x65\x88key", b"\x41\x9aslice"
FPS = 25
START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Camera:
    """Feeds a source by hand: 25 frames per second, a key frame each second, and audio if it has some."""

    def __init__(self, *, has_audio: bool = False) -> None:
        self.clock = HandClock(START)
        self.wall = WallClock(self.clock)
        self.source = SharedSource(self.clock, self.wall, name="test", timeout_s=10)
        self.sps = SPS
        audio = parse_sdp(b"m=audio 0 RTP/AVP 8\n").audio if has_audio else None
        assert audio is None or isinstance(audio, AudioTrack)
        sets = {"sps": SPS, "pps": PPS}
        self.source.on_description(VideoTrack(H264, 96, 90_000, "", sets), audio, Delivery.STREAM)
        self.source.on_opened(10.0)
        self.number = 0
        self.target = CollectingTarget()
        self.tap = UnitTap(self.source, self.target)

    def attach(self) -> None:
        asyncio.run(self.tap.attach())

    def send(self, frames: int, *, with_audio: bool = False) -> None:
        for _ in range(frames):
            payloads = (self.sps, PPS, IDR) if self.number % FPS == 0 else (SLICE,)
            self.source.on_packets([self._packet(VIDEO, one, one is payloads[-1]) for one in payloads])
            if with_audio:
                self.source.on_packets([self._packet(AUDIO, bytes(320), True)])
            self.number += 1
            self.clock.move(seconds=1 / FPS)
            if self.number % FPS == 0:
                self.source.on_tick()

    def _packet(self, track: int, payload: bytes, marker: bool) -> RtpPacket:
        ticks = self.number * (90_000 if track == VIDEO else 8000) // FPS
        return RtpPacket(track, 96, marker, self.number & 0xFFFF, ticks, payload, b"", self.clock.monotonic_s())

    @property
    def last_utc_s(self) -> float:
        """The time at which the last frame was sent."""
        return self.clock.now.timestamp() - 1 / FPS


def test_units_begin_with_the_first_key_frame_at_its_arrival() -> None:
    camera = Camera()
    camera.attach()
    camera.send(40)
    (stretch,) = camera.target.stretches
    assert [unit.is_key for unit in stretch.units[:2]] == [True, False]
    assert stretch.utc_s[0] == pytest.approx(START.timestamp(), abs=0.002)
    assert stretch.utc_s[-1] == pytest.approx(camera.last_utc_s, abs=0.002)
    assert len(stretch.units) == 40
    assert stretch.descriptions[0].parameter_sets == (SPS, PPS)
    assert stretch.descriptions[0].video.codec == "h264"
    assert stretch.descriptions[0].video.width == 320


def test_frames_from_before_the_recording_are_left_out() -> None:
    """They may be from a pause, while a viewer kept the session."""
    camera = Camera()
    camera.send(30)
    camera.attach()
    began_s = camera.clock.now.timestamp()
    camera.send(40)
    (stretch,) = camera.target.stretches
    assert stretch.units[0].is_key
    assert stretch.utc_s[0] >= began_s
    assert len(stretch.units) == 20


def test_audio_comes_with_its_description_and_without_a_second_stretch() -> None:
    camera = Camera(has_audio=True)
    camera.attach()
    camera.send(1)
    assert not camera.target.stretches, "the tap waits until the audio is known"
    camera.send(50, with_audio=True)
    (stretch,) = camera.target.stretches
    assert len(stretch.descriptions) == 1
    assert stretch.descriptions[0].audio is not None
    assert stretch.descriptions[0].audio.codec == "pcm_alaw"
    assert stretch.units[0].is_key
    assert sum(unit.track == VIDEO for unit in stretch.units) == 51
    assert sum(unit.track == AUDIO for unit in stretch.units) == 50


def test_audio_that_never_comes_is_not_described() -> None:
    camera = Camera(has_audio=True)
    camera.attach()
    camera.send(100)
    (stretch,) = camera.target.stretches
    assert stretch.descriptions[-1].audio is None
    assert camera.target.frames == 100, "the frames of the wait are recorded, too"


def test_a_change_of_the_size_describes_the_same_stretch_again() -> None:
    camera = Camera()
    camera.attach()
    camera.send(50)
    camera.sps = LARGE_SPS
    camera.send(30)
    (stretch,) = camera.target.stretches
    assert [one.video.width for one in stretch.descriptions] == [320, 640]
    assert len(stretch.units) == 80, "no frame is lost or doubled"


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 2.5])
def test_a_step_of_our_clock_ends_the_stretch_at_the_next_key_frame(step_s: float) -> None:
    camera = Camera()
    camera.attach()
    camera.send(60)
    camera.clock.now += timedelta(seconds=step_s)
    camera.send(90)
    first, second = camera.target.stretches
    assert first.end is GapReason.CLOCK_STEPPED
    assert all(0.03 < after - before < 0.05 for before, after in pairwise(first.utc_s))
    assert second.utc_s[0] == pytest.approx(first.utc_s[-1] + 1 / FPS + step_s, abs=0.01)
    assert second.units[0].is_key
    assert second.descriptions == first.descriptions
    assert len(first.units) + len(second.units) == 150


def test_a_small_correction_of_our_clock_is_spread_over_frames() -> None:
    camera = Camera()
    camera.attach()
    camera.send(50)
    for correction_s in (0.4, -0.4):
        camera.clock.now += timedelta(seconds=correction_s)
        camera.send(500)
        (stretch,) = camera.target.stretches
        assert stretch.utc_s[-1] == pytest.approx(camera.last_utc_s, abs=0.01)
    assert all(0.03 < after - before < 0.05 for before, after in pairwise(stretch.utc_s))


@pytest.mark.slow
def test_an_hour_of_a_device_clock_that_drifts_keeps_our_time() -> None:
    clock = UnitClock()
    for number in range(9_000):
        time_s = number * 0.4 * 1.0002
        clock.follow(time_s, 1000 + number * 0.4, 1_800_000_000.0)
        assert clock.utc_s(time_s) == pytest.approx(1_800_001_000 + number * 0.4, abs=0.01)


@given(
    drift=st.floats(-300e-6, 300e-6),
    pieces=st.lists(st.tuples(st.floats(0.001, 8.0), st.floats(-1.9, 1.9), st.booleans()), min_size=1, max_size=60),
)
def test_times_always_rise_and_find_back_to_the_wall_clock(
    drift: float, pieces: list[tuple[float, float, bool]]
) -> None:
    clock = UnitClock()
    arrived_s, difference_s, time_s, last_s = 1000.0, 1.8e9, 0.0, 0.0
    for gap_s, correction_s, is_corrected in [*pieces, *[(0.4, 0.0, False)] * 150]:
        arrived_s += gap_s
        time_s += gap_s * (1 + drift)
        difference_s += correction_s if is_corrected else 0.0
        assert not clock.has_stepped(difference_s)
        clock.follow(time_s, arrived_s, difference_s)
        assert clock.utc_s(time_s) > last_s
        last_s = clock.utc_s(time_s)
    if difference_s > 1.8e9 - 2:  # a larger correction backward takes more than the last minute
        assert last_s == pytest.approx(arrived_s + difference_s, abs=0.01)


def test_a_pause_of_the_device_is_a_gap_in_the_times() -> None:
    clock = UnitClock()
    clock.follow(0.0, 1000.0, 0.0)
    clock.follow(0.04, 1000.04, 0.0)
    clock.follow(0.08, 1008.04, 0.0)  # the device's stamps go on where they were
    assert clock.utc_s(0.08) == 1008.04
    clock.follow(0.12, 1004.0, 0.0)
    assert clock.utc_s(0.12) > 1008.04, "the times never go back"


@pytest.mark.parametrize(
    ("error", "reason"),
    [(StreamStalled("no video"), GapReason.STALLED), (CameraNoSignal("no video"), GapReason.NO_SIGNAL)],
)
def test_a_failure_ends_the_sink_once_with_its_reason(error: StreamStalled, reason: GapReason) -> None:
    camera = Camera()
    camera.attach()
    camera.send(30)
    camera.source.fail(error)
    assert camera.target.stretches[-1].end is reason
    camera.tap.close()
    assert camera.target.ends == [reason]


class FailingTarget(CollectingTarget):
    """Raises an unexpected error when it gets units: no real sink does so on request."""

    def on_units(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        raise RuntimeError("a fault of the sink")


def test_a_fault_in_a_sink_ends_its_recording_and_not_the_session() -> None:
    camera = Camera()
    failing = FailingTarget()
    camera.attach()
    asyncio.run(UnitTap(camera.source, failing).attach())
    camera.send(60)
    assert failing.ends == [GapReason.UNKNOWN]
    assert camera.target.frames == 60, "the other consumers go on"
    assert camera.source.error is None


def test_a_closed_tap_gets_no_more_units() -> None:
    camera = Camera()
    camera.attach()
    camera.send(30)
    camera.tap.close()
    camera.send(30)
    assert camera.target.frames == 30
    assert camera.target.ends == [GapReason.SWITCHED_OFF]
