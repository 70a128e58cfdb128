"""The backlog of live sockets: for a slow reader, and for all readers if the sockets' thread is blocked."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from tests.hand_clock import HandClock
from tests.patience import LIMIT_S, until
from tests.web.live.live_camera import MB, Camera
from tests.web.live.live_peer import Channels, Peer, opened
from web.live.sockets import Sockets
from web.live.wire import FRAGMENTS, HEAD

KERNEL = 65_536


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture
def sockets(hand: HandClock) -> Iterator[Sockets]:
    made = Sockets(64, hand)
    made.start()
    yield made
    made.stop()


def next_flags(peer: Peer, channels: set[int] | None) -> dict[int, int]:
    """Return the flags of the next fragments of each channel; with None, of all that come before a problem."""
    found: dict[int, int] = {}
    while channels is None or found.keys() < channels:
        message = peer.read()
        assert message is not None, "it was closed"
        if isinstance(message, bytes):
            kind, flags, number, _, _ = HEAD.unpack_from(message)
            if kind == FRAGMENTS:
                found.setdefault(number, flags)
        elif channels is None and message["type"] == "problem":
            break
    return found


def test_a_wall_of_large_frames_and_rare_key_frames_keeps_its_socket(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six channels hold 8 MB each since their key frame: two are sent, the others begin at their next key frame."""
    monkeypatch.setattr("web.live.connection._LATE_AFTER_S", LIMIT_S)  # only the size counts here
    cameras = {number: Camera(MB) for number in range(1, 7)}
    for camera in cameras.values():
        camera.make(8)
    channels = Channels({str(number): camera.broadcaster for number, camera in cameras.items()})
    with opened(sockets, channels.backend(), kernel_bytes=KERNEL) as peer, opened(sockets, channels.backend()) as other:
        for number in cameras:
            peer.say(type="watch", id=number, camera_id=1, profile_token=str(number))
        until(lambda: len(channels.watched) == 6)
        other.say(type="clock", sent=1)
        other.message("clock")  # so that the loop has handled everything that was posted before
        assert 8 * MB < peer.handler.unsent_bytes < 17 * MB
        peer.say(type="an unknown one")  # its answer comes behind all media
        assert list(next_flags(peer, None).values()) == [1, 1]
        for camera in cameras.values():
            camera.make(1)
        assert next_flags(peer, set(cameras)) == dict.fromkeys(cameras, 1)
        for camera in cameras.values():
            camera.make(1)
        assert next_flags(peer, set(cameras)) == dict.fromkeys(cameras, 0)


def test_a_clock_reply_overtakes_the_first_frames_of_a_watch(hand: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The throughput is unknown yet. For the page, a connection without replies is dead."""
    sockets = Sockets(64, hand, tick_s=60)  # no `pace` in between
    sockets.start()
    camera = Camera(MB // 10)
    camera.make(8)
    with contextlib.ExitStack() as stack:
        stack.callback(sockets.stop)
        backend = Channels({"a": camera.broadcaster}).backend()
        peer = stack.enter_context(opened(sockets, backend, kernel_bytes=KERNEL))
        peer.say(type="watch", id=1, camera_id=1, profile_token="a")
        until(lambda: peer.handler.unsent_bytes > 4 * MB // 10)
        on_text, is_answered = peer.handler.on_text, threading.Event()

        def answer(data: bytes) -> None:
            on_text(data)
            is_answered.set()

        monkeypatch.setattr(peer.handler, "on_text", answer)
        peer.say(type="clock", sent=1)
        assert is_answered.wait(LIMIT_S)
        frames = 0
        while isinstance(message := peer.read(), bytes) or (message and message["type"] != "clock"):
            frames += isinstance(message, bytes) and message[0] == FRAGMENTS
        peer.say(type="an unknown one")
        after = 0
        while isinstance(message := peer.read(), bytes):
            after += 1
    assert (frames + after, after > 2) == (8, True)


def test_a_backlog_that_becomes_old_is_reported_immediately(hand: HandClock) -> None:
    """At the next tick, up to a second later, the kernel would hold more before the report."""
    sockets = Sockets(64, hand, tick_s=60)
    sockets.start()
    camera = Camera(MB // 10)
    with contextlib.ExitStack() as stack:
        stack.callback(sockets.stop)
        backend = Channels({"a": camera.broadcaster}).backend()
        peer = stack.enter_context(opened(sockets, backend, kernel_bytes=KERNEL))
        peer.say(type="watch", id=1, camera_id=1, profile_token="a")
        peer.message("watching")
        began_s = time.monotonic()

        def has_waited() -> bool:
            camera.make(1)
            return time.monotonic() - began_s > 1.5

        until(has_waited)
        pace = peer.message("pace")
    assert 800 < pace["backlog_ms"] < 1000 * LIMIT_S


def test_sockets_that_do_not_read_leave_memory_for_readers(hand: HandClock) -> None:
    sockets = Sockets(64, hand, max_backlog_bytes=20 * MB)
    sockets.start()
    cameras = {"large": Camera(MB), "small": Camera(10_000)}
    for camera in cameras.values():
        camera.make(8)
    channels = Channels({token: camera.broadcaster for token, camera in cameras.items()})
    with contextlib.ExitStack() as stack:
        stack.callback(sockets.stop)
        idle = [stack.enter_context(opened(sockets, channels.backend(), kernel_bytes=KERNEL)) for _ in range(4)]
        for peer in idle:
            peer.say(type="watch", id=1, camera_id=1, profile_token="large")
        until(lambda: len(channels.watched) == 4)
        reader = stack.enter_context(opened(sockets, channels.backend()))
        reader.say(type="watch", id=1, camera_id=1, profile_token="small")
        assert next_flags(reader, {1}) == {1: 1}
        assert sum(peer.handler.unsent_bytes for peer in idle) < 20 * MB
        for _ in range(20):
            cameras["large"].make(1)
            cameras["small"].make(1)
            next_flags(reader, {1})
        assert sum(peer.handler.unsent_bytes for peer in idle) < 20 * MB + 4 * 2 * MB


def test_all_sockets_resume_at_a_key_frame_after_a_blocked_loop(sockets: Sockets, hand: HandClock) -> None:
    camera = Camera(10_000)
    camera.make(1)
    channels = Channels({"one": camera.broadcaster})
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(opened(sockets, channels.backend())) for _ in range(3)]
        for peer in peers:
            peer.say(type="watch", id=1, camera_id=1, profile_token="one")
            assert peer.pictures(1)[:2] == (1, 0.0)
        goes_on = threading.Event()
        stack.callback(goes_on.set)
        sockets.post(goes_on.wait, LIMIT_S)
        camera.make(3)
        hand.move(seconds=2)
        camera.make(99)
        assert camera.kept < 15, "three that wait, and what the broadcaster has since the last key frame"
        goes_on.set()
        for peer in peers:
            assert [peer.pictures(1)[:2] for _ in range(3)] == [(0, 0.25), (0, 0.5), (0, 0.75)]
        camera.make(4)
        camera.make(8)
        for peer in peers:
            assert [peer.pictures(1)[:2] for _ in range(8)] == [(number == 0, 26.0 + number / 4) for number in range(8)]


def test_a_flood_of_posted_callbacks_does_not_starve_the_sockets(sockets: Sockets) -> None:
    """Each callback posts another one, like cameras that are faster than their frames are sent."""
    is_over = threading.Event()

    def again() -> None:
        if not is_over.is_set():
            sockets.post(again)

    with opened(sockets, Channels({}).backend()) as peer:
        sockets.post(again)
        try:
            peer.say(type="clock", sent=1)
            assert peer.message("clock")["sent"] == 1
        finally:
            is_over.set()


def test_an_error_in_a_posted_callback_does_not_stop_the_next(sockets: Sockets) -> None:
    goes_on, is_done = threading.Event(), threading.Event()

    def go_wrong() -> None:
        raise RuntimeError("a mistake of ours")

    sockets.post(goes_on.wait, LIMIT_S)
    sockets.post(go_wrong)
    sockets.post(is_done.set)
    goes_on.set()
    assert is_done.wait(LIMIT_S)
