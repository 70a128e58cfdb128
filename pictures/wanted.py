"""The pictures that requests want of one camera, and the order in which they are made.

A picture under the pointer comes first, then every sixteenth of a grid, then the others in runs. Channels whose key
frames give no picture come last. A request lasts two seconds after its last repetition.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from core.clock import Clock

WANTED_S = 2.0
_COARSE = 16
_COARSE_BATCH = 8
_MOST_HOLES = 2  # times between two of a run that need no picture
_MISSING_S = 600.0
_NEW_MISSING_S = 15.0  # of a time that may not be on the recorder's disk yet
_NEW_S = 120.0


@dataclass(frozen=True, slots=True)
class WantedPicture:
    """A time of a channel. `step_s` is the grid's; 0 for a single picture."""

    channel: int
    recording_token: str
    time_s: int
    step_s: int

    @property
    def key(self) -> tuple[int, int]:
        return self.channel, self.time_s


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures of one recording to make now, in order of time, with few holes.

    `step_s`: their distance, of a grid or of every sixteenth of its times; 0 for a single picture.
    """

    channel: int
    recording_token: str
    step_s: int
    times: tuple[int, ...]
    is_urgent: bool = False


class WantedPictures:
    """Safe between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wanted: dict[tuple[int, int], tuple[WantedPicture, float]] = {}  # with the time of its end
        self._missing: dict[tuple[int, int], float] = {}  # until when
        self._last: set[int] = set()  # channels

    def want(self, pictures: Iterable[WantedPicture]) -> None:
        """Want these pictures for two more seconds, except those that were found missing a short while ago."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            for picture in pictures:
                if self._missing.get(picture.key, 0.0) > now_s:
                    continue
                old = self._wanted.get(picture.key)
                is_urgent = old is not None and old[0].step_s == 0 and old[1] > now_s
                self._wanted[picture.key] = (old[0] if old is not None and is_urgent else picture, now_s + WANTED_S)

    def is_missing(self, channel: int, time_s: int) -> bool:
        """True if the device has recently given no picture of this time."""
        with self._lock:
            return self._missing.get((channel, time_s), 0.0) > self._clock.monotonic_s()

    def is_wanted(self, channel: int, time_s: int) -> bool:
        with self._lock:
            return self._is_wanted((channel, time_s), self._clock.monotonic_s())

    def has_any(self) -> bool:
        with self._lock:
            now_s = self._clock.monotonic_s()
            return any(until_s > now_s for _, until_s in self._wanted.values())

    def has_urgent(self) -> bool:
        """True if a single picture is wanted, of a channel that is in turn."""
        with self._lock:
            return any(picture.step_s == 0 for picture, _ in self._in_turn())

    def is_in_turn(self, channel: int) -> bool:
        """False for a channel that is put last while pictures of others are wanted."""
        with self._lock:
            return channel not in self._last or all(it.channel in self._last for it, _ in self._in_turn())

    def put_last(self, channel: int, *, is_last: bool) -> None:
        """Make a channel's pictures after those of all others, or in the usual order again."""
        with self._lock:
            if is_last:
                self._last.add(channel)
            else:
                self._last.discard(channel)

    def made(self, channel: int, time_s: int) -> None:
        """The picture is in the cache."""
        with self._lock:
            self._wanted.pop((channel, time_s), None)

    def forget(self, channel: int) -> None:
        """Want no more pictures of a channel."""
        with self._lock:
            self._wanted = {key: item for key, item in self._wanted.items() if key[0] != channel}

    def missed(self, channel: int, time_s: int) -> None:
        """The device gives no picture of this time."""
        with self._lock:
            self._wanted.pop((channel, time_s), None)
            is_new = self._clock.now_utc().timestamp() - time_s < _NEW_S
            now_s = self._clock.monotonic_s()
            if len(self._missing) > 10_000:
                self._missing = {key: until_s for key, until_s in self._missing.items() if until_s > now_s}
            self._missing[channel, time_s] = now_s + (_NEW_MISSING_S if is_new else _MISSING_S)

    def next_batch(self, most: int, *, is_coarse_first: bool = True) -> Batch | None:
        """Return what to make next, at most `most` times of a run; None if nothing is wanted.

        Without `is_coarse_first` a grid is made in one go, for recorders that need a new session for each place.
        """
        with self._lock:
            items = self._in_turn()
            wanted = [picture for picture, _ in items]
            newest = max((until_s for _, until_s in items), default=0.0)
            urgent = [picture for picture in wanted if picture.step_s == 0]
            if urgent:
                last = urgent[-1]
                return Batch(last.channel, last.recording_token, 0, (last.time_s,), is_urgent=True)
            first = next((it for it, until_s in items if until_s == newest), None)
            if first is None:
                return None
            grid = sorted(
                it.time_s
                for it in wanted
                if (it.channel, it.recording_token, it.step_s) == (first.channel, first.recording_token, first.step_s)
            )
        coarse = [time_s for time_s in grid if time_s % (_COARSE * first.step_s) == 0] if is_coarse_first else []
        if coarse:
            step_s = _COARSE * first.step_s
            return Batch(first.channel, first.recording_token, step_s, _first_run(coarse, step_s, _COARSE_BATCH))
        run = _first_run(grid, first.step_s, most)
        return Batch(first.channel, first.recording_token, first.step_s, run)

    def _in_turn(self) -> list[tuple[WantedPicture, float]]:
        """Return the requests of all channels but the last ones; those of the last ones if there are no others."""
        now_s = self._clock.monotonic_s()
        self._wanted = {key: item for key, item in self._wanted.items() if item[1] > now_s}
        items = list(self._wanted.values())
        return [item for item in items if item[0].channel not in self._last] or items

    def _is_wanted(self, key: tuple[int, int], now_s: float) -> bool:
        item = self._wanted.get(key)
        return item is not None and item[1] > now_s


def _first_run(times: list[int], step_s: int, most: int) -> tuple[int, ...]:
    """Return the times up to the first large hole, at most so many."""
    run = [times[0]]
    for time_s in times[1:most]:
        if time_s - run[-1] > (_MOST_HOLES + 1) * step_s:
            break
        run.append(time_s)
    return tuple(run)
