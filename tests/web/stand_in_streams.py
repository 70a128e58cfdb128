"""A stand-in for the stream manager: sessions in a dict."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from cameras.records import HealthCard, TimedSnapshot
from core.errors import AppError, NotFound, Unavailable
from core.recordings import ReplayQuality
from core.records import (
    ServiceCheck,
    StreamKind,
    StreamState,
    VideoFormat,
)
from sessions.live.broadcast import LiveListener
from sessions.replay.broadcast import ReplayListener
from sessions.view import StreamView
from stream_manager import StreamManager
from tests.web.stand_in_cameras import NOON, StandInCameras

CHANNELS = 3


def session(stream_id: str, camera_id: int, profile_token: str) -> StreamView:
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
        audio_left_out="the device sends none",
        transcoding=False,
        bitrate_kbps=None,
        last_segment_age_s=float("nan"),
        frames_dropped=3,
        playlist_url=f"/static/streams/{stream_id}/stream.m3u8",
        waiting_for="connecting",
    )


@dataclass
class StandInStreams(StreamManager):
    """Sessions in a dict; playlists exist once `ready` is set."""

    folder: Path
    cameras: StandInCameras
    sessions: dict[str, StreamView] = field(default_factory=dict)
    fail_with: AppError | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    viewers_seen: list[str | None] = field(default_factory=list)
    replays: list[tuple[str, datetime, datetime | None, tuple[str, ...]]] = field(default_factory=list)

    def health(self, camera_id: int) -> HealthCard:
        card = self.cameras.health(camera_id)
        return replace(card, checks=(*card.checks, ServiceCheck("RTSP: keep-alive", "guessed", "OPTIONS works")))

    def start_hls(
        self,
        camera_id: int,
        profile_token: str,
        accept: tuple[str, ...] = ("h264",),
        *,
        viewer_id: str | None = None,
    ) -> tuple[StreamView, str, bool]:
        if self.fail_with is not None:
            raise self.fail_with
        if camera_id != 1 or not profile_token.startswith("MediaProfile"):
            raise NotFound("There is no such media profile.")
        stream_id = f"camera{camera_id}_{profile_token}" + (".hevc" if "hevc" in accept else "")
        is_new = stream_id not in self.sessions
        view = self.sessions.setdefault(stream_id, session(stream_id, camera_id, profile_token))
        return view, viewer_id or f"viewer-{len(self.viewers_seen)}", is_new

    def master_playlist(self, camera_id: int, number: int, codec: str = "h264") -> str:
        if self.fail_with is not None:
            raise self.fail_with
        if camera_id != 1 or number > CHANNELS:
            raise NotFound("There is no such channel.")
        return f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\nmain.m3u8?codec={codec}&viewer=viewer-9\n"

    def start_variant(self, camera_id: int, number: int, role: str, codec: str, viewer_id: str | None) -> str:
        if number > CHANNELS:
            raise NotFound("This channel has no such stream.")
        profile_token = f"MediaProfile{number - 1:03}0{0 if role == 'main' else 1}"
        return self.start_hls(camera_id, profile_token, (codec,), viewer_id=viewer_id)[0].stream_id

    def snapshot(self, camera_id: int, profile_token: str | None = None) -> TimedSnapshot:
        return self.cameras.take_snapshot(camera_id, profile_token)

    def small_snapshot(self, taken: TimedSnapshot) -> TimedSnapshot:
        return taken

    def start_replay(
        self,
        camera_id: int,
        recording_token: str,
        start_utc: datetime,
        *,
        end_utc: datetime | None = None,
        accept: tuple[str, ...] = ("h264",),
        key_frames_only: bool = False,
        quality: ReplayQuality = ReplayQuality.FULL,
        only_sure: bool = False,
    ) -> tuple[StreamView, str]:
        if self.fail_with is not None:
            raise self.fail_with
        self.replays.append((recording_token, start_utc, end_utc, accept))
        stream_id = f"replay{camera_id}_{len(self.replays):016x}"
        view = replace(
            session(stream_id, camera_id, ""),
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
        wants_audio: bool = False,
        at_next_key_frame: bool = False,
        is_small: bool = False,
    ) -> tuple[str, str]:
        view, viewer_id, _ = self.start_hls(camera_id, profile_token)
        listener.on_live_state(view)
        return view.stream_id, viewer_id

    def seek_replay(
        self,
        stream_id: str,
        time_utc: datetime,
        *,
        key_frames_only: bool = False,
        quality: ReplayQuality = ReplayQuality.FULL,
    ) -> StreamView:
        view = replace(self.session_view(stream_id), replay_quality=quality)
        if self.fail_with is not None:
            raise self.fail_with
        return replace(view, start_time=time_utc, playlist_url=f"/static/streams/{stream_id}/run2.m3u8")

    def watch_replay(self, stream_id: str, viewer_id: str, listener: ReplayListener) -> bool:
        self.session_view(stream_id)
        return bool(viewer_id and listener)

    def unwatch_replay(self, stream_id: str, viewer_id: str, listener: ReplayListener) -> None:
        self.session_view(stream_id)

    def request_replay_until(self, stream_id: str, viewer_id: str, run: int, until_s: float) -> None:
        self.session_view(stream_id)

    def stop_session(self, stream_id: str, viewer_id: str | None = None) -> StreamState:
        self.session_view(stream_id)
        if viewer_id == "not-the-last":
            return StreamState.RUNNING
        self.sessions[stream_id] = replace(self.sessions[stream_id], status=StreamState.STOPPED)
        return StreamState.STOPPED

    def leave_session(self, stream_id: str, viewer_ids: Collection[str], *, may_end: bool = True) -> StreamState:
        return self.stop_session(stream_id) if may_end and viewer_ids else StreamState.RUNNING

    def session_view(self, stream_id: str) -> StreamView:
        if stream_id not in self.sessions:
            raise NotFound("There is no such stream.")
        return self.sessions[stream_id]

    def list_sessions(self) -> list[StreamView]:
        return list(self.sessions.values())

    def playlist(self, stream_id: str, name: str, wait_s: float = 0.0, viewer_id: str | None = None) -> str:
        self.session_view(stream_id)
        self.viewers_seen.append(viewer_id)
        if not self.ready.wait(wait_s):
            raise Unavailable("The first segment is not there yet.")
        return "#EXTM3U\n"

    def segment_path(self, stream_id: str, file: str, viewer_id: str | None = None) -> Path:
        self.session_view(stream_id)
        return self.folder / stream_id / file
