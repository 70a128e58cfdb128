"""One run of a replay: begins with a seek, and has its own playlist and files.

Every seek begins a run under a new address, so that no player mixes the frames of two places:
`run2.m3u8` lists `run2_init0.mp4`, `run2_0.m4s`, `run2_1.m4s`, ...
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.errors import AppError
from core.recordings import RecordedPlace, ReplayQuality, ZoneOfTimes
from media.codecs.access_unit import VIDEO, AccessUnit
from media.fmp4.segments import Segment
from media.hls.replay_playlist import ReplayPlaylist, ReplaySegment
from sessions.folders import write_file
from sessions.replay.encoder import unencoded_name

SEGMENT_S = 2.0
_MOST_MOVES = 8


@dataclass(eq=False)
class ReplayRun:
    """The lock of its ReplayStatus guards it.

    Without the lock, the session's thread alone calls write() and move(), and sets `recording_token` and
    `correction_s` with its `zone`; other threads read these fields, and get the value before or after a change.

    `*_device_s` are seconds since 1970 by the device's clock, which is `correction_s` ahead of true UTC (known once
    the recording's address was read; 0 if the first recording is one of the archive). `recording_token`: the recording
    that plays, once it was chosen; a run may continue in another recording of the channel. `time_confirmed`: the device
    confirms the times of the newest frames; None while there are none. `error`: why there is no frame yet. `has_video`:
    video has come, with or without a key frame.
    `quality`: the requested one. `plays_sub`: the recording that plays is of the sub stream. `has_sub`: the channel has
    such a recording of the requested time, too; None until that is known.
    `avoids_archive`: a disk of the archive fails, so that the device plays what it has.
    `key_frames_only`: the other frames and the audio are left out.
    `has_hls_viewer`: a player has fetched the playlist or a segment; otherwise all viewers of the run are on sockets.
    `fetched_end_s`: up to which playing time players have fetched segments.
    `watched_end_s`: up to which playing time a player has fetched it or a page on a socket has shown it.
    """

    number: int
    requested_utc: datetime
    end_utc: datetime | None
    key_frames_only: bool = False
    quality: ReplayQuality = ReplayQuality.FULL
    correction_s: float = 0.0
    zone: ZoneOfTimes = ZoneOfTimes()
    key_frame_device_s: float | None = None
    time_confirmed: bool | None = None
    error: AppError | None = None
    has_hls_viewer: bool = False
    fetched_end_s: float = 0.0
    watched_end_s: float = 0.0
    recording_token: str | None = None
    has_video: bool = False
    plays_sub: bool = False
    has_sub: bool | None = None
    avoids_archive: bool = False

    def __post_init__(self) -> None:
        self.playlist = ReplayPlaylist(target_s=SEGMENT_S)
        self._reached_device_s: float | None = None
        self._segments = 0
        self._inits = 0
        self._init_name = ""
        self._is_broken_off = False
        self._moved_to_utc: datetime | None = None
        self._handover_utc: datetime | None = None
        self._moves = 0  # to other recordings, since the last segment

    @property
    def playlist_name(self) -> str:
        """`run2.m3u8`. static/js/lib/replay-session.js (#loadOf) reads the run's number out of this name."""
        return f"run{self.number}.m3u8"

    @property
    def start_utc(self) -> datetime:
        """The true time of the first frame; until that has come, the requested time."""
        return self.requested_utc if self.key_frame_device_s is None else self.true_utc(self.key_frame_device_s)

    @property
    def resume_device_s(self) -> float:
        """The time to play from: the requested one; after an interruption, the end of the last segment.

        A millisecond later than that, so that rounding never leads to the key frame before.
        """
        requested_s = self._device_s_of(self.requested_utc)
        at_s = requested_s if self._reached_device_s is None else self._reached_device_s + 0.001
        return at_s if self._moved_to_utc is None else max(at_s, self._device_s_of(self._moved_to_utc))

    @property
    def resume_utc(self) -> datetime:
        """The true time of `resume_device_s`, also while the clock is not known."""
        begins = max(self.requested_utc, self._moved_to_utc or self.requested_utc)
        return begins if self._reached_device_s is None else max(begins, self.true_utc(self._reached_device_s))

    @property
    def end_device_s(self) -> float | None:
        return None if self.end_utc is None else self._device_s_of(self.end_utc)

    @property
    def stop_device_s(self) -> float | None:
        """The time up to which the present recording plays: the requested end, or where another place goes on."""
        if self._handover_utc is None:
            return self.end_device_s
        handover_s = self._device_s_of(self._handover_utc)
        return handover_s if self.end_device_s is None else min(self.end_device_s, handover_s)

    @property
    def handover_utc(self) -> datetime | None:
        """The time at which another place goes on after the present one of the device, if it does."""
        return self._handover_utc

    def begin(self, place: RecordedPlace) -> None:
        """Play this place first, which has the recording that was chosen."""
        self.plays_sub = place.is_sub
        self._handover_utc = place.end if place.hands_over else None

    def move(self, place: RecordedPlace) -> None:
        """Continue in another recording, or in another part of this one."""
        self.recording_token, self._moved_to_utc = place.recording_token, place.start
        self.begin(place)
        self._moves += 1

    @property
    def is_small(self) -> bool:
        """True if small video is made. Key frames alone need none."""
        return self.quality is ReplayQuality.SMALL and not self.key_frames_only

    @property
    def shown_quality(self) -> ReplayQuality | None:
        """The quality of the recording that plays; None until it was chosen."""
        if self.recording_token is None:
            return None
        if self.is_small:
            return ReplayQuality.SMALL
        return ReplayQuality.SUB if self.plays_sub else ReplayQuality.FULL

    @property
    def is_lost(self) -> bool:
        """True if recording after recording had nothing to play."""
        return self._moves >= _MOST_MOVES

    def true_utc(self, device_s: float) -> datetime:
        return datetime.fromtimestamp(device_s - self.correction_s, UTC)

    def device_s_at(self, playing_s: float) -> float:
        """Return the device's time at a playing time after the last segment, for frames that carry no time."""
        return self.resume_device_s + playing_s - self.playlist.length_s

    def _device_s_of(self, moment: datetime) -> float:
        return moment.timestamp() + self.correction_s

    def note_unit(self, unit: AccessUnit) -> bool:
        """Return True for the first frame that can be shown. Without a time of its own it gets the requested one."""
        self.has_video = self.has_video or unit.track == VIDEO
        if unit.track != VIDEO or not unit.is_key:
            return False
        self.time_confirmed = unit.is_time_confirmed and unit.device_s is not None and self._knows_zone(unit.device_s)
        if self.key_frame_device_s is not None:
            return False
        self.key_frame_device_s = unit.device_s if unit.device_s is not None else self.resume_device_s
        return True

    def _knows_zone(self, device_s: float) -> bool:
        return self.zone.is_known_at(device_s - self.correction_s)

    def break_off(self) -> None:
        """The recorder stops sending before the end: the next segment begins with a discontinuity."""
        self._is_broken_off = self._segments > 0

    def note_fetch(self, name: str) -> None:
        """A player fetches this segment."""
        if (end_s := self.playlist.end_s_of(name)) is not None:
            self.has_hls_viewer = True
            self.fetched_end_s = max(self.fetched_end_s, end_s)
            self.note_watched(end_s)

    def note_watched(self, until_s: float) -> None:
        """A player has fetched the run, or a page on a socket has shown it, up to this playing time."""
        self.watched_end_s = max(self.watched_end_s, until_s)

    def file_names(self) -> tuple[str, ...]:
        """Return the names of all segments and init sections in the playlist."""
        names = {name for segment in self.playlist.segments for name in (segment.name, segment.init_name)}
        return tuple(sorted(names))

    def is_past_first_segment(self) -> bool:
        """True if more than the oldest segment was watched (`watched_end_s`)."""
        segments = self.playlist.segments
        return len(segments) > 1 and (self.playlist.end_s_of(segments[0].name) or 0.0) < self.watched_end_s

    def unwatched_bytes(self) -> int:
        """Return the size of the segments that were not watched yet (`watched_end_s`)."""
        return sum(
            segment.size_bytes
            for segment in self.playlist.segments
            if (self.playlist.end_s_of(segment.name) or 0.0) > self.watched_end_s
        )

    def write(self, folder: Path, made: Segment, *, is_encoded_later: bool) -> ReplaySegment:
        """Write a segment into the folder, with its init section if that is new. Raises OSError.

        A segment that is encoded later is written under its unencoded_name(), and the playlist names the encoded one.
        """
        file_name = unencoded_name if is_encoded_later else str
        is_new_init = made.init is not None
        if made.init is not None:
            self._init_name = f"run{self.number}_init{self._inits}.mp4"
            self._inits += 1
            write_file(folder / file_name(self._init_name), made.init)
        name = f"run{self.number}_{self._segments}.m4s"
        write_file(folder / file_name(name), made.data)
        start_s = self.resume_device_s if made.start_device_s is None else made.start_device_s
        is_discontinuous = made.starts_discontinuity or self._is_broken_off or (is_new_init and self._segments > 0)
        self._reached_device_s = start_s + made.duration_s
        self._segments += 1
        self._moves = 0
        self._is_broken_off = False
        return ReplaySegment(
            name=name,
            init_name=self._init_name,
            began_utc=self.true_utc(start_s),
            duration_s=made.duration_s,
            size_bytes=len(made.data),
            is_discontinuous=is_discontinuous,
        )
