"""Pieces on the disk, as a reader leaves them, and the files of an export that are made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.clock import SystemClock
from core.records import AudioFormat, VideoFormat
from core.settings import Settings
from exports.finish import RangeFiles
from exports.formats.copies import CopyMaker
from exports.formats.ffmpeg_run import FinishingContext
from exports.formats.plan import planned_copies
from exports.pieces import Formats, PieceNotes, PieceWriter, whole_pieces
from exports.records import ExportDraft, ExportFile, ExportRange
from media.codecs.access_unit import AccessUnit
from media.process import Spawner
from tests.media.encoded import FPS, Encoded, encoded
from tests.media.fmp4.decoding import TONE
from tests.media.fmp4.film import ALAW, START_S, picture

PLACE = ("Gate", "Hof & Tür")
FRAMES = 60


def film_units(codec: str = "h264", frames: int = FRAMES) -> list[AccessUnit]:
    return [picture(index, codec) for index in range(frames)]


@contextmanager
def finishing(folder: Path) -> Iterator[FinishingContext]:
    spawner = Spawner()
    spawner.start()
    try:
        yield FinishingContext(Settings(data_dir=folder), SystemClock(), spawner)
    finally:
        spawner.stop()


@dataclass
class MadeFiles:
    """Files of [from_s, until_s) of the film, made in `folder`."""

    context: FinishingContext
    folder: Path
    draft: ExportDraft

    def path(self, file: ExportFile) -> Path:
        return self.folder / file.name

    def of(
        self,
        film: Encoded,
        units: list[AccessUnit],
        audio: AudioFormat | None = ALAW,
        *,
        correction_s: float = 0.0,
    ) -> list[ExportFile]:
        """Return the recordings and their subtitles. The audio is a tone of three seconds, from the first frame on."""
        pieces = self.folder.parent / "pieces"
        formats = Formats(VideoFormat(film.codec, 320, 180), audio, film.sets)
        writer = PieceWriter(pieces, 0, PieceNotes(formats, begins_file=True, correction_s=correction_s))
        for unit in units:
            writer.add_frame(unit, unit.device_s or 0.0)
        for index in range(150 if audio else 0):
            writer.add_audio(TONE[index * 50 : index * 50 + 160], START_S + index / 50)
        writer.finish(START_S + math.inf)
        return RangeFiles(self.context, self.draft, 0, PLACE, self.folder, lambda: None).make(whole_pieces(pieces), ())

    def copies(self, files: list[ExportFile]) -> list[ExportFile]:
        maker = CopyMaker(self.context, self.folder, lambda: None)
        return [maker.make(planned, PLACE, lambda _: None) for planned in planned_copies(self.draft, files)]


def draft_of(from_frame: int, until_frame: int, **fields: object) -> ExportDraft:
    start, end = (datetime.fromtimestamp(START_S + index / FPS, UTC) for index in (from_frame, until_frame))
    return ExportDraft((ExportRange(1, 1, start, end),), **fields)  # type: ignore[arg-type]


def hevc() -> tuple[Encoded, list[AccessUnit]]:
    return encoded("hevc"), film_units("hevc")
