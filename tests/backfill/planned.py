"""The planner of backfills over a real database, with a recorder and a clock that the test moves."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from archive.gaps import GapStore
from archive.pauses import PauseStore
from archive.rules import RuleStore
from archive_manager import ArchiveManager
from backfill.budget import BackfillBudget
from backfill.planner import BackfillPlanner
from backfill.records import Stretch
from backfill.run import BackfillContext
from backfill.store import BackfillStore
from backfill.targets import Targets
from core.archive import GapReason, RecordingMode, RecordingRule, WeekSpan
from core.errors import DeviceError
from core.recordings import SpanState
from core.settings import Settings
from database import Database
from recording_manager import RecordingManager
from recordings.matching import MatchedBy
from recordings.views import ChannelCoverage, ChannelSpan, Coverage, FoundRecording, KnownRecording, SearchPage
from tests.archive.recorded_cameras import HandCameras, camera_row
from tests.hand_clock import HandClock
from tests.prepared_database import prepared_database

NEVER = WeekSpan(0, 0, 1)
OFF = RecordingRule()
FILLING = RecordingRule(RecordingMode.SCHEDULE, schedule=(NEVER,), time_zone="UTC", backfills=True)


class HandRecordings(RecordingManager):
    """A recorder whose `channels` have these stretches. `complete` False: it has not listed all of them yet."""

    def __init__(self) -> None:
        self.listed: list[Stretch] = []
        self.channels: set[tuple[int, int]] = set()
        self.complete = True
        self.errors: dict[tuple[int, int], DeviceError] = {}
        self.searches: list[tuple[int, int]] = []
        self.resumes: list[bool] = []
        self.again: list[Stretch] = []

    def search(
        self,
        camera_id: int,
        start: datetime,
        end: datetime,
        *,
        channel: Any = None,
        resumes: bool = True,
        again: bool = False,
        **_: Any,
    ) -> SearchPage:
        self.searches.append((camera_id, channel))
        self.resumes.append(resumes)
        self.again += [Stretch(start, end)] if again else []
        if (error := self.errors.get((camera_id, channel))) is not None:
            raise error
        known = KnownRecording("R", channel, MatchedBy.JOB, "", None, None, ())
        spans = tuple((it.start, it.end) for it in self._inside(start, end))
        is_found = bool(spans) and (camera_id, channel) in self.channels
        return SearchPage((FoundRecording(known, spans, is_known=True),) if is_found else (), self.complete, None)

    def coverage(self, camera_id: int, start: datetime, end: datetime, *, channel: Any = None, **_: Any) -> Coverage:
        spans = tuple(ChannelSpan(it.start, it.end, SpanState.RECORDED, "R") for it in self._inside(start, end))
        row = ChannelCoverage(channel, "", MatchedBy.JOB, "R", spans, (), events_truncated=False)
        return Coverage((row,), None, False, event_search=True, clock_offset_s=0.0, problem=None)

    def recorded_from(self, camera_id: int, recording_token: str, moment: datetime, **_: Any) -> tuple[()]:
        return ()

    def _inside(self, start: datetime, end: datetime) -> list[Stretch]:
        found = [Stretch(max(start, it.start), min(end, it.end)) for it in self.listed]
        return [it for it in found if it.start < it.end]


class HandArchive(ArchiveManager):
    """Rules, pauses and gaps of the archive, without footage."""

    def __init__(self, database: Database, clock: HandClock) -> None:
        self._clock = clock
        self._rules = RuleStore(database, clock)
        self._pauses = PauseStore(database, clock)
        self.gap_store = GapStore(database, clock)

    def stretches(self, *_: Any, **__: Any) -> tuple[()]:
        return ()


class PlannerBench:
    """Cameras 1 and 2 with two channels each. Channel 1 of camera 1 has a rule that fills gaps."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.database = prepared_database(folder / "cameras.sqlite3")
        self.database.open()
        with self.database.write() as session:
            session.add_all([camera_row(1, self.clock.now), camera_row(2, self.clock.now)])
        self.archive = HandArchive(self.database, self.clock)
        self.recordings = HandRecordings()
        self.store = BackfillStore(self.database)
        self.targets = Targets(self.recordings, self.archive, self.clock)
        self.cameras = HandCameras()
        self.planner = BackfillPlanner(self.store, self.targets, self.archive, self.cameras, self.clock)
        self.set_rule(1, 1)

    def set_rule(self, camera_id: int, channel: int, rule: RecordingRule = FILLING) -> None:
        self.archive._rules.set_rule(camera_id, channel, rule)
        self.recordings.channels.add((camera_id, channel))

    def gap(self, start: datetime, end: datetime, channel: int = 1) -> None:
        self.archive.gap_store.begin(1, channel, start, GapReason.DEVICE_AWAY, end=end)

    def plan(self) -> None:
        self.planner.plan(lambda: False)

    def context(self, settings: Settings | None = None) -> BackfillContext:
        """Return what a run works with, without a gateway."""
        settings = settings or Settings()
        budget = BackfillBudget(settings, self.clock, self.store)
        gateway: Any = None
        return BackfillContext(
            settings, self.clock, gateway, self.archive, self.recordings, self.store, self.targets, budget
        )

    def fetched(self) -> list[Stretch]:
        """Return the pieces of all jobs, in order."""
        return sorted((it.stretch for job in self.store.jobs() for it in job.pieces), key=lambda it: it.start)
