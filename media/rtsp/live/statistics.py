"""Rates and losses of a source: averages over the last seconds, cheap enough to count every packet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from media.rtsp.client.rtp import RtpPacket, SequenceNumbers

_KEPT_S = 5.0


class FlowStatistics:
    """Call count() for packets, count_missing() for each datagram, and tick() twice a second.

    The results may be read from any thread.
    """

    def __init__(self, now_s: float) -> None:
        self.packets = 0
        self.lost = 0
        self.bitrate_kbps: int | None = None
        self.fps: float | None = None
        self.key_frame_interval_s: float | None = None
        self._payload_bytes = 0
        self._frames = 0
        self._numbers: dict[int, SequenceNumbers] = {}
        self._last_key_s: float | None = None
        self._samples: deque[tuple[float, int, int]] = deque([(now_s, 0, 0)])

    def count(self, packets: Iterable[RtpPacket]) -> None:
        for packet in packets:
            self.packets += 1
            self._payload_bytes += len(packet.payload)
            if packet.more:
                self.packets += len(packet.more)
                self._payload_bytes += sum(map(len, packet.more))

    def count_missing(self, track: int, sequence: int, timestamp: int) -> int | None:
        """Return the number of datagrams missing between this packet and the one before on its track, and count them.

        None if it comes a second time, or after later ones: then it must not be passed on.
        """
        numbers = self._numbers.get(track)
        if numbers is None:
            numbers = self._numbers[track] = SequenceNumbers(sequence)
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
