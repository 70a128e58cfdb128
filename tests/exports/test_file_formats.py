"""Formats of exported files: the original, the time as text, working copies."""

from __future__ import annotations

import hashlib
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from exports.finish import file_stem
from exports.formats.copies import CopyMaker
from exports.formats.ffmpeg_run import FinishingContext
from exports.formats.font import drawn_rows
from exports.formats.plan import planned_copies
from exports.formats.poster import make_poster
from exports.records import ExportFile, FileKind, Interrupted, Rectangle, WorkingCopy
from media.codecs.access_unit import AccessUnit
from media.codecs.nal import split_at_start_codes
from media.ffmpeg import find_ffmpeg
from tests.exports.made_files import FRAMES, PLACE, MadeFiles, draft_of, film_units, finishing, hevc
from tests.media.encoded import FPS, Encoded, encoded
from tests.media.fmp4.decoding import TONE
from tests.media.mp4.stretch import elementary_stream, ffmpegs, shown_s
from tests.patience import LIMIT_S, stays

IDS = ["bundled", "system"][: len(ffmpegs())]
WIDTH, HEIGHT = 320, 180


def test_a_long_name_of_a_camera_leaves_the_channel_in_the_file_name() -> None:
    start = datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert file_stem("Gate", "Höf 2", start) == "Gate_Hof-2_20261122T100000Z"
    assert file_stem("C" * 200, "Yard", start) == f"{'C' * 58}_Yard_20261122T100000Z"
    assert len(file_stem("C" * 200, "D" * 200, start)) == 80
    assert file_stem("門", "庭", start) == "recording_20261122T100000Z"
    assert file_stem("門", "Yard", start) == "Yard_20261122T100000Z"


@pytest.fixture
def context(tmp_path: Path) -> Iterator[FinishingContext]:
    with finishing(tmp_path) as found:
        yield found


def nal_units(path: Path, codec: str) -> list[bytes]:
    if path.suffix == ".mp4":
        return split_at_start_codes(elementary_stream(path, codec))
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(path), "-map", "0:v", "-c", "copy", "-f", codec, "-"]
    return split_at_start_codes(subprocess.run(command, capture_output=True, check=True).stdout)


def checked(made: MadeFiles, file: ExportFile) -> ExportFile:
    content = made.path(file).read_bytes()
    assert (file.size_bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    return file


@pytest.mark.parametrize("format_", ["mp4", "original"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_nal_units_with_signatures_survive_bit_by_bit(
    context: FinishingContext, tmp_path: Path, codec: str, format_: str
) -> None:
    """Cameras sign their video in SEI NAL units: ONVIF Media Signing, Axis Signed Video."""
    prefix = b"\x06" if codec == "h264" else b"\x4e\x01"
    film, units = encoded(codec), film_units(codec)
    signed = [
        replace(unit, parts=(prefix + bytes([5, 40]) + bytes(range(1, 41)) + b"\x80", *unit.parts)) for unit in units
    ]
    made = MadeFiles(context, tmp_path / "files", draft_of(13, 47, format=format_))
    (file,) = made.of(film, signed)
    sent = hashlib.sha256(b"|".join(part for unit in signed for part in unit.parts)).hexdigest()
    found = [nal for nal in nal_units(made.path(checked(made, file)), codec) if nal not in film.sets]
    assert hashlib.sha256(b"|".join(found)).hexdigest() == sent
    assert (file.codec, file.is_derived) == (codec, False)
    assert file.kind is (FileKind.MASTER if format_ == "mp4" else FileKind.ORIGINAL)


def test_the_original_has_the_audio_of_the_recorder_and_tells_its_lead(
    context: FinishingContext, tmp_path: Path
) -> None:
    made = MadeFiles(context, tmp_path / "files", draft_of(13, 47, format="original"))
    (file,) = made.of(encoded("h264"), film_units())
    assert file.name == "Gate_Hof-Tur_20260921T141321Z.mkv"
    assert (file.audio_codec, file.recorded_audio_codec) == ("pcm_alaw", "pcm_alaw")
    assert (file.width, file.height) == (WIDTH, HEIGHT)
    assert file.lead_in_s == pytest.approx(13 / FPS)
    assert file.lead_out_s == pytest.approx((FRAMES - 47) / FPS)
    assert file.length_s == pytest.approx(34 / FPS)
    assert shown_s(made.path(file)) == [pytest.approx(index / FPS, abs=0.0001) for index in range(FRAMES)]
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(made.path(file)), "-c", "copy", "-f", "alaw", "-"]
    heard = subprocess.run(command, capture_output=True, check=True).stdout
    assert heard == b"".join(TONE[index * 50 : index * 50 + 160] for index in range(150))


def test_the_master_tells_how_its_audio_was_converted(context: FinishingContext, tmp_path: Path) -> None:
    made = MadeFiles(context, tmp_path / "files", draft_of(13, 47))
    (file,) = made.of(encoded("h264"), film_units())
    assert (file.kind, file.audio_codec, file.recorded_audio_codec) == (FileKind.MASTER, "aac", "pcm_alaw")
    assert (file.lead_in_s, file.lead_out_s) == (0.0, 0.0)


# ---- the time as text --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("ffmpeg", ffmpegs(), ids=IDS)
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_an_mp4_has_the_time_of_day_as_a_track(
    context: FinishingContext, tmp_path: Path, codec: str, ffmpeg: Path
) -> None:
    made = MadeFiles(context, tmp_path / "files", draft_of(4, 47, has_subtitles=True))
    video, subtitles = made.of(encoded(codec), film_units(codec))
    described = subprocess.run([str(ffmpeg), "-i", str(made.path(video))], capture_output=True, text=True).stderr
    tag = "avc1" if codec == "h264" else "hvc1"
    assert re.search(rf"Video: {codec} .*\({tag} /", described)
    assert re.search(r"Subtitle: mov_text \(tx3g / ", described)
    command = [str(ffmpeg), "-v", "warning", "-i", str(made.path(video)), "-map", "0:s", "-f", "srt", "-"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not run.stderr
    assert run.stdout.split() == made.path(subtitles).read_text().split()
    assert shown_s(made.path(video), ffmpeg) == [pytest.approx(index / FPS, abs=0.001) for index in range(43)]
    assert shown_s(made.path(video), ffmpeg, "a")


def test_an_mp4_without_subtitles_has_no_track_of_text(context: FinishingContext, tmp_path: Path) -> None:
    made = MadeFiles(context, tmp_path / "files", draft_of(0, 47))
    (video,) = made.of(encoded("h264"), film_units(), None)
    assert b"tx3g" not in made.path(video).read_bytes()


# ---- working copies ----------------------------------------------------------------------------------


def gray_frames(path: Path, ffmpeg: Path | None = None) -> list[bytes]:
    """Return the luma of each frame."""
    options = ["-v", "error", "-i", str(path), "-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", "gray"]
    command = [str(ffmpeg or find_ffmpeg()), *options, "-f", "rawvideo", "-"]
    stream = subprocess.run(command, capture_output=True, check=True).stdout
    size = WIDTH * HEIGHT
    return [stream[at : at + size] for at in range(0, len(stream), size)]


def crop(frame: bytes, left: int, top: int, right: int, bottom: int) -> bytes:
    return b"".join(frame[row * WIDTH + left : row * WIDTH + right] for row in range(top, bottom))


def distance(one: bytes, other: bytes) -> float:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["mp4", "original"])
@pytest.mark.parametrize("film", [(encoded("h264"), film_units()), hevc()], ids=["h264", "hevc"])
def test_a_copy_has_the_frames_of_its_master_at_their_times(
    context: FinishingContext, tmp_path: Path, film: tuple[Encoded, list[AccessUnit]], format_: str
) -> None:
    copy = WorkingCopy(blurred=(Rectangle(0.5, 0.5, 0.25, 0.25),))
    made = MadeFiles(context, tmp_path / "files", draft_of(13, 47, format=format_, copies=(copy,)))
    (master,) = made.of(*film)
    before = made.path(master).read_bytes()
    (file,) = made.copies([master])
    checked(made, file)
    assert file.name == f"{master.name.rpartition('.')[0]}_working-copy.mp4"
    assert (file.kind, file.is_derived, file.codec, file.audio_codec) == (FileKind.WORKING_COPY, True, "h264", "aac")
    assert (file.start, file.end, file.lead_in_s) == (master.start, master.end, 0.0)
    assert made.path(master).read_bytes() == before
    for ffmpeg in ffmpegs():
        assert shown_s(made.path(file), ffmpeg) == [pytest.approx(index / FPS, abs=0.0015) for index in range(34)]
        assert len(shown_s(made.path(file), ffmpeg, "a")) > 10
    lead = 13 if format_ == "original" else 0
    for shown, original in zip(gray_frames(made.path(file)), gray_frames(made.path(master))[lead:], strict=False):
        assert distance(crop(shown, 0, 0, WIDTH, 80), crop(original, 0, 0, WIDTH, 80)) < 4
    assert sorted(path.name for path in made.folder.iterdir()) == sorted([master.name, file.name])


@pytest.mark.slow
def test_blurred_parts_lose_their_details_and_others_keep_them(context: FinishingContext, tmp_path: Path) -> None:
    blurred = tuple(Rectangle(0.25 * (index % 4), 0.25 * (index // 4), 0.2, 0.2) for index in range(16))
    draft = draft_of(0, 10, copies=(WorkingCopy(blurred=blurred), WorkingCopy(blurred=(Rectangle(0.0, 0.0, 1, 1),))))
    made = MadeFiles(context, tmp_path / "files", draft)
    (master,) = made.of(encoded("h264"), film_units(), None)
    parts, whole = made.copies([master])
    assert whole.name.endswith("_working-copy-2.mp4")
    sharp, soft, softest = (gray_frames(made.path(file))[3] for file in (master, parts, whole))
    assert steps(softest, 0, 0, WIDTH, HEIGHT) < steps(sharp, 0, 0, WIDTH, HEIGHT) / 4
    for left, top in ((0, 0), (80, 90), (240, 135)):
        box = (left + 4, top + 4, left + 60, top + 32)
        assert steps(soft, *box) < max(2.0, steps(sharp, *box) / 2)
    between = (66, 0, 78, HEIGHT)
    assert distance(crop(soft, *between), crop(sharp, *between)) < 6


def steps(frame: bytes, left: int, top: int, right: int, bottom: int) -> float:
    """Return the largest step of luma between two neighbours in a row."""
    rows = (crop(frame, left, row, right, row + 1) for row in range(top, bottom))
    return max(abs(a - b) for row in rows for a, b in pairwise(row))


@pytest.mark.slow
def test_a_copy_is_made_smaller_but_never_larger(context: FinishingContext, tmp_path: Path) -> None:
    made = MadeFiles(context, tmp_path / "files", draft_of(0, 10, copies=(WorkingCopy(height=720),)))
    (small,) = made.copies(made.of(encoded("h264"), film_units(), None))
    assert (small.width, small.height) == (WIDTH, HEIGHT)
    film = encoded("h264", 1, "1920x1080")
    units = [replace(picture, parts=film.pictures[index]) for index, picture in enumerate(film_units(frames=10))]
    large = MadeFiles(context, tmp_path / "large" / "files", draft_of(0, 10, copies=(WorkingCopy(height=720),)))
    (file,) = large.copies(large.of(film, units, None))
    assert (file.width, file.height) == (1280, 720)
    described = subprocess.run([str(find_ffmpeg()), "-i", str(large.path(file))], capture_output=True, text=True)
    assert " 1280x720" in described.stderr


def test_h264_is_a_copy_of_h265_only(context: FinishingContext, tmp_path: Path) -> None:
    made = MadeFiles(context, tmp_path / "files", draft_of(0, 10, format="h264"))
    (master,) = made.of(*hevc(), None)
    (file,) = made.copies([master])
    assert (master.codec, master.kind) == ("hevc", FileKind.MASTER)
    assert (file.codec, file.kind, file.is_derived) == ("h264", FileKind.WORKING_COPY, True)
    assert file.name == f"{master.name.removesuffix('.mp4')}_h264.mp4"
    same = MadeFiles(context, tmp_path / "same" / "files", draft_of(0, 10, format="h264"))
    assert same.copies(same.of(encoded("h264"), film_units(), None)) == []


@pytest.mark.slow
def test_the_burnt_time_is_that_of_the_frame(context: FinishingContext, tmp_path: Path) -> None:
    """The digits of the seconds change with the first frame of each second."""
    made = MadeFiles(context, tmp_path / "files", draft_of(13, 47, copies=(WorkingCopy(has_burnt_time=True),)))
    (master,) = made.of(encoded("h264"), film_units(), None)
    (file,) = made.copies([master])
    frames = gray_frames(made.path(file))
    text_rows = (HEIGHT - 9, HEIGHT - 2)
    seconds = [crop(frame, 2 + 17 * 6, text_rows[0], 2 + 19 * 6, text_rows[1]) for frame in frames]
    assert master.start.second == 21
    starts = [index for index in range(1, 34) if distance(seconds[index - 1], seconds[index]) > 15]
    assert starts == [7, 17, 27]
    for index, expected in ((0, "21"), (6, "21"), (7, "22"), (16, "22"), (17, "23"), (33, "24")):
        assert read_digits(frames[index], 17, 2, text_rows[0]) == expected
    above = (0, 0, WIDTH, 100)
    assert distance(crop(frames[5], *above), crop(gray_frames(made.path(master))[5], *above)) < 4


def read_digits(frame: bytes, column: int, count: int, top: int) -> str:
    """Return the digits that resemble the drawn ones most."""
    found = ""
    for place in range(column, column + count):
        cell = crop(frame, 2 + place * 6, top, 2 + place * 6 + 5, top + 7)
        shapes = {
            digit: b"".join(bytes(255 * int(bit) for bit in row[:5]) for row in drawn_rows(digit)[:7])
            for digit in "0123456789"
        }
        found += min(shapes, key=lambda digit: distance(shapes[digit], cell))
    return found


def test_an_interrupted_copy_leaves_nothing(context: FinishingContext, tmp_path: Path) -> None:
    made = MadeFiles(context, tmp_path / "files", draft_of(0, 50, copies=(WorkingCopy(has_burnt_time=True),)))
    files = made.of(encoded("h264"), film_units(), None)

    def interrupt() -> None:
        raise Interrupted

    (planned,) = planned_copies(made.draft, files)
    with pytest.raises(Interrupted):
        CopyMaker(context, made.folder, interrupt).make(planned, PLACE, lambda _: None)
    assert [path.name for path in made.folder.iterdir()] == [files[0].name]
    assert context.spawner.running() == ()


@pytest.mark.parametrize("format_", ["mp4", "original"])
def test_the_poster_is_the_first_shown_frame(context: FinishingContext, tmp_path: Path, format_: str) -> None:
    made = MadeFiles(context, tmp_path / "files", draft_of(13, 47, format=format_))
    (file,) = made.of(encoded("h264"), film_units())
    target = tmp_path / "poster0.jpg"
    make_poster(context, file, made.folder, target, lambda: None)
    assert target.read_bytes().startswith(b"\xff\xd8")
    poster = gray_frames(target)[0]
    frames = gray_frames(made.path(file))
    lead = 13 if format_ == "original" else 0
    distances = [distance(poster, frame) for frame in frames]
    assert min(range(len(distances)), key=distances.__getitem__) == lead


def test_copies_are_encoded_one_at_a_time(context: FinishingContext, tmp_path: Path) -> None:
    made = MadeFiles(context, tmp_path / "files", draft_of(0, 10, copies=(WorkingCopy(has_burnt_time=True),)))
    files = made.of(encoded("h264"), film_units(), None)
    with context.encoding:
        other = threading.Thread(target=made.copies, args=(files,))
        other.start()
        stays(lambda: not context.spawner.running() and other.is_alive(), for_s=0.6)
    other.join(LIMIT_S)
    assert len(list(made.folder.iterdir())) == 2
