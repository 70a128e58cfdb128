"""The inbox of key frames: it holds a fast recorder back, and never the next play."""

from __future__ import annotations

from typing import cast

import pytest

from core.errors import CameraUnreachable
from core.records import VideoFormat
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.rtsp.replay.interface import ReplayConnection
from pictures.inbox import KeyFrameInbox

SIZE = 1_000_000


class Paused:
    """A connection that notes pauses and resumes."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")


def described() -> tuple[Paused, KeyFrameInbox]:
    connection = Paused()
    inbox = KeyFrameInbox(cast(ReplayConnection, connection))
    inbox.on_description(VideoFormat("h264", 640, 480), None, (b"sps", b"pps"), b"")
    return connection, inbox


def unit(at_s: float, *, is_key: bool = True, track: int = VIDEO, size: int = 10) -> AccessUnit:
    return AccessUnit(track, (bytes(size),), ticks=0, clock_rate=90_000, is_key=is_key, device_s=at_s)


def test_key_frames_come_out_in_order_with_their_format() -> None:
    _, inbox = described()
    inbox.on_units([unit(1.0), unit(1.2, is_key=False), unit(1.3, track=AUDIO), unit(2.0)])
    inbox.on_end("end_of_recording")
    frames = [inbox.take(0.0), inbox.take(0.0)]
    assert [frame.device_s for frame in frames if frame] == [1.0, 2.0]
    assert frames[0] is not None
    assert frames[0].data.shape == 640 / 480
    assert frames[0].data.parameter_sets == (b"sps", b"pps")
    assert (inbox.other_frames, inbox.is_over, inbox.take(0.0)) == (1, True, None)


def test_a_failure_comes_after_the_frames_before_it() -> None:
    _, inbox = described()
    inbox.on_units([unit(1.0)])
    inbox.on_failed(CameraUnreachable("It is gone."))
    assert inbox.take(0.0)
    with pytest.raises(CameraUnreachable):
        inbox.take(0.0)


def test_a_fast_recorder_is_paused_until_half_is_taken() -> None:
    connection, inbox = described()
    for number in range(20):
        inbox.on_units([unit(number, size=SIZE)])
    assert connection.calls == ["pause"]
    for _ in range(11):
        inbox.take(0.0)
    assert connection.calls == ["pause"]
    for _ in range(2):
        inbox.take(0.0)
    assert connection.calls == ["pause", "resume"]


def test_a_retired_inbox_leaves_the_connection_alone() -> None:
    connection, inbox = described()
    inbox.retire()
    for number in range(20):
        inbox.on_units([unit(number, size=SIZE)])
    assert not connection.calls
