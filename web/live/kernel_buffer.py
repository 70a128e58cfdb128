"""The bytes that the kernel holds for the reader of one socket: unsent ones, and those under way."""

from __future__ import annotations

import array
import contextlib
import fcntl
import socket
import struct
import sys
import termios
from functools import lru_cache
from pathlib import Path

_SIOCOUTQNSD = 0x894B  # <linux/sockios.h>; Python has no name for it
_MIN_RTT_AT = 148  # in struct tcp_info of <linux/tcp.h>: shortest round trip, in µs
_LONGEST_ROUND_TRIP_S = 10.0
_UNSENT_BYTES = 32 * 1024
_LATE_UNSENT_BYTES = 16 * 1024
_HELD_BYTES = 64 * 1024
_LEAST_HELD_BYTES = 32 * 1024
_CARRIED_BYTES_PER_S = 4_000_000  # the limit of held bytes lets every path carry as much, whatever its round trip
_SPARE = 1.5  # of the link's throughput. The kernel's own structures are part of the held bytes
_QUEUE_S = 0.15  # of the link's throughput, for a link with a short round trip


class KernelBuffer:
    """Limits the bytes that the kernel holds: they cannot be dropped, and reports wait behind them.

    After a drop from 20 Mbit/s to 350 kbit/s the kernel held 216 kB: unsent lumps of up to 64 kB, and more bytes under
    way than the new link carries in three seconds. A caller that writes at most `space()` bytes at a time stays within
    the limits, and the kernel tells (EPOLLOUT) when there is space again.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._unsent_limit = _UNSENT_BYTES
        self._held_limit: int | None = None
        self._counted = array.array("i", [0])

    def fit(self, bytes_per_s: float | None, *, is_late: bool) -> None:
        """Set the limits for a link of this throughput (None: unknown), and for a reader that is too slow."""
        unsent_limit = _LATE_UNSENT_BYTES if is_late else _UNSENT_BYTES
        held_limit = _held_limit(bytes_per_s, self._shortest_round_trip_s())
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, unsent_limit)
            self._unsent_limit = unsent_limit
            most = 2 * _most_send_buffer()
            if held_limit > most and self._held_limit is None:
                return  # the kernel would cut the limit, and end its own tuning: a long path would carry too little
            held_limit = min(held_limit, most)
            if held_limit != self._held_limit:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, held_limit // 2)  # the kernel doubles it
                self._held_limit = held_limit

    def space(self) -> int:
        """Return a number of bytes that the kernel may take now; 0 or less if it has none.

        One call of the kernel, unless much is under way: a hundred viewers ask 2500 times a second.
        """
        held = self.held_bytes()
        if held < self._unsent_limit:
            return self._unsent_limit - held
        space = self._unsent_limit - self.unsent_bytes()
        return space if self._held_limit is None else min(space, self._held_limit - held)

    def unsent_bytes(self) -> int:
        """Return 0 where the kernel does not tell."""
        return self._count(_SIOCOUTQNSD)

    def held_bytes(self) -> int:
        """Return the bytes that are unsent or not acknowledged (tcp(7), SIOCOUTQ); 0 where the kernel does not tell."""
        return self._count(termios.TIOCOUTQ)

    def _count(self, request: int) -> int:
        try:
            fcntl.ioctl(self._sock, request, self._counted)
        except (OSError, ValueError):  # ValueError: the socket is closed
            return 0
        return self._counted[0]

    def _shortest_round_trip_s(self) -> float:
        """Return 0 where the kernel does not tell, or has measured none yet (2^32-1 microseconds)."""
        if sys.platform != "linux":  # other systems have another structure, or none
            return 0.0
        try:
            info = self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _MIN_RTT_AT + 4)
            round_trip_s = float(struct.unpack_from("=I", info, _MIN_RTT_AT)[0]) / 1e6
        except (OSError, struct.error):
            return 0.0
        return round_trip_s if round_trip_s < _LONGEST_ROUND_TRIP_S else 0.0


@lru_cache(maxsize=1)
def _most_send_buffer() -> int:
    """Return the most that SO_SNDBUF accepts, in bytes: 4 MB since Linux 6.17, before it 208 kB."""
    try:
        return int(Path("/proc/sys/net/core/wmem_max").read_text())
    except (OSError, ValueError):
        return 212_992


def _held_limit(bytes_per_s: float | None, round_trip_s: float) -> int:
    most_bytes = _HELD_BYTES + _CARRIED_BYTES_PER_S * round_trip_s
    if bytes_per_s is None:
        return int(most_bytes)
    return int(min(most_bytes, max(_LEAST_HELD_BYTES, _SPARE * bytes_per_s * (round_trip_s + _QUEUE_S))))
