"""Small video for thin links, as an output of a live session: an ffmpeg that encodes the feed, for all viewers.

It costs 3 to 6 % of a core from a sub stream of 360p, and takes an encoder slot.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from core.errors import CameraUnsupported
from core.records import Problem, VideoFormat
from media.commands import small_command
from media.ffmpeg import starting_ffmpeg
from media.fmp4.tracks import has_fragments_of
from media.process import SupervisedProcess
from media.rtsp.live.feed import FeedStatus
from media.rtsp.live.session_pool import GatewayFeed
from sessions.context import SessionContext
from sessions.errors import FfmpegEnded
from sessions.ids import LiveStreamKey
from sessions.live.broadcast import FragmentBroadcaster
from sessions.live.resources import SessionResources
from sessions.live.small_video import SmallVideo
from sessions.live.socket_output import FIRST_FRAGMENT_PATIENCE, SocketOutput
from sessions.live.status import SessionStatus

log = logging.getLogger(__name__)

_MEASURED_S = 3.0
# A larger stream costs more of the processor than small video is worth: H.265 of 1080p up to a whole core.
_MOST_PIXELS = 1280 * 720
_MOST_HEVC_PIXELS = 720 * 576


class SmallOutput(SocketOutput):
    """The only output of its session."""

    starts_early = False

    def __init__(
        self,
        context: SessionContext,
        key: LiveStreamKey,
        status: SessionStatus,
        resources: SessionResources,
        broadcaster: FragmentBroadcaster,
    ) -> None:
        super().__init__(context, status, broadcaster)
        self._key = key
        self._resources = resources
        self._ffmpeg: Path | None = None  # found by prepare(), used by start()
        self._process: SupervisedProcess | None = None
        self._video: SmallVideo | None = None
        self._started_s = 0.0
        self._measured: tuple[float, int, int] | None = None  # monotonic seconds, frames, bytes

    # ---- the session's thread --------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def prepare(self) -> None:
        """Raises FfmpegMissing, or LimitReached if no more streams may be transcoded."""
        self._ffmpeg = self._context.find_ffmpeg()
        self._context.slots.take(self._key.stream_id, self._resources)

    def start(self, feed: GatewayFeed) -> None:
        """Start ffmpeg. Raises what prepare() and check_small_source() raise."""
        plan = self._status.plan
        assert plan is not None  # noqa: S101 - the device has described its media
        check_small_source(plan.source_video)
        if self._ffmpeg is None:
            self.prepare()
        ffmpeg, self._ffmpeg = self._ffmpeg, None
        assert ffmpeg is not None  # noqa: S101 - prepare() has found it
        audio = plan.source_audio if plan.source_audio is not None and has_fragments_of(plan.source_audio) else None
        video = SmallVideo(self._context.clock, feed, self._broadcaster, audio=audio, after=self._video)
        with starting_ffmpeg():
            name = f"ffmpeg {self._key.stream_id}"
            command = small_command(ffmpeg, feed.url)
            self._process = self._resources.start_piped_process(self._context.spawner, command, name, video.take)
        self._video = video
        self._started_s = self._context.clock.monotonic_s()
        self._measured = None
        self.first_media_s = self.last_media_s = None

    def look(self, status: FeedStatus) -> None:
        """Raises FfmpegEnded, NoKeyFrame, Stalled; SessionOver if the session was stopped."""
        process, video = self._process, self._video
        assert process is not None  # noqa: S101 - start() came before
        assert video is not None  # noqa: S101 - as above
        if process.poll() is not None or video.is_broken:
            self._resources.check_open()  # a thread that stops the session ends ffmpeg, too
            log.warning(
                "%s: ffmpeg ended with %s: %r", self._key.stream_id, process.poll(), process.stderr_tail()[-500:]
            )
            raise FfmpegEnded("ffmpeg ended unexpectedly.")
        now_s = self._context.clock.monotonic_s()
        frame_s = video.frame_s
        if frame_s is not None:
            self._note_fragment(frame_s)
        self._measure(video, now_s)
        stall_after_s = self._context.settings.stall_after_s
        limit_s = stall_after_s if frame_s is not None else FIRST_FRAGMENT_PATIENCE * stall_after_s
        self._check_stall(now_s - (frame_s or self._started_s), limit_s, status)

    def stop(self, problem: Problem | None = None) -> None:  # noqa: ARG002 - viewers get it as the session's error
        """ffmpeg has ended on return. The slot stays with the session, which ends without viewers."""
        if self._process is not None:
            self.end_attempt()
            self._resources.end_process()

    def end_attempt(self) -> None:
        """The session's resources end ffmpeg together with the feed."""
        if self._video is not None:
            self._video.end()
        self._broadcaster.detach()
        self._process = self._ffmpeg = None
        self.first_media_s = self.last_media_s = None

    # ---- inside ----------------------------------------------------------------------------------

    def _measure(self, video: SmallVideo, now_s: float) -> None:
        """Tell the status the format of the video, and every three seconds its rates."""
        if video.video is None:
            return
        counted = (now_s, video.frames, video.bytes)
        if self._measured is None:
            self._measured = counted
            self._status.set_small(video.video)
            return
        since_s, frames, size_bytes = self._measured
        elapsed_s = now_s - since_s
        if elapsed_s >= _MEASURED_S:
            self._measured = counted
            fps = round((video.frames - frames) / elapsed_s, 1)
            self._status.set_small(replace(video.video, fps=fps))
            self._status.set_written_kbps(round((video.bytes - size_bytes) * 8 / 1000 / elapsed_s))


def check_small_source(video: VideoFormat | None) -> None:
    """Raise CameraUnsupported if a stream is too large for small video. An unknown size is small enough."""
    if video is None or not video.width or not video.height:
        return
    most = _MOST_HEVC_PIXELS if video.codec == "hevc" else _MOST_PIXELS
    if video.width * video.height > most:
        raise CameraUnsupported("Small video is made of small streams only.", service="video")
