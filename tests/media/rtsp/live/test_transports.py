"""Media over UDP, and RTSP over TLS."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.certificates import PinnedCertificates
from core.clock import SystemClock
from core.login_gate import LoginGate
from core.settings import Settings
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState
from tests.media.rtsp.asking import impatient, read, source, until_state
from tests.media.rtsp.camera_peer import Asked, PeerCamera, nal_units
from tests.patience import LIMIT_S, until
from tools.certificate import make_certificate

pytestmark = pytest.mark.programs

Cameras = Callable[..., PeerCamera]
DIGEST = 'WWW-Authenticate: Digest realm="cam", nonce="n"'


def flows(gateway: RtspGateway, peer: PeerCamera) -> bool:
    status = until_state(gateway.open_feed(source(peer.uri())), FeedState.FLOWING, FeedState.FAILED)
    return status.problem is None


# -- UDP -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_frame_comes_over_udp_if_tcp_is_refused(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(transport="udp", has_audio=True)
    feed = gateway.open_feed(source(peer.uri()))
    until_state(feed, FeedState.FLOWING)
    assert feed.status().audio
    units = [unit for unit in nal_units(read(feed, "-an", "-c", "copy", "-f", "h264")) if unit[0] & 0x1F in {1, 5}]
    loop = [unit for unit in nal_units(peer.stream) if unit[0] & 0x1F in {1, 5}]
    assert len(units) >= 24
    start = loop.index(units[0])
    assert all(unit == loop[(start + index) % len(loop)] for index, unit in enumerate(units))
    assert feed.status().lost == 0


@pytest.mark.parametrize("status", ["400 Bad Request", "406 Not Acceptable", "500 Internal Server Error"])
def test_udp_is_tried_after_other_refusals_too(camera: Cameras, gateway: RtspGateway, status: str) -> None:
    peer = camera(transport="udp")
    peer.answers["SETUP"] = lambda asked: (
        asked.reply(status) if "TCP" in asked.headers["transport"] else peer.usual(asked)
    )
    assert flows(gateway, peer)


def test_a_device_that_answers_tcp_with_udp_is_asked_for_udp(camera: Cameras, gateway: RtspGateway) -> None:
    def set_up(asked: Asked) -> bytes:
        if "TCP" in asked.headers["transport"]:
            return asked.reply("200 OK", "Transport: RTP/AVP;unicast;server_port=9000-9001", "Session: 4711")
        return peer.usual(asked)

    peer = camera(transport="udp", answers={"SETUP": set_up})
    assert flows(gateway, peer)


@pytest.mark.slow
@impatient
def test_udp_is_tried_after_tcp_brought_no_media(camera: Cameras, gateway: RtspGateway) -> None:
    def set_up(asked: Asked) -> bytes:
        is_tcp = "TCP" in asked.headers["transport"]
        peer.stop_after = 0 if is_tcp else None
        return asked.reply("200 OK", "Session: 4711") if is_tcp else peer.usual(asked)

    peer = camera(transport="udp", answers={"SETUP": set_up})
    assert not flows(gateway, peer)
    assert flows(gateway, peer)


def test_audio_that_refuses_its_transport_discredits_no_transport(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(has_audio=True)
    peer.answers["SETUP"] = lambda asked: (
        asked.reply("461 Unsupported Transport") if asked.uri.endswith("trackID=1") else peer.usual(asked)
    )
    for stream in ("?channel=1", "?channel=2"):
        feed = gateway.open_feed(source(peer.uri() + stream))
        until_state(feed, FeedState.FLOWING)
    assert b"client_port" not in peer.received


@pytest.mark.slow
def test_the_refused_transport_is_not_offered_to_the_device_again(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(transport="udp")
    for setups in (2, 3):
        feed = gateway.open_feed(source(peer.uri()))
        until_state(feed, FeedState.FLOWING)
        assert peer.asked["SETUP"] == setups
        feed.close()
        until(lambda: peer.open_connections == 0)


@pytest.mark.slow
def test_swapped_packets_are_no_loss_and_lost_ones_are_counted(camera: Cameras, gateway: RtspGateway) -> None:
    held: list[bytes] = []
    swapped: list[int] = []

    def mangle(channel: int, packet: bytes) -> list[bytes]:
        """Swap the packets of each frame in pairs: a packet that waited for the next frame would be too late."""
        is_last = bool(packet[1] & 0x80)
        if channel != 0:
            return [packet]
        if not is_last and not held:
            held.append(packet)
            return []
        if held:
            swapped.append(packet[3])
        return [packet, *([held.pop()] if held else [])]

    peer = camera(transport="udp", mangle=mangle)
    feed = gateway.open_feed(source(peer.uri()))
    until(lambda: feed.status().packets > 60)
    assert feed.status().lost == 0
    assert swapped
    peer.mangle = lambda channel, packet: [] if channel == 0 and packet[3] % 20 == 0 else [packet, packet]
    packets = feed.status().packets
    until(lambda: feed.status().packets > packets + 60)
    assert 1 <= feed.status().lost <= 10


def test_packets_of_other_hosts_are_dropped(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(transport="udp")
    feed = gateway.open_feed(source(peer.uri()))
    until_state(feed, FeedState.FLOWING)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.9", 0))
        for number in range(100):
            noise = struct.pack(">BBHII", 0x80, 0xE0, 30000 + number, 5, 77) + b"\x65noise"
            stranger.sendto(noise, ("127.0.0.1", peer.udp_places[0]))
    packets = feed.status().packets
    until(lambda: feed.status().packets > packets + 30)
    assert feed.status().lost == 0
    assert feed.status().state is FeedState.FLOWING


@pytest.mark.slow
def test_the_device_gets_a_packet_at_each_of_its_ports(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(transport="udp")
    for udp in peer.udp_sockets:
        udp.settimeout(LIMIT_S)
    feed = gateway.open_feed(source(peer.uri()))
    assert peer.udp_sockets[0].recv(100)[0] == 0x80
    report = peer.udp_sockets[1].recv(100)
    while len(report) < 32:  # the first ones have no block
        report = peer.udp_sockets[1].recv(100)
    assert report[1] == 201
    assert feed.status().state is FeedState.FLOWING


def test_udp_ports_are_closed_with_the_session(camera: Cameras, gateway: RtspGateway) -> None:
    peer = camera(transport="udp")
    feed = gateway.open_feed(source(peer.uri()))
    until_state(feed, FeedState.FLOWING)
    feed.close()
    until(lambda: peer.open_connections == 0)
    places = set(peer.udp_places.values())
    until(lambda: not places & _own_udp_ports(), what="ports that are closed")


def _own_udp_ports() -> set[int]:
    """Return the UDP ports of this process. Another one may take a port as soon as it is closed."""
    return {int(place.laddr.port) for place in psutil.Process().net_connections("udp") if place.laddr}


@pytest.mark.parametrize(
    ("old", "new", "how"),
    [
        (b"RTP/AVP 96\r\n", b"RTP/AVP 96\r\nc=IN IP4 232.45.143.10/255\r\n", "by multicast only"),
        (b"RTP/AVP 96\r\n", b"RTP/SAVP 96\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a\r\n", "encrypted (SRTP)"),
    ],
)
def test_a_device_with_another_transport_only_says_so(
    camera: Cameras, gateway: RtspGateway, old: bytes, new: bytes, how: str
) -> None:
    peer = camera()
    peer.answers["DESCRIBE"] = lambda asked: asked.reply("200 OK", body=peer.sdp().replace(old, new, 1))
    assert flows(gateway, peer), "it offers the usual ones as well"
    peer.answers["SETUP"] = lambda asked: asked.reply("461 Unsupported Transport")
    problem = until_state(gateway.open_feed(source(peer.uri("/other"))), FeedState.FAILED).problem
    assert problem
    assert how in problem.detail


# -- TLS -------------------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    for name, pem in zip(("certificate.pem", "key.pem"), make_certificate(["camera"]), strict=True):
        (tmp_path / name).write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    return context


@pytest.fixture
def pins() -> PinnedCertificates:
    return PinnedCertificates(SystemClock())


@pytest.fixture
def secure(pins: PinnedCertificates, rtsp_timeout_s: float) -> Iterator[RtspGateway]:
    clock = SystemClock()
    settings = Settings(rtsp_timeout_s=rtsp_timeout_s)
    running = RtspGateway(login_gate=LoginGate(clock), clock=clock, settings=settings, certificates=pins, linger_s=0.5)
    running.start()
    yield running
    running.stop()


@pytest.mark.parametrize("login", ["md5", "basic"])
def test_rtsp_over_tls_plays_and_pins_the_certificate(
    camera: Cameras, secure: RtspGateway, pins: PinnedCertificates, tls: ssl.SSLContext, login: str
) -> None:
    peer = camera(tls=tls, login=login, has_audio=True)
    assert flows(secure, peer)
    assert [pin.port for pin in pins.of_host("127.0.0.1")] == [peer.port]
    assert peer.received.startswith(b"DESCRIBE rtsps://")


def test_another_certificate_is_refused_before_the_first_request(
    camera: Cameras, secure: RtspGateway, pins: PinnedCertificates, tls: ssl.SSLContext
) -> None:
    peer = camera(tls=tls, login="basic")
    pins.check("127.0.0.1", peer.port, b"the certificate of another device")
    problem = until_state(secure.open_feed(source(peer.uri())), FeedState.FAILED).problem
    assert problem
    assert problem.code == "certificate_changed"
    assert peer.received == b""


def test_basic_follows_a_refused_digest_over_tls_only(
    camera: Cameras, secure: RtspGateway, tls: ssl.SSLContext
) -> None:
    for context in (tls, None):
        peer = camera(tls=context, login="basic")
        peer.challenge = lambda stale=False: f'{DIGEST}\r\nWWW-Authenticate: Basic realm="cam"'  # type: ignore[method-assign]  # one camera's whim
        feed = secure.open_feed(source(peer.uri()))
        problem = until_state(feed, FeedState.FLOWING, FeedState.FAILED).problem
        assert (problem is None) == (context is not None)


@pytest.mark.slow
@impatient
def test_tls_to_a_port_without_it_is_reported(camera: Cameras, secure: RtspGateway) -> None:
    peer = camera()
    uri = peer.uri().replace("rtsp:", "rtsps:")
    problem = until_state(secure.open_feed(source(uri)), FeedState.FAILED).problem
    assert problem
    assert problem.code == "camera_unreachable"


# -- RTSP over HTTP --------------------------------------------------------------------------------


def test_a_web_server_without_tunnels_is_asked_once(camera: Cameras, gateway: RtspGateway) -> None:
    refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"
    peer = camera(answers=dict.fromkeys(("DESCRIBE", "GET"), lambda asked: refusal))
    for _ in range(2):
        problem = until_state(gateway.open_feed(source(peer.uri())), FeedState.FAILED).problem
        assert problem
        assert problem.code == "camera_bad_answer"
    assert peer.asked["GET"] == 1
