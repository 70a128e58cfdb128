"""The playlist of a live session: reads those that ffmpeg writes, keeps their segments, renders the one that we serve.

ffmpeg writes its own "now" as EXT-X-PROGRAM-DATE-TIME, begins again at every start and ends with EXT-X-ENDLIST. Our
playlist has the true arrival times, marks the discontinuity between two runs of ffmpeg, and its numbers only grow
(RFC 8216 sections 4.3.3.2, 4.3.3.3 and 6.2.2).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from core.clock import rfc3339

_SEGMENT = re.compile(r"(?:.*/)?(segment_([0-9]{5,12})\.(?:ts|m4s))")
_MAP = re.compile(r'#EXT-X-MAP:URI="(?:.*/)?(init_[0-9]{1,12}\.mp4)"')
_EXTINF = re.compile(r"#EXTINF:([0-9]{1,6}(?:\.[0-9]{1,9})?),")
_MAX_CHARS = 200_000


@dataclass(frozen=True, slots=True)
class WrittenSegment:
    """A segment in ffmpeg's playlist."""

    number: int
    name: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class WrittenPlaylist:
    """ffmpeg's playlist at one moment. `init_name`: the file of the init section; None for MPEG-TS."""

    segments: tuple[WrittenSegment, ...]
    init_name: str | None


def parse_playlist(text: str) -> WrittenPlaylist:
    """Read ffmpeg's playlist. Unknown lines are ignored, and so is an incomplete end."""
    segments: list[WrittenSegment] = []
    init_name: str | None = None
    duration_s: float | None = None
    for line in text[:_MAX_CHARS].splitlines():
        if (match := _EXTINF.match(line)) is not None:
            duration_s = float(match[1])
        elif (match := _MAP.match(line)) is not None:
            init_name = match[1]
        elif (match := _SEGMENT.fullmatch(line)) is not None and duration_s is not None:
            segments.append(WrittenSegment(int(match[2]), match[1], duration_s))
            duration_s = None
    return WrittenPlaylist(tuple(segments), init_name)


@dataclass(frozen=True, slots=True)
class _Entry:
    segment: WrittenSegment
    ffmpeg_number: int
    media_s: float
    is_discontinuous: bool
    init_name: str | None
    began_utc: datetime | None


class LiveTimeline:
    """The segments of a session, over all its runs of ffmpeg. Not safe between threads.

    `kept`: length of the playlist. Segment numbers continue: start each ffmpeg with `-start_number next_number`.
    """

    def __init__(self, *, kept: int, segment_s: float) -> None:
        self._kept = kept
        self._target_s = math.ceil(segment_s)
        self._entries: list[_Entry] = []
        self._dropped_discontinuities = 0
        self._ffmpeg_number = -1
        self._ffmpeg_media_s = 0.0
        self._is_new_ffmpeg = True
        self.next_number = 0
        self.longest_s = 0.0

    @property
    def ffmpeg_number(self) -> int:
        """The number of the present ffmpeg, from 0; -1 before the first."""
        return self._ffmpeg_number

    def is_empty(self) -> bool:
        return not self._entries

    def begin_ffmpeg(self) -> None:
        """The segments from now on come from another ffmpeg, whose media time starts at zero."""
        self._ffmpeg_number += 1
        self._ffmpeg_media_s = 0.0
        self._is_new_ffmpeg = True

    def add(self, written: WrittenPlaylist, wall_time_of: Callable[[float], datetime | None]) -> int:
        """Add the segments that are new, and return their number. `wall_time_of`: seconds since ffmpeg's start -> UTC.

        Times that were None are looked up again at the next call.
        """
        fresh = [segment for segment in written.segments if segment.number >= self.next_number]
        for segment in fresh:
            is_discontinuous = self._is_new_ffmpeg and self.next_number > 0
            self._entries.append(
                _Entry(segment, self._ffmpeg_number, self._ffmpeg_media_s, is_discontinuous, written.init_name, None),
            )
            self._is_new_ffmpeg = False
            self._ffmpeg_media_s += segment.duration_s
            self.next_number = segment.number + 1
            self.longest_s = max(self.longest_s, segment.duration_s)
            self._target_s = max(self._target_s, round(segment.duration_s))
        self._entries = [
            replace(entry, began_utc=wall_time_of(entry.media_s))
            if entry.began_utc is None and entry.ffmpeg_number == self._ffmpeg_number
            else entry
            for entry in self._entries
        ]
        return len(fresh)

    def forget_old(self) -> tuple[str, ...]:
        """Drop the oldest segments beyond `kept`. Returns the names of the files that the playlist no longer needs."""
        gone = self._entries[: -self._kept] if len(self._entries) > self._kept else []
        if not gone:
            return ()
        self._entries = self._entries[len(gone) :]
        self._dropped_discontinuities += sum(entry.is_discontinuous for entry in gone)
        still_used = {entry.init_name for entry in self._entries}
        inits = {entry.init_name for entry in gone if entry.init_name and entry.init_name not in still_used}
        return (*(entry.segment.name for entry in gone), *sorted(inits))

    def forget_all(self) -> None:
        """Drop all segments, because their files are deleted; the numbers continue."""
        self._dropped_discontinuities += sum(entry.is_discontinuous for entry in self._entries)
        self._entries = []

    def render(self) -> str:
        """Return the text of the playlist that we serve."""
        init_name = self._entries[0].init_name if self._entries else None
        lines = [
            "#EXTM3U",
            f"#EXT-X-VERSION:{6 if init_name is not None else 3}",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            f"#EXT-X-TARGETDURATION:{self._target_s}",
            f"#EXT-X-MEDIA-SEQUENCE:{self._entries[0].segment.number if self._entries else self.next_number}",
            f"#EXT-X-DISCONTINUITY-SEQUENCE:{self._dropped_discontinuities}",
        ]
        shown_init: tuple[str | None, int] | None = None
        for entry in self._entries:
            if entry.is_discontinuous:
                lines.append("#EXT-X-DISCONTINUITY")
            if entry.init_name is not None and shown_init != (entry.init_name, entry.ffmpeg_number):
                lines.append(f'#EXT-X-MAP:URI="{entry.init_name}"')
                shown_init = (entry.init_name, entry.ffmpeg_number)
            if entry.began_utc is not None:
                lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(entry.began_utc)}")
            lines += [f"#EXTINF:{entry.segment.duration_s:.6f},", entry.segment.name]
        return "\n".join(lines) + "\n"
