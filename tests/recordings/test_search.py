"""The search of RecordingManager: its window, its filters, its pages, and recorders that fail."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from core.errors import CameraUnreachable, InvalidRequest, NotFound
from tests.patience import LIMIT_S, until
from tests.recordings.recorder import DAY, HOUR, NOON, Archive, channel, recording

MIDNIGHT = NOON - 12 * HOUR
LATE = timedelta(minutes=1)  # a search starts this long before its window: devices log events late


def test_a_search_can_ask_again_for_indexed_time(archive: Archive) -> None:
    window = (NOON - 5 * HOUR, NOON - 2 * HOUR)
    archive.recorder.spans["Rec1"] = [(NOON - 9 * HOUR, NOON - 8 * HOUR)]
    assert archive.manager.search(1, *window, channel=1).recordings == ()
    archive.recorder.spans["Rec1"].append((NOON - 4 * HOUR, NOON - 3 * HOUR))
    assert archive.manager.search(1, *window, channel=1).recordings == ()
    (found,) = archive.manager.search(1, *window, channel=1, again=True).recordings
    assert found.spans == ((NOON - 4 * HOUR, NOON - 3 * HOUR),)


def test_a_search_returns_only_spans_inside_its_window(archive: Archive) -> None:
    archive.recorder.spans = {
        "Rec1": [(NOON - 40 * DAY, NOON - 5 * HOUR), (NOON - 4 * HOUR, NOON + DAY)],
        "Rec2": [(NOON - 40 * DAY, NOON - 30 * DAY)],
    }
    found = archive.manager.search(1, NOON - 6 * HOUR, NOON - HOUR)
    assert found.complete
    [one] = found.recordings
    assert one.recording.recording_token == "Rec1"
    assert one.recording.matched_by == "video_source"
    assert one.spans == ((NOON - 6 * HOUR, NOON - 5 * HOUR), (NOON - 4 * HOUR, NOON - HOUR))
    assert one.is_known


def test_indexed_recordings_are_found_while_the_recorder_is_off(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [(NOON - 40 * DAY, NOON - 3 * DAY)], "Rec2": [(NOON - 5 * DAY, NOON - 4 * DAY)]}
    window = (NOON - 8 * DAY, NOON - DAY)
    before = archive.manager.search(1, *window)
    archive.manager.stop()
    archive.recorder.problem = CameraUnreachable("It is off.")
    archive.manager = archive.make_manager()
    archive.manager.start()
    after = archive.manager.search(1, *window)
    assert len(after.recordings) == 2
    assert (after.recordings, after.complete, after.problem) == (before.recordings, True, None)
    [one] = archive.manager.search(1, *window, recording_token="Rec2").recordings
    assert one.spans == ((NOON - 5 * DAY, NOON - 4 * DAY),)
    partly = archive.manager.search(1, NOON - 10 * DAY, NOON - 4.5 * DAY)
    assert partly.recordings[0].spans == ((NOON - 8 * DAY - LATE, NOON - 4.5 * DAY),)
    assert (partly.complete, partly.problem) == (False, archive.recorder.problem)
    for unknown in ({"start": NOON - 30 * DAY, "end": NOON - 20 * DAY}, {"recording_token": "Rec9"}):
        with pytest.raises(CameraUnreachable):
            archive.manager.search(1, **{"start": window[0], "end": window[1], **unknown})  # type: ignore[arg-type] # either


def test_a_failed_search_does_not_end_one_of_another_time(archive: Archive) -> None:
    archive.recorder.hold = threading.Event()
    archive.recorder.trouble_before = NOON - 15 * DAY
    archive.recorder.spans = {"Rec1": [(NOON - 40 * DAY, NOON)], "Rec2": []}
    archive.manager.coverage(1, NOON - 21 * DAY, NOON - 20 * DAY)
    until(lambda: archive.recorder.asked)
    with ThreadPoolExecutor(1) as threads:
        search = threads.submit(archive.manager.search, 1, NOON - 3 * DAY, NOON - 2 * DAY)
        until(lambda: archive.manager.coverage(1, NOON - 3 * DAY, NOON).indexing)
        time.sleep(0.1)  # so that the search is waiting by now
        archive.recorder.hold.set()
        found = search.result(LIMIT_S)
    assert found.complete
    assert [item.spans for item in found.recordings] == [((NOON - 3 * DAY, NOON - 2 * DAY),)]


def test_a_search_can_be_for_one_recording_or_one_channel(archive: Archive) -> None:
    whole = [(NOON - 40 * DAY, NOON + DAY)]
    archive.recorder.spans = {"Rec1": whole, "Rec2": whole}

    def tokens(**more: str | int) -> list[str]:
        found = archive.manager.search(1, MIDNIGHT, NOON, **more)  # type: ignore[arg-type] # one filter each
        return [item.recording.recording_token for item in found.recordings]

    assert tokens() == ["Rec1", "Rec2"]
    assert tokens(recording_token="Rec2") == ["Rec2"]
    assert tokens(channel=1) == ["Rec1"]
    assert tokens(channel=9) == []
    assert archive.manager.search(1, MIDNIGHT, NOON, channel=9).complete
    with pytest.raises(NotFound):
        tokens(recording_token="Rec9")


def test_results_above_the_limit_are_paged(archive: Archive) -> None:
    archive.recorder.recordings_ = tuple(recording(number) for number in range(1, 6))
    archive.recorder.spans = {f"Rec{number}": [(MIDNIGHT, NOON)] for number in range(1, 6)}
    archive.channels = [channel(number) for number in range(1, 6)]
    tokens: list[str] = []
    cursor = None
    for _ in range(3):
        page = archive.manager.search(1, MIDNIGHT, NOON, limit=2, cursor=cursor)
        tokens += [item.recording.recording_token for item in page.recordings]
        cursor = page.next_cursor
    assert tokens == [f"Rec{number}" for number in range(1, 6)]
    assert cursor is None
    with pytest.raises(InvalidRequest):
        archive.manager.search(1, MIDNIGHT, NOON, cursor="Rec999")
