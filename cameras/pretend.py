"""The pretend recorder: `python -m simulator` as a child process, which runs while its camera exists.

It is a separate program and a device like any other; this file only starts and stops it. It chooses free ports and
prints them as one line of JSON. It gets its password in a file of mode 0600, which is removed once it was read.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from core.allowed_addresses import allowed_addresses
from core.backoff import Backoff
from core.clock import Clock
from core.errors import AppError, CameraUnreachable
from core.records import Problem
from core.secrets import Secret
from core.settings import ROOT, Settings
from media.process import Spawner, SupervisedProcess

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
USERNAME = "admin"
STARTING = Problem("camera_unreachable", "The pretend recorder is starting.")

_READY_WITHIN_S = 120.0  # the first start draws and encodes the video
_LOOK_EVERY_S = 0.5
_HEALTHY_AFTER_S = 60.0
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


def pretend_command(password_file: Path, cache_dir: Path, ffmpeg: str) -> list[str]:
    """Return the argv of a pretend recorder on free loopback ports, without WS-Discovery."""
    argv = [sys.executable, "-m", "simulator", "--host", HOST, "--username", USERNAME]
    argv += ["--password-file", str(password_file), "--cache-dir", str(cache_dir), "--no-discovery"]
    return [*argv, "--ffmpeg", ffmpeg] if ffmpeg else argv


class PretendRecorder:
    """Starts the child in a background thread, and restarts it with growing pauses when it ends.

    The thread calls `on_ready(port)` with the ONVIF port, and `on_down(problem)`.
    """

    def __init__(
        self,
        spawner: Spawner | None,
        settings: Settings,
        clock: Clock,
        *,
        on_ready: Callable[[int], None],
        on_down: Callable[[Problem], None],
    ) -> None:
        self._spawner = spawner
        self._settings = settings
        self._clock = clock
        self._on_ready = on_ready
        self._on_down = on_down
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._child: SupervisedProcess | None = None

    @property
    def can_start(self) -> bool:
        return self._spawner is not None

    @property
    def pid(self) -> int | None:
        """Process id of the running child; None if there is none."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def start(self, password: Secret) -> None:
        """Keep the child running until stop(). Do nothing if it is started already."""
        with self._lock:
            if self._thread is not None or self._spawner is None:
                return
            self._stopping = threading.Event()
            self._thread = threading.Thread(
                target=self._supervise,
                args=(self._spawner, password, self._stopping),
                name="pretend-recorder",
                daemon=True,
            )
            self._thread.start()

    def stop(self) -> None:
        """End the child and the thread; return when the child has ended."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopping.set()
            child = self._child
        if child is not None:
            child.stop()
        if thread is not None and thread is not threading.current_thread():
            thread.join(10.0)

    def _supervise(self, spawner: Spawner, password: Secret, stopping: threading.Event) -> None:
        backoff = Backoff(first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S, healthy_after_s=_HEALTHY_AFTER_S)
        while not stopping.is_set():
            began_s = self._clock.monotonic_s()
            try:
                self._run_once(spawner, password, stopping)
            except AppError as error:
                log.warning("the pretend recorder: %s", error.detail)
            except Exception:  # top of a thread
                log.exception("running the pretend recorder failed")
            if stopping.is_set():
                return
            self._on_down(Problem("camera_unreachable", "The pretend recorder has ended; it is being started again."))
            stopping.wait(backoff.failed_after(self._clock.monotonic_s() - began_s))

    def _run_once(self, spawner: Spawner, password: Secret, stopping: threading.Event) -> None:
        """Run the child from its start to its end. Raise CameraUnreachable if it does not become ready."""
        cache_dir = self._settings.data_dir / "cache" / "pretend"
        cache_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        password_file = _write_password(self._settings.data_dir, password)
        try:
            child = spawner.spawn(
                pretend_command(password_file, cache_dir, self._settings.ffmpeg),
                name="pretend recorder",
                cwd=ROOT,
                stdout="pipe",
            )
            with self._lock:
                self._child = child
            try:
                ports = self._wait_ready(child, stopping)
            finally:
                password_file.unlink(missing_ok=True)
            if ports is not None:
                allowed_addresses.set_own(frozenset((HOST, port) for port in ports))
                self._on_ready(ports[0])
                while child.wait(3600.0) is None and not stopping.is_set():
                    pass
                if not stopping.is_set():
                    log.warning("the pretend recorder ended with %s: %s", child.poll(), child.stderr_tail()[-2000:])
        finally:
            allowed_addresses.set_own(frozenset())
            password_file.unlink(missing_ok=True)
            if self._child is not None:
                self._child.stop()
            self._child = None

    def _wait_ready(self, child: SupervisedProcess, stopping: threading.Event) -> tuple[int, int] | None:
        """Return the ONVIF and the RTSP port of the child; None if it must stop.

        Raise CameraUnreachable if it ends early, takes more than 120 s or prints another line.
        """
        deadline_s = self._clock.monotonic_s() + _READY_WITHIN_S
        while not stopping.is_set():
            line = child.stdout_line(_LOOK_EVERY_S)
            if line is not None:
                return _ports_of(line)
            if child.poll() is not None:
                log.warning("stderr of the pretend recorder: %s", child.stderr_tail()[-2000:])
                raise CameraUnreachable(f"it ended with {child.poll()} before it was ready")
            if self._clock.monotonic_s() > deadline_s:
                raise CameraUnreachable("it was not ready in time")
        return None


def _ports_of(line: str) -> tuple[int, int]:
    try:
        message = json.loads(line)
        ports = (message["onvif_port"], message["rtsp_port"])
        if message["ready"] is True and all(isinstance(port, int) and 1 <= port <= 65535 for port in ports):
            return ports
    except (ValueError, KeyError, TypeError):
        pass
    raise CameraUnreachable("its first line is not the expected JSON")


def _write_password(folder: Path, password: Secret) -> Path:
    for old in folder.glob(".pretend-*"):  # left by a run that was killed
        old.unlink(missing_ok=True)
    file = folder / f".pretend-{secrets.token_hex(8)}"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as handle:
        handle.write(password.reveal())
    return file
