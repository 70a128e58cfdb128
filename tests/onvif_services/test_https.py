"""ONVIF and snapshots over HTTPS, with a certificate that is pinned at its first use."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.certificates import PinnedCertificates
from core.clock import SystemClock
from core.errors import (
    CameraBadAnswer,
    CameraUnreachable,
    CameraUnsupported,
    CertificateChanged,
    DeviceError,
    ReadableLoginNeeded,
)
from onvif_services.device_socket import DeviceSockets, Endpoint
from onvif_services.faults import NoAnswer
from onvif_services.media import read_channels
from onvif_services.probe import probe_address
from onvif_services.ptz import relative_move
from onvif_services.snapshot import fetch_snapshot
from tests.onvif_services.connecting import Connect
from tests.onvif_services.raw_server import Serve, sends_nothing
from tests.onvif_services.soap_device import Reply, SoapDevice
from tests.onvif_services.tls import (
    BreaksResumption,
    ComesAndGoes,
    CutsOnce,
    CutsResumed,
    IgnoresResumption,
    server_context,
)
from tests.patience import LIMIT_S


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[SoapDevice]:
    """A device that speaks HTTPS only."""
    made = SoapDevice()
    made.speak_tls(server_context(tmp_path, "camera"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def pins() -> PinnedCertificates:
    return PinnedCertificates(SystemClock())


def test_a_device_with_https_is_opened_and_its_certificate_pinned(
    secure: SoapDevice, connect: Connect, pins: PinnedCertificates
) -> None:
    conn = connect(port=secure.port, scheme="https", certificates=pins)
    conn.open()
    assert len(read_channels(conn)) == 1
    assert conn.services["media"] == f"https://127.0.0.1:{secure.port}/onvif/media"
    (pin,) = pins.of_host("127.0.0.1")
    assert (pin.port, pin.changed_to) == (secure.port, None)


def test_https_is_found_at_a_port_that_was_entered_without_it(
    secure: SoapDevice, connect: Connect, pins: PinnedCertificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onvif_services.opening.TLS_PORTS", (secure.port,))
    conn = connect(port=secure.port, certificates=pins)
    conn.open()
    assert len(read_channels(conn)) == 1
    assert conn.services["media"] == f"https://127.0.0.1:{secure.port}/onvif/media"
    assert len(pins.of_host("127.0.0.1")) == 1


def test_a_port_that_turns_out_to_be_https_gets_no_readable_password(
    secure: SoapDevice, connect: Connect, pins: PinnedCertificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anyone at the device's address could send the app to a port with any certificate."""
    monkeypatch.setattr("onvif_services.opening.TLS_PORTS", (secure.port,))
    secure.login = "basic"
    with pytest.raises(ReadableLoginNeeded):
        connect(port=secure.port, certificates=pins).open()
    assert not any("basic" in request.headers.get("Authorization", "").lower() for request in secure.requests)


def test_a_tls_alert_in_answer_to_http_is_understood(
    secure: SoapDevice, connect: Connect, pins: PinnedCertificates, serve: Serve
) -> None:
    """A server of TLS answers plain HTTP with an alert; the same port then speaks HTTPS."""

    def alert_or_pass(sock: socket.socket) -> None:
        if sock.recv(1, socket.MSG_PEEK) != b"\x16":
            sock.recv(65536)
            sock.sendall(b"\x15\x03\x01\x00\x02\x02\x46")
            return
        with socket.create_connection(("127.0.0.1", secure.port)) as other:
            back = threading.Thread(target=_copy, args=(other, sock), daemon=True)
            back.start()
            _copy(sock, other)
            back.join(LIMIT_S)

    conn = connect(port=serve(alert_or_pass), certificates=pins)
    conn.open()
    assert len(read_channels(conn)) == 1


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_a_changed_certificate_gets_no_request(
    secure: SoapDevice, connect: Connect, pins: PinnedCertificates, tmp_path: Path
) -> None:
    connect(port=secure.port, scheme="https", certificates=pins).open()
    secure.requests.clear()
    secure.speak_tls(server_context(tmp_path, "another"))
    with pytest.raises(CertificateChanged):
        connect(port=secure.port, scheme="https", certificates=pins).open()
    assert secure.requests == []
    changed_to = pins.of_host("127.0.0.1")[0].changed_to
    assert changed_to is not None
    assert pins.accept("127.0.0.1", [secure.port], changed_to)
    connect(port=secure.port, scheme="https", certificates=pins).open()
    assert secure.failed_logins == 0


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_later_connections_resume_the_session(
    connect: Connect, pins: PinnedCertificates, tmp_path: Path, secure: SoapDevice, newest: ssl.TLSVersion
) -> None:
    context = server_context(tmp_path, "resuming")
    context.maximum_version = newest
    secure.speak_tls(context)
    conn = connect(port=secure.port, scheme="https", certificates=pins)
    conn.open()
    for _ in range(3):
        read_channels(conn)
    stats = context.session_stats()
    assert stats["hits"] > 3
    assert stats["accept"] - stats["hits"] <= 1, "only the first handshake is a full one"


def test_a_resumed_session_does_not_hide_a_changed_certificate(
    secure: SoapDevice, connect: Connect, pins: PinnedCertificates, tmp_path: Path
) -> None:
    conn = connect(port=secure.port, scheme="https", certificates=pins)
    conn.open()
    secure.requests.clear()
    secure.speak_tls(server_context(tmp_path, "another"))
    with pytest.raises(CertificateChanged):
        read_channels(conn)
    assert secure.requests == []


def test_a_device_that_cannot_resume_gets_new_sessions(
    secure: SoapDevice, connect: Connect, pins: PinnedCertificates, tmp_path: Path
) -> None:
    context = server_context(tmp_path, "old", BreaksResumption)
    assert isinstance(context, BreaksResumption)
    secure.speak_tls(context)
    conn = connect(port=secure.port, scheme="https", certificates=pins)
    conn.open()
    assert len(read_channels(conn)) == 1
    assert context.broken > 0


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_device_that_cuts_resumed_sessions_gets_new_ones(
    secure: SoapDevice, connect: Connect, pins: PinnedCertificates, tmp_path: Path, newest: ssl.TLSVersion
) -> None:
    context = server_context(tmp_path, "cutting", CutsResumed)
    assert isinstance(context, CutsResumed)
    context.maximum_version = newest
    secure.speak_tls(context)
    conn = connect(port=secure.port, scheme="https", certificates=pins)
    conn.open()
    cut = context.cut
    assert cut
    for _ in range(3):
        assert len(read_channels(conn)) == 1
    assert context.cut == cut
    assert "web server" not in {check.name for check in conn.checks}, "it is not the web server that cuts connections"


def test_a_restart_during_a_request_does_not_end_resumption(
    secure: SoapDevice, connect: Connect, pins: PinnedCertificates, tmp_path: Path
) -> None:
    context = server_context(tmp_path, "restarting", CutsOnce)
    assert isinstance(context, CutsOnce)
    secure.speak_tls(context)
    conn = connect(port=secure.port, scheme="https", certificates=pins)
    conn.open()
    context.cuts_next = context.is_away = True
    with pytest.raises(DeviceError):
        read_channels(conn)
    context.is_away = False
    read_channels(conn)
    before = context.session_stats()["hits"]
    read_channels(conn)
    assert context.session_stats()["hits"] > before


def test_a_command_that_a_resumed_session_cuts_is_sent_once(
    secure: SoapDevice, connect: Connect, pins: PinnedCertificates, tmp_path: Path
) -> None:
    secure.services["ptz"] = "http://www.onvif.org/ver20/ptz/wsdl"
    secure.answers["RelativeMove"] = "<tptz:RelativeMoveResponse/>"
    context = server_context(tmp_path, "cutting", CutsOnce)
    assert isinstance(context, CutsOnce)
    secure.speak_tls(context)
    conn = connect(port=secure.port, scheme="https", certificates=pins)
    conn.open()
    context.cuts_next = True
    with pytest.raises(NoAnswer):
        relative_move(conn, "P1", 0.1, 0.1, is_fov=False)
    assert b"RelativeMove" in context.cut
    assert secure.asked("RelativeMove") == []
    relative_move(conn, "P1", 0.1, 0.1, is_fov=False)
    assert len(secure.asked("RelativeMove")) == 1


@pytest.mark.parametrize("state", ["away", "silent"])
def test_a_device_that_was_away_resumes_again(
    secure: SoapDevice, connect: Connect, pins: PinnedCertificates, tmp_path: Path, state: str
) -> None:
    context = server_context(tmp_path, "camera", ComesAndGoes)
    assert isinstance(context, ComesAndGoes)
    secure.speak_tls(context)
    conn = connect(port=secure.port, scheme="https", certificates=pins)
    conn.open()
    context.state = state
    conn.timeout_s = 0.5
    with pytest.raises(DeviceError):
        read_channels(conn)
    conn.timeout_s = LIMIT_S
    assert context.failed
    context.state = "here"
    context.silence.end()
    read_channels(conn)
    before = context.session_stats()["hits"]
    read_channels(conn)
    assert context.session_stats()["hits"] > before


def test_a_device_that_ignores_resumed_handshakes_gets_new_sessions(
    secure: SoapDevice, pins: PinnedCertificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = DeviceSockets._begin_tls

    def begin_tls(
        sockets: DeviceSockets, sock: socket.socket, port: int, deadline_s: float, session: ssl.SSLSession | None
    ) -> ssl.SSLSocket:
        """Wait shortly for the device only if it resumes a session, which it never answers."""
        return begin(sockets, sock, port, deadline_s if session is None else time.monotonic() + 0.3, session)

    monkeypatch.setattr(DeviceSockets, "_begin_tls", begin_tls)
    context = server_context(tmp_path, "deaf", IgnoresResumption)
    assert isinstance(context, IgnoresResumption)
    secure.speak_tls(context)
    sockets = DeviceSockets("127.0.0.1", pins)
    failures = 0
    for _ in range(8):
        try:
            with sockets.connect(Endpoint("https", secure.port), time.monotonic() + LIMIT_S, 10_000) as sock:
                sock.send(b"GET / HTTP/1.0\r\n\r\n")
                assert sock.receive()
        except TimeoutError:
            failures += 1
    sockets.close()
    context.silence.end()
    assert failures == 2, "one may have another reason"


@pytest.mark.parametrize("login", ["token", "digest", "text", "basic"])
def test_over_https_every_kind_of_login_is_allowed(
    secure: SoapDevice, connect: Connect, pins: PinnedCertificates, login: str
) -> None:
    secure.login = login
    conn = connect(port=secure.port, scheme="https", certificates=pins)
    conn.open()
    assert len(read_channels(conn)) == 1
    assert secure.failed_logins <= 1


def test_a_snapshot_is_fetched_over_https(secure: SoapDevice, connect: Connect, pins: PinnedCertificates) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "navy").save(picture, "JPEG")
    secure.pages["/snap.jpg"] = Reply(picture.getvalue(), 200, {"X-Login": "basic"})
    secure.answers["GetSnapshotUri"] = (
        "<trt:GetSnapshotUriResponse><trt:MediaUri><tt:Uri>https://10.0.0.1/snap.jpg</tt:Uri></trt:MediaUri>"
        "</trt:GetSnapshotUriResponse>"
    )
    conn = connect(port=secure.port, scheme="https", certificates=pins)
    conn.open()
    assert fetch_snapshot(conn, "MediaProfile00000") == picture.getvalue()


def test_https_is_never_left_for_http(
    secure: SoapDevice, other: SoapDevice, connect: Connect, pins: PinnedCertificates
) -> None:
    secure.host_told = f"127.0.0.1:{other.port}"  # its addresses begin with http://
    secure.answers["GetProfiles"] = Reply(b"", 404)
    conn = connect(port=secure.port, scheme="https", certificates=pins)
    conn.open()
    with pytest.raises(CameraUnsupported):
        read_channels(conn)
    assert secure.asked("GetProfiles")
    assert other.requests == []


def test_a_port_without_https_is_a_bad_answer(device: SoapDevice, connect: Connect, pins: PinnedCertificates) -> None:
    with pytest.raises(CameraBadAnswer, match="HTTPS"):
        connect(scheme="https", certificates=pins).open()
    assert pins.of_host("127.0.0.1") == ()


def test_a_port_that_says_nothing_ends_in_time(serve: Serve, connect: Connect, pins: PinnedCertificates) -> None:
    with pytest.raises(CameraUnreachable, match="in time"):
        connect(port=serve(sends_nothing), scheme="https", certificates=pins, timeout_s=0.5).open()


def test_the_probe_finds_a_device_with_https_only(secure: SoapDevice) -> None:
    place = probe_address("127.0.0.1", secure.port, timeout_s=LIMIT_S)
    assert (place.scheme, place.port) == ("https", secure.port)


def test_a_search_refuses_another_certificate_of_a_known_host(
    secure: SoapDevice, pins: PinnedCertificates, tmp_path: Path
) -> None:
    def search() -> int:
        return probe_address("127.0.0.1", secure.port, timeout_s=LIMIT_S, certificates=pins).port

    assert search() == secure.port
    assert pins.of_host("127.0.0.1") == (), "the connection that follows pins the first certificate"
    pins.check("127.0.0.1", 443, b"the certificate of the device")
    with pytest.raises(CertificateChanged):
        search()
    changed_to = pins.of_host("127.0.0.1")[-1].changed_to
    assert changed_to is not None
    assert pins.accept("127.0.0.1", [secure.port], changed_to)
    assert search() == secure.port
