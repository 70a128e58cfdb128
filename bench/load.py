"""Sixteen main streams at once: plain ffmpeg beside this app, in turns."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.meter import Cost, family, measure
from bench.setting import PASSWORD, App, Recorder
from core.clock import SystemClock
from core.login_gate import LoginGate
from core.records import Credential
from core.secrets import Secret
from media.ffmpeg import find_ffmpeg
from onvif_services.connection import DeviceConnection
from onvif_services.media import stream_uri


def plain_command(ffmpeg: str, url: str, folder: Path) -> list[str]:
    """What a user types who has only ffmpeg."""
    return [
        *(ffmpeg, "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url),
        *("-c:v", "copy", "-c:a", "aac", "-f", "hls", "-hls_time", "2", "-hls_list_size", "10"),
        *("-hls_flags", "delete_segments", str(folder / "stream.m3u8")),
    ]


@contextlib.contextmanager
def plain_streams(urls: list[str]) -> Iterator[list[psutil.Process]]:
    """One plain ffmpeg an address, each with a folder of its own."""
    ffmpeg = find_ffmpeg()
    with tempfile.TemporaryDirectory(prefix="bench-plain-") as name:
        started = []
        for index, url in enumerate(urls):
            folder = Path(name) / str(index)
            folder.mkdir()
            command = plain_command(str(ffmpeg), url, folder)
            started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        try:
            yield [psutil.Process(process.pid) for process in started]
        finally:
            for process in started:
                process.kill()
            for process in started:
                process.wait()


def plain_cost(urls: list[str], window_s: float, settle_s: float) -> Cost:
    with plain_streams(urls) as processes:
        time.sleep(settle_s)
        return measure(lambda: processes, window_s)


def app_cost(app: App, camera_id: int, tokens: list[str], window_s: float, settle_s: float) -> Cost:
    """The app's master, worker and every ffmpeg together, while the same streams run in it."""
    started = [
        app.call(
            "POST",
            "/api/streams/start",
            {"camera_id": camera_id, "profile_token": token, "accept": ["h264", "hevc"]},
        )["stream_id"]
        for token in tokens
    ]
    try:
        wait_until_running(app, started)
        time.sleep(settle_s)
        return measure(lambda: family(psutil.Process(app.pid)), window_s)
    finally:
        for stream_id in started:
            app.call("POST", "/api/streams/stop", {"stream_id": stream_id})


def wait_until_running(app: App, stream_ids: list[str], timeout_s: float = 60.0) -> None:
    """A channel with a key frame every 10 s has no segment before that."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        states = [app.call("GET", f"/api/streams/status/{stream_id}")["status"] for stream_id in stream_ids]
        if all(state == "running" for state in states):
            return
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"not all streams run: {states}")
        time.sleep(0.5)


def start_times_ms(app: App, camera_id: int, token: str, runs: int) -> list[float]:
    """How long POST /api/streams/start takes to answer, each time for a new session."""
    times = []
    for _ in range(runs):
        begun_s = time.monotonic()
        answer = app.call("POST", "/api/streams/start", {"camera_id": camera_id, "profile_token": token})
        times.append(1000 * (time.monotonic() - begun_s))
        app.call("POST", "/api/streams/stop", {"stream_id": answer["stream_id"]})
    return times


def stream_urls(device: Recorder, tokens: list[str]) -> list[str]:
    """The recorder's own addresses for these profiles, with the password, for plain ffmpeg."""
    credential = Credential(device.username, Secret(PASSWORD))
    connection = DeviceConnection(
        "127.0.0.1", device.onvif_port, credential, login_gate=LoginGate(SystemClock()), device_key="bench"
    )
    connection.open()
    try:
        return [device.rtsp_url(stream_uri(connection, token)) for token in tokens]
    finally:
        connection.close()


def ratio(ours: list[Cost], plain: list[Cost]) -> float:
    """CPU of ours over plain, run by run, the median."""
    return statistics.median(a.cpu_percent / b.cpu_percent for a, b in zip(ours, plain, strict=True))
