"""The messages of one socket that wait for the kernel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice


class Backlog:
    """Unsent bytes of all connections, and their limit. Used in the loop only."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.unsent_bytes = 0


@dataclass(slots=True)
class _Message:
    put_s: float
    watch: int | None
    parts: deque[memoryview]
    size: int
    urgent: str | None = None


class UnsentMessages:
    """A queue of messages, each with the id of its watch if it carries media. Counts its bytes in the backlog, too.

    A message may have several parts. They are not copied, so that the messages of several sockets can share them.
    The first message may be half sent: it is neither removed nor overtaken. With TLS this holds before the kernel has
    taken a byte of it: OpenSSL has encrypted a message whose first write was refused, and sends it in any case.
    """

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._messages: deque[_Message] = deque()
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._messages)

    @property
    def total_bytes(self) -> int:
        return self._bytes

    @property
    def first(self) -> memoryview:
        """The rest of the first part of the first message."""
        return self._messages[0].parts[0]

    def first_parts(self, most_bytes: int, most_parts: int) -> Sequence[memoryview]:
        """Return the next bytes of the first message, at most so many bytes and parts."""
        found: list[memoryview] = []
        for part in self._messages[0].parts:
            if most_bytes <= 0 or len(found) == most_parts:
                break
            found.append(part[:most_bytes])
            most_bytes -= len(part)
        return found

    @property
    def first_put_s(self) -> float:
        """When the first message was put in."""
        return self._messages[0].put_s

    @property
    def bytes_behind_first(self) -> int:
        return self._bytes - self._messages[0].size if self._messages else 0

    def put(self, data: bytes, now_s: float, watch: int | None = None) -> None:
        self.put_parts([data], now_s, watch)

    def put_parts(self, parts: Sequence[bytes], now_s: float, watch: int | None = None) -> None:
        """Put a message that has these parts. None of them is empty."""
        size = sum(map(len, parts))
        self._messages.append(_Message(now_s, watch, deque(memoryview(part) for part in parts), size))
        self._count(size)

    def put_urgent(self, data: bytes, now_s: float, kind: str) -> None:
        """Put a message behind the first one. It replaces an older urgent message of its kind that still waits.

        It counts as old as the message that it overtakes, so that the backlog does not look younger.
        """
        self._drop(lambda message: message.urgent == kind)
        put_s = self._messages[1].put_s if len(self._messages) > 1 else now_s
        self._messages.insert(1, _Message(put_s, None, deque([memoryview(data)]), len(data), kind))
        self._count(len(data))

    def holds_urgent(self, kind: str) -> bool:
        """True if an urgent message of this kind waits that the next one will replace."""
        return any(message.urgent == kind for message in islice(self._messages, 1, None))

    def take(self, sent_bytes: int) -> None:
        """Remove the bytes of the first message that the kernel has taken."""
        first = self._messages[0]
        first.size -= sent_bytes
        self._count(-sent_bytes)
        while first.parts and sent_bytes >= len(first.parts[0]):
            sent_bytes -= len(first.parts.popleft())
        if first.parts:
            first.parts[0] = first.parts[0][sent_bytes:]
        else:
            self._messages.popleft()

    def drop_watch(self, watch: int) -> int:
        """Remove the messages of a watch, except the first message of the queue; return their bytes."""
        return self._drop(lambda message: message.watch == watch)

    def clear(self) -> None:
        self._messages.clear()
        self._count(-self._bytes)

    def _drop(self, is_unwanted: Callable[[_Message], bool]) -> int:
        if len(self._messages) < 2:
            return 0
        before_bytes = self._bytes
        first, *rest = self._messages
        self._messages = deque([first, *(message for message in rest if not is_unwanted(message))])
        self._count(sum(message.size for message in self._messages) - before_bytes)
        return before_bytes - self._bytes

    def _count(self, added_bytes: int) -> None:
        self._bytes += added_bytes
        self._backlog.unsent_bytes += added_bytes
