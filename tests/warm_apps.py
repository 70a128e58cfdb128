"""Apps that start as copies of a process which has imported the app already.

The imports take 1.5 of the 1.8 s of processor time of a start, and the tests start the app some two hundred
times. The copy runs `app.main()` with its own environment, session and log, as `python app.py` does, on an empty
database of the newest schema unless there is one. Its command line and the environment in /proc are those of the copied
process, which `tests/warm_imports.py` prepares.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from core.settings import Settings
from tests.prepared_database import prepared
from tools.running import ROOT, Starter

copies = multiprocessing.get_context("forkserver")
copies.set_forkserver_preload(["tests.warm_imports", "tests.warm_apps"])


class WarmStarter(Starter):
    """Starts copies. The first start takes as long as that of a new process."""

    def start(self, environment: Mapping[str, str], log: Path, arguments: Sequence[str] = ()) -> WarmProgram:
        return WarmProgram(copies.Process(target=serve, args=(dict(environment), log, tuple(arguments)), daemon=True))


def serve(environment: dict[str, str], log: Path, arguments: tuple[str, ...]) -> None:
    """Run the app in this process, as a new one would."""
    os.setsid()
    written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.close(written)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    if "DATABASE_URL" not in environment:
        prepared(Settings(data_dir=Path(environment["DATA_DIR"])).database_file)
    from app import main  # noqa: PLC0415  # the process of the tests has no use for it

    sys.exit(main(arguments))


class WarmProgram:
    """A running copy, as `subprocess.Popen` shows a program."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        process.start()
        assert process.pid is not None
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Raise subprocess.TimeoutExpired if it still runs after `timeout` seconds."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("app.py", timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()
