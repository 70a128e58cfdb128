"""Messages of a live socket about a replay: a session that this login started with `POST /api/playback/start`.

    {"type": "replay", "id": 4, "stream_id": "replay1_5f3a...", "viewer_id": "..."}
    {"type": "want", "id": 4, "run": 1, "until_s": 31.5}

The server answers with `watching`. `from_start` true: the present run is sent from its beginning. False: the beginning
is gone, and the page seeks. Then the server sends for every run:

- `init` with the number of the run and `offset_s`, the place on the run's time line at which the following fragments
  begin. Fragments that were sent before for later places are sent again. The init section follows as a binary frame;
- fragments with their place on that time line and the true time of their first frame. The times within the fragments
  begin at 0 after each `init`;
- `end` when the run is complete;
- `segments_only` instead if each segment is encoded on request: the page has to use the playlist.

`want` requests a run up to `until_s` seconds of playing time. The page requests 40 s more than it has shown. The first
40 s are sent without a request. If the page reads slowly, the server waits for it. The page seeks with
`POST /api/playback/seek`, which starts the next run. Its `init` drops the unsent media of the run before, so that a
seek on a thin link does not wait behind it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from sessions.ids import camera_of_stream
from sessions.replay.broadcast import ReplayEnd, ReplayInit, ReplayListener, ReplayNews, ReplayPart, SegmentsOnly
from web.live.join_budget import Join
from web.live.sockets import Sockets
from web.live.wire import FRAGMENTS, HEAD, INIT, STARTS_WITH_KEY

MAX_WAITING_BYTES = 1024 * 1024  # after a seek, the page reads the waiting bytes first


class ReplaySender(Protocol):
    """The socket of the page. Implemented by web.live.socket_handler.LiveSocketHandler, which imports this module."""

    sockets: Sockets

    @property
    def unsent_bytes(self) -> int: ...
    def send_replay(self, watch: ReplayWatch, news: ReplayNews) -> None: ...


@dataclass(eq=False, slots=True)
class ReplayWatch(ReplayListener):
    """One replay that a page watches. Passes everything on to the sockets' thread."""

    handler: ReplaySender
    number: int
    stream_id: str
    viewer_id: str
    join: Join | None = None
    is_over: bool = False
    is_joined: bool = False
    run: int = 0  # of the newest init section that was handed on
    posted_bytes: int = 0  # counted by the session's thread
    handed_on_bytes: int = 0  # counted by the sockets' thread

    @property
    def camera_id(self) -> int | None:
        return camera_of_stream(self.stream_id)

    def on_replay_news(self, news: ReplayNews) -> None:
        self.posted_bytes += size_of(news)
        self.handler.sockets.post(self.handler.send_replay, self, news)

    def is_full(self) -> bool:
        waiting = self.posted_bytes - self.handed_on_bytes + self.handler.unsent_bytes
        return not self.is_over and waiting > MAX_WAITING_BYTES


def begins_run(watch: ReplayWatch, news: ReplayNews) -> bool:
    """True for the first init section of a later run: the page needs nothing of the runs before."""
    if not isinstance(news, ReplayInit) or news.run <= watch.run:
        return False
    watch.run = news.run
    return True


def size_of(news: ReplayNews) -> int:
    return len(news.data) if isinstance(news, ReplayInit | ReplayPart) else 0


def json_message(news: ReplayNews) -> dict[str, Any] | None:
    """Return the JSON message for this, or None."""
    if isinstance(news, ReplayInit):
        audio = news.audio
        return {
            "type": "init",
            "run": news.run,
            "offset_s": news.offset_s,
            "codecs": news.codecs,
            "codec": news.video.codec,
            "width": news.video.width,
            "height": news.video.height,
            "sound": {"codec": audio.codec} if audio else None,
            "has_sound": audio is not None,
        }
    if isinstance(news, ReplayEnd):
        return {"type": "end", "run": news.run}
    return {"type": "segments_only", "run": news.run} if isinstance(news, SegmentsOnly) else None


def binary_message(number: int, news: ReplayNews) -> bytes | None:
    """Return the binary message for this, or None."""
    if isinstance(news, ReplayInit):
        return HEAD.pack(INIT, 0, number, 0.0, math.nan) + news.data
    if isinstance(news, ReplayPart):
        flags = STARTS_WITH_KEY if news.is_key else 0
        return HEAD.pack(FRAGMENTS, flags, number, news.start_s, news.recorded_utc.timestamp() * 1000) + news.data
    return None
