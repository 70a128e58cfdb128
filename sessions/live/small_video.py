"""Fragments of the small video that one ffmpeg writes, on the arrival times of the camera's frames."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace

from core.clock import Clock
from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import VIDEO, AccessUnit
from media.codecs.video import H264
from media.flv import BadFlv, FlvFrame, FlvReader
from media.fmp4.live import TIMESCALE, LiveFragment, LiveFragmentBuilder
from media.rtsp.live.session_pool import GatewayFeed
from sessions.live.broadcast import FragmentBroadcaster

log = logging.getLogger(__name__)

_STEP_S = 0.1


class SmallVideo:
    """Takes ffmpeg's output in the spawner's thread, and hands the fragments to the broadcaster.

    `audio`: of the camera. Viewers learn that the channel has it, but small video carries none. `after`: the video of
    the ffmpeg before, whose timeline this one continues.
    """

    def __init__(
        self,
        clock: Clock,
        feed: GatewayFeed,
        broadcaster: FragmentBroadcaster,
        *,
        audio: AudioFormat | None,
        after: SmallVideo | None = None,
    ) -> None:
        self._clock = clock
        self._feed = feed
        self._broadcaster = broadcaster
        self._audio = audio
        self._lock = threading.Lock()
        self._is_over = False
        self._reader = FlvReader()
        origin_s = after.origin_s if after is not None else None
        self._builder = LiveFragmentBuilder(H264, origin_s=origin_s)
        self._announced: tuple[bytes, ...] = ()
        self._begin_s: float | None = None  # ffmpeg's zero, by our monotonic clock
        self._least_s = after.next_s if after is not None else 0.0
        self.next_s: float = self._least_s  # when the next frame is due, by our monotonic clock
        self.is_broken = False
        self.video: VideoFormat | None = None
        self.frame_s: float | None = None  # when the last frame came, in monotonic seconds
        self.frames = 0
        self.bytes = 0

    @property
    def origin_s(self) -> float | None:
        """The time by our monotonic clock that is 0 on the timeline of the fragments. None before the first one."""
        return self._builder.origin_s

    def take(self, data: bytes) -> None:
        """Take a piece of ffmpeg's output. Raises nothing."""
        with self._lock:
            if self._is_over:
                return
            try:
                frames = self._reader.feed(data)
            except BadFlv as error:
                log.warning("ffmpeg wrote small video that cannot be read: %s", error)
                self.is_broken = self._is_over = True
                return
            if frames:
                self._hand_on(frames)

    def end(self) -> None:
        """Hand on nothing more."""
        with self._lock:
            self._is_over = True

    def _hand_on(self, frames: Sequence[FlvFrame]) -> None:
        made: list[LiveFragment] = []
        for frame in frames:
            unit = self._unit_of(frame)
            self._builder.look_at(unit)
            if frame.is_key and (frame.parameter_sets != self._announced or self._builder.must_describe_again()):
                if made:  # they belong to the parameter sets before
                    self._broadcaster.on_fragments(tuple(made))
                    made.clear()
                self._describe(frame.parameter_sets)
            arrived_utc = self._feed.wall_time_of(frame.time_s) if frame.is_key else None
            built = self._builder.build(unit, arrived_utc)
            if built is not None:
                made.append(built)
        self.frames += len(made)
        self.bytes += sum(piece.size for piece in made)
        if made:
            self.frame_s = self._clock.monotonic_s()
            self._broadcaster.on_fragments(tuple(made))

    def _describe(self, parameter_sets: tuple[bytes, ...]) -> None:
        self._announced = parameter_sets
        init = self._builder.describe(parameter_sets)
        if init is None:
            self.is_broken = True
            return
        self.video = init.video
        self._broadcaster.on_init(replace(init, audio=self._audio))

    def _unit_of(self, frame: FlvFrame) -> AccessUnit:
        if self._begin_s is None:
            self._begin_s = max(self._wall_begin_s(), self._least_s)
        time_s = self._begin_s + frame.time_s
        self.next_s = max(self.next_s, time_s + _STEP_S)
        return AccessUnit(
            VIDEO,
            frame.nal_units,
            ticks=round(frame.time_s * TIMESCALE),
            clock_rate=TIMESCALE,
            is_key=frame.is_key,
            time_s=time_s,
            parameter_sets=frame.parameter_sets if frame.is_key else (),
        )

    def _wall_begin_s(self) -> float:
        """Return when the first frame that ffmpeg reads arrived, by our monotonic clock."""
        now_s = self._clock.monotonic_s()
        begin_utc = self._feed.wall_time_of(0.0)
        return now_s if begin_utc is None else now_s - (self._clock.now_utc() - begin_utc).total_seconds()
