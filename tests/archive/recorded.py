"""An archive with footage: files on a volume, and their rows in the index, as the archive's writer makes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archive.index import ArchiveIndex
from archive.records import FileKey, FileState, IndexedFile, IndexedStretch
from archive.volume import MARKER
from core.archive import GapReason, Origin, RecordedQuality, StreamKey
from core.records import AudioFormat, VideoFormat
from media.archive.file_builder import ArchiveFileBuilder
from media.archive.groups import GroupCollector
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.units import UnitDescription
from tests.sessions.replay.thin_recorder import PPS, SPS

FPS = 5
MAIN = StreamKey(1, 1, RecordedQuality.MAIN)
SUB = StreamKey(1, 1, RecordedQuality.SUB)
VOLUME = "7d1c7a4e-3a52-4b0e-9a53-0c2f6d1f1c11"
ALAW = AudioFormat("pcm_alaw", 8000, 1)
Gop = Sequence[tuple[bytes, ...]]


@dataclass
class Footage:
    """Writes footage of made-up frames, with a key frame each second; each frame has its time as text.

    `gop`: the NAL units of the frames of one second instead. `file_s`: length of a file. `volume`: the UUID of
    the volume.
    """

    index: ArchiveIndex
    folder: Path
    sets: tuple[bytes, ...] = (SPS, PPS)
    codec: str = "h264"
    gop: Gop = ()
    file_s: float = 10.0
    picture_bytes: int = 300
    volume: str = VOLUME
    paths: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / MARKER).write_text(json.dumps({"uuid": self.volume}), "utf-8")
        self.volume_id = self.index.note_volume(self.volume, self.folder)

    def record(
        self,
        start_s: float,
        end_s: float,
        stream: StreamKey = MAIN,
        *,
        audio: AudioFormat | None = None,
        indexed_until_s: float | None = None,
        origin: Origin = Origin.SERVER,
        stretch_id: int | None = None,
        reason: GapReason = GapReason.DEVICE_AWAY,
        epoch: int = 0,
    ) -> int:
        """Record [start, end), and return the id of the stretch. `stretch_id`: of the one that it goes on.

        `indexed_until_s`: the last flush; the stretch is then still being recorded, and its last file is open.
        """
        described = UnitDescription(VideoFormat(self.codec, 320, 180, float(FPS)), self.sets, audio)
        stretch_id = stretch_id or self.index.new_stretch_id()
        files: list[IndexedFile] = []
        for parts_of_file in self._files(start_s, end_s, described):
            path_of, data, begin_ms, end_ms = parts_of_file
            is_last = end_ms >= round(end_s * 1000) - 1
            is_open = is_last and indexed_until_s is not None
            key = FileKey(stream, self.volume_id, begin_ms, sum(it.start_ms == begin_ms for it in files))
            path = self.folder / key.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if is_open else data + path_of)
            self.paths.append(path)
            shown_ms = min(end_ms, max(begin_ms, round((indexed_until_s or end_s) * 1000))) if is_open else end_ms
            state = FileState.OPEN if is_open else FileState.CLOSED
            files.append(IndexedFile(key, shown_ms, len(data), stretch_id, state, epoch))
        end_ms = files[-1].end_ms
        end_reason = None if indexed_until_s is not None else reason
        self.index.commit(files, [IndexedStretch(stretch_id, stream, files[0].start_ms, end_ms, origin, end_reason)])
        return stretch_id

    def _files(
        self, start_s: float, end_s: float, described: UnitDescription
    ) -> list[tuple[bytes, bytearray, int, int]]:
        """Return the index, the rest, and the time of each file."""
        found: list[tuple[bytes, bytearray, int, int]] = []
        collector = GroupCollector()
        units, times = self._units(start_s, end_s, described.audio)
        groups = collector.add(units, times)
        last = collector.flush()
        groups += [last] if last is not None else []
        builder: ArchiveFileBuilder | None = None
        data, begins_s, ends_ms = bytearray(), 0.0, 0
        for group in groups:
            if builder is None or (group.is_key and group.utc_s[0] - begins_s >= self.file_s):
                if builder is not None:
                    found.append((builder.index(), data, round(begins_s * 1000), ends_ms))
                builder = ArchiveFileBuilder(described)
                data, begins_s = bytearray(builder.init_section()), group.utc_s[0]
            built = builder.fragment(group.units, group.utc_s, group.end_utc_s)
            data += built.data
            ends_ms = built.end_utc_ms
        assert builder is not None
        return [*found, (builder.index(), data, round(begins_s * 1000), ends_ms)]

    def _units(self, start_s: float, end_s: float, audio: AudioFormat | None) -> tuple[list[AccessUnit], list[float]]:
        units: list[AccessUnit] = []
        times: list[float] = []
        for number in range(round((end_s - start_s) * FPS)):
            at_s = start_s + number / FPS
            units.append(self._frame(number, at_s))
            times.append(at_s)
            if audio is not None:
                units.append(AccessUnit(AUDIO, (f"{at_s:.1f}".encode().ljust(8000 // FPS, b"\xd5"),), 0, 8000))
                times.append(at_s)
        return units, times

    def _frame(self, number: int, at_s: float) -> AccessUnit:
        is_key = number % FPS == 0
        made_up = ((b"\x65" if is_key else b"\x41") + f"{at_s:.1f}|".encode() + bytes(self.picture_bytes),)
        parts = self.gop[number % FPS] if self.gop else made_up
        return AccessUnit(VIDEO, parts, 0, 90_000, is_key=is_key)
