"""Repeated requests of one viewer for the same stream: each join hands over the frames since the last key frame."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Hashable, Iterator

import pytest

from core.access import Principal, Role
from core.errors import Unavailable
from tests.patience import LIMIT_S, Slowness
from tests.web.live.live_camera import MB, Camera
from tests.web.live.live_peer import Channels, Peer, opened
from web.live.join_budget import JOIN_BURST, JOINS_PER_S, Join, JoinBudget
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
    assert all(budget.reserve("anna", 5.0).wait_s == 0 for _ in range(JOIN_BURST))
    assert [budget.reserve("anna", 5.0).wait_s for _ in range(2)] == [1 / JOINS_PER_S, 2 / JOINS_PER_S]
    assert budget.reserve("ben", 5.0).wait_s == 0
    assert budget.reserve("anna", 5.0 + 3 / JOINS_PER_S).wait_s == 0
    assert budget.reserve("anna", 5.0 + 1000).wait_s == 0


def test_a_refused_join_names_the_time_when_the_others_have_begun() -> None:
    """A code of its own: a page that takes this for a full device would give up the main stream."""
    budget = JoinBudget()
    waits = [0.0]
    while waits[-1] + 1 / JOINS_PER_S <= 10.0:
        waits.append(budget.reserve("anna", 5.0).wait_s)
    for _ in range(100):
        with pytest.raises(Unavailable) as refused:
            budget.reserve("anna", 5.0)
    assert (refused.value.code, refused.value.retry_after_s) == ("join_limit", 11)
    assert budget.reserve("anna", 6.0).wait_s <= 10.0, "a refused join costs nothing"


def test_a_waiting_join_that_is_cancelled_costs_nothing() -> None:
    """Paging through walls must not make the last wall wait for those before it."""
    budget = JoinBudget()
    begun = [budget.reserve("anna", 5.0) for _ in range(JOIN_BURST)]
    waiting = [budget.reserve("anna", 5.0) for _ in range(64)]
    for join in begun:
        assert join.begin()
        join.cancel()
    for join in waiting:
        join.cancel()
        join.cancel()
        assert not join.begin()
    assert budget.reserve("anna", 5.0).wait_s == 1 / JOINS_PER_S


def test_a_join_that_hands_over_little_costs_little() -> None:
    budget = JoinBudget()
    waits_s = [budget.reserve("anna", 5.0, is_large=False).wait_s for _ in range(8 * JOIN_BURST + 1)]
    assert (waits_s[-2], waits_s[-1]) == (0, 1 / JOINS_PER_S / 8)


@pytest.mark.parametrize("how", [{"fresh": True}, {"key_frames_only": True}])
def test_a_watch_without_old_frames_is_a_small_join(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch, how: dict[str, bool]
) -> None:
    reserved = _reserved(sockets, monkeypatch)
    with opened(sockets, Channels({"one": Camera(1000).broadcaster}).backend(ANNA)) as peer:
        peer.say(type="watch", id=1, camera_id=1, profile_token="one")
        peer.message("watching")
        peer.say(type="watch", id=2, camera_id=1, profile_token="one", **how)
        peer.message("watching")
        peer.say(type="replay", id=3, stream_id="none", viewer_id="none")
        peer.message("problem")
    assert reserved == [True, False, False]


def test_a_page_learns_how_long_its_watch_waits(sockets: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = JoinBudget()
    monkeypatch.setattr(sockets, "_joins", budget)
    now_s = sockets.clock.monotonic_s()
    for _ in range(JOIN_BURST + 99):
        budget.reserve(ANNA.user_id, now_s)
    longest_s = 100 / JOINS_PER_S + 0.1
    with opened(sockets, Channels({"one": Camera(1000).broadcaster}).backend(ANNA)) as peer:
        peer.say(type="watch", id=1, camera_id=1, profile_token="one")
        waiting = peer.message("waiting")
        assert (waiting["id"], 1 < waiting["wait_s"] < longest_s) == (1, True)
        peer.say(type="watch", id=1, camera_id=1, profile_token="one")
        assert peer.message("waiting")["wait_s"] < longest_s, "the page has replaced the first one"


@pytest.mark.slow
def test_joins_beyond_the_budget_come_later(sockets: Sockets) -> None:
    camera = Camera(1000)
    camera.make(1)
    channels = Channels({"one": camera.broadcaster})
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(opened(sockets, channels.backend(ANNA))) for _ in range(3)]
        for peer in peers:
            for number in range(50):
                peer.say(type="watch", id=number, camera_id=1, profile_token="one")
        for peer in peers:
            found = {peer.message("watching")["id"] for _ in range(50)}
            assert found == set(range(50))


@pytest.mark.slow
@pytest.mark.parametrize(("frame_bytes", "frames"), [(MB, 8), (20_000, 400)])
def test_a_flood_of_watches_does_not_delay_other_viewers(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch, frame_bytes: int, frames: int
) -> None:
    """Sixteen sockets of one user request 8 MB each, again and again, as fast as the limit on messages lets them."""
    monkeypatch.setattr("web.live.sockets._BEHIND_AFTER_S", LIMIT_S)  # a frame that is left out would never come
    large, small = Camera(frame_bytes, key_every=frames), Camera(10_000)
    large.make(frames)
    small.make(1)
    channels = Channels({"large": large.broadcaster, "small": small.broadcaster})
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(opened(sockets, channels.backend(BEN)))
        other.say(type="watch", id=1, camera_id=1, profile_token="small")
        other.pictures(1)
        flooding = [stack.enter_context(opened(sockets, channels.backend(ANNA))) for _ in range(16)]
        is_over = threading.Event()
        stack.callback(is_over.set)
        for peer in flooding:
            threading.Thread(target=_drain, args=(peer, is_over), daemon=True).start()
        senders = [threading.Thread(target=_flood, args=(peer,), daemon=True) for peer in flooding]
        quiet_s = statistics.median(_lateness_s(small, other) for _ in range(50))
        began_s = time.monotonic()
        for sender in senders:
            sender.start()
        late_s = []
        with Slowness() as machine:
            while any(sender.is_alive() for sender in senders):
                late_s.append(_lateness_s(small, other))
        took_s = time.monotonic() - began_s
        # The machine may be busier than it was before.
        quiet_s = max(quiet_s, statistics.median(_lateness_s(small, other) for _ in range(50)))
    assert statistics.median(late_s) < 20 * quiet_s * machine.factor(), "the flood made it 100 times as late before"
    assert len(channels.watched) < JOIN_BURST + (5 + took_s) * JOINS_PER_S


def _lateness_s(camera: Camera, viewer: Peer) -> float:
    began_s = time.monotonic()
    camera.make(1)
    viewer.pictures(1)
    took_s = time.monotonic() - began_s
    time.sleep(0.01)
    return took_s


def _flood(peer: Peer) -> None:
    with contextlib.suppress(OSError):
        for _ in range(40):
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


def _reserved(sockets: Sockets, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Record which joins of these sockets are large."""
    found: list[bool] = []
    budget = JoinBudget()
    monkeypatch.setattr(sockets, "_joins", budget)
    reserve = budget.reserve

    def note(user: Hashable, now_s: float, *, is_large: bool = True) -> Join:
        found.append(is_large)
        return reserve(user, now_s, is_large=is_large)

    monkeypatch.setattr(budget, "reserve", note)
    return found
