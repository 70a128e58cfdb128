"""Access units into segments: each begins at a key frame, all on one timeline without gaps.

The timeline starts at 0 and continues over every gap of the recording; `starts_discontinuity` marks the gap, and
`start_device_s` gives the time after it. Frames decide where segments end: audio is put where its own time belongs,
and audio that comes late is in the next segment (audio.py).

A caller that cannot wait for a whole segment gets its parts as well, each a fragment of its own, as soon as the
duration of their frames is known; a segment is its parts one after the other (like chunks in CMAF, ISO/IEC 23000-19).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import VIDEO, AccessUnit
from media.fmp4.audio import audio_track_builder
from media.fmp4.tracks import Track, video_track
from media.fmp4.writer import Sample, TrackRun, fragment, init_section

TIMESCALE = 90_000
_TARGET = 2 * TIMESCALE
_PART = TIMESCALE // 5
LONGEST_STEP_S = 5.0
_CLOCKS_APART_S = 1.0
_LONGEST_SEGMENT_S = 20
_MAX_BYTES = 64 * 1024 * 1024
_USUAL_STEP = TIMESCALE // 25
_AUDIO_MAY_LAG_S = 1.0
_AUDIO_MAY_LAG_WITHIN_S = 2.0 * _LONGEST_SEGMENT_S  # within a segment: late audio may still come
_AUDIO_MAY_LAG_AT_THE_END_S = 0.25


@dataclass(frozen=True, slots=True)
class Segment:
    """`data` is one fragment or several, `init` the init section, with the first segment only.

    `start_device_s` is that of the first frame's access unit.
    """

    data: bytes
    init: bytes | None
    start_device_s: float | None
    duration_s: float
    starts_discontinuity: bool


@dataclass(frozen=True, slots=True)
class Part:
    """Some frames in a row and their audio. `start_s`: its place on the timeline.

    `start_device_s` is that of the first frame's access unit; `is_key`: the part begins with a key frame.
    """

    data: bytes
    start_s: float
    start_device_s: float | None
    is_key: bool


class SegmentBuilder:
    """Builds the segments of one description. When parameter sets change, flush() it and make another one.

    Audio that we cannot carry (G.722, G.726) is left out. Raises tracks.TrackError if the parameter sets describe no
    video. `first_target_s`: length of the first segment, which a player waits for; 2 s unless given. `on_part`
    (ReplayPlay._send_part) gets the parts of the segments: the first frame immediately, then about 0.2 s each. If the
    device sends frames in another order than they are shown, a segment is one part. `longest_step_s`: a longer step
    between two frames is a gap.
    """

    def __init__(
        self,
        video: VideoFormat,
        audio: AudioFormat | None,
        parameter_sets: tuple[bytes, ...],
        audio_config: bytes = b"",
        *,
        first_target_s: float | None = None,
        on_part: Callable[[Part], None] | None = None,
        longest_step_s: float = LONGEST_STEP_S,
    ) -> None:
        self._video = video_track(video, parameter_sets, TIMESCALE)
        self._audio = audio_track_builder(audio, audio_config)
        self._first_target = _TARGET if first_target_s is None else first_target_s * TIMESCALE
        self.init = init_section(self.tracks)
        self._is_init_due = True
        self._on_part = on_part
        self._longest_step_s = longest_step_s
        self._first: AccessUnit | None = None  # the present segment's first frame
        self._begins = 0  # the present segment's start on the timeline
        self._parts: list[bytes] = []  # of the present segment
        self._bytes = 0
        self._frames: list[AccessUnit] = []  # of the present part
        self._start = 0  # the present part's start on the timeline
        self._number = 0  # of the present segment
        self._fragments = 0
        self._reorders = False
        self._has_audio = False  # announced audio has come
        self._usual_step = _USUAL_STEP
        self._last: AccessUnit | None = None
        self._is_discontinuity = False
        self._ends_section = False  # a gap follows the last frame

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Video, and audio if it is carried."""
        return (self._video, self._audio.track) if self._audio else (self._video,)

    @property
    def codecs(self) -> str:
        """Codec strings as in RFC 6381: `avc1.64001F,flac`."""
        return ",".join(track.codec_string for track in self.tracks)

    def push(self, unit: AccessUnit) -> list[Segment]:
        """Return the segments that this unit completes. Frames before the first key frame are dropped."""
        if unit.track != VIDEO:
            self._add_audio(unit)
            return []
        made: list[Segment] = []
        if self._last is not None and (self._ends_section or self._is_jump(self._last, unit)):
            made = self._close(None, audio_may_lag_s=0.0)
            self._is_discontinuity = self._number > 0
            if self._audio:
                self._audio.restart(self._start / TIMESCALE)
        self._last = unit
        self._ends_section = unit.ends_section
        if self._first is None and not unit.is_key:
            return made
        if self._first is not None and self._is_enough(self._first, unit):
            made += self._close(unit)
        elif self._frames:
            self._cut_before(unit)
        self._first = self._first or unit
        self._frames.append(unit)
        self._bytes += sum(map(len, unit.parts))
        return made

    def flush(self) -> list[Segment]:
        """Return the rest as a segment, however short. The next segment begins at a key frame again."""
        return self._close(None, audio_may_lag_s=_AUDIO_MAY_LAG_AT_THE_END_S)

    def _add_audio(self, unit: AccessUnit) -> None:
        if self._audio is None or not self._frames:
            return
        self._has_audio = True
        first, newest = self._frames[0], self._frames[-1]
        start_s = self._start / TIMESCALE
        own_s = None
        if unit.device_s is not None and first.device_s is not None:
            own_s = start_s + unit.device_s - first.device_s
        self._audio.add(unit, start_s + (newest.ticks - first.ticks) / newest.clock_rate, own_s)

    def _is_enough(self, first: AccessUnit, unit: AccessUnit) -> bool:
        """True if a new segment begins with `unit`: a key frame, or any frame once the segment is too long or large."""
        length = self._since(first, unit)
        if unit.is_key:
            return length >= (_TARGET if self._number else self._first_target) - self._usual_step / 2
        return self._bytes > _MAX_BYTES or length >= _LONGEST_SEGMENT_S * TIMESCALE

    def _since(self, first: AccessUnit, unit: AccessUnit) -> int:
        """Return the time between two units, in ticks of the timescale."""
        return (unit.ticks - first.ticks) * TIMESCALE // unit.clock_rate

    def _is_jump(self, before: AccessUnit, now: AccessUnit) -> bool:
        step_s = (now.ticks - before.ticks) / now.clock_rate
        if now.is_discontinuous or abs(step_s) > self._longest_step_s:
            return True
        if before.device_s is None or now.device_s is None:
            return False
        return abs(now.device_s - before.device_s - step_s) > _CLOCKS_APART_S

    def _cut_before(self, unit: AccessUnit) -> None:
        """End the part before the newest frame, if it is long enough.

        This needs all frames that are shown before the newest one. `unit`, the frame after it, tells: with reordered
        frames, one that is shown later is sent before one that is shown sooner.
        """
        if self._on_part is None or self._reorders:
            return
        *frames, last = self._frames
        if unit.ticks <= last.ticks:
            self._reorders = True
            return
        if frames and self._since(frames[0], last) >= (_PART if self._fragments else 0):
            self._frames = frames
            self._make_part(last, _AUDIO_MAY_LAG_WITHIN_S if self._has_audio else _AUDIO_MAY_LAG_S)
            self._frames = [last]

    def _close(self, following: AccessUnit | None, audio_may_lag_s: float = _AUDIO_MAY_LAG_S) -> list[Segment]:
        first = self._first
        if first is None:
            return []
        self._make_part(following, audio_may_lag_s)
        data, length = b"".join(self._parts), self._start - self._begins
        self._parts, self._bytes, self._first, self._begins = [], 0, None, self._start
        self._number += 1
        segment = Segment(
            data,
            self.init if self._is_init_due else None,
            first.device_s,
            length / TIMESCALE,
            starts_discontinuity=self._is_discontinuity,
        )
        self._is_init_due = self._is_discontinuity = False
        return [segment]

    def _make_part(self, following: AccessUnit | None, audio_may_lag_s: float) -> None:
        frames, self._frames = self._frames, []
        start, first = self._start, frames[0]
        samples = self._samples(frames, following)
        runs = [TrackRun(self._video, start, samples)]
        self._start += sum(sample.duration for sample in samples)
        if self._audio and (run := self._audio.take_run(self._start / TIMESCALE, audio_may_lag_s)):
            runs.append(run)
        self._fragments += 1
        data = fragment(self._fragments, runs)
        self._parts.append(data)
        if self._on_part is not None:
            self._on_part(Part(data, start / TIMESCALE, first.device_s, first.is_key))

    def _samples(self, frames: list[AccessUnit], following: AccessUnit | None) -> list[Sample]:
        """Decode frames in the order in which they were sent, at their presentation times sorted."""
        shown = [self._since(frames[0], unit) for unit in frames]
        decoded = sorted(max(0, ticks) for ticks in shown)
        ends = [*decoded[1:], 0]
        ends[-1] = self._since(frames[0], following) if following else decoded[-1] + self._usual_step
        samples = []
        for unit, at, showing, end in zip(frames, decoded, shown, ends, strict=True):
            data = b"".join(len(part).to_bytes(4, "big") + part for part in unit.parts)
            samples.append(Sample(data, max(1, end - at), unit.is_key, max(0, showing) - at))
        if len(samples) > 1:
            self._usual_step = sorted(sample.duration for sample in samples)[len(samples) // 2]
        return samples
