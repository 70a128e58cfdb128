"""What is said over a live socket about a replay: a session that `POST /api/playback/start` has made for this page.

    {"type": "replay", "id": 4, "stream_id": "replay1_5f3a...", "viewer_id": "..."}
    {"type": "want", "id": 4, "run": 1, "until_s": 31.5}

The page hears `watching` (`from_start`: the present run comes from its beginning on; else it has missed that, and
seeks), then for every run `init` with the run's number and `offset_s`, where on the run's time line the pictures that
follow begin (what had come for later places comes again), the init section, and fragments with their place on that
line (in themselves they begin at 0 with each init) and the true time of their first picture. `end`: the run is
complete. `segments_only`: it has to be watched by its playlist, for each segment is encoded when it is asked for.

`want` is how far into the run the page wants to be sent it, by playing time; it shows what lies 40 s before that. A run
is sent for its first 40 s without. A page that takes it more slowly is waited for. Seeks are made by
`POST /api/playback/seek`; what comes then is the next run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from sessions.replay.broadcast import ReplayEnd, ReplayInit, ReplayNews, ReplayPart, SegmentsOnly
from web.live.sockets import Sockets
from web.live.wire import FRAGMENTS, HEAD, INIT, STARTS_WITH_KEY

MOST_WAITING_BYTES = 1024 * 1024  # more would have to go before what comes after a seek


class _SocketHandler(Protocol):
    sockets: Sockets

    @property
    def unsent_bytes(self) -> int: ...
    def send_replay(self, watch: ReplayWatch, news: ReplayNews) -> None: ...


@dataclass(eq=False, slots=True)
class ReplayWatch:
    """One replay that a page watches: a ReplayListener, which passes everything on to the loop."""

    handler: _SocketHandler
    number: int
    stream_id: str
    viewer_id: str
    is_over: bool = False
    is_joined: bool = False  # it may be watched, and is
    posted_bytes: int = 0  # counted by the session's thread
    taken_bytes: int = 0  # counted by the loop's

    def on_replay_news(self, news: ReplayNews) -> None:
        self.posted_bytes += size_of(news)
        self.handler.sockets.post(self.handler.send_replay, self, news)

    def is_full(self) -> bool:
        waiting = self.posted_bytes - self.taken_bytes + self.handler.unsent_bytes
        return not self.is_over and waiting > MOST_WAITING_BYTES


def size_of(news: ReplayNews) -> int:
    return len(news.data) if isinstance(news, ReplayInit | ReplayPart) else 0


def told(news: ReplayNews) -> dict[str, Any] | None:
    """The message in words, if there is one."""
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


def binary(number: int, news: ReplayNews) -> bytes | None:
    """The message in bytes, if there is one."""
    if isinstance(news, ReplayInit):
        return HEAD.pack(INIT, 0, number, 0.0, math.nan) + news.data
    if isinstance(news, ReplayPart):
        flags = STARTS_WITH_KEY if news.is_key else 0
        return HEAD.pack(FRAGMENTS, flags, number, news.start_s, news.taken_utc.timestamp() * 1000) + news.data
    return None
