"""A program that dies without a warning leaves none of its watched processes."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil

from tests.patience import LIMIT_S, until
from tools.running import ROOT

# Starts a process that the guardian watches, prints its id, and waits.
PROGRAM = """
import subprocess, sys, time
from tools.guardian import Guardian
with Guardian() as guardian:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True)
    guardian.watch(process.pid)
    print(process.pid, flush=True)
    sys.stdin.read()
    process.kill()
    process.wait()
print("over", flush=True)
"""


def started() -> tuple[subprocess.Popen[str], psutil.Process]:
    """Start the program; return it and its watched process."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    return program, psutil.Process(int(program.stdout.readline()))


def test_processes_of_a_killed_program_are_ended() -> None:
    program, watched = started()
    with program:
        program.send_signal(signal.SIGKILL)
    until(lambda: not watched.is_running() or watched.status() == psutil.STATUS_ZOMBIE)


def test_a_program_that_ends_its_processes_itself_is_not_delayed() -> None:
    program, watched = started()
    written, _ = program.communicate("", LIMIT_S)
    assert written == "over\n"
    assert not watched.is_running()
