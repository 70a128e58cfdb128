"""The shared source alone: held packets, the start of new takers, and the session budget of a device."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from core.errors import CameraBadAnswer, CameraUnreachable
from media.codecs.video import H264
from media.rtsp.client.budget import SessionBudget
from media.rtsp.client.rtp import AUDIO, VIDEO, RtpPacket
from media.rtsp.client.sdp import AudioTrack, VideoTrack, parse_sdp
from media.rtsp.live import gop_buffer
from media.rtsp.live.source import SharedSource
from media.rtsp.live.timeline import WallClock

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
        self.missing: list[int] = []
        self.ends = 0

    def on_packets(self, packets: Sequence[RtpPacket]) -> None:
        self.payloads += [packet.payload for packet in packets]
        self.times += [packet.time_s for packet in packets]
        self.missing += [packet.lost_before for packet in packets]

    def on_end(self) -> None:
        self.ends += 1


class Camera:
    """Feeds a source by hand, 25 frames per second."""

    def __init__(self, *, names_sets: bool = True) -> None:
        self.clock = HandClock()
        self.source = SharedSource(self.clock, WallClock(self.clock), name="test", timeout_s=10)
        sets = {"sps": SPS, "pps": PPS} if names_sets else {}
        audio = parse_sdp(b"m=audio 0 RTP/AVP 8\n").audio
        assert isinstance(audio, AudioTrack)
        self.source.on_description(VideoTrack(H264, 96, 90_000, "", sets), audio)
        self.source.on_opened()
        self.number = 0
        self.sequence = 0

    def packet(self, payload: bytes, track: int = VIDEO) -> RtpPacket:
        self.sequence += 1
        ticks = self.number * (3600 if track == VIDEO else 320)
        sequence = self.sequence if track == VIDEO else self.number
        return RtpPacket(track, 96, True, sequence & 0xFFFF, ticks, payload, b"", self.clock.seconds)

    def picture(self, *payloads: bytes) -> None:
        self.source.on_packets([self.packet(payload) for payload in payloads])
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


def test_parameter_sets_and_frame_may_come_in_separate_reads() -> None:
    camera = Camera()
    camera.picture(SLICE)
    camera.picture(SLICE)
    taker = Taker()
    camera.source.attach(taker)
    for payload in (SPS, PPS, IDR):  # one frame in three reads
        camera.source.on_packets([camera.packet(payload)])
    assert taker.payloads == [SPS, PPS, IDR]


def test_missing_parameter_sets_are_inserted_before_each_key_frame() -> None:
    camera = Camera()
    camera.picture(IDR)
    camera.picture(SLICE)
    taker = Taker()
    camera.source.attach(taker)
    camera.picture(IDR)
    assert taker.payloads == [SPS, PPS, IDR, SLICE, SPS, PPS, IDR]


def test_a_loss_before_a_key_frame_shows_on_the_inserted_sets() -> None:
    camera = Camera()
    camera.picture(IDR)
    taker = Taker()
    camera.picture(SLICE)
    camera.source.attach(taker)
    camera.sequence += 1  # the second slice, with the marker
    camera.picture(IDR)
    assert taker.payloads[-3:] == [SPS, PPS, IDR]
    assert taker.missing[-3] == 1, "or the picture before would be taken for whole"


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


def test_several_slices_and_fragments_are_one_frame() -> None:
    camera = Camera()
    camera.picture(SPS, PPS, IDR, b"\x65more", b"\x7c\x85first", b"\x7c\x45last")
    camera.picture(SLICE)
    camera.picture(b"\x7c\x81\x9afirst", b"\x7c\x01", b"\x7c\x41last")
    taker = Taker()
    camera.source.attach(taker)
    assert len(taker.payloads) == 10


def test_the_held_packets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gop_buffer, "MAX_HELD_BYTES", 50_000)
    camera = Camera()
    early = Taker()
    camera.picture(SPS, PPS, IDR)
    camera.source.attach(early)
    for _ in range(100):
        camera.picture(SLICE + bytes(1000))
        camera.source.on_packets([camera.packet(b"sound", AUDIO)])
    assert early.payloads.count(b"sound") == 100, "who plays already goes on, sound included"
    late = Taker()
    camera.source.attach(late)
    assert late.payloads == []
    camera.picture(SPS, PPS, IDR)
    assert late.payloads == [SPS, PPS, IDR]


def test_a_missing_packet_shows_on_the_one_after_it() -> None:
    camera = Camera()
    camera.picture(SPS, PPS, IDR)
    camera.picture(SLICE)
    camera.sequence += 3
    packet = camera.packet(SLICE)
    camera.source.on_packets([packet])
    assert packet.lost_before == 3
    assert camera.source.status().lost == 3


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
    camera = Camera()
    for _ in range(25 * 80):
        camera.picture(SLICE)
    camera.source.on_tick()
    for _ in range(25 * 15):
        camera.picture(SLICE)
    with pytest.raises(CameraBadAnswer):
        camera.source.on_tick()


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
