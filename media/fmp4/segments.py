"""Access units into segments: each a fragment that begins at a key frame, on one time line without holes.

The time line starts at 0 and goes on over every gap of the recording; where that happened,
`starts_discontinuity` says so and `start_device_s` gives the new time. Pictures decide: sound is
put where its own time belongs, and one that is late is in the next segment.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.records import AudioFormat, VideoFormat
from media import flac
from media.access_unit import VIDEO, AccessUnit
from media.fmp4.tracks import Track, audio_track, video_track
from media.fmp4.writer import Sample, TrackRun, fragment, init_section

TARGET_S = 2.0
_LONGEST_STEP_S = 5.0
_CLOCKS_APART_S = 1.0
_SOUND_APART_S = 0.1
_MAX_SOUND_UNITS = 4096
_MAX_BYTES = 64 * 1024 * 1024
_USUAL_STEP_S = 0.04
_AAC_FRAME = 1024


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
    when the parameter sets describe no picture.
    """

    def __init__(
        self,
        video: VideoFormat,
        audio: AudioFormat | None,
        parameter_sets: tuple[bytes, ...],
        audio_config: bytes = b"",
        *,
        target_s: float = TARGET_S,
        clock_rate: int = 90_000,
    ) -> None:
        self._video = video_track(video, parameter_sets, clock_rate)
        track = audio_track(audio, audio_config) if audio else None
        self._sound = _Sound(track, audio.codec) if track and audio else None
        self._target = target_s * clock_rate
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
            if self._sound and self._pictures:
                self._sound.put(unit, self._pictures[0], self._pictures[-1], self._start / self._video.timescale)
            return []
        made: list[Segment] = []
        if self._last is not None and (self._is_broken_off or self._is_jump(self._last, unit)):
            made = self._close(None)
            self._is_seam = self._number > 0
            if self._sound:
                self._sound.let_go()
        self._last = unit
        self._is_broken_off = unit.ends_section
        if not self._pictures and not unit.is_key:
            return made
        if self._pictures and (
            (unit.is_key and unit.ticks - self._pictures[0].ticks >= self._target - self._usual_step / 2)
            or self._bytes > _MAX_BYTES
        ):
            made += self._close(unit)
        self._pictures.append(unit)
        self._bytes += sum(map(len, unit.parts))
        return made

    def flush(self) -> list[Segment]:
        """What is left, however short; what comes after it begins at a key frame again."""
        return self._close(None)

    def _is_jump(self, before: AccessUnit, now: AccessUnit) -> bool:
        step_s = (now.ticks - before.ticks) / now.clock_rate
        if now.is_discontinuous or abs(step_s) > _LONGEST_STEP_S:
            return True
        if before.device_s is None or now.device_s is None:
            return False
        return abs(now.device_s - before.device_s - step_s) > _CLOCKS_APART_S

    def _close(self, following: AccessUnit | None) -> list[Segment]:
        pictures, self._pictures, self._bytes = self._pictures, [], 0
        if not pictures:
            return []
        first = pictures[0]
        samples = self._samples(pictures, following)
        length = sum(sample.duration for sample in samples)
        runs = [TrackRun(self._video, self._start, samples)]
        self._start += length
        if self._sound and (run := self._sound.take()):
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
        shown = [unit.ticks - pictures[0].ticks for unit in pictures]
        decoded = sorted(max(0, ticks) for ticks in shown)
        ends = [*decoded[1:], 0]
        ends[-1] = following.ticks - pictures[0].ticks if following else decoded[-1] + self._usual_step
        samples = []
        for unit, at, showing, end in zip(pictures, decoded, shown, ends, strict=True):
            data = b"".join(len(part).to_bytes(4, "big") + part for part in unit.parts)
            samples.append(Sample(data, max(1, end - at), unit.is_key, max(0, showing) - at))
        if len(samples) > 1:
            self._usual_step = sorted(sample.duration for sample in samples)[len(samples) // 2]
        return samples


class _Sound:
    """Sound on its way into the next fragment, each unit where its own time belongs.

    Where both have the device's time, that decides; else sound begins with the picture it came with.
    """

    def __init__(self, track: Track, codec: str) -> None:
        self.track = track
        self._codec = codec
        self._samples: list[Sample] = []
        self._begins = 0  # where the first of them starts on the time line
        self._end = 0  # where the last of them ends
        self._anchor: int | None = None  # what to add to a unit's ticks to get its place

    def put(self, unit: AccessUnit, first: AccessUnit, newest: AccessUnit, start_s: float) -> None:
        """`first`, `newest`: the present segment's pictures; `start_s`: where it begins on the time line."""
        if len(self._samples) >= _MAX_SOUND_UNITS or not unit.parts[0]:
            return
        rate = self.track.timescale
        if self._anchor is None:
            if unit.device_s is not None and first.device_s is not None:
                place_s = start_s + unit.device_s - first.device_s
            else:
                place_s = start_s + (newest.ticks - first.ticks) / newest.clock_rate
            if not -_LONGEST_STEP_S < place_s - start_s < 10 * _LONGEST_STEP_S:
                return
            self._anchor = round(place_s * rate) - unit.ticks
        place = unit.ticks + self._anchor
        apart = place - self._end
        if place < 0 or apart < -_SOUND_APART_S * rate:
            return
        if apart > _LONGEST_STEP_S * rate:
            self._anchor = None  # its clock jumped: placed anew by the next one
            return
        if apart > _SOUND_APART_S * rate or not self._samples:
            self._move_to(max(place, self._end))
        data, duration = self._sample(unit)
        self._samples.append(Sample(data, duration))
        self._end += duration

    def take(self) -> TrackRun | None:
        """All that has come."""
        samples, self._samples = self._samples, []
        return TrackRun(self.track, self._begins, samples) if samples else None

    def let_go(self) -> None:
        """A seam in the pictures: sound is placed anew."""
        self._anchor = None
        self._samples = []

    def _move_to(self, place: int) -> None:
        """Over a hole: the sample before it lasts until its end."""
        if self._samples:
            last = self._samples[-1]
            self._samples[-1] = Sample(last.data, last.duration + place - self._end)
        else:
            self._begins = place
        self._end = place

    def _sample(self, unit: AccessUnit) -> tuple[bytes, int]:
        if self._codec == "aac":
            return unit.parts[0], _AAC_FRAME
        pcm = flac.pcm_of_g711(self._codec, unit.parts[0][:8000])
        number = self._end & 0x7FFF_FFFF  # what decoders read; three days of sound at 8 kHz
        return flac.frame(pcm, number, self.track.timescale), len(pcm) // 2
