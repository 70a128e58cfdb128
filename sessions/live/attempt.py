"""One attempt of a live session: a feed, and the outputs that are made of it while viewers want them."""

from __future__ import annotations

import logging

from core.errors import AppError
from core.records import Problem, VideoFormat
from media.rtsp.live.feed import FeedState, FeedStatus
from media.rtsp.live.session_pool import GatewayFeed
from sessions.context import SessionContext
from sessions.errors import RestartWanted, Stalled
from sessions.ids import LiveStreamKey
from sessions.live.key_frames import KeyFrameRequests
from sessions.live.output import SessionOutput
from sessions.live.plan import plan_for
from sessions.live.resources import SessionResources
from sessions.live.status import SessionStatus

log = logging.getLogger(__name__)

_TICK_STARTING_S = 0.1
_RETRY_OUTPUT_S = 10.0
_OFTEN_S = 3.0  # between two key frames: a request for one more gains little, and each is large


class LiveAttempt:
    """Call connect() once, then step() again and again until it raises.

    Both raise the AppError that ends the attempt, RestartWanted if the next one should start immediately, or
    SessionOver.
    """

    def __init__(
        self,
        context: SessionContext,
        key: LiveStreamKey,
        *,
        status: SessionStatus,
        resources: SessionResources,
        outputs: tuple[SessionOutput, ...],
        key_frames: KeyFrameRequests,
    ) -> None:
        self._context = context
        self._key = key
        self._status = status
        self._resources = resources
        self._outputs = outputs
        self._key_frames = key_frames
        self._feed: GatewayFeed | None = None
        self._seen_video: VideoFormat | None = None
        self._healthy_s = 0.0
        self._retry_at_s: dict[SessionOutput, float] = {}
        self._is_noted = False
        self._has_checked_key_frame = False

    @property
    def healthy_s(self) -> float:
        """Seconds for which segments or fragments have come in this attempt."""
        return self._healthy_s

    def connect(self) -> None:
        """Open a feed and wait until the device has described its media."""
        for output in self._outputs:
            if output.is_wanted and self._ends_attempt(output):
                output.prepare()  # first: if the disk is full, there is no need to contact the device
        source = self._context.cameras.stream_source(self._key.camera_id, self._key.profile_token)
        feed = self._feed = self._resources.open_feed(self._context.gateway, source)
        for output in self._outputs:
            if output.is_wanted and output.starts_early:
                output.start(feed)
        begun_s, limit_s = self._context.clock.monotonic_s(), 2 * self._context.settings.rtsp_timeout_s
        feed.wait_playing(limit_s)
        self._request_key_frame(feed.status())  # the description may wait for audio, which devices send late or never
        described = feed.wait_described(max(0.0, limit_s - (self._context.clock.monotonic_s() - begun_s)))
        self._status.set_feed(feed.status())
        if described.video is not None:
            self._status.set_source_codec(described.video.codec)
        plan = plan_for(described, is_hevc_variant=self._key.is_hevc_variant)
        self._status.set_plan(plan)
        self._seen_video = plan.source_video

    def step(self) -> float:
        """Look at the feed and the outputs. Return the seconds to wait until the next step."""
        assert self._feed is not None  # noqa: S101 - connect() came before
        status = self._feed.status()
        self._status.set_feed(status)
        self._check_source(status)
        self._request_key_frame(status)
        for output in self._outputs:
            self._update_output(output, status)
        self._healthy_s = max(self._healthy_s, *(output.healthy_s for output in self._outputs))
        if not self._is_noted and any(output.first_media_s is not None for output in self._outputs):
            self._is_noted = True
            self._context.cameras.note_stream(self._key.camera_id, self._key.profile_token, None)
        every_s = [output.look_every_s for output in self._outputs if output.is_wanted and self._healthy_s]
        return min(every_s, default=_TICK_STARTING_S)

    # ---- outputs ---------------------------------------------------------------------------------

    def _update_output(self, output: SessionOutput, status: FeedStatus) -> None:
        """Start, check or stop this output."""
        if not output.is_wanted:
            output.stop()
            return
        now_s = self._context.clock.monotonic_s()
        if now_s < self._retry_at_s.get(output, 0.0):
            return
        assert self._feed is not None  # noqa: S101 - connect() came before
        try:
            if not output.is_running:
                output.start(self._feed)
            output.look(status)
        except AppError as error:
            if self._ends_attempt(output):
                raise
            name = type(output).__name__
            log.warning("%s goes on without %s: %s (%s)", self._key.stream_id, name, error.detail, error.code)
            output.stop(Problem(error.code, error.detail))
            self._retry_at_s[output] = now_s + _RETRY_OUTPUT_S

    def _ends_attempt(self, output: SessionOutput) -> bool:
        """True if an error of this output ends the attempt: it concerns the device, or no other output is wanted."""
        return not output.is_independent or not any(one.is_wanted for one in self._outputs if one is not output)

    # ---- the device ------------------------------------------------------------------------------

    def _check_source(self, status: FeedStatus) -> None:
        if status.state is FeedState.FAILED:
            if status.problem is None:
                raise Stalled("The device ended the stream.")
            raise AppError(status.problem.detail, code=status.problem.code)
        if status.video is not None:
            if self._seen_video is not None and _has_changed(self._seen_video, status.video):
                log.info("%s: the device changed codec or resolution", self._key.stream_id)
                raise RestartWanted
            self._seen_video = status.video
        planned = self._status.source_audio
        is_other_audio = planned is not None and status.audio is not None and status.audio != planned
        if is_other_audio and any(output.is_running and output.is_independent for output in self._outputs):
            log.info("%s: the audio is another than the device described", self._key.stream_id)
            raise RestartWanted

    def _request_key_frame(self, status: FeedStatus) -> None:
        """Request a key frame as soon as the device has agreed to play: viewers get nothing before the first one.

        Later, request those that viewers wait for, unless key frames come often.
        """
        if status.state is FeedState.CONNECTING:
            return
        if status.key_frame_interval_s is not None and status.key_frame_interval_s < _OFTEN_S:
            self._key_frames.forget()
        if not self._has_checked_key_frame:
            self._has_checked_key_frame = True
            if status.state in (FeedState.WAITING_VIDEO, FeedState.WAITING_KEY_FRAME):
                self._key_frames.want()
        self._key_frames.send_due()


def _has_changed(planned: VideoFormat, seen: VideoFormat) -> bool:
    """True if codec or resolution differ from those that the outputs were started for; unknown values do not count."""
    if seen.codec != planned.codec:
        return True
    pairs = ((planned.width, seen.width), (planned.height, seen.height))
    return any(was is not None and now is not None and was != now for was, now in pairs)
