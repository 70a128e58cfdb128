"""The bytes per day that each recorded stream brings, measured from the index."""

from __future__ import annotations

import threading
from collections.abc import Container, Mapping
from dataclasses import replace

from archive.forecast import DAY_MS, inflow_window_ms
from archive.index import ArchiveIndex
from archive.index_sums import Place, bytes_since, ends_of_places
from archive.records import to_ms
from archive.rules import RuleStore
from core.archive import RecordingMode, StreamKey
from core.clock import Clock

_FRESH_S = 300.0
_NEW_FRESH_S = 10.0
_NEW_MS = 3_600_000


class Inflow:
    """Measures every five minutes, because a week of 64 cameras takes 10 ms of CPU. Thread-safe.

    While a stream is younger than an hour, or there is none, it measures every ten seconds.
    """

    def __init__(self, index: ArchiveIndex, rules: RuleStore, clock: Clock) -> None:
        self._index = index
        self._rules = rules
        self._clock = clock
        self._lock = threading.Lock()
        self._measured: Mapping[Place, float] = {}
        self._fresh_until_s = float("-inf")

    def bytes_per_day(self) -> dict[Place, float]:
        """Return the rates by stream and volume, of the streams that the rules record at present."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            if now_s >= self._fresh_until_s:
                self._measured, is_new = self._measure()
                self._fresh_until_s = now_s + (_NEW_FRESH_S if is_new else _FRESH_S)
            measured = self._measured
        streams = {stream for stream, _ in measured}
        return {place: rate for place, rate in measured.items() if self._is_recorded(place[0], streams)}

    def total_bytes_per_day(self) -> float:
        """Return the rate of all streams together."""
        return sum(self.bytes_per_day().values())

    def _measure(self) -> tuple[dict[Place, float], bool]:
        """Return the rates, and True if a stream is new."""
        now_ms = to_ms(self._clock.now_utc())
        oldest_ms: dict[StreamKey, int] = {}
        with self._index.read() as db:
            for (stream, _), ends in ends_of_places(db).items():
                oldest_ms[stream] = min(ends.oldest_ms, oldest_ms.get(stream, ends.oldest_ms))
            windows_ms = {stream: inflow_window_ms(begin_ms, now_ms) for stream, begin_ms in oldest_ms.items()}
            sums = bytes_since(db, {stream: now_ms - window_ms for stream, window_ms in windows_ms.items()})
        rates = {place: size_bytes * DAY_MS / windows_ms[place[0]] for place, size_bytes in sums.items()}
        return rates, min(windows_ms.values(), default=0) < _NEW_MS

    def _is_recorded(self, stream: StreamKey, streams: Container[StreamKey]) -> bool:
        """A channel without a sub stream is recorded by its main stream, whatever its rule says."""
        rule = self._rules.rule(stream.camera_id, stream.channel)
        if rule.mode is RecordingMode.OFF:
            return False
        wanted = [replace(stream, quality=quality) for quality in rule.qualities]
        return stream in wanted or not any(other in streams for other in wanted)
