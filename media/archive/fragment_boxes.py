"""The head of a fragment: prft and moof (ISO/IEC 14496-12 sections 8.16.5 and 8.8), written and read.

A field that is equal in all samples of a run stands once, in tfhd. So a picture takes 8 bytes, and a packet of G.711
none.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from media.fmp4.boxes import box_in, boxes_in

KEY, NOT_KEY = 0x0200_0000, 0x0101_0000  # sample_depends_on 2, and 1 with sample_is_non_sync_sample
_NON_SYNC, _LEADING_MASK = 0x0001_0000, 0x0C00_0000
LEADING = NOT_KEY | 0x0400_0000  # is_leading 1: not decodable without frames before the key frame
PRFT_BYTES = 32
_PRFT = struct.Struct(">I4sIIQQ")
_PRFT_FLAGS = 1 << 24 | 24  # version 1; 24: the time of the capture, by a clock that all tracks share
_NTP_EPOCH_S = 2_208_988_800  # seconds from 1900 to 1970
_NTP_ERA_S = 1 << 32
_MOOF_HEAD = struct.Struct(">I4sI4sII")
_TRAF_HEAD = struct.Struct(">I4sI4sII")  # of traf, and tfhd up to the track's number
_TFDT = struct.Struct(">I4sIQ")
_TRUN = struct.Struct(">I4sIIi")
_TRUN_FIELDS_BYTES = 12  # of trun without its header: flags, count, place of the first sample
_BASE_IS_MOOF = 0x02_0000
_DEFAULT_DURATION, _DEFAULT_SIZE, _DEFAULT_FLAGS = 0x8, 0x10, 0x20
_OPTIONAL_BEFORE = 0x1 | 0x2  # base_data_offset and sample_description_index, which we never write
_MOST_MOOF_BYTES, _MOST_SAMPLES = 1024 * 1024, 65_536  # beyond what groups.py lets into a fragment
_HAS_OFFSET, _FIRST_FLAGS = 0x1, 0x4
_DURATIONS, _SIZES, _FLAGS, _SHIFTS = 0x100, 0x200, 0x400, 0x800


@dataclass(slots=True)
class SampleRun:
    """Samples of one track in decoding order. `start`: the decoding time of the first one.

    `shifts`: presentation minus decoding time; empty: all 0. Times are in units of the track's timescale.
    """

    track_id: int
    start: int
    sizes: Sequence[int]
    durations: Sequence[int]
    flags: Sequence[int]
    shifts: Sequence[int] = ()

    @property
    def size_bytes(self) -> int:
        return sum(self.sizes)

    @property
    def length(self) -> int:
        return sum(self.durations)


@dataclass(frozen=True, slots=True)
class ProducerTime:
    """UTC at a time of the video track (section 8.16.5)."""

    utc_s: float
    media_time: int


def is_sync(flags: int) -> bool:
    return not flags & _NON_SYNC


def is_leading(flags: int) -> bool:
    return bool(flags & _LEADING_MASK)


# -- writing ---------------------------------------------------------------------------------------


def fragment_head(number: int, time: ProducerTime, runs: Sequence[SampleRun], trailer_bytes: int) -> bytes:
    """Return prft, moof and the header of mdat, in which the samples of the runs follow, and then a trailer."""
    trafs = [_Traf(run) for run in runs]
    moof_bytes = _MOOF_HEAD.size + sum(traf.size_bytes for traf in trafs)
    parts = [_prft(runs[-1].track_id, time), _MOOF_HEAD.pack(moof_bytes, b"moof", 16, b"mfhd", 0, number)]
    place = moof_bytes + 8
    for traf, run in zip(trafs, runs, strict=True):
        parts.append(traf.packed(place))
        place += run.size_bytes
    parts.append(struct.pack(">I4s", place - moof_bytes + trailer_bytes, b"mdat"))
    return b"".join(parts)


def _prft(track_id: int, time: ProducerTime) -> bytes:
    whole = int(time.utc_s // 1)
    ntp = (whole + _NTP_EPOCH_S) % _NTP_ERA_S << 32 | min(int((time.utc_s - whole) * _NTP_ERA_S), _NTP_ERA_S - 1)
    return _PRFT.pack(PRFT_BYTES, b"prft", _PRFT_FLAGS, track_id, ntp, time.media_time)


class _Traf:
    """The traf of one run, complete but for the place of its samples."""

    def __init__(self, run: SampleRun) -> None:
        tfhd_flags, defaults = _BASE_IS_MOOF, []
        self._trun_flags = _HAS_OFFSET
        columns: list[Sequence[int]] = []
        for default, each, values in (
            (_DEFAULT_DURATION, _DURATIONS, run.durations),
            (_DEFAULT_SIZE, _SIZES, run.sizes),
        ):
            if _is_uniform(values):
                tfhd_flags |= default
                defaults.append(values[0])
            else:
                self._trun_flags |= each
                columns.append(values)
        self._first_flags = b""
        tfhd_flags |= _DEFAULT_FLAGS
        defaults.append(run.flags[-1])
        if not _is_uniform(run.flags[1:]):
            self._trun_flags |= _FLAGS
            columns.append(run.flags)
        elif run.flags[0] != run.flags[-1]:
            self._trun_flags |= _FIRST_FLAGS
            self._first_flags = struct.pack(">I", run.flags[0])
        if any(run.shifts):
            self._trun_flags |= _SHIFTS
            columns.append([shift & 0xFFFF_FFFF for shift in run.shifts])
        self._count = len(run.sizes)
        self._table = _interleaved(columns, self._count)
        self._trun_bytes = _TRUN.size + len(self._first_flags) + len(self._table)
        tfhd_bytes = 16 + 4 * len(defaults)
        self.size_bytes = 8 + tfhd_bytes + _TFDT.size + self._trun_bytes
        self._head = b"".join(
            (
                _TRAF_HEAD.pack(self.size_bytes, b"traf", tfhd_bytes, b"tfhd", tfhd_flags, run.track_id),
                struct.pack(f">{len(defaults)}I", *defaults),
                _TFDT.pack(_TFDT.size, b"tfdt", 1 << 24, run.start),
            )
        )

    def packed(self, place: int) -> bytes:
        """Return the box. `place`: of the first sample, from the start of moof."""
        trun = _TRUN.pack(self._trun_bytes, b"trun", 1 << 24 | self._trun_flags, self._count, place)
        return b"".join((self._head, trun, self._first_flags, self._table))


def _is_uniform(values: Sequence[int]) -> bool:
    return not values or values.count(values[0]) == len(values)


def _interleaved(columns: Sequence[Sequence[int]], count: int) -> bytes:
    """Return the rows of a table of unsigned 32-bit numbers, big-endian."""
    table = array("I", bytes(4 * count * len(columns)))
    for index, column in enumerate(columns):
        table[index :: len(columns)] = array("I", column)
    if sys.byteorder == "little":
        table.byteswap()
    return table.tobytes()


# -- reading ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run, and the place of its samples from the start of moof."""

    run: SampleRun
    place: int


@dataclass(frozen=True, slots=True)
class FragmentHead:
    """`head_bytes`: prft, moof and the header of mdat; `data_bytes`: the content of mdat."""

    time: ProducerTime
    runs: tuple[StoredRun, ...]
    head_bytes: int
    data_bytes: int

    @property
    def size_bytes(self) -> int:
        return self.head_bytes + self.data_bytes

    def run_of(self, track_id: int) -> StoredRun | None:
        """Return the run of a track; None if the fragment has none."""
        return next((stored for stored in self.runs if stored.run.track_id == track_id), None)


def head_bytes(data: bytes) -> int:
    """Return the length of the head of which `data` are the first PRFT_BYTES + 8 bytes, or more.

    Raises ValueError if no fragment begins here.
    """
    if len(data) < PRFT_BYTES + 8 or data[:8] != b"\0\0\0\x20prft" or data[PRFT_BYTES + 4 : PRFT_BYTES + 8] != b"moof":
        raise ValueError("no fragment begins here")
    moof_bytes = int.from_bytes(data[PRFT_BYTES : PRFT_BYTES + 4], "big")
    if not _MOOF_HEAD.size <= moof_bytes <= _MOST_MOOF_BYTES:
        raise ValueError("a moof of another size than ours")
    return PRFT_BYTES + moof_bytes + 8


def read_head(data: bytes) -> FragmentHead:
    """Read a head of the length that head_bytes() states. Raises ValueError if it is damaged."""
    size = head_bytes(data)
    if len(data) < size:
        raise ValueError("the head is not complete")
    mdat_bytes, kind = struct.unpack_from(">I4s", data, size - 8)
    if kind != b"mdat" or mdat_bytes < 8:
        raise ValueError("no mdat follows")
    *_, ntp, media_time = _PRFT.unpack_from(data)
    try:
        runs = tuple(_stored_run(traf) for traf in boxes_in(memoryview(data)[PRFT_BYTES + 8 : size - 8], b"traf"))
    except (struct.error, KeyError) as error:
        raise ValueError("a damaged moof") from error
    return FragmentHead(ProducerTime(_utc_s(ntp), media_time), runs, size, mdat_bytes - 8)


def _utc_s(ntp: int) -> float:
    """Return seconds since 1970. NTP counts from 1900 again from 2036 on (RFC 4330 section 3)."""
    whole = ntp >> 32
    era_s = 0 if whole & 0x8000_0000 else _NTP_ERA_S
    return whole + era_s - _NTP_EPOCH_S + (ntp & 0xFFFF_FFFF) / _NTP_ERA_S


def _stored_run(traf: memoryview) -> StoredRun:
    tfhd, tfdt, trun = (box_in(traf, kind) for kind in (b"tfhd", b"tfdt", b"trun"))
    (track_id,) = struct.unpack_from(">I", tfhd, 4)
    (start,) = struct.unpack_from(">Q", tfdt, 4)
    flags, count, data_place = struct.unpack_from(">IIi", trun)
    if not 0 < count <= _MOST_SAMPLES:
        raise ValueError("a trun with another number of samples than ours")
    defaults = _defaults(tfhd)
    place = _TRUN_FIELDS_BYTES
    first_flags = None
    if flags & _FIRST_FLAGS:
        (first_flags,) = struct.unpack_from(">I", trun, place)
        place += 4
    columns = _columns(trun[place:], flags, count)
    durations, sizes, sample_flags = (
        columns[each] if each in columns else array("I", [defaults[default]]) * count
        for each, default in ((_DURATIONS, _DEFAULT_DURATION), (_SIZES, _DEFAULT_SIZE), (_FLAGS, _DEFAULT_FLAGS))
    )
    if first_flags is not None:
        sample_flags[0] = first_flags
    shifts = [shift - (shift >> 31 << 32) for shift in columns.get(_SHIFTS, ())]
    return StoredRun(SampleRun(track_id, start, sizes, durations, sample_flags, shifts), data_place)


def _defaults(tfhd: memoryview) -> dict[int, int]:
    """Return the fields that all samples share, by their flags."""
    (flags,) = struct.unpack_from(">I", tfhd)
    if flags & _OPTIONAL_BEFORE:
        raise ValueError("a tfhd of another writer")
    present = [flag for flag in (_DEFAULT_DURATION, _DEFAULT_SIZE, _DEFAULT_FLAGS) if flags & flag]
    return dict(zip(present, struct.unpack_from(f">{len(present)}I", tfhd, 8), strict=True))


def _columns(table: memoryview, trun_flags: int, count: int) -> dict[int, array[int]]:
    """Return the fields that each sample has of its own, by their flags."""
    present = [flag for flag in (_DURATIONS, _SIZES, _FLAGS, _SHIFTS) if trun_flags & flag]
    numbers = array("I", bytes(table[: 4 * count * len(present)]))
    if len(numbers) != count * len(present):
        raise ValueError("a damaged trun")
    if sys.byteorder == "little":
        numbers.byteswap()
    return {flag: numbers[index :: len(present)] for index, flag in enumerate(present)}
