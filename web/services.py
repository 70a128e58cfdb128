"""What the views ask of the rest of the app: the managers' faces, and places to wait in.

The faces are written as protocols so that each says exactly what the web uses; app.py hands in the
real managers, and the type checker compares the two there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, cast

from flask import current_app

from account_manager import AccountManager
from cameras.records import CameraChange, CameraDraft, CameraView, DiscoveredCamera, HealthCard, TimedSnapshot
from core.errors import Unavailable
from core.records import Channel, StreamState
from core.settings import Settings
from recordings.views import Coverage, Found, Playback, Summary
from sessions.live.broadcast import LiveListener
from sessions.replay.broadcast import ReplayListener
from sessions.view import StreamView
from walls.walls import WallManager
from web.live.sockets import Sockets
from web.watching import Watching

EXTENSION = "web.services"


class Cameras(Protocol):
    """onvif_manager.OnvifManager, as the web uses it."""

    def list_cameras(self) -> Sequence[CameraView]: ...
    def get_camera(self, camera_id: int) -> CameraView: ...
    def add_camera(self, draft: CameraDraft) -> CameraView: ...
    def add_pretend_recorder(self) -> CameraView: ...
    def update_camera(self, camera_id: int, change: CameraChange) -> CameraView: ...
    def delete_camera(self, camera_id: int) -> None: ...
    def refresh(self, camera_id: int) -> CameraView: ...
    def wait_first_connection(self, camera_id: int, timeout_s: float) -> CameraView: ...
    def channels(self, camera_id: int) -> Sequence[Channel]: ...
    def update_channel(
        self,
        camera_id: int,
        number: int,
        *,
        name: str | None = None,
        hidden: bool | None = None,
        position: int | None = None,
    ) -> Channel: ...
    def order_channels(self, camera_id: int, numbers: Sequence[int]) -> Sequence[Channel]: ...
    def last_snapshot(self, camera_id: int, profile_token: str | None = None) -> TimedSnapshot | None: ...
    def discover(self) -> Sequence[DiscoveredCamera]: ...
    def health(self, camera_id: int) -> HealthCard: ...


class Streams(Protocol):
    """stream_manager.StreamManager, as the web uses it."""

    def start_session(
        self, camera_id: int, profile_token: str, accept: tuple[str, ...] = ...
    ) -> tuple[StreamView, str, bool]: ...
    def start_replay(
        self,
        camera_id: int,
        recording_token: str,
        start_utc: datetime,
        *,
        end_utc: datetime | None = None,
        accept: tuple[str, ...] = ...,
    ) -> tuple[StreamView, str]: ...
    def watch_live(
        self,
        camera_id: int,
        profile_token: str,
        listener: LiveListener,
        *,
        wants_audio: bool = ...,
        from_last_key_frame: bool = ...,
    ) -> tuple[str, str]: ...
    def seek_replay(self, stream_id: str, time_utc: datetime) -> StreamView: ...
    def watch_replay(self, stream_id: str, viewer_id: str, listener: ReplayListener) -> bool: ...
    def unwatch_replay(self, stream_id: str, viewer_id: str, listener: ReplayListener) -> None: ...
    def request_replay_until(self, stream_id: str, viewer_id: str, run: int, until_s: float) -> None: ...
    def stop_session(self, stream_id: str, viewer_id: str | None = None) -> StreamState: ...
    def leave_session(self, stream_id: str, viewer_ids: Collection[str], *, may_end: bool = True) -> StreamState: ...
    def session_status(self, stream_id: str) -> StreamView: ...
    def list_sessions(self) -> Sequence[StreamView]: ...
    def playlist(self, stream_id: str, name: str, wait_s: float = 0.0, viewer_id: str | None = None) -> str: ...
    def segment_path(self, stream_id: str, file: str, viewer_id: str | None = None) -> Path: ...
    def snapshot(self, camera_id: int, profile_token: str | None = None) -> TimedSnapshot: ...


class Recordings(Protocol):
    """recording_manager.RecordingManager, as the web uses it."""

    def coverage(
        self, camera_id: int, start: datetime, end: datetime, *, channel: int | None = None, with_events: bool = True
    ) -> Coverage: ...
    def stop_indexing(self, camera_id: int) -> None: ...
    def resume_indexing(self, camera_id: int) -> None: ...
    def search(
        self,
        camera_id: int,
        start: datetime,
        end: datetime,
        *,
        recording_token: str | None = None,
        channel: int | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Found: ...
    def summary(self, camera_id: int) -> Summary: ...
    def channel_of(self, camera_id: int, recording_token: str) -> int | None: ...
    def playback_uri(
        self, camera_id: int, recording_token: str, start: datetime | None = None, end: datetime | None = None
    ) -> Playback: ...


class RequestLimit:
    """Bounds how many requests wait at once, so that plain ones always find a thread.

    Full means Unavailable at once: the caller is told when to come back instead of holding a
    thread while standing in line.
    """

    def __init__(self, places: int, what: str) -> None:
        self._free = threading.BoundedSemaphore(places)
        self._what = what

    @contextmanager
    def place(self) -> Iterator[None]:
        if not self._free.acquire(blocking=False):
            raise Unavailable(f"Too many {self._what} at once.", code="busy", retry_after_s=1)
        try:
            yield
        finally:
            self._free.release()


@dataclass(frozen=True, slots=True)
class Services:
    """All that a view can reach. Half of the request threads may wait: a quarter for playlists
    that are not there yet, a quarter for devices."""

    settings: Settings
    cameras: Cameras
    streams: Streams
    recordings: Recordings
    is_ready: Callable[[], bool]
    accounts: AccountManager
    walls: WallManager
    watching: Watching = field(init=False)
    playlist_limit: RequestLimit = field(init=False)
    device_limit: RequestLimit = field(init=False)
    sockets: Sockets = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "watching", Watching(self.streams.leave_session, fresh_s=self.settings.idle_end_s))
        object.__setattr__(self, "sockets", Sockets(self.settings.max_sockets))
        self.accounts.on_ended(self.watching.end)
        self.accounts.on_ended(self.sockets.end_logins)
        places = max(2, self.settings.request_threads // 4)
        object.__setattr__(self, "playlist_limit", RequestLimit(places, "playlists are waited for"))
        object.__setattr__(self, "device_limit", RequestLimit(places, "answers of devices are waited for"))


def services() -> Services:
    """The running app's services; only inside a request."""
    return cast(Services, current_app.extensions[EXTENSION])
