"""A login that ends takes away its own viewers only; the session decides if the stream ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import pytest

from core.records import StreamState
from sessions.viewers import UNNAMED
from stream_manager import StreamManager
from tests.patience import stays, until
from web.login_viewers import LoginViewers

FRESH_S = 30.0

LeaveCall = tuple[str, frozenset[str], bool]


@dataclass
class LeaveCalls(StreamManager):
    """Records the calls of leave_session(), in any order; `now_s` is the time."""

    calls: list[LeaveCall] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    now_s: float = 100.0

    def leave_session(self, stream_id: str, viewer_ids: Collection[str], *, may_end: bool = True) -> StreamState:
        with self.lock:
            self.calls.append((stream_id, frozenset(viewer_ids), may_end))
        return StreamState.STOPPED

    def login_viewers(self) -> LoginViewers:
        return LoginViewers(self, fresh_s=FRESH_S, now_s=lambda: self.now_s)

    def after(self, end: Callable[[], None], count: int) -> set[LeaveCall]:
        """Return the calls that `end` causes; there must be exactly `count`."""
        self.calls.clear()
        end()
        until(lambda: len(self.calls) >= count)
        stays(lambda: len(self.calls) == count, 0.05)
        return set(self.calls)


def leave_call(stream_id: str, *viewer_ids: str, may_end: bool = True) -> LeaveCall:
    return stream_id, frozenset(viewer_ids), may_end


def end(viewers: LoginViewers, *keys: str) -> Callable[[], None]:
    return lambda: viewers.end_logins(frozenset(keys))


def test_a_login_that_ends_takes_named_and_unnamed_players_away() -> None:
    leave_calls = LeaveCalls()
    viewers = leave_calls.login_viewers()
    viewers.note_viewer("session:1", "camera1_a", "viewer-1")
    assert not viewers.note_fetch("session:1", "camera1_a", "viewer-1")
    assert not viewers.note_fetch("session:1", "camera1_a")
    assert not viewers.note_fetch("session:1", "camera1_a", "invented")
    viewers.note_viewer("session:1", "camera1_b", "viewer-2")
    assert leave_calls.after(end(viewers, "session:1"), 2) == {
        leave_call("camera1_a", "viewer-1", UNNAMED, "invented"),
        leave_call("camera1_b", "viewer-2"),
    }


def test_a_stream_that_another_login_fetches_goes_on() -> None:
    leave_calls = LeaveCalls()
    viewers = leave_calls.login_viewers()
    viewers.note_viewer("session:1", "camera1_a", "viewer-1")
    viewers.note_fetch("session:1", "camera1_a")
    viewers.note_fetch("", "camera1_a")  # a local viewer from the time before the first account
    assert leave_calls.after(end(viewers, "session:1"), 1) == {leave_call("camera1_a", "viewer-1", may_end=False)}


def test_a_viewer_id_that_another_login_uses_stays() -> None:
    leave_calls = LeaveCalls()
    viewers = leave_calls.login_viewers()
    viewers.note_viewer("session:2", "camera1_a", "viewer-2")
    viewers.note_fetch("session:1", "camera1_a", "viewer-2")
    viewers.note_fetch("session:1", "camera1_a", "viewer-1")
    assert leave_calls.after(end(viewers, "session:1"), 1) == {leave_call("camera1_a", "viewer-1")}


def test_a_login_without_recent_fetches_does_not_keep_a_stream() -> None:
    leave_calls = LeaveCalls()
    viewers = leave_calls.login_viewers()
    viewers.note_fetch("session:2", "camera1_a")
    leave_calls.now_s += FRESH_S
    viewers.note_fetch("session:1", "camera1_a")
    assert leave_calls.after(end(viewers, "session:1"), 1) == {leave_call("camera1_a", UNNAMED)}


def test_a_socket_viewer_without_fetches_counts_until_it_leaves() -> None:
    leave_calls = LeaveCalls()
    viewers = leave_calls.login_viewers()
    for number in (1, 2):
        viewers.note_viewer("session:1", f"camera1_{number}", f"viewer-{number}")
    leave_calls.now_s += 10 * FRESH_S
    viewers.remove_viewer("camera1_1", "viewer-1")
    assert leave_calls.after(end(viewers, "session:1"), 1) == {leave_call("camera1_2", "viewer-2")}


def test_streams_that_a_login_has_left_are_not_touched_by_its_end() -> None:
    leave_calls = LeaveCalls()
    viewers = leave_calls.login_viewers()
    viewers.note_fetch("session:1", "camera1_long_ago")
    leave_calls.now_s += FRESH_S
    viewers.note_viewer("session:1", "camera1_a", "viewer-1")
    viewers.note_fetch("session:1", "camera1_a", "viewer-1")
    viewers.note_fetch("session:1", "camera1_a")
    viewers.note_fetch("session:1", "camera1_b")
    viewers.remove_viewer("camera1_a", "viewer-1")
    assert leave_calls.after(end(viewers, "session:1"), 1) == {leave_call("camera1_b", UNNAMED)}


def test_a_viewer_that_left_does_not_keep_a_shared_stream() -> None:
    leave_calls = LeaveCalls()
    viewers = leave_calls.login_viewers()
    for number in (1, 2):
        viewers.note_viewer(f"session:{number}", "camera1_a", f"viewer-{number}")
        viewers.note_fetch(f"session:{number}", "camera1_a")
    viewers.remove_viewer("camera1_a", "viewer-2")
    assert leave_calls.after(end(viewers, "session:1"), 1) == {leave_call("camera1_a", "viewer-1", UNNAMED)}


def test_a_viewer_leaves_once_and_its_first_look_is_reported_once() -> None:
    leave_calls = LeaveCalls()
    viewers = leave_calls.login_viewers()
    assert viewers.note_fetch("token:1", "camera1_a")
    assert not viewers.note_fetch("token:1", "camera1_a")
    assert viewers.note_fetch("token:2", "camera1_a")
    both = end(viewers, "token:1", "token:2")
    assert leave_calls.after(both, 1) == {leave_call("camera1_a", UNNAMED)}
    assert leave_calls.after(both, 0) == set()
    assert viewers.note_fetch("token:1", "camera1_a")


def test_the_oldest_viewers_are_forgotten_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.login_viewers._MAX_ENTRIES", 200)
    leave_calls = LeaveCalls()
    viewers = leave_calls.login_viewers()
    for number in range(201):
        viewers.note_fetch("session:1", f"camera1_{number}")
        viewers.note_viewer("session:1", f"camera1_{number}", "viewer")
    assert not viewers.is_viewer_of("session:1", "camera1_0")
    calls = leave_calls.after(end(viewers, "session:1"), 200)
    assert min(calls) == leave_call("camera1_1", "viewer", UNNAMED)
