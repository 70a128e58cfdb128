"""Audio for fragments: places each unit at its own time, and fills gaps with silence.

A player stops where one of its two tracks has no data: announced audio that never comes, comes late or has gaps would
stop the video for ever.
"""

from __future__ import annotations

from core.records import AudioFormat
from media.codecs import aac, flac, opus
from media.codecs.access_unit import AccessUnit
from media.fmp4.tracks import Track, audio_track
from media.fmp4.writer import Sample, TrackRun

_FAR_S = 5.0
_NEVER_S = 30.0  # no device sends audio that far from its video
_APART_S = 0.1
_MAX_UNITS = 4096
_MAX_UNIT_BYTES = 8192
_SILENT_BLOCK = 4096


class AudioTrackBuilder:
    """Builds audio without gaps. Its timeline is in units of the track's timescale and begins at 0 with the video's."""

    def __init__(self, track: Track, audio: AudioFormat, config: bytes) -> None:
        self.track = track
        self._codec = codec = audio.codec
        self._channels = audio.channels or 1
        aac_config = aac.read_config(config) if codec == "aac" else None
        self._silence = aac.silent_frame(aac_config) if aac_config else None
        self._aac_step = aac.FRAME_SAMPLES * track.timescale // aac_config.rate if aac_config else aac.FRAME_SAMPLES
        self._samples: list[Sample] = []
        self._start = 0  # of the first sample
        self._end = 0  # of the last sample
        self._anchor: int | None = None  # place on the timeline minus the unit's ticks

    def add(self, unit: AccessUnit, newest_s: float, own_s: float | None) -> None:
        """Add a unit. `own_s`: its place in seconds by the device's time; `newest_s`: the place of the newest frame.

        Without `own_s`, audio begins with the frame that it came with.
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
        if sample is None:
            return
        self._samples.append(sample)
        self._end += sample.duration

    def take_run(self, until_s: float, slack_s: float) -> TrackRun | None:
        """Return the audio since the last call, with silence up to `slack_s` before `until_s` where it is missing."""
        self._fill(round((until_s - slack_s) * self.track.timescale))
        samples, self._samples = self._samples, []
        start, self._start = self._start, self._end
        return TrackRun(self.track, start, samples) if samples else None

    def restart(self, at_s: float) -> None:
        """Start again at this place, after a discontinuity of the video."""
        self._anchor = None
        self._samples = []
        self._start = self._end = max(self._end, round(at_s * self.track.timescale))

    def _fill(self, until: int) -> None:
        if self._codec == "opus":
            while until - self._end > opus.SILENT_SAMPLES // 2:
                self._samples.append(Sample(opus.SILENT_PACKET, opus.SILENT_SAMPLES))
                self._end += opus.SILENT_SAMPLES
        elif self._codec != "aac":
            while (missing := until - self._end) > 0:
                block = min(missing, _SILENT_BLOCK)
                silence = flac.silent_frame(block, self._end, self.track.timescale, self._channels)
                self._samples.append(Sample(silence, block))
                self._end += block
        elif self._silence:
            while until - self._end > self._aac_step // 2:
                self._samples.append(Sample(self._silence, self._aac_step))
                self._end += self._aac_step
        elif self._samples and until > self._end:  # without a frame of silence, the last one lasts longer
            last = self._samples[-1]
            self._samples[-1] = Sample(last.data, last.duration + until - self._end)
            self._end = until
        elif until > self._end:
            self._start = self._end = until

    def _sample(self, data: bytes) -> Sample | None:
        """Return None for bytes that hold no audio."""
        if self._codec == "aac":
            return Sample(data, self._aac_step)
        if self._codec == "opus":
            count = opus.sample_count(data)
            return Sample(data, count) if count else None
        pcm = data if self._codec == "pcm_s16be" else flac.pcm_of_g711(self._codec, data)
        samples = len(pcm) // (2 * self._channels)
        if not samples:
            return None
        return Sample(flac.frame(pcm, self._end, self.track.timescale, self._channels), samples)


def audio_track_builder(audio: AudioFormat | None, config: bytes) -> AudioTrackBuilder | None:
    """Return a builder for this audio. None without audio, and for a codec that we cannot carry."""
    track = audio_track(audio, config) if audio else None
    return AudioTrackBuilder(track, audio, config) if track and audio else None
