"""Audio tracks of Matroska: the codecs that recorders send, as they are."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field

from core.records import AudioFormat
from media.codecs import aac, opus

_ACM_TAGS = {"pcm_alaw": 6, "pcm_mulaw": 7, "adpcm_g722": 0x028F}  # wFormatTag of a WAVEFORMATEX
_G722_BITS = 4
_SEEK_PRE_ROLL_NS = 80_000_000


@dataclass(frozen=True, slots=True)
class AudioDescription:
    """The elements of an audio track. `pre_roll_ns`: the audio that a decoder needs before a seek."""

    codec_id: str
    rate: float
    channels: int
    private: bytes = b""
    bits: int = 0
    pre_roll_ns: int = 0


@dataclass(slots=True)
class AudioUnits:
    """Times (seconds since 1970) and sizes of the units of a track."""

    description: AudioDescription
    times_s: array[float] = field(default_factory=lambda: array("d"))
    sizes: array[int] = field(default_factory=lambda: array("I"))


def describe_audio(audio: AudioFormat, config: bytes = b"") -> AudioDescription | None:
    """Return the track of this audio. `config`: AAC's AudioSpecificConfig. None if Matroska cannot describe it.

    G.726 is such audio: pieces do not tell its bit rate and the order of its bits.
    """
    rate, channels = audio.sample_rate or 8000, audio.channels or 1
    if audio.codec in _ACM_TAGS:
        bits = _G722_BITS if audio.codec == "adpcm_g722" else 8
        byte_rate = rate * channels * bits // 8
        private = struct.pack("<HHIIHHH", _ACM_TAGS[audio.codec], channels, rate, byte_rate, channels, bits, 0)
        return AudioDescription("A_MS/ACM", rate, channels, private, bits)
    if audio.codec == "pcm_s16be":
        return AudioDescription("A_PCM/INT/BIG", rate, channels, bits=16)
    if audio.codec == "opus" and channels <= 2:
        head = b"OpusHead" + struct.pack("<BBHIhB", 1, channels, 0, opus.RATE, 0, 0)
        return AudioDescription("A_OPUS", opus.RATE, channels, head, pre_roll_ns=_SEEK_PRE_ROLL_NS)
    if audio.codec == "aac" and len(config) <= 64 and (read := aac.read_config(config)):
        return AudioDescription("A_AAC", read.rate, read.channels or channels, config)
    return None
