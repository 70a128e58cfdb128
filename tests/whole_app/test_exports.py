"""Exports through the whole app, from a simulated recorder of every make: frames, sound, gaps, and ends of the app."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import pytest
import requests

from evidence.check import ZipFiles, check_package
from media.ffmpeg import find_ffmpeg
from tests.media.rtsp.replay.listening import burnt_time
from tests.patience import LIMIT_S, promised, until
from tools.running import App, Recorder, running_recorder

MAKES = (
    "conformant",
    "dahua-like",
    "hikvision-like",
    "uniview-like",
    "axis-like",
    "no-replay-headers",
    "no-event-search",
    "many-recordings",
    "sub-recordings",
)
STEP_S = 0.2  # from frame to frame
TOKEN = "RecordMediaProfile00000"  # of channel 1


def seldom(_: float) -> None:
    """Rest between two requests: a hundred a second would slow the export down."""
    time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Device:
    make: str
    recorder: Recorder
    app: App
    camera_id: int

    def long_spans(self, channel: int) -> list[tuple[datetime, datetime]]:
        """Return the recorded spans of five days that are longer than two minutes."""
        end = datetime.now(UTC) - timedelta(minutes=10)
        spans = self.recorder.archive(channel, end - timedelta(days=5), end)["spans"]
        found = [(datetime.fromisoformat(span["start"]), datetime.fromisoformat(span["end"])) for span in spans]
        return [(start, end) for start, end in found if end - start > timedelta(minutes=2)]

    def add(self, channel: int, start: datetime, end: datetime) -> int:
        times = {"start_time": start.isoformat(), "end_time": end.isoformat()}
        wanted = {"camera_id": self.camera_id, "channel": channel, **times}
        export_id: int = self.app.call("POST", "/api/exports", {"ranges": [wanted]})["id"]
        return export_id

    def job(self, export_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.app.call("GET", f"/api/exports/{export_id}")
        return found

    def done(self, export_id: int) -> dict[str, Any]:
        until(lambda: self.job(export_id)["state"] in {"done", "failed"}, 4 * LIMIT_S, "the end of the export", seldom)
        job = self.job(export_id)
        assert job["state"] == "done", job["error"]
        return job

    def download(self, file: dict[str, Any], folder: Path) -> Path:
        answer = requests.get(self.app.url + file["url"], timeout=LIMIT_S)
        assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
        path = folder / str(file["name"])
        path.write_bytes(answer.content)
        return path

    def package(self, case_id: int, folder: Path) -> dict[str, Any]:
        """Wait for a package, check it, and return its manifest."""
        place = f"/api/cases/{case_id}"
        until(lambda: self.app.call("GET", place)["package"]["state"] in {"ready", "failed"}, what="the package")
        answer = requests.get(f"{self.app.url}{place}/package", timeout=LIMIT_S)
        path = folder / "package.zip"
        path.write_bytes(answer.content)
        with zipfile.ZipFile(path) as archive:
            assert check_package(ZipFiles(archive)).findings == []
            manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
        return manifest


def _running(make: str, folder: Path, channels: int = 2, sessions: int = 2) -> Iterator[Device]:
    with running_recorder("--channels", str(channels), "--profile", "small", "--make", make) as recorder:
        app = App(folder, EXPORT_MIN_FREE_BYTES="0", DEVICE_REPLAY_SESSIONS=f"{sessions}")
        app.start()
        try:
            yield Device(make, recorder, app, app.add_camera(recorder, name="Gate"))
        finally:
            app.stop()


@pytest.fixture(scope="module")
def conformant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """A recorder whose channel 2 has H.265, and whose channel 5 has AAC."""
    yield from _running("conformant", tmp_path_factory.mktemp("conformant"), channels=5)


@pytest.fixture(scope="module", params=MAKES)
def device(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    if request.param == "conformant":
        yield request.getfixturevalue("conformant")
        return
    yield from _running(request.param, tmp_path_factory.mktemp("exports"))


def burnt_times(path: Path) -> list[float]:
    """Return the time burnt into each frame that a player shows."""
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(path), "-map", "0:v", "-fps_mode", "passthrough"]
    command += ["-f", "image2pipe", "-c:v", "pgm", "-pix_fmt", "gray", "-"]
    data = subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S).stdout
    found = []
    while data:
        _, size, _, rest = data.split(b"\n", maxsplit=3)
        width, height = map(int, size.split())
        found.append(burnt_time(rest[: width * height], width))
        data = rest[width * height :]
    return found


def test_each_frame_is_that_of_its_time(device: Device, tmp_path: Path) -> None:
    start = device.long_spans(1)[0][0] + timedelta(seconds=30.37)
    length_s = 8.0 if device.make == "uniview-like" else 30.0  # that make sends in real time
    (file,) = device.done(device.add(1, start, start + timedelta(seconds=length_s)))["files"]
    assert file["name"].startswith("Gate_")
    assert (file["codec"], file["frames_lost"]) == ("h264", 0)
    path = device.download(file, tmp_path)
    times = burnt_times(path)
    tolerance_s = 1.2 if device.make == "no-replay-headers" else 0.11  # without stamps, frames are counted
    assert times[0] == pytest.approx(start.timestamp() + STEP_S / 2, abs=STEP_S / 2 + tolerance_s)
    assert len(times) == pytest.approx(length_s / STEP_S, abs=1)
    assert all(after - before == pytest.approx(STEP_S, abs=0.101) for before, after in pairwise(times))
    assert times[-1] - times[0] == pytest.approx((len(times) - 1) * STEP_S, abs=0.101)
    assert datetime.fromisoformat(file["start_time"]).timestamp() == pytest.approx(times[0], abs=tolerance_s)
    assert _sound_s(path) == pytest.approx(length_s, abs=0.3)


def _sound_s(path: Path) -> float:
    """Return the length of the sound, which is not silent, in seconds."""
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(path), "-map", "0:a", "-ac", "1", "-ar", "8000"]
    command += ["-f", "s16le", "-"]
    pcm = subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S).stdout
    assert any(pcm)
    return len(pcm) / 16_000


def test_aac_is_copied(conformant: Device, tmp_path: Path) -> None:
    start = conformant.long_spans(5)[0][0] + timedelta(seconds=20)
    (file,) = conformant.done(conformant.add(5, start, start + timedelta(seconds=20)))["files"]
    path = conformant.download(file, tmp_path)
    assert burnt_times(path)[0] == pytest.approx(start.timestamp(), abs=0.31)
    assert _sound_s(path) == pytest.approx(20.0, abs=0.3)


def test_recordings_that_follow_each_other_become_one_file(tmp_path: Path) -> None:
    """The make has a recording for every six hours of a channel."""
    for device in _running("many-recordings", tmp_path):
        seams = [seam for seam in _seams() if any(_has(span, seam) for span in device.long_spans(1))]
        start = seams[0] - timedelta(seconds=10)
        (file,) = device.done(device.add(1, start, start + timedelta(seconds=20)))["files"]
        times = burnt_times(device.download(file, tmp_path))
        assert len(times) == pytest.approx(100, abs=1)
        assert all(after - before == pytest.approx(STEP_S, abs=0.101) for before, after in pairwise(times))


def _seams() -> list[datetime]:
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return [noon - timedelta(hours=6 * count) for count in range(4, 16)]


def _has(span: tuple[datetime, datetime], seam: datetime) -> bool:
    start, end = span
    return start < seam - timedelta(minutes=1) and seam + timedelta(minutes=1) < end


def test_h265_is_copied_too(conformant: Device, tmp_path: Path) -> None:
    start = conformant.long_spans(2)[0][0] + timedelta(seconds=20)
    (file,) = conformant.done(conformant.add(2, start, start + timedelta(seconds=20)))["files"]
    assert file["codec"] == "hevc"
    assert burnt_times(conformant.download(file, tmp_path))[0] == pytest.approx(start.timestamp(), abs=0.31)


def test_a_gap_divides_the_export_into_files(conformant: Device) -> None:
    (_, gap), (goes_on, _), *_ = conformant.long_spans(1)
    job = conformant.done(conformant.add(1, gap - timedelta(seconds=20), goes_on + timedelta(seconds=20)))
    first, second = job["files"]
    assert abs(datetime.fromisoformat(first["end_time"]) - gap) < timedelta(seconds=0.5)
    assert abs(datetime.fromisoformat(second["start_time"]) - goes_on) < timedelta(seconds=0.5)


@pytest.mark.slow
def test_the_file_is_the_same_after_five_kills(conformant: Device, tmp_path: Path) -> None:
    start, end = max(conformant.long_spans(1), key=lambda span: span[1] - span[0])
    end = min(end, start + timedelta(minutes=11))  # of which ten are the first piece: a kill loses the one that is open
    whole = conformant.done(conformant.add(1, start, end))["files"]
    export_id = conformant.add(1, start, end)
    for part in (0.05, 0.2, 0.92, 0.95, 0.99):
        until(partial(_is_beyond, conformant, export_id, part), 4 * LIMIT_S, rest=seldom)
        _kill(conformant.app)
        conformant.app.start()
    again = conformant.done(export_id)["files"]
    assert [file["sha256"] for file in again] == [file["sha256"] for file in whole]
    case = conformant.app.call("POST", "/api/cases", {"name": "Killed", "exports": [export_id]})
    conformant.app.call("POST", f"/api/cases/{case['id']}/package")
    _kill(conformant.app)
    conformant.app.start()
    conformant.package(case["id"], tmp_path)


def test_a_package_tells_where_its_files_come_from(device: Device, tmp_path: Path) -> None:
    (_, gap), *_ = device.long_spans(1)
    start, length_s = gap - timedelta(seconds=8), 20.0
    export_id = device.done(device.add(1, start, start + timedelta(seconds=length_s)))["id"]
    case = device.app.call("POST", "/api/cases", {"name": "Theft", "exports": [export_id]})
    device.app.call("POST", f"/api/cases/{case['id']}/package")
    manifest = device.package(case["id"], tmp_path)
    (wanted,) = manifest["exports"][0]["ranges"]
    assert wanted["camera"] == "Gate"
    assert all(wanted["device"][name] for name in ("manufacturer", "model", "firmware", "serial"))
    assert abs(wanted["clock"]["offset_s"]) < 5
    assert datetime.fromisoformat(wanted["clock"]["measured_at"]) <= datetime.now(UTC)
    assert wanted["frames_lost"] == 0
    last_gap = wanted["gaps"][-1]
    assert last_gap["reason"] == ("unknown" if device.make == "no-event-search" else "not_recorded")
    assert last_gap["end_time"] == wanted["asked"]["end_time"]
    assert abs(datetime.fromisoformat(last_gap["start_time"]) - gap) < timedelta(seconds=1.5)
    video, snapshot = manifest["files"][:2]
    assert snapshot["derived_from"] == video["path"]
    assert video["frames"] >= 8 / STEP_S
    assert video["source"]["recordings"][0]["recording_token"]
    assert video["source"]["recordings"][0]["replay"] == ("plain" if device.make == "no-replay-headers" else "onvif")
    assert 0 <= video["key_frame_lead_in_s"] < 11
    assert video["conversions"] == ["audio: pcm_alaw to aac"]


def _is_beyond(device: Device, export_id: int, part: float) -> bool:
    job = device.job(export_id)
    return bool(job["state"] == "done" or job["progress"]["done_s"] >= part * job["progress"]["total_s"])


def _kill(app: App) -> None:
    master = psutil.Process(app.pid)
    processes = [*master.children(recursive=True), master]
    for process in processes:
        process.kill()
    assert app._process is not None
    app._process.wait(LIMIT_S)
    assert not psutil.wait_procs(processes, LIMIT_S)[1]


@pytest.fixture(scope="module")
def one_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """A recorder with one channel, of which the app opens one replay session at a time."""
    yield from _running("conformant", tmp_path_factory.mktemp("one"), channels=1, sessions=1)


def test_a_viewer_gets_the_recorders_session_and_the_export_goes_on_later(one_session: Device) -> None:
    device, app = one_session, one_session.app
    start, _ = max(device.long_spans(1), key=lambda span: span[1] - span[0])
    export_id = device.add(1, start, start + timedelta(hours=1))
    until(lambda: device.job(export_id)["progress"]["done_s"] > 20)
    body = {"camera_id": device.camera_id, "recording_token": TOKEN, "start_time": start.isoformat()}
    with promised(3.0):
        stream = app.call("POST", "/api/playback/start", body)
        requests.get(app.url + stream["playlist_url"], timeout=LIMIT_S).raise_for_status()
    until(lambda: "for a recording that is watched" in (device.job(export_id)["error"] or {}).get("detail", ""))
    assert device.job(export_id)["error"]["code"] == "camera_busy"
    assert device.job(export_id)["state"] in {"queued", "running"}
    so_far_s = device.job(export_id)["progress"]["done_s"]
    app.call("POST", "/api/streams/stop", {"stream_id": stream["stream_id"]})
    until(lambda: device.job(export_id)["progress"]["done_s"] > so_far_s + 20)
    assert device.job(export_id)["error"] is None
    app.call("POST", f"/api/exports/{export_id}/cancel")


def test_a_picture_under_the_pointer_interrupts_an_export_for_a_moment(one_session: Device) -> None:
    start, end = max(one_session.long_spans(1), key=lambda span: span[1] - span[0])
    end = min(end, start + timedelta(minutes=4))
    recordings = f"/api/cameras/{one_session.camera_id}/recordings"
    times = urlencode({"start_time": start.isoformat(), "end_time": end.isoformat()})
    until(lambda: one_session.app.call("GET", f"{recordings}/coverage?{times}")["indexing"] is None, rest=seldom)
    export_id = one_session.add(1, start, end)
    until(lambda: one_session.job(export_id)["progress"]["done_s"] > 20)
    query = {"channel": "1", "time": (end - timedelta(minutes=1)).isoformat(), "wait_s": "10"}
    with promised(1.5):
        answer = requests.get(f"{one_session.app.url}{recordings}/picture", query, timeout=LIMIT_S)
    assert (answer.status_code, answer.content[:2]) == (200, b"\xff\xd8")
    assert one_session.job(export_id)["state"] != "done"
    whole = one_session.done(one_session.add(1, start, end))["files"]
    assert [file["sha256"] for file in one_session.done(export_id)["files"]] == [file["sha256"] for file in whole]
