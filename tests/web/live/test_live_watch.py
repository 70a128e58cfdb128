"""Watches of a thin link: `pace`, a watch that begins instead of another one, and key frames alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.clock import SystemClock
from core.records import AudioFormat
from sessions.live.broadcast import FragmentBroadcaster, LiveFragment
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S, until
from tests.web.live.live_peer import Channels, init_of, opened
from web.live.live_watch import LiveWatch
from web.live.sockets import Sockets
from web.live.wire import HEAD


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    made = Sockets(8, HandClock(), tick_s=0.05)
    made.start()
    yield made
    made.stop()


@dataclass
class StandInLink:
    bytes_per_s: float | None = None
    is_late: bool = False
    has_space: bool = True

    def has_space_for(self, fragment_bytes: int) -> bool:
        return self.has_space


def frames(first: int, count: int, size: int = 1000) -> list[LiveFragment]:
    """Return frames of which every fourth one is a key frame."""
    return [
        LiveFragment((bytes(size),), b"", number % 4 == 0, number / 4, None) for number in range(first, first + count)
    ]


def watch_of(**how: Any) -> LiveWatch:
    return LiveWatch(cast(Any, SimpleNamespace(sockets=None)), 3, wants_audio=False, **how)


def channel_of(number_of_frames: int) -> FragmentBroadcaster:
    broadcaster = FragmentBroadcaster(SystemClock())
    broadcaster.on_init(init_of())
    broadcaster.on_fragments(frames(0, number_of_frames))
    return broadcaster


def test_a_page_that_watches_gets_the_pace_of_its_socket(sockets: Sockets) -> None:
    with opened(sockets, Channels({"a": channel_of(1)}).backend()) as peer:
        peer.say(type="watch", id=3, camera_id=1, profile_token="a")
        pace = peer.message("pace")
        while not pace["taken_bytes"]:
            pace = peer.message("pace")
    assert pace["interval_ms"] > 0
    assert (pace["busy_ms"], pace["busy_bytes"], pace["backlog_bytes"], pace["backlog_ms"]) == (0, 0, 0, 0)
    assert pace["left_out"] == {}
    assert abs(pace["now_ms"] - time.time() * 1000) < LIMIT_S * 1000


def test_the_pace_tells_that_the_server_is_late(sockets: Sockets) -> None:
    with opened(sockets, Channels({"a": channel_of(1)}).backend()) as peer:
        peer.say(type="watch", id=3, camera_id=1, profile_token="a")
        peer.message("pace")
        sockets.post(time.sleep, 0.7)  # the loop does nothing else meanwhile
        until(lambda: peer.message("pace")["server_lag_ms"] >= 400)


def test_a_page_that_watches_nothing_gets_no_pace(sockets: Sockets) -> None:
    with opened(sockets, Channels({}).backend()) as peer:
        peer.say(type="clock", sent=1)
        peer.message("clock")
        sockets.post(peer.handler.on_tick)
        sockets.post(lambda: peer.say(type="clock", sent=2))
        message = peer.read()
    assert isinstance(message, dict)
    assert message["type"] == "clock"


def test_a_new_watch_ends_the_one_that_it_replaces(sockets: Sockets) -> None:
    main, sub = channel_of(1), channel_of(2)
    with opened(sockets, Channels({"main": main, "sub": sub}).backend()) as peer:
        peer.say(type="watch", id=1, camera_id=1, profile_token="main")
        peer.pictures(1)
        peer.say(type="watch", id=2, camera_id=1, profile_token="sub", instead_of=1)
        assert peer.pictures(2)[:2] == (1, 0.0), "the new watch begins with the last key frame"
        main.on_fragments(frames(1, 4))
        sub.on_fragments(frames(2, 1))
        assert peer.pictures(2)[1] == 0.5
        peer.say(type="clock", sent=1)
        assert isinstance(peer.read(), dict), "nothing of the old watch"


def test_a_watch_may_replace_one_that_is_gone(sockets: Sockets) -> None:
    with opened(sockets, Channels({"a": channel_of(1)}).backend()) as peer:
        peer.say(type="watch", id=2, camera_id=1, profile_token="a", instead_of=9)
        assert peer.pictures(2)[0] == 1


def test_the_id_of_the_replaced_watch_is_checked(sockets: Sockets) -> None:
    with opened(sockets, Channels({"a": channel_of(1)}).backend()) as peer:
        peer.say(type="watch", id=2, camera_id=1, profile_token="a", instead_of="1")
        assert peer.message("problem")["code"] == "invalid_request"


def test_a_watch_of_key_frames_gets_nothing_else(sockets: Sockets) -> None:
    broadcaster = channel_of(3)
    with opened(sockets, Channels({"a": broadcaster}).backend()) as peer:
        peer.say(type="watch", id=3, camera_id=1, profile_token="a", key_frames_only=True)
        assert peer.pictures(3) == (1, 0.0, 1000)
        for number in range(3, 9):
            broadcaster.on_fragments(frames(number, 1))
        assert [peer.pictures(3) for _ in range(2)] == [(1, 1.0, 1000), (1, 2.0, 1000)]


@pytest.mark.parametrize("is_small", [True, False])
def test_a_watch_of_small_video_joins_its_stream_without_audio(sockets: Sockets, is_small: bool) -> None:
    broadcaster = channel_of(1)
    broadcaster.on_init(replace(init_of(), audio=AudioFormat("aac", 8000, 1)))
    with opened(sockets, Channels({"a": broadcaster}).backend()) as peer:
        peer.say(type="watch", id=3, camera_id=1, profile_token="a", sound=True, small=is_small)
        init = peer.message("init")
        assert (init["has_sound"], init["sound"] is None) == (True, is_small)
        assert peer.message("watching")["stream_id"] == ("camera1_a.small" if is_small else "camera1_a")


def test_a_replacement_waits_if_the_held_frames_take_over_a_second() -> None:
    watch = watch_of(is_replacement=True)
    link = StandInLink(bytes_per_s=2500)
    assert watch.admit(frames(0, 3), link) == ()
    assert watch.admit(frames(3, 1), link) == ()
    assert [piece.start_s for piece in watch.admit(frames(4, 1), link)] == [1.0]
    assert [piece.start_s for piece in watch.admit(frames(5, 2), link)] == [1.25, 1.5]
    assert (watch.take_left_out(), watch.take_left_out()) == (4, 0)


@pytest.mark.parametrize(("bytes_per_s", "count"), [(None, 3), (3000, 3), (500, 1)])
def test_a_replacement_begins_immediately_on_a_link_that_carries_it(bytes_per_s: float | None, count: int) -> None:
    """A single key frame is sent on any link: the next one is not smaller."""
    watch = watch_of(is_replacement=True)
    assert len(watch.admit(frames(0, count), StandInLink(bytes_per_s))) == count


def test_a_late_page_gets_no_frames_up_to_the_next_key_frame() -> None:
    watch = watch_of()
    link = StandInLink(is_late=True)
    assert watch.admit(frames(0, 2), link) == ()
    link.is_late = False
    assert watch.admit(frames(2, 1), link) == ()
    assert len(watch.admit(frames(3, 3), link)) == 2
    link.has_space = False
    assert watch.admit(frames(6, 1), link) == ()
    assert watch.take_left_out() == 5


@pytest.mark.parametrize(
    ("bytes_per_s", "starts"),
    [(None, [0.0, 0.5, 1.0]), (1e9, [0.0]), (100_000, [0.0, 0.5, 1.0]), (1000, [0.0, 0.25, 0.5, 0.75, 1.0])],
)
def test_frames_are_sent_in_short_messages_over_a_slow_link(bytes_per_s: float | None, starts: list[float]) -> None:
    """A message is sent whole once it has begun, so that the next watch would wait behind a long one."""
    parts = watch_of().messages(frames(0, 5, size=12_000), StandInLink(bytes_per_s))
    messages = [b"".join(message) for message in parts]
    assert [HEAD.unpack_from(message)[3] for message in messages] == starts
    assert HEAD.unpack_from(messages[0])[1] == 1
    assert sum(len(message) - HEAD.size for message in messages) == 5 * 12_000
