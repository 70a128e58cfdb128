"""Stills: the device's own snapshot, otherwise a frame of the stream."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from cameras.records import TimedSnapshot
from cameras.snapshots import is_jpeg
from core.errors import CameraBadAnswer, CameraNoSignal, CameraUnreachable, DeviceError, Unavailable
from core.records import Problem, StreamSource
from core.settings import Settings
from core.single_flight import SingleFlight
from media.commands import shrink_command, snapshot_command
from media.ffmpeg import FfmpegMissing, starting_ffmpeg
from onvif_manager import OnvifManager
from sessions.context import SessionContext

MOST_GRABS = 2
_MAX_BYTES = 4_000_000
# A JPEG of 320 pixels has 8 to 15 kB.
_SMALL_BYTES = 12_000
_SHRINK_WAIT_S = 2.0


class SnapshotTaker:
    """Takes stills. Safe between threads; callers that ask for the same still at the same time share one."""

    def __init__(self, cameras: OnvifManager, frames: FrameGrabber, settings: Settings) -> None:
        self._cameras = cameras
        self._frames = frames
        self._settings = settings
        self._running: SingleFlight[TimedSnapshot] = SingleFlight()

    def take(self, camera_id: int, profile_token: str | None) -> TimedSnapshot:
        """Return a still taken now; without a media profile, of the first channel.

        Raise NotFound, Unavailable, or the DeviceError.
        """
        token = profile_token if profile_token is not None else self._cameras.first_profile(camera_id)
        try:
            return self._running.run(
                (camera_id, token), lambda: self._take(camera_id, token), wait_s=3 * self._settings.device_timeout_s
            )
        except TimeoutError:
            raise CameraUnreachable("The device has not sent a picture in time.") from None

    def small(self, taken: TimedSnapshot) -> TimedSnapshot:
        """Return a copy that is at most 320 pixels wide, for thin links. A JPEG of few bytes stays as it is."""
        return replace(taken, jpeg=self._frames.shrink(taken.jpeg))

    def _take(self, camera_id: int, profile_token: str) -> TimedSnapshot:
        jpeg = self._cameras.device_snapshot(camera_id, profile_token)
        if jpeg is None:
            jpeg = self._frame(camera_id, profile_token)
        return self._cameras.keep_snapshot(camera_id, profile_token, jpeg)

    def _frame(self, camera_id: int, profile_token: str) -> bytes:
        """Return a frame of the stream, and note with the camera whether its channel is alive."""
        source = self._cameras.stream_source(camera_id, profile_token)
        try:
            jpeg = self._frames.grab(source)
            if not is_jpeg(jpeg):
                raise CameraBadAnswer("The stream gave no picture.")
        except DeviceError as error:
            self._cameras.note_stream(camera_id, profile_token, Problem(error.code, error.detail))
            raise
        self._cameras.note_stream(camera_id, profile_token, None)
        return jpeg


class FrameGrabber:
    """Decodes key frames to JPEG, and makes small copies: for each task at most MOST_GRABS ffmpeg at the same time."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._places = threading.BoundedSemaphore(MOST_GRABS)
        self._shrink_places = threading.BoundedSemaphore(MOST_GRABS)  # others: a silent channel keeps a place for long

    def grab(self, source: StreamSource) -> bytes:
        """Return a JPEG. Block for at most three times device_timeout_s. Raise a DeviceError or Unavailable."""
        timeout_s = self._context.settings.device_timeout_s
        if not self._places.acquire(timeout=timeout_s):
            raise Unavailable("Too many snapshots are being made.", code="busy", retry_after_s=5)
        try:
            ffmpeg = self._context.find_ffmpeg()
            feed = self._context.gateway.open_feed(source)
            try:
                feed.wait_described(timeout_s)
                return self._decode(ffmpeg, feed.url, timeout_s)
            finally:
                feed.close()
        finally:
            self._places.release()

    def shrink(self, jpeg: bytes) -> bytes:
        """Return a small copy of a JPEG; the JPEG itself if it is small already, or if no copy can be made.

        Raise Unavailable if others are made at the moment: a thin link does not carry the large one.
        """
        if len(jpeg) <= _SMALL_BYTES:
            return jpeg
        timeout_s = self._context.settings.device_timeout_s
        if not self._shrink_places.acquire(timeout=_SHRINK_WAIT_S):
            raise Unavailable("Too many small pictures are being made.", code="busy", retry_after_s=2)
        try:
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "large.jpg").write_bytes(jpeg)
                command = shrink_command(self._context.find_ffmpeg(), "large.jpg")
                with starting_ffmpeg():
                    child = self._context.spawner.spawn(command, name="ffmpeg shrink", cwd=Path(folder), stdout="pipe")
                small = child.stdout_bytes(timeout_s)
                child.stop(grace_s=0.2)
        except FfmpegMissing:
            return jpeg
        finally:
            self._shrink_places.release()
        return small if small and is_jpeg(small) else jpeg

    def _decode(self, ffmpeg: Path, url: str, timeout_s: float) -> bytes:
        with starting_ffmpeg():
            child = self._context.spawner.spawn(snapshot_command(ffmpeg, url), name="ffmpeg snapshot", stdout="pipe")
        jpeg = child.stdout_bytes(timeout_s)
        child.stop(grace_s=0.2)
        if not jpeg or not jpeg.startswith(b"\xff\xd8") or len(jpeg) > _MAX_BYTES:
            raise CameraNoSignal("No picture came out of this stream in time.")
        return jpeg
