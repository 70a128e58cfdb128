"""When a login ends, what it alone watched ends; what others watch goes on for them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from web.watching import Watching


@dataclass
class Stops:
    """What was stopped, in any order."""

    told: list[tuple[str, str | None]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, stream_id: str, viewer_id: str | None) -> None:
        with self.lock:
            self.told.append((stream_id, viewer_id))

    def after(self, count: int) -> set[tuple[str, str | None]]:
        ends_s = time.monotonic() + 5
        while len(self.told) < count and time.monotonic() < ends_s:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(self.told) == count
        return set(self.told)


def test_a_stream_that_nobody_else_watches_ends_whole_also_for_players_without_a_name() -> None:
    stops = Stops()
    watching = Watching(stops)
    watching.note("session:1", "camera1_a", "viewer-1")
    assert not watching.look("session:1", "camera1_a")
    watching.end(frozenset({"session:1"}))
    assert stops.after(1) == {("camera1_a", None)}


def test_a_stream_that_others_watch_is_left_only() -> None:
    stops = Stops()
    now_s = 100.0
    watching = Watching(stops, now_s=lambda: now_s)
    watching.note("session:1", "camera1_a", "viewer-1")
    watching.note("session:2", "camera1_a", "viewer-2")
    watching.look("", "camera1_b")  # somebody on this machine, before there was an account
    watching.note("session:1", "camera1_b", "viewer-3")
    watching.end(frozenset({"session:1"}))
    assert stops.after(2) == {("camera1_a", "viewer-1"), ("camera1_b", "viewer-3")}
    now_s += 31
    watching.look("session:1", "camera1_a")
    watching.end(frozenset({"session:1"}))  # the other has long gone
    assert ("camera1_a", None) in stops.after(3)


def test_who_has_left_is_not_ended_again_and_the_first_look_is_told_once() -> None:
    stops = Stops()
    watching = Watching(stops)
    assert watching.look("token:1", "camera1_a")
    assert not watching.look("token:1", "camera1_a")
    assert watching.look("token:2", "camera1_a")
    watching.end(frozenset({"token:1", "token:2"}))
    watching.end(frozenset({"token:1", "token:2"}))
    assert stops.after(1) == {("camera1_a", None)}
