"""Sound on its way into fragments: each unit where its own time belongs, silence where there is none.

A player stops where one of two tracks has nothing: sound that was announced and never comes, comes
late or has holes would hold the pictures up for ever.
"""

from __future__ import annotations

from core.records import AudioFormat
from media.codecs import aac, flac
from media.codecs.access_unit import AccessUnit
from media.fmp4.tracks import Track, audio_track
from media.fmp4.writer import Sample, TrackRun

_FAR_S = 5.0
_NEVER_S = 30.0  # nothing is sent that far from the pictures it belongs to
_APART_S = 0.1
_MAX_UNITS = 4096
_MAX_UNIT_BYTES = 8192
_SILENT_BLOCK = 4096


class AudioTrackBuilder:
    """A time line without holes in units of the track's timescale; 0 is where the pictures' begins."""

    def __init__(self, track: Track, codec: str, config: bytes) -> None:
        self.track = track
        self._codec = codec
        aac_config = aac.read_config(config) if codec == "aac" else None
        self._silence = aac.silent_frame(aac_config) if aac_config else None
        self._aac_step = aac.FRAME_SAMPLES * track.timescale // aac_config.rate if aac_config else aac.FRAME_SAMPLES
        self._samples: list[Sample] = []
        self._start = 0  # where the first of them starts
        self._end = 0  # where the last of them ends
        self._anchor: int | None = None  # what to add to a unit's ticks to get its place

    def add(self, unit: AccessUnit, newest_s: float, own_s: float | None) -> None:
        """`newest_s`: the newest picture's place in seconds; `own_s`: the unit's by the device's time, if known.

        Where both have the device's time, that decides; else sound begins with the picture it came with.
        """
        data = unit.parts[0]
        if len(self._samples) >= _MAX_UNITS or not 0 < len(data) <= _MAX_UNIT_BYTES:
            return
        rate = self.track.timescale
        ticks = unit.ticks * rate // unit.clock_rate
        expected_s = own_s if own_s is not None and abs(own_s - newest_s) <= _NEVER_S else newest_s
        is_new = self._anchor is None or abs((ticks + self._anchor) / rate - expected_s) > _FAR_S
        if is_new:
            self._anchor = round(expected_s * rate) - ticks
        place = ticks + (self._anchor or 0)
        apart = place - self._end
        if apart < -_APART_S * rate:
            return
        if apart > _APART_S * rate or (is_new and apart > 0):
            self._fill(place)
        sample = self._sample(data)
        self._samples.append(sample)
        self._end += sample.duration

    def take_run(self, until_s: float, slack_s: float) -> TrackRun | None:
        """All that has come. What is missing more than `slack_s` before `until_s` is not waited for any longer."""
        self._fill(round((until_s - slack_s) * self.track.timescale))
        samples, self._samples = self._samples, []
        start, self._start = self._start, self._end
        return TrackRun(self.track, start, samples) if samples else None

    def restart(self, at_s: float) -> None:
        """Behind a seam in the pictures."""
        self._anchor = None
        self._samples = []
        self._start = self._end = max(self._end, round(at_s * self.track.timescale))

    def _fill(self, until: int) -> None:
        if self._codec != "aac":
            while (missing := until - self._end) > 0:
                block = min(missing, _SILENT_BLOCK)
                self._samples.append(Sample(flac.silent_frame(block, self._end, self.track.timescale), block))
                self._end += block
        elif self._silence:
            while until - self._end > self._aac_step // 2:
                self._samples.append(Sample(self._silence, self._aac_step))
                self._end += self._aac_step
        elif self._samples and until > self._end:  # nobody wrote silence down for it: what was before lasts on
            last = self._samples[-1]
            self._samples[-1] = Sample(last.data, last.duration + until - self._end)
            self._end = until
        elif until > self._end:
            self._start = self._end = until

    def _sample(self, data: bytes) -> Sample:
        if self._codec == "aac":
            return Sample(data, self._aac_step)
        pcm = flac.pcm_of_g711(self._codec, data)
        return Sample(flac.frame(pcm, self._end, self.track.timescale), len(data))


def audio_track_builder(audio: AudioFormat | None, config: bytes) -> AudioTrackBuilder | None:
    """None where there is no sound, or none that can be carried."""
    track = audio_track(audio, config) if audio else None
    return AudioTrackBuilder(track, audio.codec, config) if track and audio else None
