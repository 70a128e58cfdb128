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

from core.errors import CameraUnsupported, DeviceError
from core.recordings import RecordedPlace
from core.records import AudioFormat
from media.codecs.access_unit import VIDEO, AccessUnit
from media.fmp4.segments import Part, Segment
from media.rtsp.replay.interface import ReplayConnection
from sessions.context import SessionContext
from sessions.errors import NothingRecorded, Stalled
from sessions.folders import require_free_disk
from sessions.replay.broadcast import ReplayBroadcaster, ReplayInit, ReplayPart, SegmentsOnly
from sessions.replay.buffer import Description, Ended, ReplayBuffer
from sessions.replay.encoder import SegmentEncoder
from sessions.replay.resources import ReplayResources
from sessions.replay.run import ReplayRun
from sessions.replay.status import ReplayStatus
from sessions.replay_segments import SegmentMaker

AHEAD_S = 60.0
LOOK_AGAIN_S = 2.0
LOOK_AGAIN_BY_OPENING_S = 10.0
_AHEAD_MARGIN_S = 3.0  # what is on its way when the recorder is told to wait
_TICK_S = 0.25
_VIEWER_TICK_S = 0.05
_QUEUE_BYTES = 16_000_000
_DISK_EVERY_S = 1.0
_SAME_PICTURE_S = 0.0005
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
        self._maker: SegmentMaker | None = None
        self._first_segment_s: float | None = None
        self._last_segment_s = 0.0
        self._disk_checked_s = -_DISK_EVERY_S
        self._end: End | None = None
        self._again_s: float | None = None  # when to ask for what has come meanwhile
        self._taken_s: dict[int, float] = {}  # the newest of each track, by the device
        self._skip_to_s: dict[int, float] = {}
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
        self._skip_to_s = dict(self._taken_s)
        return self._play(self._taken_s.get(VIDEO, self._run.resume_device_s))

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
        if self._maker is not None:
            self._write(self._maker.flush())
        self._offset_s = self._run.playlist.length_s
        self._maker = self._context.make_segments(
            described.video, described.audio, described.parameter_sets, described.audio_config, self._pass_on
        )
        video = replace(described.video, codec="h264") if needs_encoder else described.video
        audio = _heard(described.audio)
        self._status.describe(video, audio, codec)
        number, maker = self._run.number, self._maker
        self._broadcaster.tell(
            SegmentsOnly(number)
            if self._resources.is_encoding
            else ReplayInit(number, maker.codecs, video, audio, self._offset_s, maker.init)
        )

    def _pass_on(self, part: Part) -> None:
        """To whoever does not wait for whole segments."""
        if self._resources.is_encoding:
            return
        run, start_s = self._run, self._offset_s + part.start_s
        device_s = part.start_device_s
        taken_utc = run.true_utc(run.device_s_at(start_s) if device_s is None else device_s)
        self._broadcaster.tell(ReplayPart(run.number, part.data, start_s, taken_utc, part.is_key))

    def _take(self, unit: AccessUnit) -> None:
        if self._maker is None or self._was_taken(unit):
            return
        if unit.device_s is not None:
            self._taken_s[unit.track] = unit.device_s
        elif unit.track == VIDEO:
            self._is_untimed = True
        self._status.set_caught_up(self._run, is_so=False)
        self._status.note_unit(self._run, unit)
        self._write(self._maker.push(unit))

    def _was_taken(self, unit: AccessUnit) -> bool:
        """Before the last PLAY. Sound that does not tell its time comes with pictures that were."""
        if unit.device_s is None:
            return VIDEO in self._skip_to_s
        if unit.track in self._skip_to_s:
            if unit.device_s <= self._skip_to_s[unit.track] + _SAME_PICTURE_S:
                return True
            del self._skip_to_s[unit.track]
        return False

    def _finish(self) -> None:
        """The recorder has no more of it. Without times nobody could tell what follows from what was there before."""
        end = self._at_end(self._taken_s.get(VIDEO, self._run.resume_device_s))
        if end is End.LATER and not self._is_untimed:
            is_cheap = self._line.abilities().seeks_in_session is not False  # else each PLAY is a session of its own
            self._again_s = self._context.clock.monotonic_s() + (LOOK_AGAIN_S if is_cheap else LOOK_AGAIN_BY_OPENING_S)
            self._status.set_caught_up(self._run, is_so=True)
            return
        self._status.set_caught_up(self._run, is_so=False)
        if self._maker is not None:
            self._write(self._maker.flush())
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
