"""HLS as an output of a live session: an ffmpeg that reads the feed, and the segments that it writes.

The age of the last segment tells whether ffmpeg works. Its exit code does not: it is 0 after a time-out, and a frozen
ffmpeg has none.
"""

from __future__ import annotations

import logging
import re
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from core.errors import AppError, StorageFull
from core.records import Problem
from media.commands import PLAYLIST_NAME, AudioHandling, LiveOptions, live_command
from media.ffmpeg import starting_ffmpeg
from media.hls.live_playlist import WrittenPlaylist, parse_playlist
from media.hls.segment_times import move_segment, read_timescales
from media.process import SupervisedProcess
from media.rtsp.live.feed import FeedState, FeedStatus
from media.rtsp.live.session_pool import GatewayFeed
from sessions.context import SessionContext
from sessions.errors import FfmpegEnded, NoKeyFrame, Stalled
from sessions.folders import remove_files, require_free_disk
from sessions.ids import LiveStreamKey
from sessions.live.output import SessionOutput, patience_s
from sessions.live.plan import needs_transcode
from sessions.live.resources import SessionResources
from sessions.live.status import SessionStatus
from sessions.viewers import Viewers

log = logging.getLogger(__name__)

_DISK_EVERY_S = 1.0
_FIRST_SEGMENT_PATIENCE = 4.0
_RESUME_BYTES = 20_000_000
_NO_SPACE = "No space left on device"
_LEFT_OUT = "ffmpeg cannot read it"
_ABOUT_AUDIO = re.compile(
    r"\baudio\b|\b(?:aac|opus|g72[26](?:le)?|pcm_\w+)\b|sample.rate|channel layout",
    re.IGNORECASE,
)
_DISK_FULL = "There is no free space for segments."


class HlsOutput(SessionOutput):
    """Wanted from request() until its viewers have left or, by `viewers`' idle timer, stopped fetching."""

    is_independent = True
    starts_early = False
    look_every_s = 0.25  # a look finds the new segments

    def __init__(
        self,
        context: SessionContext,
        key: LiveStreamKey,
        status: SessionStatus,
        resources: SessionResources,
        viewers: Viewers,
    ) -> None:
        self._context = context
        self._key = key
        self._status = status
        self._resources = resources
        self._viewers = viewers
        self._playlist_file = resources.folder / PLAYLIST_NAME
        self._is_wanted = False
        self._was_full = False
        self._may_hold_slot = False
        self._ffmpeg: Path | None = None  # found by prepare(), used by start()
        self._feed: GatewayFeed | None = None
        self._is_audio_left_out = False  # an ffmpeg of this session has ended because of it
        self._process: SupervisedProcess | None = None
        self._started_s = 0.0
        self._read_stamp: tuple[int, int] | None = None
        self._begin_utc: datetime | None = None  # the time of ffmpeg's zero
        self._disk_checked_s = -_DISK_EVERY_S

    # ---- viewers ---------------------------------------------------------------------------------

    @property
    def is_wanted(self) -> bool:
        return self._is_wanted

    def request(self) -> bool:
        """A player asks for HLS. True if that starts it."""
        was_wanted, self._is_wanted = self._is_wanted, True
        return not was_wanted

    def viewer_count(self) -> int:
        return self._viewers.count(self._now_s())

    def remove_viewer(self, viewer_id: str) -> None:
        if self._viewers.leave(viewer_id, self._now_s()):
            self._is_wanted = False

    def check_idle(self) -> None:
        if self._viewers.is_over(self._now_s()):
            self._is_wanted = False

    # ---- the session's thread --------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def prepare(self) -> None:
        """Raises StorageFull, FfmpegMissing, or LimitReached if no more streams may be transcoded."""
        self._disk_checked_s = -_DISK_EVERY_S
        # After a full disk the session has deleted its own segments, so that the disk looks emptier than it is.
        self._check_disk(_RESUME_BYTES if self._was_full else 0)
        self._ffmpeg = self._context.find_ffmpeg()
        self._take_slot(needs_transcode(self._status.source_codec, is_hevc_variant=self._key.is_hevc_variant))

    def start(self, feed: GatewayFeed) -> None:
        """Start ffmpeg. Raises what prepare() raises."""
        plan = self._status.plan
        assert plan is not None  # noqa: S101 - the device has described its media
        if self._ffmpeg is None:
            self.prepare()
        ffmpeg, self._ffmpeg = self._ffmpeg, None
        assert ffmpeg is not None  # noqa: S101 - prepare() has found it
        self._take_slot(plan.is_transcoding)  # the device may send another codec than it was known to send
        number = self._status.begin_segments(_LEFT_OUT if self._is_audio_left_out else "")
        settings = self._context.settings
        folder = self._resources.folder
        options = LiveOptions(
            video=plan.video,
            audio=AudioHandling.NONE if self._is_audio_left_out else plan.audio,
            container=plan.container,
            start_number=number,
            ffmpeg_number=self._status.ffmpeg_number,
            segment_s=settings.segment_s,
            playlist_segments=settings.playlist_segments,
        )
        argv = live_command(ffmpeg, feed.url, folder.name, options)
        self._playlist_file.unlink(missing_ok=True)
        with starting_ffmpeg():
            name = f"ffmpeg {self._key.stream_id}"
            self._process = self._resources.start_process(self._context.spawner, argv, name)
        self._feed = feed
        self._started_s = self._now_s()
        self._read_stamp = self._begin_utc = self.first_media_s = self.last_media_s = None

    def look(self, status: FeedStatus) -> None:
        """Read the playlist. Raises StorageFull, FfmpegEnded, Stalled; SessionOver if the session was stopped."""
        assert self._process is not None  # noqa: S101 - start() came before
        assert self._feed is not None  # noqa: S101 - as above
        if self._process.poll() is not None:
            self._resources.check_open()  # a thread that stops the session ends ffmpeg, too
            self._read_playlist(self._feed)  # the segments since the last look
            self._explain_end(self._process)
        self._check_disk()
        self._read_playlist(self._feed)
        self._check_age(status, self._process)

    def stop(self, problem: Problem | None = None) -> None:
        """ffmpeg has ended and the folder is empty on return. With a `problem` the encoder slot is kept for a retry."""
        if problem is None and self._may_hold_slot:
            self._may_hold_slot = False
            self._context.slots.give_back(self._key.stream_id, self._resources)
        if problem is not None or self._process is not None:
            self.end_attempt()
            self._resources.end_process()
            self._status.end_segments(problem)

    def end_attempt(self) -> None:
        """The session's resources end ffmpeg together with the feed; the segments stay."""
        self._process = self._feed = self._ffmpeg = None
        self.first_media_s = self.last_media_s = None

    def note_failure(self, error: AppError) -> None:
        self._was_full = error.code == StorageFull.code
        if self._was_full:
            self._status.forget_segments()

    # ---- inside ----------------------------------------------------------------------------------

    def _take_slot(self, is_transcoding: bool) -> None:
        """Take an encoder slot, or return it if none is needed."""
        self._may_hold_slot = is_transcoding and self._is_wanted
        if self._may_hold_slot:
            self._context.slots.take(self._key.stream_id, self._resources)
        else:
            self._context.slots.give_back(self._key.stream_id, self._resources)

    def _check_disk(self, extra_bytes: int = 0) -> None:
        """Raise StorageFull if too little disk is free; looks once a second."""
        now_s = self._now_s()
        if now_s - self._disk_checked_s >= _DISK_EVERY_S:
            self._disk_checked_s = now_s
            min_free_bytes = self._context.settings.min_free_bytes + extra_bytes
            require_free_disk(self._resources.folder.parent, min_free_bytes)

    def _read_playlist(self, feed: GatewayFeed) -> None:
        try:
            facts = self._playlist_file.stat()
            if (stamp := (facts.st_mtime_ns, facts.st_size)) == self._read_stamp:
                return
            written = parse_playlist(self._playlist_file.read_text("utf-8", "replace"))
        except FileNotFoundError:
            return  # not written yet
        self._move_times(written, feed)
        added, gone = self._status.add_segments(written, feed)
        self._read_stamp = stamp
        remove_files(self._resources.folder, gone)
        if added:
            now_s = self._now_s()
            if self.first_media_s is None:
                self.first_media_s = now_s
            self.last_media_s = now_s
            last = written.segments[-1]
            try:
                size_bytes = (self._resources.folder / last.name).stat().st_size
            except FileNotFoundError:
                return  # a session that is being stopped
            self._status.set_written_kbps(round(size_bytes * 8 / 1000 / max(last.duration_s, 0.1)))

    def _move_times(self, written: WrittenPlaylist, feed: GatewayFeed) -> None:
        """Put the new segments on the time line that all streams share, before a player can fetch them."""
        if self._begin_utc is None:
            self._begin_utc = feed.wall_time_of(0.0)
        if self._begin_utc is None:
            return
        folder = self._resources.folder
        fresh = [segment for segment in written.segments if segment.number >= self._status.next_segment_number]
        try:
            init = (folder / written.init_name).read_bytes() if fresh and written.init_name else b""
            for segment in fresh:
                move_segment(folder / segment.name, self._begin_utc, read_timescales(init))
        except FileNotFoundError:
            log.debug("%s: a segment was deleted before it was served", self._key.stream_id)

    def _explain_end(self, process: SupervisedProcess) -> NoReturn:
        stderr = process.stderr_tail().strip()
        log.warning("%s: ffmpeg ended with %s: %r", self._key.stream_id, process.poll(), stderr[-500:])
        if _NO_SPACE in stderr:
            raise StorageFull(_DISK_FULL)
        self._judge_audio(process, stderr)
        raise FfmpegEnded("ffmpeg ended unexpectedly.")

    def _judge_audio(self, process: SupervisedProcess, stderr: str) -> None:
        """If ffmpeg could not begin because of the audio, the next one gets the video alone.

        An ffmpeg that has written a segment can read the audio: its warnings about audio are no reason for its end.
        """
        plan = self._status.plan
        has_audio = plan is not None and plan.audio is not AudioHandling.NONE
        has_given_up = self.first_media_s is None and (process.poll() or 0) > 0  # negative: it was killed
        if has_audio and has_given_up and _ABOUT_AUDIO.search(stderr):
            self._is_audio_left_out = True

    def _check_age(self, status: FeedStatus, process: SupervisedProcess) -> None:
        """A segment ends only at a key frame, so a long GOP needs more patience."""
        stall_after_s = self._context.settings.stall_after_s
        longest_s = max(status.key_frame_interval_s or 0.0, self._status.longest_segment_s)
        limit_s = patience_s(stall_after_s, longest_s)
        if self.last_media_s is None and not longest_s:
            limit_s = _FIRST_SEGMENT_PATIENCE * stall_after_s
        age_s = self._now_s() - (self.last_media_s or self._started_s)
        if age_s >= limit_s:
            if _NO_SPACE in process.stderr_tail():
                raise StorageFull(_DISK_FULL)
            if status.state is FeedState.WAITING_KEY_FRAME:
                raise NoKeyFrame(age_s)
            raise Stalled(f"No new segment for {age_s:.0f} s.")

    def _now_s(self) -> float:
        return self._context.clock.monotonic_s()
