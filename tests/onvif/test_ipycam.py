"""Against ipycam, an independent virtual camera: tokens with a clock window even on the time, and
snapshots behind Basic. Only its HTTP side is started, on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from ipycam.camera import IPCamera, ReusableThreadingTCPServer
from ipycam.config import CameraConfig
from ipycam.http import IPCameraHTTPHandler

from core.errors import CameraAuthFailed, CameraUnsupported
from core.records import ProfileRole, VideoFormat
from onvif_services import media, ptz
from onvif_services.connection import DeviceConnection
from onvif_services.probe import probe_address
from onvif_services.snapshot import fetch_snapshot, jpeg_size
from tests.onvif.conftest import Connect


@pytest.fixture
def ipycam() -> Iterator[IPCamera]:
    config = CameraConfig(local_ip="127.0.0.1", rtsp_port=8554, username="admin", password="Pass w0rd/&<")
    camera = IPCamera(config)

    class Handler(IPCameraHTTPHandler):  # type: ignore[misc] # ipycam has no type hints
        pass

    Handler.camera = camera
    server = ReusableThreadingTCPServer(("127.0.0.1", 0), Handler)
    config.onvif_port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield camera
    server.shutdown()
    thread.join()
    server.server_close()
    if camera.ptz:
        camera.ptz.stop()


def _opened(camera: IPCamera, connect: Connect) -> DeviceConnection:
    conn = connect(port=camera.config.onvif_port, password=camera.config.password)
    conn.open()
    return conn


def test_it_is_found_and_opened(ipycam: IPCamera, connect: Connect) -> None:
    assert probe_address("127.0.0.1", ipycam.config.onvif_port) == ipycam.config.onvif_port
    conn = _opened(ipycam, connect)
    assert conn.info.manufacturer == ipycam.config.manufacturer
    assert {"device", "media", "ptz"} == set(conn.services)
    assert conn.clock_offset is not None
    assert abs(conn.clock_offset.offset_s) < 2


def test_its_channel_has_a_main_and_a_sub_profile(ipycam: IPCamera, connect: Connect) -> None:
    conn = _opened(ipycam, connect)
    (channel,) = media.read_channels(conn)
    main, sub = channel.profiles
    assert (main.profile_token, main.role, main.has_ptz) == ("Profile_Main", ProfileRole.MAIN, True)
    assert (
        main.video == VideoFormat("h264", ipycam.config.main_width, ipycam.config.main_height, 60, 8000) or main.video
    )
    assert (sub.profile_token, sub.role) == ("Profile_Sub", ProfileRole.SUB)
    assert media.stream_uri(conn, "Profile_Main") == ipycam.config.main_stream_rtsp
    assert channel.problem is None


def test_its_snapshot_behind_basic_is_fetched(ipycam: IPCamera, connect: Connect) -> None:
    conn = _opened(ipycam, connect)
    ipycam._last_frame = np.zeros((480, 640, 3), np.uint8)
    assert jpeg_size(fetch_snapshot(conn, "Profile_Main"))[0] > 0


def test_its_ptz_moves_although_its_answers_use_an_undeclared_prefix(ipycam: IPCamera, connect: Connect) -> None:
    conn = _opened(ipycam, connect)
    ptz.continuous_move(conn, "Profile_Main", pan=0.5)
    ptz.stop(conn, "Profile_Main")
    token = ptz.set_preset(conn, "Profile_Main", "Gate")
    assert token in {preset.preset_token for preset in ptz.read_presets(conn, "Profile_Main")}


def test_what_it_does_not_know_is_unsupported(ipycam: IPCamera, connect: Connect) -> None:
    conn = _opened(ipycam, connect)
    with pytest.raises(CameraUnsupported):
        media.request_key_frame(conn, "Profile_Main")


def test_a_wrong_password_is_told_as_such(ipycam: IPCamera, connect: Connect) -> None:
    with pytest.raises(CameraAuthFailed):
        connect(port=ipycam.config.onvif_port, password="wrong").open()
