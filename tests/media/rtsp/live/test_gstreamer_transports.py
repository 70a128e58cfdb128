"""The gateway with GStreamer's RTSP server over UDP, over TLS and through HTTP."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.media.rtsp.asking import read, source, until_state
from tests.media.rtsp.camera_peer import PeerCamera
from tests.media.rtsp.gstreamer_server import gstreamer_server
from tests.patience import until
from tools.certificate import make_certificate

pytestmark = pytest.mark.gstreamer
PASSWORD = 'se"cret 12'
PEER = Path(__file__).with_name("gstreamer_peer.py")


@contextlib.contextmanager
def server(*options: str) -> Iterator[int]:
    """Start GStreamer's server; yield its port."""
    with gstreamer_server(PEER, *options) as running:
        yield running.port


class WebPort:
    """A web server's port: it passes tunnels on to GStreamer's server, and answers RTSP as a web server does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.methods: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            first = client.recv(65536)
            self.methods.append(first.split(b" ")[0].decode("latin-1"))
            if self.methods[-1] not in {"GET", "POST"}:
                client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self._port)) as device, selectors.DefaultSelector() as waiting:
                device.sendall(first)
                waiting.register(client, selectors.EVENT_READ, device)
                waiting.register(device, selectors.EVENT_READ, client)
                while True:
                    for key, _ in waiting.select():
                        assert isinstance(key.fileobj, socket.socket)
                        data = key.fileobj.recv(65536)
                        if not data:
                            return
                        key.data.sendall(data)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def check_flow(gateway: RtspGateway, uri: str) -> None:
    """Decode two seconds of the feed."""
    feed = gateway.open_feed(source(uri, password=PASSWORD, may_be_readable=True))
    assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None
    listing = read(feed, "-an", "-c:v", "rawvideo", "-pix_fmt", "gray", "-f", "framecrc", seconds=2).decode()
    frames = [line.rsplit(",", 1)[-1] for line in listing.splitlines() if not line.startswith("#")]
    assert len(frames) >= 26
    assert len(set(frames)) > 20, "the pictures move"
    assert feed.status().lost == 0
    feed.close()


@pytest.mark.parametrize("login", ["none", "digest"])
def test_a_device_without_interleaved_tcp_plays_over_udp(gateway: RtspGateway, login: str) -> None:
    with server(login, "udp") as port:
        check_flow(gateway, f"rtsp://127.0.0.1:{port}/alaw")


@pytest.mark.parametrize("login", ["basic", "digest"])
def test_a_device_plays_over_tls(gateway: RtspGateway, tmp_path: Path, login: str) -> None:
    files = [tmp_path / "certificate.pem", tmp_path / "key.pem"]
    for file, pem in zip(files, make_certificate(["camera"]), strict=True):
        file.write_bytes(pem)
    with server(login, "tls", *map(str, files)) as port:
        check_flow(gateway, f"rtsps://127.0.0.1:{port}/alaw")


@pytest.mark.parametrize("login", ["none", "digest", "basic"])
def test_a_device_that_answers_as_a_web_server_plays_through_http(gateway: RtspGateway, login: str) -> None:
    with server(login) as port:
        web = WebPort(port)
        check_flow(gateway, f"rtsp://127.0.0.1:{web.port}/alaw")
        assert web.methods == ["DESCRIBE", "GET", "POST"]
        until(lambda: gateway.device_sessions() == 0)
        check_flow(gateway, f"rtsp://127.0.0.1:{web.port}/alaw")
        assert web.methods[3:] == ["GET", "POST"], "the way that works goes first"
        web.close()


def test_a_tunnel_for_one_stream_moves_no_other(camera: Callable[..., PeerCamera], gateway: RtspGateway) -> None:
    """The RTSP port refuses every transport of the first stream only."""
    peer = camera()
    peer.answers["SETUP"] = lambda asked: (
        peer.usual(asked) if "/live" in asked.uri else asked.reply("461 Unsupported Transport")
    )
    with server("none") as port:
        web = WebPort(port)
        for path in ("/alaw", "/live"):
            feed = gateway.open_feed(source(peer.uri(path), password=PASSWORD, web_port=web.port))
            assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None
            feed.close()
            until(lambda: gateway.device_sessions() == 0)
        assert web.methods == ["GET", "POST"], "of the first stream"
        web.close()


def test_a_closed_rtsp_port_leads_to_the_web_servers_port(gateway: RtspGateway, closed_port: int) -> None:
    with server("digest") as port:
        web = WebPort(port)
        stream = source(f"rtsp://127.0.0.1:{closed_port}/alaw", password=PASSWORD, web_port=web.port)
        feed = gateway.open_feed(stream)
        assert until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem is None
        web.close()
