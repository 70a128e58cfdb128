"""One recording of one run: what the recorder sends becomes segments, until the recording ends.

`run_once` returns at that end, and says what follows. It raises the AppError that broke it off, and
whatever `pause` raises when another run is wanted or none. It never asks for more than AHEAD_S beyond
what players have asked for.

A recording that is still being written has no end: what it has more is asked for every LOOK_AGAIN_S,
by another PLAY from the last picture, and joined without a seam.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, auto

from core.errors import CameraBadAnswer, CameraUnsupported, DeviceError
from core.recordings import RecordedPlace
from core.records import AudioFormat
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.fmp4.segments import Part, Segment, SegmentBuilder
from media.fmp4.tracks import TrackError
from media.rtsp.replay.interface import ReplayConnection
from media.rtsp.replay.track_timeline import TrackTimeline
from sessions.context import SessionContext
from sessions.errors import NothingRecorded, Stalled
from sessions.folders import require_free_disk
from sessions.replay.broadcast import ReplayBroadcaster, ReplayInit, ReplayPart, SegmentsOnly
from sessions.replay.buffer import Description, Ended, ReplayBuffer
from sessions.replay.encoder import SegmentEncoder
from sessions.replay.resources import ReplayResources
from sessions.replay.run import ReplayRun
from sessions.replay.status import ReplayStatus

AHEAD_S = 60.0
LOOK_AGAIN_S = 2.0
LOOK_AGAIN_BY_OPENING_S = 10.0
_AHEAD_MARGIN_S = 3.0  # what is on its way when the recorder is told to wait
_TICK_S = 0.25
_VIEWER_TICK_S = 0.05
_QUEUE_BYTES = 16_000_000
_DISK_EVERY_S = 1.0
_COPIED = ("h264", "hevc")
MAY_GROW = timedelta(seconds=120)
"""An end no older than this need not be one: recorders write late, and list what they have begun later still."""
_TAIL = timedelta(seconds=1)


class End(Enum):
    """`ELSEWHERE`: in another place that is known; `LATER`: perhaps in the same one, in a while."""

    OVER = auto()
    ELSEWHERE = auto()
    LATER = auto()


class ReplayPlay:
    """`pause(s)` waits for news or so long; `news()` ends such a wait, from any thread.

    `at_end(device_s)`: what follows there.
    """

    def __init__(
        self,
        context: SessionContext,
        line: ReplayConnection,
        run: ReplayRun,
        *,
        stream_id: str,
        accepts_hevc: bool,
        status: ReplayStatus,
        resources: ReplayResources,
        broadcaster: ReplayBroadcaster,
        pause: Callable[[float], None],
        news: Callable[[], None],
        at_end: Callable[[float], End],
    ) -> None:
        self._context = context
        self._line = line
        self._run = run
        self._stream_id = stream_id
        self._accepts_hevc = accepts_hevc
        self._status = status
        self._resources = resources
        self._broadcaster = broadcaster
        self._offset_s = 0.0  # where on the run's time line the maker's begins
        self._pause = pause
        self._news = news
        self._at_end = at_end
        self._described: Description | None = None
        self._builder: SegmentBuilder | None = None
        self._first_segment_s: float | None = None
        self._last_segment_s = 0.0
        self._disk_checked_s = -_DISK_EVERY_S
        self._end: End | None = None
        self._again_s: float | None = None  # when to ask for what has come meanwhile
        self._timelines: dict[int, TrackTimeline] = {VIDEO: TrackTimeline(), AUDIO: TrackTimeline()}
        self._is_untimed = False

    @property
    def healthy_s(self) -> float:
        """From the first to the last segment of this PLAY."""
        return 0.0 if self._first_segment_s is None else self._last_segment_s - self._first_segment_s

    def run_once(self) -> End:
        self._check_disk()
        buffer = self._play(self._run.resume_device_s)
        try:
            heard_s = self._context.clock.monotonic_s()
            while True:
                for news in buffer.take():
                    while self._broadcaster.is_full():
                        self._pause(_VIEWER_TICK_S)
                    heard_s = self._context.clock.monotonic_s()
                    self._handle(news)
                    if self._end is not None:
                        return self._end
                now_s = self._context.clock.monotonic_s()
                if self._again_s is not None and now_s >= self._again_s:
                    buffer.retire()
                    buffer = self._play_again()
                heard_s = self._look(buffer, heard_s)
        finally:
            buffer.retire()
            self._status.break_off(self._run)

    def _play(self, start_device_s: float) -> ReplayBuffer:
        buffer = ReplayBuffer(
            self._line,
            begins_s=self._run.playlist.length_s,
            allowed_s=self._allowed_s(),
            queue_bytes=min(_QUEUE_BYTES, self._context.settings.replay_session_bytes // 8),
            news=self._news,
        )
        self._line.play(start_device_s, buffer, end_device_s=self._run.end_device_s)
        return buffer

    def _play_again(self) -> ReplayBuffer:
        """What follows the last picture: it comes from the key frame before on, and what was taken is passed over."""
        self._again_s = None
        for timeline in self._timelines.values():
            timeline.begin()
        return self._play(self._reached_device_s)

    def _look(self, buffer: ReplayBuffer, heard_s: float) -> float:
        """Between two looks at the news: when something was last heard, or nothing was to be."""
        buffer.allow(self._allowed_s())
        self._check_disk()
        if buffer.is_paused or self._again_s is not None:
            heard_s = self._context.clock.monotonic_s()
        self._check_silence(heard_s)
        self._pause(_TICK_S)
        return heard_s

    def _handle(self, news: Description | AccessUnit | Ended | DeviceError) -> None:
        if isinstance(news, CameraUnsupported) and news.service == "media":
            raise CameraUnsupported(news.detail, service="replay")  # that is what it lacks here
        if isinstance(news, DeviceError):
            raise news
        if isinstance(news, Description):
            self._describe(news)
        elif isinstance(news, Ended):
            self._finish()
        else:
            self._take(news)

    def _describe(self, described: Description) -> None:
        """What was said before is said again when a recorder goes on after a pause: nothing is new then."""
        if described == self._described:
            return
        self._described = described
        codec = described.video.codec
        if codec not in _COPIED:
            raise CameraUnsupported("This recording's video cannot be shown: neither H.264 nor H.265.", service="video")
        needs_encoder = codec == "hevc" and not self._accepts_hevc
        if needs_encoder and not self._resources.is_encoding:
            self._context.slots.take(self._stream_id, self._resources)
            self._resources.encode_with(
                SegmentEncoder(self._context.spawner, self._context.find_ffmpeg, self._resources.folder)
            )
        if self._builder is not None:
            self._write(self._builder.flush())
        self._offset_s = self._run.playlist.length_s
        self._builder = self._builder_for(described)
        video = replace(described.video, codec="h264") if needs_encoder else described.video
        audio = _heard(described.audio)
        self._status.describe(video, audio, codec)
        number, builder = self._run.number, self._builder
        self._broadcaster.tell(
            SegmentsOnly(number)
            if self._resources.is_encoding
            else ReplayInit(number, builder.codecs, video, audio, self._offset_s, builder.init)
        )

    def _builder_for(self, described: Description) -> SegmentBuilder:
        """The first segment has only one GOP: a recorder that keeps to real time lets a player wait for it."""
        try:
            return SegmentBuilder(
                described.video,
                described.audio,
                described.parameter_sets,
                described.audio_config,
                first_target_s=0.0,
                on_part=self._pass_on,
            )
        except TrackError as error:
            raise CameraBadAnswer("The recording's pictures are not described in a way that can be played.") from error

    def _pass_on(self, part: Part) -> None:
        """To whoever does not wait for whole segments."""
        if self._resources.is_encoding:
            return
        run, start_s = self._run, self._offset_s + part.start_s
        device_s = part.start_device_s
        taken_utc = run.true_utc(run.device_s_at(start_s) if device_s is None else device_s)
        self._broadcaster.tell(ReplayPart(run.number, part.data, start_s, taken_utc, part.is_key))

    def _take(self, unit: AccessUnit) -> None:
        if self._builder is None or (placed := self._place(unit)) is None:
            return
        if unit.track == VIDEO and unit.device_s is None:
            self._is_untimed = True
        self._status.set_caught_up(self._run, is_so=False)
        self._status.note_unit(self._run, placed)
        self._write(self._builder.push(placed))

    def _place(self, unit: AccessUnit) -> AccessUnit | None:
        """Return None for a unit that came before the last PLAY; audio without times is dropped with its frames."""
        if unit.device_s is None and self._timelines[VIDEO].is_skipping:
            return None
        return self._timelines[unit.track].place(unit)

    @property
    def _reached_device_s(self) -> float:
        """The device's time of the last frame; before the first one, the requested time."""
        reached_s = self._timelines[VIDEO].device_s
        return self._run.resume_device_s if reached_s is None else reached_s

    def _finish(self) -> None:
        """The recorder has no more of it. Without times nobody could tell what follows from what was there before."""
        end = self._at_end(self._reached_device_s)
        if end is End.LATER and not self._is_untimed:
            is_cheap = self._line.abilities().seeks_in_session is not False  # else each PLAY is a session of its own
            self._again_s = self._context.clock.monotonic_s() + (LOOK_AGAIN_S if is_cheap else LOOK_AGAIN_BY_OPENING_S)
            self._status.set_caught_up(self._run, is_so=True)
            return
        self._status.set_caught_up(self._run, is_so=False)
        if self._builder is not None:
            self._write(self._builder.flush())
        if end is not End.ELSEWHERE and not self._run.playlist.segments:
            raise NothingRecorded("Nothing is recorded at this time or after it.")
        self._end = End.OVER if end is End.LATER else end

    def _write(self, made: Sequence[Segment]) -> None:
        for segment in made:
            self._status.add(self._run, self._resources.write(self._run, segment))
            self._last_segment_s = self._context.clock.monotonic_s()
            if self._first_segment_s is None:
                self._first_segment_s = self._last_segment_s
        if made:
            self._resources.remove(self._status.drop_beyond(self._context.settings.replay_session_bytes))

    def _allowed_s(self) -> float:
        """Up to which playing time may come: less while unseen segments fill the half of what may be kept."""
        asked_end_s, unasked_bytes = self._status.asked(self._run)
        wanted_s = self._broadcaster.wanted_s(self._run.number)
        if asked_end_s is None:
            return wanted_s
        if 2 * unasked_bytes > self._context.settings.replay_session_bytes:
            return 0.0
        return max(asked_end_s + AHEAD_S - _AHEAD_MARGIN_S, wanted_s)

    def _check_disk(self) -> None:
        now_s = self._context.clock.monotonic_s()
        if now_s - self._disk_checked_s >= _DISK_EVERY_S:
            self._disk_checked_s = now_s
            require_free_disk(self._resources.folder.parent, self._context.settings.min_free_bytes)

    def _check_silence(self, heard_s: float) -> None:
        """The gateway notices a silent recorder first; this is for what neither end explains."""
        silent_s = self._context.clock.monotonic_s() - heard_s
        if silent_s > 2 * self._context.settings.rtsp_timeout_s:
            raise Stalled(f"The recorder has sent nothing for {silent_s:.0f} s.")


def _heard(audio: AudioFormat | None) -> AudioFormat | None:
    """What the player gets: MediaSource knows no G.711, so that is wrapped as FLAC without a loss."""
    if audio is None or audio.codec == "aac":
        return audio
    return replace(audio, codec="flac") if audio.codec in ("pcm_alaw", "pcm_mulaw") else None


def place_after(places: Sequence[RecordedPlace], recording_token: str, reached: datetime) -> RecordedPlace | None:
    """The first that goes on where this recording has ended; its own rest there is not, whatever was told of it."""
    for place in places:
        is_own_rest = place.recording_token == recording_token and place.start <= reached + _TAIL
        if not is_own_rest and place.end > reached + _TAIL:
            return place
    return None


def may_grow(reached: datetime, end: datetime | None, now: datetime) -> bool:
    """Whether more may follow: it ends about now, and is not to end there (`end`: what was asked for)."""
    return -_TAIL <= now - reached < MAY_GROW and (end is None or end > now)
