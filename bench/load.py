"""CPU and memory of sixteen main streams at the same time, of plain ffmpeg and of this app in turns."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.figures import Figure
from bench.meter import Cost, family, measure
from bench.setting import PASSWORD, App, Recorder, app, recorder
from core.clock import SystemClock
from core.login_gate import GuardedCredential, LoginGate
from core.records import Credential
from core.secrets import Secret
from media.ffmpeg import find_ffmpeg
from onvif_services.connection import DeviceConnection, OnvifAddress
from onvif_services.media import stream_uri


def figures(device: Recorder, running: App, camera_id: int, runs: int, window_s: float) -> Iterator[Figure]:
    """Measure all main streams as HLS."""
    tokens = [token for _, token, _ in running.profiles(camera_id, "main")]
    urls = stream_urls(device, tokens)
    plain, ours = [], []
    for _ in range(runs):
        plain.append(plain_cost(urls, window_s, settle_s=8))
        ours.append(app_cost(running, camera_id, tokens, window_s, settle_s=4))
    what = f"{len(tokens)} main streams as HLS"
    yield Figure(
        f"{what}: CPU of one core",
        "%",
        [cost.cpu_percent for cost in ours],
        [cost.cpu_percent for cost in plain],
        label=what,
        axis="cpu",
    )
    yield Figure(
        "the same: proportional memory, each",
        "MB",
        [cost.pss_mb / len(tokens) for cost in ours],
        [cost.pss_mb / len(tokens) for cost in plain],
    )


def list_figures() -> Iterator[Figure]:
    """Measure the list of cameras while most of them do not answer."""
    with recorder("--channels", "2", "--dead", "none", "--profile", "small") as device, app() as running:
        for number in range(64):
            host = "127.0.0.1" if number % 2 == 0 else f"127.0.9.{number}"
            port = device.onvif_port if number == 0 else 61_001 + number
            running.call("POST", "/api/cameras", {"host": host, "port": port, "username": "a", "password": "b"})
        times = []
        for _ in range(20):
            begun_s = time.monotonic()
            running.call("GET", "/api/cameras")
            times.append(1000 * (time.monotonic() - begun_s))
        yield Figure("GET /api/cameras with 64 cameras that do not answer", "ms", times)


def plain_command(ffmpeg: str, url: str, folder: Path) -> list[str]:
    """Return an ffmpeg command for HLS, as a user without this app writes it."""
    return [
        *(ffmpeg, "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url),
        *("-c:v", "copy", "-c:a", "aac", "-f", "hls", "-hls_time", "2", "-hls_list_size", "10"),
        *("-hls_flags", "delete_segments", str(folder / "stream.m3u8")),
    ]


@contextlib.contextmanager
def plain_streams(urls: list[str]) -> Iterator[list[psutil.Process]]:
    """Run one plain ffmpeg for each address, each with its own folder."""
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


def app_cost(running: App, camera_id: int, tokens: list[str], window_s: float, settle_s: float) -> Cost:
    """Return the cost of the app's master, worker and ffmpeg processes together, while the same streams run in it."""
    started = [
        running.call(
            "POST",
            "/api/streams/start",
            {"camera_id": camera_id, "profile_token": token, "accept": ["h264", "hevc"]},
        )["stream_id"]
        for token in tokens
    ]
    try:
        wait_until_running(running, started)
        time.sleep(settle_s)
        return measure(lambda: family(psutil.Process(running.pid)), window_s)
    finally:
        for stream_id in started:
            running.call("POST", "/api/streams/stop", {"stream_id": stream_id})


def wait_until_running(running: App, stream_ids: list[str], timeout_s: float = 60.0) -> None:
    """Wait until all streams run. A channel with a key frame every 10 s has no earlier segment."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        states = [running.call("GET", f"/api/streams/status/{stream_id}")["status"] for stream_id in stream_ids]
        if all(state == "running" for state in states):
            return
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"not all streams run: {states}")
        time.sleep(0.5)


def start_times_ms(running: App, camera_id: int, token: str, runs: int) -> list[float]:
    """Return the response times of POST /api/streams/start, each for a new session."""
    times = []
    for _ in range(runs):
        begun_s = time.monotonic()
        answer = running.call("POST", "/api/streams/start", {"camera_id": camera_id, "profile_token": token})
        times.append(1000 * (time.monotonic() - begun_s))
        running.call("POST", "/api/streams/stop", {"stream_id": answer["stream_id"]})
    return times


def stream_urls(device: Recorder, tokens: list[str]) -> list[str]:
    """Return the recorder's stream URIs of these profiles, with the password, for plain ffmpeg."""
    credential = Credential(device.username, Secret(PASSWORD))
    connection = DeviceConnection(
        OnvifAddress("127.0.0.1", device.onvif_port), GuardedCredential(credential, "bench", LoginGate(SystemClock()))
    )
    connection.open()
    try:
        return [device.rtsp_url(stream_uri(connection, token)) for token in tokens]
    finally:
        connection.close()
