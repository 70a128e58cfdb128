"""Live and replay sessions: starts, shares and stops them. The face of `sessions/`.

Callers name sessions and viewers by ids and never get a session object. Viewers on sockets pass in a listener, and
segment_path() returns a file of this machine, so the callers run in the same process.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from cameras.records import HealthCard, TimedSnapshot
from cameras.registry import device_key
from core.clock import Clock
from core.errors import CameraUnsupported, CertificateChanged, InvalidRequest, LimitReached, NotFound
from core.recordings import ReplayQuality
from core.records import Channel, MediaProfile, StreamState
from core.settings import Settings
from media.hls.multivariant_playlist import multivariant_playlist
from media.process import Spawner
from media.rtsp.gateway import RtspGateway
from onvif_manager import OnvifManager
from recording_manager import RecordingManager
from sessions.base import BaseSession
from sessions.context import SessionContext, TranscodeSlots
from sessions.folders import remove_leftovers
from sessions.ids import LiveStreamKey
from sessions.live.broadcast import LiveListener
from sessions.live.plan import needs_transcode
from sessions.live.session import LiveSession
from sessions.live.small_output import check_small_source
from sessions.live.variants import variant_line, variants_of
from sessions.replay.broadcast import ReplayListener
from sessions.replay.run import ReplayRun
from sessions.replay.session import ReplaySession
from sessions.snapshots import FrameGrabber, SnapshotTaker
from sessions.table import SessionTable
from sessions.view import StreamView
from sessions.viewers import UNNAMED, new_viewer_id

__all__ = ["StreamManager", "StreamView"]

ACCEPTED = frozenset({"h264", "hevc"})
_STOP_ALL_S = 4.0
_JOIN_ALL_S = 0.5


class StreamManager:
    """All live and replay sessions. Call `start()` first; `stop()` may be called twice."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        spawner: Spawner,
        gateway: RtspGateway,
        cameras: OnvifManager,
        recordings: RecordingManager,
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._cameras = cameras
        self._recordings = recordings
        self._slots = TranscodeSlots(settings.max_transcodes)
        self._context = SessionContext(
            settings=settings,
            clock=clock,
            spawner=spawner,
            gateway=gateway,
            cameras=cameras,
            recordings=recordings,
            slots=self._slots,
        )
        self._snapshots = SnapshotTaker(cameras, FrameGrabber(self._context), settings)
        self._table = SessionTable(settings.max_sessions)

    def start(self) -> None:
        """Make the folder for streams and remove what an earlier run of the app left in it."""
        mode = 0o750 if self._settings.accel_prefix else 0o700
        self._settings.streams_dir.mkdir(mode=mode, parents=True, exist_ok=True)
        self._settings.streams_dir.chmod(mode)
        remove_leftovers(self._settings.streams_dir)
        self._table.open()

    def stop(self) -> None:
        """End every session, within 5 s."""
        _stop_all(self._table.close(), self._context.clock)

    def health(self, camera_id: int) -> HealthCard:
        """Return the health card of a camera, with the guesses of its streams. Raises NotFound."""
        card = self._cameras.health(camera_id)
        return replace(card, checks=(*card.checks, *self._gateway.device_checks(device_key(camera_id))))

    # ---- for viewers -----------------------------------------------------------------------------

    def start_hls(
        self,
        camera_id: int,
        profile_token: str,
        accept: tuple[str, ...] = ("h264",),
        *,
        viewer_id: str | None = None,
    ) -> tuple[StreamView, str, bool]:
        """Start or join a live session, never a replay, for a viewer of HLS.

        Return its view, the viewer's id (a new one unless given), and True if the session is new.

        Viewers of HLS and on sockets (watch_live()) share a session, except that a browser with HEVC gets a separate
        session for HLS if the device sends HEVC. Returns immediately, without asking the device.

        Raises LimitReached if there are too many sessions, or if no more may be transcoded (code transcode_limit);
        NotFound for an unknown camera or media profile; NotOwner for a camera that another node connects; Unavailable
        while the app starts or stops.
        """
        _check_accept(accept)
        video = self._cameras.known_video(camera_id, profile_token)
        with self._table.lock:
            self._cameras.check_owner(camera_id)
            codec = self._table.codec(camera_id, profile_token, video)
            key = LiveStreamKey(camera_id, profile_token, is_hevc_variant="hevc" in accept and codec == "hevc")
            is_transcoding = needs_transcode(codec, is_hevc_variant=key.is_hevc_variant)
            old = self._table.find(key.stream_id)
            if isinstance(old, LiveSession) and is_transcoding:
                self._slots.take(key.stream_id, old.resources)  # until now it may have run without ffmpeg
            joined = old.add_viewer(viewer_id) if old is not None else None
            if old is not None and joined is not None:
                return old.view(), joined, False
            session = self._new_session(key, codec, after=old)
            if is_transcoding:
                self._slots.take(key.stream_id, session.resources)
            joined = session.add_viewer(viewer_id)
            self._table.begin(session)
        return session.view(), joined or "", True

    def master_playlist(self, camera_id: int, number: int, codec: str = "h264") -> str:
        """Return the multivariant playlist of a channel, with a new viewer's id in its addresses.

        It starts no session and asks no device. `codec` "hevc": the H.265 streams, if the main stream is H.265.

        Raises NotFound for an unknown camera or channel, CameraUnsupported for a channel without video.
        """
        channel = self._channel(camera_id, number)
        viewer_id = new_viewer_id()
        variants = variants_of(
            channel, wants_hevc=codec == "hevc", codec_of=lambda profile: self._codec_of(camera_id, profile)
        )
        if not variants:
            raise CameraUnsupported("This channel has no video.", service="video")
        return multivariant_playlist(
            variant_line(
                variant,
                camera_id,
                f"{variant.profile.role}.m3u8?codec={'hevc' if variant.is_hevc else 'h264'}&viewer={viewer_id}",
                self._table.last_view,
            )
            for variant in variants
        )

    def start_variant(self, camera_id: int, number: int, role: str, codec: str, viewer_id: str | None) -> str:
        """Start the session of a variant unless it runs. Return its stream_id. Raises what start_hls() raises."""
        profile = next((one for one in self._channel(camera_id, number).profiles if one.role == role), None)
        if profile is None:
            raise NotFound("This channel has no such stream.")
        is_hevc = codec == "hevc" and self._codec_of(camera_id, profile) == "hevc"
        stream_id = LiveStreamKey(camera_id, profile.profile_token, is_hevc_variant=is_hevc).stream_id
        session = self._table.find(stream_id)
        if session is None or session.is_over:
            self.start_hls(camera_id, profile.profile_token, (codec,), viewer_id=viewer_id or UNNAMED)
        return stream_id

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
        """Start or join a live session for a viewer on a socket, and send its fragments to `listener`.

        Return the stream_id and a viewer's id immediately. The session is the one that start_hls() returns for a
        player without HEVC, whatever codec the device sends; ffmpeg runs only while a viewer uses HLS too. The first
        fragment is the last key frame's, or with `at_next_key_frame` the next one received. The viewer
        leaves by stop_session(stream_id, viewer_id).

        `is_small`: small video for thin links, without audio, from a separate session with an ffmpeg. It shares the
        device session. Raises LimitReached (transcode_limit) if no more may be transcoded, CameraUnsupported if the
        stream is too large.

        Raises LimitReached, NotFound, NotOwner; Unavailable while the app starts or stops.
        """
        video = self._cameras.known_video(camera_id, profile_token)
        key = LiveStreamKey(camera_id, profile_token, is_small=is_small)
        if is_small:
            check_small_source(video)
        with self._table.lock:
            self._cameras.check_owner(camera_id)
            codec = self._table.codec(camera_id, profile_token, video)
            old = self._table.find(key.stream_id)
            if isinstance(old, LiveSession):
                if is_small:
                    self._slots.take(key.stream_id, old.resources)
                viewer_id = old.add_listener(listener, wants_audio=wants_audio, at_next_key_frame=at_next_key_frame)
                if viewer_id is not None:
                    return key.stream_id, viewer_id
            session = self._new_session(key, codec, after=old)
            if is_small:
                self._slots.take(key.stream_id, session.resources)
            viewer_id = session.add_listener(listener, wants_audio=wants_audio, at_next_key_frame=at_next_key_frame)
            self._table.begin(session)
        return key.stream_id, viewer_id or ""

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
        """Start a session that plays a recording from start_utc. Return its view and a viewer's id immediately.

        `only_sure`: for a user limited to channels; no recording plays whose channel is only guessed.
        The viewer then fetches HLS playlists or calls watch_replay(). Raises LimitReached if there are too many
        sessions, or (code replay_limit) if all replay sessions of the device are in use and the archive does not have
        this time: `used_by` names them; NotOwner; Unavailable while the app starts or stops.
        """
        _check_accept(accept)
        with self._table.lock:
            self._cameras.check_owner(camera_id)
            self._table.check_capacity()
            replays = [one for one in self._table.of_camera(camera_id) if isinstance(one, ReplaySession)]
            active = tuple(one.stream_id for one in replays if one.uses_device)
            capacity = self._gateway.replay_capacity(device_key(camera_id))
            is_full = len(active) >= capacity
            if is_full and not self._recordings.plays_from_archive(camera_id, recording_token, start_utc):
                what = "one recording" if capacity == 1 else f"{capacity} recordings"
                raise LimitReached(
                    f"This recorder plays {what} at a time, and others are watching.",
                    code="replay_limit",
                    used_by=active,
                )
            session = ReplaySession(
                self._context,
                camera_id,
                recording_token,
                ReplayRun(1, start_utc, end_utc, key_frames_only, quality),
                accepts_hevc="hevc" in accept,
                only_sure=only_sure,
                on_end=self._table.forget,
            )
            viewer_id = session.add_viewer()
            self._table.begin(session)
        return session.view(), viewer_id or ""

    def seek_replay(
        self,
        stream_id: str,
        time_utc: datetime,
        *,
        key_frames_only: bool = False,
        quality: ReplayQuality = ReplayQuality.FULL,
    ) -> StreamView:
        """Play a replay from another time. May block for some seconds; raises what ReplaySession.seek raises."""
        return self._replay(stream_id).seek(time_utc, key_frames_only=key_frames_only, quality=quality)

    def watch_replay(self, stream_id: str, viewer_id: str, listener: ReplayListener) -> bool:
        """Send the parts of a replay that start_replay() has started to `listener` as they arrive.

        Return True if the listener gets the current run from its beginning, False if it gets nothing before the next
        seek, because the beginning is not held any more. The viewer stays until stop_session(stream_id, viewer_id).
        Raises NotFound, or InvalidRequest for a live session.
        """
        return self._replay(stream_id).add_listener(listener, viewer_id)

    def unwatch_replay(self, stream_id: str, viewer_id: str, listener: ReplayListener) -> None:
        """Send nothing more to `listener`; the viewer stays."""
        self._replay(stream_id).remove_listener(listener, viewer_id)

    def request_replay_until(self, stream_id: str, viewer_id: str, run: int, until_s: float) -> None:
        """Send a run up to this playing time to its viewers. Raises NotFound, or InvalidRequest for a live session."""
        self._replay(stream_id).request_until(viewer_id, run, until_s)

    def playlist(self, stream_id: str, name: str, wait_s: float = 0.0, viewer_id: str | None = None) -> str:
        """Return a playlist; wait up to wait_s for its first segment. Counts as watching.

        Raises Unavailable if there is no segment in time; NotFound for an unknown session or playlist name.
        """
        return self._table.running(stream_id).playlist(name, wait_s, viewer_id)

    def segment_path(self, stream_id: str, file: str, viewer_id: str | None = None) -> Path:
        """Return the path of a segment or init section. Counts as watching. Raises NotFound."""
        return self._table.running(stream_id).file(file, viewer_id)

    def stop_session(self, stream_id: str, viewer_id: str | None = None) -> StreamState:
        """End a session for all viewers; with viewer_id, only if that was its last viewer.

        Return STOPPED when ffmpeg has ended and the folder is removed, also for a session that had ended before.
        Raises NotFound for an unknown session.
        """
        if viewer_id is not None:
            return self.leave_session(stream_id, (viewer_id,))
        return self._stop(self._table.unless_ended(stream_id))

    def leave_session(self, stream_id: str, viewer_ids: Collection[str], *, may_end: bool = True) -> StreamState:
        """Remove these viewers and end the session if no viewer is left, as stop_session().

        UNNAMED stands for all players without an id. With `may_end` False the session continues in any case: the
        caller knows of a viewer that the session may not count.
        """
        session = self._table.unless_ended(stream_id)
        if session is not None and not session.leave(viewer_ids, may_end=may_end):
            return StreamState.RUNNING
        return self._stop(session)

    def session_view(self, stream_id: str) -> StreamView:
        """Return one session; one that has ended as it was at the end, with the state stopped. Raises NotFound."""
        return self._table.view(stream_id)

    def list_sessions(self) -> list[StreamView]:
        """Return all sessions that have not ended, in the order of their start."""
        return [session.view() for session in self._table.sessions()]

    def watched_cameras(self) -> set[int]:
        """Return the cameras whose sessions have viewers."""
        return {view.camera_id for view in self.list_sessions() if view.viewers}

    def snapshot(self, camera_id: int, profile_token: str | None = None) -> TimedSnapshot:
        """Return a still taken now: the device's own, otherwise a frame of the stream.

        Without a media profile, of the camera's first channel. May block for some seconds. Raise NotFound,
        Unavailable, or the DeviceError.
        """
        return self._snapshots.take(camera_id, profile_token)

    def small_snapshot(self, taken: TimedSnapshot) -> TimedSnapshot:
        """Return a copy of a still that is at most 320 pixels wide, for thin links."""
        return self._snapshots.small(taken)

    # ---- for changes of a camera ------------------------------------------------------------------

    def stop_camera(self, camera_id: int) -> None:
        """End the sessions of a camera that is being deleted, or that another node connects."""
        with self._table.lock:
            sessions = self._table.of_camera(camera_id)
            self._table.forget_codecs(camera_id)
        _stop_all(sessions, self._context.clock)
        for session in sessions:
            self._table.forget(session)

    def restart_camera(self, camera_id: int) -> None:
        """Connect the sessions of a camera again immediately: its address or password has changed."""
        with self._table.lock:
            sessions = self._table.of_camera(camera_id)
            self._table.forget_codecs(camera_id)
        for session in sessions:
            session.retry()

    def retry_certificate(self, camera_id: int) -> None:
        """Connect again the sessions that wait because of a changed certificate: a user has accepted it."""
        for session in self._table.of_camera(camera_id):
            error = session.view().error
            if error is not None and error.code == CertificateChanged.code:
                session.retry()

    # ---- inside ----------------------------------------------------------------------------------

    def _new_session(self, key: LiveStreamKey, codec: str | None, *, after: BaseSession | None) -> LiveSession:
        """With the lock held. Raises LimitReached, Unavailable."""
        self._table.check_capacity()
        return LiveSession(self._context, key, known_codec=codec, on_end=self._table.forget, after=after)

    def _stop(self, session: BaseSession | None) -> StreamState:
        if session is not None:
            session.stop()
            self._table.forget(session)
        return StreamState.STOPPED

    def _codec_of(self, camera_id: int, profile: MediaProfile) -> str | None:
        return self._table.codec(camera_id, profile.profile_token, profile.video)

    def _channel(self, camera_id: int, number: int) -> Channel:
        for channel in self._cameras.channels(camera_id):
            if channel.number == number:
                return channel
        raise NotFound("There is no such channel.")

    def _replay(self, stream_id: str) -> ReplaySession:
        session = self._table.running(stream_id)
        if not isinstance(session, ReplaySession):
            raise InvalidRequest.of_field("stream_id", "one that /api/playback/start gave out")
        return session


def _check_accept(accept: tuple[str, ...]) -> None:
    if not accept or not set(accept) <= ACCEPTED:
        raise InvalidRequest.of_field("accept", "a list of h264 and hevc")


def _stop_all(sessions: list[BaseSession], clock: Clock) -> None:
    """Stop sessions in parallel: each may take a second. Return after 4.5 s even if some of them hang."""
    threads = [threading.Thread(target=session.stop, name="stop-session") for session in sessions]
    for thread in threads:
        thread.start()
    deadline_s = clock.monotonic_s() + _STOP_ALL_S
    for thread in threads:
        thread.join(max(0.0, deadline_s - clock.monotonic_s()))
    deadline_s = clock.monotonic_s() + _JOIN_ALL_S
    for session in sessions:
        session.join(max(0.0, deadline_s - clock.monotonic_s()))
