"""The parts of an archive file: init section, fragments, index. No I/O.

    ftyp moov [prft moof mdat]* mfra

A fragment is one group of pictures (groups.py). The file's timeline begins at 0 and follows the wall clock, so gaps
stay visible and no error accumulates; prft has the exact time of each fragment. mdat ends with a CRC-32 of the whole
fragment, which players do not see: after a power cut it tells whole fragments from damaged ones (repair.py).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from media.archive.audio import AudioPlacer
from media.archive.fragment_boxes import KEY, LEADING, NOT_KEY, ProducerTime, SampleRun, fragment_head
from media.archive.fragment_index import Fragment, index_box
from media.archive.tracks import VIDEO_TIMESCALE, archive_tracks, left_out_box
from media.codecs.access_unit import VIDEO, AccessUnit
from media.fmp4.tracks import VIDEO_ID
from media.fmp4.writer import init_section
from media.units import UnitDescription

CRC_BYTES = 4
_EARLY_S = 1.0  # audio that comes with the first frame may be so much earlier
_USUAL_STEP = VIDEO_TIMESCALE // 25
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class BuiltFragment:
    """A fragment for the end of its file. `data`: all its bytes; the times are those of its pictures [start, end)."""

    data: bytearray
    start_utc_ms: int
    end_utc_ms: int
    is_key: bool


class ArchiveFileBuilder:
    """Builds the parts of one file in the order of the file. Other parameter sets or audio need another file.

    Raises TrackError (media/fmp4/tracks.py) if the parameter sets describe no video. Audio that MP4 has no name for is
    left out.
    """

    def __init__(self, description: UnitDescription) -> None:
        self.description = description
        video, audio = archive_tracks(description)
        tracks = [video, audio] if audio else [video]
        self.codecs = ",".join(track.codec_string for track in tracks)  # as in RFC 6381
        self._init = init_section(tracks, left_out_box(description) if audio is None else b"")
        self._audio = None
        if audio and description.audio:
            self._audio = AudioPlacer(audio, description.audio, description.audio_config)
        self._fragments: list[Fragment] = []
        self._size_bytes = len(self._init)
        self._start_utc_s: float | None = None
        self._video_end = 0  # of the last fragment

    @property
    def size_bytes(self) -> int:
        """The size of the file so far."""
        return self._size_bytes

    @property
    def fragments(self) -> Sequence[Fragment]:
        return self._fragments

    def init_section(self) -> bytes:
        """Return ftyp and moov, the first bytes of the file."""
        return self._init

    def fragment(
        self, units: Sequence[AccessUnit], utc_s: Sequence[float], end_utc_s: float | None = None
    ) -> BuiltFragment:
        """Return the next fragment. Raises ValueError if `units` has no frame.

        `utc_s`: presentation times, seconds since 1970. `end_utc_s`: the end of the frame that is shown last. Audio
        more than 1 s before the file's first frame is left out.
        """
        video = [(unit, at_s) for unit, at_s in zip(units, utc_s, strict=True) if unit.track == VIDEO]
        if not video:
            raise ValueError("a fragment needs a frame")
        begins_s = min(at_s for _, at_s in video)
        if self._start_utc_s is None:
            self._start_utc_s = max(min(utc_s), begins_s - _EARLY_S)
        begins = max(self._video_end, round((begins_s - self._start_utc_s) * VIDEO_TIMESCALE))
        run = _video_run(video, begins, begins_s, end_utc_s)
        runs, pieces = [run], [b""]
        if self._audio is not None:
            audio = [
                (unit, at_s)
                for unit, at_s in zip(units, utc_s, strict=True)
                if unit.track != VIDEO and at_s >= self._start_utc_s
            ]
            if audio:
                runs.insert(0, self._audio.run(audio, begins / VIDEO_TIMESCALE, begins_s))
                pieces += [unit.parts[0] for unit, _ in audio]
        pieces[0] = fragment_head(len(self._fragments) + 1, ProducerTime(begins_s, begins), runs, CRC_BYTES)
        for unit, _ in video:
            for part in unit.parts:
                pieces.append(_LENGTH.pack(len(part)))
                pieces.append(part)
        pieces.append(bytes(CRC_BYTES))
        data = bytearray().join(pieces)
        _LENGTH.pack_into(data, len(data) - CRC_BYTES, zlib.crc32(memoryview(data)[:-CRC_BYTES]))
        newest_s = max(at_s for _, at_s in video)
        ends_s = begins_s + run.length / VIDEO_TIMESCALE if end_utc_s is None else max(end_utc_s, newest_s)
        return self._added(data, run, (round(begins_s * 1000), round(ends_s * 1000)), is_key=video[0][0].is_key)

    def discard_last(self) -> None:
        """Leave the last fragment out of the index: it could not be written. No more fragments may follow."""
        self._size_bytes = self._fragments.pop().offset

    def index(self) -> bytes:
        """Return mfra, the last bytes of the file."""
        return index_box(self._fragments)

    def _added(self, data: bytearray, run: SampleRun, utc_ms: tuple[int, int], *, is_key: bool) -> BuiltFragment:
        self._fragments.append(Fragment(self._size_bytes, len(data), *utc_ms, is_key, run.start))
        self._size_bytes += len(data)
        self._video_end = run.start + run.length
        return BuiltFragment(data, *utc_ms, is_key)


def _video_run(
    video: Sequence[tuple[AccessUnit, float]], begins: int, begins_s: float, end_utc_s: float | None
) -> SampleRun:
    """Decode frames in the order in which they were sent, at their presentation times sorted."""
    shown = [round((at_s - begins_s) * VIDEO_TIMESCALE) for _, at_s in video]
    decoded = _increasing(shown)
    if end_utc_s is None:
        end = decoded[-1] + (decoded[-1] // (len(decoded) - 1) if len(decoded) > 1 else _USUAL_STEP)
    else:
        end = round((end_utc_s - begins_s) * VIDEO_TIMESCALE)
    durations = [after - before for before, after in pairwise((*decoded, max(end, decoded[-1] + 1)))]
    sizes = [sum(map(len, unit.parts)) + _LENGTH.size * len(unit.parts) for unit, _ in video]
    flags = [KEY if unit.is_key else LEADING if unit.is_leading else NOT_KEY for unit, _ in video]
    shifts = () if shown == decoded else [at - when for at, when in zip(shown, decoded, strict=True)]
    return SampleRun(VIDEO_ID, begins, sizes, durations, flags, shifts)


def _increasing(times: Sequence[int]) -> list[int]:
    """Return the times sorted, each at least 1 after the one before."""
    found = sorted(times)
    for index in range(1, len(found)):
        if found[index] <= found[index - 1]:
            found[index] = found[index - 1] + 1
    return found
