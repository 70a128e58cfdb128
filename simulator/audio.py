"""The audio of the channels: a quiet hum with a short beep every two seconds, as G.711 or AAC.

A beep begins with the frame whose number is a multiple of two seconds, so that audio and video can be compared.
"""

from __future__ import annotations

import math
import random
import struct
from dataclasses import dataclass
from functools import cache

from simulator.layout import AudioCodec

AUDIO_LOOP_S = 16
AAC_RATE = 16_000
AAC_SAMPLES = 1024
G711_RATE = 8_000
G711_SAMPLES = 320
_BEEP_EVERY_S = 2
_BEEP_S = 0.1


@dataclass(frozen=True, slots=True)
class AudioLoop:
    """A loop of coded audio. A frame lasts `samples` / `rate` seconds; `frames` are the RTP payloads."""

    codec: AudioCodec
    rate: int
    samples: int
    payload_type: int
    rtpmap: str
    fmtp: str
    frames: tuple[bytes, ...]

    @property
    def frame_s(self) -> float:
        return self.samples / self.rate


def pcm_loop(rate: int) -> list[int]:
    """One loop of 16 bit samples."""
    rng = random.Random(3)
    grain = [rng.randint(-250, 250) for _ in range(4001)]
    hum = [round(500 * math.sin(2 * math.pi * 100 * index / rate)) for index in range(rate // 100)]
    beep = [round(9000 * math.sin(2 * math.pi * 880 * index / rate)) for index in range(int(rate * _BEEP_S))]
    samples = [grain[index % 4001] + hum[index % len(hum)] for index in range(rate * AUDIO_LOOP_S)]
    for start in range(0, len(samples), rate * _BEEP_EVERY_S):
        for index, value in enumerate(beep):
            samples[start + index] += value
    return samples


def alaw(sample: int) -> int:
    """A 16 bit sample as A-law (ITU-T G.711)."""
    value, mask = (sample >> 3, 0xD5) if sample >= 0 else (-(sample >> 3) - 1, 0x55)
    segment = max(0, value.bit_length() - 5)
    return (segment << 4 | value >> max(1, segment) & 0x0F) ^ mask


def ulaw(sample: int) -> int:
    """A 16 bit sample as µ-law (ITU-T G.711)."""
    value, mask = (sample >> 2, 0xFF) if sample >= 0 else (-(sample >> 2), 0x7F)
    value = min(value, 8158) + 33
    segment = max(0, value.bit_length() - 6)
    return (segment << 4 | value >> (segment + 1) & 0x0F) ^ mask


@cache
def g711_loop(codec: AudioCodec) -> AudioLoop:
    """The loop in A-law (pcma) or µ-law (pcmu)."""
    law, payload_type, name = (alaw, 8, "PCMA") if codec == "pcma" else (ulaw, 0, "PCMU")
    coded = bytes(map(law, pcm_loop(G711_RATE)))
    frames = tuple(coded[at : at + G711_SAMPLES] for at in range(0, len(coded), G711_SAMPLES))
    return AudioLoop(codec, G711_RATE, G711_SAMPLES, payload_type, f"{name}/{G711_RATE}", "", frames)


def aac_pcm() -> bytes:
    """The loop for an AAC encoder: 16 bit little-endian, mono, 16 kHz."""
    samples = pcm_loop(AAC_RATE)
    return struct.pack(f"<{len(samples)}h", *samples)


def aac_command(ffmpeg: str) -> list[str]:
    """argv that encodes `aac_pcm` on standard input to ADTS on standard output."""
    source = ["-f", "s16le", "-ar", str(AAC_RATE), "-ac", "1", "-i", "pipe:0"]
    return [ffmpeg, "-v", "error", "-nostdin", *source, "-c:a", "aac", "-b:a", "32k", "-f", "adts", "pipe:1"]


def aac_loop(adts: bytes) -> AudioLoop:
    """A loop from an ADTS stream: each frame as an RFC 3640 (AAC-hbr) payload with one access unit."""
    frames, at = [], 0
    while at + 7 <= len(adts):
        length = (adts[at + 3] & 3) << 11 | adts[at + 4] << 3 | adts[at + 5] >> 5
        header = 7 if adts[at + 1] & 1 else 9
        unit = adts[at + header : at + length]
        frames.append(struct.pack(">HH", 16, len(unit) << 3) + unit)
        at += max(length, header)
    wanted = AUDIO_LOOP_S * AAC_RATE // AAC_SAMPLES
    if len(frames) < wanted:
        raise ValueError(f"AAC loop has {len(frames)} frames, not {wanted}")
    # AudioSpecificConfig: AAC LC, 16 kHz (index 8), mono.
    fmtp = "streamtype=5;profile-level-id=15;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408"
    rtpmap = f"mpeg4-generic/{AAC_RATE}/1"
    return AudioLoop("aac", AAC_RATE, AAC_SAMPLES, 97, rtpmap, fmtp, tuple(frames[:wanted]))
