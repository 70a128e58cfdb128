"""How fast a source flows: averages over the last seconds, cheap enough to count every packet."""

from __future__ import annotations

from collections import deque

_KEPT_S = 5.0
_LARGEST_GAP = 1000


class FlowStatistics:
    """Counted in batches; tick() twice a second. Read from any thread."""

    def __init__(self, now_s: float) -> None:
        self.packets = 0
        self.lost = 0
        self.bitrate_kbps: int | None = None
        self.fps: float | None = None
        self.key_frame_interval_s: float | None = None
        self._payload_bytes = 0
        self._frames = 0
        self._sequences: dict[int, int] = {}
        self._last_key_s: float | None = None
        self._samples: deque[tuple[float, int, int]] = deque([(now_s, 0, 0)])

    def count(self, track: int, sequence: int, payload_bytes: int) -> int:
        """One packet. Returns how many are missing between it and the one before it on its track."""
        self.packets += 1
        self._payload_bytes += payload_bytes
        expected = self._sequences.get(track, sequence)
        self._sequences[track] = (sequence + 1) & 0xFFFF
        missing = (sequence - expected) & 0xFFFF
        if missing == 0 or missing > _LARGEST_GAP:  # as expected; or the device began to count anew
            return 0
        self.lost += missing
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
