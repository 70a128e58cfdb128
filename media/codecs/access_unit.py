"""An access unit: one picture, or one packet's worth of sound, whole and ready to be put into a container."""

from __future__ import annotations

from dataclasses import dataclass

VIDEO = 0
AUDIO = 1


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One picture or one piece of sound.

    Video: `parts` are its NAL units without start codes or lengths, parameter sets and access unit
    delimiters taken out (those that changed are in the track's description). Audio: one part, the
    raw bytes of an AAC frame, or of G.711.

    `ticks` is the RTP timestamp made 64 bits long without jumps, in units of `clock_rate`, comparable
    within a track. `device_s` is the picture's own UTC time by the device in seconds since 1970
    (header extension 0xABAC, else carried on from the last one that had it); None in live.
    `is_time_confirmed` False: it is counted from the time asked for, and nothing the device said bears that out.
    `is_key`: decoding can begin here. `is_discontinuous`: what was before is not connected to this
    (the D bit; single lost pictures are no seam). `ends_section`: nothing follows for a while (the E bit).
    `dropped_before`: so many frames just before this one came incomplete and were discarded.
    `time_s` is its place on the source's time line (rtp.RtpPacket); 0 in replay.
    """

    track: int
    parts: tuple[bytes, ...]
    ticks: int
    clock_rate: int
    is_key: bool = False
    device_s: float | None = None
    is_discontinuous: bool = False
    ends_section: bool = False
    time_s: float = 0.0
    is_time_confirmed: bool = True
    dropped_before: int = 0
