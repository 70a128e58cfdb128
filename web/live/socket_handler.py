"""What is said over a live socket: which channels a page wants, and their pictures.

The page asks with JSON, one text frame a message:

    {"type": "watch", "id": 3, "camera_id": 1, "profile_token": "MediaProfile00001", "sound": false}
    {"type": "leave", "id": 3}
    {"type": "clock", "sent": 12.5}

(`"fresh": true` with `watch`: not from the last key frame on but from the next one, for somebody whose decoder has
choked on what came since) and gets JSON: `watching` (the session it joined), `state` (how that fares), `init` (the
codec string; the init section follows as a binary frame), `problem` (why there is nothing to watch: see
web.problems.spoken), `clock` (what was sent, and the server's time). Replays: see web.live.replay.

A binary frame has a head of 20 bytes, big-endian: kind (1 init section, 2 fragments), flags (1: begins with a key
frame), id (16 bits), where it lies on the time line of the fragments (double, seconds), and when its first picture
arrived here (double, milliseconds since 1970; NaN where that is not said).
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from websockets.frames import CloseCode

from core.access import Principal
from core.errors import AppError, InvalidRequest, LimitReached, Unavailable
from sessions.live.broadcast import LiveFragment, LiveInit
from sessions.replay.broadcast import ReplayNews
from sessions.view import StreamView
from web.api import answers
from web.live.connection import Connection
from web.live.replay import ReplayWatch, binary, size_of, told
from web.live.sockets import Sockets
from web.live.wire import FRAGMENTS, HEAD, INIT, STARTS_WITH_KEY, a_number, a_text, a_whole_number
from web.problems import spoken
from web.strict_json import parse_object

log = logging.getLogger(__name__)

MOST_WATCHES = 64
_WATCHES_AT_ONCE = 2 * MOST_WATCHES
_WATCHES_A_SECOND = 8.0
_ASK_AGAIN_S = 3.0
_MOST_UNTOLD = 5
LOGIN_ENDED = 4401  # a close code of our own (RFC 6455 section 7.4.2)


@dataclass(frozen=True, slots=True)
class LiveBackend:
    """What a handler asks of the app. All of it may be called from any thread, and may block for a moment.

    `watch` checks, joins and writes down; it raises an AppError, as does `replay`, which answers whether the run is
    sent from its beginning on. `who` is asked again while the socket is open. `may_see`: whether somebody may hear of a
    session, by its id.
    """

    watch: Callable[[Principal, int, str, LiveWatch], tuple[str, str]]
    leave: Callable[[str, str], None]
    replay: Callable[[Principal, ReplayWatch], bool]
    leave_replay: Callable[[ReplayWatch], None]
    want: Callable[[ReplayWatch, int, float], None]
    who: Callable[[], Principal | None]
    may_see: Callable[[Principal, str], bool]


@dataclass(eq=False, slots=True)
class LiveWatch:
    """One channel that a page watches: a LiveListener, which passes everything on to the loop."""

    handler: LiveSocketHandler
    number: int
    wants_sound: bool
    stream_id: str = ""
    viewer_id: str = ""
    is_over: bool = False
    is_skipping: bool = False  # until the next key frame
    is_left_out: bool = False  # the same where nothing is posted: it belongs to who posts

    def on_live_init(self, init: LiveInit) -> None:
        self.handler.sockets.post(self.handler.send_init, self, init)

    def on_live_fragments(self, fragments: Sequence[LiveFragment]) -> None:
        """Where the loop is behind with all, what it has not come to yet would only pile up."""
        if self.handler.sockets.is_behind():
            self.is_left_out = True
            return
        if self.is_left_out:
            fragments = _from_key_frame(fragments)
            if not fragments:
                return
            self.is_left_out = False
        self.handler.sockets.post(self.handler.send_fragments, self, fragments)

    def on_live_state(self, view: StreamView) -> None:
        self.handler.sockets.post(self.handler.send_state, self, view)


class LiveSocketHandler:
    """One socket's. Methods belong to the loop's thread, apart from those of LiveWatch."""

    def __init__(
        self, sockets: Sockets, principal: Principal, backend: LiveBackend, first: tuple[int, str] | None
    ) -> None:
        self.sockets = sockets
        self.principal = principal
        self._backend = backend
        self._first = first
        self._connection: Connection | None = None
        self._watches: dict[int, LiveWatch | ReplayWatch] = {}
        self._watches_left = float(_WATCHES_AT_ONCE)
        self._watched_s = self._asked_s = sockets.clock.monotonic_s()
        self._is_asking = False
        self._untold = 0  # how often in a row nobody could say whose login it is

    @property
    def unsent_bytes(self) -> int:
        """What waits for the page to read it."""
        connection = self._connection
        return 0 if connection is None else connection.unsent_bytes

    # ---- sockets.SocketHandler ----------------------------------------------------------------------------

    def on_open(self, connection: Connection) -> None:
        self._connection = connection
        if self._first is not None:
            self._watch_live(0, {}, *self._first)

    def on_text(self, data: bytes) -> None:
        try:
            self._take(parse_object(data))
        except InvalidRequest as error:
            self._send("problem", id=None, problem=self._problem(error))

    def on_tick(self) -> None:
        if self.sockets.clock.monotonic_s() - self._asked_s > _ASK_AGAIN_S and not self._is_asking:
            self._is_asking = True
            self.sockets.work(self._ask_who)

    def on_closed(self) -> None:
        self._connection = None
        for number in list(self._watches):
            self._leave(number)

    # ---- what the page says ----------------------------------------------------------------------

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "clock":
            sent = message.get("sent")
            is_number = isinstance(sent, int | float) and not isinstance(sent, bool) and math.isfinite(sent)
            self._send("clock", sent=sent if is_number else None, now_ms=round(time.time() * 1000, 1))
            return
        if kind not in ("watch", "replay", "want", "leave"):
            raise InvalidRequest.of_field("type", "watch, replay, want, leave or clock")
        number = a_whole_number(message, "id", 0, 65535)
        if kind == "leave":
            self._leave(number)
        elif kind == "want":
            self._want(number, a_whole_number(message, "run", 1, 2**53), a_number(message, "until_s", 0, 1e9))
        elif kind == "replay":
            watch = ReplayWatch(self, number, a_text(message, "stream_id"), a_text(message, "viewer_id"))
            self._watch(watch, lambda: self._join_replay(watch))
        else:
            camera_id = a_whole_number(message, "camera_id", 1, 2**63 - 1)
            self._watch_live(number, message, camera_id, a_text(message, "profile_token"))

    def _watch_live(self, number: int, message: dict[str, Any], camera_id: int, profile_token: str) -> None:
        watch = LiveWatch(self, number, message.get("sound") is True, is_skipping=message.get("fresh") is True)
        self._watch(watch, lambda: self._join(watch, camera_id, profile_token))

    def _watch(self, watch: LiveWatch | ReplayWatch, join: Callable[[], None]) -> None:
        """`join` is done in a worker thread."""
        self._leave(watch.number)
        try:
            self._check_limits()
        except AppError as error:
            self._send("problem", id=watch.number, problem=self._problem(error))
            return
        self._watches[watch.number] = watch
        self.sockets.work(join)

    def _check_limits(self) -> None:
        """LimitReached, Unavailable. Each watch may begin a session with a device: a page may open some walls one after
        another, and may not go on asking without end.
        """
        if len(self._watches) >= MOST_WATCHES:
            raise LimitReached(f"One page watches {MOST_WATCHES} channels at most.", code="stream_limit")
        now_s = self.sockets.clock.monotonic_s()
        earned = (now_s - self._watched_s) * _WATCHES_A_SECOND
        self._watches_left = min(self._watches_left + earned, _WATCHES_AT_ONCE)
        self._watched_s = now_s
        if self._watches_left < 1:
            raise Unavailable("Channels are asked for too often.", code="busy")
        self._watches_left -= 1

    def _leave(self, number: int) -> None:
        watch = self._watches.pop(number, None)
        if watch is None:
            return
        watch.is_over = True
        if isinstance(watch, ReplayWatch):
            self.sockets.work(lambda: self._backend.leave_replay(watch))
        elif watch.viewer_id:
            self.sockets.work(lambda: self._backend.leave(watch.stream_id, watch.viewer_id))

    def _want(self, number: int, run: int, until_s: float) -> None:
        watch = self._watches.get(number)
        if isinstance(watch, ReplayWatch) and watch.is_joined:
            self.sockets.work(lambda: self._backend.want(watch, run, until_s))

    # ---- in a worker thread ----------------------------------------------------------------------

    def _join(self, watch: LiveWatch, camera_id: int, profile_token: str) -> None:
        if watch.is_over:
            return
        try:
            stream_id, viewer_id = self._backend.watch(self.principal, camera_id, profile_token, watch)
        except AppError as error:
            self.sockets.post(self._refuse, watch, self._problem(error))
            return
        self.sockets.post(self._joined, watch, stream_id, viewer_id)

    def _join_replay(self, watch: ReplayWatch) -> None:
        if watch.is_over:
            return
        try:
            from_start = self._backend.replay(self.principal, watch)
        except AppError as error:
            self.sockets.post(self._refuse, watch, self._problem(error))
            return
        self.sockets.post(self._joined_replay, watch, from_start)

    def _problem(self, error: AppError) -> dict[str, Any]:
        """Blocks only where it names who has the places, and that is never said of what the handler itself refuses."""
        return spoken(error, lambda stream_id: self._backend.may_see(self.principal, stream_id))

    def _ask_who(self) -> None:
        """Whatever comes of it is told: else nobody would ask again, and a login that runs out would watch for ever."""
        is_known, who = False, None
        try:
            who = self._backend.who()
            is_known = True
        except AppError as error:
            log.warning("whose login watches cannot be looked up: %s", error.detail)
        finally:
            if is_known:
                self.sockets.post(self._told_who, who)
            else:
                self.sockets.post(self._not_told_who)

    # ---- what the page is told -------------------------------------------------------------------

    def _joined(self, watch: LiveWatch, stream_id: str, viewer_id: str) -> None:
        watch.stream_id, watch.viewer_id = stream_id, viewer_id
        if watch.is_over:  # the page has left meanwhile
            self.sockets.work(lambda: self._backend.leave(stream_id, viewer_id))
            return
        self._send("watching", id=watch.number, stream_id=stream_id, viewer_id=viewer_id)

    def _joined_replay(self, watch: ReplayWatch, from_start: bool) -> None:
        if watch.is_over:
            self.sockets.work(lambda: self._backend.leave_replay(watch))
            return
        watch.is_joined = True
        self._send(
            "watching", id=watch.number, stream_id=watch.stream_id, viewer_id=watch.viewer_id, from_start=from_start
        )

    def _refuse(self, watch: LiveWatch | ReplayWatch, problem: dict[str, Any]) -> None:
        if not watch.is_over:
            watch.is_over = True
            self._watches.pop(watch.number, None)
            self._send("problem", id=watch.number, problem=problem)

    def _not_told_who(self) -> None:
        """Asked again at the next turn. For how long it holds that was known before has an end."""
        self._is_asking = False
        self._untold += 1
        if self._untold >= _MOST_UNTOLD:
            self._close(CloseCode.TRY_AGAIN_LATER, "the login cannot be looked up")

    def _told_who(self, who: Principal | None) -> None:
        self._is_asking = False
        self._untold = 0
        self._asked_s = self.sockets.clock.monotonic_s()
        if who is None or (who.key, who.role, who.scope) != (
            self.principal.key,
            self.principal.role,
            self.principal.scope,
        ):
            self.end_login()

    def end_login(self) -> None:
        """The login, or what it may see, is not what it was: the page asks anew."""
        self._close(LOGIN_ENDED, "the login has ended")

    def send_init(self, watch: LiveWatch, init: LiveInit) -> None:
        if watch.is_over or self._connection is None:
            return
        has_sound = watch.wants_sound and init.audio is not None
        sound = init.audio if has_sound else None
        self._send(
            "init",
            id=watch.number,
            codecs=init.codecs_with_audio if has_sound else init.codecs,
            codec=init.video.codec,
            width=init.video.width,
            height=init.video.height,
            sound={"codec": sound.codec, "sample_rate": sound.sample_rate, "channels": sound.channels}
            if sound
            else None,
            has_sound=init.audio is not None,
        )
        data = init.data_with_audio if has_sound else init.data
        self._connection.send_binary(HEAD.pack(INIT, 0, watch.number, 0.0, math.nan) + data)

    def send_fragments(self, watch: LiveWatch, fragments: Sequence[LiveFragment]) -> None:
        """One message for all of them. A page that reads too slowly goes on at a key frame, once it has caught up; so
        does one for which so much waits that there is no room: it begins at the next key frame, not at the last.
        """
        connection = self._connection
        if watch.is_over or connection is None:
            return
        if connection.is_late:
            watch.is_skipping = True
        if watch.is_skipping:
            fragments = () if connection.is_late else _from_key_frame(fragments)
        size = sum(len(piece.video) + len(piece.audio) for piece in fragments)
        watch.is_skipping = not fragments or not connection.has_room_for(size)
        if watch.is_skipping:
            return
        first = fragments[0]
        taken_ms = math.nan if first.taken_utc is None else first.taken_utc.timestamp() * 1000
        flags = STARTS_WITH_KEY if first.is_key else 0
        parts = [HEAD.pack(FRAGMENTS, flags, watch.number, first.start_s, taken_ms)]
        for piece in fragments:
            parts.append(piece.video)
            if watch.wants_sound and piece.audio:
                parts.append(piece.audio)
        connection.send_binary(b"".join(parts))

    def send_replay(self, watch: ReplayWatch, news: ReplayNews) -> None:
        """Everything: the recorder is not asked for more than the page wants, and takes."""
        watch.taken_bytes += size_of(news)
        if watch.is_over or self._connection is None:
            return
        if text := told(news):
            self._send(text.pop("type"), id=watch.number, **text)
        if data := binary(watch.number, news):
            self._connection.send_binary(data)

    def send_state(self, watch: LiveWatch, view: StreamView) -> None:
        if not watch.is_over:
            self._send("state", id=watch.number, stream=answers.stream(view).model_dump())

    def _send(self, kind: str, **content: object) -> None:
        if self._connection is not None:
            self._connection.send_text(json.dumps({"type": kind, **content}, default=str).encode())

    def _close(self, code: int, reason: str) -> None:
        if self._connection is not None:
            self._connection.close(code, reason)


def _from_key_frame(fragments: Sequence[LiveFragment]) -> Sequence[LiveFragment]:
    """The last key frame among them and what follows it; nothing where there is none."""
    keys = [index for index, piece in enumerate(fragments) if piece.is_key]
    return fragments[keys[-1] :] if keys else ()
