"""Messages of a live socket: the channels that a page watches, and their fragments.

The page sends JSON, one text frame per message:

    {"type": "watch", "id": 3, "camera_id": 1, "profile_token": "MediaProfile00001", "sound": false}
    {"type": "leave", "id": 3}
    {"type": "clock", "sent": 12.5}

With `"fresh": true`, `watch` begins at the next key frame instead of the last one, for a decoder that failed on the
frames since the last one. `"instead_of": 2` ends that watch first and drops its unsent messages, so that the new one
does not wait behind them. `"key_frames_only": true` sends key frames alone, without audio. `"small": true` sends small
video for a thin link, without audio: at most 480x360, 10 fps and 240 kbit/s, in a session that encodes it.

The server sends JSON, too: `watching` (the joined session), `state` (the session's state), `init` (codec string and
size; the init section follows as a binary frame), `problem` (the error: see web.problems.problem_message), `clock` (the
value of `sent`, and the server's time), `moved` (another server has the camera now, and the watch ends) and, once a
second while a page watches anything, `pace` (how fast the page reads: see web.live.live_watch.pace_message). A backlog
that becomes old leads to a `pace` immediately. `clock` and `pace` overtake media. For replays see web.live.replay.

A binary frame has a head of 20 bytes, big-endian: kind (1 init section, 2 fragments), flags (1: starts with a key
frame), id (16 bits), position on the time line of the fragments (double, seconds), and the time of its first frame
(double, milliseconds since 1970; NaN if unknown): for a channel its arrival at the server, for a replay the true time
of the recording.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from websockets.frames import CloseCode

from core.access import Principal
from core.errors import AppError, InvalidRequest, LimitReached, Unavailable
from core.placement import NotOwner
from sessions.live.broadcast import LiveFragment, LiveInit
from sessions.replay.broadcast import ReplayNews
from sessions.view import StreamView
from web.api.stream_models import StreamStatus
from web.live.backend import LiveBackend
from web.live.connection import PACE, Connection
from web.live.join_budget import JOIN_LIMIT
from web.live.live_watch import LiveSender, LiveWatch, pace_message
from web.live.replay import ReplaySender, ReplayWatch, begins_run, binary_message, json_message, size_of
from web.live.sockets import SocketHandler, Sockets
from web.live.wire import HEAD, INIT, read_int, read_number, read_text
from web.problems import problem_message
from web.strict_json import parse_object

log = logging.getLogger(__name__)

MAX_WATCHES = 64
_WATCH_BURST = 2 * MAX_WATCHES
_WATCHES_PER_S = 8.0
_SHORT_WAIT_S = 1.0  # of a join; the page learns of longer waits
_CHECK_LOGIN_AFTER_S = 3.0
_MAX_FAILED_CHECKS = 5
LOGIN_ENDED = 4401  # a close code of this app (RFC 6455, section 7.4.2)


class LiveSocketHandler(SocketHandler, LiveSender, ReplaySender):
    """Handles one socket. Methods run in the sockets' thread, except those marked below.

    `first`: camera id and media profile that are watched from the start, as id 0.
    """

    def __init__(
        self, sockets: Sockets, principal: Principal, backend: LiveBackend, first: tuple[int, str] | None
    ) -> None:
        self.sockets = sockets
        self.principal = principal
        self._backend = backend
        self._first = first
        self._connection: Connection | None = None
        self._watches: dict[int, LiveWatch | ReplayWatch] = {}
        self._watches_left = float(_WATCH_BURST)
        self._watched_s = self._login_checked_s = sockets.clock.monotonic_s()
        self._is_checking_login = False
        self._failed_checks = 0  # in a row

    @property
    def unsent_bytes(self) -> int:
        """Bytes that wait for the page to read them."""
        connection = self._connection
        return 0 if connection is None else connection.unsent_bytes

    # ---- events of the connection ----------------------------------------------------------------

    def on_open(self, connection: Connection) -> None:
        self._connection = connection
        if self._first is not None:
            self._watch_live(0, {}, *self._first)

    def on_text(self, data: bytes) -> None:
        try:
            self._handle(parse_object(data))
        except InvalidRequest as error:
            self._send("problem", id=None, **problem_message(error, []))

    def on_tick(self) -> None:
        if self._watches:
            self._send_pace()
        is_due = self.sockets.clock.monotonic_s() - self._login_checked_s > _CHECK_LOGIN_AFTER_S
        if is_due and not self._is_checking_login:
            self.sockets.work(self._check_login)
            self._is_checking_login = True  # not before work(), which may raise; results come in this thread later

    def on_waiting(self) -> None:
        """Tell the page that media waits: a second later, the kernel would hold more before the report."""
        if self._watches:
            self._send_pace()

    def on_camera_lost(self, camera_id: int) -> None:
        for watch in list(self._watches.values()):
            if watch.camera_id == camera_id:
                self._end_moved(watch)

    def _end_moved(self, watch: LiveWatch | ReplayWatch) -> None:
        """End a watch whose camera another node has. The page asks which one, and watches there."""
        if not watch.is_over:
            self._leave(watch.number)
            self._send("moved", id=watch.number)

    def on_closed(self) -> None:
        self._connection = None
        for number in list(self._watches):
            self._leave(number)

    # ---- messages of the page --------------------------------------------------------------------

    def _handle(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "clock":
            sent = message.get("sent")
            is_number = isinstance(sent, int | float) and not isinstance(sent, bool) and math.isfinite(sent)
            self._send_urgent("clock", sent=sent if is_number else None, now_ms=_now_ms())
            return
        if kind not in ("watch", "replay", "want", "leave"):
            raise InvalidRequest.of_field("type", "watch, replay, want, leave or clock")
        number = read_int(message, "id", 0, 65535)
        if kind == "leave":
            self._leave(number)
        elif kind == "want":
            self._request_replay_until(
                number, read_int(message, "run", 1, 2**53), read_number(message, "until_s", 0, 1e9)
            )
        elif kind == "replay":
            watch = ReplayWatch(self, number, read_text(message, "stream_id"), read_text(message, "viewer_id"))
            self._watch(watch, lambda: self._join_replay(watch), is_large=False)
        else:
            camera_id = read_int(message, "camera_id", 1, 2**63 - 1)
            self._watch_live(number, message, camera_id, read_text(message, "profile_token"))

    def _watch_live(self, number: int, message: dict[str, Any], camera_id: int, profile_token: str) -> None:
        keys_only = message.get("key_frames_only") is True
        is_small = message.get("small") is True
        old = read_int(message, "instead_of", 0, 65535) if "instead_of" in message else None
        wants_audio = message.get("sound") is True and not keys_only and not is_small
        watch = LiveWatch(self, number, wants_audio, keys_only, old is not None, camera_id)
        is_fresh = message.get("fresh") is True
        if old is not None:
            self._leave(old)
        self._watch(
            watch,
            lambda: self._join_live(watch, camera_id, profile_token, at_next_key_frame=is_fresh, is_small=is_small),
            is_large=not (is_fresh or keys_only),
        )

    def _watch(self, watch: LiveWatch | ReplayWatch, join: Callable[[], None], *, is_large: bool) -> None:
        """Run `join` in a worker thread, later if this user joins too many streams in a short time.

        `is_large`: the watch begins with all frames since the last key frame.
        """
        self._leave(watch.number)
        try:
            self._check_limits()
            watch.join = self.sockets.reserve_join(self.principal, is_large=is_large)
        except (LimitReached, Unavailable) as error:
            self._send("problem", id=watch.number, **problem_message(error, []))
            return
        self._watches[watch.number] = watch
        if watch.join.wait_s > _SHORT_WAIT_S:
            self._send("waiting", id=watch.number, wait_s=round(watch.join.wait_s, 1))
        self.sockets.begin_join(watch.join, join)

    def _check_limits(self) -> None:
        """Raise LimitReached for too many watches, Unavailable for too many requests in a short time.

        Each watch may start a session with a device. The burst lets a page open some walls one after the other.
        """
        if len(self._watches) >= MAX_WATCHES:
            raise LimitReached(f"One page can watch at most {MAX_WATCHES} channels.", code="stream_limit")
        now_s = self.sockets.clock.monotonic_s()
        earned = (now_s - self._watched_s) * _WATCHES_PER_S
        self._watches_left = min(self._watches_left + earned, _WATCH_BURST)
        self._watched_s = now_s
        if self._watches_left < 1:
            wait_s = math.ceil((1 - self._watches_left) / _WATCHES_PER_S)
            raise Unavailable("This page requests channels too often.", code=JOIN_LIMIT, retry_after_s=wait_s)
        self._watches_left -= 1

    def _leave(self, number: int) -> None:
        watch = self._watches.pop(number, None)
        if watch is None:
            return
        watch.is_over = True
        if watch.join is not None:
            watch.join.cancel()
        if self._connection is not None:
            self._connection.drop_watch(number)
        if isinstance(watch, ReplayWatch):
            self._unwatch_replay(watch)
        elif watch.viewer_id:
            self._leave_live(watch)

    def _leave_live(self, watch: LiveWatch) -> None:
        self.sockets.work(lambda: self._backend.leave_live(watch.stream_id, watch.viewer_id))

    def _unwatch_replay(self, watch: ReplayWatch) -> None:
        self.sockets.work(lambda: self._backend.unwatch_replay(watch.stream_id, watch.viewer_id, watch))

    def _request_replay_until(self, number: int, run: int, until_s: float) -> None:
        watch = self._watches.get(number)
        if isinstance(watch, ReplayWatch) and watch.is_joined:
            self.sockets.work(
                lambda: self._backend.request_replay_until(watch.stream_id, watch.viewer_id, run, until_s)
            )

    # ---- in a worker thread ----------------------------------------------------------------------

    def _join_live(
        self, watch: LiveWatch, camera_id: int, profile_token: str, *, at_next_key_frame: bool, is_small: bool
    ) -> None:
        if watch.is_over:
            return
        try:
            stream_id, viewer_id = self._backend.watch_live(
                self.principal,
                camera_id,
                profile_token,
                watch,
                wants_audio=watch.wants_audio,
                at_next_key_frame=at_next_key_frame,
                is_small=is_small,
            )
        except NotOwner:
            self.sockets.post(self._end_moved, watch)
            return
        except AppError as error:
            self.sockets.post(self._refuse, watch, self._problem(error))
            return
        self.sockets.post(self._on_joined, watch, stream_id, viewer_id)

    def _join_replay(self, watch: ReplayWatch) -> None:
        if watch.is_over:
            return
        try:
            from_start = self._backend.watch_replay(self.principal, watch.stream_id, watch.viewer_id, watch)
        except NotOwner:
            self.sockets.post(self._end_moved, watch)
            return
        except AppError as error:
            self.sockets.post(self._refuse, watch, self._problem(error))
            return
        self.sockets.post(self._on_replay_joined, watch, from_start)

    def _problem(self, error: AppError) -> dict[str, Any]:
        """May block while it looks up which streams of a limit the user may see."""
        stream_ids = error.used_by if isinstance(error, LimitReached) else ()
        return problem_message(error, self._backend.visible_streams(self.principal, stream_ids))

    def _check_login(self) -> None:
        """Post a result even after an unexpected exception: without one, the login would never be checked again."""
        is_known, who = False, None
        try:
            who = self._backend.principal()
            is_known = True
        except AppError as error:
            log.warning("the login of a live socket cannot be checked: %s", error.detail)
        finally:
            if is_known:
                self.sockets.post(self._on_login_checked, who)
            else:
                self.sockets.post(self._on_login_check_failed)

    # ---- results of the worker threads -----------------------------------------------------------

    def _on_joined(self, watch: LiveWatch, stream_id: str, viewer_id: str) -> None:
        watch.stream_id, watch.viewer_id = stream_id, viewer_id
        if watch.is_over:  # the page left while the worker joined
            self._leave_live(watch)
            return
        self._send("watching", id=watch.number, stream_id=stream_id, viewer_id=viewer_id)

    def _on_replay_joined(self, watch: ReplayWatch, from_start: bool) -> None:
        if watch.is_over:
            self._unwatch_replay(watch)
            return
        watch.is_joined = True
        self._send(
            "watching", id=watch.number, stream_id=watch.stream_id, viewer_id=watch.viewer_id, from_start=from_start
        )

    def _refuse(self, watch: LiveWatch | ReplayWatch, problem: dict[str, Any]) -> None:
        if not watch.is_over:
            watch.is_over = True
            self._watches.pop(watch.number, None)
            self._send("problem", id=watch.number, **problem)

    def _on_login_check_failed(self) -> None:
        """Check again at the next tick; close the socket after too many failures in a row."""
        self._is_checking_login = False
        self._failed_checks += 1
        if self._failed_checks >= _MAX_FAILED_CHECKS:
            self._close(CloseCode.TRY_AGAIN_LATER, "the login cannot be checked")

    def _on_login_checked(self, who: Principal | None) -> None:
        self._is_checking_login = False
        self._failed_checks = 0
        self._login_checked_s = self.sockets.clock.monotonic_s()
        if who is None or (who.key, who.role, who.scope) != (
            self.principal.key,
            self.principal.role,
            self.principal.scope,
        ):
            self.end_login()

    def end_login(self) -> None:
        """Close the socket: the login has ended, or its role or scope has changed. The page opens a new socket."""
        self._close(LOGIN_ENDED, "the login has ended")

    # ---- messages to the page --------------------------------------------------------------------

    def send_init(self, watch: LiveWatch, init: LiveInit) -> None:
        if watch.is_over or self._connection is None:
            return
        has_audio = watch.wants_audio and init.audio is not None
        audio = init.audio if has_audio else None
        self._send(
            "init",
            id=watch.number,
            codecs=init.codecs_with_audio if has_audio else init.codecs,
            codec=init.video.codec,
            width=init.video.width,
            height=init.video.height,
            sound={"codec": audio.codec, "sample_rate": audio.sample_rate, "channels": audio.channels}
            if audio
            else None,
            has_sound=init.audio is not None,
            reordered=init.is_reordered,
        )
        data = init.data_with_audio if has_audio else init.data
        self._connection.send_binary(HEAD.pack(INIT, 0, watch.number, 0.0, math.nan) + data, watch.number)

    def send_fragments(self, watch: LiveWatch, fragments: Sequence[LiveFragment]) -> None:
        """Send fragments, as far as the page reads fast enough for them (LiveWatch.admit)."""
        connection = self._connection
        if watch.is_over or connection is None:
            return
        admitted = watch.admit(fragments, connection)
        if admitted:
            connection.send_media(watch.messages(admitted, connection), watch.number)

    def send_replay(self, watch: ReplayWatch, news: ReplayNews) -> None:
        """Send without dropping anything: the session requests no more from the recorder than the page reads."""
        watch.handed_on_bytes += size_of(news)
        if watch.is_over or self._connection is None:
            return
        if begins_run(watch, news):
            self._connection.drop_watch(watch.number)
        if message := json_message(news):
            self._send(message.pop("type"), id=watch.number, **message)
        if data := binary_message(watch.number, news):
            self._connection.send_binary(data, watch.number)

    def _send_pace(self) -> None:
        """Tell the page how fast it reads: before the media that waits, because the page decides by it."""
        connection = self._connection
        if connection is None:
            return
        left_out = {
            watch.number: watch.take_left_out() for watch in self._watches.values() if isinstance(watch, LiveWatch)
        }
        self._send_urgent(
            PACE,
            now_ms=_now_ms(),
            server_lag_ms=round(self.sockets.lag_s * 1000),
            **pace_message(connection.measure_pace(), connection.unsent_bytes, connection.backlog_age_s, left_out),
        )

    def send_state(self, watch: LiveWatch, view: StreamView) -> None:
        if not watch.is_over:
            self._send("state", id=watch.number, stream=StreamStatus.model_validate(view).model_dump())

    def _send(self, kind: str, **content: object) -> None:
        if self._connection is not None:
            self._connection.send_text(json.dumps({"type": kind, **content}, default=str).encode())

    def _send_urgent(self, kind: str, **content: object) -> None:
        if self._connection is not None:
            self._connection.send_urgent(json.dumps({"type": kind, **content}).encode(), kind)

    def _close(self, code: int, reason: str) -> None:
        if self._connection is not None:
            self._connection.close(code, reason)


def _now_ms() -> float:
    """Return the server's time in ms since 1970."""
    return round(time.time() * 1000, 1)
