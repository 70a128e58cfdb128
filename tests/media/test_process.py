"""Child processes: started with a clean environment, drained, and always ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from media.process import STDERR_TAIL_BYTES, ProgramMissing, Spawner, SupervisedProcess
from tests.patience import LIMIT_S, Slowness, promised, until

ROOT = Path(__file__).resolve().parents[2]
SH = "/bin/sh"


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def sh(spawner: Spawner, script: str, **options: object) -> SupervisedProcess:
    return spawner.spawn([SH, "-c", script], name="test", **options)  # type: ignore[arg-type]  # passed through


def test_a_childs_output_and_exit_code_are_read_and_it_is_reaped(spawner: Spawner) -> None:
    child = sh(spawner, "echo ready; echo trouble >&2; exit 3", stdout="pipe")
    assert child.stdout_line(LIMIT_S) == "ready"
    assert child.wait(LIMIT_S) == 3
    assert child.stdout_bytes(LIMIT_S) == b"ready\n"
    assert child.stderr_tail() == "trouble\n"
    assert not Path(f"/proc/{child.pid}").exists()


def test_a_function_gets_the_output_piece_by_piece(spawner: Spawner, tmp_path: Path) -> None:
    pieces: list[bytes] = []
    wait = f"while [ ! -e {tmp_path}/read ]; do sleep 0.05; done"
    child = sh(spawner, f"echo one; {wait}; echo two", stdout=pieces.append)
    until(lambda: b"".join(pieces) == b"one\n")
    assert child.poll() is None
    (tmp_path / "read").touch()
    assert child.wait(LIMIT_S) == 0
    assert b"".join(pieces) == b"one\ntwo\n"


def test_a_child_gets_only_the_given_environment(spawner: Spawner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary")
    child = spawner.spawn(["/usr/bin/env"], name="env", stdout="pipe", extra_env={"SIMULATOR_PASSWORD": "given"})
    seen = dict(line.split("=", 1) for line in (child.stdout_bytes(LIMIT_S) or b"").decode().splitlines())
    assert seen.pop("SIMULATOR_PASSWORD") == "given"
    assert set(seen) <= {"PATH", "HOME", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "LANG", "LC_CTYPE"}


def test_a_child_inherits_no_descriptor_and_no_ignored_signal(spawner: Spawner) -> None:
    with Path(__file__).open("rb") as opened:
        os.set_inheritable(opened.fileno(), True)
        child = sh(spawner, "ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status", stdout="pipe")
        lines = (child.stdout_bytes(LIMIT_S) or b"").decode().split()
    assert int(lines[0]) <= 4  # stdin, stdout, stderr, and the one that ls opens
    # Python ignores SIGPIPE, children must not. Signals ignored by the test's own parent (nohup, a shell's
    # background job) are inherited. Signals 32 and up belong to the C library.
    own = re.search(r"SigIgn:\s*(\w+)", Path("/proc/self/status").read_text())
    inherited = int(own[1], 16) & ~(1 << (signal.SIGPIPE - 1)) if own else 0
    assert int(lines[2], 16) & 0x7FFF_FFFF & ~inherited == 0


def test_the_command_line_in_ps_is_the_programs(spawner: Spawner) -> None:
    child = spawner.spawn(["/bin/sleep", "30"], name="sleep")
    command = Path(f"/proc/{child.pid}/cmdline")
    until(lambda: command.read_bytes() == b"/bin/sleep\x0030\x00")
    child.stop()


def test_stop_sends_sigterm_first(spawner: Spawner) -> None:
    child = sh(spawner, "trap 'echo bye >&2; exit 0' TERM; echo up; while :; do sleep 0.05; done", stdout="pipe")
    child.stdout_line(LIMIT_S)
    child.stop()
    assert child.poll() == 0
    assert "bye" in child.stderr_tail()
    child.stop()  # a second call has no effect


def test_a_child_that_ignores_sigterm_is_killed_with_its_children(spawner: Spawner) -> None:
    child = sh(spawner, "trap '' TERM; sleep 60 & echo $!; while :; do sleep 1; done", stdout="pipe")
    grandchild = int(child.stdout_line(LIMIT_S) or 0)
    with promised(2):
        child.stop(grace_s=0.2)
    assert child.poll() == -signal.SIGKILL
    until(lambda: not is_alive(grandchild))


def test_orphans_of_a_child_end_with_it(spawner: Spawner) -> None:
    child = sh(spawner, "sleep 60 & echo $!", stdout="pipe")
    grandchild = int(child.stdout_line(LIMIT_S) or 0)
    child.wait(LIMIT_S)
    until(lambda: not is_alive(grandchild))


@pytest.mark.slow
def test_a_flood_on_stderr_is_drained_with_little_cpu_and_memory(spawner: Spawner) -> None:
    child = sh(spawner, "trap '' TERM; yes 'a line that never ends' >&2")
    began_cpu, began = time.process_time(), time.monotonic()
    time.sleep(1.0)
    share = (time.process_time() - began_cpu) / (time.monotonic() - began)
    assert len(child.stderr_tail()) <= STDERR_TAIL_BYTES
    assert child._stderr_bytes < 3 * 65_536
    assert share < 0.2 * Slowness().factor()
    other = sh(spawner, "exit 0")
    assert other.wait(LIMIT_S) == 0
    child.stop(grace_s=0.1)
    assert not is_alive(child.pid)


def test_stdout_is_bounded(spawner: Spawner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.process.STDOUT_LIMIT_BYTES", 1000)
    child = sh(spawner, "head -c 5000 /dev/zero", stdout="pipe")
    assert child.stdout_bytes(LIMIT_S) == bytes(1000)


@pytest.mark.parametrize("program", ["/no/such/ffmpeg", "ffmpeg", "/etc/passwd", "/tmp"])
def test_a_missing_program_raises_program_missing(spawner: Spawner, program: str) -> None:
    with pytest.raises(ProgramMissing):
        spawner.spawn([program], name="ffmpeg")


def test_a_missing_folder_raises_program_missing(spawner: Spawner, tmp_path: Path) -> None:
    with pytest.raises(ProgramMissing):
        spawner.spawn([SH], name="sh", cwd=tmp_path / "none")


def test_a_child_outlives_the_thread_that_started_it(spawner: Spawner) -> None:
    children: list[SupervisedProcess] = []
    asking = threading.Thread(target=lambda: children.append(sh(spawner, "exec sleep 30")))
    asking.start()
    asking.join()
    assert children[0].wait(0.2) is None
    children[0].stop()


@pytest.mark.slow
def test_stopping_the_spawner_ends_all_children_without_leaks() -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    spawner = Spawner()
    with pytest.raises(RuntimeError):
        sh(spawner, "exit 0")
    spawner.start()
    spawner.start()
    children = [sh(spawner, "trap '' TERM; echo up; sleep 60; sleep 60", stdout="pipe") for _ in range(3)]
    for child in children:
        child.stdout_line(LIMIT_S)
    with promised(4):
        spawner.stop()
        spawner.stop()
    assert not any(is_alive(child.pid) for child in children)
    assert not any(thread.name == "spawner" for thread in threading.enumerate())
    until(lambda: descriptors() <= before)  # the garbage of earlier tests may close some meanwhile


def test_many_threads_can_run_children_concurrently(spawner: Spawner) -> None:
    codes: list[int | None] = []
    threads = [
        threading.Thread(target=lambda n=n: codes.append(sh(spawner, f"exit {n}").wait(LIMIT_S))) for n in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(code for code in codes if code is not None) == list(range(24))
    until(lambda: not spawner.running())


CHILD_APP = """
import sys, threading, time
from media.process import Spawner
spawner = Spawner()
spawner.start()
found = []
asking = threading.Thread(target=lambda: found.append(spawner.spawn(
    ["/bin/sh", "-c", "trap '' TERM HUP; while :; do sleep 0.1; done"], name="deaf")))
asking.start()
asking.join()
print(found[0].pid, flush=True)
time.sleep(60)
"""


def test_sigkill_of_the_app_leaves_no_child() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD_APP], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
    ) as app:
        assert app.stdout is not None
        pid = int(app.stdout.readline())
        assert is_alive(pid)
        until(lambda: Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"/bin/sh\0"))  # instead of the shim
        app.kill()
        app.wait()
    until(lambda: not is_alive(pid))
