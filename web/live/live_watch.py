"""One live channel that a page watches over its socket: which of its fragments are sent, and their message."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sessions.live.broadcast import LiveFragment, LiveInit, LiveListener
from sessions.view import StreamView
from web.live.join_budget import Join
from web.live.pace import Pace
from web.live.sockets import Sockets
from web.live.wire import FRAGMENTS, HEAD, STARTS_WITH_KEY

_MAX_START_S = 1.0  # of the link's throughput, for the frames that a replacing watch begins with
_MAX_MESSAGE_S = 0.25  # of the link's throughput; the next watch waits for a message whose sending has begun
_LEAST_MESSAGE_BYTES = 16 * 1024
_MESSAGE_BYTES_AT_FIRST = 32 * 1024  # while the throughput is unknown: 0.9 s at 300 kbit/s


class LiveSender(Protocol):
    """The socket of the page. Implemented by web.live.socket_handler.LiveSocketHandler, which imports this module."""

    sockets: Sockets

    def send_init(self, watch: LiveWatch, init: LiveInit) -> None: ...
    def send_fragments(self, watch: LiveWatch, fragments: Sequence[LiveFragment]) -> None: ...
    def send_state(self, watch: LiveWatch, view: StreamView) -> None: ...


class Link(Protocol):
    """The way to the page. Implemented by web.live.connection.Connection."""

    @property
    def is_late(self) -> bool: ...
    @property
    def bytes_per_s(self) -> float | None: ...
    def has_space_for(self, fragment_bytes: int) -> bool: ...


@dataclass(eq=False, slots=True)
class LiveWatch(LiveListener):
    """Passes everything on to the sockets' thread.

    `is_replacement`: until the first fragments, of a watch that begins instead of another one.
    """

    handler: LiveSender
    number: int
    wants_audio: bool
    key_frames_only: bool = False
    is_replacement: bool = False
    camera_id: int = 0
    stream_id: str = ""
    viewer_id: str = ""
    join: Join | None = None
    is_over: bool = False
    is_skipping: bool = False  # nothing is sent until the next key frame
    is_posting_paused: bool = False  # nothing is posted until the next key frame; used by the posting thread only
    left_out: int = 0  # frames since the last `pace` message

    def on_live_init(self, init: LiveInit) -> None:
        self.handler.sockets.post(self.handler.send_init, self, init)

    def on_live_fragments(self, fragments: Sequence[LiveFragment]) -> None:
        """Drop the fragments while the sockets' thread is behind: they would only pile up."""
        if self.handler.sockets.is_behind():
            self.is_posting_paused = True
            return
        if self.key_frames_only:
            fragments = tuple(piece for piece in _from_last_key_frame(fragments) if piece.is_key)
        elif self.is_posting_paused:
            fragments = _from_last_key_frame(fragments)
        if fragments:
            self.is_posting_paused = False
            self.handler.sockets.post(self.handler.send_fragments, self, fragments)

    def on_live_state(self, view: StreamView) -> None:
        self.handler.sockets.post(self.handler.send_state, self, view)

    def admit(self, fragments: Sequence[LiveFragment], link: Link) -> Sequence[LiveFragment]:
        """Return the fragments to send now, and count the frames that are left out.

        A page that reads too slowly gets nothing until it has caught up, and then continues at a key frame. The same
        holds for a page whose backlog has no space left: it continues at the next key frame. A watch that begins
        instead of another one waits for the next key frame, too, if the frames since the last one would take the link
        more than a second.
        """
        offered = len(fragments)
        if link.is_late:
            self.is_skipping = True
        if self.is_skipping:
            fragments = () if link.is_late else _from_last_key_frame(fragments)
        if self.is_replacement and self._is_too_large_to_start(fragments, link):
            fragments = ()
        self.is_replacement = False
        self.is_skipping = not fragments or not link.has_space_for(self._size(fragments))
        admitted = () if self.is_skipping else fragments
        self.left_out += offered - len(admitted)
        return admitted

    def messages(self, fragments: Sequence[LiveFragment], link: Link) -> Iterator[list[bytes]]:
        """Yield the parts of each binary message of these fragments.

        The messages are short if the link is slow, or if its throughput is unknown: texts and the next watch wait for
        a message whose sending has begun. All parts but the first belong to the fragments: nothing is copied.
        """
        rate = link.bytes_per_s
        most_bytes = _MESSAGE_BYTES_AT_FIRST if rate is None else max(_LEAST_MESSAGE_BYTES, rate * _MAX_MESSAGE_S)
        part: list[LiveFragment] = []
        part_bytes = 0
        for piece in fragments:
            size = piece.size
            if part and part_bytes + size > most_bytes:
                yield self._message(part)
                part, part_bytes = [], 0
            part.append(piece)
            part_bytes += size
        if part:
            yield self._message(part)

    def _message(self, fragments: Sequence[LiveFragment]) -> list[bytes]:
        first = fragments[0]
        taken_ms = math.nan if first.arrived_utc is None else first.arrived_utc.timestamp() * 1000
        flags = STARTS_WITH_KEY if first.is_key else 0
        parts = [HEAD.pack(FRAGMENTS, flags, self.number, first.start_s, taken_ms)]
        for piece in fragments:
            parts += piece.pieces
            if self.wants_audio and piece.audio:
                parts.append(piece.audio)
        return parts

    def take_left_out(self) -> int:
        """Return the number of frames that were left out since the last call."""
        left_out, self.left_out = self.left_out, 0
        return left_out

    def _is_too_large_to_start(self, fragments: Sequence[LiveFragment], link: Link) -> bool:
        """A single frame is never too large: waiting for the next key frame would gain nothing."""
        rate = link.bytes_per_s
        return len(fragments) > 1 and rate is not None and self._size(fragments) > rate * _MAX_START_S

    def _size(self, fragments: Sequence[LiveFragment]) -> int:
        return sum(piece.size for piece in fragments)


def pace_message(pace: Pace, backlog_bytes: int, backlog_age_s: float, left_out: Mapping[int, int]) -> dict[str, Any]:
    """Return the content of a `pace` message: taken bytes, the time with a backlog, the backlog, and frames left out.

    `left_out`: frames by watch.
    """
    return {
        "interval_ms": round(pace.interval_s * 1000),
        "taken_bytes": pace.taken_bytes,
        "busy_ms": round(pace.busy_s * 1000),
        "busy_bytes": pace.busy_bytes,
        "backlog_bytes": backlog_bytes,
        "backlog_ms": round(backlog_age_s * 1000),
        "left_out": {str(number): count for number, count in left_out.items() if count},
    }


def _from_last_key_frame(fragments: Sequence[LiveFragment]) -> Sequence[LiveFragment]:
    """Return the last key frame and what follows it, or nothing."""
    keys = [index for index, piece in enumerate(fragments) if piece.is_key]
    return fragments[keys[-1] :] if keys else ()
