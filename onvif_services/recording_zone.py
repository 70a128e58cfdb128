"""The time zone in a recorder's times of recordings: some firmware writes local time there and marks it as UTC.

Such a recorder tells both its local time and UTC, and its newest recording lies in the future by the difference; west
of UTC in the past. Both must be so twice, and the recording must have grown by the time in between, which tells it from
one that has stopped. Otherwise the times are left as they are: a recorder that is right must not be moved.

A device that names its zone with its summer time (POSIX TZ) tells the difference to UTC of all times, not only of now.

A known zone ends likewise: a recorder of motion has an old recording that seems to end now, one zone after its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from core.zones import has_changes, is_zone, zone_offset_s
from onvif_services.device import quarter_hours_s

_NEAR = timedelta(seconds=120)
_FUTURE = timedelta(seconds=300)
_LEAST_GROWTH = timedelta(seconds=30)
_GROWTH_DIFFERS = timedelta(seconds=60)


class Verdict(Enum):
    """The meaning of the newest recording for the times of all."""

    UTC = "they are UTC"
    LOCAL = "they are local times, marked as UTC"
    DOUBTFUL = "the newest recording lies in the future"
    NOTHING = "nothing"


def may_be_local(newest: datetime, now_utc: datetime) -> bool:
    """True for a newest recording that lies in the future, or in the past by what looks like a zone."""
    return is_future(newest, now_utc) or quarter_hours_s((newest - now_utc).total_seconds()) < 0


def is_future(newest: datetime, now_utc: datetime) -> bool:
    """True for a newest recording that cannot be right."""
    return newest - now_utc > _FUTURE


@dataclass(frozen=True, slots=True)
class _Sight:
    """The device's time and its newest recording, at one look."""

    now_utc: datetime
    newest: datetime

    def has_grown(self, newest: datetime, now_utc: datetime) -> bool:
        """True if the newest recording has grown by the time that has passed since."""
        passed, growth = now_utc - self.now_utc, newest - self.newest
        return growth >= _LEAST_GROWTH and abs(growth - passed) <= _GROWTH_DIFFERS


@dataclass(slots=True)
class RecordingZone:
    """`zone_s`: the seconds to take off the times of recordings to get UTC by the device's clock.

    `since_s`: the first sight of this zone by the device's clock, in seconds since 1970; None if it is not known, or if
    the device's zone has changed, or if the times were always UTC. Earlier recordings may have another zone: a device
    tells its present one only. `name`: of the zone, as the device told it, if that fits (core.zones); otherwise empty.
    """

    zone_s: float = 0.0
    since_s: float | None = None
    name: str = ""
    _seen: _Sight | None = None  # the first one in the future
    _seen_now: _Sight | None = None  # the first one at the present time, while a zone is known

    def present_s(self, now_utc: datetime) -> float:
        """Return the seconds to take off the times of recordings of now."""
        if self.zone_s and has_changes(self.name):
            return zone_offset_s(self.name, now_utc.timestamp())
        return self.zone_s

    def judge(self, newest: datetime, now_utc: datetime, zone_s: float | None, name: str = "") -> Verdict:
        """Judge by the newest time of a recording and the device's UTC.

        `zone_s`: local time minus UTC, if known. `name`: of the zone, as the device tells it.
        """
        ahead = newest - now_utc
        if abs(ahead) <= _NEAR:
            self._seen = None
            return self._judge_present(newest, now_utc)
        if not may_be_local(newest, now_utc):
            return Verdict.NOTHING
        doubt = Verdict.DOUBTFUL if is_future(newest, now_utc) else Verdict.NOTHING
        present_s = self.present_s(now_utc)
        if present_s and zone_s is not None and zone_s != present_s:
            self.since_s, self.name = None, ""
        if not zone_s or abs(ahead - timedelta(seconds=zone_s)) > _NEAR:
            self._seen = None
            return doubt
        if present_s == zone_s or (self._seen and self._seen.has_grown(newest, now_utc)):
            if present_s != zone_s or self.since_s is None:
                self.since_s = (self._seen.now_utc if self._seen else now_utc).timestamp()
            self.zone_s, self._seen, self._seen_now = zone_s, None, None
            self.name = name if is_zone(name) and zone_offset_s(name, now_utc.timestamp()) == zone_s else ""
            return Verdict.LOCAL
        self._seen = self._seen or _Sight(now_utc, newest)
        return doubt

    def _judge_present(self, newest: datetime, now_utc: datetime) -> Verdict:
        """Judge a newest recording that ends now. A recording of after the first sight would not, with the zone."""
        zone = timedelta(seconds=abs(self.present_s(now_utc)))
        if self._seen_now and now_utc - self._seen_now.now_utc > zone - 2 * _NEAR:
            self._seen_now = None
        if not self.zone_s:
            return Verdict.UTC
        if self._seen_now and self._seen_now.has_grown(newest, now_utc):
            self.zone_s, self.since_s, self._seen_now = 0.0, self._seen_now.now_utc.timestamp(), None
            self.name = ""
            return Verdict.UTC
        self._seen_now = self._seen_now or _Sight(now_utc, newest)
        return Verdict.NOTHING
