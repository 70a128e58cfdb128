"""Makes the files of a range: one MP4 or MKV for each stretch without a gap, named by camera, channel and UTC start."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from core.errors import Unavailable
from exports.disk import CheckedFile, SpaceCheck
from exports.formats.ffmpeg_run import FinishingContext, run_ffmpeg
from exports.formats.original import write_original
from exports.formats.stretch import Stretch, stretch_of
from exports.origin_notes import origin_of_file
from exports.parameter_sets import with_sets
from exports.pieces import Piece, files_of
from exports.records import ExportDraft, ExportFile, FileKind
from exports.subtitles import TimeText, subrip, text_track
from media.commands import aac_command
from media.ffmpeg import find_ffmpeg
from media.mp4.audio import ENCODED, AudioSamples, can_copy, copy_audio, read_adts, write_pcm
from media.mp4.writer import Mp4Writer

SUBTITLES = "subrip"  # as FFmpeg names it
ORIGINAL = "original"
_AUDIO, _TEXT = "audio.frames", "text.frames"  # temporary files
_TEMPORARY = (_AUDIO, _TEXT, "*.part", "*.sets")
_CHECK_EVERY = 1000
_NOT_HELD = "a file of this kind cannot hold it"
_LONGEST_NAME, _LONGEST_CHANNEL = 80, 30
_ENCODES_AT_LEAST = 5.0  # times real time, on a very slow machine
_ENCODE_S = 60.0


class RangeFiles:
    """Makes the files of the range with this index in `folder`. `place`: names of camera and channel.

    `check` is called all the time, and raises Interrupted to end the work.
    """

    def __init__(
        self,
        context: FinishingContext,
        draft: ExportDraft,
        index: int,
        place: tuple[str, str],
        folder: Path,
        check: Callable[[], None],
    ) -> None:
        self._context = context
        self._draft = draft
        self._index = index
        self._place = place
        self._folder = folder
        self._interrupt = check
        # The other half of the free space is for the pieces.
        self._space = SpaceCheck(folder, context.settings.export_min_free_bytes // 2)

    def make(self, pieces: Sequence[Piece], taken: Sequence[str]) -> list[ExportFile]:
        """Return the files, which are new or replaced. `taken`: names of other files of the job.

        Raise OSError, StorageFull, Unavailable if the audio cannot be encoded, or Interrupted.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made: list[ExportFile] = []
        try:
            for of_one in files_of(pieces):
                stretch = stretch_of(of_one, self._draft.ranges[self._index])
                if stretch is not None:
                    stretch = with_sets(stretch, self._folder, self._space)
                    file = self._make_one(stretch, [*taken, *(file.name for file in made)])
                    made.append(file)
                    if self._draft.has_subtitles:
                        made.append(self._make_subtitles(file))
        finally:
            for pattern in _TEMPORARY:
                for path in self._folder.glob(pattern):
                    path.unlink()
        return made

    def _check(self) -> None:
        self._interrupt()
        self._space.look()

    def _make_one(self, stretch: Stretch, taken: Sequence[str]) -> ExportFile:
        is_original = self._draft.format == ORIGINAL
        wanted = self._draft.ranges[self._index]
        start = stretch.true_utc(stretch.first_s)
        track = stretch.video_track()
        file = ExportFile(
            name=_free_name(file_stem(*self._place, start), ".mkv" if is_original else ".mp4", taken),
            size_bytes=0,
            sha256="",
            camera_id=wanted.camera_id,
            channel=wanted.channel,
            start=start,
            end=stretch.true_utc(min(stretch.until_s, stretch.ends_s)),
            codec=stretch.formats.video.codec,
            range_index=self._index,
            frames_lost=stretch.frames_lost,
            is_time_confirmed=stretch.is_time_confirmed,
            recorded_audio_codec=stretch.formats.audio.codec if stretch.formats.audio and stretch.has_audio else None,
            width=track.width,
            height=track.height,
            origin=origin_of_file(stretch.pieces, stretch.video),
            audio_left_out=stretch.formats.audio_left_out,
        )
        part = self._folder / "video.part"
        with CheckedFile(part, self._space) as target:
            file = self._write_original(stretch, file, target) if is_original else self._write(stretch, file, target)
            target.flush()
            os.fsync(target.fileno())
        part.replace(self._folder / file.name)
        if file.recorded_audio_codec and not file.audio_codec:
            return replace(file, audio_left_out=_NOT_HELD)
        return file

    def _write_original(self, stretch: Stretch, file: ExportFile, target: BinaryIO) -> ExportFile:
        written = write_original(stretch, self._place, target, self._folder / _AUDIO, self._check)
        return replace(
            file,
            size_bytes=written.size_bytes,
            sha256=written.sha256,
            kind=FileKind.ORIGINAL,
            audio_codec=written.audio_codec,
            lead_in_s=written.lead_in_s,
            lead_out_s=written.lead_out_s,
        )

    def _write(self, stretch: Stretch, file: ExportFile, target: BinaryIO) -> ExportFile:
        audio_path, text_path = self._folder / _AUDIO, self._folder / _TEXT
        audio = self._audio(stretch, audio_path)
        text = text_track(self._time_text(file)) if self._draft.has_subtitles else None
        text_path.write_bytes(text.data if text else b"")
        writer = Mp4Writer(
            stretch.video_track(),
            stretch.video,
            audio,
            shown_from_s=stretch.from_s,
            shown_until_s=stretch.until_s,
            created_utc=file.start,
            text=text,
        )
        sources = [stretch.video_paths]
        sources += [[path] for path, samples in ((audio_path, audio), (text_path, text)) if samples is not None]
        written = writer.write(target, sources, self._check)
        codec = "aac" if file.recorded_audio_codec in ENCODED else file.recorded_audio_codec
        return replace(file, size_bytes=written.size_bytes, sha256=written.sha256, audio_codec=codec if audio else None)

    def _make_subtitles(self, video: ExportFile) -> ExportFile:
        name = f"{video.name.rpartition('.')[0]}.srt"
        text = subrip(self._time_text(video)).encode()
        part = self._folder / "subtitles.part"
        part.write_bytes(text)
        part.replace(self._folder / name)
        return ExportFile(
            name=name,
            size_bytes=len(text),
            sha256=hashlib.sha256(text).hexdigest(),
            camera_id=video.camera_id,
            channel=video.channel,
            start=video.start,
            end=video.end,
            codec=SUBTITLES,
            range_index=video.range_index,
            is_time_confirmed=video.is_time_confirmed,
            kind=FileKind.SUBTITLES,
        )

    def _time_text(self, file: ExportFile) -> TimeText:
        return TimeText(self._place, file.start, file.end, is_confirmed=file.is_time_confirmed)

    # ---- audio -----------------------------------------------------------------------------------

    def _audio(self, stretch: Stretch, target: Path) -> AudioSamples | None:
        audio, begins_s, ends_s = stretch.formats.audio, stretch.begins_s, stretch.ends_s
        if audio is None or not stretch.has_audio:
            return None
        units = self._checked(stretch.audio_units())
        if can_copy(audio):
            with CheckedFile(target, self._space) as file:
                return copy_audio(audio, stretch.formats.audio_config, units, begins_s, ends_s, file)
        if audio.codec not in ENCODED:
            return None
        pcm, adts = self._folder / "audio.pcm", self._folder / "audio.adts"
        try:
            with CheckedFile(pcm, self._space) as file:
                write_pcm(audio, units, begins_s, ends_s, file)
            self._encode(audio.codec, audio.sample_rate or 8000, audio.channels or 1, ends_s - begins_s)
            with adts.open("rb") as source, CheckedFile(target, self._space) as file:
                return read_adts(source, file)
        finally:
            pcm.unlink(missing_ok=True)
            adts.unlink(missing_ok=True)

    def _checked(self, units: Iterator[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
        for number, unit in enumerate(units):
            if not number % _CHECK_EVERY:
                self._check()
            yield unit

    def _encode(self, codec: str, rate: int, channels: int, length_s: float) -> None:
        """Wait for ffmpeg. Raise Unavailable if it fails."""
        command = aac_command(
            find_ffmpeg(self._context.settings.ffmpeg), codec, rate, channels, "audio.pcm", "audio.adts"
        )
        longest_s = _ENCODE_S + length_s / _ENCODES_AT_LEAST
        if not run_ffmpeg(self._context, command, self._folder, self._check, silent_s=longest_s):
            raise Unavailable("The sound of this recording could not be encoded.", code="ffmpeg_failed")


def file_stem(camera: str, channel: str, start: datetime) -> str:
    """Return `Gate_Yard-2_20261122T100000Z`: ASCII letters, digits, dashes, at most 80 characters."""
    moment = f"{start:%Y%m%dT%H%M%SZ}"
    of_channel = _plain(channel)[:_LONGEST_CHANNEL].strip("-")
    of_camera = _plain(camera)[: _LONGEST_NAME - len(moment) - len(of_channel) - 2].strip("-")
    return (
        "_".join(filter(None, (of_camera, of_channel))) + f"_{moment}"
        if of_camera or of_channel
        else f"recording_{moment}"
    )


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", folded).strip("-")


def _free_name(stem: str, suffix: str, taken: Sequence[str]) -> str:
    name, number = f"{stem}{suffix}", 2
    while name in taken:
        name, number = f"{stem}-{number}{suffix}", number + 1
    return name


def remove_range(folder: Path) -> None:
    """Delete the pieces of a range. The mark that it was read stays, so that it is not read again."""
    with suppress(FileNotFoundError):
        # The first table goes first: without it no piece counts as whole.
        for path in sorted(folder.iterdir(), key=lambda path: (path.suffix != ".table", path.name)):
            if path.suffix in {".video", ".audio", ".table", ".part"}:
                path.unlink()
