"""Pieces: the part of a range that an export has read so far. A piece ends before a key frame, as a rule.

A piece has three files: the samples of the video, those of the audio, and a table of both. It is whole once its table
exists. The end of the app at any moment leaves whole pieces and remainders, which are removed.
"""

from __future__ import annotations

import base64
import json
import os
import struct
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import AccessUnit
from media.codecs.camera_signature import has_camera_signature
from media.mp4.video import VideoSamples

_HEAD = struct.Struct(">I")
_READ = "read"  # name of an empty file
_BUFFER_BYTES = 256 * 1024  # a system call for each frame costs more than the copy of its bytes


@dataclass(frozen=True, slots=True)
class Formats:
    """The formats of all samples of a file. `audio_config`: AAC's AudioSpecificConfig.

    `audio_left_out`: why there is no audio although the device offers some, as the end of a sentence.
    """

    video: VideoFormat
    audio: AudioFormat | None
    parameter_sets: tuple[bytes, ...]
    audio_config: bytes = b""
    audio_left_out: str = field(default="", compare=False)

    def can_follow(self, before: Formats) -> bool:
        """True if such frames go on in the same file, in which they carry their own parameter sets."""
        one, other = self.video, before.video
        is_same_video = (one.codec, one.width, one.height) == (other.codec, other.width, other.height)
        return is_same_video and (self.audio, self.audio_config) == (before.audio, before.audio_config)


@dataclass(slots=True)
class AudioTable:
    """Times (seconds since 1970) and sizes of the units of recorded audio."""

    times_s: array[float] = field(default_factory=lambda: array("d"))
    sizes: array[int] = field(default_factory=lambda: array("I"))

    def add(self, time_s: float, size: int) -> None:
        self.times_s.append(time_s)
        self.sizes.append(size)

    def cut(self, count: int) -> None:
        del self.times_s[count:], self.sizes[count:]


@dataclass(frozen=True, slots=True)
class PieceNotes:
    """`begins_file`: there is a gap before this piece, or its formats differ from those of the piece before.

    `next_s`: the device's time of the frame that follows the piece. `correction_s`: by which the device's clock was
    ahead of true time when the export began; `zone_s`: the part of it that is a time zone. `sources`: pairs of
    recording token and replay method. `is_signed`: the camera has put signatures into the video. `in_band_from`: the
    index of the first frame from which on key frames carry their parameter sets, because the file has others than those
    of `formats`, too; -1 if none does. `is_audio_converted`: see AccessUnit.is_converted.
    """

    formats: Formats
    begins_file: bool
    correction_s: float
    next_s: float = 0.0
    frames_lost: int = 0
    is_time_confirmed: bool = True
    sources: tuple[tuple[str, str], ...] = ()
    is_signed: bool = False
    in_band_from: int = -1
    zone_s: float = 0.0
    is_audio_converted: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A whole piece. Its tables are read when they are needed."""

    folder: Path
    number: int
    notes: PieceNotes

    @property
    def video_path(self) -> Path:
        return _path(self.folder, self.number, "video")

    @property
    def audio_path(self) -> Path:
        return _path(self.folder, self.number, "audio")

    def tables(self) -> tuple[VideoSamples, AudioTable]:
        return _read(_path(self.folder, self.number, "table"))[1:]

    def audio_units(self) -> Iterator[tuple[float, bytes]]:
        _, audio = self.tables()
        with self.audio_path.open("rb") as file:
            for time_s, size in zip(audio.times_s, audio.sizes, strict=True):
                yield time_s, file.read(size)


class PieceWriter:
    """The piece that is being read. One thread only. Raises OSError."""

    def __init__(self, folder: Path, number: int, notes: PieceNotes) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._number = number
        self.notes = notes
        self.video = VideoSamples()
        self.audio = AudioTable()
        self.size_bytes = 0
        self._video_bytes = 0
        self._frames_lost_at_key = 0
        self._in_band_from_at_key = notes.in_band_from
        self._key_bytes = 0  # of the video, before the last key frame
        self._source: tuple[str, str] | None = None  # of the last frame
        self._video_file = _path(folder, number, "video").open("wb", buffering=_BUFFER_BYTES)
        self._audio_file = _path(folder, number, "audio").open("wb")

    def add_frame(self, unit: AccessUnit, time_s: float, parameter_sets: Sequence[bytes] = ()) -> None:
        """Add a frame, its NAL units with lengths of four bytes. `parameter_sets` stand before it."""
        if unit.is_key:
            self._key_bytes, self._frames_lost_at_key = self._video_bytes, self.notes.frames_lost
            self._in_band_from_at_key = self.notes.in_band_from
        parts: list[bytes] = []
        for part in (*parameter_sets, *unit.parts):
            parts += (_HEAD.pack(len(part)), part)
        size = self._video_file.write(b"".join(parts))
        self.video.add(time_s, size, is_key=unit.is_key)
        self._video_bytes += size
        self.size_bytes += size
        if parameter_sets and self.notes.in_band_from < 0:
            self.notes = replace(self.notes, in_band_from=len(self.video) - 1)
        if unit.frames_dropped_before or not unit.is_time_confirmed:
            self.notes = replace(
                self.notes,
                frames_lost=self.notes.frames_lost + unit.frames_dropped_before,
                is_time_confirmed=self.notes.is_time_confirmed and unit.is_time_confirmed,
            )
        if not self.notes.is_signed and has_camera_signature(unit.parts):
            self.notes = replace(self.notes, is_signed=True)

    def note_source(self, recording_token: str, method: str) -> None:
        """The next frames come from this recording, by this replay method. An empty method is not known yet.

        The method may become known just after the first frames: they follow the answer to PLAY immediately.
        """
        known, unknown = (recording_token, method), (recording_token, "")
        if known == self._source:
            return
        self._source = known
        sources = self.notes.sources
        if known in sources or (not method and any(token == recording_token for token, _ in sources)):
            return
        if unknown in sources:
            sources = tuple(known if source == unknown else source for source in sources)
        else:
            sources = (*sources, known)
        self.notes = replace(self.notes, sources=sources)

    def add_audio(self, data: bytes, time_s: float, *, is_converted: bool = False) -> None:
        if is_converted and not self.notes.is_audio_converted:
            self.notes = replace(self.notes, is_audio_converted=True)
        self._audio_file.write(data)
        self.audio.add(time_s, len(data))
        self.size_bytes += len(data)

    def finish(self, next_s: float) -> Piece:
        """Make the piece whole. `next_s`: the device's time of the frame that follows."""
        return self._finish(next_s)

    def finish_before_last_key(self, next_s: float) -> Piece | None:
        """Make the piece whole without its last GOP, which is not complete. None if nothing is left.

        `next_s`: the device's time of that GOP.
        """
        last_key = self.video.last_key
        if last_key <= 0:
            self.discard()
            return None
        key_s = self.video.times_s[last_key]
        self.video.cut(last_key)
        self._video_file.truncate(self._key_bytes)
        kept = sum(1 for time_s in self.audio.times_s if time_s < key_s)
        self.audio.cut(kept)
        self._audio_file.truncate(sum(self.audio.sizes))
        self.notes = replace(self.notes, frames_lost=self._frames_lost_at_key, in_band_from=self._in_band_from_at_key)
        return self._finish(next_s)

    def discard(self) -> None:
        """Delete the piece, also on a full disk."""
        for file in (self._video_file, self._audio_file):
            with suppress(OSError):  # of the samples that are not written yet
                file.close()
        _remove(self._folder, self._number)

    def _finish(self, next_s: float) -> Piece:
        for file in (self._video_file, self._audio_file):
            file.flush()
            os.fsync(file.fileno())
            file.close()
        self.notes = replace(self.notes, next_s=next_s)
        path = _path(self._folder, self._number, "table")
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            head = json.dumps(_stored(self.notes) | {"frames": len(self.video), "audio": len(self.audio.sizes)})
            file.write(_HEAD.pack(len(head)) + head.encode())
            for column in (self.video.times_s, self.video.sizes, self.audio.times_s, self.audio.sizes):
                column.tofile(file)
            file.write(self.video.keys)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        return Piece(self._folder, self._number, self.notes)


def mark_read(folder: Path, *, is_read: bool = True) -> None:
    """Note whether everything that the recorder has of a stretch is in whole pieces or files."""
    if is_read:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / _READ).touch()
    else:
        (folder / _READ).unlink(missing_ok=True)


def is_read(folder: Path) -> bool:
    return (folder / _READ).is_file()


def whole_pieces(folder: Path) -> list[Piece]:
    """Return the whole pieces of a range, in order, and delete everything behind them."""
    pieces: list[Piece] = []
    while (path := _path(folder, len(pieces), "table")).is_file():
        pieces.append(Piece(folder, len(pieces), _read(path)[0]))
    if folder.is_dir():
        own = {_path(folder, piece.number, kind) for piece in pieces for kind in ("video", "audio", "table")}
        for path in folder.iterdir():
            if path not in own and path.suffix in {".video", ".audio", ".table", ".part"}:
                path.unlink()
    return pieces


def files_of(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Return the pieces of each file to make."""
    found: list[list[Piece]] = []
    for piece in pieces:
        if piece.notes.begins_file or not found:
            found.append([])
        found[-1].append(piece)
    return found


def _path(folder: Path, number: int, kind: str) -> Path:
    return folder / f"{number:05}.{kind}"


def _remove(folder: Path, number: int) -> None:
    for kind in ("video", "audio", "table", "part"):
        _path(folder, number, kind).unlink(missing_ok=True)


def _read(path: Path) -> tuple[PieceNotes, VideoSamples, AudioTable]:
    with path.open("rb") as file:
        stored = json.loads(file.read(_HEAD.unpack(file.read(_HEAD.size))[0]))
        video, audio = VideoSamples(), AudioTable()
        frames, units = stored["frames"], stored["audio"]
        video.times_s.fromfile(file, frames)
        video.sizes.fromfile(file, frames)
        audio.times_s.fromfile(file, units)
        audio.sizes.fromfile(file, units)
        video.keys += file.read(frames)
    return _notes(stored), video, audio


def _stored(notes: PieceNotes) -> dict[str, Any]:
    formats = notes.formats
    return {
        "video": asdict(formats.video),
        "sound": asdict(formats.audio) if formats.audio else None,
        "parameter_sets": [_text(nal) for nal in formats.parameter_sets],
        "audio_config": _text(formats.audio_config),
        "audio_left_out": formats.audio_left_out,
        "begins_file": notes.begins_file,
        "correction_s": notes.correction_s,
        "next_s": notes.next_s,
        "frames_lost": notes.frames_lost,
        "is_time_confirmed": notes.is_time_confirmed,
        "sources": notes.sources,
        "is_signed": notes.is_signed,
        "in_band_from": notes.in_band_from,
        "zone_s": notes.zone_s,
        "is_audio_converted": notes.is_audio_converted,
    }


def _notes(stored: dict[str, Any]) -> PieceNotes:
    formats = Formats(
        VideoFormat(**stored["video"]),
        AudioFormat(**stored["sound"]) if stored["sound"] else None,
        tuple(base64.b64decode(text) for text in stored["parameter_sets"]),
        base64.b64decode(stored["audio_config"]),
        stored.get("audio_left_out", ""),
    )
    return PieceNotes(
        formats,
        stored["begins_file"],
        stored["correction_s"],
        stored["next_s"],
        stored["frames_lost"],
        stored["is_time_confirmed"],
        tuple((token, method) for token, method in stored.get("sources", ())),
        stored.get("is_signed", False),
        stored.get("in_band_from", -1),
        stored.get("zone_s", 0.0),
        stored.get("is_audio_converted", False),
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
