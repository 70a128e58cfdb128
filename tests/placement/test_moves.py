"""A camera that another node takes over leaves nothing at its device, and everything resumes when it comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.access import LOCAL
from core.records import CameraStatus
from exports.records import ExportDraft, ExportRange
from searches.records import SearchDraft, SearchKind
from tests.lost_database import LostDatabase
from tests.memory import held_bytes
from tests.patience import promised, settled, until
from tests.placement.growth import entries, files, threads
from tests.placement.moved_app import MovedApp, connections, last_hour, subscriptions
from tests.simulator.process import Makes, Simulator

pytestmark = pytest.mark.slow


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[MovedApp]:
    moved = MovedApp(tmp_path, keep_connected="1:3", archive_flush_s=1.0)
    yield moved
    moved.app.stop()


@pytest.fixture
def recorder(recorders: Makes) -> Simulator:
    return recorders["conformant"]


@pytest.fixture
def camera_id(moved: MovedApp, recorder: Simulator) -> int:
    return moved.add(recorder)


def test_nothing_is_left_at_the_device_of_a_camera_that_moved(
    moved: MovedApp, recorder: Simulator, camera_id: int, recorders: Makes
) -> None:
    app, other = moved.app, recorders["sub-recordings"]
    other_id = moved.add(other)
    watcher, undisturbed = moved.watch(camera_id, 1), moved.watch(other_id, 1)
    app.streams.start_hls(camera_id, moved.sub(camera_id, 4))
    moved.record(camera_id, 2)
    replay = moved.replay(camera_id)
    until(lambda: app.streams.session_view(replay).status == "running", what="a replay")
    until(lambda: subscriptions(recorder) == 1, what="a subscription")
    start, end = last_hour()
    export = app.exports.add(LOCAL, ExportDraft((ExportRange(camera_id, 1, start, end),)))
    area = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))
    search = app.searches.add(LOCAL, SearchDraft(camera_id, 2, start, end, area, SearchKind.MOVED))
    kept = connections(other)

    with promised(2):
        moved.placement.take(camera_id)
        until(lambda: connections(recorder) == 0, what="the end of all RTSP sessions")
        until(lambda: subscriptions(recorder) == 0, what="the end of the subscription")

    until(lambda: watcher.is_over)
    before = undisturbed.fragments
    until(lambda: undisturbed.fragments > before, what="a fragment of the other camera")
    assert not undisturbed.is_over
    assert connections(other) == kept
    assert app.cameras.get_camera(camera_id).status is CameraStatus.CONNECTING
    assert [view.id for view in app.cameras.owned_cameras()] == [other_id]
    until(lambda: app.searches.get(LOCAL, search.id).problem, what="the end of the search")
    until(lambda: app.exports.get(LOCAL, export.id).state == "queued", what="an export that waits")
    assert connections(recorder) == 0

    moved.placement.give(camera_id)
    moved.wait_online(camera_id)
    assert app.cameras.stream_source(camera_id, moved.sub(camera_id, 1)).habits, "those from before the move"
    moved.wait_recording(camera_id, 2)
    until(lambda: subscriptions(recorder) == 1, what="a new subscription")
    until(lambda: connections(recorder) >= 2, what="the pinned channel")  # and the recording
    until(lambda: app.exports.get(LOCAL, export.id).state in ("running", "done"), what="the export")
    moved.watch(camera_id, 1)


def test_a_lost_database_delays_no_end_of_a_session(moved: MovedApp, recorder: Simulator, camera_id: int) -> None:
    app = moved.app
    moved.watch(camera_id, 1)
    moved.record(camera_id, 2)
    replay = moved.replay(camera_id)
    until(lambda: app.streams.session_view(replay).status == "running", what="a replay")
    until(lambda: subscriptions(recorder) == 1, what="a subscription")
    start, end = last_hour()
    area = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))
    app.searches.add(LOCAL, SearchDraft(camera_id, 2, start, end, area, SearchKind.MOVED))
    lost = LostDatabase(app.database)
    lost.lose()
    lost.wait_hanging(2)
    taking = threading.Thread(target=moved.placement.take, args=(camera_id,))
    with promised(1):
        taking.start()
        until(lambda: connections(recorder) == 0, what="the end of all RTSP sessions")
    until(lambda: subscriptions(recorder) == 0, what="the end of the subscription")
    lost.find()
    taking.join()


MOVES = 30
MOST_GROWTH_BYTES = 8_000_000  # of 400 moves: 20 kB each, when a session alone holds more
_WARM_UP = 3


def move(moved: MovedApp, recorder: Simulator, camera_id: int) -> None:
    """Take the watched camera away, and give it back until it is connected."""
    moved.watch(camera_id, 1)
    if moved.app.settings.listen_to_events:
        until(lambda: moved.app.events.listens(camera_id), what="a subscription")
    take(moved, recorder, camera_id)
    moved.placement.give(camera_id)
    moved.wait_online(camera_id)


def take(moved: MovedApp, recorder: Simulator, camera_id: int) -> None:
    moved.placement.take(camera_id)
    until(lambda: connections(recorder) == 0, what="a device without sessions")


def check_moves_leave_nothing(moved: MovedApp, recorder: Simulator, camera_id: int, times: int) -> None:
    """Compare what the app holds while the camera is away, before and after its moves."""
    for _ in range(_WARM_UP):
        move(moved, recorder, camera_id)
    take(moved, recorder, camera_id)
    before = settled(lambda: (threads(), files())), entries(moved.app)
    moved.placement.give(camera_id)
    moved.wait_online(camera_id)
    for _ in range(times):
        move(moved, recorder, camera_id)
    take(moved, recorder, camera_id)
    until(lambda: threads() <= before[0][0] + 2, what="no more threads than before")
    until(lambda: files() <= before[0][1] + 2, what="no more open files than before")
    until(lambda: entries(moved.app) < before[1] + times, what="no more entries than before")


def test_moves_leave_no_threads_files_or_entries(tmp_path: Path, recorder: Simulator) -> None:
    moved = MovedApp(tmp_path, listen_to_events=False)
    try:
        check_moves_leave_nothing(moved, recorder, moved.add(recorder), MOVES)
    finally:
        moved.app.stop()


@pytest.mark.stress
@pytest.mark.timeout(3600)
def test_hundreds_of_moves_leave_nothing(moved: MovedApp, recorder: Simulator, camera_id: int) -> None:
    check_moves_leave_nothing(moved, recorder, camera_id, 100)
    before = held_bytes()
    moved.placement.give(camera_id)
    moved.wait_online(camera_id)
    check_moves_leave_nothing(moved, recorder, camera_id, 400)
    assert held_bytes() - before < MOST_GROWTH_BYTES
    until(lambda: subscriptions(recorder) == 0, what="the end of all subscriptions", within_s=120)
