"""The recordings: 30 days of each channel that is not dead, with gaps and motion that follow from a seed.

Times are seconds since 1970 by the device's clock. The same seed gives the same gaps and motion for the same day:

- every fourth channel (1, 5, 9, ...) lacks one whole hour each day, the others some minutes on some days;
- the whole recorder was off on the 9th and 10th day before its start;
- channel 11 stopped recording an hour before the start; all others have no gap from then on until six hours after it,
  so that a test finds live video in the archive at any time of day;
- thirty times a day there is motion for 5 to 90 s.

A make may cut a channel's time into several recordings (`Make.recording_hours`); each then ends where the next begins.
Or it may have a recording of each stream (`Make.records_sub`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

from simulator.clock import DeviceClock
from simulator.layout import ChannelSpec, Layout, Role
from simulator.makes import Make

KEPT_DAYS = 30
DAY_S = 86_400
HOUR_S = 3600
MOTIONS_A_DAY = 30
ENDED_CHANNEL = 11
_OFF_DAYS_AGO = (9, 10)
_WHOLE_BEFORE_S, _WHOLE_AFTER_S = HOUR_S, 6 * HOUR_S  # of the start

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Recording:
    """A container of tracks. `is_active`: it is still being written. `part`: token suffix, if a channel has several."""

    channel: ChannelSpec
    seed: int
    started_s: int
    earliest_s: float
    latest_s: float
    is_active: bool = True
    part: str = ""
    role: Role = "main"

    @property
    def token(self) -> str:
        return f"Record{self.channel.profile_token(self.role)}{self.part}"

    @property
    def earliest(self) -> datetime:
        return datetime.fromtimestamp(self.earliest_s, UTC)

    @property
    def latest(self) -> datetime:
        return datetime.fromtimestamp(self.latest_s, UTC)

    def tracks(self) -> list[tuple[str, str]]:
        """Token and type of each track."""
        number = self.channel.number - 1
        found = [(f"VideoTrack{number:03d}", "Video")]
        return [*found, (f"AudioTrack{number:03d}", "Audio")] if self.channel.audio else found

    def spans(self, start_s: float, end_s: float) -> list[Interval]:
        """The spans with data in [start_s, end_s): sorted, not adjacent, cut off at the window."""
        found: list[Interval] = []
        for day in _days(start_s, end_s):
            at = float(day * DAY_S)
            for begin, until in (*_gaps(self.seed, self.channel.number, day, self.started_s), (at + DAY_S, at)):
                part = (max(at, start_s, self.earliest_s), min(begin, end_s, self.latest_s))
                if part[0] < part[1]:
                    if found and found[-1][1] == part[0]:
                        part = (found.pop()[0], part[1])
                    found.append(part)
                at = until
        return found

    def span_at(self, moment_s: float) -> Interval | None:
        """The span at a moment, otherwise the next one; None after the last. It is cut off a day around the moment."""
        at = max(moment_s, self.earliest_s)
        while at < self.latest_s:
            found = [span for span in self.spans(at - DAY_S, at + DAY_S) if span[1] > at]
            if found:
                return found[0]
            at += DAY_S
        return None

    def motion(self, start_s: float, end_s: float) -> list[Interval]:
        """Start and end of each motion that began in [start_s, end_s)."""
        kept = self.spans(start_s - HOUR_S, end_s + HOUR_S)
        return [
            (begin, until)
            for day in _days(start_s, end_s)
            for begin, until in _motion(self.seed, self.channel.number, day)
            if start_s <= begin < end_s and any(first <= begin and until <= last for first, last in kept)
        ]

    def changes(self, start_s: float, end_s: float) -> list[tuple[float, bool]]:
        """The moments in [start_s, end_s] at which data begins (True) or ends (False).

        The present end of a recording that is still being written is no such moment.
        """
        found: list[tuple[float, bool]] = []
        for begin, until in self.spans(start_s - 1, end_s + 1):
            found += [(at, state) for at, state in ((begin, True), (until, False)) if start_s <= at <= end_s]
        is_now = not self.is_active or end_s < self.latest_s
        return [change for change in found if change[1] or is_now or change[0] < self.latest_s]

    def has_data(self, moment_s: float) -> bool:
        return bool(self.spans(moment_s - 0.001, moment_s))

    def cut(self, hours: int) -> Iterator[Recording]:
        """The recording cut into recordings of so many hours; those without data are left out."""
        length_s = hours * HOUR_S
        at = self.earliest_s // length_s * length_s
        while at < self.latest_s:
            begin, end = max(at, self.earliest_s), min(at + length_s, self.latest_s)
            part = datetime.fromtimestamp(at, UTC).strftime("_%Y%m%d%H")
            is_active = self.is_active and end == self.latest_s
            piece = replace(self, earliest_s=begin, latest_s=end, is_active=is_active, part=part)
            if piece.spans(begin, end):
                yield piece
            at += length_s


def _days(start_s: float, end_s: float) -> Iterator[int]:
    yield from range(int(start_s // DAY_S), int(end_s // DAY_S) + 1)


@lru_cache(maxsize=4096)
def _gaps(seed: int, channel: int, day: int, started_s: int) -> tuple[Interval, ...]:
    """The gaps of a day, sorted, cut off at the day."""
    begin = float(day * DAY_S)
    if started_s // DAY_S - day in _OFF_DAYS_AGO:
        return ((begin, begin + DAY_S),)
    whole = (started_s - _WHOLE_BEFORE_S, started_s + _WHOLE_AFTER_S)
    return tuple(gap for gap in _seeded_gaps(seed, channel, day) if gap[1] <= whole[0] or whole[1] <= gap[0])


def _seeded_gaps(seed: int, channel: int, day: int) -> tuple[Interval, ...]:
    begin = float(day * DAY_S)
    rng = random.Random(f"gaps/{seed}/{channel}/{day}")
    if channel % 4 == 1:
        hour = begin + rng.randrange(1, 23) * HOUR_S
        return ((hour, hour + HOUR_S),)
    if rng.random() > 0.4:
        return ()
    at = begin + rng.randrange(600, DAY_S - HOUR_S)
    return ((at, at + rng.randrange(60, 2400)),)


@lru_cache(maxsize=4096)
def _motion(seed: int, channel: int, day: int) -> tuple[Interval, ...]:
    rng = random.Random(f"motion/{seed}/{channel}/{day}")
    begins = sorted(rng.randrange(DAY_S // 120) * 120 + rng.randrange(20) for _ in range(MOTIONS_A_DAY))
    return tuple((float(day * DAY_S + at), float(day * DAY_S + at + rng.randrange(5, 90))) for at in begins)


class Archive:
    """The recordings of all channels, as they are at the moment of the call."""

    def __init__(self, layout: Layout, make: Make, clock: DeviceClock, *, seed: int) -> None:
        self._layout, self._make, self._clock, self._seed = layout, make, clock, seed

    def recordings(self) -> list[Recording]:
        """All recordings, as the make cuts them."""
        hours = self._make.recording_hours
        found = self.channels()
        if self._make.records_sub:  # the sub stream first: a client must not rely on the order
            found = [each for kept in found for each in (replace(kept, role="sub"), kept)]
        return [piece for kept in found for piece in (kept.cut(hours) if hours else (kept,))]

    def channels(self) -> list[Recording]:
        """All that each channel has recorded, as one recording.

        Times are whole seconds, so that the catalogue does not change between two requests of a client.
        """
        if not self._make.has_profile_g:
            return []
        started_s = int(self._clock.started_s + self._clock.epoch_s() - datetime.now(UTC).timestamp())
        now_s = float(int(self._clock.epoch_s()))
        found = []
        for channel in self._layout:
            if not channel.dead:
                is_ended = channel.number == ENDED_CHANNEL
                found.append(
                    Recording(
                        channel=channel,
                        seed=self._seed,
                        started_s=started_s,
                        earliest_s=float(started_s - KEPT_DAYS * DAY_S),
                        latest_s=float(started_s - HOUR_S) if is_ended else now_s,
                        is_active=not is_ended,
                    )
                )
        return found

    def find(self, token: str) -> Recording | None:
        """A recording by its token."""
        return next((recording for recording in self.recordings() if recording.token == token), None)

    def find_named(self, number: int, token: str | None) -> Recording | None:
        """The recording that a replay URL names. Makes with one recording a channel ignore the token."""
        if token is not None and (self._make.recording_hours or self._make.records_sub):
            return self.find(token)
        return self.find_channel(number)

    def find_channel(self, number: int) -> Recording | None:
        """All that a channel has recorded."""
        return next((recording for recording in self.channels() if recording.channel.number == number), None)
