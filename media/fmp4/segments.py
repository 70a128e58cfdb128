"""Access units into segments: each a fragment that begins at a key frame, on one time line without holes.

The time line starts at 0 and goes on over every gap of the recording; where that happened,
`starts_discontinuity` says so and `start_device_s` gives the new time. Pictures decide: sound is
put where its own time belongs, and one that is late is in the next segment (sound.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from core.records import AudioFormat, VideoFormat
from media.access_unit import VIDEO, AccessUnit
from media.fmp4.sound import sound_line
from media.fmp4.tracks import Track, video_track
from media.fmp4.writer import Sample, TrackRun, fragment, init_section

TARGET_S = 2.0
_LONGEST_STEP_S = 5.0
_CLOCKS_APART_S = 1.0
_LONGEST_SEGMENT_S = 20.0
_MAX_BYTES = 64 * 1024 * 1024
_USUAL_STEP_S = 0.04
_SOUND_MAY_LAG_S = 1.0
_SOUND_MAY_LAG_AT_THE_END_S = 0.25


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


class SegmentBuilder:
    """For one description: when parameter sets change, flush() this one and make another.

    Sound that cannot be carried (`audio` None, G.722, G.726) is left out. Raises tracks.TrackError
    when the parameter sets describe no picture. `first_target_s`: the first segment may be shorter
    than the others, for somebody waits for it.
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
    ) -> None:
        self._video = video_track(video, parameter_sets, clock_rate)
        self._sound = sound_line(audio, audio_config)
        self._target = target_s * clock_rate
        self._first_target = self._target if first_target_s is None else first_target_s * clock_rate
        self._init: bytes | None = init_section(self.tracks)
        self._pictures: list[AccessUnit] = []
        self._bytes = 0
        self._start = 0  # where the present segment begins on the time line
        self._number = 0
        self._usual_step = round(_USUAL_STEP_S * clock_rate)
        self._last: AccessUnit | None = None
        self._is_seam = False
        self._is_broken_off = False

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Picture, and sound where it is carried."""
        return (self._video, self._sound.track) if self._sound else (self._video,)

    def push(self, unit: AccessUnit) -> list[Segment]:
        """The segments that this unit completes. Pictures before the first key frame are dropped."""
        if unit.track != VIDEO:
            self._put_sound(unit)
            return []
        made: list[Segment] = []
        if self._last is not None and (self._is_broken_off or self._is_jump(self._last, unit)):
            made = self._close(None, sound_may_lag_s=0.0)
            self._is_seam = self._number > 0
            if self._sound:
                self._sound.begin_anew(self._start / self._video.timescale)
        self._last = unit
        self._is_broken_off = unit.ends_section
        if not self._pictures and not unit.is_key:
            return made
        if self._pictures and self._is_enough(unit):
            made += self._close(unit)
        self._pictures.append(unit)
        self._bytes += sum(map(len, unit.parts))
        return made

    def flush(self) -> list[Segment]:
        """What is left, however short; what comes after it begins at a key frame again."""
        return self._close(None, sound_may_lag_s=_SOUND_MAY_LAG_AT_THE_END_S)

    def _put_sound(self, unit: AccessUnit) -> None:
        if self._sound is None or not self._pictures:
            return
        first, newest = self._pictures[0], self._pictures[-1]
        start_s = self._start / self._video.timescale
        own_s = None
        if unit.device_s is not None and first.device_s is not None:
            own_s = start_s + unit.device_s - first.device_s
        self._sound.put(unit, start_s + (newest.ticks - first.ticks) / newest.clock_rate, own_s)

    def _is_enough(self, unit: AccessUnit) -> bool:
        """A key frame begins a segment; where none comes, any picture does, for a player waits for whole ones."""
        length = self._since(self._pictures[0], unit)
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

    def _close(self, following: AccessUnit | None, sound_may_lag_s: float = _SOUND_MAY_LAG_S) -> list[Segment]:
        pictures, self._pictures, self._bytes = self._pictures, [], 0
        if not pictures:
            return []
        first = pictures[0]
        samples = self._samples(pictures, following)
        length = sum(sample.duration for sample in samples)
        runs = [TrackRun(self._video, self._start, samples)]
        self._start += length
        if self._sound and (run := self._sound.take(self._start / self._video.timescale, sound_may_lag_s)):
            runs.append(run)
        self._number += 1
        segment = Segment(
            fragment(self._number, runs),
            self._init,
            first.ticks,
            first.device_s,
            length / self._video.timescale,
            starts_discontinuity=self._is_seam,
        )
        self._init, self._is_seam = None, False
        return [segment]

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
