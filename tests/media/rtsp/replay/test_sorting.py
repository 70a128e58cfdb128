"""Finding the first packet of a new PLAY while packets of the old position still arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from core.errors import DeviceError
from media.codecs.access_unit import VIDEO, AccessUnit
from media.codecs.video import BY_ENCODING
from media.rtsp.client.rtp import RtpPacket
from media.rtsp.client.sdp import VideoTrack
from media.rtsp.replay.answer_filter import AnswerFilter, index_of_answer
from media.rtsp.replay.playback import ReplayPlayback
from tests.hand_clock import HandClock
from tests.media.encoded import encoded, replay_extension


def packet(timestamp: int, extension: bytes = b"") -> RtpPacket:
    return RtpPacket(VIDEO, 96, False, 0, timestamp, b"\x41", extension, 0.0)


def test_the_rest_of_an_old_frame_is_skipped() -> None:
    held = [packet(100), packet(100), packet(900, replay_extension(50.0, bits=0x80, cseq=7)), packet(900)]
    assert index_of_answer(held, 7, 20.0) == 2
    assert index_of_answer(held, 0, 20.0) == 2, "by the jump in time"


def test_parameter_sets_without_a_time_belong_to_the_next_frame() -> None:
    held = [packet(100), packet(900), packet(900), packet(900, replay_extension(50.0, bits=0x80, cseq=7))]
    assert index_of_answer(held, 7, 20.0) == 1


def stamped(times: list[float], cseq: int = 0, bits: int = 0x80) -> list[RtpPacket]:
    """Return a packet for each time, with timestamps that follow the times."""
    return [packet(round(at * 90_000), replay_extension(at, bits=bits, cseq=cseq)) for at in times]


@pytest.mark.parametrize("step_s", [0.04, 1.0, 2.0, 10.0])
def test_old_key_frames_far_apart_are_no_answer(step_s: float) -> None:
    old = stamped([100 + step_s * index for index in range(8)], cseq=6)
    last_s = 100 - step_s
    assert index_of_answer(old, 7, last_s, writes_cseq=True) is None
    assert index_of_answer(old, 7, last_s, jump_s=None) is None
    new = stamped([5000.0], cseq=7)
    assert index_of_answer(old + new, 7, last_s, writes_cseq=True) == 8
    assert index_of_answer(old + new, 7, last_s, jump_s=None) == 8


def test_a_cseq_of_zero_counts_for_a_recorder_that_writes_them() -> None:
    held = stamped([100.0, 100.04], cseq=255) + stamped([5000.0], cseq=0)
    assert index_of_answer(held, 256, 99.96, writes_cseq=True) == 2


def test_the_bit_d_on_every_frame_is_no_jump() -> None:
    held = stamped([100.0, 100.04, 100.08], bits=0xA0)
    assert index_of_answer(held, 0, 99.96, is_last_marked=True) is None
    assert index_of_answer(held + stamped([5000.0], bits=0xA0), 0, 99.96, is_last_marked=True) == 3
    assert index_of_answer(held[:1], 0, 99.96) == 0, "of a recorder that sets it where it belongs"


class Consumer:
    """Records the device times of all frames, and the end."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.ends: list[str] = []

    def on_description(self, *_: object) -> None: ...

    def on_units(self, units: Sequence[AccessUnit]) -> None:
        self.times += [round(unit.device_s or 0.0, 2) for unit in units]

    def on_end(self, reason: str) -> None:
        self.ends.append(reason)

    def on_failed(self, error: DeviceError) -> None:
        raise error


class Session:
    """The filter of one device session, with playbacks at requested times."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.filter = AnswerFilter(self.clock)
        self.filter.on_description(VideoTrack(BY_ENCODING["h264"], 96, 90_000, "", encoded("h264").named_sets()), None)
        self._sequence = 0

    def ask(self, start_s: float, **more: Any) -> Consumer:
        consumer = Consumer()
        self.filter.wait_for_answer(ReplayPlayback(start_s, consumer, **more))
        return consumer

    def send(self, times: list[float], payload: bytes = b"\x65\x88\x84", **more: Any) -> None:
        found = []
        for sent in stamped(times, **more):
            self._sequence += 1
            found.append(replace(sent, sequence=self._sequence, payload=payload, marker=True))
        self.filter.on_packets(found)

    def send_with_zeros(self, payload: bytes, count: int) -> None:
        """Send frames at 25 fps whose stamps are zeros."""
        for _ in range(count):
            self._sequence += 1
            sent = replace(stamped([-2_208_988_800.0])[0], timestamp=3600 * self._sequence)
            self.filter.on_packets([replace(sent, sequence=self._sequence, payload=payload, marker=True)])

    def send_without_stamps(self, keys: str) -> None:
        """Send a frame for each letter: k for a key frame, p for another one."""
        for letter in keys:
            self._sequence += 1
            payload = b"\x65\x88\x84" if letter == "k" else b"\x41\x9a\x12"
            sent = replace(packet(3600 * self._sequence), sequence=self._sequence, payload=payload, marker=True)
            self.filter.on_packets([sent])

    def tick(self, after_s: float) -> None:
        self.clock.move(seconds=after_s)
        self.filter.on_tick()


def test_a_seek_in_key_frames_only_shows_no_frame_of_the_old_position() -> None:
    session = Session()
    session.ask(100.0, key_frames_only=True)
    session.send([100.0, 102.0], cseq=3)
    session.filter.answered(3, None, 100.0)
    session.send([104.0, 106.0], cseq=3)
    for number in range(40):
        start_s = 5000.0 + 100 * number
        consumer = session.ask(start_s, key_frames_only=True)
        session.send([start_s - 96 + 2 * index for index in range(3)], cseq=3 + number)
        session.filter.answered(4 + number, None, start_s)
        session.send([start_s - 90, start_s - 88], cseq=3 + number)
        assert consumer.times == []
        session.send([start_s, start_s + 2, start_s + 4], cseq=4 + number)
        assert consumer.times == [start_s, start_s + 2, start_s + 4]


def test_an_old_frame_with_the_new_cseq_is_dropped() -> None:
    """Some recorders change the CSeq of the stamps while they still send a frame of the old position."""
    session = Session()
    session.ask(100.0)
    session.send([100.0, 100.04], cseq=3)
    session.filter.answered(3, None, 100.0)
    consumer = session.ask(5000.2)
    session.send([100.08], cseq=3)
    session.filter.answered(4, None, 5000.2)
    session.send([100.12, 100.16], cseq=4)
    assert consumer.times == []
    session.send([5000.0, 5000.04], cseq=4)
    assert consumer.times == [5000.0, 5000.04]


def test_a_recorder_that_begins_far_from_the_requested_time_is_shown() -> None:
    session = Session()
    session.ask(100.0)
    session.send([100.0, 100.04], cseq=3)
    session.filter.answered(3, None, 100.0)
    consumer = session.ask(5000.2)
    session.filter.answered(4, None, 5000.2)
    session.send([9000.0, 9000.04], cseq=4)
    assert len(consumer.times) == 2


def test_a_leaked_frame_does_not_end_a_play_with_an_end() -> None:
    session = Session()
    session.ask(100.0, key_frames_only=True)
    session.filter.answered(3, None, None)
    session.send([100.0, 110.0, 120.0], cseq=3)
    consumer = session.ask(50.0, key_frames_only=True, end_device_s=80.0)
    session.send([130.0, 140.0], cseq=3)
    session.filter.answered(4, None, 50.0)
    session.send([150.0], cseq=3)
    session.send([50.0, 60.0, 70.0], cseq=4)
    assert (consumer.times, consumer.ends) == ([50.0, 60.0, 70.0], [])


def test_a_recorder_that_goes_on_with_the_old_position_is_noticed() -> None:
    session = Session()
    session.ask(100.0)
    session.filter.answered(3, None, None)
    session.send([100 + 0.04 * index for index in range(50)])
    consumer = session.ask(5000.0)
    session.filter.answered(4, None, 5000.0)
    for second in range(20):
        session.send([102 + second + 0.04 * index for index in range(25)])
        session.tick(0.5)
    assert consumer.times == []
    assert session.filter.is_sending_old


def test_a_recorder_without_cseq_is_sorted_by_the_jump_of_time() -> None:
    session = Session()
    session.ask(100.0)
    session.filter.answered(3, None, None)
    session.send([100 + 0.04 * index for index in range(50)])
    consumer = session.ask(5000.0)
    session.send([102.0, 102.04])
    session.filter.answered(4, None, 5000.0)
    session.send([102.08])
    session.send([5000.0, 5000.04])
    assert consumer.times == [5000.0, 5000.04]


def test_a_recorder_that_stops_writing_the_cseq_is_sorted_by_the_time() -> None:
    session = Session()
    session.ask(100.0)
    session.filter.answered(3, None, None)
    session.send([100 + 0.04 * index for index in range(50)], cseq=3)
    consumer = session.ask(5000.0)
    session.filter.answered(4, None, 5000.0)
    session.send([102.0], cseq=3)
    session.send([4999.0, 4999.04], cseq=3)
    session.tick(0.5)
    assert consumer.times == []
    session.tick(1.0)
    assert consumer.times == [4999.0, 4999.04]


def test_a_late_rtp_info_costs_no_frame_of_the_first_play() -> None:
    """GStreamer names the packet that it sends next when it writes the answer, and some frames are on their way."""
    session = Session()
    consumer = session.ask(100.0)
    session.send([100.0, 100.04])
    session.filter.answered(3, 3, 100.0)
    session.send([100.08])
    assert consumer.times == [100.0, 100.04, 100.08]


def test_a_late_rtp_info_costs_no_frame_of_an_early_seek() -> None:
    session = Session()
    session.ask(100.0)
    session.filter.answered(3, 1, 100.0)
    consumer = session.ask(100.37)
    session.send([100.0, 100.04])
    session.send([100.37], bits=0xA0)
    session.send([100.4, 100.44])
    session.filter.answered(4, 5, 100.44)
    assert consumer.times == [100.37, 100.4, 100.44]


def test_rtp_info_tells_old_packets_without_times_from_new_ones() -> None:
    session = Session()
    session.ask(100.0)
    session.filter.answered(3, 1, 100.0)
    consumer = session.ask(5000.0)
    session.filter.answered(4, 4, 5000.0)
    session.send_without_stamps("kppkp")
    assert len(consumer.times) == 2


def test_media_before_a_late_answer_is_played() -> None:
    session = Session()
    consumer = session.ask(100.0)
    session.send([100.0, 100.04], cseq=3)
    session.tick(1.0)
    assert consumer.times == []
    session.tick(1.0)
    assert consumer.times == [100.0, 100.04]
    session.filter.answered(3, None, 100.0)
    session.send([100.08], cseq=3)
    assert consumer.times == [100.0, 100.04, 100.08]


def test_a_pause_that_is_ignored_is_noticed() -> None:
    session, floods = Session(), []
    session.ask(100.0)
    session.filter.answered(3, None, None)
    session.send([100.0], cseq=3)
    session.filter.paused(lambda: floods.append(True))
    big = replace(stamped([101.0])[0], payload=b"\x65\x88" + bytes(1_000_000), marker=True)
    for index in range(8):
        session.filter.on_packets([replace(big, sequence=10 + index)])
    assert floods == [True]


def test_a_goodbye_counts_if_no_packet_follows() -> None:
    session = Session()
    consumer = session.ask(100.0)
    session.filter.answered(3, None, None)
    session.send([100.0], cseq=3)
    playback = session.filter._playback
    assert playback is not None
    session.filter.on_goodbye()
    session.send([3700.0], cseq=3)
    playback.check_silence(session.clock.monotonic_s() + 2.0, 10.0)
    assert consumer.ends == []
    session.filter.on_goodbye()
    playback.check_silence(session.clock.monotonic_s() + 2.0, 10.0)
    assert consumer.ends == ["end_of_recording"]


def test_a_scene_that_looks_the_same_for_hours_goes_on_after_a_pause() -> None:
    session = Session()
    consumer = session.ask(100.0)
    playback = session.filter._playback
    session.filter.answered(3, None, 100.0)
    session.send_with_zeros(b"\x65\x88\x84", 5)
    session.send_with_zeros(b"\x65\x88\x85", 5)
    assert len(consumer.times) == 10
    session.filter.wait_for_answer(playback)
    session.filter.answered(4, None, 100.0)
    session.send_with_zeros(b"\x65\x88\x84", 5)
    session.tick(0.5)
    session.send_with_zeros(b"\x65\x88\x85", 20)
    assert consumer.times == pytest.approx([100 + 0.04 * index for index in range(len(consumer.times))])
    assert len(consumer.times) == 29


@pytest.mark.parametrize(("sent", "shown"), [("kkppp", 4), ("kpppp", 5), ("pppkp", 2), ("ppkkp", 2)])
def test_an_old_key_frame_without_a_stamp_does_not_begin_a_play(sent: str, shown: int) -> None:
    session = Session()
    session.ask(100.0)
    session.filter.answered(3, None, 100.0)
    session.send_without_stamps("kppp")
    consumer = session.ask(5000.0)
    session.filter.answered(4, None, 5000.0)
    session.send_without_stamps(sent)
    assert consumer.times == pytest.approx([5000 + 0.04 * index for index in range(shown)])


def test_a_single_frame_after_a_seek_is_shown_at_the_end() -> None:
    session = Session()
    session.ask(100.0)
    session.filter.answered(3, None, 100.0)
    session.send_without_stamps("kppp")
    consumer = session.ask(5000.0)
    session.filter.answered(4, None, 5000.0)
    session.send_without_stamps("k")
    session.filter.on_end_notice()
    assert (consumer.times, consumer.ends) == ([5000.0], ["end_of_recording"])
