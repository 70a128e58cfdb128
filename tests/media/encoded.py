"""Frames encoded by ffmpeg, and a small RTP packetizer for them, like a device's."""

from __future__ import annotations

import re
import struct
import subprocess
from dataclasses import dataclass
from functools import lru_cache

from media.codecs import h264, h265
from media.ffmpeg import find_ffmpeg
from media.rtsp.client.rtp import AUDIO, VIDEO, RtpPacket
from tests.patience import LIMIT_S

FPS = 10
CLOCK_RATE = 90_000


@dataclass(frozen=True)
class Encoded:
    """`pictures`: the NAL units of each frame, without parameter sets; `keys`: the indexes of its key frames."""

    codec: str
    sets: tuple[bytes, ...]
    pictures: tuple[tuple[bytes, ...], ...]
    keys: frozenset[int]

    def named_sets(self) -> dict[str, bytes]:
        slot_of = (h264 if self.codec == "h264" else h265).parameter_set_type
        return {slot_of(nal) or "": nal for nal in self.sets}


@lru_cache(maxsize=8)
def encoded(codec: str, seconds: int = 6, size: str = "320x180", slices: int = 1, preset: str = "ultrafast") -> Encoded:
    """Encode a moving test pattern: 10 frames per second, a key frame each second, `slices` NAL units per frame.

    Other presets have other parameter sets.
    """
    options = {
        "h264": ["-c:v", "libx264", "-x264-params", f"slices={slices}:sliced-threads=0:bframes=0:scenecut=0:aud=1"],
        "hevc": ["-c:v", "libx265", "-x265-params", "log-level=error:bframes=0:scenecut=0:aud=1:open-gop=0"],
    }[codec]
    source = f"testsrc=size={size}:rate={FPS}:duration={seconds}"
    asked = ("-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", "-g", str(FPS), *options)
    command = [str(find_ffmpeg()), *asked, "-preset", preset, "-f", codec, "-"]
    return _apart(codec, subprocess.run(command, capture_output=True, check=True).stdout)


def encode_h264(size: str = "320x240", gop: int = 25, seconds: int = 2, *options: str) -> bytes:
    """Encode a moving H.264 test picture: 25 frames per second, one slice each, a key frame every `gop` frames."""
    source = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}")
    x264 = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p")
    one_slice = ("-x264-params", f"sliced-threads=0:slices=1:keyint={gop}:scenecut=0:bitrate=600:vbv-bufsize=600")
    command = [str(find_ffmpeg()), "-v", "error", *source, *x264, *one_slice, *options, "-f", "h264", "-"]
    return subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S).stdout


@lru_cache(maxsize=1)
def with_b_frames(seconds: int = 6) -> tuple[Encoded, tuple[int, ...]]:
    """Encode H.264 with B-frames; return the frames in decoding order and the display position of each."""
    source = f"testsrc=size=320x180:rate={FPS}:duration={seconds}"
    options = ("-c:v", "libx264", "-bf", "2", "-x264-params", "b-adapt=0:scenecut=0:aud=1", "-g", str(FPS))
    start = [str(find_ffmpeg()), "-v", "error"]
    encode = [*start, "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", *options, "-f", "mpegts", "-"]
    film = subprocess.run(encode, capture_output=True, check=True).stdout
    copy = [*start, "-i", "-", "-c", "copy", "-f"]
    raw = subprocess.run([*copy, "h264", "-"], input=film, capture_output=True, check=True).stdout
    rows = subprocess.run([*copy, "framecrc", "-"], input=film, capture_output=True, check=True).stdout.decode()
    shown = [int(row.split(",")[2]) for row in rows.splitlines() if not row.startswith("#")]
    return _apart("h264", raw), tuple((at - min(shown)) * FPS // CLOCK_RATE for at in shown)


def _apart(codec: str, raw: bytes) -> Encoded:
    slot_of = (h264 if codec == "h264" else h265).parameter_set_type
    sets: dict[bytes, None] = {}
    pictures: list[list[bytes]] = []
    keys: set[int] = set()
    for nal in re.split(rb"\x00\x00\x00?\x01", raw)[1:]:
        kind = nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F
        if kind == (9 if codec == "h264" else 35):
            pictures.append([])
        elif slot_of(nal):
            sets[nal] = None
        elif kind in ({1, 5} if codec == "h264" else set(range(22))):
            pictures[-1].append(nal)
            if kind == 5 or (codec == "hevc" and 16 <= kind <= 21):
                keys.add(len(pictures) - 1)
    return Encoded(codec, tuple(sets), tuple(map(tuple, pictures)), frozenset(keys))


def renumbered(codec: str, nal: bytes) -> bytes:
    """Return a parameter set of id 0, which refers to sets of id 0, with id 1 and references to id 1."""
    header, payload = (nal[:1], nal[1:]) if codec == "h264" else (nal[:2], nal[2:])
    kind = {(1, 7): "sps", (1, 8): "pps", (2, 32): "vps", (2, 33): "sps"}.get(
        (len(header), nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F), "pps"
    )
    bits = "".join(f"{byte:08b}" for byte in payload.replace(b"\0\0\3", b"\0\0"))
    if kind == "pps":  # two numbers ue(v)
        bits = "010010" + bits[2:]
    elif codec == "h264":
        bits = bits[:24] + "010" + bits[25:]
    else:  # u(4) of the vps comes first
        bits = "0001" + bits[4:104] + ("010" + bits[105:] if kind == "sps" else bits[104:])
    bits = bits.rstrip("0")  # the last 1 is the stop bit
    bits += "0" * (-len(bits) % 8)
    plain = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    return header + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", plain)


class RtpSender:
    """Makes the RTP packets of one track, in order. `limit_bytes` is the largest payload."""

    def __init__(self, codec: str, limit_bytes: int = 1400, first_timestamp: int = 0xFFFF_0000) -> None:
        self._is_h264 = codec == "h264"
        self._limit = limit_bytes
        self._first = first_timestamp
        self._sequence = 0

    def picture(self, index: int, nals: tuple[bytes, ...], extension: bytes = b"") -> list[RtpPacket]:
        payloads = [payload for nal in nals for payload in self._payloads(nal)]
        stamp = (self._first + index * CLOCK_RATE // FPS) & 0xFFFF_FFFF
        return [
            self._packet(payload, stamp, number == len(payloads) - 1, extension if number == 0 else b"")
            for number, payload in enumerate(payloads)
        ]

    def aggregate(self, index: int, nals: tuple[bytes, ...]) -> RtpPacket:
        """Return all units in one packet: STAP-A, or H.265's AP."""
        head = b"\x78" if self._is_h264 else b"\x60\x01"
        stamp = (self._first + index * CLOCK_RATE // FPS) & 0xFFFF_FFFF
        return self._packet(head + b"".join(struct.pack(">H", len(nal)) + nal for nal in nals), stamp, True, b"")

    def _packet(self, payload: bytes, timestamp: int, marker: bool, extension: bytes) -> RtpPacket:
        self._sequence += 1
        return RtpPacket(VIDEO, 96, marker, self._sequence & 0xFFFF, timestamp, payload, extension, 0.0)

    def _payloads(self, nal: bytes) -> list[bytes]:
        if len(nal) <= self._limit:
            return [nal]
        head = 1 if self._is_h264 else 2
        body, step = nal[head:], self._limit - head - 1
        parts = [body[at : at + step] for at in range(0, len(body), step)]
        found = []
        for number, part in enumerate(parts):
            ends = (0x80 if number == 0 else 0) | (0x40 if number == len(parts) - 1 else 0)
            if self._is_h264:
                found.append(bytes([nal[0] & 0xE0 | 28, ends | nal[0] & 0x1F]) + part)
            else:
                kind = nal[0] >> 1 & 0x3F
                found.append(bytes([nal[0] & 0x81 | 49 << 1, nal[1], ends | kind]) + part)
        return found


def sound_packet(payload: bytes, timestamp: int, *, marker: bool = True) -> RtpPacket:
    return RtpPacket(AUDIO, 97, marker, 0, timestamp, payload, b"", 0.0)


def replay_extension(device_s: float, *, bits: int = 0, cseq: int = 0) -> bytes:
    """Return the RTP header extension of a replay (ONVIF Streaming Specification, "Replay"): 0xABAC, three words."""
    whole = int(device_s)
    fraction = int((device_s - whole) * 4_294_967_296)
    return struct.pack(">HHIIBBH", 0xABAC, 3, (whole + 2_208_988_800) & 0xFFFF_FFFF, fraction, bits, cseq, 0)
