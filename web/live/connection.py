"""One WebSocket (RFC 6455) in the sockets' loop: reads and writes its bytes, and handles slow readers.

The `websockets` package implements the protocol, without input and output. Sockets are read and written directly,
because asyncio cannot take over a TLS connection whose handshake is already done.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import ssl
import typing
from collections.abc import Iterable, Sequence

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import Protocol, Side, State

from web.live.kernel_buffer import KernelBuffer
from web.live.pace import Pace, PaceMeter
from web.live.unsent import Backlog, UnsentMessages
from web.live.wire import binary_frame_head

log = logging.getLogger(__name__)

_QUIET = logging.getLogger("websockets.quiet")  # otherwise it logs every connection
_QUIET.setLevel(logging.ERROR)

MAX_MESSAGE_BYTES = 16 * 1024
_READ_BYTES = 4 * 1024  # per turn of the loop: at most some hundred frames, which take a few milliseconds
_MAX_FRAMES_PER_S = 100  # of any kind; a page sends about ten when it opens a wall
_BYTES_PER_TURN = 512 * 1024  # of the loop: the frames that a watch begins with may have 12 MB
_BYTES_PER_WRITE = 128 * 1024
_TLS_BYTES_PER_WRITE = 16 * 1024  # one record
_UNCHECKED_BYTES = 8 * 1024  # so few bytes without a backlog are written without a look at the kernel's buffer
_PARTS_PER_WRITE = 64
_JOINED_BYTES = 128 * 1024  # a smaller message is copied into one buffer, which takes one call of the kernel
_MAX_UNSENT_BYTES = 24 * 1024 * 1024  # of all messages; those without fragments are small and never dropped
_MAX_FRAGMENT_BYTES = 16 * 1024 * 1024  # enough for all fragments since a key frame, if those are rare
_QUOTA_BYTES = 2 * 1024 * 1024  # a large key frame
_WAITING_AFTER_S = 0.85  # a page counts its link as late from a backlog of 0.8 s on
_LATE_AFTER_S = 1.0
_LATE_BYTES = 8 * 1024
_STUCK_AFTER_S = 15.0
_PING_EVERY_S = 10.0
_SILENT_AFTER_S = 30.0
_CLOSE_WITHIN_S = 2.0
PACE = "pace"  # the kind of reports about the pace
TOO_MANY_MESSAGES = 4429  # a close code of this app (RFC 6455, section 7.4.2)


class MessageTaker(typing.Protocol):
    """Receives the messages of a connection. Called in the loop; must not block.

    Implemented by sockets.ForgottenAtClose, which passes them on to a SocketHandler.
    """

    def on_text(self, data: bytes) -> None: ...
    def on_waiting(self) -> None:
        """Called once for each backlog that becomes so old that the page counts its link as late."""
        ...

    def on_closed(self) -> None:
        """Called once."""
        ...


class Connection:
    """Used in the loop only. Calls the taker's on_closed() once, whichever side closes."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        taker: MessageTaker,
        backlog: Backlog,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._is_tls = isinstance(sock, ssl.SSLSocket)
        self._protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=MAX_MESSAGE_BYTES, logger=_QUIET)
        self._taker = taker
        self._backlog = backlog
        self._unsent = UnsentMessages(backlog)
        self._pace = PaceMeter(loop.time())
        self._reported: Pace | None = None
        self._kernel = KernelBuffer(sock)
        self._is_writing = False
        self._is_late = False
        self._is_waiting = False  # the backlog is old, and the taker knows it
        self._dropped_s = -math.inf  # when messages of a watch were dropped
        self._is_reading = False
        self._is_closed = False
        self._is_last_sent = False
        self._frames = 0  # received since the last tick
        self._heard_s = self._pinged_s = self._taken_s = loop.time()
        self._closing_s: float | None = None

    def begin(self, response: Response) -> None:
        """Send the answer to the handshake and start reading."""
        self._sock.setblocking(False)
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._kernel.fit(None, is_late=False)
        self._loop.add_reader(self._sock, self._on_readable)
        self._is_reading = True
        self._unsent.put(response.serialize(), self._loop.time())
        self._write()

    # ---- out -------------------------------------------------------------------------------------

    @property
    def is_late(self) -> bool:
        """True if the reader is too slow. Callers should then drop fragments."""
        return self._is_late

    @property
    def unsent_bytes(self) -> int:
        """Bytes that wait for the reader."""
        return self._unsent.total_bytes

    @property
    def backlog_age_s(self) -> float:
        """How long the oldest unsent message waits; 0 without one."""
        return self._loop.time() - self._unsent.first_put_s if self._unsent else 0.0

    @property
    def bytes_per_s(self) -> float | None:
        """Throughput of the link; None before the first backlog."""
        return self._pace.bytes_per_s

    def measure_pace(self) -> Pace:
        """Return the pace since the last report that was sent, and fit the kernel's buffer to it."""
        pace = self._pace.measure(self._loop.time(), self._kernel.held_bytes())
        if self._reported and self._unsent.holds_urgent(PACE):
            pace = self._reported + pace
        self._reported = pace
        self._kernel.fit(self.bytes_per_s, is_late=self._is_late)
        return pace

    def has_space_for(self, fragment_bytes: int) -> bool:
        """True if fragments of this size may be added to the unsent bytes.

        If the total backlog is over its limit, each socket gets a small quota, so that slow readers do not hurt
        fast ones.
        """
        is_full = self._backlog.unsent_bytes + fragment_bytes > self._backlog.max_bytes
        return self._unsent.total_bytes + fragment_bytes <= (_QUOTA_BYTES if is_full else _MAX_FRAGMENT_BYTES)

    def send_text(self, data: bytes) -> None:
        if self._is_open:
            self._protocol.send_text(data)
            self._flush()

    def send_urgent(self, data: bytes, kind: str) -> None:
        """Send a text before all waiting messages but the first.

        It replaces an urgent text of the same kind that still waits.
        """
        if not self._is_open:
            return
        self._collect()
        self._protocol.send_text(data)
        if self._unsent:
            for frame in self._protocol.data_to_send():
                self._unsent.put_urgent(frame, self._loop.time(), kind)
        self._flush()

    def send_binary(self, data: bytes, watch: int) -> None:
        """Send media of a watch. drop_watch() drops it as long as none of it is sent."""
        if self._is_open:
            self._collect()  # a pong that waits belongs to no watch
            self._protocol.send_binary(data)
            self._flush(watch)

    def send_media(self, messages: Iterable[Sequence[bytes]], watch: int) -> None:
        """Send media of a watch: binary messages, each of these parts.

        The connections of all viewers hold the same parts. Only a small message that comes alone is copied, into one
        buffer: the copies of the 12 MB that a watch may begin with would take the loop's time and memory.
        """
        if not self._is_open:
            return
        self._collect()
        queue = list(messages)
        if len(queue) == 1 and not self._unsent and not self._is_tls:  # nearly always
            self._send_now(queue[0], watch)
            return
        for parts in queue:
            size = sum(map(len, parts))
            head = binary_frame_head(size)
            if len(queue) == 1 and size <= _JOINED_BYTES:
                self._unsent.put(b"".join((head, *parts)), self._loop.time(), watch)
            else:
                self._unsent.put_parts([head + parts[0], *filter(None, parts[1:])], self._loop.time(), watch)
        self._flush()

    def _send_now(self, parts: Sequence[bytes], watch: int) -> None:
        """Give a message to the kernel while no other one waits. Put the rest into the queue."""
        size = sum(map(len, parts))
        head = binary_frame_head(size)
        pieces = [head + parts[0], *filter(None, parts[1:])]
        sent = 0
        if size <= _BYTES_PER_WRITE and len(pieces) <= _PARTS_PER_WRITE:
            try:
                sent = self._sock.sendmsg(pieces)
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as error:
                log.debug("a socket is gone: %s", error)
                self.drop()
                return
        now_s = self._loop.time()
        if sent:
            self._taken_s = now_s
            self._pace.note_taken(sent)
        if sent < len(head) + size:
            self._unsent.put_parts(pieces, now_s, watch)
            self._unsent.take(sent)
            self._write()

    def drop_watch(self, watch: int) -> None:
        """Drop the unsent media of a watch that has ended. A message whose sending has begun is sent whole.

        If little is left, the reader is no longer late, so that the next watch can begin immediately.
        """
        if self._unsent.drop_watch(watch):
            self._dropped_s = self._loop.time()
            if self._unsent.bytes_behind_first <= _LATE_BYTES:
                self._set_late(False)

    @property
    def _is_open(self) -> bool:
        return self._protocol.state is State.OPEN and not self._is_closed

    def close(self, code: int = CloseCode.GOING_AWAY, reason: str = "") -> None:
        """Send a close frame. The connection closes when the other side answers it, or after _CLOSE_WITHIN_S."""
        if self._is_closed or self._closing_s is not None:
            return
        self._closing_s = self._loop.time()
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()
        self._loop.call_later(_CLOSE_WITHIN_S, self.drop)

    def drop(self) -> None:
        """Close the connection immediately."""
        if self._is_closed:
            return
        self._is_closed = True
        self._stop_reading()
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(self._sock)
        self._unsent.clear()
        with contextlib.suppress(OSError):
            self._sock.close()
        self._taker.on_closed()

    def tick(self) -> None:
        """Called about once a second: ping, and drop a connection that sends nothing or reads nothing any more."""
        self._frames = 0
        now_s = self._loop.time()
        is_stuck = bool(self._unsent) and now_s - max(self._taken_s, self._unsent.first_put_s) > _STUCK_AFTER_S
        if is_stuck or now_s - self._heard_s > _SILENT_AFTER_S:
            self.drop()
        elif now_s - self._pinged_s > _PING_EVERY_S and self._protocol.state is State.OPEN:
            self._pinged_s = now_s
            self._protocol.send_ping(b"")
            self._flush()

    def _flush(self, watch: int | None = None) -> None:
        """Write the protocol's output, as far as the kernel takes it. `watch`: the watch whose media it is."""
        self._collect(watch)
        if self._is_writing:
            self._note_lateness()
        else:
            self._write()

    def _collect(self, watch: int | None = None) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._unsent.put(data, self._loop.time(), watch)
            else:  # the protocol sends nothing more and reads nothing more
                self._loop.call_later(_CLOSE_WITHIN_S, self.drop)
                self._is_last_sent = True
                self._stop_reading()

    def _write(self) -> None:
        """Write as much as the kernel takes, but let other sockets have their turn after _BYTES_PER_TURN."""
        left_bytes = _BYTES_PER_TURN
        try:
            while self._unsent and left_bytes > 0:
                is_checked = self._is_writing or self._unsent.total_bytes > _UNCHECKED_BYTES
                space_bytes = self._kernel.space() if is_checked else _UNCHECKED_BYTES
                if space_bytes <= 0:
                    break
                sent = self._write_once(space_bytes)
                self._taken_s = self._loop.time()
                self._unsent.take(sent)
                self._pace.note_taken(sent)
                left_bytes -= sent
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError, InterruptedError):
            pass
        except OSError as error:
            log.debug("a socket is gone: %s", error)
            self.drop()
            return
        self._note_lateness()
        if self._is_last_sent and not self._unsent:
            # Both sides have sent a close frame: the server closes first (RFC 6455, section 7.1.1).
            if self._protocol.close_rcvd is not None:
                self.drop()
                return
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)
        if bool(self._unsent) is not self._is_writing:
            self._is_writing = bool(self._unsent)
            self._pace.note_backlog(self._is_writing, self._loop.time(), self._kernel.held_bytes())
            if self._is_writing:
                self._loop.add_writer(self._sock, self._write)
            else:
                self._loop.remove_writer(self._sock)

    def _write_once(self, most_bytes: int) -> int:
        """OpenSSL wants the same bytes again if it did not take them, so their number depends on the message alone."""
        if isinstance(self._sock, ssl.SSLSocket):
            return self._sock.send(self._unsent.first[:_TLS_BYTES_PER_WRITE])
        return self._sock.sendmsg(self._unsent.first_parts(min(most_bytes, _BYTES_PER_WRITE), _PARTS_PER_WRITE))

    def _note_lateness(self) -> None:
        if self._unsent.total_bytes > _MAX_UNSENT_BYTES:
            self.drop()
            return
        if not self._unsent:
            self._set_late(False)
        elif self._unsent.total_bytes > _LATE_BYTES:
            waiting_since_s = max(self._unsent.first_put_s, self._dropped_s)
            if self._loop.time() - waiting_since_s > _LATE_AFTER_S:
                self._set_late(True)
        was_waiting, self._is_waiting = self._is_waiting, self.backlog_age_s > _WAITING_AFTER_S
        if self._is_waiting and not was_waiting:
            self._taker.on_waiting()

    def _set_late(self, is_late: bool) -> None:
        if is_late is not self._is_late:
            self._is_late = is_late
            self._kernel.fit(self.bytes_per_s, is_late=is_late)

    # ---- in --------------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        """Read once, even if more data is there, so that other connections have their turn."""
        if not self._is_reading:
            return
        try:
            data = self._sock.recv(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError, InterruptedError):
            return
        except OSError as error:
            log.debug("a socket is gone: %s", error)
            self.drop()
            return
        if not data:
            self._protocol.receive_eof()
            self.drop()
            return
        self._heard_s = self._loop.time()
        self._protocol.receive_data(data)
        self._take(self._protocol.events_received())
        if self._is_closed:
            return
        self._flush()
        if isinstance(self._sock, ssl.SSLSocket) and self._is_reading and self._sock.pending():
            self._loop.call_soon(self._on_readable)  # OpenSSL holds decrypted data, for which select() reports nothing

    def _stop_reading(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._sock)

    def _take(self, events: Iterable[object]) -> None:
        for event in events:
            if not isinstance(event, Frame):
                continue
            self._frames += 1
            if self._frames > _MAX_FRAMES_PER_S:
                self._end_flood()
                return
            if event.opcode is Opcode.TEXT and event.fin:
                self._taker.on_text(bytes(event.data))
            elif event.opcode in (Opcode.BINARY, Opcode.CONT, Opcode.TEXT):
                self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "one text frame per message")

    def _end_flood(self) -> None:
        """Close without reading the waiting bytes: reading them is the work that the limit prevents."""
        if self._closing_s is not None:
            self.drop()
            return
        self._stop_reading()
        self.close(TOO_MANY_MESSAGES, "too many messages")
