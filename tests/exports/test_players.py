"""Exported files of each format in GStreamer. The tests of ffmpeg are in test_file_formats.py."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exports.formats.ffmpeg_run import FinishingContext
from exports.records import WorkingCopy
from tests.exports.made_files import FRAMES, MadeFiles, draft_of, film_units, finishing
from tests.media.encoded import encoded
from tests.missing import skip_outside_ci
from tests.patience import LIMIT_S

SHOWN = 34


@pytest.fixture
def context(tmp_path: Path) -> Iterator[FinishingContext]:
    with finishing(tmp_path) as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["mp4", "original"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_gstreamer_plays_each_format(context: FinishingContext, tmp_path: Path, codec: str, format_: str) -> None:
    """GStreamer 1.22 leaves frames out at the end of an MP4 whose edit list begins later than the file."""
    draft = draft_of(0, SHOWN, format=format_, has_subtitles=True, copies=(WorkingCopy(has_burnt_time=True),))
    made = MadeFiles(context, tmp_path / "files", draft)
    video, _ = files = made.of(encoded(codec), film_units(codec))
    (copy,) = made.copies(files)
    assert frames_in_gstreamer(made.path(video), tmp_path) == (SHOWN if format_ == "mp4" else FRAMES)
    assert frames_in_gstreamer(made.path(copy), tmp_path) == SHOWN


def frames_in_gstreamer(path: Path, folder: Path) -> int:
    """Return how many frames GStreamer decodes. Fail on any message of GStreamer."""
    if shutil.which("gst-launch-1.0") is None:
        skip_outside_ci(FileNotFoundError("gst-launch-1.0 is missing"))
    target = folder / "gray"
    video = f"both. ! queue ! videoconvert ! video/x-raw,format=GRAY8 ! filesink location={target}"
    pipeline = f"filesrc location={path} ! decodebin name=both {video} both. ! queue ! audioconvert ! fakesink"
    command = ["gst-launch-1.0", "-q", *pipeline.split()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    return target.stat().st_size // (320 * 180)
