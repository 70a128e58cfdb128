"""The thread of the sockets: an event loop that owns every WebSocket, and workers for what may take a moment."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from websockets.frames import CloseCode
from websockets.http11 import Response

from core.access import Principal
from core.clock import Clock, SystemClock
from core.errors import LimitReached, Unavailable
from web.live.connection import Backlog, Connection, MessageTaker

log = logging.getLogger(__name__)

_TICK_S = 1.0
_STOP_S = 2.0
_WORKERS = 8
_LEAST_OF_ONE = 16
_BEHIND_AFTER_S = 1.0
_MOST_WAITING_BYTES = 256 * 1024 * 1024


class SocketHandler(MessageTaker, Protocol):
    """What answers at the other end of a connection."""

    @property
    def principal(self) -> Principal: ...
    def end_login(self) -> None: ...
    def on_open(self, connection: Connection) -> None: ...
    def on_tick(self) -> None:
        """Every second or so."""
        ...


class Sockets:
    """start(), take() as often as wanted, stop(). Both may be called twice. Safe between threads."""

    def __init__(
        self,
        places: int,
        clock: Clock | None = None,
        *,
        tick_s: float = _TICK_S,
        most_waiting_bytes: int = _MOST_WAITING_BYTES,
    ) -> None:
        self.clock = clock or SystemClock()
        self._places = places
        self._tick_s = tick_s
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._workers: ThreadPoolExecutor | None = None
        self._open: dict[Connection, SocketHandler] = {}  # the loop's own
        self._backlog = Backlog(most_waiting_bytes)
        self._promised: Counter[Hashable] = Counter()  # by whose they are
        self._posted: deque[tuple[float, Callable[..., object], tuple[object, ...]]] = deque()
        self._is_woken = False

    def start(self) -> None:
        with self._lock:
            if self._thread:
                return
            self._loop = asyncio.new_event_loop()
            self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="live-work")
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name="live-sockets", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Every connection is gone when it answers."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
            workers, self._workers = self._workers, None
        if loop is None or thread is None or workers is None:
            return
        loop.call_soon_threadsafe(self._drop_all, loop)
        thread.join(_STOP_S)
        workers.shutdown(wait=False, cancel_futures=True)

    def check_room(self, who: Principal) -> None:
        """Unavailable where no more may come, LimitReached where no more of theirs may: one user or token takes a
        quarter of the places, or the few that some tabs and screens need; this machine, with whom nobody shares, all.
        """
        with self._lock:
            taken, theirs = self._promised.total(), self._promised[_owner(who)]
            is_running = self._loop is not None
        most = max(_LEAST_OF_ONE, self._places // 4)
        if not is_running or taken >= self._places:
            raise Unavailable("Too many pages watch at once.", code="busy", retry_after_s=5)
        if who.kind != "local" and theirs >= most:
            raise LimitReached(f"{most} of your pages watch already: close some of them.", code="socket_limit")

    def take(self, sock: socket.socket, response: Response, handler: SocketHandler) -> None:
        """Takes a connection over, with the answer to its handshake."""
        with self._lock:
            if self._loop is None:
                sock.close()
                return
            self._promised[_owner(handler.principal)] += 1
            self._loop.call_soon_threadsafe(self._begin, sock, response, handler)

    def post(self, work: Callable[..., object], *arguments: object) -> None:
        """Has the loop do it. Cheap however often it is called: the loop is woken once for all that waits."""
        self._posted.append((self.clock.monotonic_s(), work, arguments))
        if self._is_woken:
            return
        with self._lock:
            if self._loop is None:
                self._posted.clear()
            elif not self._is_woken:
                self._is_woken = True
                self._loop.call_soon_threadsafe(self._do_posted)

    def is_behind(self) -> bool:
        """Whether the loop has not come yet to what was posted a second ago: what can be left out should be."""
        try:
            posted_s = self._posted[0][0]
        except IndexError:  # the loop may take it between looking whether there is one and taking it
            return False
        return self.clock.monotonic_s() - posted_s > _BEHIND_AFTER_S

    def work(self, job: Callable[[], None]) -> None:
        """Has a worker thread do what may block; nothing once stopped."""
        with self._lock:
            if self._workers is not None:
                self._workers.submit(_logged, job)

    def end_logins(self, keys: frozenset[str]) -> None:
        """Closes the connections of principals with these keys."""

        def end() -> None:
            for handler in list(self._open.values()):
                if handler.principal.key in keys:
                    handler.end_login()

        self.post(end)

    # ---- the loop --------------------------------------------------------------------------------

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.call_later(self._tick_s, self._tick)
        try:
            loop.run_forever()
        finally:
            loop.close()

    def _begin(self, sock: socket.socket, response: Response, handler: SocketHandler) -> None:
        connection = Connection(asyncio.get_running_loop(), sock, _Counted(self, handler), self._backlog)
        self._open[connection] = handler
        try:
            connection.begin(response)
            handler.on_open(connection)
        except OSError:
            connection.drop()

    def _do_posted(self) -> None:
        """What is there now; what is posted meanwhile has the loop woken again, and the sockets their turn before."""
        self._is_woken = False
        for _ in range(len(self._posted)):
            if not self._posted:  # stopped
                break
            _, work, arguments = self._posted.popleft()
            _logged(work, *arguments)

    def _tick(self) -> None:
        for connection, handler in list(self._open.items()):
            connection.tick()
            handler.on_tick()
        asyncio.get_running_loop().call_later(self._tick_s, self._tick)

    def forget(self, handler: SocketHandler) -> None:
        """Its connection is gone."""
        for connection in [one for one, its in self._open.items() if its is handler]:
            del self._open[connection]
            with self._lock:
                self._promised[_owner(handler.principal)] -= 1

    def _drop_all(self, loop: asyncio.AbstractEventLoop) -> None:
        for connection in list(self._open):
            connection.close(CloseCode.GOING_AWAY, "the app is stopping")
        for connection in list(self._open):
            connection.drop()
        loop.stop()


def _owner(who: Principal) -> Hashable:
    """A user, however often they have logged in, or a token; None: this machine."""
    return who.user_id if who.kind == "session" else who.key or None


class _Counted:
    """A handler, and its place among the sockets."""

    def __init__(self, sockets: Sockets, handler: SocketHandler) -> None:
        self._sockets = sockets
        self._handler = handler
        self.on_text = handler.on_text

    def on_closed(self) -> None:
        self._sockets.forget(self._handler)
        self._handler.on_closed()


def _logged(job: Callable[..., object], *arguments: object) -> None:
    try:
        job(*arguments)
    except Exception:  # nobody waits for what it would raise, and what is to be done next is somebody else's
        log.exception("work for a live socket broke off")
