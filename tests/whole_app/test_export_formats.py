"""Formats of exports through the whole app, from a simulated recorder with H.264, H.265 and G.711."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from media.ffmpeg import find_ffmpeg
from tests.patience import LIMIT_S, until
from tests.whole_app.sent_units import hashes, sent_units, units_of_file
from tests.whole_app.test_exports import STEP_S, Device, burnt_times
from tools.running import App, running_recorder

pytestmark = pytest.mark.slow
LENGTH = timedelta(seconds=20)


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """Channel 1 has H.264, channel 2 H.265."""
    with running_recorder("--channels", "2", "--profile", "small") as recorder:
        app = App(tmp_path_factory.mktemp("formats"), EXPORT_MIN_FREE_BYTES="0")
        app.start()
        try:
            yield Device("conformant", recorder, app, app.add_camera(recorder, name="Gate"))
        finally:
            app.stop()


def exported(device: Device, folder: Path, channel: int, start: datetime, **fields: Any) -> dict[Path, dict[str, Any]]:
    """Return the files of an export, and their descriptions."""
    times = {"start_time": start.isoformat(), "end_time": (start + LENGTH).isoformat()}
    body = {"ranges": [{"camera_id": device.camera_id, "channel": channel, **times}], **fields}
    job = device.done(device.app.call("POST", "/api/exports", body)["id"])
    assert job["error"] is None
    assert job["progress"]["done_s"] == job["progress"]["total_s"]
    assert job["ranges"][0]["poster"]
    return {device.download(file, folder): file for file in job["files"]}


def copied(path: Path, stream: str, form: str) -> bytes:
    """Return a stream, as ffmpeg copies it out of the file."""
    options = ["-v", "error", *(["-ignore_editlist", "1"] if path.suffix == ".mp4" else []), "-i", str(path)]
    command = [str(find_ffmpeg()), *options, "-map", f"0:{stream}", "-c", "copy", "-f", form, "-"]
    data = subprocess.run(command, capture_output=True, check=True, timeout=LIMIT_S).stdout
    assert data
    return data


def start_in(device: Device, channel: int) -> datetime:
    return device.long_spans(channel)[0][0] + timedelta(seconds=31.37)


@pytest.mark.parametrize(("channel", "codec"), [(1, "h264"), (2, "hevc")])
def test_original_and_master_have_the_units_that_were_sent(
    device: Device, tmp_path: Path, channel: int, codec: str
) -> None:
    start = start_in(device, channel)
    (original, described), (subtitles, _) = exported(
        device, tmp_path, channel, start, format="original", subtitles=True
    ).items()
    assert (original.suffix, subtitles.suffix) == (".mkv", ".srt")
    assert (described["kind"], described["codec"]) == ("original", codec)
    recorded = described["audio_codec"]
    assert recorded in {"pcm_alaw", "pcm_mulaw"}
    times = burnt_times(original)
    shown = times[round(described["lead_in_s"] / STEP_S) : round(-described["lead_out_s"] / STEP_S) or None]
    assert shown[0] == pytest.approx(datetime.fromisoformat(described["start_time"]).timestamp(), abs=0.11)
    assert len(shown) == pytest.approx(LENGTH.total_seconds() / STEP_S, abs=1)
    ((master, described),) = exported(device, tmp_path, channel, start).items()
    assert (described["kind"], described["audio_codec"]) == ("master", "aac")
    assert described["recorded_audio_codec"] == recorded
    assert copied(original, "v", codec) == copied(master, "v", codec)
    around = start - timedelta(seconds=10), start + LENGTH + timedelta(seconds=10)
    sent = sent_units(device.recorder, channel, codec, *around)
    delivered = units_of_file(copied(master, "v", codec))
    assert hashes(codec, delivered, sets=True) == hashes(codec, [unit for _, unit in sent], sets=True)
    frames = hashes(codec, delivered)
    before = [unit for at_s, unit in sent if at_s < int(start.timestamp())]  # each second begins with a key frame
    assert len(before) < len(sent)
    assert len(frames) >= LENGTH.total_seconds() / STEP_S
    assert frames == hashes(codec, [unit for _, unit in sent[len(before) :]])[: len(frames)]


def test_h264_copies_show_the_frames_of_their_masters(device: Device, tmp_path: Path) -> None:
    start = start_in(device, 2)
    copies = [{"burn_time": True, "blur": [{"x": 0.7, "y": 0.4, "width": 0.2, "height": 0.2}]}]
    files = exported(device, tmp_path, 2, start, format="h264", copies=copies)
    (master, one), (converted, two), (working_copy, three) = files.items()
    assert [file["kind"] for file in (one, two, three)] == ["master", "working_copy", "working_copy"]
    assert [file["derived"] for file in (one, two, three)] == [False, True, True]
    assert [file["codec"] for file in (one, two, three)] == ["hevc", "h264", "h264"]
    assert converted.name.endswith("_h264.mp4")
    assert working_copy.name.endswith("_working-copy.mp4")
    assert burnt_times(converted) == burnt_times(master)
    assert start.astimezone(UTC) - timedelta(seconds=1) < datetime.fromisoformat(two["start_time"])


def test_a_paused_encoding_leaves_no_ffmpeg_behind(device: Device) -> None:
    start, end = max(device.long_spans(1), key=lambda span: span[1] - span[0])
    times = {"start_time": start.isoformat(), "end_time": min(end, start + timedelta(minutes=8)).isoformat()}
    body = {
        "ranges": [{"camera_id": device.camera_id, "channel": 1, **times}],
        "copies": [{"burn_time": True}],
    }
    export_id = device.app.call("POST", "/api/exports", body)["id"]
    path = f"/api/exports/{export_id}"

    def encodes() -> bool:
        progress = device.job(export_id)["progress"]
        return bool(device.job(export_id)["files"] and progress["done_s"] > progress["total_s"] / 2)

    until(encodes, 4 * LIMIT_S, "the encoding")
    assert device.app.call("POST", f"{path}/pause")["state"] == "paused"
    children = psutil.Process(device.app.pid).children(recursive=True)
    assert not [child for child in children if "copy.part" in child.cmdline()]
    device.app.call("POST", f"{path}/cancel")
