"""Ends processes after the death of the program that has started them, also if nothing could tell it to end them.

`python -m tools.guardian` reads a process id a line. When its input ends, it sends SIGTERM to those that still run.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from types import TracebackType

import psutil

from core.settings import ROOT

_END_S = 10.0


class Guardian:
    """Watches over the processes of this program, from __enter__() to __exit__()."""

    def __enter__(self) -> Guardian:
        command = [sys.executable, "-m", "tools.guardian"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True, text=True, bufsize=1
        )
        return self

    def watch(self, pid: int) -> None:
        """End this process, too, if this program dies."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        self._process.stdin.write(f"{pid}\n")

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.communicate()


def main() -> None:
    watched: list[psutil.Process] = []
    for line in sys.stdin:
        with contextlib.suppress(psutil.NoSuchProcess):
            watched.append(psutil.Process(int(line)))
    for process in reversed(watched):  # psutil compares times of start: another process may have the id by now
        with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            process.terminate()
            process.wait(_END_S)


if __name__ == "__main__":
    main()
