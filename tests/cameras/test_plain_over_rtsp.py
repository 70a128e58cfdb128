"""Cameras without ONVIF over the real gateway: rtsp:// and rtsps://, with a login, and with MJPEG."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cameras.records import CameraDraft, CameraView
from core.certificates import PinnedCertificates
from core.clock import SystemClock
from core.records import CameraStatus, StreamUris
from core.settings import Settings
from media.rtsp.gateway import RtspGateway
from tests.cameras.doubles import CameraHarness
from tests.media.encoded import encode_h264
from tests.media.rtsp.camera_peer import PeerCamera
from tests.media.rtsp.mjpeg_peer import MjpegCamera
from tests.onvif_services.tls import server_context
from tests.patience import LIMIT_S, until

Add = Callable[[PeerCamera, str], CameraView]


@pytest.fixture
def add(harness: CameraHarness) -> Iterator[Add]:
    """Add a camera by the address of a peer, with this login in it."""
    clock = SystemClock()
    gateways: list[RtspGateway] = []
    harness.describe = lambda source, timeout_s: gateways[0].describe(source, timeout_s)
    peers: list[PeerCamera] = []
    with harness.running() as manager:
        gateway = RtspGateway(
            login_gate=harness.gate,  # a running harness has its own
            clock=clock,
            settings=Settings(rtsp_timeout_s=LIMIT_S),
            certificates=PinnedCertificates(clock),
            linger_s=0.1,
        )
        gateway.start()
        gateways.append(gateway)

        def by_address(peer: PeerCamera, login: str) -> CameraView:
            peers.append(peer.start())
            scheme, _, rest = peer.uri().partition("://")
            may_be_readable = peer.login == "basic" and peer.tls is None
            draft = CameraDraft(stream_uris=StreamUris(f"{scheme}://{login}{rest}"), readable_password=may_be_readable)
            camera_id = manager.add_camera(draft).id
            return manager.wait_first_connection(camera_id, LIMIT_S)

        yield by_address
    gateway.stop()
    for peer in peers:
        peer.stop()


@pytest.mark.parametrize("login", ["", "md5", "basic"])
def test_a_stream_with_any_login_is_described(harness: CameraHarness, add: Add, login: str) -> None:
    view = add(PeerCamera(encode_h264(), login=login, has_audio=True), "admin:pass%2012@")
    assert (view.status, view.error, view.username) == (CameraStatus.ONLINE, None, "admin")
    (channel,) = harness.manager.channels(view.id)
    (profile,) = channel.profiles
    assert profile.video is not None
    assert (profile.video.codec, profile.video.width, profile.video.height) == ("h264", 320, 240)
    assert profile.audio is not None
    assert "h264 320x240, pcm_alaw" in harness.manager.health(view.id).text


def test_another_certificate_of_a_plain_camera_is_asked_about(harness: CameraHarness, add: Add, tmp_path: Path) -> None:
    context = server_context(tmp_path, "first")
    peer = PeerCamera(encode_h264(), tls=context)
    view = add(peer, "")
    assert view.status is CameraStatus.ONLINE
    until(lambda: peer.open_connections == 0)
    server_context(tmp_path, "second")
    context.load_cert_chain(tmp_path / "second.pem")
    harness.manager.refresh(view.id)
    harness.wait_status(view.id, CameraStatus.OFFLINE)
    error = harness.manager.get_camera(view.id).error
    assert error is not None
    assert error.code == "certificate_changed"


def test_cameras_at_one_address_share_their_refused_logins(harness: CameraHarness, add: Add) -> None:
    peer = PeerCamera(encode_h264(), login="md5")
    added = add(peer, "admin:wrong@").id
    uris = StreamUris(peer.uri().replace("://", "://admin:wrong@"))
    for _ in range(4):
        harness.manager.delete_camera(added)
        added = harness.manager.add_camera(CameraDraft(stream_uris=uris)).id
        assert harness.manager.wait_first_connection(added, LIMIT_S).status is CameraStatus.AUTH_FAILED
    assert peer.logins == 1


def test_a_wrong_password_costs_one_login(add: Add) -> None:
    peer = PeerCamera(encode_h264(), login="md5")
    view = add(peer, "admin:wrong@")
    assert view.status is CameraStatus.AUTH_FAILED
    assert peer.logins == 1


def test_a_stream_over_tls_is_described(add: Add, tmp_path: Path) -> None:
    view = add(PeerCamera(encode_h264(), tls=server_context(tmp_path, "camera"), login="basic"), "admin:pass%2012@")
    assert (view.status, view.error) == (CameraStatus.ONLINE, None)
    assert view.stream_uris is not None
    assert view.stream_uris.main.startswith("rtsps://127.0.0.1:")


def test_a_wrong_path_is_named(harness: CameraHarness, add: Add) -> None:
    peer = PeerCamera(encode_h264())
    peer.answers["DESCRIBE"] = lambda asked: asked.reply("404 Not Found")
    view = add(peer, "")
    assert view.status is CameraStatus.ONLINE
    (channel,) = harness.manager.channels(view.id)
    assert channel.problem is not None
    assert channel.problem.code == "stream_not_found"


def test_mjpeg_is_described(harness: CameraHarness, add: Add) -> None:
    view = add(MjpegCamera(), "")
    assert "mjpeg 320x240" in harness.manager.health(view.id).text
