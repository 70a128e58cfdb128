"""Makes the files of a range: one MP4 for each stretch without a gap, named by camera, channel and UTC start."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from core.clock import Clock
from core.errors import Unavailable
from core.settings import Settings
from exports.disk import CheckedFile, SpaceCheck
from exports.parameter_sets import have_several_sets, insert_sets
from exports.pieces import AudioTable, Piece, files_of
from exports.records import ExportFile, ExportRange
from exports.subtitles import subrip
from media.child_shim import ChildLimits
from media.commands import aac_command
from media.ffmpeg import find_ffmpeg, starting_ffmpeg
from media.fmp4.tracks import video_track
from media.mp4.audio import ENCODED, AudioSamples, can_copy, copy_audio, read_adts, write_pcm
from media.mp4.video import VideoSamples
from media.mp4.writer import Mp4Writer
from media.process import Spawner

SUBTITLES = "subrip"  # as FFmpeg names it
_LONGEST_NAME = 80
_WAIT_S = 0.25
_ENCODES_AT_LEAST = 5.0  # times real time, on a very slow machine
_ENCODE_S = 60.0
_TEMPORARY = ("sound.frames", "*.part", "*.sets")
_LIMITS = ChildLimits(nice=10)  # live video comes first


@dataclass(frozen=True, slots=True)
class FinishingContext:
    """The parts of the app that make files."""

    settings: Settings
    clock: Clock
    spawner: Spawner


class RangeFiles:
    """Makes the files of the range with this index in `folder`. `place`: names of camera and channel.

    `check` is called all the time, and raises Interrupted to end the work.
    """

    def __init__(
        self,
        context: FinishingContext,
        wanted: ExportRange,
        index: int,
        place: tuple[str, str],
        folder: Path,
        *,
        has_subtitles: bool,
        check: Callable[[], None],
    ) -> None:
        self._context = context
        self._wanted = wanted
        self._index = index
        self._place = place
        self._folder = folder
        self._has_subtitles = has_subtitles
        self._check = check
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
                file = self._make_one(of_one, [*taken, *(file.name for file in made)])
                if file is not None:
                    made.append(file)
                    if self._has_subtitles:
                        made.append(self._make_subtitles(file))
        finally:
            for pattern in _TEMPORARY:
                for path in self._folder.glob(pattern):
                    path.unlink()
        return made

    def _make_one(self, pieces: Sequence[Piece], taken: Sequence[str]) -> ExportFile | None:
        """Return None for a stretch without a frame in the range."""
        first = pieces[0].notes
        video, video_paths = self._video(pieces)
        from_s = self._wanted.start.timestamp() + first.correction_s
        until_s = self._wanted.end.timestamp() + first.correction_s
        first_s = video.first_shown_s(from_s)
        if first_s is None or first_s >= until_s:
            return None
        start = datetime.fromtimestamp(first_s - first.correction_s, UTC)
        audio_path = self._folder / "sound.frames"
        audio = self._audio(pieces, video.times_s[0], video.end_s, audio_path)
        writer = Mp4Writer(
            video_track(first.formats.video, first.formats.parameter_sets),
            video,
            audio,
            shown_from_s=from_s,
            shown_until_s=until_s,
            created_utc=start,
        )
        name = _free_name(file_stem(*self._place, start), taken)
        part = self._folder / "video.part"
        sources = [video_paths, *([[audio_path]] if audio else [])]
        with CheckedFile(part, self._space) as target:
            written = writer.write(target, sources, self._check)
            target.flush()
            os.fsync(target.fileno())
        part.replace(self._folder / name)
        audio_path.unlink(missing_ok=True)
        return ExportFile(
            name=name,
            size_bytes=written.size_bytes,
            sha256=written.sha256,
            camera_id=self._wanted.camera_id,
            channel=self._wanted.channel,
            start=start,
            end=datetime.fromtimestamp(first_s + writer.length_s - first.correction_s, UTC),
            codec=first.formats.video.codec,
            range_index=self._index,
            frames_lost=sum(piece.notes.frames_lost for piece in pieces),
            is_time_confirmed=all(piece.notes.is_time_confirmed for piece in pieces),
        )

    def _video(self, pieces: Sequence[Piece]) -> tuple[VideoSamples, list[Path]]:
        """Return the table of the samples, and the files that have them."""
        video, paths = VideoSamples(), []
        has_several_sets = have_several_sets(pieces)
        for piece in pieces:
            self._check()
            paths.append(self._folder / f"{piece.number}.sets" if has_several_sets else piece.video_path)
            video.extend(insert_sets(piece, paths[-1], self._space) if has_several_sets else piece.tables()[0])
        return video, paths

    def _make_subtitles(self, video: ExportFile) -> ExportFile:
        name = f"{video.name.removesuffix('.mp4')}.srt"
        text = subrip(self._place, video.start, video.end, is_confirmed=video.is_time_confirmed)
        part = self._folder / "subtitles.part"
        part.write_bytes(text.encode())
        part.replace(self._folder / name)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return replace(video, name=name, size_bytes=len(text.encode()), sha256=digest, codec=SUBTITLES, frames_lost=0)

    # ---- audio -----------------------------------------------------------------------------------

    def _audio(self, pieces: Sequence[Piece], begins_s: float, ends_s: float, target: Path) -> AudioSamples | None:
        audio = pieces[0].notes.formats.audio
        if audio is None or not any(_has_audio(piece) for piece in pieces):
            return None
        units = (unit for piece in pieces for unit in self._units_of(piece))
        if can_copy(audio):
            with CheckedFile(target, self._space) as file:
                return copy_audio(audio, pieces[0].notes.formats.audio_config, units, begins_s, ends_s, file)
        if audio.codec not in ENCODED:
            return None
        pcm, adts = self._folder / "sound.pcm", self._folder / "sound.adts"
        try:
            with CheckedFile(pcm, self._space) as file:
                write_pcm(audio, units, begins_s, ends_s, file)
            self._encode(audio.codec, audio.sample_rate or 8000, audio.channels or 1, ends_s - begins_s)
            with adts.open("rb") as source, CheckedFile(target, self._space) as file:
                return read_adts(source, file)
        finally:
            pcm.unlink(missing_ok=True)
            adts.unlink(missing_ok=True)

    def _units_of(self, piece: Piece) -> Iterator[tuple[float, bytes]]:
        self._check()
        return piece.audio_units()

    def _encode(self, codec: str, rate: int, channels: int, length_s: float) -> None:
        """Wait for ffmpeg. Raise Unavailable if it fails."""
        command = aac_command(
            find_ffmpeg(self._context.settings.ffmpeg), codec, rate, channels, "sound.pcm", "sound.adts"
        )
        with starting_ffmpeg():
            process = self._context.spawner.spawn(command, name="ffmpeg export", cwd=self._folder, limits=_LIMITS)
        ends_s = self._context.clock.monotonic_s() + _ENCODE_S + length_s / _ENCODES_AT_LEAST
        try:
            while (code := process.wait(_WAIT_S)) is None and self._context.clock.monotonic_s() < ends_s:
                self._check()
                self._space.look()
        finally:
            process.stop()
        if code != 0:
            raise Unavailable("The sound of this recording could not be encoded.", code="ffmpeg_failed")


def _has_audio(piece: Piece) -> bool:
    audio: AudioTable = piece.tables()[1]
    return len(audio.sizes) > 0


def file_stem(camera: str, channel: str, start: datetime) -> str:
    """Return `Gate_Yard-2_20261122T100000Z`: ASCII letters, digits, dashes, at most 80 characters."""
    moment = f"{start:%Y%m%dT%H%M%SZ}"
    names = "_".join(filter(None, (_plain(camera), _plain(channel))))
    return f"{names[: _LONGEST_NAME - len(moment) - 1].strip('_-') or 'recording'}_{moment}"


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", folded).strip("-")


def _free_name(stem: str, taken: Sequence[str]) -> str:
    name, number = f"{stem}.mp4", 2
    while name in taken:
        name, number = f"{stem}-{number}.mp4", number + 1
    return name


def remove_range(folder: Path) -> None:
    """Delete the pieces of a range. The mark that it was read stays, so that it is not read again."""
    with suppress(FileNotFoundError):
        # The first table goes first: without it no piece counts as whole.
        for path in sorted(folder.iterdir(), key=lambda path: (path.suffix != ".table", path.name)):
            if path.suffix in {".video", ".audio", ".table", ".part"}:
                path.unlink()
