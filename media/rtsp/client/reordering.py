"""Puts the RTP packets of one UDP track into order, with a small bounded delay, and counts losses (RFC 3550)."""

from __future__ import annotations

_MAX_HELD = 256
_MAX_STEP = 3000  # numbers; a larger step is a restart of the sender (RFC 3550 appendix A.1, MAX_DROPOUT)


class ReorderBuffer:
    """Numbers are extended beyond 16 bits. A packet waits at most `delay_s` for those before it.

    `lost` counts packets that never came in time, `reordered` those that came after a later one, `duplicates` and
    `late` those that were dropped.
    """

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._next: int | None = None  # the number that is due
        self._held: dict[int, tuple[bytes, float]] = {}
        self._highest = 0
        self.received = 0
        self.lost = 0
        self.reordered = 0
        self.duplicates = 0
        self.late = 0

    @property
    def is_holding(self) -> bool:
        """True while packets wait for an earlier one."""
        return bool(self._held)

    def push(self, packet: bytes, now_s: float) -> list[bytes]:
        """Take a packet of at least 12 bytes; return those that are in order now."""
        number = self._extended(packet[2] << 8 | packet[3])
        self.received += 1
        if self._next is None:
            self._next = self._highest = number
        if abs(number - self._highest) > _MAX_STEP:
            ready = self._release_all()
            self._next = self._highest = number
            return [*ready, *self._take(number, packet, now_s)]
        if number < self._next:
            self.late += 1
            return []
        if number in self._held:
            self.duplicates += 1
            return []
        return self._take(number, packet, now_s)

    def flush(self, now_s: float) -> list[bytes]:
        """Return the packets that have waited long enough, and those after them."""
        ready: list[bytes] = []
        while self._held and now_s - min(arrived_s for _, arrived_s in self._held.values()) >= self._delay_s:
            self._skip_to_first_held()
            ready += self._run()
        return ready

    def _take(self, number: int, packet: bytes, now_s: float) -> list[bytes]:
        if number < self._highest:
            self.reordered += 1
        self._highest = max(self._highest, number)
        if number == self._next and not self._held:  # nearly always
            self._next = number + 1
            return [packet]
        self._held[number] = (packet, now_s)
        if len(self._held) > _MAX_HELD:
            self._skip_to_first_held()
        return self._run()

    def _run(self) -> list[bytes]:
        """Return the held packets from the due one up to the next gap."""
        ready: list[bytes] = []
        while self._next is not None and self._next in self._held:
            ready.append(self._held.pop(self._next)[0])
            self._next += 1
        return ready

    def _skip_to_first_held(self) -> None:
        first = min(self._held)
        if self._next is not None:
            self.lost += first - self._next
        self._next = first

    def _release_all(self) -> list[bytes]:
        ready = [self._held[number][0] for number in sorted(self._held)]
        self._held.clear()
        return ready

    def _extended(self, sequence: int) -> int:
        """Return the number nearest to the highest one that ends in these 16 bits."""
        return self._highest + ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
