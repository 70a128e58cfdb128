"""Events of the app's own connection and recording, over a real log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from archive.gaps import GapStore
from archive.troubles import gap_troubles
from cameras.records import CameraView
from core.archive import GapReason, Origin
from core.errors import Unavailable
from core.events import ClosedWhy, EventKind, EventSource, LoggedEvent, Severity, Trouble
from core.records import CameraStatus, Problem
from core.settings import Settings
from database import Database
from event_manager import EventManager
from events.log_query import EventQuery
from events.own import AWAY_S, FIRST_AWAY_S, OwnEvents
from events.pictures import EventPictures
from tests.events.logged import NOON, event, stored_camera
from tests.hand_clock import HandClock
from tests.web.stand_in_cameras import StandInCameras
from workers import event_watch
from workers.event_watch import EventWatch


@dataclass
class Watched:
    """A camera whose state a test changes, and the log."""

    clock: HandClock
    events: EventManager
    own: OwnEvents
    view: CameraView

    def look(self, after_s: float = 0.0, **changed: object) -> None:
        self.clock.move(seconds=after_s)
        self.view = replace(self.view, **changed)  # type: ignore[arg-type]
        self.own.look_at_cameras([self.view])

    @property
    def logged(self) -> list[LoggedEvent]:
        self.events.log.flush()
        return list(reversed(self.events.log.page(EventQuery(), limit=200).events))

    @property
    def kinds(self) -> list[tuple[EventKind, bool]]:
        """The kind of each event, and whether it goes on."""
        return [(item.kind, item.end_at is None) for item in self.logged]


@pytest.fixture
def watched(database: Database) -> Watched:
    clock = HandClock()
    events = EventManager(database, Settings(), clock, StandInCameras())
    view = CameraView(1, "Gate", "10.0.0.1", 80, "", CameraStatus.ONLINE, clock_offset_s=0.4)
    return Watched(clock, events, OwnEvents(events.log, clock), view)


def test_a_device_that_is_away_is_an_alert_until_it_is_back(watched: Watched) -> None:
    watched.look()
    away_at = watched.clock.now_utc()
    gone = Problem("camera_unreachable", "It does not answer.")
    watched.look(status=CameraStatus.OFFLINE, error=gone)
    assert watched.logged == []
    watched.look(AWAY_S, status=CameraStatus.CONNECTING)
    (event,) = watched.logged
    assert (event.camera_id, event.channel, event.kind) == (1, None, EventKind.OFFLINE)
    assert (event.source, event.severity, event.rule) == (EventSource.SERVER, Severity.ALERT, "camera_unreachable")
    assert (event.start_at, event.end_at) == (away_at, None)
    watched.look(60, status=CameraStatus.ONLINE, error=None)
    (ended,) = watched.logged
    assert (ended.end_at, ended.closed_why) == (watched.clock.now_utc(), ClosedWhy.TOLD)


def test_a_short_reconnection_is_no_event(watched: Watched) -> None:
    watched.look()
    watched.look(status=CameraStatus.OFFLINE)
    watched.look(AWAY_S - 1, status=CameraStatus.ONLINE)
    watched.look(AWAY_S, status=CameraStatus.OFFLINE)
    watched.look(AWAY_S - 1, status=CameraStatus.CONNECTING)
    assert watched.logged == []


def test_the_first_connection_has_more_time(watched: Watched) -> None:
    watched.look(status=CameraStatus.CONNECTING)
    watched.look(FIRST_AWAY_S - 1, status=CameraStatus.OFFLINE)
    assert watched.logged == []
    watched.look(1)
    assert watched.kinds == [(EventKind.OFFLINE, True)]


def test_a_trouble_is_logged_after_a_fault_of_the_database(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise Unavailable("The database is busy.")

    watched.look()
    watched.look(status=CameraStatus.OFFLINE)
    with monkeypatch.context() as patched:
        patched.setattr(watched.events.log.store, "find_same", busy)
        with pytest.raises(Unavailable):
            watched.look(AWAY_S)
    watched.look(2)
    assert watched.kinds == [(EventKind.OFFLINE, True)]


def test_a_refused_password_is_its_own_event(watched: Watched) -> None:
    watched.look()
    watched.look(1, status=CameraStatus.AUTH_FAILED, error=Problem("camera_auth_failed", "It refuses."))
    assert watched.kinds == [(EventKind.LOGIN_REFUSED, True)]
    watched.look(100)
    watched.look(1, status=CameraStatus.ONLINE, error=None)
    assert watched.kinds == [(EventKind.LOGIN_REFUSED, False)]


def test_a_wrong_clock_is_a_notice_until_it_is_right(watched: Watched) -> None:
    watched.look(clock_offset_s=-3600.0)
    (event,) = watched.logged
    assert (event.kind, event.severity, event.rule) == (EventKind.CLOCK_WRONG, Severity.NOTICE, "-3600 s")
    watched.look(1, clock_offset_s=4.5)
    assert watched.kinds == [(EventKind.CLOCK_WRONG, True)]
    watched.look(1, clock_offset_s=0.1)
    watched.look(1, clock_offset_s=4.5)
    assert watched.kinds == [(EventKind.CLOCK_WRONG, False)]


def test_the_events_of_a_removed_camera_end(watched: Watched) -> None:
    watched.look(clock_offset_s=60.0)
    watched.own.look_at_cameras([])
    assert watched.kinds == [(EventKind.CLOCK_WRONG, False)]


def test_a_gap_is_logged_once_with_its_own_times(watched: Watched, database: Database) -> None:
    with database.write() as session:
        session.add(stored_camera(1))
    gaps = GapStore(database, watched.clock)
    gap = gaps.begin(1, 2, NOON, GapReason.DISK_FULL)
    own = gaps.begin(1, 2, NOON - timedelta(hours=2), GapReason.UNKNOWN, end=NOON, origin=Origin.DEVICE)
    assert gap is not None
    assert own is not None
    gaps.alert(gap.id)
    gaps.alert(own.id)
    for _ in range(3):
        watched.own.look_at_recording(gap_troubles(gaps))
    recorder, server = watched.logged
    assert (server.channel, server.rule, server.start_at, server.end_at) == (2, "disk_full", NOON, None)
    assert (recorder.rule, recorder.end_at) == ("recorder", NOON)
    gaps.end(gap.id, NOON + timedelta(minutes=7))
    for _ in range(3):
        watched.own.look_at_recording(gap_troubles(gaps))
    assert [item.end_at for item in watched.logged] == [NOON, NOON + timedelta(minutes=7)]


def test_a_gap_goes_on_after_a_restart_of_the_app(watched: Watched, database: Database) -> None:
    trouble = Trouble("gap 1", EventKind.RECORDING_GAP, "device_away", camera_id=1, channel=1, since=NOON)
    watched.own.look_at_recording([trouble])
    watched.events.log.flush()
    watched.clock.move(hours=1)
    restarted = EventManager(database, Settings(), watched.clock, StandInCameras())
    restarted.log.store.close_open(watched.clock.now_utc())
    own = OwnEvents(restarted.log, watched.clock)
    own.look_at_recording([trouble])
    restarted.log.flush()
    assert watched.kinds == [(EventKind.RECORDING_GAP, True)]
    until = NOON + timedelta(hours=2)
    own.look_at_recording([replace(trouble, until=until)])
    restarted.log.flush()
    assert [(item.end_at, item.closed_why) for item in watched.logged] == [(until, ClosedWhy.TOLD)]
    as_of = restarted.log.page(EventQuery(), limit=1).as_of
    again = OwnEvents(restarted.log, watched.clock)
    again.look_at_recording([replace(trouble, until=until)])
    restarted.log.flush()
    assert [item.end_at for item in watched.logged] == [until]
    assert restarted.log.news(EventQuery(), as_of, limit=10).events == (), "nothing has changed"


def test_the_trouble_of_a_disk_concerns_no_camera(watched: Watched) -> None:
    watched.own.look_at_recording([Trouble("volume /a", EventKind.STORAGE, "full", label="a")])
    watched.clock.move(seconds=30)
    watched.own.look_at_recording([])
    (event,) = watched.logged
    assert (event.camera_id, event.kind, event.rule, event.label) == (None, EventKind.STORAGE, "full", "a")
    assert event.end_at == watched.clock.now_utc()


class _Troubles:
    def __init__(self, *limits: tuple[int, int, datetime]) -> None:
        self.asked = 0
        self._limits = limits

    def limits(self) -> Sequence[tuple[int, int, datetime]]:
        return self._limits

    def troubles(self) -> Sequence[Trouble]:
        self.asked += 1
        return [Trouble("volume /a", EventKind.STORAGE, "gone", label="a")]


def test_the_watch_looks_at_the_recording_less_often(watched: Watched) -> None:
    troubles = _Troubles()
    watch = EventWatch(watched.events, StandInCameras(), troubles, watched.clock)
    watch.look()
    watched.clock.move(seconds=2)
    watch.look()
    assert troubles.asked == 1
    watched.clock.move(seconds=5)
    watch.look()
    assert troubles.asked == 2
    assert watched.kinds == [(EventKind.STORAGE, True)]


class _Copies:
    """The object storage while it fails."""

    def troubles(self) -> Sequence[Trouble]:
        return [Trouble("object storage", EventKind.STORAGE, "copies_full", label="s3://cameras")]


def test_the_watch_logs_the_troubles_of_all_its_sources(watched: Watched) -> None:
    watch = EventWatch(watched.events, StandInCameras(), _Troubles(), watched.clock)
    watch.also_watch(_Copies())
    watch.look()
    assert {(event.rule, event.label) for event in watched.logged} == {("gone", "a"), ("copies_full", "s3://cameras")}


def test_the_watch_deletes_pictures_beyond_a_limit_by_law(watched: Watched, tmp_path: Path) -> None:
    watched.events.pictures = EventPictures(tmp_path / "pictures", most_bytes=1000)
    watched.events.pictures.open({1})
    watched.events.log.add(event(has_picture=True))
    watched.events.log.add(event(at_s=600, has_picture=True))
    old, new = (item.id for item in watched.logged)
    for event_id in (old, new):
        watched.events.pictures.put(1, event_id, b"picture")
    limit = (1, 1, NOON + timedelta(seconds=600))
    EventWatch(watched.events, StandInCameras(), _Troubles(limit), watched.clock).look()
    assert [watched.events.pictures.get(1, event_id) for event_id in (old, new)] == [None, b"picture"]


def test_the_watch_deletes_old_events_a_little_at_each_look(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned: list[bool] = []

    def clean() -> bool:
        cleaned.append(True)
        return len(cleaned) < 20

    monkeypatch.setattr(watched.events, "clean", clean)
    monkeypatch.setattr(event_watch, "BATCHES_EVERY_S", 0.0)
    watch = EventWatch(watched.events, StandInCameras(), _Troubles(), watched.clock)
    watch.look()
    assert len(cleaned) == event_watch.BATCHES_A_LOOK
    for _ in range(20):
        watch.look()
    assert len(cleaned) >= 20
