"""Init sections and fragments (ISO/IEC 14496-12 sections 8.8 and 8.16)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from media.fmp4.boxes import box, full_box, u16, u32
from media.fmp4.tracks import Track, smhd_box, vmhd_box

_MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_KEY, _NOT_KEY = 0x02000000, 0x01010000  # sample_depends_on 2, and 1 with sample_is_non_sync_sample
_SIZES, _FLAGS, _DURATIONS, _OFFSETS = 0x200, 0x400, 0x100, 0x800
_BASE_IS_MOOF = 0x020000
_SHARED_BYTES = 1024  # a smaller NAL unit is copied: a piece of its own would cost more


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame of video or audio. `duration` and `offset` (presentation minus decoding) are in track time units."""

    data: bytes
    duration: int
    is_key: bool = True
    offset: int = 0


@dataclass(frozen=True, slots=True)
class TrackRun:
    """Samples without gaps between them. `start`: decoding time of the first one."""

    track: Track
    start: int
    samples: Sequence[Sample]


def init_section(tracks: Sequence[Track], user_data: bytes = b"") -> bytes:
    """Return ftyp and moov: the tracks, without samples, and maybe a box of the content for `udta`."""
    brands = box(b"ftyp", b"iso5", u32(512), b"iso5", b"iso6", b"mp41")
    head = full_box(
        b"mvhd", 0, 0, u32(0, 0, 1000, 0, 0x10000), u16(0x100, 0), bytes(8), _MATRIX, bytes(24), u32(len(tracks) + 1)
    )
    extends = [full_box(b"trex", 0, 0, u32(track.track_id, 1, 0, 0, 0)) for track in tracks]
    own = [box(b"udta", user_data)] if user_data else []
    return brands + box(b"moov", head, *map(_trak, tracks), box(b"mvex", *extends), *own)


def _trak(track: Track) -> bytes:
    volume = 0 if track.is_video else 0x100
    head = full_box(
        b"tkhd",
        0,
        3,
        u32(0, 0, track.track_id, 0, 0),
        bytes(8),
        u16(0, 0, volume, 0),
        _MATRIX,
        u32(track.width << 16, track.height << 16),
    )
    media_head = full_box(b"mdhd", 0, 0, u32(0, 0, track.timescale, 0), u16(0x55C4, 0))
    kind, name = (b"vide", b"Video\0") if track.is_video else (b"soun", b"Sound\0")
    handler = full_box(b"hdlr", 0, 0, bytes(4), kind, bytes(12), name)
    data = box(b"dinf", full_box(b"dref", 0, 0, u32(1), full_box(b"url ", 0, 1)))
    table = box(
        b"stbl",
        full_box(b"stsd", 0, 0, u32(1), track.sample_entry),
        full_box(b"stts", 0, 0, u32(0)),
        full_box(b"stsc", 0, 0, u32(0)),
        full_box(b"stsz", 0, 0, u32(0, 0)),
        full_box(b"stco", 0, 0, u32(0)),
    )
    information = box(b"minf", vmhd_box() if track.is_video else smhd_box(), data, table)
    return box(b"trak", head, box(b"mdia", media_head, handler, information))


def fragment(sequence_number: int, runs: Sequence[TrackRun]) -> bytes:
    """Return moof and mdat of these runs; those without samples are left out. Raises ValueError without any sample.

    Live streams need hundreds per second of one frame each: so sizes are computed first and boxes packed in one step.
    """
    if len(runs) == 1 and len(runs[0].samples) == 1 and not runs[0].samples[0].offset:
        return _frame_fragment(sequence_number, runs[0], runs[0].samples[0])
    runs = [run for run in runs if run.samples]
    if not runs:
        raise ValueError("a fragment needs a sample")
    has_offsets = [any(sample.offset for sample in run.samples) for run in runs]
    sizes = [_TRAF.size + _entry(has).size * len(run.samples) for run, has in zip(runs, has_offsets, strict=True)]
    moof_bytes = _MOOF.size + sum(sizes)
    parts = [_MOOF.pack(moof_bytes, b"moof", 16, b"mfhd", 0, sequence_number)]
    content: list[bytes] = []
    position = moof_bytes + 8
    for run, has, size in zip(runs, has_offsets, sizes, strict=True):
        parts.append(_traf(run, position, size, has_offsets=has))
        data = [sample.data for sample in run.samples]
        position += sum(map(len, data))
        content += data
    return b"".join((*parts, (position - moof_bytes).to_bytes(4, "big"), b"mdat", *content))


_MOOF = struct.Struct(">I4sI4sII")  # moof's header, and all of mfhd
_TRAF = struct.Struct(
    ">I4sI4sIII4sIQI4sIIi"
)  # traf's header, tfhd, tfdt (version 1), trun (version 1) up to its samples
_ENTRY = struct.Struct(">III")
_ENTRY_WITH_OFFSET = struct.Struct(">IIIi")


_FRAME = struct.Struct(_MOOF.format + _TRAF.format[1:] + _ENTRY.format[1:] + "I4s")  # up to the content of mdat
_FRAME_MOOF_BYTES = _FRAME.size - 8
_FRAME_TRAF_BYTES = _TRAF.size + _ENTRY.size


def _frame_fragment(sequence_number: int, run: TrackRun, sample: Sample) -> bytes:
    """Return the fragment of one frame that is shown when it is decoded."""
    size = len(sample.data)
    is_key = sample.is_key
    return _frame_head(sequence_number, run.track, run.start, sample.duration, size, is_key=is_key) + sample.data


def frame_fragment(
    sequence_number: int, track: Track, start: int, duration: int, nal_units: Sequence[bytes], *, is_key: bool
) -> tuple[bytes, ...]:
    """Return the pieces of the fragment of one frame that is shown when it is decoded.

    Large NAL units are pieces of their own and not copied, so that all who hold the frame share them.
    """
    size = sum(map(len, nal_units)) + 4 * len(nal_units)
    small = _frame_head(sequence_number, track, start, duration, size, is_key=is_key)
    pieces: list[bytes] = []
    for nal in nal_units:
        small += len(nal).to_bytes(4, "big")
        if len(nal) < _SHARED_BYTES:
            small += nal
        else:
            pieces += (small, nal)
            small = b""
    return (*pieces, small) if small else tuple(pieces)


def _frame_head(sequence_number: int, track: Track, start: int, duration: int, size: int, *, is_key: bool) -> bytes:
    """Return the fragment of one frame of `size` bytes up to the content of mdat."""
    return _FRAME.pack(
        *(_FRAME_MOOF_BYTES, b"moof", 16, b"mfhd", 0, sequence_number),
        *(_FRAME_TRAF_BYTES, b"traf"),
        *(16, b"tfhd", _BASE_IS_MOOF, track.track_id),
        *(20, b"tfdt", 1 << 24, start),
        *(_ENTRY.size + 20, b"trun", 1 << 24 | 1 | _DURATIONS | _SIZES | _FLAGS, 1, _FRAME.size),
        *(duration, size, _KEY if is_key else _NOT_KEY),
        *(size + 8, b"mdat"),
    )


def _entry(has_offsets: bool) -> struct.Struct:
    """Return the layout of a sample in trun: duration, size, flags, and maybe the composition time offset."""
    return _ENTRY_WITH_OFFSET if has_offsets else _ENTRY


def _traf(run: TrackRun, data_offset: int, size: int, *, has_offsets: bool) -> bytes:
    flags = 1 | _DURATIONS | _SIZES | _FLAGS | (_OFFSETS if has_offsets else 0)
    pack = _entry(has_offsets).pack
    count = len(run.samples)
    parts = [
        _TRAF.pack(
            *(size, b"traf"),
            *(16, b"tfhd", _BASE_IS_MOOF, run.track.track_id),
            *(20, b"tfdt", 1 << 24, run.start),
            *(size - _TRAF.size + 20, b"trun", 1 << 24 | flags, count, data_offset),
        )
    ]
    for sample in run.samples:
        fields = (sample.duration, len(sample.data), _KEY if sample.is_key else _NOT_KEY)
        parts.append(pack(*fields, sample.offset) if has_offsets else pack(*fields))
    return b"".join(parts)
