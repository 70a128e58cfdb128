"""A login that ends takes away its own viewers only; the session decides if the stream ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from sessions.viewers import UNNAMED
from web.watching import Watching

FRESH_S = 30.0

Told = tuple[str, frozenset[str], bool]


@dataclass
class Leavings:
    """Records the calls of StreamManager.leave, in any order; `now_s` is the time."""

    told: list[Told] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    now_s: float = 100.0

    def __call__(self, stream_id: str, viewer_ids: Collection[str], *, may_end: bool) -> None:
        with self.lock:
            self.told.append((stream_id, frozenset(viewer_ids), may_end))

    def watching(self) -> Watching:
        return Watching(self, fresh_s=FRESH_S, now_s=lambda: self.now_s)

    def after(self, end: Callable[[], None], count: int) -> set[Told]:
        """Return the calls that `end` causes; there must be exactly `count`."""
        self.told.clear()
        end()
        ends_s = time.monotonic() + 5
        while len(self.told) < count and time.monotonic() < ends_s:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(self.told) == count, self.told
        return set(self.told)


def left(stream_id: str, *viewer_ids: str, may_end: bool = True) -> Told:
    return stream_id, frozenset(viewer_ids), may_end


def end(watching: Watching, *keys: str) -> Callable[[], None]:
    return lambda: watching.end(frozenset(keys))


def test_all_that_a_login_watches_with_leaves_also_players_without_a_name_and_with_invented_ones() -> None:
    leavings = Leavings()
    watching = leavings.watching()
    watching.note("session:1", "camera1_a", "viewer-1")
    assert not watching.look("session:1", "camera1_a", "viewer-1")
    assert not watching.look("session:1", "camera1_a")
    assert not watching.look("session:1", "camera1_a", "invented")
    watching.note("session:1", "camera1_b", "viewer-2")
    assert leavings.after(end(watching, "session:1"), 2) == {
        left("camera1_a", "viewer-1", UNNAMED, "invented"),
        left("camera1_b", "viewer-2"),
    }


def test_who_fetches_too_stays_and_so_does_the_stream() -> None:
    leavings = Leavings()
    watching = leavings.watching()
    watching.note("session:1", "camera1_a", "viewer-1")
    watching.look("session:1", "camera1_a")
    watching.look("", "camera1_a")  # a local viewer from the time before the first account
    assert leavings.after(end(watching, "session:1"), 1) == {left("camera1_a", "viewer-1", may_end=False)}


def test_a_name_that_another_login_was_given_or_uses_stays_that_login_s() -> None:
    leavings = Leavings()
    watching = leavings.watching()
    watching.note("session:2", "camera1_a", "viewer-2")
    watching.look("session:1", "camera1_a", "viewer-2")
    watching.look("session:1", "camera1_a", "viewer-1")
    assert leavings.after(end(watching, "session:1"), 1) == {left("camera1_a", "viewer-1")}


def test_who_has_fetched_nothing_for_long_does_not_keep_a_stream() -> None:
    leavings = Leavings()
    watching = leavings.watching()
    watching.look("session:2", "camera1_a")
    leavings.now_s += FRESH_S
    watching.look("session:1", "camera1_a")
    assert leavings.after(end(watching, "session:1"), 1) == {left("camera1_a", UNNAMED)}


def test_a_viewer_on_a_socket_who_fetches_nothing_is_one_until_it_leaves() -> None:
    leavings = Leavings()
    watching = leavings.watching()
    for number in (1, 2):
        watching.note("session:1", f"camera1_{number}", f"viewer-{number}")
    leavings.now_s += 10 * FRESH_S
    watching.forget("camera1_1", "viewer-1")
    assert leavings.after(end(watching, "session:1"), 1) == {left("camera1_2", "viewer-2")}


def test_what_a_login_no_longer_watches_is_not_touched_when_it_ends() -> None:
    leavings = Leavings()
    watching = leavings.watching()
    watching.look("session:1", "camera1_long_ago")
    leavings.now_s += FRESH_S
    watching.note("session:1", "camera1_a", "viewer-1")
    watching.look("session:1", "camera1_a", "viewer-1")
    watching.look("session:1", "camera1_a")
    watching.look("session:1", "camera1_b")
    watching.forget("camera1_a", "viewer-1")
    assert leavings.after(end(watching, "session:1"), 1) == {left("camera1_b", UNNAMED)}


def test_who_has_left_fetches_no_more_of_what_others_watch() -> None:
    leavings = Leavings()
    watching = leavings.watching()
    for number in (1, 2):
        watching.note(f"session:{number}", "camera1_a", f"viewer-{number}")
        watching.look(f"session:{number}", "camera1_a")
    watching.forget("camera1_a", "viewer-2")
    assert leavings.after(end(watching, "session:1"), 1) == {left("camera1_a", "viewer-1", UNNAMED)}


def test_what_was_taken_away_is_not_again_and_the_first_look_is_told_once() -> None:
    leavings = Leavings()
    watching = leavings.watching()
    assert watching.look("token:1", "camera1_a")
    assert not watching.look("token:1", "camera1_a")
    assert watching.look("token:2", "camera1_a")
    both = end(watching, "token:1", "token:2")
    assert leavings.after(both, 1) == {left("camera1_a", UNNAMED)}
    assert leavings.after(both, 0) == set()
    assert watching.look("token:1", "camera1_a")


def test_more_than_can_be_remembered_are_forgotten_the_oldest_first() -> None:
    leavings = Leavings()
    watching = leavings.watching()
    for number in range(5001):
        watching.look("session:1", f"camera1_{number}")
        watching.note("session:1", f"camera1_{number}", "viewer")
    assert not watching.has_started("session:1", "camera1_0")
    told = leavings.after(end(watching, "session:1"), 5000)
    assert min(told) == left("camera1_1", "viewer", UNNAMED)
