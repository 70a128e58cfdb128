"""The shared source alone: held packets, the start of new takers, and the session budget of a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from core.errors import CameraBadAnswer, CameraUnreachable, StreamStalled
from media.codecs import h264
from media.codecs.video import H264, HEVC, VideoCodec
from media.rtsp.client.budget import SessionBudget
from media.rtsp.client.marker_habit import KnownMarkers
from media.rtsp.client.rtp import AUDIO, VIDEO, Delivery, RtpPacket
from media.rtsp.client.sdp import AudioTrack, VideoTrack, parse_sdp
from media.rtsp.live import gop_buffer
from media.rtsp.live.feed import FeedState
from media.rtsp.live.gop_buffer import Media
from media.rtsp.live.source import SharedSource
from media.rtsp.live.timeline import WallClock
from tests.media.encoded import RtpSender, encoded

SPS = bytes.fromhex("6742c01ed901e08fe6f01100000303e90000ea600f162e48")
PPS = b"\x68\xce\x38\x80"
IDR, SLICE = b"\x65\x88key", b"\x41\x9aslice"


class HandClock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def now_utc(self) -> datetime:
        return datetime.fromtimestamp(1_800_000_000 + self.seconds, UTC)

    def monotonic_s(self) -> float:
        return self.seconds


class Taker:
    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.times: list[float] = []
        self.dropped = 0
        self.ends = 0

    def on_media(self, media: Sequence[Media]) -> None:
        for item in media:
            self.times.append(item.time_s)
            self.payloads += [*item.parameter_sets, *item.parts]
            self.dropped += item.frames_dropped_before

    def on_end(self) -> None:
        self.ends += 1


class Camera:
    """Feeds a source by hand, 25 frames per second."""

    def __init__(
        self,
        *,
        names_sets: bool = True,
        delivery: Delivery = Delivery.STREAM,
        codec: VideoCodec = H264,
        known_markers: KnownMarkers | None = None,
    ) -> None:
        self.clock = HandClock()
        wall = WallClock(self.clock)
        self.source = SharedSource(self.clock, wall, name="test", timeout_s=10, known_markers=known_markers)
        sets = {"sps": SPS, "pps": PPS} if names_sets else {}
        audio = parse_sdp(b"m=audio 0 RTP/AVP 8\n").audio
        assert isinstance(audio, AudioTrack)
        self.source.on_description(VideoTrack(codec, 96, 90_000, "", sets), audio, delivery)
        self.source.on_opened(10.0)
        self.number = 0
        self.sequence = 0

    def packet(self, payload: bytes, track: int = VIDEO, *, marker: bool = True) -> RtpPacket:
        self.sequence += 1
        ticks = self.number * (3600 if track == VIDEO else 320)
        sequence = self.sequence if track == VIDEO else self.number
        return RtpPacket(track, 96, marker, sequence & 0xFFFF, ticks, payload, b"", self.clock.seconds)

    def picture(self, *payloads: bytes) -> None:
        last = len(payloads) - 1
        packets = [self.packet(payload, marker=index == last) for index, payload in enumerate(payloads)]
        self.source.on_packets(packets)
        self.next()

    def next(self) -> None:
        self.number += 1
        self.clock.seconds += 0.04


def test_a_taker_starts_with_the_held_key_frame_and_gets_each_batch() -> None:
    camera = Camera()
    for payloads in ([SLICE], [SPS, PPS, IDR], [SLICE], [SLICE + b"2"]):
        camera.picture(*payloads)
    taker = Taker()
    camera.source.attach(taker)
    assert taker.payloads == [SPS, PPS, IDR, SLICE, SLICE + b"2"]
    camera.picture(SLICE + b"3")
    assert taker.payloads[5:] == [SLICE + b"3"]
    assert taker.times == sorted(taker.times)


def test_a_taker_before_the_first_key_frame_waits_for_it() -> None:
    camera = Camera()
    taker = Taker()
    camera.source.attach(taker)
    for payloads in ([SLICE], [SLICE], [SPS, PPS], [IDR], [SLICE]):
        camera.picture(*payloads)
    assert taker.payloads[:3] == [SPS, PPS, IDR]


def test_packets_that_become_unreadable_end_the_session() -> None:
    """The device has changed to H.265, and its session goes on."""
    camera = Camera()
    for payloads in ([SPS, PPS, IDR], [SLICE], [SLICE]):
        camera.picture(*payloads)
    for _ in range(19 * 25):
        camera.picture(b"\x02\x01\xd0slice")
        camera.source.on_tick()
    camera.clock.seconds += 2
    camera.picture(b"\x02\x01\xd0slice")
    with pytest.raises(StreamStalled, match="its format may have changed"):
        camera.source.on_tick()


def test_a_frame_every_half_minute_is_read() -> None:
    camera = Camera()
    camera.source = SharedSource(camera.clock, WallClock(camera.clock), name="slow", timeout_s=60)
    camera.source.on_description(VideoTrack(H264, 96, 90_000, "", {"sps": SPS, "pps": PPS}), None)
    camera.source.on_opened(60.0)
    for _ in range(4):
        camera.picture(IDR)
        for _ in range(30):
            camera.clock.seconds += 1
            camera.source.on_tick()


def test_late_video_is_awaited_as_video_not_as_a_key_frame() -> None:
    camera = Camera()
    assert camera.source.status().state is FeedState.WAITING_VIDEO
    camera.source.on_packets([camera.packet(b"\xd5" * 320, AUDIO)])
    assert camera.source.status().state is FeedState.WAITING_VIDEO
    camera.picture(SLICE)
    assert camera.source.status().state is FeedState.WAITING_KEY_FRAME
    camera.picture(IDR)
    camera.picture(SLICE)
    assert camera.source.status().state is FeedState.FLOWING


def test_parameter_sets_and_frame_may_come_in_separate_reads() -> None:
    camera = Camera()
    camera.picture(SLICE)
    camera.picture(SLICE)
    taker = Taker()
    camera.source.attach(taker)
    for payload in (SPS, PPS, IDR):  # one frame in three reads
        camera.source.on_packets([camera.packet(payload)])
    camera.next()
    camera.picture(SLICE)
    assert taker.payloads == [SPS, PPS, IDR, SLICE]


def test_missing_parameter_sets_are_inserted_before_each_key_frame() -> None:
    camera = Camera()
    camera.picture(SLICE)
    camera.picture(IDR)
    camera.picture(SLICE)
    taker = Taker()
    camera.source.attach(taker)
    camera.picture(IDR)
    assert taker.payloads == [SPS, PPS, IDR, SLICE, SPS, PPS, IDR]


def test_a_frame_without_its_beginning_is_reported_as_long_as_it_is_news() -> None:
    camera = Camera()
    camera.picture(SPS, PPS, IDR)
    camera.picture(SLICE)
    taker = Taker()
    camera.source.attach(taker)
    camera.picture(b"\x7c\x41end of a slice")
    camera.picture(SLICE)
    status = camera.source.status()
    assert (status.frames_dropped, status.damage) == (1, "a NAL unit without its beginning")
    assert taker.dropped == 1
    camera.clock.seconds += 11
    assert (camera.source.status().frames_dropped, camera.source.status().damage) == (1, "")


def test_a_taker_may_skip_the_held_key_frame() -> None:
    camera = Camera()
    camera.picture(IDR)
    camera.picture(SLICE)
    taker = Taker()
    camera.source.attach(taker, at_next_key_frame=True)
    camera.picture(SLICE)
    assert taker.payloads == []
    camera.picture(SPS, PPS, IDR)
    assert taker.payloads == [SPS, PPS, IDR]


def test_the_first_marked_frame_waits_for_the_next_packet_or_a_moment() -> None:
    camera = Camera()
    taker = Taker()
    camera.source.attach(taker)
    camera.picture(SPS, PPS, IDR)
    assert taker.payloads == [], "another slice might follow"
    camera.source.on_tick()
    assert taker.payloads == []
    camera.clock.seconds += 0.5
    camera.source.on_tick()
    assert taker.payloads == [SPS, PPS, IDR]
    camera.picture(SLICE)
    camera.picture(SLICE)
    camera.picture(IDR)
    assert taker.payloads[-4:] == [SLICE, SPS, PPS, IDR], "from then on a frame is passed on at its marker"


def test_a_key_frame_with_a_known_marker_is_passed_on_at_once() -> None:
    known = KnownMarkers()
    before = Camera(known_markers=known)
    for payloads in ([SPS, PPS, IDR], [SLICE], [SLICE]):
        before.picture(*payloads)
    camera, taker = Camera(known_markers=known), Taker()
    camera.source.attach(taker)
    for payloads in ([SLICE], [SLICE], [SPS, PPS, IDR]):
        camera.picture(*payloads)
    assert taker.payloads == [SPS, PPS, IDR]


def test_a_stream_that_marks_slices_makes_known_markers_doubtful() -> None:
    known = KnownMarkers()
    before = Camera(known_markers=known)
    for payloads in ([SPS, PPS, IDR], [SLICE], [SLICE]):
        before.picture(*payloads)
    frames = [[IDR, b"\x65\x40more"], [SLICE, b"\x41\x40more"], [IDR, b"\x65\x40again"], [SLICE, b"\x41\x40last"]]
    dropped = []
    for _ in range(2):
        camera = Camera(known_markers=known)
        for slices in frames:
            for nal in slices:
                camera.source.on_packets([camera.packet(nal)])
            camera.next()
        dropped.append(camera.source.status().frames_dropped)
    assert dropped == [1, 0], "the first key frame shows the habit"


def test_a_marker_on_every_slice_costs_no_frame() -> None:
    camera = Camera()
    taker = Taker()
    camera.source.attach(taker)
    frames = [[IDR, b"\x65\x40more"], [SLICE, b"\x41\x40more"], [SLICE, b"\x41\x40last"], [IDR, b"\x65\x40again"]]
    for slices in frames:
        for nal in slices:
            camera.source.on_packets([camera.packet(nal)])
        camera.next()
    assert taker.payloads == [SPS, PPS, *frames[0], *frames[1], *frames[2]]
    assert camera.source.status().frames_dropped == 0


def test_several_slices_and_fragments_are_one_frame() -> None:
    camera = Camera()
    camera.picture(SPS, PPS, IDR, b"\x65more", b"\x7c\x85first", b"\x7c\x45last")
    camera.picture(SLICE)
    camera.picture(b"\x7c\x81\x9afirst", b"\x7c\x01", b"\x7c\x41last")
    camera.picture(SLICE)
    taker = Taker()
    camera.source.attach(taker)
    key = [SPS, PPS, IDR, b"\x65more", b"\x65firstlast"]
    assert taker.payloads == [*key, SLICE, b"\x61\x9afirstlast", SLICE]


def test_the_held_packets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gop_buffer, "MAX_HELD_BYTES", 50_000)
    camera = Camera()
    early = Taker()
    camera.picture(SPS, PPS, IDR)
    camera.source.attach(early)
    for _ in range(100):
        camera.picture(SLICE + b"x" * 1000)
        camera.source.on_packets([camera.packet(b"sound", AUDIO)])
    assert early.payloads.count(b"sound") == 100, "who plays already goes on, sound included"
    late = Taker()
    camera.source.attach(late)
    assert late.payloads == []
    camera.picture(SPS, PPS, IDR)
    assert late.payloads[:3] == [SPS, PPS, IDR]


def test_a_missing_datagram_shows_on_the_one_after_it() -> None:
    camera = Camera(delivery=Delivery.DATAGRAMS)
    camera.picture(SPS, PPS, IDR)
    camera.picture(SLICE)
    camera.sequence += 3
    packet = camera.packet(SLICE)
    camera.source.on_packets([packet])
    assert packet.lost_before == 3
    assert camera.source.status().lost == 3


def test_over_tcp_numbers_are_no_loss() -> None:
    camera = Camera()
    taker = Taker()
    camera.source.attach(taker)
    for number in range(50):
        camera.sequence += 3 * number
        camera.picture(SPS, PPS, IDR)
    status = camera.source.status()
    assert (status.lost, status.frames_dropped) == (0, 0)
    assert taker.payloads == [SPS, PPS, IDR] * 49, "the clock is settled with the second one"


@pytest.mark.parametrize("step_s", [-0.02, -0.05, -0.3, -0.9, -5.0])
@pytest.mark.parametrize("codec", [H264, HEVC])
def test_a_clock_that_goes_back_does_not_turn_back_the_picture(codec: VideoCodec, step_s: float) -> None:
    """Clocks are set back a little every minute. Only B-frames are shown before the frame that came before them."""
    film = encoded(codec.name, 3)
    camera, taker = Camera(codec=codec, names_sets=False), Taker()
    sender = RtpSender(codec.name, limit_bytes=60_000)
    camera.source.attach(taker)
    for index, slices in enumerate(film.pictures):
        packets = sender.picture(index, (*film.sets, *slices) if index in film.keys else slices)
        ticks = round(step_s * 90_000) if index >= 15 else 0
        stamp = (packets[0].timestamp + ticks) & 0xFFFF_FFFF
        camera.source.on_packets(
            [replace(packet, timestamp=stamp, arrived_s=camera.clock.seconds) for packet in packets]
        )
        camera.clock.seconds += 0.1
    assert len(taker.times) > 25
    assert all(before < after for before, after in pairwise(taker.times))
    assert taker.times[-1] - taker.times[0] == pytest.approx(0.1 * (len(taker.times) - 1), abs=0.1)


def test_a_consumer_that_begins_at_an_open_group_gets_no_leading_frames() -> None:
    recovery, intra, leading = b"\x06\x06\x01\x84\x80", b"\x41\x88intra", b"\x01\x9aleading"
    camera = Camera()
    flowing, late = Taker(), Taker()

    def show(at: int, *payloads: bytes) -> None:
        camera.number = at
        camera.picture(*payloads)

    camera.source.attach(flowing)
    order = [(3, (recovery, intra)), (1, (leading,)), (2, (leading,)), (6, (SLICE,)), (4, (SLICE,)), (5, (SLICE,))]
    for group in range(3):
        if group == 1:
            camera.source.attach(late, at_next_key_frame=True)
        for at, payloads in order:
            show(6 * group + at, *payloads)
    begins = [SPS, PPS, recovery, intra, SLICE, SLICE, SLICE, SPS, PPS, recovery, intra, leading, leading]
    assert flowing.payloads[:13] == begins
    assert late.payloads[:13] == begins


def test_a_failure_ends_takers_and_waiting_callers() -> None:
    camera = Camera(names_sets=False)
    taker = Taker()
    camera.source.attach(taker)
    camera.source.fail(CameraUnreachable("gone"))
    camera.source.fail(CameraBadAnswer("later"))
    assert taker.ends == 1
    with pytest.raises(CameraUnreachable):
        camera.source.wait_described(1)
    camera.source.attach(taker)
    assert taker.ends == 2


def test_media_without_any_key_frame_fails_after_a_while() -> None:
    camera = Camera(codec=HEVC)
    for _ in range(25 * 80):
        camera.picture(b"\x02\x01\xd0slice")
    camera.source.on_tick()
    for _ in range(25 * 15):
        camera.picture(b"\x02\x01\xd0slice")
    with pytest.raises(CameraBadAnswer, match="no key frame for 9"):
        camera.source.on_tick()


@pytest.mark.parametrize(("fps", "frames"), [(15, 240), (5, 80), (2, 60)])
def test_slow_intra_refresh_begins_before_hls_gives_up(fps: int, frames: int) -> None:
    """After 16 s and at least 60 frames: then a group of pictures would have ended with most cameras."""
    camera = Camera()
    taker = Taker()
    camera.source.attach(taker)
    for _ in range(frames - 1):
        camera.picture(SLICE)
        camera.clock.seconds += 1 / fps - 0.04
    assert taker.payloads == []
    for _ in range(5):
        camera.picture(SLICE)
        camera.clock.seconds += 1 / fps - 0.04
    assert taker.payloads[:4] == [SPS, PPS, h264.RECOVERY_POINT, SLICE]
    for _ in range(max(5 * fps, 16)):
        camera.picture(SLICE)
        camera.clock.seconds += 1 / fps - 0.04
    assert taker.payloads.count(h264.RECOVERY_POINT) == 2, "the first segment of HLS ends there"


def test_h264_with_intra_refresh_and_no_recovery_points_begins_at_last() -> None:
    camera = Camera()
    taker = Taker()
    camera.source.attach(taker)
    for _ in range(399):
        camera.picture(SLICE)
    assert taker.payloads == []
    for _ in range(5):
        camera.picture(SLICE)
    assert taker.payloads[:4] == [SPS, PPS, h264.RECOVERY_POINT, SLICE], "so that a decoder shows it"
    for _ in range(400):
        camera.picture(SLICE)
    assert taker.payloads.count(h264.RECOVERY_POINT) == 4, "HLS needs further ones"
    camera.picture(IDR)
    for _ in range(400):
        camera.picture(SLICE)
    assert taker.payloads.count(h264.RECOVERY_POINT) == 4


@pytest.mark.parametrize(("has_sets", "beginnings"), [(True, 6), (False, 2)])
def test_an_intra_frame_that_is_a_beginning_gets_a_recovery_point(has_sets: bool, beginnings: int) -> None:
    intra, camera, taker = b"\x41\x88intra", Camera(), Taker()
    camera.source.attach(taker)
    for number in range(260):
        sets = (SPS, PPS) if has_sets else ()
        camera.picture(*((*sets, intra) if number % 50 == 0 else (SLICE,)))
    beginning = [SPS, PPS, h264.RECOVERY_POINT, intra, SLICE]
    assert taker.payloads[:5] == beginning, "without it ffmpeg finds no key frame for HLS"
    assert taker.payloads.count(h264.RECOVERY_POINT) == taker.payloads.count(SPS) == beginnings


def test_a_refusal_lowers_the_budget_with_occasional_retries() -> None:
    clock = HandClock()
    budget = SessionBudget(4, clock)
    assert all(budget.try_take("a") for _ in range(3))
    assert budget.try_take("b")
    budget.refused_by_device("a")
    budget.give_back("a")
    assert not budget.try_take("a")
    clock.seconds += 11
    assert budget.try_take("a")
    assert not budget.try_take("a"), "one try, however many wait"
    budget.refused_by_device("a")
    budget.give_back("a")
    assert not budget.try_take("a")
    for _ in range(2):  # the device accepts sessions again
        clock.seconds += 11
        assert budget.try_take("a")
    clock.seconds += 11
    assert not budget.try_take("a"), "our own limit"
