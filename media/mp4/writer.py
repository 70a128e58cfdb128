"""Writes the file: moov first, then the samples, each second of video with its audio. The samples are copied once."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from media.fmp4.tracks import Track
from media.joined_files import JoinedFiles
from media.mp4.audio import AudioSamples
from media.mp4.tables import TrackTable, movie_head
from media.mp4.text import TextSamples
from media.mp4.video import TIMESCALE, VideoSamples, video_times

_CHUNK = TIMESCALE  # one second


@dataclass(frozen=True, slots=True)
class WrittenFile:
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Samples of one track that lie one behind the other."""

    track: int
    samples: int
    size_bytes: int


class Mp4Writer:
    """One file of one stretch of video. `shown_from_s` and `shown_until_s`: in seconds since 1970, as the samples.

    The file begins with the first sample, a key frame, and is shown from the first frame at `shown_from_s` on.
    `created_utc`: the true time of that frame, with which `text` begins, too.
    """

    def __init__(
        self,
        track: Track,
        video: VideoSamples,
        audio: AudioSamples | None,
        *,
        shown_from_s: float,
        shown_until_s: float,
        created_utc: datetime,
        text: TextSamples | None = None,
    ) -> None:
        times = video_times(video)
        first_s = video.first_shown_s(shown_from_s)
        begins_s = (video.times_s[0] if first_s is None else first_s) - video.times_s[0]
        length = max(1, round((min(shown_until_s, video.end_s) - video.times_s[0] - begins_s) * TIMESCALE))
        durations = array("I", (end - at for at, end in pairwise(times.decoding)))
        durations.append(max(1, round(video.usual_step_s * TIMESCALE)))
        others = [samples for samples in (audio, text) if samples is not None]
        self._chunks = _chunks(times.decoding, video.sizes, others)
        self._tables = [
            TrackTable(
                track,
                video.sizes,
                durations,
                [chunk.samples for chunk in self._chunks if chunk.track == 0],
                begins=round(begins_s * TIMESCALE) + times.delay,
                offsets=array("I", (shown - at for at, shown in zip(times.decoding, times.showing, strict=True))),
                keys=[index for index, is_key in enumerate(video.keys, 1) if is_key],
            )
        ]
        for number, samples in enumerate(others, 1):
            begins = 0
            if isinstance(samples, AudioSamples):
                begins = round(begins_s * samples.track.timescale) + samples.delay
            self._tables.append(
                TrackTable(
                    samples.track,
                    samples.sizes,
                    samples.durations,
                    [chunk.samples for chunk in self._chunks if chunk.track == number],
                    begins=begins,
                    is_text=isinstance(samples, TextSamples),
                )
            )
        self._length = length
        self._created_utc = created_utc

    @property
    def length_s(self) -> float:
        """How long a player shows the file."""
        return self._length / TIMESCALE

    def head(self) -> bytes:
        """Return everything before the samples."""
        places: list[list[int]] = [[] for _ in self._tables]
        place = 0
        for chunk in self._chunks:
            places[chunk.track].append(place)
            place += chunk.size_bytes
        return movie_head(self._tables, places, place, length=self._length, created_utc=self._created_utc)

    def write(self, target: BinaryIO, sources: Sequence[Sequence[Path]], check: Callable[[], None]) -> WrittenFile:
        """Write the file. `sources`: for each track the files with its samples, one behind the other.

        `check` is called for each chunk and may raise an error, which ends the writing. Raise EOFError if the sources
        are shorter than the tables.
        """
        digest = hashlib.sha256()
        head = self.head()
        target.write(head)
        digest.update(head)
        written = len(head)
        readers = [JoinedFiles(paths) for paths in sources]
        try:
            for chunk in self._chunks:
                check()
                for block in readers[chunk.track].read(chunk.size_bytes):
                    target.write(block)
                    digest.update(block)
                    written += len(block)
        finally:
            for reader in readers:
                reader.close()
        return WrittenFile(written, digest.hexdigest())


def _chunks(
    decoding: Sequence[int], sizes: Sequence[int], others: Sequence[AudioSamples | TextSamples]
) -> list[_Chunk]:
    """Divide the samples into seconds. Audio and text of each second follow its video; the last chunks have the rest.

    The seconds of the text are counted from its own beginning, which comes later: so it is early in the file.
    """
    chunks: list[_Chunk] = []
    places = [0] * len(others)
    begins = 0
    while begins < len(sizes):
        until = decoding[begins] + _CHUNK
        ends = begins
        size_bytes = 0
        while ends < len(sizes) and decoding[ends] < until:
            size_bytes += sizes[ends]
            ends += 1
        chunks.append(_Chunk(0, ends - begins, size_bytes))
        begins = ends
        for index, samples in enumerate(others):
            first = place = places[index]
            until_other = until * samples.track.timescale // TIMESCALE
            size_bytes = 0
            while place < len(samples.sizes) and (begins == len(sizes) or samples.starts[place] < until_other):
                size_bytes += samples.sizes[place]
                place += 1
            places[index] = place
            if place > first:
                chunks.append(_Chunk(index + 1, place - first, size_bytes))
    return chunks
