"""One run of a session: a feed, an ffmpeg that reads it, the segments that come out.

`run_once` returns never: it raises the AppError that ended the run, RestartWanted when another run
should follow at once, SessionOver when none should. How it goes is judged by the age of the last
segment; ffmpeg's exit code says nothing (it is 0 after a time-out, and a frozen ffmpeg has none).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from core.errors import AppError, StorageFull
from core.records import StreamSource, VideoFormat
from media.commands import PLAYLIST_NAME, LiveOptions, live_command
from media.ffmpeg import FfmpegMissing
from media.playlists import parse_playlist
from media.process import ProgramMissing, SupervisedProcess
from media.rtsp.feed import Feed, FeedState, FeedStatus
from sessions.board import Board
from sessions.folders import remove_files, require_free_disk
from sessions.holdings import Holdings
from sessions.plan import Plan, needs_transcode, plan_for
from sessions.tools import Tools

log = logging.getLogger(__name__)

_TICK_STARTING_S = 0.1
_TICK_RUNNING_S = 0.25
_DISK_EVERY_S = 1.0
_GOPS_OF_PATIENCE = 2.5
_FIRST_SEGMENT_PATIENCE = 4.0
# Our own segments were given back, so the disk looks better than it is.
ROOM_TO_RESUME_BYTES = 20_000_000
_NO_SPACE = "No space left on device"
_DISK_FULL = "There is no room left for segments."


class RestartWanted(Exception):
    """Another run should follow at once: the source changed, or somebody asked for it."""


class Stalled(AppError):
    """No new segment although nothing else is known to be wrong."""

    code = "stream_stalled"


class FfmpegEnded(AppError):
    """ffmpeg is gone and neither the device nor the disk explains it."""

    code = "ffmpeg_failed"


class Run:
    """`pause(s)` waits between two looks; it raises SessionOver or RestartWanted when told to."""

    def __init__(
        self,
        tools: Tools,
        *,
        stream_id: str,
        camera_id: int,
        profile_token: str,
        is_hevc_variant: bool,
        board: Board,
        holdings: Holdings,
        pause: Callable[[float], None],
        known_codec: str | None,
        learn_codec: Callable[[str], None],
        was_full: bool,
    ) -> None:
        self._tools = tools
        self._stream_id = stream_id
        self._camera_id = camera_id
        self._profile_token = profile_token
        self._is_hevc_variant = is_hevc_variant
        self._board = board
        self._holdings = holdings
        self._pause = pause
        self._playlist_file = holdings.folder / PLAYLIST_NAME
        self._read_stamp: tuple[int, int] | None = None
        self._first_segment_s: float | None = None
        self._last_segment_s: float | None = None
        self._disk_checked_s = -_DISK_EVERY_S
        self._seen_video: VideoFormat | None = None
        self._source_codec = known_codec
        self._learn_codec = learn_codec
        self._was_full = was_full

    @property
    def healthy_s(self) -> float:
        """From the first to the last segment of this run."""
        if self._first_segment_s is None or self._last_segment_s is None:
            return 0.0
        return self._last_segment_s - self._first_segment_s

    def run_once(self) -> NoReturn:
        # What needs no device comes first: a full disk or a missing ffmpeg is no reason to knock.
        self._check_disk(ROOM_TO_RESUME_BYTES if self._was_full else 0)
        ffmpeg = self._tools.find_ffmpeg()
        self._take_slot_if_needed()
        source = self._tools.resolve_source(self._camera_id, self._profile_token)
        feed = self._holdings.take_feed(lambda: self._tools.open_feed(source))
        plan = self._describe(feed, source)
        number = self._board.begin_run(plan)
        process = self._start_ffmpeg(ffmpeg, feed, plan, number)
        began_s = self._tools.clock.monotonic_s()
        while True:
            status = feed.status()
            self._board.set_feed(status)
            self._read_playlist(feed)
            self._check_source(status)
            if process.poll() is not None:
                self._pause(0.0)  # whoever stops the session ends ffmpeg first
                self._explain_end(process)
            self._check_disk()
            self._check_age(status, began_s, process)
            self._pause(_TICK_STARTING_S if self._first_segment_s is None else _TICK_RUNNING_S)

    # ---- the steps before ffmpeg -----------------------------------------------------------------

    def _take_slot_if_needed(self) -> None:
        if needs_transcode(self._source_codec, is_hevc_variant=self._is_hevc_variant):
            self._tools.slots.take(self._stream_id, self._holdings)
        else:
            self._tools.slots.give_back(self._stream_id, self._holdings)

    def _describe(self, feed: Feed, source: StreamSource) -> Plan:
        described = feed.wait_described(2 * self._tools.settings.rtsp_timeout_s)
        self._board.set_feed(feed.status())
        if described.video is not None:
            self._source_codec = described.video.codec
            self._learn_codec(described.video.codec)
        plan = plan_for(described, is_hevc_variant=self._is_hevc_variant)
        self._seen_video = plan.source_video
        self._take_slot_if_needed()
        if feed.status().state is FeedState.WAITING_KEY_FRAME:
            threading.Thread(
                target=self._ask_for_key_frame, args=(source,), name=f"key-frame-{self._stream_id}", daemon=True
            ).start()
        return plan

    def _ask_for_key_frame(self, source: StreamSource) -> None:
        try:
            self._tools.request_key_frame(source.camera_id, source.profile_token)
        except AppError as error:
            log.debug("%s: no key frame on demand: %s", self._stream_id, error.code)

    def _start_ffmpeg(self, ffmpeg: Path, feed: Feed, plan: Plan, number: int) -> SupervisedProcess:
        settings = self._tools.settings
        folder = self._holdings.folder
        options = LiveOptions(
            video=plan.video,
            audio=plan.audio,
            container=plan.container,
            start_number=number,
            run_number=self._board.run_number,
            segment_s=settings.segment_s,
            playlist_segments=settings.playlist_segments,
        )
        argv = live_command(ffmpeg, feed.url, folder.name, options)
        spawn = self._tools.spawner.spawn
        self._playlist_file.unlink(missing_ok=True)
        try:
            return self._holdings.take_process(
                lambda: spawn(argv, name=f"ffmpeg {self._stream_id}", cwd=folder.parent),
            )
        except ProgramMissing as error:
            raise FfmpegMissing("ffmpeg cannot be started.", retry_after_s=10) from error

    # ---- the looks while it runs -----------------------------------------------------------------

    def _read_playlist(self, feed: Feed) -> None:
        try:
            facts = self._playlist_file.stat()
            if (stamp := (facts.st_mtime_ns, facts.st_size)) == self._read_stamp:
                return
            written = parse_playlist(self._playlist_file.read_text("utf-8", "replace"))
        except FileNotFoundError:
            return  # not written yet
        added, gone = self._board.add_segments(written, feed.wall_time_of)
        self._read_stamp = stamp
        remove_files(self._holdings.folder, gone)
        if added:
            now_s = self._tools.clock.monotonic_s()
            if self._first_segment_s is None:
                self._first_segment_s = now_s
                self._tools.note_stream(self._camera_id, self._profile_token, None)
            self._last_segment_s = now_s
            last = written.segments[-1]
            try:
                size_bytes = (self._holdings.folder / last.name).stat().st_size
            except FileNotFoundError:
                return  # a session that is being stopped
            self._board.set_written_kbps(round(size_bytes * 8 / 1000 / max(last.duration_s, 0.1)))

    def _check_source(self, status: FeedStatus) -> None:
        if status.state is FeedState.FAILED:
            if status.problem is None:
                raise Stalled("The device ended the stream.")
            raise AppError(status.problem.detail, code=status.problem.code)
        if status.video is not None:
            if self._seen_video is not None and _has_changed(self._seen_video, status.video):
                log.info("%s: the device changed codec or resolution", self._stream_id)
                raise RestartWanted
            self._seen_video = status.video

    def _explain_end(self, process: SupervisedProcess) -> NoReturn:
        said = process.stderr_tail().strip()
        log.warning("%s: ffmpeg ended with %s: %r", self._stream_id, process.poll(), said[-500:])
        if _NO_SPACE in said:
            raise StorageFull(_DISK_FULL)
        raise FfmpegEnded("ffmpeg ended unexpectedly.")

    def _check_disk(self, extra_bytes: int = 0) -> None:
        now_s = self._tools.clock.monotonic_s()
        if now_s - self._disk_checked_s >= _DISK_EVERY_S:
            self._disk_checked_s = now_s
            min_free_bytes = self._tools.settings.min_free_bytes + extra_bytes
            require_free_disk(self._holdings.folder.parent, min_free_bytes)

    def _check_age(self, status: FeedStatus, began_s: float, process: SupervisedProcess) -> None:
        """A segment can only end where a key frame comes, so a long GOP asks for more patience."""
        settings = self._tools.settings
        longest_s = max(status.key_frame_interval_s or 0.0, self._board.longest_segment_s)
        limit_s = max(settings.stall_after_s, _GOPS_OF_PATIENCE * longest_s + 2.0 if longest_s else 0.0)
        if self._last_segment_s is None and not longest_s:
            limit_s = _FIRST_SEGMENT_PATIENCE * settings.stall_after_s
        age_s = self._tools.clock.monotonic_s() - (self._last_segment_s or began_s)
        if age_s >= limit_s:
            if _NO_SPACE in process.stderr_tail():
                raise StorageFull(_DISK_FULL)
            raise Stalled(f"No new segment for {age_s:.0f} s.")


def _has_changed(planned: VideoFormat, seen: VideoFormat) -> bool:
    """Whether the picture is another one than ffmpeg was started for; what is not known is no change."""
    if seen.codec != planned.codec:
        return True
    pairs = ((planned.width, seen.width), (planned.height, seen.height))
    return any(was is not None and now is not None and was != now for was, now in pairs)
