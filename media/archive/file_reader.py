"""An archive file: its description, its fragments by time, and their access units.

A closed file has its index at the end; the fragments of an open one, or of one that a crash left behind, are found one
after the other by their heads.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from media.archive.byte_source import ByteSource, DiskBytes
from media.archive.fragment_boxes import (
    PRFT_BYTES,
    FragmentHead,
    StoredRun,
    head_bytes,
    is_leading,
    is_sync,
    read_head,
)
from media.archive.fragment_index import TAIL_BYTES, Fragment, index_bytes, read_index
from media.archive.tracks import VIDEO_TIMESCALE, StoredTracks, read_tracks
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.fmp4.tracks import AUDIO_ID, VIDEO_ID
from media.units import UnitDescription

_MOST_INIT_BYTES = 1024 * 1024
_FIRST_READ_BYTES = 4096  # nearly every head is shorter
_LENGTH_BYTES = 4


class ArchiveFileError(ValueError):
    """A file, or a part of one, that is damaged or of another writer."""


@dataclass(frozen=True, slots=True)
class FragmentIndex:
    """The index of a file, and its place."""

    offset: int
    fragments: tuple[Fragment, ...]


class ArchiveFile:
    """One file, open for reading. `good_bytes`: the reader takes no byte behind it; None for all of the file.

    For the threads of one reader at a time. Raises ArchiveFileError and OSError.
    """

    def __init__(self, source: ByteSource, good_bytes: int | None = None) -> None:
        self._source = source
        self._limit_bytes = good_bytes
        self._fragments: list[Fragment] = []
        self._starts_ms: list[int] = []
        self._is_indexed = False
        self.init_section = self._read_init()
        self._tracks = self._read_tracks()

    @classmethod
    def open(cls, path: Path, good_bytes: int | None = None) -> Self:
        """Open a file. Raises ArchiveFileError if it has no readable description, OSError if it cannot be opened."""
        return cls.of_source(DiskBytes(path), good_bytes)

    @classmethod
    def of_source(cls, source: ByteSource, good_bytes: int | None = None) -> Self:
        """Return the file with these bytes. Raises ArchiveFileError or the source's error, after closing the source."""
        try:
            return cls(source, good_bytes)
        except BaseException:
            source.close()
            raise

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def description(self) -> UnitDescription:
        return self._tracks.description

    def extend(self, good_bytes: int) -> None:
        """Let the reader take the bytes up to here, of a file that is still being written."""
        self._limit_bytes = good_bytes

    # -- fragments ---------------------------------------------------------------------------------

    def fragments(self) -> Sequence[Fragment]:
        """Return the fragments in the order of the file. Of an open file, those that are there by now."""
        if not self._fragments and (index := self.index()):
            self._is_indexed = True
            self._append(index.fragments)
        elif not self._is_indexed:
            self._append(list(self.walk(self._fragments[-1].end_offset if self._fragments else 0)))
        return self._fragments

    def fragment_at(self, utc_ms: int) -> int:
        """Return the number of the fragment with which playing from this time begins: the last one that begins with a
        key frame and is not later, otherwise the first one. Raises ArchiveFileError if the file has none."""
        fragments = self.fragments()
        if not fragments:
            raise ArchiveFileError("a file without fragments")
        number = max(0, bisect_right(self._starts_ms, utc_ms) - 1)
        while number > 0 and not fragments[number].is_key:
            number -= 1
        return number

    def index(self) -> FragmentIndex | None:
        """Return the index at the end of the file; None if it has no whole one."""
        size = self._size()
        length = index_bytes(self.read_bytes(size - TAIL_BYTES, TAIL_BYTES)) if size > TAIL_BYTES else 0
        if not 0 < length <= size - len(self.init_section):
            return None
        try:
            return FragmentIndex(size - length, read_index(self.read_bytes(size - length, length)))
        except ValueError:
            return None

    def walk(self, from_byte: int = 0) -> Iterator[Fragment]:
        """Yield the fragments by their heads, up to one that is damaged or not complete.

        `from_byte`: the end of a fragment; 0 for the first one.
        """
        place = max(from_byte, len(self.init_section))
        size = self._size()
        while place < size:
            try:
                fragment = fragment_of(self._head(place), place)
            except ArchiveFileError:
                return
            if fragment.end_offset > size:
                return
            yield fragment
            place = fragment.end_offset

    def _append(self, fragments: Sequence[Fragment]) -> None:
        self._fragments += fragments
        latest = self._starts_ms[-1] if self._starts_ms else 0
        for fragment in fragments:
            latest = max(latest, fragment.start_utc_ms)  # a clock that is set back must not mislead the search
            self._starts_ms.append(latest)

    # -- units -------------------------------------------------------------------------------------

    def read_fragment(self, fragment: Fragment) -> bytes:
        """Return the bytes of a fragment, as MediaSource takes them after the init section."""
        data = self.read_bytes(fragment.offset, fragment.size_bytes)
        if len(data) != fragment.size_bytes:
            raise ArchiveFileError("the fragment is not complete")
        return data

    def read_units(self, fragment: Fragment) -> tuple[AccessUnit, ...]:
        """Return the units of a fragment: frames in decoding order, and audio between them by its time.

        `device_s` is UTC; `ticks` count from 1970, so they are comparable between files. Key frames have all parameter
        sets.
        """
        data = self.read_fragment(fragment)
        head = _checked(data)
        video = list(self._video_units(data, head))
        audio = list(self._audio_units(data, head))
        return tuple(_merged(video, audio)) if audio else tuple(video)

    def read_key_frame(self, fragment: Fragment) -> AccessUnit:
        """Return the first frame of a fragment that begins with a key frame; its other frames are not read."""
        head = self._head(fragment.offset)
        stored = _video_run(head)
        size = stored.run.sizes[0]
        data = self.read_bytes(fragment.offset + PRFT_BYTES + stored.place, size)
        if len(data) != size or not is_sync(stored.run.flags[0]):
            raise ArchiveFileError("no key frame begins the fragment")
        shown = stored.run.start + (stored.run.shifts[0] if stored.run.shifts else 0)
        return self._frame(_split(data, 0, size), head, shown, stored.run.flags[0])

    def _video_units(self, data: bytes, head: FragmentHead) -> Iterator[AccessUnit]:
        stored = _video_run(head)
        run = stored.run
        place, time = PRFT_BYTES + stored.place, run.start
        shifts = run.shifts or [0] * len(run.sizes)
        for size, duration, flags, shift in zip(run.sizes, run.durations, run.flags, shifts, strict=True):
            yield self._frame(_split(data, place, place + size), head, time + shift, flags)
            place += size
            time += duration

    def _frame(self, parts: tuple[bytes, ...], head: FragmentHead, shown: int, flags: int) -> AccessUnit:
        since = shown - head.time.media_time
        is_key = is_sync(flags)
        return AccessUnit(
            VIDEO,
            parts,
            round(head.time.utc_s * VIDEO_TIMESCALE) + since,
            VIDEO_TIMESCALE,
            is_key=is_key,
            device_s=head.time.utc_s + since / VIDEO_TIMESCALE,
            is_leading=is_leading(flags),
            parameter_sets=self.description.parameter_sets if is_key else (),
        )

    def _audio_units(self, data: bytes, head: FragmentHead) -> Iterator[AccessUnit]:
        stored = head.run_of(AUDIO_ID)
        rate = self._tracks.audio_timescale
        if stored is None or not rate:
            return
        place, time = PRFT_BYTES + stored.place, stored.run.start
        origin_s = head.time.utc_s - head.time.media_time / VIDEO_TIMESCALE
        origin = round(origin_s * rate)
        for size, duration in zip(stored.run.sizes, stored.run.durations, strict=True):
            yield AccessUnit(
                AUDIO,
                (data[place : place + size],),
                origin + time,
                rate,
                is_key=True,
                device_s=origin_s + time / rate,
            )
            place += size
            time += duration

    # -- bytes -------------------------------------------------------------------------------------

    def _read_init(self) -> bytes:
        data = b""
        for kind in (b"ftyp", b"moov"):
            head = self.read_bytes(len(data), 8)
            size = int.from_bytes(head[:4], "big")
            if head[4:] != kind or not 8 <= size <= _MOST_INIT_BYTES:
                raise ArchiveFileError("the file does not begin like an archive file")
            data += self.read_bytes(len(data), size)
        return data

    def _read_tracks(self) -> StoredTracks:
        moov_begins = int.from_bytes(self.init_section[:4], "big") + 8
        try:
            return read_tracks(memoryview(self.init_section)[moov_begins:])
        except ValueError as error:
            raise ArchiveFileError("the file's description is damaged") from error

    def _head(self, place: int) -> FragmentHead:
        data = self.read_bytes(place, _FIRST_READ_BYTES)
        try:
            if (size := head_bytes(data)) > len(data):
                data += self.read_bytes(place + len(data), size - len(data))
            return read_head(data)
        except ValueError as error:
            raise ArchiveFileError("the head of a fragment is damaged") from error

    def _size(self) -> int:
        size = self._source.size()
        return size if self._limit_bytes is None else min(size, self._limit_bytes)

    def read_bytes(self, place: int, length: int) -> bytes:
        """Return the bytes from `place` on; fewer than `length` at the end of the file or of its good bytes."""
        if self._limit_bytes is not None:
            length = min(length, self._limit_bytes - place)
        return self._source.read(place, length) if length > 0 else b""


def fragment_of(head: FragmentHead, place: int) -> Fragment:
    """Return the fragment whose head stands at this place. Raises ArchiveFileError if it has no frames."""
    run = _video_run(head).run
    start_ms = round(head.time.utc_s * 1000)
    end_ms = round((head.time.utc_s + run.length / VIDEO_TIMESCALE) * 1000)
    return Fragment(place, head.size_bytes, start_ms, end_ms, is_sync(run.flags[0]), run.start)


def _video_run(head: FragmentHead) -> StoredRun:
    stored = head.run_of(VIDEO_ID)
    if stored is None:
        raise ArchiveFileError("a fragment without frames")
    return stored


def _checked(data: bytes) -> FragmentHead:
    """Return the head of a fragment. Raises ArchiveFileError if the samples of its runs do not lie inside it."""
    try:
        head = read_head(data[: head_bytes(data)])
    except ValueError as error:
        raise ArchiveFileError("a damaged fragment") from error
    for stored in head.runs:
        if PRFT_BYTES + stored.place < head.head_bytes or PRFT_BYTES + stored.place + stored.run.size_bytes > len(data):
            raise ArchiveFileError("a damaged fragment")
    return head


def _split(data: bytes, begin: int, end: int) -> tuple[bytes, ...]:
    """Return the NAL units of the frame data[begin:end], each with its length in four bytes before it."""
    parts = []
    place = begin
    while place < end:
        begin = place + _LENGTH_BYTES
        place = begin + int.from_bytes(data[place:begin], "big")
        if not begin < place <= end:
            raise ArchiveFileError("a damaged frame")
        parts.append(data[begin:place])
    return tuple(parts)


def _merged(video: Sequence[AccessUnit], audio: Sequence[AccessUnit]) -> Iterator[AccessUnit]:
    """Yield the frames in their order, and each piece of audio before the first frame that is later."""
    place = 0
    yield video[0]
    latest_s = video[0].device_s or 0.0
    for unit in video[1:]:
        latest_s = max(latest_s, unit.device_s or 0.0)
        while place < len(audio) and (audio[place].device_s or 0.0) < latest_s:
            yield audio[place]
            place += 1
        yield unit
    yield from audio[place:]
