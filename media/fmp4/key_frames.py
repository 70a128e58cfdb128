"""Single key frames of recordings as fragments."""

from __future__ import annotations

from media.codecs.access_unit import AccessUnit
from media.fmp4.tracks import Track
from media.fmp4.writer import Sample, TrackRun, fragment


def key_frame_fragment(track: Track, frame: AccessUnit, start_s: float, duration_s: float) -> bytes:
    """Return a key frame as a fragment. `start_s`: its place on the timeline."""
    data = b"".join(len(part).to_bytes(4, "big") + part for part in frame.parts)
    sample = Sample(data, max(1, round(duration_s * track.timescale)))
    return fragment(1, [TrackRun(track, max(0, round(start_s * track.timescale)), [sample])])
