"""The frames and audio of one range, as pieces on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.archive import Origin, origin_of
from core.errors import LimitReached
from core.recordings import ZoneOfTimes
from exports.pieces import Formats, Piece, PieceNotes, PieceWriter, whole_pieces
from exports.timeline import SAME_FRAME_S, FrameTimeline
from media.codecs.access_unit import AccessUnit
from media.codecs.camera_signature import has_camera_signature

PIECE_S = 600.0
BEYOND_END_S = 30.0
"""Most that is read after the end of the range, up to the next key frame."""
MOST_FILES = 2000
_AUDIO_AHEAD_S = 5.0


class RangePieces:
    """One thread only. Times are by the device's clock, in seconds since 1970. Raises OSError.

    `is_done`: everything up to the end of the range has come. The frames go on up to the next key frame, and for one
    more GOP if the camera signs its video: a GOP's signature is in the access unit of the next key frame.
    """

    def __init__(self, folder: Path, start_true_s: float, end_true_s: float) -> None:
        self._folder = folder
        self._start_true_s = start_true_s
        self._end_true_s = end_true_s
        self._correction_s = 0.0
        self._zone = ZoneOfTimes()
        self._whole: list[Piece] = []
        self._piece: PieceWriter | None = None
        self._formats: Formats | None = None  # of the file
        self._described: Formats | None = None  # of the frames that come
        self._has_sets_in_band = False
        self._file_count = 0
        self._timeline = FrameTimeline()
        self._next_s: float | None = None  # frames are new from here on
        self._last_s = self._audio_s = 0.0  # places of the last frame and audio; 0 before the first
        self._kept_last_s = self._kept_audio_s = self._kept_key_s = 0.0  # the same of the whole pieces
        self._is_joining = True  # the next frame answers another play()
        self._begins_file = True
        self._skips_leading = False
        self._key_s = 0.0  # the device's time of the last key frame that was written
        self._may_go_on = False  # the recording may grow behind the last frame
        self._is_signed = False  # by the camera
        self._source = ("", "")
        self._origin = Origin.DEVICE
        self._done_s = 0.0
        self._whole_bytes = 0
        self.is_done = False

    def load(self) -> None:
        """Go on behind the whole pieces of an earlier run."""
        self._whole = whole_pieces(self._folder)
        for piece in self._whole:
            video, audio = piece.tables()
            self._done_s += video.end_s - video.times_s[0]
            self._whole_bytes += sum(video.sizes) + sum(audio.sizes)
            self._kept_last_s = max(video.times_s)
            self._kept_audio_s = audio.times_s[-1] if audio.times_s else self._kept_audio_s
            self._kept_key_s = video.times_s[video.last_key] if video.last_key >= 0 else self._kept_key_s
            self._file_count += piece.notes.begins_file
            self._is_signed = self._is_signed or piece.notes.is_signed
        self._last_s, self._audio_s, self._key_s = self._kept_last_s, self._kept_audio_s, self._kept_key_s
        if self._whole:
            notes = self._whole[-1].notes
            self._next_s, self._formats, self._begins_file = notes.next_s, notes.formats, False
            self._correction_s, self._zone = notes.correction_s, ZoneOfTimes.learned(notes.zone_s, None)
            self._has_sets_in_band = notes.in_band_from >= 0
            self._origin = origin_of(notes.sources[-1][0]) if notes.sources else Origin.DEVICE

    # ---- state -----------------------------------------------------------------------------------

    @property
    def whole(self) -> Sequence[Piece]:
        return self._whole

    @property
    def correction_s(self) -> float:
        """By which the clock of the present recording is ahead of true time."""
        return self._correction_s

    def set_clock(self, correction_s: float, zone: ZoneOfTimes, origin: Origin = Origin.DEVICE) -> None:
        """Note the clock and zone of the recordings that follow, unless earlier pieces of the same origin have them.

        Recordings of the other origin begin another file, because their frames and times may differ. So do those whose
        local time has another difference to UTC: their times may go back by an hour.
        """
        if not self._whole and self._piece is None:
            self._correction_s, self._zone, self._origin = correction_s, zone, origin
        elif origin is not self._origin or (zone.name and zone.zone_s != self._zone.zone_s):
            self._change_clock(correction_s - self._correction_s, origin)
            self._correction_s, self._zone = correction_s, zone
        else:
            self._zone = zone if zone.zone_s == self._zone.zone_s else ZoneOfTimes(self._zone.zone_s, float("inf"))

    def _change_clock(self, ahead_s: float, origin: Origin) -> None:
        """`ahead_s`: by which the next recording's clock is ahead of the last one's."""
        self.end_file()
        self._origin = origin
        self._next_s = None  # the next file begins at a key frame, which may be before the end of the last one
        self._last_s = self._kept_last_s = self._last_s + ahead_s
        self._audio_s = self._kept_audio_s = self._key_s = self._kept_key_s = 0.0

    def set_source(self, recording_token: str, method: str) -> None:
        """Note the recording and the replay method of the frames that follow."""
        self._source = (recording_token, method)

    @property
    def start_s(self) -> float:
        return self._start_true_s + self._correction_s

    @property
    def end_s(self) -> float:
        return self._end_true_s + self._correction_s

    @property
    def next_s(self) -> float | None:
        """The time of the first missing frame; None before the first frame."""
        return self._key_s if self._may_go_on else self._next_s

    @property
    def lacks_signature(self) -> bool:
        """True if the frames reach the end of the range, and the GOP with their signature has not come."""
        return self._is_signed and not self.is_done and self._next_s is not None and self._key_s < self.end_s

    @property
    def last_s(self) -> float:
        """The place of the last frame; 0 before the first."""
        return self._last_s

    @property
    def audio_s(self) -> float:
        """The place of the last audio; 0 before the first."""
        return self._audio_s

    @property
    def read_s(self) -> float:
        """Recorded seconds so far."""
        piece = self._piece
        return self._done_s + (max(0.0, self._last_s - piece.video.times_s[0]) if piece and piece.video else 0.0)

    @property
    def size_bytes(self) -> int:
        return self._whole_bytes + (self._piece.size_bytes if self._piece is not None else 0)

    # ---- units of a play() -----------------------------------------------------------------------

    def begin_play(self) -> None:
        """Frames of another play() follow."""
        self._is_joining = True
        self._timeline.begin()

    def describe(self, formats: Formats) -> None:
        """Frames of these formats follow the next key frame."""
        self._described = formats

    def take_frame(self, unit: AccessUnit) -> None:
        """Raise LimitReached (too_many_files) if the range would become too many files."""
        device_s = unit.device_s or 0.0
        if self._may_go_on:
            self.finish_before_last_key()
        if self._is_joining:
            if not self._can_join(unit, device_s):
                return
        elif self._timeline.is_gap(unit):
            self.end_file()
        if unit.is_key:
            self._apply_formats()
        if self._piece is None and self._begins_file and not unit.is_key:
            return
        time_s = self._timeline.place(unit)
        if unit.is_key:
            self._cut_at_key(unit, device_s, time_s)
        self.is_done = self.is_done or device_s >= self.end_s + BEYOND_END_S
        if self.is_done:
            self.finish(device_s)
        else:
            self._write(unit, time_s)

    def take_audio(self, unit: AccessUnit) -> None:
        time_s = self._last_s if unit.device_s is None else unit.device_s
        if time_s > self._last_s + _AUDIO_AHEAD_S:
            return  # a wrong time, which would leave out all audio up to it
        if self._piece is not None and time_s > self._audio_s:
            self._audio_s = time_s
            self._piece.add_audio(unit.parts[0], time_s, is_converted=unit.is_converted)

    def _can_join(self, unit: AccessUnit, device_s: float) -> bool:
        """True if the frame continues the pieces, or begins a file. Only a key frame needs none before it."""
        if self._next_s is not None and device_s < self._next_s - SAME_FRAME_S:
            if unit.is_key or self._timeline.has_key:
                self._timeline.place(unit)  # the frames after it follow it
            return False
        if self._last_s and self._timeline.is_gap_after(self._last_s, device_s):
            self.end_file()
        return unit.is_key or (self._timeline.has_key and not self._begins_file)

    def _apply_formats(self) -> None:
        """Other parameter sets go on in the same file. Other formats begin another file."""
        described, of_file = self._described, self._formats
        if self._begins_file or described is None or of_file is None or described == of_file:
            return
        if described.can_follow(of_file):
            self._has_sets_in_band = True
        else:
            self.end_file()

    def _cut_at_key(self, unit: AccessUnit, device_s: float, time_s: float) -> None:
        piece = self._piece
        self._is_signed = self._is_signed or has_camera_signature(unit.parts)
        if device_s >= self.end_s and (self._begins_file or not self._is_signed or self._key_s >= self.end_s):
            self.is_done = True
        elif piece is None:
            return
        elif not self._whole and device_s <= self.start_s:
            self.discard()  # the recorder began long before the range
        elif time_s - piece.video.times_s[0] >= PIECE_S:
            self.finish(device_s)

    def _write(self, unit: AccessUnit, time_s: float) -> None:
        piece = self._piece
        if piece is None:
            if self._begins_file:
                self._formats, self._has_sets_in_band = self._described, False
            assert self._formats is not None  # noqa: S101 - a description comes before frames
            self._skips_leading = self._begins_file
            self._count_file()
            notes = PieceNotes(
                self._formats,
                self._begins_file,
                self._correction_s,
                is_time_confirmed=self._zone.is_known_at(time_s - self._correction_s),
                zone_s=self._zone.zone_s,
            )
            piece = self._piece = PieceWriter(self._folder, len(self._whole), notes)
            self._begins_file = False
        if unit.is_leading and self._skips_leading:
            return  # it refers to frames before the first one
        self._skips_leading = self._skips_leading and unit.is_key
        if unit.is_key:
            self._key_s = unit.device_s or 0.0
        is_in_band = unit.is_key and self._has_sets_in_band
        piece.note_source(*self._source)
        piece.add_frame(unit, time_s, self._described.parameter_sets if is_in_band and self._described else ())
        self._last_s, self._is_joining = max(self._last_s, time_s), False

    def _count_file(self) -> None:
        self._file_count += self._begins_file
        if self._file_count > MOST_FILES:
            raise LimitReached(
                f"This range would become more than {MOST_FILES} files. Export a shorter one.", code="too_many_files"
            )

    # ---- ends of pieces --------------------------------------------------------------------------

    def finish(self, next_s: float | None = None) -> None:
        """Keep everything. `next_s`: the time of the frame that follows; unless given, just after the last one."""
        self._may_go_on = False
        if self._piece is not None:
            piece = self._piece
            whole = piece.finish(self._last_s + 2 * SAME_FRAME_S if next_s is None else next_s)
            self._piece = None
            self._keep(whole, piece)

    def end_file(self) -> None:
        """A gap or other formats follow."""
        self.finish()
        self._begins_file = True
        self._timeline.begin()

    def await_more(self) -> None:
        """The recording ends here and may grow.

        The last GOP stays in the piece until the next play() sends it again, because that may send nothing.
        """
        self._may_go_on = self._piece is not None and self._piece.video.last_key >= 0

    def finish_before_last_key(self) -> None:
        """Keep whole GOPs only: frames of the last one are still missing, and the next play() sends it again."""
        self._may_go_on = False
        piece = self._piece
        if piece is None:
            return
        key_s = self._key_s
        has_key = piece.video.last_key >= 0
        whole = piece.finish_before_last_key(key_s)
        self._piece = None
        if whole is None:
            self._begins_file = piece.notes.begins_file
            self._file_count -= piece.notes.begins_file
        else:
            self._keep(whole, piece)
        if has_key:
            self._next_s = key_s
        self._last_s, self._audio_s, self._key_s = self._kept_last_s, self._kept_audio_s, self._kept_key_s

    def discard(self) -> None:
        """Delete the piece that is not whole yet."""
        self._may_go_on = False
        piece, self._piece = self._piece, None
        if piece is not None:
            self._begins_file = piece.notes.begins_file
            self._file_count -= piece.notes.begins_file
            piece.discard()

    def _keep(self, whole: Piece, written: PieceWriter) -> None:
        self._whole.append(whole)
        self._next_s = whole.notes.next_s
        self._kept_last_s = max(written.video.times_s)
        self._kept_audio_s = written.audio.times_s[-1] if written.audio.times_s else self._kept_audio_s
        if written.video.last_key >= 0:
            self._kept_key_s = written.video.times_s[written.video.last_key]
        self._done_s += written.video.end_s - written.video.times_s[0]
        self._whole_bytes += written.size_bytes
