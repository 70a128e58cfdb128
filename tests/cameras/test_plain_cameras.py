"""Cameras without ONVIF: added, edited and watched by the addresses of their streams."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from cameras.device import DeviceAddress
from cameras.plain_device import PlainDevice
from cameras.records import CameraChange, CameraDraft
from core.errors import (
    CameraAuthFailed,
    CameraNoSignal,
    CameraUnreachable,
    CameraUnsupported,
    Conflict,
    DeviceError,
    InvalidRequest,
    StreamNotFound,
)
from core.records import (
    AudioFormat,
    CameraStatus,
    Channel,
    Credential,
    ProfileRole,
    StreamFormats,
    StreamSource,
    StreamUris,
    VideoFormat,
)
from core.secrets import Secret
from onvif_manager import OnvifManager
from tests.cameras.doubles import JPEG, CameraHarness
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S, until

CANARY = "Zz9-canary"


class Server:
    """A listening port, and the formats or the error that its streams show."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=4096)  # it accepts none of the many checks
        self.port = self.socket.getsockname()[1]
        self.sources: list[StreamSource] = []
        self.errors: dict[str, DeviceError] = {}

    def uri(self, path: str, login: str = "") -> str:
        return f"rtsp://{login}127.0.0.1:{self.port}/{path}"

    def describe(self, source: StreamSource, timeout_s: float) -> StreamFormats:
        del timeout_s
        self.sources.append(source)
        if error := self.errors.get(source.profile_token):
            raise error
        size = (1920, 1080) if source.profile_token == "main" else (640, 360)
        return StreamFormats(VideoFormat("h264", *size), AudioFormat("aac", 16000, 1))


@pytest.fixture
def server(harness: CameraHarness) -> Iterator[Server]:
    made = Server()
    harness.describe = made.describe
    with closing(made.socket):
        yield made


@pytest.fixture
def manager(harness: CameraHarness, server: Server) -> Iterator[OnvifManager]:
    del server  # its description must be set before the manager is made
    with harness.running() as running:
        yield running


def _added(manager: OnvifManager, main: str, sub: str | None = None, **fields: object) -> int:
    draft = CameraDraft(stream_uris=StreamUris(main, sub), **fields)  # type: ignore[arg-type] # its own fields
    camera_id = manager.add_camera(draft).id
    manager.wait_first_connection(camera_id, LIMIT_S)
    return camera_id


def _channel(manager: OnvifManager, camera_id: int) -> Channel:
    (channel,) = manager.channels(camera_id)
    return channel


def test_a_stream_address_becomes_a_camera_with_one_channel(manager: OnvifManager, server: Server) -> None:
    camera_id = _added(manager, server.uri("big", f"admin:{CANARY}@"), server.uri("small"))
    view = manager.get_camera(camera_id)
    assert (view.status, view.error) == (CameraStatus.ONLINE, None)
    assert (view.host, view.port, view.username) == ("127.0.0.1", server.port, "admin")
    assert view.stream_uris == StreamUris(server.uri("big"), server.uri("small"))
    main, sub = _channel(manager, camera_id).profiles
    assert (main.role, main.video) == (ProfileRole.MAIN, VideoFormat("h264", 1920, 1080))
    assert (sub.role, sub.video) == (ProfileRole.SUB, VideoFormat("h264", 640, 360))
    source = manager.stream_source(camera_id, "sub")
    assert source.uri == server.uri("small")
    assert (source.credential.username, source.credential.password) == ("admin", Secret(CANARY))


def test_no_secret_of_an_address_is_shown(manager: OnvifManager, server: Server) -> None:
    path = "user=admin_password={}_channel=1_stream=0.sdp"
    camera_id = _added(manager, server.uri(path.format(CANARY)))
    card = manager.health(camera_id)
    for text in (repr(manager.get_camera(camera_id)), card.text, repr(card), repr(manager.channels(camera_id))):
        assert CANARY not in text
    assert "without ONVIF" in card.text
    assert "main stream: ok" in card.text
    assert manager.stream_source(camera_id, "main").uri == server.uri(path.format(CANARY))


def test_a_camera_by_stream_address_survives_a_restart(harness: CameraHarness, server: Server) -> None:
    with harness.running() as manager:
        camera_id = _added(manager, server.uri("a"), username="admin", password=Secret(CANARY))
    assert CANARY.encode() not in harness.settings.database_file.read_bytes()
    with harness.running() as manager:
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        assert manager.get_camera(camera_id).stream_uris == StreamUris(server.uri("a"))
        assert manager.stream_source(camera_id, "main").credential.password == Secret(CANARY)


def test_many_streams_of_one_server_are_many_cameras(manager: OnvifManager, server: Server) -> None:
    first = _added(manager, server.uri("one"))
    second = _added(manager, server.uri("two"))
    assert first != second
    with pytest.raises(Conflict) as refused:
        manager.add_camera(CameraDraft(stream_uris=StreamUris(server.uri("one", "u:p@"))))
    assert (refused.value.code, refused.value.existing_id) == ("already_added", first)


def test_an_onvif_camera_at_the_same_host_may_be_added(
    harness: CameraHarness, manager: OnvifManager, server: Server
) -> None:
    harness.device("127.0.0.1", 80)
    _added(manager, server.uri("one"))
    camera_id = manager.add_camera(CameraDraft(host="127.0.0.1")).id
    harness.wait_status(camera_id, CameraStatus.ONLINE, CameraStatus.AUTH_FAILED)
    assert manager.get_camera(camera_id).port == 80


def test_a_refused_password_is_the_cameras_problem(manager: OnvifManager, server: Server) -> None:
    server.errors["main"] = CameraAuthFailed("The device refuses this user name or password.")
    camera_id = _added(manager, server.uri("a"))
    assert manager.get_camera(camera_id).status is CameraStatus.AUTH_FAILED
    server.errors.clear()
    manager.update_camera(camera_id, CameraChange(username="admin", password=Secret("right")))
    until(lambda: manager.get_camera(camera_id).status is CameraStatus.ONLINE)


def test_a_silent_port_makes_the_camera_offline(manager: OnvifManager, server: Server) -> None:
    server.socket.close()
    camera_id = _added(manager, server.uri("a"))
    view = manager.get_camera(camera_id)
    assert view.status is CameraStatus.OFFLINE
    assert view.error is not None
    assert view.error.code == "camera_unreachable"
    assert not server.sources


def test_a_stream_that_cannot_be_shown_marks_the_channel(manager: OnvifManager, server: Server) -> None:
    server.errors["main"] = CameraUnsupported("The device sends VP8.", service="media")
    camera_id = _added(manager, server.uri("a"), server.uri("b"))
    assert manager.get_camera(camera_id).status is CameraStatus.ONLINE
    channel = _channel(manager, camera_id)
    assert channel.problem is not None
    assert channel.problem.detail == "The device sends VP8."
    assert [profile.video is None for profile in channel.profiles] == [True, False]


def test_a_wrong_path_is_the_problem_of_the_camera(manager: OnvifManager, server: Server) -> None:
    server.errors["main"] = StreamNotFound("The device has no stream at this address.")
    camera_id = _added(manager, server.uri("wrong"))
    view = manager.get_camera(camera_id)
    assert (view.status, view.error) == (CameraStatus.ONLINE, _channel(manager, camera_id).problem)
    assert view.error is not None
    assert view.error.code == "stream_not_found"
    server.errors.clear()
    manager.update_camera(camera_id, CameraChange(stream_uris=StreamUris(server.uri("right"), None)))
    until(lambda: bool(manager.channels(camera_id)))
    assert manager.get_camera(camera_id).error is None


def test_a_picture_clears_the_mark_of_a_channel(manager: OnvifManager, server: Server) -> None:
    server.errors["main"] = CameraNoSignal("The device plays but has not described its picture yet.")
    camera_id = _added(manager, server.uri("a"))
    assert _channel(manager, camera_id).problem is not None
    manager.note_stream(camera_id, "main", None)  # a session has shown a picture
    assert _channel(manager, camera_id).problem is None


def test_a_failing_sub_stream_leaves_the_channel_alone(manager: OnvifManager, server: Server) -> None:
    server.errors["sub"] = CameraAuthFailed("no")
    camera_id = _added(manager, server.uri("a"), server.uri("b"))
    assert manager.get_camera(camera_id).status is CameraStatus.ONLINE
    assert _channel(manager, camera_id).problem is None
    outcomes = {check.name: check.outcome for check in manager.health(camera_id).checks}
    assert outcomes["sub stream"] == "camera_auth_failed"


def test_snapshots_are_frames_of_the_stream(harness: CameraHarness, manager: OnvifManager, server: Server) -> None:
    camera_id = _added(manager, server.uri("a"))
    seen: list[str] = []
    harness.frame = lambda source: seen.append(source.uri) or JPEG  # type: ignore[func-returns-value] # a short spy
    assert harness.snapshot(camera_id).jpeg == JPEG
    assert seen == [server.uri("a")]


def test_requests_for_recordings_say_that_there_are_none(manager: OnvifManager, server: Server) -> None:
    camera_id = _added(manager, server.uri("a"))
    with pytest.raises(CameraUnsupported) as refused:
        manager.ask_recorder(camera_id, lambda device: device.recordings())
    assert (refused.value.service, "no recordings" in refused.value.detail) == ("recording", True)
    with pytest.raises(CameraUnsupported):
        manager.replay_source(camera_id, "any")
    assert manager.get_camera(camera_id).status is CameraStatus.ONLINE


def test_a_stored_password_is_not_sent_to_another_host_or_port(manager: OnvifManager, server: Server) -> None:
    camera_id = _added(manager, server.uri("a", f"admin:{CANARY}@"))
    for main in (f"rtsp://127.0.0.1:{server.port + 1}/a", "rtsp://10.9.8.7/a"):
        with pytest.raises(InvalidRequest) as refused:
            manager.update_camera(camera_id, CameraChange(stream_uris=StreamUris(main)))
        assert [error.field for error in refused.value.errors] == ["password"]
    other = f"rtsp://127.0.0.1:{server.port + 1}/b"
    with pytest.raises(InvalidRequest):
        manager.update_camera(camera_id, CameraChange(stream_uris=StreamUris(server.uri("a"), other)))
    manager.update_camera(camera_id, CameraChange(stream_uris=StreamUris(server.uri("b"), server.uri("c"))))
    until(lambda: manager.get_camera(camera_id).status is CameraStatus.ONLINE)
    source = manager.stream_source(camera_id, "main")
    assert (source.uri, source.credential.password) == (server.uri("b"), Secret(CANARY))


def test_the_kind_of_a_camera_stays(harness: CameraHarness, manager: OnvifManager, server: Server) -> None:
    plain = _added(manager, server.uri("a"))
    harness.device()
    onvif = manager.add_camera(CameraDraft(host="cam")).id
    for change in (CameraChange(host="cam"), CameraChange(port=80)):
        with pytest.raises(InvalidRequest):
            manager.update_camera(plain, change)
    with pytest.raises(InvalidRequest) as refused:
        manager.update_camera(onvif, CameraChange(stream_uris=StreamUris(server.uri("a"))))
    assert [error.field for error in refused.value.errors] == ["stream_uris"]
    manager.update_camera(plain, CameraChange(name="Yard"))
    assert manager.get_camera(plain).name == "Yard"


def test_a_name_with_many_silent_addresses_has_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    found = socket.getaddrinfo("192.0.2.8", 554, type=socket.SOCK_STREAM) * 5
    waits_s: list[float] = []
    clock = HandClock()

    def connect(sock: socket.socket, address: object) -> None:
        waits_s.append(sock.gettimeout() or 0.0)
        clock.move(seconds=waits_s[-1])
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(time, "monotonic", clock.monotonic_s)
    uris = StreamUris("rtsp://camera.example/live")
    address = DeviceAddress(1, "camera.example", 554, Credential("", Secret("")), "camera1", uris)
    device = PlainDevice(address, lambda *_: StreamFormats(None, None), clock, timeout_s=0.2)
    with pytest.raises(CameraUnreachable):
        device.check()
    assert sum(waits_s) == pytest.approx(0.2)
    (check,) = device.checks
    assert (check.name, check.outcome) == ("RTSP port", "camera_unreachable")
