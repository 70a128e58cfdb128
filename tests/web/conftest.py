"""Stand-ins for the managers, so that the web package is tested alone; tests/app covers the real wiring.

A test sets the contents and the errors of a stand-in, because a real device cannot be made to produce every line
of the status table.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI

from account_manager import AccountManager
from accounts.passwords import Passwords
from cameras.records import CameraChange, CameraDraft, CameraView, DiscoveredCamera, HealthCard, TimedSnapshot
from core.clock import SystemClock
from core.errors import AppError, Conflict, NotFound, Unavailable
from core.records import (
    AudioFormat,
    CameraStatus,
    Channel,
    DeviceInfo,
    MediaProfile,
    Problem,
    ProfileRole,
    ServiceCheck,
    StreamKind,
    StreamState,
    VideoFormat,
)
from core.settings import Settings
from database import Database
from sessions.live_hub import LiveListener
from sessions.replay_hub import ReplayListener
from sessions.view import StreamView
from tests.accounts.conftest import CHEAP
from tests.cameras.doubles import House as Network
from tests.recordings.recorder import Archive
from tests.web.house import PASSWORD, House
from wall_manager import WallManager
from web.application import build_web
from web.services import Services

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
CANARY = "canary-password-7f3a"


def _channel(number: int) -> Channel:
    video = VideoFormat("h264", 1920, 1080, 25.0, 4096, 50)
    return Channel(
        number,
        f"Door {number}",
        f"0000{number}",
        (
            MediaProfile(
                f"MediaProfile{number - 1:03}00", "main", f"0000{number}", video, AudioFormat("pcm_alaw", 8000)
            ),
            MediaProfile(f"MediaProfile{number - 1:03}01", "sub", f"0000{number}", None, role=ProfileRole.SUB),
        ),
        problem=Problem("camera_no_signal", "This channel has no signal.") if number == 3 else None,
    )


@dataclass
class StandInCameras:
    """Cameras in a dict. Methods that would send a request to a device raise `fail_with`."""

    views: dict[int, CameraView] = field(default_factory=dict)
    passwords: dict[int, str] = field(default_factory=dict)
    channel_lists: dict[int, list[Channel]] = field(default_factory=dict)
    fail_with: Exception | None = None
    snapshot_gate: threading.Event | None = None
    at_the_gate: int = 0
    waited: list[tuple[int, float]] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def _device(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with

    def list_cameras(self) -> Sequence[CameraView]:
        return list(self.views.values())

    def get_camera(self, camera_id: int) -> CameraView:
        if camera_id not in self.views:
            raise NotFound("There is no such camera.")
        return self.views[camera_id]

    def add_camera(self, draft: CameraDraft) -> CameraView:
        for view in self.views.values():
            if view.host == draft.host:
                raise Conflict("This device is there already.", code="already_added", existing_id=view.id)
        view = CameraView(
            id=next(self.ids),
            name=draft.name or draft.host,
            host=draft.host,
            port=draft.port,
            username=draft.username,
            status=CameraStatus.CONNECTING,
            info=DeviceInfo("Dahua", "XVR5116", "4.001"),
            channel_count=3,
            services=("media", "events"),
            clock_offset_s=-1.25,
            last_seen_at=NOON,
        )
        self.views[view.id] = view
        self.passwords[view.id] = draft.password.reveal()
        self.channel_lists[view.id] = [_channel(number) for number in (1, 2, 3)]
        return view

    def add_pretend_recorder(self) -> CameraView:
        self._device()
        view = self.add_camera(CameraDraft(f"pretend-{len(self.views)}"))
        self.views[view.id] = replace(view, pretend=True)
        return self.views[view.id]

    def update_camera(self, camera_id: int, change: CameraChange) -> CameraView:
        view = self.get_camera(camera_id)
        if change.password is not None:
            self.passwords[camera_id] = change.password.reveal()
        self.views[camera_id] = replace(view, name=change.name or view.name, host=change.host or view.host)
        return self.views[camera_id]

    def delete_camera(self, camera_id: int) -> None:
        self.get_camera(camera_id)
        del self.views[camera_id]

    def refresh(self, camera_id: int) -> CameraView:
        return self.get_camera(camera_id)

    def wait_first_connection(self, camera_id: int, timeout_s: float) -> CameraView:
        self.waited.append((camera_id, timeout_s))
        self.views[camera_id] = replace(self.views[camera_id], status=CameraStatus.ONLINE)
        return self.views[camera_id]

    def channels(self, camera_id: int) -> Sequence[Channel]:
        self.get_camera(camera_id)
        return self.channel_lists[camera_id]

    def update_channel(
        self,
        camera_id: int,
        number: int,
        *,
        name: str | None = None,
        hidden: bool | None = None,
        position: int | None = None,
    ) -> Channel:
        channels = self.channel_lists[self.get_camera(camera_id).id]
        for at, channel in enumerate(channels):
            if channel.number == number:
                channels[at] = replace(
                    channel,
                    name=name or channel.name,
                    hidden=channel.hidden if hidden is None else hidden,
                    position=channel.position if position is None else position,
                )
                return channels[at]
        raise NotFound("There is no such channel.")

    def order_channels(self, camera_id: int, numbers: Sequence[int]) -> Sequence[Channel]:
        channels = self.channel_lists[self.get_camera(camera_id).id]
        channels.sort(key=lambda channel: numbers.index(channel.number) if channel.number in numbers else 99)
        return channels

    def snapshot(self, camera_id: int, profile_token: str | None = None) -> TimedSnapshot:
        self.get_camera(camera_id)
        self._device()
        if self.snapshot_gate is not None:
            self.at_the_gate += 1
            assert self.snapshot_gate.wait(20)
        return TimedSnapshot(b"\xff\xd8\xff\xd9", NOON)

    def last_snapshot(self, camera_id: int, profile_token: str | None = None) -> TimedSnapshot | None:
        self.get_camera(camera_id)
        return TimedSnapshot(b"\xff\xd8old\xff\xd9", NOON) if profile_token is None else None

    def discover(self) -> Sequence[DiscoveredCamera]:
        self._device()
        return (
            DiscoveredCamera("127.0.0.9", 80, "XVR", "DHI", camera_id=None),
            DiscoveredCamera("cam", 80, camera_id=1),
        )

    def health(self, camera_id: int) -> HealthCard:
        check = ServiceCheck("GetServices", "ok", took_ms=12, at=NOON)
        return HealthCard(self.get_camera(camera_id), NOON, (check,), tuple(self.channel_lists[camera_id]))


def _session(stream_id: str, camera_id: int, profile_token: str) -> StreamView:
    return StreamView(
        stream_id=stream_id,
        camera_id=camera_id,
        profile_token=profile_token,
        kind=StreamKind.LIVE,
        status=StreamState.STARTING,
        error=None,
        started_at=NOON,
        uptime_s=1.25,
        viewers=1,
        restarts=0,
        video=VideoFormat("h264", 1920, 1080, 25.0),
        audio=None,
        transcoding=False,
        bitrate_kbps=None,
        last_segment_age_s=float("nan"),
        playlist_url=f"/static/streams/{stream_id}/stream.m3u8",
        segment_wait="connecting",
    )


@dataclass
class StandInStreams:
    """Sessions in a dict; playlists exist once `ready` is set."""

    folder: Path
    sessions: dict[str, StreamView] = field(default_factory=dict)
    fail_with: AppError | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    viewers_seen: list[str | None] = field(default_factory=list)
    replays: list[tuple[str, datetime, datetime | None, tuple[str, ...]]] = field(default_factory=list)

    def start(
        self, camera_id: int, profile_token: str, accept: tuple[str, ...] = ("h264",)
    ) -> tuple[StreamView, str, bool]:
        if self.fail_with is not None:
            raise self.fail_with
        if camera_id != 1 or not profile_token.startswith("MediaProfile"):
            raise NotFound("There is no such media profile.")
        stream_id = f"camera{camera_id}_{profile_token}" + (".hevc" if "hevc" in accept else "")
        is_new = stream_id not in self.sessions
        view = self.sessions.setdefault(stream_id, _session(stream_id, camera_id, profile_token))
        return view, f"viewer-{len(self.viewers_seen)}", is_new

    def start_replay(
        self,
        camera_id: int,
        recording_token: str,
        start_utc: datetime,
        *,
        end_utc: datetime | None = None,
        accept: tuple[str, ...] = ("h264",),
    ) -> tuple[StreamView, str]:
        if self.fail_with is not None:
            raise self.fail_with
        self.replays.append((recording_token, start_utc, end_utc, accept))
        stream_id = f"replay{camera_id}_{len(self.replays):016x}"
        view = replace(
            _session(stream_id, camera_id, ""),
            kind=StreamKind.REPLAY,
            recording_token=recording_token,
            start_time=start_utc,
            playlist_url=f"/static/streams/{stream_id}/run1.m3u8",
        )
        self.sessions[stream_id] = view
        return view, "viewer-1"

    def watch_live(
        self,
        camera_id: int,
        profile_token: str,
        listener: LiveListener,
        *,
        wants_sound: bool = False,
        wants_held: bool = True,
    ) -> tuple[str, str]:
        view, viewer_id, _ = self.start(camera_id, profile_token)
        listener.on_live_state(view)
        return view.stream_id, viewer_id

    def seek(self, stream_id: str, time_utc: datetime) -> StreamView:
        view = self.status(stream_id)
        if self.fail_with is not None:
            raise self.fail_with
        return replace(view, start_time=time_utc, playlist_url=f"/static/streams/{stream_id}/run2.m3u8")

    def watch_replay(self, stream_id: str, viewer_id: str, listener: ReplayListener) -> bool:
        self.status(stream_id)
        return bool(viewer_id and listener)

    def unwatch_replay(self, stream_id: str, viewer_id: str, listener: ReplayListener) -> None:
        self.status(stream_id)

    def want_replay(self, stream_id: str, viewer_id: str, run: int, until_s: float) -> None:
        self.status(stream_id)

    def stop(self, stream_id: str, viewer_id: str | None = None) -> StreamState:
        self.status(stream_id)
        if viewer_id == "not-the-last":
            return StreamState.RUNNING
        self.sessions[stream_id] = replace(self.sessions[stream_id], status=StreamState.STOPPED)
        return StreamState.STOPPED

    def leave(self, stream_id: str, viewer_ids: Collection[str], *, may_end: bool = True) -> StreamState:
        return self.stop(stream_id) if may_end and viewer_ids else StreamState.RUNNING

    def status(self, stream_id: str) -> StreamView:
        if stream_id not in self.sessions:
            raise NotFound("There is no such stream.")
        return self.sessions[stream_id]

    def all(self) -> Sequence[StreamView]:
        return list(self.sessions.values())

    def playlist(self, stream_id: str, name: str, wait_s: float = 0.0, viewer_id: str | None = None) -> str:
        self.status(stream_id)
        self.viewers_seen.append(viewer_id)
        if not self.ready.wait(wait_s):
            raise Unavailable("The first segment is not there yet.")
        return "#EXTM3U\n"

    def segment_path(self, stream_id: str, file: str, viewer_id: str | None = None) -> Path:
        self.status(stream_id)
        return self.folder / stream_id / file


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", streams_dir=tmp_path / "streams", request_threads=8, playlist_wait_s=5)


@pytest.fixture
def cameras() -> StandInCameras:
    return StandInCameras()


@pytest.fixture
def streams(settings: Settings) -> StandInStreams:
    return StandInStreams(settings.streams_dir)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """The real recording manager over a recorder with scripted answers, which is camera 1."""
    made = Archive(tmp_path / "archive")
    yield made
    made.close()


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    made = Database(settings.database_file)
    yield made
    made.close()


@pytest.fixture
def walls(database: Database) -> WallManager:
    return WallManager(database)


@pytest.fixture
def accounts(settings: Settings, database: Database) -> Iterator[AccountManager]:
    """The real account manager over SQLite, with cheap hashes. No account exists; "only on this machine" is chosen."""
    manager = AccountManager(database, settings, SystemClock(), passwords=Passwords(CHEAP))
    manager.start()
    manager.postpone()
    yield manager
    manager.stop()


@pytest.fixture
def web_app(
    settings: Settings,
    cameras: StandInCameras,
    streams: StandInStreams,
    archive: Archive,
    accounts: AccountManager,
    walls: WallManager,
) -> OpenAPI:
    return build_web(Services(settings, cameras, streams, archive.manager, lambda: True, accounts, walls))


@pytest.fixture
def network(tmp_path: Path) -> Network:
    """Simulated devices for the real camera manager."""
    return Network(tmp_path / "network")


@pytest.fixture
def real_app(
    network: Network,
    settings: Settings,
    streams: StandInStreams,
    archive: Archive,
    accounts: AccountManager,
    walls: WallManager,
) -> Iterator[OpenAPI]:
    """The app over the real camera, recording and account managers; "only on this machine" is chosen."""
    with network.running() as manager:
        network.device("10.0.0.9")
        yield build_web(Services(settings, manager, streams, archive.manager, lambda: True, accounts, walls))


@pytest.fixture
def client(web_app: OpenAPI) -> FlaskClient:
    return web_app.test_client()


@pytest.fixture
def camera(cameras: StandInCameras) -> CameraView:
    """A camera that was added before the test."""
    return cameras.add_camera(CameraDraft("127.0.0.9"))


@pytest.fixture
def assert_problem() -> Callable[..., dict[str, Any]]:
    """Check that a response is a complete problem document, and return the document."""

    def check(response: Any, status: int, code: str) -> dict[str, Any]:
        assert response.status_code == status, response.get_data(as_text=True)
        assert response.content_type == "application/problem+json"
        document: dict[str, Any] = response.get_json()
        assert (document["status"], document["code"]) == (status, code)
        assert document["title"]
        assert document["detail"]
        return document

    return check


@pytest.fixture
def house(web_app: OpenAPI, accounts: AccountManager, cameras: StandInCameras, streams: StandInStreams) -> House:
    accounts.create_first("Anna", PASSWORD)
    cameras.add_camera(CameraDraft("127.0.0.8"))
    cameras.add_camera(CameraDraft("127.0.0.9"))
    streams.ready.set()
    for camera_id in (1, 2):
        for number in (1, 2):
            stream_id = f"camera{camera_id}_MediaProfile{number - 1:03}00"
            streams.sessions[stream_id] = _session(stream_id, camera_id, f"MediaProfile{number - 1:03}00")
            (streams.folder / stream_id).mkdir(parents=True, exist_ok=True)
            (streams.folder / stream_id / "s1.ts").write_bytes(b"segment")
        replay = f"replay{camera_id}_{camera_id:016x}"
        streams.sessions[replay] = replace(
            _session(replay, camera_id, ""), kind=StreamKind.REPLAY, recording_token="Recording1"
        )
    return House(web_app, accounts)


@pytest.fixture
def browser(house: House) -> FlaskClient:
    return house.app.test_client()
