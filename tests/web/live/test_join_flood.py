"""Repeated requests of one viewer for the same stream: each join hands over the frames since the last key frame."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Iterator

import pytest

from core.access import Principal, Role
from core.errors import Unavailable
from tests.web.live.live_camera import MB, Camera
from tests.web.live.live_peer import Channels, Peer, opened
from web.live.join_budget import JOIN_BURST, JOINS_PER_S, JoinBudget
from web.live.sockets import Sockets

ANNA = Principal("session", "anna", Role.VIEWER, user_id=1, key="session:1")
BEN = Principal("session", "ben", Role.VIEWER, user_id=2, key="session:2")


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    made = Sockets(64)
    made.start()
    yield made
    made.stop()


def test_a_user_joins_sixteen_streams_a_second_after_a_burst() -> None:
    budget = JoinBudget()
    assert all(budget.reserve_s("anna", 5.0) == 0 for _ in range(JOIN_BURST))
    assert [budget.reserve_s("anna", 5.0) for _ in range(2)] == [1 / JOINS_PER_S, 2 / JOINS_PER_S]
    assert budget.reserve_s("ben", 5.0) == 0
    assert budget.reserve_s("anna", 5.0 + 3 / JOINS_PER_S) == 0
    assert budget.reserve_s("anna", 5.0 + 1000) == 0


def test_too_many_waiting_joins_are_refused() -> None:
    budget = JoinBudget()
    waits = [0.0]
    while waits[-1] + 1 / JOINS_PER_S <= 10.0:
        waits.append(budget.reserve_s("anna", 5.0))
    for _ in range(100):
        with pytest.raises(Unavailable):
            budget.reserve_s("anna", 5.0)
    assert budget.reserve_s("anna", 6.0) <= 10.0, "a refused join costs nothing"


def test_joins_beyond_the_budget_come_later(sockets: Sockets) -> None:
    camera = Camera(1000)
    camera.make(1)
    channels = Channels({"one": camera.broadcaster})
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(opened(sockets, channels.backend(), ANNA)) for _ in range(3)]
        for peer in peers:
            for number in range(50):
                peer.say(type="watch", id=number, camera_id=1, profile_token="one")
        for peer in peers:
            found = {peer.message("watching")["id"] for _ in range(50)}
            assert found == set(range(50))


@pytest.mark.parametrize(("frame_bytes", "frames"), [(MB, 8), (20_000, 400)])
def test_a_flood_of_watches_does_not_delay_other_viewers(sockets: Sockets, frame_bytes: int, frames: int) -> None:
    """Sixteen sockets of one user request 8 MB each, again and again, as fast as the limit on messages lets them."""
    large, small = Camera(frame_bytes, key_every=frames), Camera(10_000)
    large.make(frames)
    small.make(1)
    channels = Channels({"large": large.broadcaster, "small": small.broadcaster})
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(opened(sockets, channels.backend(), BEN))
        other.say(type="watch", id=1, camera_id=1, profile_token="small")
        other.pictures(1)
        flooding = [stack.enter_context(opened(sockets, channels.backend(), ANNA)) for _ in range(16)]
        is_over = threading.Event()
        stack.callback(is_over.set)
        for peer in flooding:
            threading.Thread(target=_drain, args=(peer, is_over), daemon=True).start()
        senders = [threading.Thread(target=_flood, args=(peer,), daemon=True) for peer in flooding]
        quiet_s = statistics.median(_lateness_s(small, other) for _ in range(50))
        for sender in senders:
            sender.start()
        late_s = []
        while any(sender.is_alive() for sender in senders):
            late_s.append(_lateness_s(small, other))
    assert statistics.median(late_s) < 20 * quiet_s, "the flood made it 100 times as late before"
    assert len(channels.watched) < JOIN_BURST + 10 * JOINS_PER_S


def _lateness_s(camera: Camera, viewer: Peer) -> float:
    began_s = time.monotonic()
    camera.make(1)
    viewer.pictures(1)
    took_s = time.monotonic() - began_s
    time.sleep(0.01)
    return took_s


def _flood(peer: Peer) -> None:
    with contextlib.suppress(OSError):
        for _ in range(80):
            peer.say(type="watch", id=1, camera_id=1, profile_token="large")
            time.sleep(0.02)


def _drain(peer: Peer, is_over: threading.Event) -> None:
    buffer = bytearray(MB)
    peer.sock.settimeout(0.2)
    with contextlib.suppress(OSError):
        while not is_over.is_set():
            with contextlib.suppress(TimeoutError):
                if not peer.sock.recv_into(buffer):
                    return
