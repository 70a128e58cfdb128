"""Audio that ffmpeg encodes for tests: AAC frames, LATM elements and Opus packets of a tone; and its decoding."""

from __future__ import annotations

import subprocess
from functools import lru_cache

from media.codecs import aac
from media.ffmpeg import find_ffmpeg

SECONDS = 3


def _ffmpeg(*options: str, given: bytes = b"") -> bytes:
    command = [str(find_ffmpeg()), "-v", "error", "-nostdin" if not given else "-y", *options]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


def _tone(rate: int, channels: int) -> list[str]:
    return ["-f", "lavfi", "-i", f"sine=frequency=700:sample_rate={rate}:duration={SECONDS}", "-ac", str(channels)]


@lru_cache
def adts_stream(rate: int = 16_000, channels: int = 1) -> tuple[bytes, ...]:
    """Return ADTS frames of AAC-LC, each with its header."""
    stream = _ffmpeg(*_tone(rate, channels), "-c:a", "aac", "-b:a", "32k", "-f", "adts", "-")
    frames = []
    while stream:
        length = aac.adts_length(stream)
        assert length
        frames.append(stream[:length])
        stream = stream[length:]
    return tuple(frames)


def aac_frames(rate: int = 16_000, channels: int = 1) -> list[bytes]:
    return [frame[7:] for frame in adts_stream(rate, channels)]


@lru_cache
def latm_elements(rate: int = 16_000, channels: int = 1) -> tuple[bytes, ...]:
    """Return AudioMuxElements of the same frames, with the configuration in band; LOAS's headers are removed."""
    adts = b"".join(adts_stream(rate, channels))
    options = ["-f", "aac", "-i", "pipe:0", "-c", "copy", "-smc-interval", "5", "-f", "latm", "-"]
    stream = _ffmpeg(*options, given=adts)
    elements = []
    while stream:
        assert stream[0] == 0x56
        length = (stream[1] & 0x1F) << 8 | stream[2]
        elements.append(stream[3 : 3 + length])
        stream = stream[3 + length :]
    return tuple(elements)


@lru_cache
def opus_packets() -> tuple[bytes, ...]:
    """Return Opus packets of 20 ms, taken out of Ogg (RFC 3533 section 6) without its two heads."""
    stream = _ffmpeg(*_tone(48_000, 1), "-c:a", "libopus", "-b:a", "32k", "-f", "ogg", "-")
    packets, packet, place = [], b"", 0
    while place < len(stream):
        count = stream[place + 26]
        sizes = stream[place + 27 : place + 27 + count]
        place += 27 + count
        for size in sizes:
            packet += stream[place : place + size]
            place += size
            if size < 255:
                packets.append(packet)
                packet = b""
    return tuple(packets[2:])


def samples_of_adts(frames: tuple[bytes, ...]) -> bytes:
    """Return the 16-bit samples that ffmpeg decodes."""
    return _ffmpeg("-f", "aac", "-i", "pipe:0", "-f", "s16le", "-", given=b"".join(frames))


def samples_of_mp4(content: bytes) -> bytes:
    """Return the 16-bit samples of the audio track that ffmpeg decodes. Fail on any message of ffmpeg."""
    command = [str(find_ffmpeg()), "-v", "warning", "-xerror", "-i", "pipe:0", "-map", "0:a", "-f", "s16le", "-"]
    run = subprocess.run(command, input=content, capture_output=True, check=True)
    assert not run.stderr
    return run.stdout
