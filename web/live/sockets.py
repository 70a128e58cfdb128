"""The sockets' thread, an event loop that owns every WebSocket, and worker threads for calls that may block.

In the app it is the gateway's thread, too (core/loop_thread.py).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol

from websockets.frames import CloseCode
from websockets.http11 import Response

from core.access import Principal
from core.clock import Clock, SystemClock
from core.errors import LimitReached, Unavailable
from core.loop_thread import LoopThread
from web.live.connection import Connection, MessageTaker
from web.live.join_budget import Join, JoinBudget
from web.live.loop_lag import LoopLag
from web.live.unsent import Backlog

log = logging.getLogger(__name__)

_TICK_S = 1.0
_WORKERS = 8
_MIN_PER_OWNER = 16  # some tabs and screens of one user
_BEHIND_AFTER_S = 1.0
_MAX_BACKLOG_BYTES = 256 * 1024 * 1024


class SocketHandler(MessageTaker, Protocol):
    """Handles the messages of one connection. Implemented by web.live.socket_handler.LiveSocketHandler."""

    principal: Principal

    def end_login(self) -> None: ...
    def on_camera_lost(self, camera_id: int) -> None:
        """Called when another node gets the camera."""
        ...

    def on_open(self, connection: Connection) -> None: ...
    def on_tick(self) -> None:
        """Called about once a second."""
        ...


class Sockets:
    """All WebSockets of the app. start() and stop() may be called twice. Safe between threads."""

    def __init__(
        self,
        max_sockets: int,
        clock: Clock | None = None,
        *,
        tick_s: float = _TICK_S,
        max_backlog_bytes: int = _MAX_BACKLOG_BYTES,
    ) -> None:
        self.clock = clock or SystemClock()
        self._max_sockets = max_sockets
        self._tick_s = tick_s
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None  # while the sockets run
        self._next_tick: asyncio.TimerHandle | None = None  # used in the loop only
        self._workers: ThreadPoolExecutor | None = None
        self._open: dict[Connection, SocketHandler] = {}  # used in the loop only
        self._backlog = Backlog(max_backlog_bytes)
        self._counts: Counter[Hashable] = Counter()  # sockets by owner, including those that have not begun yet
        self._joins = JoinBudget()
        self._lag = LoopLag()
        self._posted: deque[tuple[float, Callable[..., object], tuple[object, ...]]] = deque()
        self._is_woken = False
        self._on_left: list[Callable[[Principal], None]] = []

    def on_left(self, callback: Callable[[Principal], None]) -> None:
        """Call `callback`, in a worker thread, after the last socket of a user or token was closed."""
        self._on_left.append(callback)

    def start(self, thread: LoopThread | None = None) -> None:
        """Begin to take sockets, in the event loop of this thread; in an own one unless given."""
        with self._lock:
            if self._thread:
                return
            self._posted.clear()
            self._is_woken = False
            self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="live-work")
            self._thread = thread or LoopThread("live-sockets")
            self._thread.start()
            self._thread.call(self._lag.start)
            self._thread.call(self._tick)

    def stop(self) -> None:
        """Return when all connections are closed."""
        with self._lock:
            thread, self._thread = self._thread, None
            workers, self._workers = self._workers, None
        if thread is None or workers is None:
            return
        try:
            thread.stop(self._drop_all)
        finally:
            workers.shutdown(wait=False, cancel_futures=True)

    def check_capacity(self, who: Principal) -> None:
        """Raise Unavailable if there are too many sockets, LimitReached if this user or token has too many.

        A user or token may have a quarter of all sockets. Without accounts, users of this machine may have all.
        """
        with self._lock:
            total, owned = self._counts.total(), self._counts[_owner(who)]
            is_running = self._thread is not None
        max_owned = max(_MIN_PER_OWNER, self._max_sockets // 4)
        if not is_running or total >= self._max_sockets:
            raise Unavailable("Too many pages are watching at the same time.", code="busy", retry_after_s=5)
        if who.kind != "local" and owned >= max_owned:
            raise LimitReached(
                f"{max_owned} of your pages are watching already: close some of them.", code="socket_limit"
            )

    def take(self, sock: socket.socket, response: Response, handler: SocketHandler) -> None:
        """Take a connection over and send the answer to its handshake."""
        with self._lock:
            if self._thread is None:
                sock.close()
                return
            self._counts[_owner(handler.principal)] += 1
            self._thread.call(self._begin, sock, response, handler)

    def post(self, work: Callable[..., object], *arguments: object) -> None:
        """Run `work` in the loop: immediately if this is its thread and no other work waits.

        Many calls are cheap: the loop is woken once for all that is posted meanwhile.
        """
        thread = self._thread
        if not self._posted and thread is not None and thread.is_current():
            _logged(work, *arguments)
            return
        self._posted.append((self.clock.monotonic_s(), work, arguments))
        if self._is_woken:
            return
        with self._lock:
            if self._thread is None:
                self._posted.clear()
            elif not self._is_woken:
                self._is_woken = True
                self._thread.call(self._do_posted)

    def is_behind(self) -> bool:
        """True if work that was posted a second ago still waits. Callers should then drop fragments."""
        if not self._posted:  # nearly always
            return False
        try:
            posted_s = self._posted[0][0]
        except IndexError:  # the loop has just taken the last item
            return False
        return self.clock.monotonic_s() - posted_s > _BEHIND_AFTER_S

    @property
    def lag_s(self) -> float:
        """The largest delay of due work in the loop in the last two seconds. Used in the loop only."""
        return self._lag.worst_s

    def work(self, job: Callable[[], None]) -> None:
        """Run a job that may block in a worker thread. After stop() it is dropped."""
        with self._lock:
            if self._workers is not None:
                self._workers.submit(_logged, job)

    def reserve_join(self, who: Principal, *, is_large: bool) -> Join:
        """Reserve a join of this user for begin_join(). Raise Unavailable (join_limit) if too many joins wait.

        Used in the loop only.
        """
        return self._joins.reserve(_owner(who), self.clock.monotonic_s(), is_large=is_large)

    def begin_join(self, join: Join, job: Callable[[], None]) -> None:
        """Run the job of a join in a worker thread when its turn comes. Used in the loop only."""

        def begin() -> None:
            if join.begin():
                self.work(job)

        if join.wait_s > 0:
            asyncio.get_running_loop().call_later(join.wait_s, begin)
        else:
            begin()

    def end_logins(self, keys: frozenset[str]) -> None:
        """Close the connections of these logins and tokens (`Principal.key`)."""

        def end() -> None:
            for handler in list(self._open.values()):
                if handler.principal.key in keys:
                    handler.end_login()

        self.post(end)

    def leave_camera(self, camera_id: int) -> None:
        """Tell the pages that watch this camera that another node has it now, before its streams end."""

        def leave() -> None:
            for handler in list(self._open.values()):
                handler.on_camera_lost(camera_id)

        self.post(leave)

    # ---- the loop --------------------------------------------------------------------------------

    def _begin(self, sock: socket.socket, response: Response, handler: SocketHandler) -> None:
        if self._thread is None:  # stopped since take()
            sock.close()
            return
        connection = Connection(asyncio.get_running_loop(), sock, ForgottenAtClose(self, handler), self._backlog)
        self._open[connection] = handler
        try:
            connection.begin(response)
            handler.on_open(connection)
        except OSError:
            connection.drop()

    def _do_posted(self) -> None:
        """Run the posted work. Work posted meanwhile wakes the loop again, after the sockets had their turn."""
        self._is_woken = False
        for _ in range(len(self._posted)):
            if not self._posted:  # stop() emptied it
                break
            _, work, arguments = self._posted.popleft()
            _logged(work, *arguments)

    def _tick(self) -> None:
        try:
            for connection, handler in list(self._open.items()):
                _logged(connection.tick)
                _logged(handler.on_tick)
        finally:
            self._next_tick = asyncio.get_running_loop().call_later(self._tick_s, self._tick)

    def forget(self, handler: SocketHandler) -> None:
        """Forget a handler whose connection is closed."""
        for connection in [one for one, its_handler in self._open.items() if its_handler is handler]:
            del self._open[connection]
            with self._lock:
                self._counts[_owner(handler.principal)] -= 1
                has_left = self._counts[_owner(handler.principal)] <= 0
            for callback in self._on_left if has_left else ():
                self.work(partial(callback, handler.principal))

    async def _drop_all(self) -> None:
        self._lag.stop()
        if self._next_tick:
            self._next_tick.cancel()
        for connection in list(self._open):
            connection.close(CloseCode.GOING_AWAY, "the app is stopping")
        for connection in list(self._open):
            connection.drop()


def _owner(who: Principal) -> Hashable:
    """Return the user of all their logins, or the token; None for users of this machine without accounts."""
    return who.user_id if who.kind == "session" else who.key or None


class ForgottenAtClose(MessageTaker):
    """Passes messages on to a handler, and removes the handler from the sockets when its connection closes."""

    def __init__(self, sockets: Sockets, handler: SocketHandler) -> None:
        self._sockets = sockets
        self._handler = handler

    def on_text(self, data: bytes) -> None:
        self._handler.on_text(data)

    def on_waiting(self) -> None:
        self._handler.on_waiting()

    def on_closed(self) -> None:
        try:
            self._handler.on_closed()
        finally:
            self._sockets.forget(self._handler)


def _logged(job: Callable[..., object], *arguments: object) -> None:
    try:
        job(*arguments)
    except Exception:  # no caller waits for it, and the next work belongs to other sockets
        log.exception("work for a live socket failed")
