"""Messages that the kernel does not take: a watch's are dropped, urgent ones overtake them, the rest is measured."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Response

from core.access import LOCAL
from sessions.live.broadcast import LiveFragment
from tests.onvif_services.tls import server_context
from tests.patience import LIMIT_S, until
from tests.web.live.live_peer import Channels, Peer, pair
from web.live.connection import Connection, MessageTaker
from web.live.kernel_buffer import KernelBuffer
from web.live.live_watch import LiveWatch
from web.live.socket_handler import LiveSocketHandler
from web.live.sockets import Sockets
from web.live.unsent import Backlog, UnsentMessages

KERNEL = 16_384
FRAME = 40_000


class HandLoop:
    """The part of an event loop that a connection uses. Time and writes happen when the test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.write: Callable[[], None] | None = None

    def time(self) -> float:
        return self.now_s

    def add_reader(self, sock: socket.socket, work: Callable[[], None]) -> None: ...
    def remove_reader(self, sock: socket.socket) -> None: ...
    def call_later(self, after_s: float, work: Callable[[], None]) -> None: ...
    def add_writer(self, sock: socket.socket, work: Callable[[], None]) -> None:
        self.write = work

    def remove_writer(self, sock: socket.socket) -> None:
        self.write = None


class Deaf(MessageTaker):
    def on_text(self, data: bytes) -> None: ...
    def on_waiting(self) -> None: ...
    def on_closed(self) -> None: ...


class FastReader:
    """A socket whose other end reads so fast that the kernel always takes more."""

    taken_bytes = 0

    def sendmsg(self, parts: Sequence[memoryview]) -> int:
        sent = sum(map(len, parts))
        self.taken_bytes += sent
        return sent

    def fileno(self) -> int:
        return -1

    def setblocking(self, is_blocking: bool) -> None: ...
    def setsockopt(self, *option: int) -> None: ...
    def getsockopt(self, *option: int) -> bytes:
        return b""


class Line:
    """A connection over loopback, and the page at its other end."""

    def __init__(self, ours: socket.socket, theirs: socket.socket, taker: MessageTaker | None = None) -> None:
        self.loop = HandLoop()
        self.sock = theirs
        self.backlog = Backlog(10**9)
        loop = cast(asyncio.AbstractEventLoop, self.loop)
        self.connection = Connection(loop, theirs, taker or Deaf(), self.backlog)
        self.connection.begin(Response(101, "Switching Protocols", Headers()))
        self.page = Peer(ours)

    def fill(self, watch: int, count: int) -> None:
        """Send messages of a watch that begin with its id, until the kernel is full and `count` of them wait."""
        while self.loop.write is None:
            self.connection.send_binary(bytes([watch]) * FRAME, watch)
        for _ in range(count):
            self.connection.send_binary(bytes([watch]) * FRAME, watch)

    def read_all(self) -> list[bytes | str]:
        """Let the page read everything; return the first byte of each binary message, and the type of each text."""
        self.connection.send_text(b'{"type": "end"}')
        found: list[bytes | str] = []
        while not found or found[-1] != "end":
            if self.loop.write is not None:
                self.loop.write()
            try:
                message = self.page.read(within_s=0.05)
            except TimeoutError:  # the rest of a message still waits in the connection
                continue
            assert message is not None
            found.append(message[:1] if isinstance(message, bytes) else message["type"])
        return found


@pytest.fixture
def line() -> Iterator[Line]:
    with pair(KERNEL) as (ours, theirs):
        made = Line(ours, theirs)
        yield made
        made.connection.drop()


def test_the_unsent_messages_of_a_watch_are_dropped(line: Line) -> None:
    line.fill(1, 3)
    line.connection.send_binary(b"\2" * FRAME, 2)
    before = line.backlog.unsent_bytes
    line.connection.drop_watch(1)
    assert before - line.backlog.unsent_bytes >= 3 * FRAME
    found = line.read_all()
    assert found[-2:] == [b"\2", "end"]
    assert found.count(b"\1") == len(found) - 2, "the begun message is sent whole"
    assert line.backlog.unsent_bytes == 0


def test_a_dropped_watch_makes_place_for_the_next_one(line: Line) -> None:
    line.fill(1, 3)
    line.loop.now_s += 1.5
    line.connection.send_binary(b"\1" * FRAME, 1)
    assert line.connection.is_late
    line.connection.drop_watch(1)
    assert not line.connection.is_late
    line.connection.send_binary(b"\2" * FRAME, 2)
    assert not line.connection.is_late, "the begun message is old, but the reader gets a second again"
    line.loop.now_s += 1.5
    line.connection.send_binary(b"\2" * FRAME, 2)
    assert line.connection.is_late


def test_other_watches_keep_a_reader_late(line: Line) -> None:
    line.fill(1, 1)
    line.connection.send_binary(b"\2" * FRAME, 2)
    line.loop.now_s += 1.5
    line.connection.send_binary(b"\2" * FRAME, 2)
    line.connection.drop_watch(1)
    assert line.connection.is_late


def test_a_late_reader_gets_a_smaller_kernel_buffer(line: Line) -> None:
    def limit() -> int:
        return line.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)

    line.fill(1, 1)
    assert limit() == 32 * 1024
    line.loop.now_s += 1.5
    line.connection.send_binary(b"\1", 1)
    assert limit() == 16 * 1024
    line.read_all()
    assert limit() == 32 * 1024


def test_a_socket_without_a_measured_round_trip_keeps_a_usual_buffer() -> None:
    """The kernel tells 2^32-1 microseconds then."""
    with socket.socket() as unconnected:
        KernelBuffer(unconnected).fit(None, is_late=False)
        assert 0 < unconnected.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) < 10_000_000


def test_a_long_path_keeps_the_tuning_of_a_kernel_with_small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux before 6.17 accepts 208 kB: at a round trip of 200 ms these are 16 Mbit/s at most."""
    monkeypatch.setattr("web.live.kernel_buffer._most_send_buffer", lambda: 212_992)
    monkeypatch.setattr(KernelBuffer, "_shortest_round_trip_s", lambda _: 0.2)

    def held(sock: socket.socket) -> int:
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)

    with socket.socket() as sock:
        kernel, before = KernelBuffer(sock), held(sock)
        kernel.fit(None, is_late=False)
        kernel.fit(5_000_000, is_late=False)
        assert held(sock) == before
        kernel.fit(40_000, is_late=True)
        thin = held(sock)
        assert thin < 100_000
        kernel.fit(5_000_000, is_late=False)
        assert held(sock) == 2 * 212_992


def test_the_kernel_holds_little_that_it_has_not_sent(any_line: Line) -> None:
    """At 350 kbit/s it held 130 kB, so that reports and better fitting media came three seconds late."""
    held: list[int] = []
    frame, sock = bytes([1]) * FRAME, any_line.page.sock

    def reads_on() -> bool:
        with contextlib.suppress(TimeoutError, ssl.SSLWantReadError):
            sock.recv(4096)
        if any_line.loop.write is not None:
            any_line.loop.write()
        held.append(KernelBuffer(any_line.sock).unsent_bytes())
        return any_line.connection.unsent_bytes == 0

    any_line.fill(1, 5)
    any_line.connection.send_media([[b"\1" * 20, frame, frame, frame]], 1)
    sock.settimeout(0.01)
    until(reads_on)
    assert max(held) <= (32 + 16) * 1024


class Told(Deaf):
    """Counts how often the connection says that its backlog is old."""

    def __init__(self) -> None:
        self.times = 0

    def on_waiting(self) -> None:
        self.times += 1


def test_an_old_backlog_is_told_once_until_it_is_gone() -> None:
    with pair(KERNEL) as (ours, theirs):
        told = Told()
        line = Line(ours, theirs, told)
        line.fill(1, 2)
        line.loop.now_s += 0.5
        line.connection.send_binary(b"\1", 1)
        assert told.times == 0
        for _ in range(3):
            line.loop.now_s += 0.5
            line.connection.send_binary(b"\1", 1)
        assert told.times == 1
        line.read_all()
        line.fill(1, 2)
        line.loop.now_s += 1
        line.connection.send_binary(b"\1", 1)
        assert told.times == 2
        line.connection.drop()


def test_an_urgent_text_overtakes_media_and_replaces_the_older_one(line: Line) -> None:
    line.fill(1, 3)
    line.connection.send_urgent(b'{"type": "old"}', "pace")
    line.connection.send_urgent(b'{"type": "clock"}', "clock")
    line.connection.send_urgent(b'{"type": "new"}', "pace")
    found = line.read_all()
    assert found.count("old") == 0
    assert found[found.index("new") :] == ["new", "clock", b"\1", b"\1", b"\1", "end"]


def test_a_report_holds_the_time_of_the_one_that_it_replaces(line: Line) -> None:
    """Otherwise the page learns the throughput of a slow link seconds later."""
    line.fill(1, 3)
    for _ in range(3):
        line.loop.now_s += 1
        pace = line.connection.measure_pace()
        line.connection.send_urgent(b'{"type": "pace"}', "pace")
    assert (pace.interval_s, pace.busy_s) == (3, 3)
    line.read_all()
    line.loop.now_s += 1
    assert line.connection.measure_pace().interval_s == 1


def test_an_urgent_text_is_sent_without_a_backlog(line: Line) -> None:
    line.connection.send_urgent(b'{"type": "new"}', "pace")
    assert line.read_all() == ["new", "end"]


def test_an_urgent_text_makes_the_backlog_look_no_younger() -> None:
    unsent = UnsentMessages(Backlog(10**9))
    unsent.put(b"begun", 1.0)
    unsent.put(b"media", 2.0, 1)
    unsent.put_urgent(b"pace", 9.0, "pace")
    unsent.take(len(b"begun"))
    assert (bytes(unsent.first), unsent.first_put_s) == (b"pace", 2.0)


def test_throughput_counts_only_bytes_read_during_a_backlog(line: Line) -> None:
    line.connection.send_binary(b"\1" * 100, 1)
    line.loop.now_s += 1
    quiet = line.connection.measure_pace()
    assert (quiet.busy_s, quiet.busy_bytes) == (0, 0)
    assert quiet.taken_bytes > 100
    assert line.connection.bytes_per_s is None

    line.fill(1, 3)
    line.loop.now_s += 2
    before = line.connection.unsent_bytes
    assert line.connection.backlog_age_s == 2
    line.page.sock.settimeout(None)

    def read_some() -> bool:
        line.page.sock.recv(262_144)
        if line.loop.write is not None:
            line.loop.write()
        return line.connection.unsent_bytes < before - FRAME  # more than the kernel may send without a confirmation

    until(read_some)
    busy = line.connection.measure_pace()
    assert busy.busy_s == 2
    assert busy.busy_bytes > 0  # the page's kernel acknowledges more or less than our kernel takes
    assert line.connection.bytes_per_s == busy.busy_bytes / 2


@pytest.fixture(params=["plain", "tls"])
def any_line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Line]:
    """A connection with and without TLS."""
    with pair(KERNEL) as (ours, theirs):
        if request.param == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with ThreadPoolExecutor(1) as pool:
                accepted = pool.submit(server_context(tmp_path, "app").wrap_socket, theirs, server_side=True)
                ours, theirs = context.wrap_socket(ours), accepted.result(LIMIT_S)
        with ours, theirs:
            made = Line(ours, theirs)
            yield made
            made.connection.drop()


def test_a_large_message_of_several_parts_arrives_whole(any_line: Line) -> None:
    parts = [b"\1" * 20, b"", *(bytes([number]) * FRAME for number in range(2, 12))]
    any_line.connection.send_media([parts], 1)
    any_line.connection.send_media([[b"\2" * 20, b"small"]], 2)
    found: list[bytes] = []
    while len(found) < 2:
        if any_line.loop.write is not None:
            any_line.loop.write()
        with contextlib.suppress(TimeoutError):
            message = any_line.page.read(within_s=0.05)
            assert isinstance(message, bytes)
            found.append(message)
    assert found == [b"".join(parts), b"\2" * 20 + b"small"]
    assert any_line.backlog.unsent_bytes == 0


def test_a_half_sent_message_of_several_parts_is_sent_whole(line: Line) -> None:
    line.connection.send_media([[b"\1" * 20, *[b"\1" * FRAME] * 10]], 1)
    line.connection.send_media([[b"\1" * 20, *[b"\1" * FRAME] * 10]], 1)
    assert line.loop.write is not None
    line.connection.drop_watch(1)
    assert line.read_all() == [b"\1", "end"]
    assert line.backlog.unsent_bytes == 0


def test_the_parts_of_a_large_message_are_shared_by_all_connections() -> None:
    part = bytes(FRAME)
    unsent = UnsentMessages(Backlog(10**9))
    unsent.put_parts([b"head", part, part], 1.0, 1)
    unsent.take(4 + FRAME)
    (rest,) = unsent.first_parts(10**9, 64)
    assert rest.obj is part
    assert [len(piece) for piece in unsent.first_parts(100, 64)] == [100]


@pytest.mark.parametrize(("frame_bytes", "frames"), [(1_000_000, 8), (20_000, 400)])
def test_half_a_megabyte_is_sent_before_others_have_their_turn(frame_bytes: int, frames: int) -> None:
    """Of the fragments that a watch begins with, as large messages or as many small ones."""
    loop, sock = HandLoop(), FastReader()
    event_loop = cast(asyncio.AbstractEventLoop, loop)
    connection = Connection(event_loop, cast(socket.socket, sock), Deaf(), Backlog(10**9))
    connection.begin(Response(101, "Switching Protocols", Headers()))
    handler = LiveSocketHandler(Sockets(8), LOCAL, Channels({}).backend(), None)
    handler.on_open(connection)
    fragments = [LiveFragment((bytes(frame_bytes),), b"", number == 0, 0.0, None) for number in range(frames)]
    turns_bytes = [0, sock.taken_bytes]
    handler.send_fragments(LiveWatch(handler, 1, wants_audio=False), fragments)
    while loop.write is not None:
        turns_bytes.append(sock.taken_bytes)
        loop.write()
    turns_bytes.append(sock.taken_bytes)
    assert max(after - before for before, after in pairwise(turns_bytes)) < 1_000_000
    assert sock.taken_bytes > frames * frame_bytes


def test_the_frames_that_a_watch_begins_with_are_not_copied() -> None:
    with pair(KERNEL) as (ours, theirs):
        line = Line(ours, theirs)
        frame = bytes(20_000)
        line.connection.send_media([[b"head", frame], [b"head", frame]] * 20, 1)
        *_, last = line.connection._unsent.first_parts(10**9, 64)
        assert last.obj is frame
        line.connection.drop()
