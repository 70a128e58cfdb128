"""Finding the first packet of a new PLAY while packets of the old position still arrive."""

from __future__ import annotations

from media.codecs.access_unit import VIDEO
from media.rtsp.client.rtp import RtpPacket
from media.rtsp.replay.answer_filter import index_of_answer
from tests.media.encoded import replay_extension


def packet(timestamp: int, extension: bytes = b"") -> RtpPacket:
    return RtpPacket(VIDEO, 96, False, 0, timestamp, b"\x41", extension, 0.0)


def test_the_rest_of_an_old_frame_is_skipped() -> None:
    held = [packet(100), packet(100), packet(900, replay_extension(50.0, bits=0x80, cseq=7)), packet(900)]
    assert index_of_answer(held, 7, 20.0) == 2
    assert index_of_answer(held, 0, 20.0) == 2, "by the jump in time"


def test_parameter_sets_without_a_time_belong_to_the_next_frame() -> None:
    held = [packet(100), packet(900), packet(900), packet(900, replay_extension(50.0, bits=0x80, cseq=7))]
    assert index_of_answer(held, 7, 20.0) == 1
