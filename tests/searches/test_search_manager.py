"""Searches over a simulated recorder: their steps, ends and places at the recorder."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.access import Principal, Role, Scope
from core.archive import Origin
from core.errors import Conflict, InvalidRequest, LimitReached, NotFound
from core.events import EventKind
from media.rtsp.replay.interface import ReplayRank
from pictures.inbox import KeyFrameInbox
from searches import worker
from searches.records import Search, SearchKind, SearchState, WaitsFor
from tests.events.logged import event as logged
from tests.patience import LIMIT_S, promised, until
from tests.searches.searched import ADMIN, SearchHarness

pytestmark = pytest.mark.slow

_HOUR_S = 3600


def _is_inside(search: Search, start_s: float, end_s: float) -> bool:
    return all(start_s - 8 <= it.start.timestamp() and it.end.timestamp() <= end_s + 16 for it in search.results)


def test_an_hour_is_searched_coarsely_and_then_as_a_whole(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    searched.process.moves = [(start_s + 905, start_s + 990), (start_s + 1510, start_s + 1522)]
    began = searched.searches.add(ADMIN, searched.draft(start_s, start_s + _HOUR_S))
    quick = searched.ended(began, at=(SearchState.WAITING,))
    assert quick.state is SearchState.WAITING
    assert quick.waits_for is WaitsFor.USER
    assert quick.estimate is not None
    assert quick.estimate.key_frames > 600
    assert quick.estimate.size_bytes > 100_000
    assert 0 < quick.estimate.seconds < 600
    assert len(quick.results) == 1, "a coarse key frame has the long movement, and none has the short one"
    assert _is_inside(quick, start_s + 905, start_s + 990)
    until(lambda: searched.sessions() == 0, what="the recorder's session while the user decides")
    searched.searches.go_on(ADMIN, began.id)
    whole = searched.ended(began)
    assert (whole.state, whole.problem) == (SearchState.DONE, None)
    assert whole.progress.share == 1.0
    assert sorted(round(it.start.timestamp() - start_s, -2) for it in whole.results) == [900, 1500]
    assert whole.results[0].start < whole.results[1].start, "the longer one is stronger"
    until(lambda: searched.sessions() == 0, what="the recorder's session after the end")


def test_the_same_question_again_fetches_nothing(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    searched.process.moves = [(start_s + 100, start_s + 120)]
    first = searched.ended(searched.searches.add(ADMIN, searched.draft(start_s, start_s + 300)))
    assert first.state is SearchState.DONE
    seen = len(searched.process.times_ms)
    assert seen >= 70
    again = searched.ended(searched.searches.add(ADMIN, searched.draft(start_s, start_s + 300)))
    assert (again.state, again.progress.key_frames) == (SearchState.DONE, 0)
    assert len(searched.process.times_ms) == seen
    assert [it.start for it in again.results] == [it.start for it in first.results]


def test_a_result_has_its_picture_without_another_request(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    searched.process.moves = [(start_s + 100, start_s + 120)]
    found = searched.ended(searched.searches.add(ADMIN, searched.draft(start_s, start_s + 300)))
    at = found.results[0].picture_at
    kept = searched.manager._cache.get(1, 1, -(-round(at.timestamp() * 1000) // 1000))
    assert kept is not None
    assert kept.jpeg == b"\xff\xd8a still\xff\xd9"


def test_a_lasting_change_is_found_by_bisection(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    changes_s = searched.process.changes_s = start_s + 2222
    wanted = searched.draft(start_s, start_s + _HOUR_S, SearchKind.CHANGED)
    found = searched.ended(searched.searches.add(ADMIN, wanted))
    assert (found.state, found.problem) == (SearchState.DONE, None)
    assert len(found.results) == 1
    result = found.results[0]
    assert result.start.timestamp() < changes_s <= result.end.timestamp()
    assert result.end - result.start <= timedelta(seconds=1.5), "key frames come each second"
    assert result.before_at == result.start
    assert found.progress.key_frames <= 60


def test_events_are_looked_at_before_the_rest(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    at = datetime.fromtimestamp(start_s + 1807, UTC)
    searched.events.log.add(logged(EventKind.MOTION, start_at=at, end_at=at + timedelta(seconds=5)))
    searched.events.log.flush()
    searched.process.moves = [(start_s + 1806, start_s + 1814)]
    began = searched.searches.add(ADMIN, searched.draft(start_s, start_s + _HOUR_S))
    quick = searched.ended(began, at=(SearchState.WAITING,))
    assert len(quick.results) == 1
    first_s = searched.process.times_ms[0] / 1000
    assert start_s + 1738 <= first_s <= start_s + 1800, "the index of cells keeps whole minutes"


@pytest.mark.parametrize("make", ["dahua-like", "hikvision-like", "no-replay-headers"])
def test_recorders_of_other_makes_are_searched(open_searches: Callable[..., SearchHarness], make: str) -> None:
    searched = open_searches(make)
    start_s = searched.recorded_s()
    searched.process.moves = [(start_s + 100, start_s + 120)]
    searched.process.changes_s = start_s + 111
    moved = searched.ended(searched.searches.add(ADMIN, searched.draft(start_s, start_s + 240)))
    assert (moved.state, moved.problem) == (SearchState.DONE, None)
    assert len(moved.results) == 1
    assert _is_inside(moved, start_s + 100, start_s + 120)
    wanted = searched.draft(start_s, start_s + 240, SearchKind.CHANGED)
    changed = searched.ended(searched.searches.add(ADMIN, wanted))
    assert len(changed.results) == 1
    result = changed.results[0]
    assert result.start.timestamp() < searched.process.changes_s <= result.end.timestamp()


def test_a_recorder_that_ignores_frames_is_searched(open_searches: Callable[..., SearchHarness]) -> None:
    searched = open_searches("dahua-like")
    searched.recorder.fault("replay_requests", "no_frames")
    start_s = searched.recorded_s()
    searched.process.moves = [(start_s + 40, start_s + 60)]
    found = searched.ended(searched.searches.add(ADMIN, searched.draft(start_s, start_s + 120)))
    assert found.state is SearchState.DONE
    assert len(found.results) == 1


def test_a_cancelled_search_ends_at_once(searched: SearchHarness) -> None:
    """Within 200 ms, while it waits for an answer, and it gives the recorder's session back."""
    start_s = searched.recorded_s()
    searched.process.is_held.clear()
    began = searched.searches.add(ADMIN, searched.draft(start_s, start_s + _HOUR_S))
    until(lambda: searched.sessions() == 1, what="the recorder's session")
    with promised(0.2):
        ended = searched.searches.cancel(ADMIN, began.id)
        until(lambda: not _threads(searched), what="the end of its thread")
    assert ended.state is SearchState.CANCELLED
    until(lambda: searched.sessions() == 0, what="the end of the recorder's session")
    with pytest.raises(Conflict):
        searched.searches.cancel(ADMIN, began.id)
    assert searched.searches.get(ADMIN, began.id).state is SearchState.CANCELLED


def _threads(searched: SearchHarness) -> list[object]:
    return [job for job in searched.searches._worker._jobs.values() if job.thread is not None]


def test_a_viewer_gets_the_place_and_the_search_goes_on_later(open_searches: Callable[..., SearchHarness]) -> None:
    searched = open_searches(device_replay_sessions=1)
    start_s = searched.recorded_s()
    searched.process.is_held.clear()
    began = searched.searches.add(ADMIN, searched.draft(start_s, start_s + 300))
    until(lambda: searched.sessions() == 1, what="the search's session")
    source, correction_s = searched.recordings.replay_source(1, "Rec1")
    viewer = searched.gateway.open_replay(source, ReplayRank.WATCHED)
    inbox = KeyFrameInbox(viewer)
    with promised(1.5):
        viewer.play(start_s + 600 + correction_s, inbox, fast=False)
        assert inbox.take(LIMIT_S) is not None
    searched.process.is_held.set()
    waiting = until(lambda: (now := searched.searches.get(ADMIN, began.id)).waits_for and now, what="its wait")
    assert isinstance(waiting, Search)
    assert (waiting.state, waiting.waits_for) == (SearchState.RUNNING, WaitsFor.RECORDER)
    assert waiting.problem is not None
    assert waiting.problem.code == "camera_busy"
    viewer.close(1.0)
    assert searched.ended(began).state is SearchState.DONE


def test_one_search_a_device_runs_and_others_wait(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    searched.process.is_held.clear()
    first = searched.searches.add(ADMIN, searched.draft(start_s, start_s + 300))
    second = searched.searches.add(ADMIN, searched.draft(start_s, start_s + 300))
    until(lambda: searched.sessions() == 1, what="the first one's session")
    assert searched.searches.get(ADMIN, second.id).waits_for is WaitsFor.TURN
    searched.process.is_held.set()
    assert searched.ended(first).state is SearchState.DONE
    assert searched.ended(second).state is SearchState.DONE


def test_a_crash_of_the_comparison_does_not_end_a_search(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    searched.process.crashes = 2
    searched.process.moves = [(start_s + 100, start_s + 120)]
    moved = searched.ended(searched.searches.add(ADMIN, searched.draft(start_s, start_s + 240)))
    assert (moved.state, len(moved.results)) == (SearchState.DONE, 1)
    assert searched.process.started == 3
    searched.process.crashes = 1
    searched.process.changes_s = start_s + 111
    wanted = searched.draft(start_s, start_s + 240, SearchKind.CHANGED)
    changed = searched.ended(searched.searches.add(ADMIN, wanted))
    assert (changed.state, len(changed.results)) == (SearchState.DONE, 1)


def test_a_recording_that_always_crashes_it_fails_the_search(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    searched.process.crashes = 1000
    found = searched.ended(searched.searches.add(ADMIN, searched.draft(start_s, start_s + 240)))
    assert found.state is SearchState.FAILED
    assert found.problem is not None
    assert found.problem.code == "vision_failed"


def test_a_full_index_does_not_end_a_search(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    searched.index.is_full = True
    found = searched.ended(searched.searches.add(ADMIN, searched.draft(start_s, start_s + 240)))
    assert found.state is SearchState.DONE


def test_a_search_that_nobody_looks_at_ends(searched: SearchHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "UNWATCHED_END_S", 0.5)
    start_s = searched.recorded_s()
    searched.process.is_held.clear()
    began = searched.searches.add(ADMIN, searched.draft(start_s, start_s + _HOUR_S))
    until(lambda: not searched.searches._store.get(began.id).state.is_unfinished, what="its end")
    ended = searched.searches.get(ADMIN, began.id)
    assert ended.state is SearchState.CANCELLED
    assert ended.problem == worker.NOBODY_LOOKS
    until(lambda: searched.sessions() == 0, what="the end of the recorder's session")


def test_without_the_packages_the_index_alone_answers(open_searches: Callable[..., SearchHarness]) -> None:
    searched = open_searches(can_compare=False)
    start_s = searched.recorded_s()
    at = datetime.fromtimestamp(start_s + 65, UTC)
    searched.index.cells = {at: b"\x01" + bytes(71)}
    found = searched.ended(searched.searches.add(ADMIN, searched.draft(start_s, start_s + 300)))
    assert (found.state, [it.start for it in found.results]) == (SearchState.DONE, [at])
    assert found.problem is not None
    assert found.problem.code == "vision_missing"
    assert found.progress.share == pytest.approx(0.2)
    wanted = searched.draft(start_s, start_s + 300, SearchKind.CHANGED)
    changed = searched.ended(searched.searches.add(ADMIN, wanted))
    assert (changed.state, changed.problem) == (SearchState.FAILED, found.problem)
    assert searched.process.started == 0


def test_a_range_without_recordings_is_done_and_says_so(searched: SearchHarness) -> None:
    start_s = time.time() - 400 * 86_400
    found = searched.ended(searched.searches.add(ADMIN, searched.draft(start_s, start_s + 300)))
    assert found.state is SearchState.DONE
    assert found.problem is not None
    assert found.problem.code == "nothing_recorded"


def test_only_the_wanted_source_is_searched(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    wanted = searched.draft(start_s, start_s + 300, source=Origin.SERVER)
    found = searched.ended(searched.searches.add(ADMIN, wanted))
    assert found.problem is not None
    assert found.problem.code == "nothing_recorded", "this server has no recordings"
    wanted = replace(wanted, source=Origin.DEVICE)
    assert searched.ended(searched.searches.add(ADMIN, wanted)).problem is None


def test_a_search_does_not_survive_a_restart_of_the_app(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    searched.process.is_held.clear()
    began = searched.searches.add(ADMIN, searched.draft(start_s, start_s + _HOUR_S))
    until(lambda: searched.sessions() == 1, what="the recorder's session")
    with promised(3.0):
        searched.searches.stop()
    searched.process.is_held.set()
    searched.searches = searched.open_manager()
    ended = searched.searches.get(ADMIN, began.id)
    assert (ended.state, ended.problem) == (SearchState.FAILED, worker.APP_ENDED)


def test_users_see_only_their_own_searches(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    wanted = searched.draft(start_s, start_s + 60)
    began = searched.searches.add(ADMIN, wanted)
    other = Principal("session", "Bob", Role.OPERATOR, user_id=7)
    with pytest.raises(NotFound):
        searched.searches.get(other, began.id)
    with pytest.raises(NotFound):
        searched.searches.cancel(other, began.id)
    assert searched.searches.searches(other) == []
    limited = Principal("session", "Eve", Role.ADMIN, Scope({1: frozenset({2})}), user_id=None)
    with pytest.raises(NotFound):
        searched.searches.get(limited, began.id)
    assert [it.id for it in searched.searches.searches(ADMIN)] == [began.id]


def test_impossible_searches_are_refused(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    for wanted, error in (
        (searched.draft(start_s, start_s), InvalidRequest),
        (searched.draft(start_s, start_s + 32 * 86_400), InvalidRequest),
        (searched.draft(time.time(), time.time() + 600), InvalidRequest),
        (replace(searched.draft(start_s, start_s + 60), channel=99), NotFound),
    ):
        with pytest.raises(error):
            searched.searches.add(ADMIN, wanted)
    searched.process.is_held.clear()
    for _ in range(4):
        searched.searches.add(ADMIN, searched.draft(start_s, start_s + 60))
    with pytest.raises(LimitReached, match="cancel one first"):
        searched.searches.add(ADMIN, searched.draft(start_s, start_s + 60))


def test_a_removed_camera_ends_its_searches(searched: SearchHarness) -> None:
    start_s = searched.recorded_s()
    searched.process.is_held.clear()
    began = searched.searches.add(ADMIN, searched.draft(start_s, start_s + _HOUR_S))
    searched.searches.forget_camera(1)
    ended = searched.searches.get(ADMIN, began.id)
    assert ended.state is SearchState.FAILED
    assert ended.problem is not None
    assert ended.problem.code == "camera_changed"
