"""The playlist of one run of a replay: of the time that is played from one seek on.

ffmpeg cannot write it: EXT-X-PROGRAM-DATE-TIME must be the time at which the camera took the frame (ffmpeg writes
"now"), and EXT-X-DISCONTINUITY must mark the gaps of the recording. The playlist grows while the recorder sends, and
ends with EXT-X-ENDLIST (RFC 8216 sections 4.3.3 and 6.2.1). It has no EXT-X-PLAYLIST-TYPE: EVENT forbids to drop the
oldest segments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from core.clock import rfc3339


@dataclass(frozen=True, slots=True)
class ReplaySegment:
    """One segment. `began_utc` is the true time of its first frame.

    `is_discontinuous`: a gap or new parameter sets lie between it and the segment before.
    """

    name: str
    init_name: str
    began_utc: datetime
    duration_s: float
    size_bytes: int
    is_discontinuous: bool = False


class ReplayPlaylist:
    """The segments of one run. Not safe between threads."""

    def __init__(self, *, target_s: float) -> None:
        self._target_s = math.ceil(target_s)
        self._segments: list[ReplaySegment] = []
        self._dropped = 0
        self._dropped_discontinuities = 0
        self._end_s: dict[str, float] = {}
        self._length_s = 0.0
        self._size_bytes = 0
        self._is_ended = False

    @property
    def segments(self) -> tuple[ReplaySegment, ...]:
        return tuple(self._segments)

    @property
    def length_s(self) -> float:
        """Playing time of all segments, dropped ones included."""
        return self._length_s

    @property
    def size_bytes(self) -> int:
        """Size of the segments that are in the playlist now."""
        return self._size_bytes

    @property
    def is_ended(self) -> bool:
        return self._is_ended

    def add(self, segment: ReplaySegment) -> None:
        self._segments.append(segment)
        self._length_s += segment.duration_s
        self._size_bytes += segment.size_bytes
        self._end_s[segment.name] = self._length_s
        self._target_s = max(self._target_s, round(segment.duration_s))

    def end(self) -> None:
        """Add no more segments: the playlist ends with EXT-X-ENDLIST from now on."""
        self._is_ended = True

    def end_s_of(self, name: str) -> float | None:
        """Return the playing time at the end of the segment with this name. None if it is not in the playlist."""
        return self._end_s.get(name)

    def drop_oldest(self) -> tuple[str, ...]:
        """Drop the oldest segment. Returns the names of the files that the playlist no longer needs."""
        gone = self._segments.pop(0)
        self._dropped += 1
        self._size_bytes -= gone.size_bytes
        del self._end_s[gone.name]
        if self._segments and self._segments[0].is_discontinuous:
            self._dropped_discontinuities += 1
        if any(segment.init_name == gone.init_name for segment in self._segments):
            return (gone.name,)
        return (gone.name, gone.init_name)

    def render(self) -> str:
        """Return the text of the playlist."""
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            # Without this line, a player takes a growing playlist for a live one and begins near its end.
            "#EXT-X-START:TIME-OFFSET=0.0,PRECISE=YES",
            f"#EXT-X-TARGETDURATION:{self._target_s}",
            f"#EXT-X-MEDIA-SEQUENCE:{self._dropped}",
            f"#EXT-X-DISCONTINUITY-SEQUENCE:{self._dropped_discontinuities}",
        ]
        init_name = ""
        for index, segment in enumerate(self._segments):
            if segment.is_discontinuous and index:
                lines.append("#EXT-X-DISCONTINUITY")
            if segment.init_name != init_name:
                init_name = segment.init_name
                lines.append(f'#EXT-X-MAP:URI="{init_name}"')
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(segment.began_utc)}")
            lines += [f"#EXTINF:{segment.duration_s:.6f},", segment.name]
        if self._is_ended:
            lines.append("#EXT-X-ENDLIST")
        return "\n".join(lines) + "\n"
