"""Rates and losses of a source: averages over the last seconds, cheap enough to count every packet."""

from __future__ import annotations

from collections import deque

_KEPT_S = 5.0
_LARGEST_GAP = 1000
_RECENT = 100  # packets that are recognized when they come late or twice (MAX_MISORDER, RFC 3550 appendix A.1)


class _SequenceNumbers:
    """The sequence numbers of one track."""

    def __init__(self, first: int) -> None:
        self._expected = first
        self._recent: deque[tuple[int, int]] = deque(maxlen=_RECENT)
        self._missing = deque(((first - back) & 0xFFFF for back in range(_RECENT, 0, -1)), _RECENT)

    def take(self, sequence: int, timestamp: int) -> int | None:
        """Return the number of packets missing before this one. None if it came before, or was counted as missing."""
        missing = (sequence - self._expected) & 0xFFFF
        if missing > _LARGEST_GAP:
            if sequence in self._missing or (sequence, timestamp) in self._recent:
                return None
            self._missing.clear()  # the device restarted its numbers
            missing = 0
        elif missing:
            self._missing.extend((sequence - back) & 0xFFFF for back in range(min(missing, _RECENT), 0, -1))
        self._recent.append((sequence, timestamp))
        self._expected = (sequence + 1) & 0xFFFF
        return missing


class FlowStatistics:
    """Call count() for each packet and tick() twice a second. The results may be read from any thread."""

    def __init__(self, now_s: float) -> None:
        self.packets = 0
        self.lost = 0
        self.bitrate_kbps: int | None = None
        self.fps: float | None = None
        self.key_frame_interval_s: float | None = None
        self._payload_bytes = 0
        self._frames = 0
        self._numbers: dict[int, _SequenceNumbers] = {}
        self._last_key_s: float | None = None
        self._samples: deque[tuple[float, int, int]] = deque([(now_s, 0, 0)])

    def count(self, track: int, sequence: int, timestamp: int, payload_bytes: int) -> int | None:
        """Count a packet, and return the number of packets missing between it and the one before on its track.

        None if it comes a second time, or after later ones: then it must not be passed on.
        """
        self.packets += 1
        self._payload_bytes += payload_bytes
        numbers = self._numbers.get(track)
        if numbers is None:
            numbers = self._numbers[track] = _SequenceNumbers(sequence)
        missing = numbers.take(sequence, timestamp)
        self.lost += missing or 0
        return missing

    def count_frame(self) -> None:
        self._frames += 1

    def count_key_frame(self, time_s: float) -> None:
        if self._last_key_s is not None and 0 < time_s - self._last_key_s < 600:
            self.key_frame_interval_s = round(time_s - self._last_key_s, 3)
        self._last_key_s = time_s

    def tick(self, now_s: float) -> None:
        oldest_s, oldest_bytes, oldest_frames = self._samples[0]
        elapsed_s = now_s - oldest_s
        if elapsed_s >= 0.4:
            self.bitrate_kbps = round((self._payload_bytes - oldest_bytes) * 8 / elapsed_s / 1000)
            self.fps = round((self._frames - oldest_frames) / elapsed_s, 1)
        self._samples.append((now_s, self._payload_bytes, self._frames))
        while len(self._samples) > 2 and now_s - self._samples[1][0] >= _KEPT_S:
            self._samples.popleft()
