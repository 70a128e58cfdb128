"""Clients that watch live streams at one address, and note when media of each stream came."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.patience import LIMIT_S, until

_HEAD = struct.Struct(">BBHdd")
_FRAGMENTS = 2
_OPENS_WITHIN_S = 5.0
_SILENT_S = 3.0  # a socket without any message for so long is opened again
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 0.4
_GONE = ("stopped", "failed")


@dataclass
class Stream:
    """A watched stream: when its fragments came (monotonic seconds), and why its sockets ended."""

    camera_id: int
    profile_token: str
    came_s: list[float] = field(default_factory=list)
    ends: list[tuple[float, str]] = field(default_factory=list)

    def longest_gap_s(self, since_s: float, until_s: float) -> float:
        """Return the longest time without a fragment between two times."""
        inside = [since_s, *(at_s for at_s in self.came_s if since_s < at_s < until_s), until_s]
        return max(after - before for before, after in itertools.pairwise(inside))


class WatchedStreams:
    """Watches streams in a thread of its own, one socket for each. A socket that ends is opened again, as pages do."""

    def __init__(self, url: str, cookies: Mapping[str, str], streams: Sequence[tuple[int, str]]) -> None:
        self._address = url.replace("http", "ws", 1)
        self._headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), "Origin": url}
        self.streams = [Stream(camera_id, token) for camera_id, token in streams]
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._watch_all()), name="watchers", daemon=True)

    def start(self) -> None:
        """Begin, and return once each stream has media."""
        self._thread.start()
        until(lambda: all(stream.came_s for stream in self.streams), what="media of every stream", within_s=2 * LIMIT_S)

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join(LIMIT_S)

    def wait_media_after(self, at_s: float) -> None:
        """Wait until each stream has media that came after `at_s`."""
        until(
            lambda: all(stream.came_s and stream.came_s[-1] > at_s for stream in self.streams),
            what="newer media of every stream",
        )

    async def _watch_all(self) -> None:
        await asyncio.gather(*(self._watch(stream) for stream in self.streams))

    async def _watch(self, stream: Stream) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._is_over.is_set():
            count = len(stream.came_s)
            reason = "open"
            try:
                reason = await self._watch_once(stream)
            except (OSError, WebSocketException, TimeoutError) as error:
                reason = f"{type(error).__name__} {error}"
            stream.ends.append((time.monotonic(), reason))
            pause_s = _FIRST_PAUSE_S if len(stream.came_s) > count else min(2 * pause_s, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def _watch_once(self, stream: Stream) -> str:
        """Note the stream's fragments until its socket, its session or the test ends. Return the reason."""
        async with connect(
            f"{self._address}/live/{stream.camera_id}/{stream.profile_token}",
            proxy=None,
            additional_headers=self._headers,
            compression=None,
            max_size=None,
            open_timeout=_OPENS_WITHIN_S,
            close_timeout=0.1,
        ) as client:
            while not self._is_over.is_set():
                message = await asyncio.wait_for(client.recv(), _SILENT_S)
                if isinstance(message, bytes):
                    if _HEAD.unpack_from(message)[0] == _FRAGMENTS:
                        stream.came_s.append(time.monotonic())
                elif (reason := _end_in(message)) is not None:
                    return reason
        return "over"


def _end_in(message: str) -> str | None:
    """Return the reason if a message ends the watch."""
    found = json.loads(message)
    is_gone = found["type"] == "state" and found["stream"]["status"] in _GONE
    return str(message) if is_gone or found["type"] in ("moved", "problem") else None


@contextlib.contextmanager
def watched(url: str, cookies: Mapping[str, str], streams: Sequence[tuple[int, str]]) -> Iterator[WatchedStreams]:
    """Watch streams while the block runs."""
    watching = WatchedStreams(url, cookies, streams)
    watching.start()
    try:
        yield watching
    finally:
        watching.stop()
