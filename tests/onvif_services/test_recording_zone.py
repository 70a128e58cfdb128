"""Recorders that mark local times of recordings as UTC: known for certain, and never taken for one that is right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import CameraAuthFailed
from core.recordings import ZoneOfTimes
from core.records import LearnedAccess
from onvif_services.recording_search import list_recordings
from onvif_services.recording_zone import RecordingZone, Verdict
from tests.media.recording import HandClock
from tests.onvif_services.connecting import Connect
from tests.onvif_services.recorder_answers import make_recorder, recording, recordings
from tests.onvif_services.soap_device import SoapDevice

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
EAST_S = 8 * 3600.0
POSIX = "CET-1CEST,M3.5.0,M10.5.0/3"


def test_a_newest_recording_that_grows_in_the_future_by_the_zone_is_local() -> None:
    zone = RecordingZone()
    assert zone.judge(NOW + 8 * HOUR, NOW, EAST_S) is Verdict.DOUBTFUL
    assert zone.zone_s == 0.0, "one look may be chance: some recorders write the end of the day"
    assert zone.judge(NOW + 8 * HOUR + 5 * MINUTE, NOW + 5 * MINUTE, EAST_S) is Verdict.LOCAL
    assert zone.zone_s == EAST_S
    assert zone.judge(NOW + 2 * HOUR, NOW + 9 * HOUR, None) is Verdict.NOTHING, "it has stopped"
    assert zone.zone_s == EAST_S


def test_a_known_zone_ends_when_recordings_grow_at_the_present_time() -> None:
    zone = RecordingZone(EAST_S)
    assert zone.judge(NOW, NOW, None) is Verdict.NOTHING, "one look may be chance"
    assert zone.zone_s == EAST_S
    assert zone.judge(NOW + MINUTE, NOW + MINUTE, None) is Verdict.UTC, "its firmware was mended"
    assert zone.zone_s == 0.0


def test_a_newest_recording_that_grows_in_the_past_by_the_zone_is_local() -> None:
    """A recorder eight hours west of UTC."""
    zone = RecordingZone()
    assert zone.judge(NOW - 8 * HOUR, NOW, -EAST_S) is Verdict.NOTHING, "it may have stopped"
    assert zone.judge(NOW - 8 * HOUR + 5 * MINUTE, NOW + 5 * MINUTE, -EAST_S) is Verdict.LOCAL
    assert (zone.zone_s, zone.since_s) == (-EAST_S, NOW.timestamp())
    for passed in (9 * MINUTE, 10 * MINUTE):
        zone.judge(NOW + passed, NOW + passed, None)
    assert zone.zone_s == 0.0, "its firmware was mended"


@pytest.mark.parametrize(
    ("stops", "looks"),
    [
        ((0,), (59, 60, 61)),  # the end of the last motion is an hour ago
        ((0, 90), (60, 150)),
        ((0, 60.5, 121), (60, 120.5, 181)),
        ((0, 61), (60, 62)),
    ],
)
def test_a_known_zone_stays_if_old_recordings_end_now_by_chance(
    stops: tuple[float, ...], looks: tuple[float, ...]
) -> None:
    """A recorder of motion, one hour east, looked at when its newest recording seems to end now."""
    zone = RecordingZone(3600.0)
    for look in looks:
        newest = max(stop for stop in stops if stop <= look)
        zone.judge(NOW + HOUR + newest * MINUTE, NOW + look * MINUTE, 3600.0)
        assert zone.zone_s == 3600.0


@pytest.mark.parametrize(
    ("ahead", "growth", "zone_s"),
    [
        (8 * HOUR, 0 * MINUTE, EAST_S),  # the end of the day, or of a file that is made beforehand
        (8 * HOUR, 30 * MINUTE, EAST_S),
        (7 * HOUR, 5 * MINUTE, EAST_S),
        (8 * HOUR, 5 * MINUTE, 0.0),
        (8 * HOUR, 5 * MINUTE, None),
        (-8 * HOUR, 0 * MINUTE, -EAST_S),  # it has stopped
        (-8 * HOUR, 30 * MINUTE, -EAST_S),
        (-7 * HOUR, 5 * MINUTE, -EAST_S),
        (0 * HOUR, 5 * MINUTE, EAST_S),
    ],
)
def test_a_recorder_that_may_be_right_is_not_moved(ahead: timedelta, growth: timedelta, zone_s: float | None) -> None:
    zone = RecordingZone()
    zone.judge(NOW + ahead, NOW, zone_s)
    zone.judge(NOW + ahead + growth, NOW + 5 * MINUTE, zone_s)
    assert zone.zone_s == 0.0


def test_the_zone_of_recordings_from_before_its_first_sight_is_not_known() -> None:
    """A recorder two hours east in summer, and one in winter: it tells the present zone only."""
    zone = RecordingZone()
    zone.judge(NOW + 2 * HOUR, NOW, 7200.0)
    zone.judge(NOW + 2 * HOUR + MINUTE, NOW + MINUTE, 7200.0)
    assert zone.zone_s == 7200.0
    assert zone.since_s == NOW.timestamp()
    zone.judge(NOW + 2 * HOUR + 9 * MINUTE, NOW + 9 * MINUTE, 7200.0)
    assert zone.since_s == NOW.timestamp()
    winter = NOW + 100 * timedelta(days=1)
    zone.judge(winter + HOUR, winter, 3600.0)
    summer = ZoneOfTimes.learned(zone.zone_s, zone.since_s)
    assert zone.zone_s == 7200.0
    assert not summer.is_known_at(NOW.timestamp() + 1), "the clocks were changed at a time that is not known"
    zone.judge(winter + HOUR + MINUTE, winter + MINUTE, 3600.0)
    assert (zone.zone_s, zone.since_s) == (3600.0, winter.timestamp())
    for passed in (timedelta(), MINUTE):
        zone.judge(winter + DAY + passed, winter + DAY + passed, None)
    assert (zone.zone_s, zone.since_s) == (0.0, (winter + DAY).timestamp()), "or it has Greenwich's time in winter"


def test_a_zone_of_an_older_version_is_known_from_the_next_sight_on() -> None:
    zone = RecordingZone(7200.0)
    assert not ZoneOfTimes.learned(zone.zone_s, zone.since_s).is_known_at(NOW.timestamp())
    zone.judge(NOW + 2 * HOUR, NOW, 7200.0)
    known = ZoneOfTimes.learned(zone.zone_s, zone.since_s)
    assert (known.is_known_at(NOW.timestamp()), known.is_known_at(NOW.timestamp() - 1)) == (True, False)


def test_times_of_a_recorder_that_was_always_right_are_known() -> None:
    zone = RecordingZone()
    zone.judge(NOW, NOW, None)
    assert ZoneOfTimes.learned(zone.zone_s, zone.since_s).is_known_at(0.0)


def test_a_named_zone_goes_on_over_the_change_of_the_clocks() -> None:
    zone, summer = RecordingZone(), datetime(2026, 10, 24, 12, tzinfo=UTC)
    for passed in (0 * MINUTE, MINUTE):
        zone.judge(summer + 2 * HOUR + passed, summer + passed, 7200.0, POSIX)
    assert (zone.zone_s, zone.name) == (7200.0, POSIX)
    winter = summer + DAY
    assert zone.judge(winter + HOUR, winter, 3600.0, POSIX) is Verdict.LOCAL, "no other look is needed"
    known = ZoneOfTimes.learned(zone.zone_s, zone.since_s, zone.name)
    assert [known.zone_s + known.shift_at(at.timestamp()) for at in (summer, winter)] == [7200.0, 3600.0]
    assert [known.is_known_at(at.timestamp()) for at in (summer - 100 * DAY, summer, winter)] == [True] * 3
    assert not known.is_known_at(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()), "the hour comes twice"


@pytest.mark.parametrize("name", ["CET+1CEST,M3.5.0,M10.5.0/3", "CET-1CEST", "garbage", "", "EST5EDT,M3.2.0,M11.1.0"])
def test_a_name_that_does_not_fit_the_devices_clocks_is_ignored(name: str) -> None:
    zone, summer = RecordingZone(), datetime(2026, 7, 1, 12, tzinfo=UTC)
    for passed in (0 * MINUTE, MINUTE):
        zone.judge(summer + 2 * HOUR + passed, summer + passed, 7200.0, name)
    assert (zone.zone_s, zone.name) == (7200.0, "")


def test_a_zone_without_summer_time_is_not_known_before_its_first_sight() -> None:
    """Many devices are set to the time of winter and of summer by hand."""
    known = ZoneOfTimes.learned(EAST_S, NOW.timestamp(), "CST-8")
    assert [known.is_known_at(NOW.timestamp() + at_s) for at_s in (-1, 1)] == [False, True]


def test_a_named_zone_ends_when_recordings_grow_at_the_present_time() -> None:
    zone = RecordingZone(3600.0, NOW.timestamp(), POSIX)
    for passed in (0 * MINUTE, MINUTE):
        zone.judge(NOW + passed, NOW + passed, None)
    assert (zone.zone_s, zone.name) == (0.0, "")


def _clocks(now: datetime) -> str:
    """Return an answer to GetSystemDateAndTime with UTC and a local time eight hours later."""

    def parts(name: str, moment: datetime) -> str:
        return (
            f"<tt:{name}><tt:Time><tt:Hour>{moment.hour}</tt:Hour><tt:Minute>{moment.minute}</tt:Minute>"
            f"<tt:Second>{moment.second}</tt:Second></tt:Time><tt:Date><tt:Year>{moment.year}</tt:Year>"
            f"<tt:Month>{moment.month}</tt:Month><tt:Day>{moment.day}</tt:Day></tt:Date></tt:{name}>"
        )

    return (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>"
        "<tt:TimeZone><tt:TZ>CST-8</tt:TZ></tt:TimeZone>"
        f"{parts('UTCDateTime', now)}{parts('LocalDateTime', now + 8 * HOUR)}"
        "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


def test_a_list_is_not_lost_if_the_time_cannot_be_asked(
    device: SoapDevice, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_recorder(device)
    device.answers["GetRecordingSearchResults"] = recordings(recording(last="2040-01-01T00:00:00Z"))
    conn = connect()
    conn.open()
    call = conn.call

    def call_until_the_password_changes(service: str, operation: str, *args: Any, **options: Any) -> Any:
        if operation == "GetSystemDateAndTime":
            raise CameraAuthFailed("The device refuses this user name or password.")
        return call(service, operation, *args, **options)

    monkeypatch.setattr(conn, "call", call_until_the_password_changes)
    found, _ = list_recordings(conn)
    assert len(found) == 1


def test_the_zone_of_recordings_is_learned_and_shown(device: SoapDevice, connect: Connect) -> None:
    clock = HandClock()
    make_recorder(device)
    device.login = "none"
    device.answers["GetSystemDateAndTime"] = lambda request: _clocks(clock.now_utc())
    device.answers["GetRecordingSearchResults"] = lambda request: recordings(
        recording(last=(clock.now_utc() + 8 * HOUR).strftime("%Y-%m-%dT%H:%M:%SZ"))
    )
    conn = connect(clock=clock)
    conn.open()
    outcomes = []
    for _ in range(2):
        list_recordings(conn)
        outcomes.append(next(check.outcome for check in conn.checks if check.name == "times of recordings"))
        clock.seconds += 90
    assert outcomes == ["unconfirmed", "repaired"]
    assert conn.learned.recording_zone_s == EAST_S
    since_s = conn.learned.recording_zone_since_s
    learned = LearnedAccess(recording_zone_s=EAST_S, recording_zone_since_s=since_s, recording_zone_name="CST-8")
    assert learned.recording_zone_since_s is not None
    assert connect(learned=learned).learned == learned
