"""The bytes per day that each recorded stream brings, measured from the index."""

from __future__ import annotations

import threading
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from archive.expected_inflow import ExpectedInflow
from archive.forecast import DAY_MS, WEEK_MS, inflow_window_ms
from archive.index import ArchiveIndex
from archive.index_sums import Place, bytes_since, ends_of_places, restarts
from archive.records import to_ms
from archive.rules import RuleStore
from core.archive import RecordingMode, StreamKey
from core.clock import Clock
from onvif_manager import OnvifManager

_FRESH_S = 300.0
_NEW_FRESH_S = 10.0
_NEW_MS = 3_600_000


class Inflow:
    """Measures every five minutes, because a week of 64 cameras takes 10 ms of CPU. Thread-safe.

    While a stream is younger than an hour, or there is none, it measures every ten seconds. In the first day of a
    stream, also after it was not recorded for a day, the bit rate that the camera is set to counts if that is more.
    """

    def __init__(self, index: ArchiveIndex, rules: RuleStore, clock: Clock, cameras: OnvifManager) -> None:
        self._index = index
        self._rules = rules
        self._clock = clock
        self._expected = ExpectedInflow(cameras)
        self._lock = threading.Lock()
        self._measured: Mapping[Place, float] = {}
        self._new: frozenset[StreamKey] = frozenset()  # streams that are measured over less than a day
        self._fresh_until_s = float("-inf")

    def bytes_per_day(self, new_volume_id: int = 0) -> dict[Place, float]:
        """Return the rates by stream and volume, of the streams that the rules record at present.

        `new_volume_id`: the volume of new files. It gets the streams that have no file yet, unless it is 0.
        """
        with self._lock:
            now_s = self._clock.monotonic_s()
            if now_s >= self._fresh_until_s:
                self._measured, self._new, is_new = self._measure()
                self._fresh_until_s = now_s + (_NEW_FRESH_S if is_new else _FRESH_S)
            measured, new = self._measured, self._new
        streams = {stream for stream, _ in measured}
        found = {place: rate for place, rate in measured.items() if self._is_recorded(place[0], streams)}
        for (camera_id, channel), rule in self._rules.rules().items():
            for stream, rate in self._expected.of_rule(camera_id, channel, rule).items():
                if stream in new:
                    _raise_to(found, [place for place in found if place[0] == stream], rate)
                elif stream not in streams and new_volume_id:
                    found[stream, new_volume_id] = rate
        return found

    def total_bytes_per_day(self) -> float:
        """Return the rate of all streams together."""
        return sum(self.bytes_per_day().values())

    def _measure(self) -> tuple[dict[Place, float], frozenset[StreamKey], bool]:
        """Return the rates, the streams that are measured over less than a day, and True if one is younger than an
        hour."""
        now_ms = to_ms(self._clock.now_utc())
        oldest_ms: dict[StreamKey, int] = {}
        with self._index.read() as db:
            for (stream, _), ends in ends_of_places(db).items():
                oldest_ms[stream] = min(ends.oldest_ms, oldest_ms.get(stream, ends.oldest_ms))
            restarts_ms = restarts(db, now_ms - WEEK_MS, DAY_MS)
            windows_ms = {
                stream: inflow_window_ms(max(begin_ms, restarts_ms.get(stream, begin_ms)), now_ms)
                for stream, begin_ms in oldest_ms.items()
            }
            sums = bytes_since(db, {stream: now_ms - window_ms for stream, window_ms in windows_ms.items()})
        rates = {place: size_bytes * DAY_MS / windows_ms[place[0]] for place, size_bytes in sums.items()}
        new = frozenset(stream for stream, window_ms in windows_ms.items() if window_ms < DAY_MS)
        return rates, new, min(windows_ms.values(), default=0) < _NEW_MS

    def _is_recorded(self, stream: StreamKey, streams: Container[StreamKey]) -> bool:
        """A channel without a sub stream is recorded by its main stream, whatever its rule says."""
        rule = self._rules.rule(stream.camera_id, stream.channel)
        if rule.mode is RecordingMode.OFF:
            return False
        wanted = [replace(stream, quality=quality) for quality in rule.qualities]
        return stream in wanted or not any(other in streams for other in wanted)


def _raise_to(rates: dict[Place, float], places: Sequence[Place], rate: float) -> None:
    """Raise the rates of a stream's places so that their sum is at least `rate`."""
    missing = rate - sum(rates[place] for place in places)
    if places and missing > 0:
        rates[places[-1]] += missing
