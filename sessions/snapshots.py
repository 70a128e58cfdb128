"""A single frame from a stream, for devices that give no picture of their own."""

from __future__ import annotations

import threading
from pathlib import Path

from core.errors import CameraNoSignal, Unavailable
from core.records import StreamSource
from media.commands import snapshot_command
from media.ffmpeg import FfmpegMissing
from media.process import ProgramMissing
from sessions.context import SessionContext

AT_ONCE = 2
_MAX_BYTES = 4_000_000


class SnapshotTaker:
    """Each costs the decoding of one key frame; only AT_ONCE are made side by side."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def take(self, source: StreamSource) -> bytes:
        """A JPEG. Blocks for at most three times device_timeout_s; raises a DeviceError or Unavailable."""
        timeout_s = self._context.settings.device_timeout_s
        if not self._places.acquire(timeout=timeout_s):
            raise Unavailable("Too many snapshots are being made.", code="busy", retry_after_s=5)
        try:
            ffmpeg = self._context.find_ffmpeg()
            feed = self._context.open_feed(source)
            try:
                feed.wait_described(timeout_s)
                return self._take(ffmpeg, feed.url, timeout_s)
            finally:
                feed.close()
        finally:
            self._places.release()

    def _take(self, ffmpeg: Path, url: str, timeout_s: float) -> bytes:
        try:
            child = self._context.spawner.spawn(snapshot_command(ffmpeg, url), name="ffmpeg snapshot", stdout="pipe")
        except ProgramMissing as error:
            raise FfmpegMissing("ffmpeg cannot be started.", retry_after_s=10) from error
        jpeg = child.stdout_bytes(timeout_s)
        child.stop(grace_s=0.2)
        if not jpeg or not jpeg.startswith(b"\xff\xd8") or len(jpeg) > _MAX_BYTES:
            raise CameraNoSignal("No picture came out of this stream in time.")
        return jpeg
