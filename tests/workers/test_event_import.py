"""The events in a recorder's recordings are imported a day at a time, each stretch once, and never twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cameras.records import CameraView
from core.errors import CameraUnreachable
from core.events import EventSource
from event_manager import EventManager
from events.log_query import EventQuery
from tests.patience import until
from tests.recordings.recorder import DAY, HOUR, NOON, Archive, ArchiveCameras
from workers.event_import import FIRST_AFTER_S, EventImporter

IMPORTED = EventQuery(source=EventSource.IMPORT)
TEN_MINUTES = timedelta(minutes=10)


class SearchingCameras(ArchiveCameras):
    """The one camera of an archive, which offers the search service."""

    def get_camera(self, camera_id: int) -> CameraView:
        return replace(super().get_camera(camera_id), services=("search",))


@dataclass
class Importing:
    archive: Archive
    events: EventManager
    worker: EventImporter

    def work(self, looks: int = 200) -> None:
        """Let the worker look until nothing is left to import."""
        self.worker.look()
        self.archive.clock.ahead_s += FIRST_AFTER_S
        for _ in range(looks):
            self.worker.look()
            if self.worker._piece is None:
                before = self.events.imports.imported(1)
                self.worker.look()
                if self.worker._piece is None and self.events.imports.imported(1) == before:
                    return
            until(lambda: self.archive.manager._indexer.progress(1) is None, what="the end of the search")

    def found(self) -> list[datetime]:
        return sorted(one.start_at for one in self.events.log.page(IMPORTED, limit=200).events)


@pytest.fixture
def importing(tmp_path: Path) -> Iterator[Importing]:
    archive = Archive(tmp_path, event_keep_motion_days=3.0)
    archive.recorder.spans["Rec1"] = [(NOON - 10 * DAY, NOON)]
    archive.recorder.motion = [("Rec1", NOON - hours * HOUR) for hours in (1, 30, 50, 100)]
    cameras = SearchingCameras(archive)
    events = EventManager(archive.database, archive.settings, archive.clock, cameras)
    yield Importing(archive, events, EventImporter(events, cameras, archive.manager, archive.settings, archive.clock))
    archive.close()


def test_the_time_before_the_app_is_imported_up_to_the_limit(importing: Importing) -> None:
    importing.work()
    assert importing.found() == [NOON - hours * HOUR for hours in (50, 30, 1)]
    assert importing.events.imports.imported(1) == (NOON - 3 * DAY, NOON - TEN_MINUTES)


def test_a_stretch_is_asked_once_and_later_time_follows(importing: Importing) -> None:
    importing.work()
    searches = len(importing.archive.recorder.asked)
    importing.archive.clock.now = NOON + timedelta(minutes=30)
    importing.work()
    assert len(importing.archive.recorder.asked) == searches, "no search for half an hour"
    importing.archive.clock.now = NOON + 2 * HOUR
    importing.archive.recorder.motion.append(("Rec1", NOON + HOUR))
    importing.work()
    assert importing.found()[-1] == NOON + HOUR
    oldest = min(start for start, _ in importing.archive.recorder.asked[searches:])
    assert oldest > NOON - HOUR, "only the time since the last import"


def test_a_day_with_many_events_is_imported_in_parts(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recording_manager.MOST_EVENTS", 20)
    times = [NOON - 2 * HOUR - minutes * timedelta(minutes=20) for minutes in range(60)]
    importing.archive.recorder.motion = [("Rec1", at) for at in times]
    importing.work()
    assert importing.found() == sorted(times)


def test_a_recorder_that_fails_is_left_in_peace_for_a_while(importing: Importing) -> None:
    importing.archive.recorder.event_problem = CameraUnreachable("It is off.")
    importing.work(looks=5)
    asked = len(importing.archive.recorder.asked)
    importing.work(looks=20)
    assert len(importing.archive.recorder.asked) - asked <= 1
    assert importing.events.imports.imported(1) is None
    importing.archive.recorder.event_problem = None
    importing.archive.clock.ahead_s += 3600.0
    importing.work()
    assert len(importing.found()) == 3


@pytest.mark.parametrize("is_off", ["setting", "switch", "no search of events"])
def test_nothing_is_imported_if_it_is_not_wanted(importing: Importing, is_off: str) -> None:
    if is_off == "setting":
        importing.worker._settings = replace(importing.archive.settings, import_events=False)
    elif is_off == "switch":
        importing.events.set_listens_wanted(1, False)
    else:
        importing.archive.recorder.event_search = False
    importing.work(looks=10)
    assert importing.found() == []
    assert importing.events.imports.imported(1) is None
