"""Run the two programs of the measurements: the pretend recorder, and this app with the recorder as a camera."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tools.running import free_port

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "bench-password-1"
_LINGER_S = 7.0
_START_S = 120.0
_PASSED_ON = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "XDG_CACHE_HOME")


def ask(method: str, url: str, body: object | None = None, timeout_s: float = 60.0) -> Any:
    """Return the JSON of the response, None if it is empty. Raise urllib's HTTPError for any status but 2xx."""
    data = json.dumps(body).encode() if body is not None else None
    headers = {"Content-Type": "application/json"} if data is not None else {}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:
        text = answer.read().decode()
    return json.loads(text) if text else None


def serves_stream(process: psutil.Process) -> bool:
    """True for an ffmpeg of a stream; False for one that decodes single pictures, which any event may need."""
    return "ffmpeg" in process.name() and "image2pipe" not in process.cmdline()


@dataclass(frozen=True, slots=True)
class Recorder:
    """A running pretend recorder."""

    pid: int
    onvif_port: int
    rtsp_port: int
    control_port: int
    username: str

    def rtsp_url(self, uri: str) -> str:
        """Return the stream URI with user and password, for plain ffmpeg."""
        return uri.replace("rtsp://", f"rtsp://{self.username}:{PASSWORD}@", 1)

    def control(self, method: str, path: str, body: object | None = None) -> Any:
        """Send a request to the control port; return the JSON of its response."""
        return ask(method, f"http://127.0.0.1:{self.control_port}{path}", body)

    def set_fault(self, name: str, value: object) -> None:
        """Set a fault; the value None ends it."""
        self.control("POST", "/fault", {"name": name, "value": value})

    def timing(self, channel: int, role: str) -> dict[str, Any]:
        """Return the time rule of the frames: the response explains it, `tools.frames` applies it."""
        found: dict[str, Any] = self.control("GET", f"/frames?channel={channel}&role={role}")
        return found

    def prepare(self, role: str) -> None:
        """Wait until the recorder has encoded its loops, so that no measurement waits for its encoder."""
        self.control("POST", f"/prepare?role={role}")
        while self.control("GET", "/state")["clips"]["pending"]:
            time.sleep(1)


@contextlib.contextmanager
def recorder(*options: str) -> Iterator[Recorder]:
    """Run a pretend recorder on free ports of loopback until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--username", "admin", "--no-discovery", *options],
        cwd=ROOT,
        env=_environment(SIMULATOR_PASSWORD=PASSWORD),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield Recorder(process.pid, ready["onvif_port"], ready["rtsp_port"], ready["control_port"], ready["username"])
    finally:
        _end(process)


class App:
    """A running app, used over HTTP as a script would use it."""

    def __init__(self, pid: int, port: int, folder: Path) -> None:
        self.pid = pid
        self.url = f"http://localhost:{port}"
        self.streams_dir = folder / "streams"

    def call(self, method: str, path: str, body: object | None = None, timeout_s: float = 60.0) -> Any:
        """Return the JSON of the response. Raise urllib's HTTPError for any status but 2xx."""
        return ask(method, self.url + path, body, timeout_s)

    def page_ms(self, path: str) -> float:
        """Return the response time of a plain page in ms."""
        begun_s = time.monotonic()
        urllib.request.urlopen(self.url + path, timeout=60).read()
        return 1000 * (time.monotonic() - begun_s)

    def stop_streams(self) -> None:
        """End all sessions and wait until the gateway has closed its own, so that the next start is cold."""
        for stream in self.call("GET", "/api/streams/all")["streams"]:
            self.call("POST", "/api/streams/stop", {"stream_id": stream["stream_id"]})
        time.sleep(_LINGER_S)

    def ffmpegs(self) -> list[psutil.Process]:
        """Return the ffmpeg processes of the app that serve streams."""
        return [child for child in psutil.Process(self.pid).children(recursive=True) if serves_stream(child)]

    def add_recorder(self, device: Recorder) -> int:
        """Add the recorder as a camera and wait until the app has connected to it; return the camera's id."""
        camera = self.call(
            "POST",
            "/api/cameras?wait=1",
            {
                "name": "Bench",
                "host": "127.0.0.1",
                "port": device.onvif_port,
                "username": device.username,
                "password": PASSWORD,
            },
        )
        if camera["status"] != "online":
            raise RuntimeError(f"the recorder is {camera['status']}: {camera['error']}")
        return int(camera["id"])

    def profiles(self, camera_id: int, role: str) -> list[tuple[int, str, str]]:
        """Return (channel, profile token, video codec) of each working channel's profile with this role."""
        channels = self.call("GET", f"/api/cameras/{camera_id}/profiles")["channels"]
        return [
            (channel["channel"], profile["profile_token"], profile["video"]["codec"])
            for channel in channels
            if not channel["problem"]
            for profile in channel["profiles"]
            if profile["role"] == role and profile["video"]
        ]


@contextlib.contextmanager
def app(checkout: Path = ROOT, **settings: str) -> Iterator[App]:
    """Run the app of a checkout as `make run` starts it there, in temporary folders, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        port = free_port()
        process = subprocess.Popen(
            [_python_of(checkout), "app.py"],
            cwd=checkout,
            env=_environment(
                PORT=str(port),
                DATA_DIR=str(folder / "data"),
                STREAMS_DIR=str(folder / "streams"),
                ALLOW_LOOPBACK_DEVICES="yes",
                SECRET_KEY_FILE=str(folder / "key" / "secret.key"),
                **settings,
            ),
            stderr=subprocess.DEVNULL,
        )
        try:
            running = App(process.pid, port, folder)
            _wait_until_healthy(running, process)
            running.call("POST", "/api/setup/postpone")  # otherwise pages begin with the first-visit setup
            yield running
        finally:
            _end(process)


def _python_of(checkout: Path) -> str:
    """The interpreter that `make install` has made there, otherwise our own."""
    own = checkout / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def _wait_until_healthy(running: App, process: subprocess.Popen[Any]) -> None:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise RuntimeError(f"the app ended with {process.returncode}")
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            running.call("GET", "/api/health", timeout_s=1)
            return
        time.sleep(0.1)
    raise RuntimeError("the app did not become healthy")


def _environment(**extra: str) -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | extra


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
