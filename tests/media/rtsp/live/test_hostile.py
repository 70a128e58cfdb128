"""Hostile or broken devices. Each must end in a typed problem, in bounded time and memory."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.media.rtsp.asking import Reader, impatient, read, source, until_state
from tests.media.rtsp.camera_peer import Asked, PeerCamera
from tests.memory import held_bytes
from tests.patience import LIMIT_S, Slowness, until

pytestmark = pytest.mark.programs

Cameras = Callable[..., PeerCamera]
Talk = Callable[[socket.socket], None]


class RawServer:
    """A TCP server that calls `talk` for each connection and counts connections."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(LIMIT_S)
            self._talk(connection)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(LIMIT_S)


@pytest.fixture
def server() -> Iterator[Callable[[Talk], RawServer]]:
    started: list[RawServer] = []

    def start(talk: Talk) -> RawServer:
        started.append(RawServer(talk))
        return started[-1]

    yield start
    for each in started:
        each.close()


def send_byte_by_byte(connection: socket.socket) -> None:
    connection.recv(4096)
    for byte in b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaa":
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def endless(piece: bytes, start: bytes = b"") -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(start)
        while True:
            connection.sendall(piece)

    return talk


def saying(data: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(data)
        connection.recv(4096)

    return talk


OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n"


@pytest.mark.slow
@impatient
@pytest.mark.parametrize(
    ("talk", "code"),
    [
        pytest.param(lambda connection: connection.recv(4096), "camera_unreachable", id="closes after the question"),
        pytest.param(saying(b""), "camera_unreachable", id="accepts and says nothing"),
        pytest.param(send_byte_by_byte, "camera_unreachable", id="one byte a moment"),
        pytest.param(endless(b"X-More: yes\r\n" * 100, OK), "camera_bad_answer", id="headers without end"),
        pytest.param(endless(b"\xff" * 4096), "camera_bad_answer", id="noise without end"),
        pytest.param(endless(b"a" * 4096), "camera_bad_answer", id="letters without end"),
        pytest.param(endless(b"$\x05\x10\x00" + bytes(4096)), "camera_unreachable", id="frames instead of an answer"),
        pytest.param(endless(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" * 50), "camera_unreachable", id="asks for ever"),
        pytest.param(saying(OK + b"Content-Length: 1000000000\r\n\r\nv=0"), "camera_bad_answer", id="a gigabyte"),
        pytest.param(saying(OK + b"Content-Length: -5\r\n\r\n"), "camera_bad_answer", id="a negative length"),
        pytest.param(saying(OK + b"Content-Length: 3\r\n\r\n\0\0\0"), "camera_bad_answer", id="no description"),
        pytest.param(saying(OK + b"\r\n"), "camera_bad_answer", id="an empty description"),
        pytest.param(saying(b"RTSP/1.0 999 \x1b[31m\r\nCSeq: 1\r\n\r\n"), "camera_bad_answer", id="an odd status"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\n\r\n"), "camera_bad_answer", id="a web server"),
        pytest.param(
            saying(b"RTSP/1.0 401 No\r\nCSeq: 1\r\n\r\n"), "camera_unsupported", id="a login without challenge"
        ),
    ],
)
def test_a_hostile_answer_ends_in_a_problem_in_bounded_time(
    server: Callable[[Talk], RawServer], gateway: RtspGateway, talk: Talk, code: str
) -> None:
    memory = held_bytes()
    feed = gateway.open_feed(source(f"rtsp://127.0.0.1:{server(talk).port}/"))
    problem = until_state(feed, FeedState.FAILED).problem
    assert problem
    assert problem.code == code
    assert "\x1b" not in problem.detail
    assert held_bytes() - memory < 20_000_000


def test_a_closed_port_is_unreachable(gateway: RtspGateway, closed_port: int) -> None:
    problem = until_state(gateway.open_feed(source(f"rtsp://127.0.0.1:{closed_port}/")), FeedState.FAILED).problem
    assert problem
    assert problem.code == "camera_unreachable"


@pytest.mark.parametrize("uri", ["http://127.0.0.1/", "file:///etc/passwd", "rtsp://u:p@127.0.0.1/", "concat:x", ""])
def test_other_kinds_of_addresses_are_refused_without_a_connection(gateway: RtspGateway, uri: str) -> None:
    problem = until_state(gateway.open_feed(source(uri)), FeedState.FAILED).problem
    assert problem
    assert problem.code == "camera_bad_answer"


def redirect(asked: Asked, port: int) -> bytes:
    return asked.reply("302 Moved", f"Location: rtsp://127.0.0.1:{port}/live")


@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP", "PLAY"])
def test_a_redirect_is_not_followed(
    camera: Cameras, server: Callable[[Talk], RawServer], gateway: RtspGateway, method: str
) -> None:
    elsewhere = server(lambda connection: None)
    peer = camera(login="md5", answers={method: lambda asked: redirect(asked, elsewhere.port)})
    problem = until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED).problem
    assert problem
    assert problem.code == "camera_bad_answer"
    assert elsewhere.connections == 0


def test_addresses_in_the_sdp_are_not_followed(
    camera: Cameras, server: Callable[[Talk], RawServer], gateway: RtspGateway
) -> None:
    elsewhere = server(lambda connection: None)
    peer = camera()
    other = f"rtsp://127.0.0.1:{elsewhere.port}/live/".encode()
    sdp = peer.sdp().replace(b"a=control:trackID=0", b"a=control:" + other + b"trackID=0")
    sdp = sdp.replace(b"t=0 0\r\na=control:*", b"c=IN IP4 127.0.0.9\r\nt=0 0\r\na=control:" + other)
    base = f"Content-Base: {other.decode()}"
    peer.answers["DESCRIBE"] = lambda asked: asked.reply("200 OK", base, body=sdp)
    feed = gateway.open_feed(source(peer.uri()))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None
    assert elsewhere.connections == 0
    assert str(elsewhere.port).encode() not in peer.received


def test_a_device_that_rejects_every_nonce_gets_two_logins(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(login="md5")
    peer.lets_in = lambda method, given: False  # type: ignore[method-assign]  # one camera's whim
    plain = PeerCamera.challenge
    peer.challenge = lambda stale=False: plain(peer, stale=True)  # type: ignore[method-assign]  # one camera's whim
    problem = until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED).problem
    assert problem
    assert problem.code == "camera_auth_failed"
    assert peer.logins == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "sent",
    [
        b"\0\xffgarbage$$$$" * 20,
        b"$\x00\xff\xff",
        b"$\x09\x00\x02ab",
        b"$\x00\x00\x00$\x00\x00\x01\x80$\x00\x00\x0c" + b"\xff" * 12,
        b"$\x01\x00\x04\x80\xc8\xff\xff",
        b"RTSP/1.0 200 OK\r\nCSeq: 99\r\n\r\nRTSP/1.0 200 OK\r\nCSeq: x\r\n\r\n",
        b"REDIRECT rtsp://evil/ RTSP/1.0\r\nCSeq: 1\r\nLocation: rtsp://evil/\r\n\r\n",
    ],
)
def test_noise_in_the_middle_of_media_is_survived(camera: Cameras, gateway: RtspGateway, sent: bytes) -> None:
    peer = camera()
    answered: list[Asked] = []

    def play(asked: Asked) -> bytes:
        answered.append(asked)
        return peer.usual(asked)

    peer.answers["PLAY"] = play
    feed = gateway.open_feed(source(peer.uri()))
    until_state(feed, FeedState.FLOWING)
    peer._loop.call_soon_threadsafe(answered[0].writer.write, sent)
    packets = feed.status().packets
    until(lambda: feed.status().packets > packets + 60)
    assert feed.status().state is FeedState.FLOWING
    assert read(feed, "-c", "copy", "-f", "h264", seconds=0.5)


def test_a_connection_that_ends_in_the_middle_of_a_packet_fails_the_feed(camera: Cameras, gateway: RtspGateway) -> None:
    def play(asked: Asked) -> bytes:
        loop = peer._loop
        loop.call_later(0.2, asked.writer.write, b"$\x00\x10\x00half")
        loop.call_later(0.3, asked.writer.transport.abort)
        return peer.usual(asked)

    peer = camera()
    peer.answers["PLAY"] = play
    problem = until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED).problem
    assert problem
    assert problem.code == "camera_unreachable"


@pytest.mark.parametrize("payload", [b"\x1c\x85", b"\x18\xff\xff\x65", b"\x67", b"\x7c\x87" + bytes(50), b"\x00"])
def test_invalid_frames_do_not_break_the_gateway(camera: Cameras, gateway: RtspGateway, payload: bytes) -> None:
    peer = camera(stream=b"\0\0\1\x67\x42\xc0\x1e\0\0\1\x68\xce\0\0\1\x65" + payload + b"\0\0\1" + payload)
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: feed.status().packets > 30)
    assert feed.status().state in {FeedState.FLOWING, FeedState.WAITING_KEY_FRAME}


def test_media_before_play_is_set_up_is_ignored(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera()
    early = b"$\x00\x00\x10\x80\x60\0\1\0\0\0\1\0\0\0\1\x65abc" * 10
    peer.answers["DESCRIBE"] = lambda asked: early + peer.usual(asked)
    peer.answers["SETUP"] = lambda asked: early + peer.usual(asked) + early
    feed = gateway.open_feed(source(peer.uri()))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None


@pytest.mark.slow
@impatient
def test_a_bad_device_does_not_affect_the_others(
    camera: Cameras, server: Callable[[Talk], RawServer], gateway: RtspGateway
) -> None:
    good = gateway.open_feed(source(camera().uri()))
    until_state(good, FeedState.FLOWING)
    noise = server(endless(b"$\x05\xff\xff" + bytes(65535)))
    bad = gateway.open_feed(source(f"rtsp://127.0.0.1:{noise.port}/", token="bad"))
    with Reader(good.url).play() as reader:
        arrived: list[float] = []
        with Slowness() as machine:
            while not arrived or arrived[-1] - arrived[0] < 1.5:
                reader.packet()
                arrived.append(time.monotonic())
    assert max(b - a for a, b in itertools.pairwise(arrived)) < machine.allowed_s(0.4)
    until_state(bad, FeedState.FAILED)
