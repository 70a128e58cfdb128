"""One run of a replay: what is played from one seek on, with a playlist and files of its own.

Every seek begins a new run under a new address, so that no player ever mixes the pictures of two
places: `run2.m3u8` lists `run2_init0.mp4`, `run2_0.m4s`, `run2_1.m4s`, ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.errors import AppError
from core.recordings import RecordedPlace
from media.codecs.access_unit import VIDEO, AccessUnit
from media.fmp4.segments import Segment
from media.hls.replay_playlist import ReplayPlaylist, ReplaySegment
from sessions.folders import write_file

SEGMENT_S = 2.0
_MOST_MOVES = 8


@dataclass(eq=False)
class ReplayRun:
    """Guarded by its status's lock, apart from `write`, which only the session's thread calls.

    `*_device_s` are seconds since 1970 by the device; `correction_s` is what they are ahead of true
    UTC, known once the device was asked for. `time_confirmed`: whether the device bears out the times of
    the newest pictures, None while there are none. `error` is why there is no picture (yet). `recording_token`:
    what plays it, once that was chosen; a run may go on in another recording of the same channel. `asked_end_s`: how
    far segments were fetched (None: nor its playlist), `watched_end_s`: how far anybody has it, by its playing time.
    """

    number: int
    asked_utc: datetime
    end_utc: datetime | None
    correction_s: float = 0.0
    key_frame_device_s: float | None = None
    time_confirmed: bool | None = None
    error: AppError | None = None
    asked_end_s: float | None = None
    watched_end_s: float = 0.0
    recording_token: str | None = None

    def __post_init__(self) -> None:
        self.playlist = ReplayPlaylist(target_s=SEGMENT_S)
        self._reached_device_s: float | None = None
        self._segments = 0
        self._inits = 0
        self._init_name = ""
        self._continues = False
        self._goes_on_utc: datetime | None = None
        self._moves = 0

    @property
    def playlist_name(self) -> str:
        return f"run{self.number}.m3u8"

    @property
    def start_utc(self) -> datetime:
        """The first picture's time as the API tells time; before it is there, the time asked for."""
        return self.asked_utc if self.key_frame_device_s is None else self.true_utc(self.key_frame_device_s)

    @property
    def resume_device_s(self) -> float:
        """Where to play from: the time asked for, and after a break what follows the last segment.

        A millisecond on, so that rounding never leads to the key frame before.
        """
        at_s = self._told_s(self.asked_utc) if self._reached_device_s is None else self._reached_device_s + 0.001
        return at_s if self._goes_on_utc is None else max(at_s, self._told_s(self._goes_on_utc))

    @property
    def end_device_s(self) -> float | None:
        return None if self.end_utc is None else self._told_s(self.end_utc)

    def move(self, place: RecordedPlace) -> None:
        """It goes on there, where nothing of it was played yet."""
        self.recording_token, self._goes_on_utc = place.recording_token, place.start
        self._moves += 1

    @property
    def is_lost(self) -> bool:
        """Whether place after place had nothing to play."""
        return self._moves >= _MOST_MOVES

    def true_utc(self, device_s: float) -> datetime:
        return datetime.fromtimestamp(device_s - self.correction_s, UTC)

    def device_s_at(self, playing_s: float) -> float:
        """When a picture was taken that does not say so: it follows what was written last."""
        return self.resume_device_s + playing_s - self.playlist.length_s

    def _told_s(self, moment: datetime) -> float:
        return moment.timestamp() + self.correction_s

    def note_unit(self, unit: AccessUnit) -> bool:
        """True for the first picture that can be shown. Devices that give no time get the asked one."""
        if unit.track != VIDEO or not unit.is_key:
            return False
        self.time_confirmed = unit.is_time_confirmed and unit.device_s is not None
        if self.key_frame_device_s is not None:
            return False
        self.key_frame_device_s = unit.device_s if unit.device_s is not None else self.resume_device_s
        return True

    def break_off(self) -> None:
        """The PLAY is over before its end; what comes next is joined on after a seam."""
        self._continues = self._segments > 0

    def note_asked(self, name: str) -> None:
        """A player fetches this segment."""
        if (end_s := self.playlist.end_s_of(name)) is not None:
            self.asked_end_s = max(self.asked_end_s or 0.0, end_s)
            self.note_watched(end_s)

    def note_watched(self, until_s: float) -> None:
        """A player has it up to there."""
        self.watched_end_s = max(self.watched_end_s, until_s)

    def file_names(self) -> tuple[str, ...]:
        """Of all that is in the playlist, encoded and not."""
        names = {name for segment in self.playlist.segments for name in (segment.name, segment.init_name)}
        return tuple(sorted(names))

    def has_seen_first(self) -> bool:
        """Whether a player has gone past the oldest segment."""
        segments = self.playlist.segments
        return len(segments) > 1 and (self.playlist.end_s_of(segments[0].name) or 0.0) < self.watched_end_s

    def unasked_bytes(self) -> int:
        """What lies ready and no player has yet."""
        return sum(
            segment.size_bytes
            for segment in self.playlist.segments
            if (self.playlist.end_s_of(segment.name) or 0.0) > self.watched_end_s
        )

    def write(self, folder: Path, made: Segment, rename: Callable[[str], str]) -> ReplaySegment:
        """Puts a segment into the folder, with its init section where that is new. OSError.

        `rename`: the name of the file that stands behind the name in the playlist.
        """
        is_new_init = made.init is not None
        if made.init is not None:
            self._init_name = f"run{self.number}_init{self._inits}.mp4"
            self._inits += 1
            write_file(folder / rename(self._init_name), made.init)
        name = f"run{self.number}_{self._segments}.m4s"
        write_file(folder / rename(name), made.data)
        start_s = self.resume_device_s if made.start_device_s is None else made.start_device_s
        is_seam = made.starts_discontinuity or self._continues or (is_new_init and self._segments > 0)
        self._reached_device_s = start_s + made.duration_s
        self._segments += 1
        self._moves = 0
        self._continues = False
        return ReplaySegment(
            name=name,
            init_name=self._init_name,
            began_utc=self.true_utc(start_s),
            duration_s=made.duration_s,
            size_bytes=len(made.data),
            is_discontinuous=is_seam,
        )
