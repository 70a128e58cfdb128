"""The app and a pretend recorder as separate processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.patience import LIMIT_S, until
from tools.leaks import leaks_in, leaks_of
from tools.running import Program, Starter, free_port

CANARY = "canary:pass/word@7f3a+1"


class RunningApp:
    """The real app as a user starts it: its own process, folders and port.

    `close()` fails if the recorder's password is in the command line or environment of one of the app's processes, or
    in one of its files.
    """

    starter = Starter()  # of all apps; conftest.py replaces it

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "PORT": str(self.port),
            "DATA_DIR": str(folder / "data"),
            "STREAMS_DIR": str(folder / "streams"),
            "ALLOW_LOOPBACK_DEVICES": "yes",
            "LISTEN_TO_EVENTS": "no",  # pictures of events would start ffmpeg at any time
            **environ,
        }
        (folder / "home").mkdir(exist_ok=True)
        self._process: Program | None = None
        self._errors = folder / "stderr"

    @property
    def process(self) -> Program:
        """The master; its worker and everything below that is the `family`."""
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *arguments: str, is_awaited: bool = True) -> RunningApp:
        self._errors.write_bytes(b"")
        self._process = self.starter.start(self.environ, self._errors, arguments)
        if is_awaited:
            self.wait_until_answering()
        return self

    def wait_until_answering(self, timeout_s: float = LIMIT_S) -> None:
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            assert self.process.poll() is None, self.errors()
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.url}/api/health", timeout=LIMIT_S).ok:
                    return
            time.sleep(0.05)
        raise AssertionError(f"the app did not answer: {self.errors()}")

    def errors(self) -> str:
        return self._errors.read_text("utf-8", "replace")

    def family(self) -> list[psutil.Process]:
        """Return the worker and all its descendants; the master is `process`."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def ffmpegs(self) -> list[psutil.Process]:
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "ffmpeg" in process.name():
                    found.append(process)
        return found

    def worker(self) -> psutil.Process:
        (worker,) = psutil.Process(self.process.pid).children()
        return worker

    def close(self) -> None:
        """End the remaining processes by id. May be called twice."""
        leaks: list[str] = []
        if self._process is not None:
            family: list[psutil.Process] = []
            with contextlib.suppress(psutil.NoSuchProcess):
                family = self.family()
                leaks = leaks_of([psutil.Process(self.process.pid), *family], [CANARY])
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(LIMIT_S)
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait(LIMIT_S)
        assert not leaks + leaks_in(self.folder, [CANARY])


class Recorder:
    """The simulator as a separate device, outside the app."""

    def __init__(self, process: subprocess.Popen[bytes], ready: dict[str, Any]) -> None:
        self.process = process
        self.onvif_port = int(ready["onvif_port"])
        self.rtsp_port = int(ready["rtsp_port"])
        self.control_port = int(ready["control_port"])

    def sub_stream(self, channel: int) -> dict[str, Any]:
        """Return the state of a channel's sub stream: listeners, number of the present frame, length of a GOP."""
        state = requests.get(f"http://127.0.0.1:{self.control_port}/state", timeout=LIMIT_S).json()
        stream: dict[str, Any] = state["channels"][channel - 1]["profiles"]["sub"]
        return stream

    def add_to(self, app: RunningApp, *, host: str = "127.0.0.1") -> int:
        """Add the recorder to an app, wait until it is online, and return the camera's id."""
        return self.add_at(app.url, requests.Session(), host=host)

    def add_at(self, url: str, session: requests.Session, *, host: str = "127.0.0.1") -> int:
        """Add the recorder to the app at this address."""
        body = {"host": host, "port": self.onvif_port, "username": "admin", "password": CANARY}
        answer = session.post(f"{url}/api/cameras?wait=1", json=body, timeout=LIMIT_S)
        assert answer.status_code == 201, answer.text
        camera_id = int(answer.json()["id"])
        if answer.json()["status"] != "online":  # the app waits for a connection for seconds only
            until(lambda: session.get(f"{url}/api/cameras/{camera_id}", timeout=LIMIT_S).json()["status"] == "online")
        return camera_id


def until_gone(processes: list[psutil.Process]) -> None:
    """Wait until none of them runs. A dead process that the machine's init has not reaped yet counts as ended."""

    def runs(process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    until(lambda: not any(map(runs, processes)), what="the end of every process")
