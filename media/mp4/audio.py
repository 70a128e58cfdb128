"""The audio of a stretch of video, laid out without gaps: silence stands where none was recorded.

AAC and Opus are copied. G.711 and PCM become one long file of samples, which ffmpeg turns into AAC (commands.py,
aac_command); read_adts() takes its frames.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

from core.records import AudioFormat
from media.codecs import aac
from media.codecs.access_unit import AUDIO, AccessUnit
from media.fmp4.audio import AudioTrackBuilder
from media.fmp4.tracks import Track, audio_track

ENCODED = frozenset({"pcm_alaw", "pcm_mulaw", "pcm_s16be"})
"""Codecs that become AAC."""

_COPIED = frozenset({"aac", "opus"})
_SILENT_BYTES = {"pcm_alaw": b"\xd5", "pcm_mulaw": b"\xff", "pcm_s16be": b"\0"}
_APART_S = 0.1
_EARLY_S = 1.0  # audio that far before the video belongs to another position
_BLOCK_BYTES = 64 * 1024
_ENCODER_DELAY = 1024  # samples of silence that ffmpeg's AAC begins with


@dataclass(slots=True)
class AudioSamples:
    """The samples of a track, the first of which begins with the first frame of the video.

    `delay`: the place in the track that belongs to the video's first frame, in units of the track's timescale.
    """

    track: Track
    sizes: array[int] = field(default_factory=lambda: array("I"))
    durations: array[int] = field(default_factory=lambda: array("I"))
    starts: array[int] = field(default_factory=lambda: array("Q"))
    delay: int = 0
    _end: int = 0

    def add(self, size: int, duration: int) -> None:
        self.sizes.append(size)
        self.durations.append(duration)
        self.starts.append(self._end)
        self._end += duration


AudioUnits = Iterable[tuple[float, bytes]]
"""Units of recorded audio with their times, in seconds since 1970."""


def can_copy(audio: AudioFormat) -> bool:
    return audio.codec in _COPIED


def copy_audio(
    audio: AudioFormat, config: bytes, units: AudioUnits, begins_s: float, ends_s: float, target: BinaryIO
) -> AudioSamples | None:
    """Write AAC or Opus frames to `target` and return their table. None if the configuration cannot be read."""
    track = audio_track(audio, config)
    if track is None:
        return None
    samples = AudioSamples(track)
    builder = AudioTrackBuilder(track, audio, config)

    def take(until_s: float) -> None:
        run = builder.take_run(until_s, 0.0)
        for sample in run.samples if run else ():
            samples.add(len(sample.data), sample.duration)
            target.write(sample.data)

    taken_s = 0.0
    for time_s, data in units:
        own_s = time_s - begins_s
        if own_s < -_EARLY_S or time_s > ends_s:
            continue
        unit = AccessUnit(AUDIO, (data,), round(own_s * track.timescale), track.timescale)
        builder.add(unit, own_s, own_s)
        if own_s > taken_s + 1.0:  # the audio up to here is complete
            taken_s = own_s
            take(0.0)
    take(ends_s - begins_s)
    return samples if samples.sizes else None


def write_pcm(audio: AudioFormat, units: AudioUnits, begins_s: float, ends_s: float, target: BinaryIO) -> int:
    """Write G.711 or PCM without gaps from `begins_s` to `ends_s`. Return the number of samples."""
    rate = audio.sample_rate or 8000
    sample_bytes = (audio.channels or 1) * (2 if audio.codec == "pcm_s16be" else 1)
    length = max(0, round((ends_s - begins_s) * rate))
    end = 0
    for time_s, data in units:
        place = round((time_s - begins_s) * rate)
        count = len(data) // sample_bytes
        if place < -_EARLY_S * rate or place >= length:
            continue
        if place < end - _APART_S * rate or place + count <= 0:
            continue
        if place > end and (place > end + _APART_S * rate or end == 0):
            _write_silence(target, audio.codec, (place - end) * sample_bytes)
            end = place
        skipped = -place if end == 0 and place < 0 else 0
        count = min(count - skipped, length - end)
        target.write(data[skipped * sample_bytes : (skipped + count) * sample_bytes])
        end += count
    if end < length:
        _write_silence(target, audio.codec, (length - end) * sample_bytes)
    return length


def _write_silence(target: BinaryIO, codec: str, count: int) -> None:
    block = _SILENT_BYTES[codec] * _BLOCK_BYTES
    while count > 0:
        target.write(block[:count])
        count -= len(block)


def read_adts(source: BinaryIO, target: BinaryIO) -> AudioSamples | None:
    """Copy the frames of ffmpeg's ADTS to `target`, without their headers. None if there is none."""
    samples: AudioSamples | None = None
    data = b""
    while block := source.read(_BLOCK_BYTES):
        data += block
        place = 0
        while (length := aac.adts_length(data[place : place + 7])) and place + length <= len(data):
            found = aac.split_adts(data[place : place + length])
            place += length
            if not found:
                continue
            config, frame = found[0]
            if samples is None:
                audio_config = aac.make_config(config.rate, config.channels)
                track = audio_track(AudioFormat("aac", config.rate, config.channels), audio_config)
                if track is None:
                    return None
                samples = AudioSamples(track, delay=_ENCODER_DELAY)
            samples.add(len(frame), aac.FRAME_SAMPLES)
            target.write(frame)
        data = data[place:]
    return samples
