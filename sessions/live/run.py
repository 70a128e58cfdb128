"""One run of a session: a feed, and what is made of it: fragments for sockets, HLS where somebody wants it.

`run_once` returns never: it raises the AppError that ended the run, RestartWanted when another run
should follow at once, SessionOver when none should.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from core.errors import AppError
from core.records import Problem, StreamSource, VideoFormat
from media.rtsp.live.feed import Feed, FeedState, FeedStatus
from sessions.context import SessionContext
from sessions.errors import RestartWanted, Stalled
from sessions.live.broadcast import FragmentBroadcaster
from sessions.live.hls_output import ROOM_TO_RESUME_BYTES, HlsOutput
from sessions.live.plan import Plan, needs_transcode, plan_for
from sessions.live.resources import SessionResources
from sessions.live.status import SessionStatus

log = logging.getLogger(__name__)

_TICK_STARTING_S = 0.1
_TICK_RUNNING_S = 0.25
_GOPS_OF_PATIENCE = 2.5
_FIRST_FRAGMENT_PATIENCE = 4.0
_SEGMENTS_AGAIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Wants:
    """What is wanted of a session now: segments (HLS), fragments (sockets)."""

    segments: bool
    fragments: bool


class Run:
    """`pause(s)` waits between two looks; it raises SessionOver or RestartWanted when told to.

    `wants()` is asked at each look: ffmpeg runs only while somebody wants segments.
    """

    def __init__(
        self,
        context: SessionContext,
        *,
        stream_id: str,
        camera_id: int,
        profile_token: str,
        is_hevc_variant: bool,
        status: SessionStatus,
        broadcaster: FragmentBroadcaster,
        resources: SessionResources,
        wants: Callable[[], Wants],
        pause: Callable[[float], None],
        known_codec: str | None,
        learn_codec: Callable[[str], None],
        was_full: bool,
    ) -> None:
        self._context = context
        self._stream_id = stream_id
        self._camera_id = camera_id
        self._profile_token = profile_token
        self._is_hevc_variant = is_hevc_variant
        self._status = status
        self._broadcaster = broadcaster
        self._resources = resources
        self._wants = wants
        self._pause = pause
        self._hls = HlsOutput(context, stream_id, status, resources, self._patience_s)
        self._seen_video: VideoFormat | None = None
        self._source_codec = known_codec
        self._learn_codec = learn_codec
        self._was_full = was_full
        self._plan: Plan | None = None
        self._first_fragment_s: float | None = None
        self._wanted_fragments_s: float | None = None
        self._segments_again_s = 0.0
        self._ffmpeg: Path | None = None
        self._is_noted = False
        self._has_wanted_key_frame = False

    @property
    def healthy_s(self) -> float:
        """From the first to the last segment or fragment of this run."""
        spans = (
            (self._hls.first_segment_s, self._hls.last_segment_s),
            (self._first_fragment_s, self._broadcaster.fragment_s if self._first_fragment_s is not None else None),
        )
        return max((end - start for start, end in spans if start is not None and end is not None), default=0.0)

    def run_once(self) -> NoReturn:
        wants = self._wants()
        if wants.segments and not wants.fragments:
            self._ffmpeg = (
                self._prepare_segments()
            )  # what needs no device comes first: a full disk is no reason to knock
        source = self._context.cameras.stream_source(self._camera_id, self._profile_token)
        feed = self._resources.take_feed(lambda: self._context.gateway.open_feed(source))
        if wants.fragments:
            self._broadcaster.attach(feed)
        self._describe(feed)
        while True:
            status = feed.status()
            self._status.set_feed(status)
            self._check_source(status)
            self._want_key_frame(status, source)
            wants = self._wants()
            self._look_at_segments(wants, feed, status)
            self._look_at_fragments(wants, feed, status)
            self._pause(_TICK_STARTING_S if self.healthy_s == 0.0 else _TICK_RUNNING_S)

    # ---- the steps before ------------------------------------------------------------------------

    def _prepare_segments(self) -> Path:
        """The ffmpeg to start. StorageFull, FfmpegMissing, LimitReached."""
        self._hls.check_disk(ROOM_TO_RESUME_BYTES if self._was_full else 0)
        ffmpeg = self._context.find_ffmpeg()
        self._take_slot_if_needed()
        return ffmpeg

    def _take_slot_if_needed(self) -> None:
        if needs_transcode(self._source_codec, is_hevc_variant=self._is_hevc_variant) and self._wants().segments:
            self._context.slots.take(self._stream_id, self._resources)
        else:
            self._context.slots.give_back(self._stream_id, self._resources)

    def _describe(self, feed: Feed) -> None:
        described = feed.wait_described(2 * self._context.settings.rtsp_timeout_s)
        self._status.set_feed(feed.status())
        if described.video is not None:
            self._source_codec = described.video.codec
            self._learn_codec(described.video.codec)
        self._plan = plan_for(described, is_hevc_variant=self._is_hevc_variant)
        self._status.set_plan(self._plan)
        self._seen_video = self._plan.source_video

    def _want_key_frame(self, status: FeedStatus, source: StreamSource) -> None:
        """Once, as soon as the device plays: what is sent before that reaches nobody."""
        if self._has_wanted_key_frame or status.state is FeedState.CONNECTING:
            return
        self._has_wanted_key_frame = True
        if status.state is FeedState.WAITING_KEY_FRAME:
            threading.Thread(
                target=self._ask_for_key_frame, args=(source,), name=f"key-frame-{self._stream_id}", daemon=True
            ).start()

    def _ask_for_key_frame(self, source: StreamSource) -> None:
        try:
            self._context.cameras.request_key_frame(source.camera_id, source.profile_token)
        except AppError as error:
            log.debug("%s: no key frame on demand: %s", self._stream_id, error.code)

    # ---- the looks while it runs -----------------------------------------------------------------

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

    def _look_at_segments(self, wants: Wants, feed: Feed, status: FeedStatus) -> None:
        if not wants.segments:
            if self._hls.is_running:
                self._hls.end()
                self._context.slots.give_back(self._stream_id, self._resources)
            return
        if self._context.clock.monotonic_s() < self._segments_again_s:
            return
        try:
            if not self._hls.is_running:
                ffmpeg, self._ffmpeg = self._ffmpeg or self._prepare_segments(), None
                self._take_slot_if_needed()  # the codec may have turned out to be another
                assert self._plan is not None  # noqa: S101 - described before
                self._hls.begin(ffmpeg, feed, self._plan)
            if self._hls.has_ended:
                self._pause(0.0)  # whoever stops the session ends ffmpeg first
            self._hls.look(feed, status)
        except AppError as error:
            if not wants.fragments:
                raise
            # Who watches over a socket needs neither ffmpeg nor the disk.
            log.warning("%s goes on without segments: %s (%s)", self._stream_id, error.detail, error.code)
            self._hls.end(Problem(error.code, error.detail))
            self._segments_again_s = self._context.clock.monotonic_s() + _SEGMENTS_AGAIN_S
            return
        self._note_once(self._hls.first_segment_s)

    def _look_at_fragments(self, wants: Wants, feed: Feed, status: FeedStatus) -> None:
        if not wants.fragments:
            self._wanted_fragments_s = None
            return
        self._broadcaster.attach(feed)
        now_s = self._context.clock.monotonic_s()
        if self._wanted_fragments_s is None:
            self._wanted_fragments_s = now_s
        fragment_s = self._broadcaster.fragment_s
        if fragment_s is not None:
            if self._first_fragment_s is None:
                self._first_fragment_s = fragment_s
            self._note_once(fragment_s)
            self._status.fragments_flow(fragment_s)
        limit_s = self._patience_s(status.key_frame_interval_s or 0.0)
        if fragment_s is None:
            limit_s = _FIRST_FRAGMENT_PATIENCE * self._context.settings.stall_after_s
        age_s = now_s - max(fragment_s or 0.0, self._wanted_fragments_s)
        if age_s >= limit_s:
            raise Stalled(f"No picture for {age_s:.0f} s.")

    def _note_once(self, shown_s: float | None) -> None:
        """The channel is told that it shows pictures."""
        if shown_s is not None and not self._is_noted:
            self._is_noted = True
            self._context.cameras.note_stream(self._camera_id, self._profile_token, None)

    def _patience_s(self, longest_s: float) -> float:
        """How long nothing may come where key frames are so far apart."""
        return max(self._context.settings.stall_after_s, _GOPS_OF_PATIENCE * longest_s + 2.0 if longest_s else 0.0)


def _has_changed(planned: VideoFormat, seen: VideoFormat) -> bool:
    """Whether the picture is another one than ffmpeg was started for; what is not known is no change."""
    if seen.codec != planned.codec:
        return True
    pairs = ((planned.width, seen.width), (planned.height, seen.height))
    return any(was is not None and now is not None and was != now for was, now in pairs)
