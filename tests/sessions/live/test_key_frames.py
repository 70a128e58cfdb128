"""Requests of a live session for key frames: their reasons, and their least distance."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.errors import CameraUnsupported
from core.records import VideoFormat
from media.fmp4.live import LiveFragment, LiveInit
from sessions.ids import LiveStreamKey
from sessions.live.key_frames import KeyFrameRequests
from stream_manager import StreamManager
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S, until
from tests.sessions.live.tab import Tab
from tests.sessions.thin_device import TOKEN, Device, MakeManager

INIT = LiveInit(VideoFormat("h264", 640, 360), None, "avc1.64001F", "avc1.64001F", b"init", b"init")


class SlowCameras:
    """Cameras that answer a request for a key frame when the test says so, with a refusal."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def request_key_frame(self, camera_id: int, profile_token: str) -> None:
        self.asked += 1
        assert self.may_answer.wait(LIMIT_S)
        raise CameraUnsupported("Not this one.", service="media")


def asked_after(requests: KeyFrameRequests, hand: HandClock, seconds: float) -> None:
    hand.move(seconds=seconds)
    requests.send_due()


def test_key_frames_are_requested_at_most_once_in_five_seconds() -> None:
    hand, cameras = HandClock(), SlowCameras()
    requests = KeyFrameRequests(cast(Any, SimpleNamespace(clock=hand, cameras=cameras)), LiveStreamKey(1, "a"))
    requests.send_due()
    assert cameras.asked == 0
    for _ in range(3):
        requests.want()
        requests.send_due()
    until(lambda: cameras.asked == 1)
    _end(requests)
    asked_after(requests, hand, 4.9)
    assert cameras.asked == 1
    asked_after(requests, hand, 0.2)
    until(lambda: cameras.asked == 2)
    _end(requests)
    asked_after(requests, hand, 60)
    assert cameras.asked == 2, "all wanted ones are served"


def test_a_request_waits_for_the_answer_to_the_one_before() -> None:
    hand, cameras = HandClock(), SlowCameras()
    requests = KeyFrameRequests(cast(Any, SimpleNamespace(clock=hand, cameras=cameras)), LiveStreamKey(1, "a"))
    cameras.may_answer.clear()
    requests.want()
    requests.send_due()
    until(lambda: cameras.asked == 1)
    requests.want()
    asked_after(requests, hand, 60)
    assert cameras.asked == 1
    cameras.may_answer.set()
    _end(requests)
    requests.send_due()
    until(lambda: cameras.asked == 2)


@pytest.mark.gstreamer
@pytest.mark.parametrize(("interval_s", "count"), [(20.0, 1), (None, 1), (1.0, 0)])
def test_a_join_at_the_next_key_frame_requests_one(
    make_manager: MakeManager, device: Device, interval_s: float | None, count: int
) -> None:
    """Unless it comes soon by itself."""
    device.key_frame_interval_s = interval_s
    manager = make_manager()
    _play(manager, device)
    assert device.key_frames_asked == 0
    viewer = Tab()
    manager.watch_live(1, TOKEN, viewer, at_next_key_frame=True)
    looks = device.looks
    until(lambda: device.looks > looks + 2 and device.key_frames_asked >= count)
    assert device.key_frames_asked == count
    assert viewer.fragments == []


@pytest.mark.gstreamer
def test_a_join_at_the_held_key_frame_requests_none(make_manager: MakeManager, device: Device) -> None:
    device.key_frame_interval_s = 20.0
    manager = make_manager()
    _play(manager, device)
    held, fresh = Tab().open(manager, TOKEN), Tab()
    assert len(held.fragments) == 1
    looks = device.looks
    until(lambda: device.looks > looks + 2)
    assert device.key_frames_asked == 0
    manager.watch_live(1, TOKEN, fresh, at_next_key_frame=True)
    until(lambda: device.key_frames_asked == 1)


def _play(manager: StreamManager, device: Device) -> None:
    """Open a session whose feed has sent a key frame."""
    Tab().open(manager, TOKEN)
    until(lambda: bool(device.opened) and device.opened[0].sink is not None)
    sink = device.opened[0].sink
    assert sink is not None
    sink.on_init(INIT)
    sink.on_fragments([LiveFragment((b"key",), b"", True, 0.0, None)])


def _end(requests: KeyFrameRequests) -> None:
    assert requests._thread is not None
    requests._thread.join(LIMIT_S)
