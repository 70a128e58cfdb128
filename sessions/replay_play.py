"""One PLAY of one run: what the recorder sends becomes segments, until the recording ends.

`run_once` returns at that end. It raises the AppError that broke it off, and whatever `pause`
raises when another run is wanted or none. It never asks for more than AHEAD_S beyond what players
have asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from core.errors import CameraUnsupported, DeviceError, NotFound
from core.records import AudioFormat
from media.access_unit import AccessUnit
from media.fmp4.segments import Segment
from media.rtsp.replay_line import ReplayLine
from sessions.folders import require_free_disk
from sessions.replay_board import ReplayBoard
from sessions.replay_encoder import SegmentEncoder
from sessions.replay_holdings import ReplayHoldings
from sessions.replay_intake import Description, Ended, Intake
from sessions.replay_run import ReplayRun
from sessions.replay_segments import SegmentMaker
from sessions.run import Stalled
from sessions.tools import Tools

AHEAD_S = 60.0
_AHEAD_MARGIN_S = 3.0  # what is on its way when the recorder is told to wait
_TICK_S = 0.25
_QUEUE_BYTES = 16_000_000
_DISK_EVERY_S = 1.0
_COPIED = ("h264", "hevc")


class NothingRecorded(NotFound):
    """From the time asked for on, the recording has no picture."""

    code = "no_recording"


class ReplayPlay:
    """`pause(s)` waits for news or so long; `news()` ends such a wait, from any thread."""

    def __init__(
        self,
        tools: Tools,
        line: ReplayLine,
        run: ReplayRun,
        *,
        stream_id: str,
        accepts_hevc: bool,
        board: ReplayBoard,
        holdings: ReplayHoldings,
        pause: Callable[[float], None],
        news: Callable[[], None],
    ) -> None:
        self._tools = tools
        self._line = line
        self._run = run
        self._stream_id = stream_id
        self._accepts_hevc = accepts_hevc
        self._board = board
        self._holdings = holdings
        self._pause = pause
        self._news = news
        self._described: Description | None = None
        self._maker: SegmentMaker | None = None
        self._first_segment_s: float | None = None
        self._last_segment_s = 0.0
        self._disk_checked_s = -_DISK_EVERY_S
        self._is_ended = False

    @property
    def healthy_s(self) -> float:
        """From the first to the last segment of this PLAY."""
        return 0.0 if self._first_segment_s is None else self._last_segment_s - self._first_segment_s

    def run_once(self) -> None:
        self._check_disk()
        run = self._run
        intake = Intake(
            self._line,
            begins_s=run.playlist.length_s,
            allowed_s=self._allowed_s(),
            queue_bytes=min(_QUEUE_BYTES, self._tools.settings.replay_session_bytes // 8),
            news=self._news,
        )
        try:
            self._line.play(run.resume_device_s, intake, end_device_s=run.end_device_s)
            self._follow(intake)
        finally:
            intake.retire()
            self._board.break_off(run)

    def _follow(self, intake: Intake) -> None:
        heard_s = self._tools.clock.monotonic_s()
        while True:
            for news in intake.take():
                heard_s = self._tools.clock.monotonic_s()
                self._handle(news)
                if self._is_ended:
                    self._board.end_run(self._run)
                    return
            intake.allow(self._allowed_s())
            self._check_disk()
            if intake.is_paused:
                heard_s = self._tools.clock.monotonic_s()
            self._check_silence(heard_s)
            self._pause(_TICK_S)

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
        if needs_encoder and not self._holdings.is_encoding:
            self._tools.slots.take(self._stream_id, self._holdings)
            self._holdings.encode_with(
                SegmentEncoder(self._tools.spawner, self._tools.find_ffmpeg, self._holdings.folder)
            )
        if self._maker is not None:
            self._write(self._maker.flush())
        self._maker = self._tools.make_segments(
            described.video, described.audio, described.parameter_sets, described.audio_config
        )
        video = replace(described.video, codec="h264") if needs_encoder else described.video
        self._board.describe(video, _heard(described.audio), codec)

    def _take(self, unit: AccessUnit) -> None:
        if self._maker is not None:
            self._board.note_unit(self._run, unit)
            self._write(self._maker.push(unit))

    def _finish(self) -> None:
        if self._maker is not None:
            self._write(self._maker.flush())
        if not self._run.playlist.segments:
            raise NothingRecorded("Nothing is recorded at this time or after it.")
        self._is_ended = True

    def _write(self, made: Sequence[Segment]) -> None:
        for segment in made:
            self._board.add(self._run, self._holdings.write(self._run, segment))
            self._last_segment_s = self._tools.clock.monotonic_s()
            if self._first_segment_s is None:
                self._first_segment_s = self._last_segment_s
        if made:
            self._holdings.remove(self._board.drop_beyond(self._tools.settings.replay_session_bytes))

    def _allowed_s(self) -> float:
        """Up to which playing time may come: less while unseen segments fill the half of what may be kept."""
        asked_end_s, unasked_bytes = self._board.asked(self._run)
        if 2 * unasked_bytes > self._tools.settings.replay_session_bytes:
            return 0.0
        return asked_end_s + AHEAD_S - _AHEAD_MARGIN_S

    def _check_disk(self) -> None:
        now_s = self._tools.clock.monotonic_s()
        if now_s - self._disk_checked_s >= _DISK_EVERY_S:
            self._disk_checked_s = now_s
            require_free_disk(self._holdings.folder.parent, self._tools.settings.min_free_bytes)

    def _check_silence(self, heard_s: float) -> None:
        """The gateway notices a silent recorder first; this is for what neither end explains."""
        silent_s = self._tools.clock.monotonic_s() - heard_s
        if silent_s > 2 * self._tools.settings.rtsp_timeout_s:
            raise Stalled(f"The recorder has sent nothing for {silent_s:.0f} s.")


def _heard(audio: AudioFormat | None) -> AudioFormat | None:
    """What the player gets: MediaSource knows no G.711, so that is wrapped as FLAC without a loss."""
    if audio is None or audio.codec == "aac":
        return audio
    return replace(audio, codec="flac") if audio.codec in ("pcm_alaw", "pcm_mulaw") else None
