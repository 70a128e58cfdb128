"""Tests with ipycam, an independent virtual camera. It demands a login token with the right time even for
GetSystemDateAndTime, and Basic for snapshots. Only its HTTP side runs, on loopback."""

from __future__ import annotations

import pytest
from ipycam.camera import IPCamera

from core.certificates import PinnedCertificates
from core.clock import SystemClock
from core.errors import CameraAuthFailed, CameraUnsupported
from core.ptz import Velocity
from core.records import ProfileRole
from onvif_services import media, ptz
from onvif_services.connection import DeviceConnection
from onvif_services.heads import Heads
from onvif_services.probe import probe_address
from onvif_services.snapshot import fetch_snapshot, jpeg_size
from tests.onvif_services.connecting import Connect


def _opened(camera: IPCamera, connect: Connect) -> DeviceConnection:
    conn = connect(port=camera.config.onvif_port, password=camera.config.password, readable=True)
    conn.open()
    return conn


def test_ipycam_is_found_and_opened(ipycam: IPCamera, connect: Connect) -> None:
    assert probe_address("127.0.0.1", ipycam.config.onvif_port).port == ipycam.config.onvif_port
    conn = _opened(ipycam, connect)
    assert conn.info.manufacturer == ipycam.config.manufacturer
    assert {"device", "media", "ptz"} == set(conn.services)
    assert conn.clock_offset is not None
    assert abs(conn.clock_offset.offset_s) < 2


def test_an_ipycam_channel_has_a_main_and_a_sub_profile(ipycam: IPCamera, connect: Connect) -> None:
    conn = _opened(ipycam, connect)
    (channel,) = media.read_channels(conn)
    main, sub = channel.profiles
    assert (main.profile_token, main.role, main.has_ptz) == ("Profile_Main", ProfileRole.MAIN, True)
    assert main.video is not None
    assert (main.video.codec, main.video.width, main.video.height) == (
        "h264",
        ipycam.config.main_width,
        ipycam.config.main_height,
    )
    assert (sub.profile_token, sub.role) == ("Profile_Sub", ProfileRole.SUB)
    assert media.stream_uri(conn, "Profile_Main") == ipycam.config.main_stream_rtsp
    assert channel.problem is None


def test_an_ipycam_snapshot_behind_basic_is_fetched(ipycam: IPCamera, connect: Connect) -> None:
    conn = _opened(ipycam, connect)
    assert jpeg_size(fetch_snapshot(conn, "Profile_Main"))[0] > 0


def test_ipycam_is_opened_over_https(secure_ipycam: IPCamera, connect: Connect) -> None:
    port, password = secure_ipycam.config.onvif_port, secure_ipycam.config.password
    pins = PinnedCertificates(SystemClock())
    conn = connect(port=port, password=password, scheme="https", certificates=pins)
    conn.open()
    assert all(address.startswith(f"https://127.0.0.1:{port}/") for address in conn.services.values())
    (channel,) = media.read_channels(conn)
    assert channel.problem is None
    assert jpeg_size(fetch_snapshot(conn, "Profile_Main"))[0] > 0
    assert [pin.port for pin in pins.of_host("127.0.0.1")] == [port]


def test_ipycam_ptz_moves_although_its_prefix_is_undeclared(ipycam: IPCamera, connect: Connect) -> None:
    conn = _opened(ipycam, connect)
    ptz.continuous_move(conn, "Profile_Main", Velocity(pan=0.5), 1.0)
    ptz.stop(conn, "Profile_Main")
    token = ptz.set_preset(conn, "Profile_Main", "Gate")
    assert token in {preset.preset_token for preset in ptz.read_presets(conn, "Profile_Main")}


def test_the_head_of_ipycam_moves_stops_and_keeps_presets(ipycam: IPCamera, connect: Connect) -> None:
    conn = _opened(ipycam, connect)
    channels = media.read_channels(conn)
    heads = Heads(conn)
    able = heads.abilities(channels[0], channels)
    assert (able.pan_tilt, able.zoom, able.place.profile_tokens[0]) == (True, True, "Profile_Main")
    heads.move(able.place, Velocity(pan=0.5, zoom=0.5), 1.0)
    heads.stop(able.place)
    token = heads.set_preset(able.place, "Yard")
    heads.go_to_preset(able.place, token)
    assert token in {preset.preset_token for preset in heads.presets(able.place) or ()}
    heads.go_home(able.place)


def test_an_operation_that_ipycam_lacks_is_unsupported(ipycam: IPCamera, connect: Connect) -> None:
    conn = _opened(ipycam, connect)
    with pytest.raises(CameraUnsupported):
        media.request_key_frame(conn, "Profile_Main")


def test_a_wrong_password_is_an_auth_error(ipycam: IPCamera, connect: Connect) -> None:
    with pytest.raises(CameraAuthFailed):
        connect(port=ipycam.config.onvif_port, password="wrong").open()
