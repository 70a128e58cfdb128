"""Writes a Matroska file: all tables first, then clusters, each of which begins with a key frame. One pass, one copy.

A timestamp is a tenth of a millisecond, because ffmpeg's usual millisecond would move frames. A place in a cluster has
16 bits, so that a cluster is at most 3.2 s long.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

from media.fmp4.tracks import Track
from media.joined_files import JoinedFiles
from media.mkv.audio import AudioUnits
from media.mkv.ebml import element, id_bytes, long_size, real, signed8, text, unsigned, unsigned8
from media.mp4.video import TIMESCALE, VideoSamples, video_times

UNITS = 10_000
"""Timestamps in a second."""

_VIDEO, _AUDIO = 1, 2
_NS = 1_000_000_000
_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)
_FURTHEST = 32_000
_MICROSECOND = timedelta(microseconds=1)
_APP = "onvif-web-viewer"
_KEY = 0x80
_BLOCK_HEAD = struct.Struct(">BIBhB")  # id, size in four bytes, track in one, place, flags
_BLOCK_FIELDS = 4  # bytes of the content that are not the frame's
_CODEC_IDS = {"avc1": "V_MPEG4/ISO/AVC", "hvc1": "V_MPEGH/ISO/HEVC"}
SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
_SEEK_HEAD, _INFO, _TRACKS, _CHAPTERS, _CUES = 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1043A770, 0x1C53BB6B


@dataclass(frozen=True, slots=True)
class MkvNames:
    """Titles for players: `title` of the file, and `mark` of the chapter that begins with the range."""

    title: str
    mark: str


@dataclass(frozen=True, slots=True)
class WrittenMkv:
    size_bytes: int
    sha256: str


class _Block(NamedTuple):
    """One frame or unit of audio. `at`: its timestamp."""

    track: int
    at: int
    size: int
    is_key: bool


class _Cluster(NamedTuple):
    at: int
    size_bytes: int
    has_key: bool


class MkvWriter:
    """One file of one stretch of video, from its first frame on. Times are in seconds since 1970.

    `audio` has the same clock; units before the first frame are left out. `marked_s`: the start of the range, where
    the file has a chapter. `created_utc`: the true time of the first frame.
    """

    def __init__(
        self,
        track: Track,
        video: VideoSamples,
        audio: AudioUnits | None,
        names: MkvNames,
        *,
        marked_s: float,
        created_utc: datetime,
    ) -> None:
        self._track = track
        self._video = video
        self._audio = audio
        self._names = names
        self._origin_s = video.times_s[0]
        self._mark_s = max(0.0, marked_s - self._origin_s)
        self._created_utc = created_utc
        self._decoding = video_times(video).decoding
        self._clusters = [
            _Cluster(
                blocks[0].at,
                sum(_block_bytes(one) for one in blocks),
                blocks[0].track == _VIDEO and blocks[0].is_key,
            )
            for blocks in self._grouped()
        ]

    def write(self, target: BinaryIO, sources: Sequence[Sequence[Path]], check: Callable[[], None]) -> WrittenMkv:
        """Write the file. `sources`: for each track the files with its frames or units, one behind the other.

        `check` is called for each cluster and may raise an error, which ends the writing. Raise EOFError if the
        sources are shorter than the tables.
        """
        digest = hashlib.sha256()
        written = 0

        def put(data: bytes) -> None:
            nonlocal written
            target.write(data)
            digest.update(data)
            written += len(data)

        put(self.head())
        readers = [JoinedFiles(paths) for paths in sources]
        try:
            for cluster, blocks in zip(self._clusters, self._grouped(), strict=True):
                check()
                parts = [_cluster_head(cluster)]
                for one in blocks:
                    place = one.at - cluster.at
                    size = 0x10000000 | _BLOCK_FIELDS + one.size
                    parts.append(_BLOCK_HEAD.pack(0xA3, size, 0x80 | one.track, place, _KEY if one.is_key else 0))
                    parts += map(bytes, readers[one.track - 1].read(one.size))
                put(b"".join(parts))
        finally:
            for reader in readers:
                reader.close()
        return WrittenMkv(written, digest.hexdigest())

    def head(self) -> bytes:
        """Return everything before the clusters."""
        brand = (unsigned(0x4286, 1), unsigned(0x42F7, 1), unsigned(0x42F2, 4), unsigned(0x42F3, 8))
        ebml = element(0x1A45DFA3, *brand, text(0x4282, "matroska"), unsigned(0x4287, 4), unsigned(0x4285, 2))
        tables = [(_INFO, self._info()), (_TRACKS, self._tracks()), (_CHAPTERS, self._chapters())]
        # The places of clusters follow from the length of the tables, which the places do not change.
        length = len(_seek_head([*tables, (_CUES, self._cues(0))]))
        length += sum(len(table) for _, table in tables) + len(self._cues(0))
        tables.append((_CUES, self._cues(length)))
        inside = _seek_head(tables) + b"".join(table for _, table in tables)
        clusters_bytes = sum(len(_cluster_head(one)) + one.size_bytes for one in self._clusters)
        return ebml + id_bytes(SEGMENT) + long_size(len(inside) + clusters_bytes) + inside

    # ---- tables ----------------------------------------------------------------------------------

    def _info(self) -> bytes:
        return element(
            _INFO,
            unsigned(0x2AD7B1, _NS // UNITS),
            real(0x4489, float(self._at(self._video.end_s))),
            signed8(0x4461, (self._created_utc - _EPOCH) // _MICROSECOND * 1000),
            text(0x7BA9, self._names.title),
            text(0x4D80, _APP),
            text(0x5741, _APP),
        )

    def _tracks(self) -> bytes:
        track = self._track
        video = element(
            0xAE,
            *(unsigned(0xD7, _VIDEO), unsigned(0x73C5, _VIDEO), unsigned(0x83, 1), unsigned(0x9C, 0)),
            text(0x86, _CODEC_IDS[track.codec_string[:4]]),
            element(0x63A2, track.config),
            element(0xE0, unsigned(0xB0, track.width), unsigned(0xBA, track.height)),
        )
        if self._audio is None:
            return element(_TRACKS, video)
        described = self._audio.description
        audio = element(
            0xAE,
            *(unsigned(0xD7, _AUDIO), unsigned(0x73C5, _AUDIO), unsigned(0x83, 2), unsigned(0x9C, 0)),
            text(0x86, described.codec_id),
            element(0x63A2, described.private) if described.private else b"",
            unsigned(0x56BB, described.pre_roll_ns) if described.pre_roll_ns else b"",
            element(
                0xE1,
                real(0xB5, described.rate),
                unsigned(0x9F, described.channels),
                unsigned(0x6264, described.bits) if described.bits else b"",
            ),
        )
        return element(_TRACKS, video, audio)

    def _chapters(self) -> bytes:
        name = element(0x80, text(0x85, self._names.mark), text(0x437C, "und"))
        chapter = element(0xB6, unsigned(0x73C4, 1), unsigned(0x91, round(self._mark_s * 1_000_000) * 1000), name)
        return element(_CHAPTERS, element(0x45B9, chapter))

    def _cues(self, tables_bytes: int) -> bytes:
        points = []
        place = tables_bytes
        for one in self._clusters:
            if one.has_key:
                positions = element(0xB7, unsigned(0xF7, _VIDEO), unsigned8(0xF1, place))
                points.append(element(0xBB, unsigned8(0xB3, one.at), positions))
            place += len(_cluster_head(one)) + one.size_bytes
        return element(_CUES, *points)

    # ---- clusters --------------------------------------------------------------------------------

    def _grouped(self) -> Iterator[list[_Block]]:
        """Yield the blocks of each cluster. An hour has too many blocks to keep them all."""
        blocks: list[_Block] = []
        for one in self._blocks():
            is_new = one.track == _VIDEO and one.is_key
            if blocks and (is_new or not -_FURTHEST < one.at - blocks[0].at < _FURTHEST):
                yield blocks
                blocks = []
            blocks.append(one)
        if blocks:
            yield blocks

    def _blocks(self) -> Iterator[_Block]:
        """Yield frames in decoding order, and before each one the audio that a player needs until then."""
        units = self._audio_blocks()
        unit = next(units, None)
        rows = zip(self._decoding, self._video.times_s, self._video.sizes, self._video.keys, strict=True)
        for decoded, time_s, size, is_key in rows:
            due = decoded * UNITS // TIMESCALE
            while unit is not None and unit.at < due:
                yield unit
                unit = next(units, None)
            yield _Block(_VIDEO, max(0, self._at(time_s)), size, bool(is_key))
        if unit is not None:
            yield unit
            yield from units

    def _audio_blocks(self) -> Iterator[_Block]:
        if self._audio is not None:
            for time_s, size in zip(self._audio.times_s, self._audio.sizes, strict=True):
                yield _Block(_AUDIO, max(0, self._at(time_s)), size, is_key=True)

    def _at(self, time_s: float) -> int:
        return round((time_s - self._origin_s) * UNITS)


def _block_bytes(one: _Block) -> int:
    return _BLOCK_HEAD.size + one.size


def _cluster_head(cluster: _Cluster) -> bytes:
    stamp = unsigned8(0xE7, cluster.at)
    return id_bytes(CLUSTER) + long_size(len(stamp) + cluster.size_bytes) + stamp


def _seek_head(tables: Sequence[tuple[int, bytes]]) -> bytes:
    """Return the places of the tables, which follow it in this order."""
    length = len(_seek_entries(tables, 0))
    return _seek_entries(tables, length)


def _seek_entries(tables: Sequence[tuple[int, bytes]], place: int) -> bytes:
    entries = []
    for table_id, table in tables:
        entries.append(element(0x4DBB, element(0x53AB, id_bytes(table_id)), unsigned8(0x53AC, place)))
        place += len(table)
    return element(_SEEK_HEAD, *entries)
