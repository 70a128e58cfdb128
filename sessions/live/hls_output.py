"""The HLS side of a run: an ffmpeg that reads the feed, and the segments that come out of it.

It runs only while somebody wants segments. How it goes is judged by the age of the last segment; ffmpeg's exit code
says nothing (it is 0 after a time-out, and a frozen ffmpeg has none).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from core.errors import StorageFull
from core.records import Problem
from media.commands import PLAYLIST_NAME, LiveOptions, live_command
from media.ffmpeg import FfmpegMissing
from media.hls.live_playlist import parse_playlist
from media.process import ProgramMissing, SupervisedProcess
from media.rtsp.live.feed import Feed, FeedStatus
from sessions.context import SessionContext
from sessions.errors import FfmpegEnded, Stalled
from sessions.folders import remove_files, require_free_disk
from sessions.live.plan import Plan
from sessions.live.resources import SessionResources
from sessions.live.status import SessionStatus

log = logging.getLogger(__name__)

_DISK_EVERY_S = 1.0
_FIRST_SEGMENT_PATIENCE = 4.0
# Our own segments were given back, so the disk looks better than it is.
ROOM_TO_RESUME_BYTES = 20_000_000
_NO_SPACE = "No space left on device"
_DISK_FULL = "There is no room left for segments."


class HlsOutput:
    """Of one run; the session's thread alone uses it.

    `patience_s(longest_s)` is how long a segment may be awaited where key frames are that far apart.
    """

    def __init__(
        self,
        context: SessionContext,
        stream_id: str,
        status: SessionStatus,
        resources: SessionResources,
        patience_s: Callable[[float], float],
    ) -> None:
        self._context = context
        self._stream_id = stream_id
        self._status = status
        self._resources = resources
        self._patience_s = patience_s
        self._playlist_file = resources.folder / PLAYLIST_NAME
        self._process: SupervisedProcess | None = None
        self._began_s = 0.0
        self._read_stamp: tuple[int, int] | None = None
        self._disk_checked_s = -_DISK_EVERY_S
        self.first_segment_s: float | None = None
        self.last_segment_s: float | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def has_ended(self) -> bool:
        """Whether ffmpeg is gone although nobody ended it here."""
        return self._process is not None and self._process.poll() is not None

    def begin(self, ffmpeg: Path, feed: Feed, plan: Plan) -> None:
        """Starts ffmpeg. FfmpegMissing, StorageFull."""
        number = self._status.begin_run()
        settings = self._context.settings
        folder = self._resources.folder
        options = LiveOptions(
            video=plan.video,
            audio=plan.audio,
            container=plan.container,
            start_number=number,
            run_number=self._status.run_number,
            segment_s=settings.segment_s,
            playlist_segments=settings.playlist_segments,
        )
        argv = live_command(ffmpeg, feed.url, folder.name, options)
        spawn = self._context.spawner.spawn
        self._playlist_file.unlink(missing_ok=True)
        try:
            self._process = self._resources.take_process(
                lambda: spawn(argv, name=f"ffmpeg {self._stream_id}", cwd=folder.parent),
            )
        except ProgramMissing as error:
            raise FfmpegMissing("ffmpeg cannot be started.", retry_after_s=10) from error
        self._began_s = self._context.clock.monotonic_s()
        self._read_stamp = self.first_segment_s = self.last_segment_s = None

    def end(self, problem: Problem | None = None) -> None:
        """ffmpeg is gone and the folder empty when it answers: nobody wants segments, or `problem` is in the way."""
        self._process = None
        self.first_segment_s = self.last_segment_s = None
        self._resources.end_process()
        self._status.end_segments(problem)

    def look(self, feed: Feed, status: FeedStatus) -> None:
        """Reads the playlist; raises what is wrong, if anything is."""
        assert self._process is not None  # noqa: S101 - begin() came before
        if self._process.poll() is not None:
            self._explain_end(self._process)
        self.check_disk()
        self._read_playlist(feed)
        self._check_age(status, self._process)

    def check_disk(self, extra_bytes: int = 0) -> None:
        """StorageFull; looks once a second."""
        now_s = self._context.clock.monotonic_s()
        if now_s - self._disk_checked_s >= _DISK_EVERY_S:
            self._disk_checked_s = now_s
            min_free_bytes = self._context.settings.min_free_bytes + extra_bytes
            require_free_disk(self._resources.folder.parent, min_free_bytes)

    def _read_playlist(self, feed: Feed) -> None:
        try:
            facts = self._playlist_file.stat()
            if (stamp := (facts.st_mtime_ns, facts.st_size)) == self._read_stamp:
                return
            written = parse_playlist(self._playlist_file.read_text("utf-8", "replace"))
        except FileNotFoundError:
            return  # not written yet
        added, gone = self._status.add_segments(written, feed.wall_time_of)
        self._read_stamp = stamp
        remove_files(self._resources.folder, gone)
        if added:
            now_s = self._context.clock.monotonic_s()
            if self.first_segment_s is None:
                self.first_segment_s = now_s
            self.last_segment_s = now_s
            last = written.segments[-1]
            try:
                size_bytes = (self._resources.folder / last.name).stat().st_size
            except FileNotFoundError:
                return  # a session that is being stopped
            self._status.set_written_kbps(round(size_bytes * 8 / 1000 / max(last.duration_s, 0.1)))

    def _explain_end(self, process: SupervisedProcess) -> NoReturn:
        said = process.stderr_tail().strip()
        log.warning("%s: ffmpeg ended with %s: %r", self._stream_id, process.poll(), said[-500:])
        if _NO_SPACE in said:
            raise StorageFull(_DISK_FULL)
        raise FfmpegEnded("ffmpeg ended unexpectedly.")

    def _check_age(self, status: FeedStatus, process: SupervisedProcess) -> None:
        """A segment can only end where a key frame comes, so a long GOP asks for more patience."""
        longest_s = max(status.key_frame_interval_s or 0.0, self._status.longest_segment_s)
        limit_s = self._patience_s(longest_s)
        if self.last_segment_s is None and not longest_s:
            limit_s = _FIRST_SEGMENT_PATIENCE * self._context.settings.stall_after_s
        age_s = self._context.clock.monotonic_s() - (self.last_segment_s or self._began_s)
        if age_s >= limit_s:
            if _NO_SPACE in process.stderr_tail():
                raise StorageFull(_DISK_FULL)
            raise Stalled(f"No new segment for {age_s:.0f} s.")
