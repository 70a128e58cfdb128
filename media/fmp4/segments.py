"""Access units into segments: each a fragment that begins at a key frame, on one time line without holes.

The time line starts at 0 and goes on over every gap of the recording; where that happened,
`starts_discontinuity` says so and `start_device_s` gives the new time. Pictures decide: sound is
put where its own time belongs, and one that is late is in the next segment (audio.py).

Whoever cannot wait for a whole segment gets its parts, each a fragment of its own, as soon as it is known how long
their pictures last; a segment is then its parts one after the other (as chunks are in CMAF, ISO/IEC 23000-19).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import VIDEO, AccessUnit
from media.fmp4.audio import audio_track_builder
from media.fmp4.tracks import Track, video_track
from media.fmp4.writer import Sample, TrackRun, fragment, init_section

TARGET_S = 2.0
PART_S = 0.2
_LONGEST_STEP_S = 5.0
_CLOCKS_APART_S = 1.0
_LONGEST_SEGMENT_S = 20.0
_MAX_BYTES = 64 * 1024 * 1024
_USUAL_STEP_S = 0.04
_AUDIO_MAY_LAG_S = 1.0
_AUDIO_MAY_LAG_WITHIN_S = 2 * _LONGEST_SEGMENT_S  # a segment: what has not come yet still may
_AUDIO_MAY_LAG_AT_THE_END_S = 0.25


@dataclass(frozen=True, slots=True)
class Segment:
    """`data` is a fragment, `init` the init section where it is the first one.

    `start_ticks` and `start_device_s` are its first picture's, as its access unit had them.
    """

    data: bytes
    init: bytes | None
    start_ticks: int
    start_device_s: float | None
    duration_s: float
    starts_discontinuity: bool


@dataclass(frozen=True, slots=True)
class Part:
    """Some pictures in a row and their sound, without a gap. `start_s`: its place on the time line.

    `start_device_s` is its first picture's, as its access unit had it; `is_key`: it begins with a key frame.
    """

    data: bytes
    start_s: float
    start_device_s: float | None
    is_key: bool


class SegmentBuilder:
    """For one description: when parameter sets change, flush() this one and make another.

    Sound that cannot be carried (`audio` None, G.722, G.726) is left out. Raises tracks.TrackError
    when the parameter sets describe no picture. `first_target_s`: the first segment may be shorter
    than the others, for somebody waits for it. `on_part` gets what segments are made of: the first picture at
    once, then PART_S or so of them; pictures that are sent in another order than they are shown stay in one part.
    """

    def __init__(
        self,
        video: VideoFormat,
        audio: AudioFormat | None,
        parameter_sets: tuple[bytes, ...],
        audio_config: bytes = b"",
        *,
        target_s: float = TARGET_S,
        first_target_s: float | None = None,
        clock_rate: int = 90_000,
        on_part: Callable[[Part], None] | None = None,
    ) -> None:
        self._video = video_track(video, parameter_sets, clock_rate)
        self._audio_builder = audio_track_builder(audio, audio_config)
        self._target = target_s * clock_rate
        self._first_target = self._target if first_target_s is None else first_target_s * clock_rate
        self.init = init_section(self.tracks)
        self._is_init_due = True
        self._on_part = on_part
        self._part = PART_S * clock_rate
        self._first: AccessUnit | None = None  # the present segment's first picture
        self._begins = 0  # where the present segment begins on the time line
        self._made: list[bytes] = []  # its parts
        self._bytes = 0
        self._frames: list[AccessUnit] = []  # of the present part
        self._start = 0  # where that begins
        self._number = 0  # of the segment
        self._fragments = 0
        self._reorders = False
        self._is_heard = False  # sound that was announced has come
        self._usual_step = round(_USUAL_STEP_S * clock_rate)
        self._last: AccessUnit | None = None
        self._is_discontinuity = False
        self._is_broken_off = False

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Picture, and sound where it is carried."""
        return (self._video, self._audio_builder.track) if self._audio_builder else (self._video,)

    @property
    def codecs(self) -> str:
        """RFC 6381: `avc1.64001F,flac`."""
        return ",".join(track.codec_string for track in self.tracks)

    def push(self, unit: AccessUnit) -> list[Segment]:
        """The segments that this unit completes. Pictures before the first key frame are dropped."""
        if unit.track != VIDEO:
            self._add_audio(unit)
            return []
        made: list[Segment] = []
        if self._last is not None and (self._is_broken_off or self._is_jump(self._last, unit)):
            made = self._close(None, audio_may_lag_s=0.0)
            self._is_discontinuity = self._number > 0
            if self._audio_builder:
                self._audio_builder.restart(self._start / self._video.timescale)
        self._last = unit
        self._is_broken_off = unit.ends_section
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
        """What is left, however short; what comes after it begins at a key frame again."""
        return self._close(None, audio_may_lag_s=_AUDIO_MAY_LAG_AT_THE_END_S)

    def _add_audio(self, unit: AccessUnit) -> None:
        if self._audio_builder is None or not self._frames:
            return
        self._is_heard = True
        first, newest = self._frames[0], self._frames[-1]
        start_s = self._start / self._video.timescale
        own_s = None
        if unit.device_s is not None and first.device_s is not None:
            own_s = start_s + unit.device_s - first.device_s
        self._audio_builder.add(unit, start_s + (newest.ticks - first.ticks) / newest.clock_rate, own_s)

    def _is_enough(self, first: AccessUnit, unit: AccessUnit) -> bool:
        """A key frame begins a segment; where none comes, any picture does, for a player waits for whole ones."""
        length = self._since(first, unit)
        if unit.is_key:
            return length >= (self._target if self._number else self._first_target) - self._usual_step / 2
        return self._bytes > _MAX_BYTES or length >= _LONGEST_SEGMENT_S * self._video.timescale

    def _since(self, first: AccessUnit, unit: AccessUnit) -> int:
        """In units of the track's timescale."""
        return (unit.ticks - first.ticks) * self._video.timescale // unit.clock_rate

    def _is_jump(self, before: AccessUnit, now: AccessUnit) -> bool:
        step_s = (now.ticks - before.ticks) / now.clock_rate
        if now.is_discontinuous or abs(step_s) > _LONGEST_STEP_S:
            return True
        if before.device_s is None or now.device_s is None:
            return False
        return abs(now.device_s - before.device_s - step_s) > _CLOCKS_APART_S

    def _cut_before(self, unit: AccessUnit) -> None:
        """Ends the part before the last picture there is, if it is long enough.

        Only where all that is shown before that picture was sent before it. The picture after it tells: where pictures
        are sent in another order, one that is shown later comes before one that is shown sooner.
        """
        if self._on_part is None or self._reorders:
            return
        *pictures, last = self._frames
        if unit.ticks <= last.ticks:
            self._reorders = True
            return
        if pictures and self._since(pictures[0], last) >= (self._part if self._fragments else 0):
            self._frames = pictures
            self._make_part(last, _AUDIO_MAY_LAG_WITHIN_S if self._is_heard else _AUDIO_MAY_LAG_S)
            self._frames = [last]

    def _close(self, following: AccessUnit | None, audio_may_lag_s: float = _AUDIO_MAY_LAG_S) -> list[Segment]:
        first = self._first
        if first is None:
            return []
        self._make_part(following, audio_may_lag_s)
        data, length = b"".join(self._made), self._start - self._begins
        self._made, self._bytes, self._first, self._begins = [], 0, None, self._start
        self._number += 1
        segment = Segment(
            data,
            self.init if self._is_init_due else None,
            first.ticks,
            first.device_s,
            length / self._video.timescale,
            starts_discontinuity=self._is_discontinuity,
        )
        self._is_init_due = self._is_discontinuity = False
        return [segment]

    def _make_part(self, following: AccessUnit | None, audio_may_lag_s: float) -> None:
        pictures, self._frames = self._frames, []
        start, first = self._start, pictures[0]
        samples = self._samples(pictures, following)
        runs = [TrackRun(self._video, start, samples)]
        self._start += sum(sample.duration for sample in samples)
        if self._audio_builder and (
            run := self._audio_builder.take_run(self._start / self._video.timescale, audio_may_lag_s)
        ):
            runs.append(run)
        self._fragments += 1
        data = fragment(self._fragments, runs)
        self._made.append(data)
        if self._on_part is not None:
            self._on_part(Part(data, start / self._video.timescale, first.device_s, first.is_key))

    def _samples(self, pictures: list[AccessUnit], following: AccessUnit | None) -> list[Sample]:
        """RTP's times are those of showing; decoding goes in the order of sending, at the same times sorted."""
        shown = [self._since(pictures[0], unit) for unit in pictures]
        decoded = sorted(max(0, ticks) for ticks in shown)
        ends = [*decoded[1:], 0]
        ends[-1] = self._since(pictures[0], following) if following else decoded[-1] + self._usual_step
        samples = []
        for unit, at, showing, end in zip(pictures, decoded, shown, ends, strict=True):
            data = b"".join(len(part).to_bytes(4, "big") + part for part in unit.parts)
            samples.append(Sample(data, max(1, end - at), unit.is_key, max(0, showing) - at))
        if len(samples) > 1:
            self._usual_step = sorted(sample.duration for sample in samples)[len(samples) // 2]
        return samples
