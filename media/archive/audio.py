"""The audio of an archive file: its pieces as they came, placed by their own times, gaps included."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from core.records import AudioFormat
from media.archive.fragment_boxes import KEY, SampleRun
from media.codecs import aac, opus
from media.codecs.access_unit import AccessUnit
from media.fmp4.tracks import Track

_JITTER_S = 0.0005


class AudioPlacer:
    """Places pieces of audio on the timeline of one file.

    A piece that is within 0.5 ms of the end of the one before it follows without a gap: then all pieces of G.711 have
    the same length, which the file states once.
    """

    def __init__(self, track: Track, audio: AudioFormat, config: bytes) -> None:
        self._track = track
        self._codec = audio.codec
        self._frame_bytes = (audio.channels or 1) * (2 if audio.codec == "pcm_s16be" else 1)
        aac_config = aac.read_config(config) if audio.codec == "aac" else None
        self._aac_step = aac.FRAME_SAMPLES * track.timescale // aac_config.rate if aac_config else aac.FRAME_SAMPLES
        self._slack = round(_JITTER_S * track.timescale)
        self._last = -1  # place of the last piece
        self._end = 0

    def run(self, audio: Sequence[tuple[AccessUnit, float]], begins_s: float, begins_utc_s: float) -> SampleRun:
        """Return the run of pieces with their UTC times. `begins_s`: the place of `begins_utc_s` in the file."""
        rate = self._track.timescale
        places: list[int] = []
        for unit, at_s in audio:
            place = round((begins_s + at_s - begins_utc_s) * rate)
            if abs(place - self._end) <= self._slack:
                place = self._end
            place = max(place, self._last + 1)
            places.append(place)
            self._last, self._end = place, place + self._length(unit.parts[0])
        durations = [after - before for before, after in pairwise((*places, self._end))]
        sizes = [len(unit.parts[0]) for unit, _ in audio]
        return SampleRun(self._track.track_id, places[0], sizes, durations, [KEY] * len(places))

    def _length(self, data: bytes) -> int:
        """Return the length of a piece in samples, at least 1."""
        if self._codec == "aac":
            return self._aac_step
        if self._codec == "opus":
            return opus.sample_count(data) or 1
        return max(1, len(data) // self._frame_bytes)
