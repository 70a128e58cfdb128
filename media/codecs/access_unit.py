"""The access unit: one complete frame, or the audio of one packet, ready for a container."""

from __future__ import annotations

from dataclasses import dataclass

VIDEO = 0
AUDIO = 1


@dataclass(slots=True)
class AccessUnit:
    """One frame or one piece of audio.

    Consumers share a unit and must not change it; replace() makes another one. It is not frozen, because that makes a
    unit four times as slow to create, and a wall creates a thousand each second.

    Video: `parts` are its NAL units without start codes or lengths, and without parameter sets and access unit
    delimiters (new parameter sets are in the track's description). Audio: one part, the bytes of an AAC frame, or
    G.711 samples.

    `ticks`: the RTP timestamp continued beyond 32 bits, in units of `clock_rate`; comparable within a track.
    `device_s`: UTC time of the unit by the device, in seconds since 1970: from the header extension 0xABAC, otherwise
    counted on from the last unit with one; None in live. `is_time_confirmed`: False if `device_s` is only counted from
    the requested time and no time from the device confirms it.
    `is_key`: decoding can begin here. `is_discontinuous`: a gap lies between this unit and the one before (the D bit);
    single lost frames are no gap. `ends_section`: a gap follows (the E bit).
    `frames_dropped_before`: number of frames just before this one that came incomplete and were discarded.
    Replays sum it up (sessions/replay/status.py); a live source has VideoDepacketizer.frames_dropped instead.
    `arrived_s`: arrival of the first packet by our monotonic clock. `time_s`: place on the source's timeline
    (live/timeline.py), comparable between tracks, without the jumps of the device's clock; 0 in replay.
    `is_leading`: the frame is shown before the last key frame and may refer to frames before it (open group of
    pictures), so a consumer that begins at that key frame cannot decode it.
    `is_converted`: the device sent this audio in the other law of G.711 than its session's audio has.
    `parameter_sets`: of a key frame, all that apply to it, in sending order; empty if some are still missing.
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
    frames_dropped_before: int = 0
    arrived_s: float = 0.0
    is_leading: bool = False
    parameter_sets: tuple[bytes, ...] = ()
    is_converted: bool = False
