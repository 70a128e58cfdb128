"""A camera that shows another TLS certificate while its stream plays."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.certificates import PinnedCertificates
from core.clock import SystemClock
from core.login_gate import LoginGate
from core.records import Credential, StreamSource, StreamState
from core.secrets import Secret
from core.settings import Settings
from media.process import Spawner
from media.rtsp.gateway import RtspGateway
from stream_manager import StreamManager
from tests.media.encoded import encode_h264
from tests.media.rtsp.camera_peer import PeerCamera
from tests.onvif_services.tls import server_context
from tests.patience import until
from tests.sessions.live.tab import Tab
from tests.sessions.stand_ins import AddressedCameras, NoRecordings
from tests.sessions.thin_device import is_running, seen


class TlsCamera:
    """A camera whose certificate can be replaced, and a stream manager over the real gateway that plays it."""

    def __init__(self, folder: Path, settings: Settings, spawner: Spawner) -> None:
        clock = SystemClock()
        self._folder = folder
        self._context: ssl.SSLContext = server_context(folder, "first")
        self.pins = PinnedCertificates(clock)
        self.peer = PeerCamera(encode_h264(), tls=self._context, login="md5").start()
        self.tries = 0
        self._gateway = RtspGateway(
            login_gate=LoginGate(clock), clock=clock, settings=settings, certificates=self.pins, linger_s=0.1
        )
        self._gateway.start()
        cameras = AddressedCameras(self._source)
        self.manager = StreamManager(settings, clock, spawner, self._gateway, cameras, NoRecordings())
        self.manager.start()

    def _source(self, camera_id: int, path: str) -> StreamSource:
        self.tries += 1
        return StreamSource(camera_id, path, self.peer.uri(), "camera1", Credential("admin", Secret("pass 12")))

    def replace_certificate(self) -> None:
        server_context(self._folder, "second")
        self._context.load_cert_chain(self._folder / "second.pem")
        self.peer.drop_connections()

    def accept(self) -> None:
        (pin,) = self.pins.of_host("127.0.0.1")
        assert self.pins.accept("127.0.0.1", {pin.port}, pin.changed_to or "")
        self.manager.retry_certificate(1)

    def stop(self) -> None:
        self.manager.stop()
        self._gateway.stop()
        self.peer.stop()


@pytest.fixture
def camera(tmp_path: Path, settings: Settings, spawner: Spawner) -> Iterator[TlsCamera]:
    running = TlsCamera(tmp_path, settings, spawner)
    yield running
    running.stop()


@pytest.mark.slow
def test_a_changed_certificate_is_not_tried_again_without_the_user(camera: TlsCamera, impatient: None) -> None:
    tab = Tab().open(camera.manager, "live")
    until(lambda: bool(tab.fragments))
    before = camera.tries
    camera.replace_certificate()
    until(lambda: seen(camera.manager, tab.stream_id) == (StreamState.FAILED, "certificate_changed"))
    error = camera.manager.session_view(tab.stream_id).error
    assert error is not None
    assert "health card" in error.detail
    tries, received = camera.tries, camera.peer.received
    assert tries - before <= 2
    time.sleep(0.5)
    assert camera.tries == tries
    assert camera.peer.received == received
    camera.accept()
    until(lambda: is_running(camera.manager, tab.stream_id))
