"""Signed requests between nodes, against a real HTTP server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.clock import SystemClock
from core.node_link import SIGNATURE, VALID_S, NodeLink, NodeRefuses, NodeSilent
from core.placement import Node
from tests.hand_clock import HandClock
from tests.patience import promised


@dataclass
class Keys:
    key: bytes = bytes(32)

    def node_key(self) -> bytes:
        return self.key


@dataclass
class Peer:
    """An HTTP server. It answers with `status` and `body`, and notes path and signature of each request."""

    status: int = 200
    body: bytes = b"footage"
    promises_bytes: int = 0  # more than it sends
    heard: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                peer.heard.append((self.path, self.headers[SIGNATURE]))
                self.send_response(peer.status)
                self.send_header("Content-Length", str(len(peer.body) + peer.promises_bytes))
                self.end_headers()
                self.wfile.write(peer.body)
                self.close_connection = bool(peer.promises_bytes)

            def log_message(self, *parts: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.node = Node("there", f"127.0.0.1:{self.server.server_address[1]}", "p2")


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.server.shutdown()
    made.server.server_close()


def link_of(key: bytes = bytes(32)) -> NodeLink:
    return NodeLink(Keys(key), SystemClock())


def test_a_node_reads_the_answer_of_another_one(peer: Peer) -> None:
    assert link_of().read(peer.node, "/api/internal/footage/12?first=0&count=7") == b"footage"
    ((path, signature),) = peer.heard
    assert link_of().is_signed(signature, peer.node, path)


def test_a_refusal_has_the_status(peer: Peer) -> None:
    peer.status = 404
    with pytest.raises(NodeRefuses) as refused:
        link_of().read(peer.node, "/x")
    assert refused.value.status == 404


def test_a_node_without_a_server_is_silent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        node = Node("there", f"127.0.0.1:{free.getsockname()[1]}", "p2")
        with pytest.raises(NodeSilent), promised(1.0):
            link_of().read(node, "/x")


def test_a_node_that_takes_requests_and_never_answers_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:
        node = Node("there", f"127.0.0.1:{hung.getsockname()[1]}", "p2")
        with pytest.raises(NodeSilent), promised(1.0):
            link_of().read(node, "/x", timeout_s=0.1)


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"])
def test_an_answer_that_drips_is_given_up_at_the_limit(beginning: bytes) -> None:
    """Each byte comes in time. The status line, the headers and the body count together."""
    rest = b"HTTP/1.1 200 OK\r\nX-Padding: " + 400 * b"x"
    with socket.create_server(("127.0.0.1", 0)) as server:
        is_over, sent = threading.Event(), bytearray()

        def drip() -> None:
            peer, _ = server.accept()
            with peer, suppress(OSError):
                peer.sendall(beginning)
                for byte in rest:
                    if is_over.wait(0.02):
                        return
                    peer.sendall(bytes([byte]))
                    sent.append(byte)

        thread = threading.Thread(target=drip)
        thread.start()
        node = Node("there", f"127.0.0.1:{server.getsockname()[1]}", "p2")
        with pytest.raises(NodeSilent) as silent:
            link_of().read(node, "/x", timeout_s=0.2)
        is_over.set()
        thread.join()
        assert len(sent) < 300
        assert silent.value.has_answered is beginning.endswith(b"\r\n\r\n")


def test_an_answer_beyond_the_limit_or_cut_short_is_no_answer(peer: Peer) -> None:
    with pytest.raises(NodeSilent):
        link_of().read(peer.node, "/x", most_bytes=6)
    peer.promises_bytes = 5
    with pytest.raises(NodeSilent):
        link_of().read(peer.node, "/x")


def test_an_address_without_a_port_is_silent() -> None:
    with pytest.raises(NodeSilent):
        link_of().read(Node("there", "nowhere", "p2"), "/x")


HERE = Node("here", "127.0.0.1:5001", "p1")


def test_a_signature_serves_for_one_path_at_one_node() -> None:
    link = link_of()
    signature = link.sign(HERE, "/api/internal/streams?x=1")
    assert link.is_signed(signature, HERE, "/api/internal/streams?x=1")
    assert not link.is_signed(signature, HERE, "/api/internal/streams?x=2")
    assert not link.is_signed(signature, Node("there", HERE.address, "p2"), "/api/internal/streams?x=1")


def test_another_key_or_another_time_makes_a_signature_invalid() -> None:
    link = link_of()
    sent_ms, _, mac = link.sign(HERE, "/x").partition(":")
    assert not link_of(b"k" * 32).is_signed(f"{sent_ms}:{mac}", HERE, "/x")
    assert not link.is_signed(f"{int(sent_ms) + 1}:{mac}", HERE, "/x")


@pytest.mark.parametrize("text", ["", ":", "1:", "x:y", "-1:aa", "9" * 400 + ":aa", "1:\u00e4", "\u0661:aa"])
def test_a_signature_that_cannot_be_read_is_invalid(text: str) -> None:
    assert not link_of().is_signed(text, HERE, "/x")


def test_a_signature_ends_after_a_minute_also_with_clocks_apart() -> None:
    clock = HandClock()
    link = NodeLink(Keys(), clock)
    signature = link.sign(HERE, "/x")
    clock.move(seconds=VALID_S)
    assert link.is_signed(signature, HERE, "/x")
    clock.move(seconds=1)
    assert not link.is_signed(signature, HERE, "/x")
    clock.move(seconds=-2 * VALID_S - 2)
    assert not link.is_signed(signature, HERE, "/x")


def test_a_single_process_takes_no_signature() -> None:
    alone = Node("", "", "")
    link = link_of()
    assert not link.is_signed(link.sign(alone, "/x"), alone, "/x")
