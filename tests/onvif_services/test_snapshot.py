"""Snapshots of a device: from the same host, with a login if needed, limited in size, checked to be a JPEG."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from core.errors import CameraAuthFailed, CameraBadAnswer, CameraUnreachable, CameraUnsupported
from onvif_services.connection import DeviceConnection
from onvif_services.snapshot import fetch_snapshot, jpeg_size
from tests.onvif_services.connecting import Connect
from tests.onvif_services.soap_device import HANG, Reply, SoapDevice
from tests.patience import promised


def _jpeg(width: int = 64, height: int = 48, **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "navy").save(out, "JPEG", **options)
    return out.getvalue()


def _opened(device: SoapDevice, connect: Connect, page: Reply | None, password: str = "s3cret&<") -> DeviceConnection:
    device.answers["GetSnapshotUri"] = (
        "<trt:GetSnapshotUriResponse><trt:MediaUri><tt:Uri>http://192.168.9.9:8080/snap.jpg?channel=1&amp;x=2</tt:Uri>"
        "</trt:MediaUri></trt:GetSnapshotUriResponse>"
    )
    if page is not None:
        device.pages["/snap.jpg?channel=1&x=2"] = page
    conn = connect(password=password, readable=True)
    conn.open()
    return conn


@pytest.mark.parametrize("login", ["", "basic", "digest"])
def test_a_snapshot_is_fetched_with_any_kind_of_login(device: SoapDevice, connect: Connect, login: str) -> None:
    picture = _jpeg()
    conn = _opened(device, connect, Reply(picture, 200, {"X-Login": login}))
    for _ in range(3):
        assert fetch_snapshot(conn, "MediaProfile00000") == picture
    assert device.failed_logins == 0
    assert len(device.asked("GET")) == (4 if login else 3)


@pytest.mark.slow
@pytest.mark.parametrize("login", ["", "basic", "digest"])
def test_a_snapshot_that_is_cut_off_is_fetched_once_more(device: SoapDevice, connect: Connect, login: str) -> None:
    picture = _jpeg()
    conn = _opened(device, connect, Reply(picture, 200, {"X-Login": login}))
    device.cuts_every_second_from = 1
    for _ in range(3):
        assert fetch_snapshot(conn, "MediaProfile00000") == picture
    assert device.failed_logins == 0


def test_a_password_changed_on_the_device_costs_two_logins(device: SoapDevice, connect: Connect) -> None:
    conn = _opened(device, connect, Reply(_jpeg(), 200, {"X-Login": "basic"}))
    device.password = "changed"
    device.open_operations |= {"GetSnapshotUri"}
    for _ in range(5):
        with pytest.raises(CameraAuthFailed):
            fetch_snapshot(conn, "MediaProfile00000")
    assert device.failed_logins == 2


def test_a_password_that_is_refused_for_snapshots_only_stays_valid(device: SoapDevice, connect: Connect) -> None:
    """Firmware with another account for snapshots must not block the whole device."""
    refusal = Reply(b"", 401, {"WWW-Authenticate": 'Basic realm="pictures"'})
    conn = _opened(device, connect, refusal)
    for _ in range(5):
        with pytest.raises(CameraUnsupported):
            fetch_snapshot(conn, "MediaProfile00000")
    assert len([request for request in device.asked("GET") if "Authorization" in request.headers]) == 1
    conn.call("media", "GetProfiles")


def test_a_missing_permission_for_one_snapshot_leaves_the_others(device: SoapDevice, connect: Connect) -> None:
    device.pages["/1.jpg"] = Reply(b"", 401, {"WWW-Authenticate": 'Basic realm="pictures"'})
    device.pages["/2.jpg"] = Reply(picture := _jpeg(), 200, {"X-Login": "basic"})
    device.answers["GetSnapshotUri"] = lambda request: (
        "<trt:GetSnapshotUriResponse><trt:MediaUri><tt:Uri>http://192.168.9.9/"
        f"{request.value('ProfileToken')}.jpg</tt:Uri></trt:MediaUri></trt:GetSnapshotUriResponse>"
    )
    conn = connect(readable=True)
    conn.open()
    for _ in range(2):
        with pytest.raises(CameraUnsupported):
            fetch_snapshot(conn, "1")
    assert fetch_snapshot(conn, "2") == picture
    sent = [request.path for request in device.asked("GET") if "Authorization" in request.headers]
    assert sent == ["/1.jpg", "/2.jpg"]


@pytest.fixture
def other(device: SoapDevice, other: SoapDevice) -> SoapDevice:
    """The second web server of `device`, which has the snapshots as the device says."""
    device.answers["GetSnapshotUri"] = (
        f"<trt:GetSnapshotUriResponse><trt:MediaUri><tt:Uri>http://10.0.0.1:{other.port}/snap.jpg</tt:Uri>"
        "</trt:MediaUri></trt:GetSnapshotUriResponse>"
    )
    return other


@pytest.mark.parametrize("login", ["basic", "digest"])
def test_a_second_port_is_asked_without_a_login_first(
    device: SoapDevice, other: SoapDevice, connect: Connect, login: str
) -> None:
    device.pages["/snap.jpg"] = Reply(b"", 404, {"X-Login": login})
    other.pages["/snap.jpg"] = Reply(picture := _jpeg())
    conn = connect(readable=True)
    conn.open()
    for _ in range(2):
        assert fetch_snapshot(conn, "MediaProfile00000") == picture
    assert any("Authorization" in request.headers for request in device.asked("GET"))
    assert len(other.asked("GET")) == 2
    assert not any("Authorization" in request.headers for request in other.asked("GET"))


@pytest.mark.slow
def test_a_silent_port_leaves_time_for_the_second_one(device: SoapDevice, other: SoapDevice, connect: Connect) -> None:
    device.pages["/snap.jpg"] = HANG
    other.pages["/snap.jpg"] = Reply(picture := _jpeg())
    conn = connect()
    conn.open()
    conn.timeout_s = 4.0
    assert fetch_snapshot(conn, "MediaProfile00000") == picture


@pytest.mark.slow
def test_a_snapshot_has_one_deadline(device: SoapDevice, other: SoapDevice, connect: Connect) -> None:
    device.pages["/snap.jpg"] = other.pages["/snap.jpg"] = HANG
    conn = connect()
    conn.open()
    conn.timeout_s = 3.0
    with promised(5.5), pytest.raises(CameraUnreachable):  # two deadlines would be 6 s or more
        fetch_snapshot(conn, "MediaProfile00000")


def test_a_device_without_snapshots_is_unsupported(device: SoapDevice, connect: Connect) -> None:
    conn = _opened(device, connect, None)
    with pytest.raises(CameraUnsupported):
        fetch_snapshot(conn, "MediaProfile00000")
    del device.answers["GetSnapshotUri"]
    with pytest.raises(CameraUnsupported):
        fetch_snapshot(conn, "MediaProfile00000")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>log in</html>"),
        Reply(b""),
        Reply(_jpeg()[:200]),
        Reply(_jpeg()[:-2]),
        Reply(b"\xff\xd8\xff\xe0" + b"\0" * 50 + b"\xff\xd9"),
        Reply(b"\x89PNG\r\n\x1a\n" + b"\0" * 100),
        Reply(_jpeg(), 302, {"Location": "http://127.0.0.1:1/"}),
        Reply(_jpeg() + b"\0" * 10_000_000),
        Reply(b"", 500),
    ],
)
def test_a_snapshot_that_is_no_jpeg_is_a_bad_answer(device: SoapDevice, connect: Connect, reply: Reply) -> None:
    conn = _opened(device, connect, reply)
    with pytest.raises(CameraBadAnswer):
        fetch_snapshot(conn, "MediaProfile00000")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"exif": b"Exif\0\0" + b"x" * 500}])
def test_the_size_is_read_from_all_kinds_of_jpeg(options: dict[str, object]) -> None:
    assert jpeg_size(_jpeg(321, 123, **options)) == (321, 123)


def test_a_snapshot_needs_permission_for_a_readable_password(device: SoapDevice, connect: Connect) -> None:
    _opened(device, connect, Reply(_jpeg(), 200, {"X-Login": "basic"}))
    conn = connect()
    conn.open()
    with pytest.raises(CameraUnsupported):
        fetch_snapshot(conn, "MediaProfile00000")
    assert not any("Basic" in request.headers.get("Authorization", "") for request in device.requests)
