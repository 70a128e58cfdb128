"""A login that ends takes away its own viewers only; the session decides if the stream ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from sessions.viewers import UNNAMED
from web.watching import Watching

FRESH_S = 30.0

LeaveCall = tuple[str, frozenset[str], bool]


@dataclass
class LeaveCalls:
    """Records the calls of StreamManager.leave, in any order; `now_s` is the time."""

    calls: list[LeaveCall] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    now_s: float = 100.0

    def __call__(self, stream_id: str, viewer_ids: Collection[str], *, may_end: bool) -> None:
        with self.lock:
            self.calls.append((stream_id, frozenset(viewer_ids), may_end))

    def watching(self) -> Watching:
        return Watching(self, fresh_s=FRESH_S, now_s=lambda: self.now_s)

    def after(self, end: Callable[[], None], count: int) -> set[LeaveCall]:
        """Return the calls that `end` causes; there must be exactly `count`."""
        self.calls.clear()
        end()
        ends_s = time.monotonic() + 5
        while len(self.calls) < count and time.monotonic() < ends_s:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(self.calls) == count, self.calls
        return set(self.calls)


def leave_call(stream_id: str, *viewer_ids: str, may_end: bool = True) -> LeaveCall:
    return stream_id, frozenset(viewer_ids), may_end


def end(watching: Watching, *keys: str) -> Callable[[], None]:
    return lambda: watching.end(frozenset(keys))


def test_a_login_that_ends_takes_named_and_unnamed_players_away() -> None:
    leave_calls = LeaveCalls()
    watching = leave_calls.watching()
    watching.note("session:1", "camera1_a", "viewer-1")
    assert not watching.look("session:1", "camera1_a", "viewer-1")
    assert not watching.look("session:1", "camera1_a")
    assert not watching.look("session:1", "camera1_a", "invented")
    watching.note("session:1", "camera1_b", "viewer-2")
    assert leave_calls.after(end(watching, "session:1"), 2) == {
        leave_call("camera1_a", "viewer-1", UNNAMED, "invented"),
        leave_call("camera1_b", "viewer-2"),
    }


def test_a_stream_that_another_login_fetches_goes_on() -> None:
    leave_calls = LeaveCalls()
    watching = leave_calls.watching()
    watching.note("session:1", "camera1_a", "viewer-1")
    watching.look("session:1", "camera1_a")
    watching.look("", "camera1_a")  # a local viewer from the time before the first account
    assert leave_calls.after(end(watching, "session:1"), 1) == {leave_call("camera1_a", "viewer-1", may_end=False)}


def test_a_viewer_id_that_another_login_uses_stays() -> None:
    leave_calls = LeaveCalls()
    watching = leave_calls.watching()
    watching.note("session:2", "camera1_a", "viewer-2")
    watching.look("session:1", "camera1_a", "viewer-2")
    watching.look("session:1", "camera1_a", "viewer-1")
    assert leave_calls.after(end(watching, "session:1"), 1) == {leave_call("camera1_a", "viewer-1")}


def test_a_login_without_recent_fetches_does_not_keep_a_stream() -> None:
    leave_calls = LeaveCalls()
    watching = leave_calls.watching()
    watching.look("session:2", "camera1_a")
    leave_calls.now_s += FRESH_S
    watching.look("session:1", "camera1_a")
    assert leave_calls.after(end(watching, "session:1"), 1) == {leave_call("camera1_a", UNNAMED)}


def test_a_socket_viewer_without_fetches_counts_until_it_leaves() -> None:
    leave_calls = LeaveCalls()
    watching = leave_calls.watching()
    for number in (1, 2):
        watching.note("session:1", f"camera1_{number}", f"viewer-{number}")
    leave_calls.now_s += 10 * FRESH_S
    watching.forget("camera1_1", "viewer-1")
    assert leave_calls.after(end(watching, "session:1"), 1) == {leave_call("camera1_2", "viewer-2")}


def test_streams_that_a_login_has_left_are_not_touched_by_its_end() -> None:
    leave_calls = LeaveCalls()
    watching = leave_calls.watching()
    watching.look("session:1", "camera1_long_ago")
    leave_calls.now_s += FRESH_S
    watching.note("session:1", "camera1_a", "viewer-1")
    watching.look("session:1", "camera1_a", "viewer-1")
    watching.look("session:1", "camera1_a")
    watching.look("session:1", "camera1_b")
    watching.forget("camera1_a", "viewer-1")
    assert leave_calls.after(end(watching, "session:1"), 1) == {leave_call("camera1_b", UNNAMED)}


def test_a_viewer_that_left_does_not_keep_a_shared_stream() -> None:
    leave_calls = LeaveCalls()
    watching = leave_calls.watching()
    for number in (1, 2):
        watching.note(f"session:{number}", "camera1_a", f"viewer-{number}")
        watching.look(f"session:{number}", "camera1_a")
    watching.forget("camera1_a", "viewer-2")
    assert leave_calls.after(end(watching, "session:1"), 1) == {leave_call("camera1_a", "viewer-1", UNNAMED)}


def test_a_viewer_leaves_once_and_its_first_look_is_reported_once() -> None:
    leave_calls = LeaveCalls()
    watching = leave_calls.watching()
    assert watching.look("token:1", "camera1_a")
    assert not watching.look("token:1", "camera1_a")
    assert watching.look("token:2", "camera1_a")
    both = end(watching, "token:1", "token:2")
    assert leave_calls.after(both, 1) == {leave_call("camera1_a", UNNAMED)}
    assert leave_calls.after(both, 0) == set()
    assert watching.look("token:1", "camera1_a")


def test_the_oldest_viewers_are_forgotten_beyond_the_limit() -> None:
    leave_calls = LeaveCalls()
    watching = leave_calls.watching()
    for number in range(5001):
        watching.look("session:1", f"camera1_{number}")
        watching.note("session:1", f"camera1_{number}", "viewer")
    assert not watching.has_started("session:1", "camera1_0")
    calls = leave_calls.after(end(watching, "session:1"), 5000)
    assert min(calls) == leave_call("camera1_1", "viewer", UNNAMED)
