"""Reads a range from a recorder into pieces on the disk, faster than real time where the recorder sends faster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.archive import Origin
from core.clock import Clock
from core.errors import CameraBadAnswer, CameraUnreachable, CameraUnsupported
from core.reading_pace import ReadingPace
from core.recordings import RecordedPlace, ZoneOfTimes
from core.settings import Settings
from exports.devices import JobDevices
from exports.disk import SpaceCheck
from exports.pieces import Formats, Piece, is_read, mark_read
from exports.range_pieces import BEYOND_END_S, RangePieces
from exports.records import ExportRange
from media.codecs.access_unit import VIDEO, AccessUnit
from media.fmp4.tracks import TrackError, video_track
from media.rtsp.gateway import RtspGateway
from media.rtsp.replay.interface import ReplayConnection, ReplayRank
from onvif_manager import OnvifManager
from recording_manager import RecordingManager
from sessions.replay.buffer import BufferItem, Description, Ended, ReplayBuffer
from sessions.replay.channel_recordings import next_place

_QUEUE_BYTES = 12_000_000
_TICK_S = 0.25
_RELEASE_WAIT_S = 1.5
_AUDIO_BEHIND_S = 5.0
_GROWING = timedelta(seconds=120)
_ASK_AGAIN_S = 3.0
_BEFORE_END = timedelta(milliseconds=1)
_MOST_MOVES = 8
_COPIED = ("h264", "hevc")


@dataclass(frozen=True, slots=True)
class ReadingContext:
    """The parts of the app that a reader works with."""

    settings: Settings
    clock: Clock
    gateway: RtspGateway
    cameras: OnvifManager
    recordings: RecordingManager


class RangeReader:
    """Reads one range into `folder`. One thread calls read(); `wake` ends its waits.

    `devices` are those of the job. `check` is called all the time and raises Interrupted to end the reading.
    `on_progress` gets the recorded seconds and the bytes of this range so far.
    """

    def __init__(
        self,
        context: ReadingContext,
        wanted: ExportRange,
        folder: Path,
        devices: JobDevices,
        *,
        wake: threading.Event,
        check: Callable[[], None],
        on_progress: Callable[[float, int], None],
    ) -> None:
        self._context = context
        self._wanted = wanted
        self._folder = folder
        self._devices = devices
        self._wake = wake
        self._check = check
        self._on_progress = on_progress
        self._range = RangePieces(folder, wanted.start.timestamp(), wanted.end.timestamp())
        self._tried_utc = wanted.start
        self._moves = 0  # to other places, since the last frame
        self._newest_s = 0.0  # the place of the last frame
        self._space = SpaceCheck(folder, context.settings.export_min_free_bytes)
        self._pace = ReadingPace(context.clock, context.settings.export_max_mbps)
        self._seen_bytes = 0
        self._received_s = 0.0
        self._token = ""  # of the recording that plays
        self._correction_s, self._zone, self._origin = 0.0, ZoneOfTimes(), Origin.DEVICE  # of this recording

    @property
    def pieces(self) -> Sequence[Piece]:
        """The whole pieces, after read()."""
        return self._range.whole

    @property
    def size_bytes(self) -> int:
        """Size of everything that was read."""
        return self._range.size_bytes

    def read(self) -> None:
        """Read the missing part of the range. All that was read stays in whole pieces, also after an error.

        Raise Interrupted, StorageFull, a DeviceError, or another AppError.
        """
        self._range.load()
        self._seen_bytes = self.size_bytes
        self._report()
        if is_read(self._folder):
            return
        connection: ReplayConnection | None = None
        token = ""
        try:
            while not self._range.is_done and (place := self._find_place(token)) is not None:
                if connection is None or place.recording_token != token:
                    if connection is not None:
                        connection.close(_RELEASE_WAIT_S)
                    self._token = token = place.recording_token
                    connection = self._connect(token)
                self._play(connection, place)
        finally:
            if connection is not None:
                connection.close(_RELEASE_WAIT_S)
            self._keep_whole_gops()
        if self._range.whole:  # otherwise a retry asks the recorder again
            mark_read(self._folder)

    def _keep_whole_gops(self) -> None:
        try:
            self._range.finish_before_last_key()
        except OSError:
            self._range.discard()  # frees the disk, which is full, as a rule
            raise

    # ---- places of the range ---------------------------------------------------------------------

    def _find_place(self, token: str) -> RecordedPlace | None:
        """Return the next place to play. None if the range has no other; all frames are in whole pieces then."""
        recordings, wanted = self._context.recordings, self._wanted
        if not token:
            next_s = self._range.next_s
            moment = wanted.start if next_s is None else self._true_utc(next_s)
            if self._range.lacks_signature:
                moment = min(moment, wanted.end - _BEFORE_END)
            places = recordings.channel_places(wanted.camera_id, wanted.channel, moment)
            return next((place for place in places if place.start < wanted.end), None)
        reached_utc = self._tried_utc
        if self._range.last_s:
            reached_utc = max(reached_utc, self._true_utc(self._range.last_s))
        place = next_place(recordings.recorded_from(wanted.camera_id, token, reached_utc), token, reached_utc)
        if place is None and self._may_grow(reached_utc):
            self._range.await_more()
            self._wait(_ASK_AGAIN_S)
            self._check()
            return RecordedPlace(token, reached_utc, wanted.end)
        self._range.finish()
        is_lost = self._moves > _MOST_MOVES
        return place if place is not None and place.start < wanted.end and not is_lost else None

    def _may_grow(self, reached_utc: datetime) -> bool:
        """True if the recorder may still write the missing part: recorders write late."""
        now = self._context.clock.now_utc()
        return reached_utc < self._wanted.end and now - self._wanted.end < _GROWING and now - reached_utc < _GROWING

    def _connect(self, token: str) -> ReplayConnection:
        source, self._correction_s = self._context.recordings.replay_source(self._wanted.camera_id, token)
        if source.origin is Origin.DEVICE:
            self._devices.require_same(self._wanted.camera_id)
        self._zone, self._origin = source.zone, source.origin
        return self._context.recordings.open_replay(self._context.gateway, source, ReplayRank.EXPORT)

    # ---- one play() ------------------------------------------------------------------------------

    def _play(self, connection: ReplayConnection, place: RecordedPlace) -> None:
        """Play from the place on, until the range or the recording ends."""
        start_s = place.start.timestamp()
        correction_s = self._correction_s + self._zone.shift_at(start_s)
        self._range.set_clock(correction_s, self._zone.at(start_s), self._origin)
        buffer = ReplayBuffer(
            connection, begins_s=0.0, allowed_s=float("inf"), queue_bytes=_QUEUE_BYTES, wake=self._wake
        )
        self._range.begin_play()
        self._tried_utc = max(self._tried_utc, place.start)
        self._moves += 1
        connection.play(self._from_s(place), buffer, end_device_s=self._end_s(place))
        self._received_s = self._now_s()
        try:
            while self._take(buffer.take(), connection):
                self._check()
                self._check_silence()
                self._wait(_TICK_S)
                self._wait_for_pace()
        finally:
            buffer.retire()
            connection.pause()

    def _end_s(self, place: RecordedPlace) -> float:
        """Return the time up to which to play: beyond the range, but not where another place goes on."""
        end_s = self._range.end_s + BEYOND_END_S
        return min(end_s, place.end.timestamp() + self._range.correction_s) if place.hands_over else end_s

    def _from_s(self, place: RecordedPlace) -> float:
        """Return the device's time to play from. Audio may come later than its frames, so some frames come again."""
        from_s = max(place.start.timestamp() + self._range.correction_s, self._range.start_s)
        next_s, audio_s = self._range.next_s, self._range.audio_s
        if next_s is not None:
            from_s = max(from_s, next_s)
            if audio_s:
                from_s = max(from_s - _AUDIO_BEHIND_S, min(from_s, audio_s))
        return from_s

    def _take(self, items: Sequence[BufferItem], connection: ReplayConnection) -> bool:
        """Return False if nothing more of this play() is needed."""
        self._range.set_source(self._token, connection.abilities().method)
        for item in items:
            if not self._handle(item):
                return False
        if self._range.last_s > self._newest_s:
            self._newest_s, self._moves = self._range.last_s, 0
        if items:
            self._received_s = self._now_s()
            self._report()
            self._count_bytes()
        return True

    def _handle(self, item: BufferItem) -> bool:
        if isinstance(item, AccessUnit):
            if item.track == VIDEO:
                self._range.take_frame(item)
            else:
                self._range.take_audio(item)
        elif isinstance(item, Description):
            self._range.describe(_checked_formats(item))
        elif isinstance(item, Ended):
            return False
        elif isinstance(item, CameraUnsupported) and item.service == "media":
            raise CameraUnsupported(item.detail, service="replay")
        else:
            raise item
        return not self._range.is_done

    # ---- limits and progress ---------------------------------------------------------------------

    def _report(self) -> None:
        self._on_progress(self._range.read_s, self.size_bytes)

    def _count_bytes(self) -> None:
        """Raise StorageFull if too little space is free."""
        more = max(0, self.size_bytes - self._seen_bytes)
        self._seen_bytes = self.size_bytes
        self._pace.took(more)
        self._space.wrote(more)

    def _wait_for_pace(self) -> None:
        """Leave the frames in the buffer, which makes the recorder wait, while the limit of the speed is exceeded."""
        while (wait_s := self._pace.wait_s()) > 0:
            self._check()
            self._received_s = self._now_s()
            self._wait(min(wait_s, _TICK_S))

    def _check_silence(self) -> None:
        """Raise CameraUnreachable. The gateway notices a silent recorder earlier, as a rule."""
        silent_s = self._now_s() - self._received_s
        if silent_s > 3 * self._context.settings.rtsp_timeout_s:
            raise CameraUnreachable("The recorder stopped sending the recording.")

    def _wait(self, timeout_s: float) -> None:
        self._wake.wait(timeout_s)
        self._wake.clear()

    def _now_s(self) -> float:
        return self._context.clock.monotonic_s()

    def _true_utc(self, device_s: float) -> datetime:
        return datetime.fromtimestamp(device_s - self._range.correction_s, UTC)


def _checked_formats(described: Description) -> Formats:
    """Return the formats. Raise CameraUnsupported or CameraBadAnswer for video that cannot be exported."""
    if described.video.codec not in _COPIED:
        raise CameraUnsupported("This recording's video is neither H.264 nor H.265.", service="video")
    try:
        video_track(described.video, described.parameter_sets)
    except TrackError as error:
        raise CameraBadAnswer("The recorder does not describe the recording's video in a readable way.") from error
    return Formats(
        described.video,
        described.audio,
        described.parameter_sets,
        described.audio_config,
        described.audio_left_out,
    )
