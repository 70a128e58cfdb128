"""The only place that starts processes.

One long-lived thread spawns children, reads their output and reaps them. It must be long-lived: the kernel sends
a child its PR_SET_PDEATHSIG when the *thread* that made it ends, so a child started by a request's thread would die
with the request. The child sets the signal itself (child_shim.py): code between fork and exec (`preexec_fn`) may hang
in a process with threads, and costs as much.

A child gets a small environment (ours contains keys), no terminal, its own session (so that Ctrl-C reaches the app
first) and none of our sockets. Its output is read all the time and kept in a bounded ring: an unread pipe freezes
ffmpeg, which then ignores SIGTERM.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import selectors
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from core.errors import AppError
from media.child_shim import ANY, ChildLimits, shim_command

log = logging.getLogger(__name__)

STDERR_TAIL_BYTES = 32_768
STDOUT_LIMIT_BYTES = 16_000_000
_READ_BYTES = 65_536
_FLOOD_BYTES_PER_S = 1_000_000
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "TZ", "LD_LIBRARY_PATH")
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


class ProgramMissing(AppError):
    """The program does not exist or may not be executed."""

    code = "program_missing"


class SupervisedProcess:
    """One child. Safe between threads; every wait has a bound."""

    def __init__(self, popen: subprocess.Popen[bytes], name: str) -> None:
        self.name = name
        self.pid = popen.pid
        self._popen = popen
        self._reaping = threading.Lock()
        self._ended = threading.Event()
        self._output = threading.Condition()
        self._stderr: deque[bytes] = deque()
        self._stderr_bytes = 0
        self._stdout = bytearray()
        self._stdout_open = popen.stdout is not None
        self._stdin = popen.stdin

    def poll(self) -> int | None:
        """Return the return code (negative: the signal's number); None while the child runs."""
        return self._popen.returncode if self._ended.is_set() else None

    def wait(self, timeout_s: float) -> int | None:
        """Wait at most `timeout_s` for the end, then return poll()."""
        self._ended.wait(timeout_s)
        return self.poll()

    def stop(self, grace_s: float = 1.0) -> None:
        """Send SIGTERM, after `grace_s` SIGKILL to the child and its children. Returns when the child has ended."""
        if self._ended.is_set():
            return
        self._signal(signal.SIGTERM)
        if not self._ended.wait(grace_s):
            self._signal(signal.SIGKILL, group=True)
            if not self._ended.wait(5.0):
                log.error("%s (pid %d) does not end after SIGKILL", self.name, self.pid)

    def kill(self) -> None:
        """Send SIGKILL to the child and its children immediately. Returns when the child has ended."""
        self.stop(grace_s=0.0)

    def stderr_tail(self) -> str:
        """Return the end of its stderr, at most STDERR_TAIL_BYTES. For the log, never for a user."""
        with self._output:
            return b"".join(self._stderr)[-STDERR_TAIL_BYTES:].decode("utf-8", "replace")

    def take_stderr(self) -> str:
        """Return its stderr since the last call, at most STDERR_TAIL_BYTES, and forget it.

        All that the child wrote before a piece of its stdout is there when that piece arrives.
        """
        with self._output:
            taken = b"".join(self._stderr)[-STDERR_TAIL_BYTES:]
            self._stderr.clear()
            self._stderr_bytes = 0
        return taken.decode("utf-8", "replace")

    def write_stdin(self, data: bytes, timeout_s: float) -> bool:
        """Write to its stdin, which spawn() was told to open. False if the child has ended or reads too slowly.

        For one thread at a time, which also closes it with close_stdin().
        """
        if self._stdin is None or self._stdin.closed:
            return False
        deadline_s = time.monotonic() + timeout_s
        left = memoryview(data)
        fd = self._stdin.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(fd, selectors.EVENT_WRITE)
            while left:
                if not selector.select(max(0.0, deadline_s - time.monotonic())):
                    return False
                try:
                    left = left[os.write(fd, left) :]
                except BlockingIOError:
                    continue
                except OSError:
                    return False
        return True

    def close_stdin(self) -> None:
        """Close its stdin. May be called twice."""
        if self._stdin is not None:
            self._stdin.close()

    def stdout_line(self, timeout_s: float) -> str | None:
        """Return the first line of its stdout and keep it in the buffer. None if no line comes in time."""
        with self._output:
            self._output.wait_for(lambda: b"\n" in self._stdout or not self._stdout_open, timeout_s)
            line, newline, _ = bytes(self._stdout).partition(b"\n")
            return line.decode("utf-8", "replace") if newline else None

    def stdout_bytes(self, timeout_s: float) -> bytes | None:
        """Return its stdout (the first STDOUT_LIMIT_BYTES) once it is closed. None if it is still open."""
        with self._output:
            done = self._output.wait_for(lambda: not self._stdout_open, timeout_s)
            return bytes(self._stdout) if done else None

    def _signal(self, number: signal.Signals, *, group: bool = False) -> None:
        with self._reaping:  # a reaped pid may belong to another process by now
            if self._popen.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    (os.killpg if group else os.kill)(self.pid, number)

    def _reap(self) -> bool:
        """Reap the child if it has ended, and kill the rest of its process group. True if it has ended."""
        with self._reaping:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return False
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()
        return True

    def _take_stderr(self, data: bytes) -> None:
        with self._output:
            self._stderr.append(data)
            self._stderr_bytes += len(data)
            while len(self._stderr) > 1 and self._stderr_bytes - len(self._stderr[0]) >= STDERR_TAIL_BYTES:
                self._stderr_bytes -= len(self._stderr.popleft())

    def _take_stdout(self, data: bytes) -> None:
        with self._output:
            space = STDOUT_LIMIT_BYTES - len(self._stdout)
            self._stdout += data[: max(0, space)]
            if b"\n" in data:
                self._output.notify_all()

    def _close_stdout(self) -> None:
        with self._output:
            self._stdout_open = False
            self._output.notify_all()


class _Pipe:
    """One output of a child, read by the spawner, at a limited rate if it floods."""

    def __init__(self, process: SupervisedProcess, fd: int, take: Callable[[bytes], None]) -> None:
        self.process = process
        self.fd = fd
        self.take = take
        self.second = 0
        self.read_in_second = 0

    def is_flooding(self, now_s: float) -> bool:
        if int(now_s) != self.second:
            self.second, self.read_in_second = int(now_s), 0
        return self.read_in_second > _FLOOD_BYTES_PER_S


def _is_stdout(data: object) -> bool:
    return isinstance(data, _Pipe) and data.take != data.process._take_stderr


class Spawner:
    """Starts children, and ends them all when it stops. Call start() first; stop() may be repeated."""

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[Callable[[selectors.BaseSelector], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._wake_r = self._wake_w = -1
        self._alive: dict[SupervisedProcess, list[_Pipe]] = {}
        self._pidfds: dict[SupervisedProcess, int] = {}
        self._paused: list[_Pipe] = []

    def start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            self._stopping = False
            self._wake_r, self._wake_w = os.pipe()
            os.set_blocking(self._wake_r, False)
            os.set_blocking(self._wake_w, False)
            self._thread = threading.Thread(target=self._run, name="spawner", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End every child (SIGTERM, then SIGKILL) and the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None:
            return
        for process in list(self._alive):
            process._signal(signal.SIGTERM)
        deadline_s = time.monotonic() + 1.0
        for process in list(self._alive):
            process.stop(max(0.0, deadline_s - time.monotonic()))
        self._stopping = True
        self._wake()
        thread.join(5.0)

    def running(self) -> tuple[SupervisedProcess, ...]:
        """Return the children that run now."""
        return tuple(self._alive)

    def spawn(
        self,
        argv: Sequence[str],
        *,
        name: str,
        cwd: Path | None = None,
        stdout: Literal["pipe"] | Callable[[bytes], None] | None = None,
        extra_env: Mapping[str, str] | None = None,
        opens_stdin: bool = False,
        limits: ChildLimits = ANY,
    ) -> SupervisedProcess:
        """Start argv[0] (an absolute path). Raises ProgramMissing if it does not exist.

        The environment is a short list of harmless names and `extra_env`, never ours. With a pipe, the
        process keeps the first STDOUT_LIMIT_BYTES for stdout_line() and stdout_bytes(). The spawner's thread passes
        each piece of the output to a callable, which must return immediately and raise nothing. `opens_stdin`: the
        caller writes to its stdin and closes it.
        """
        program = Path(argv[0])
        if not program.is_absolute() or not program.is_file() or not os.access(program, os.X_OK):
            raise ProgramMissing(f"{name} cannot be started: its program is missing or not executable.")
        answer: queue.SimpleQueue[SupervisedProcess | OSError] = queue.SimpleQueue()

        def start_it(selector: selectors.BaseSelector) -> None:
            try:
                answer.put(self._spawn(selector, list(argv), name, cwd, stdout, extra_env or {}, opens_stdin, limits))
            except OSError as error:
                answer.put(error)

        with self._lock:
            if self._thread is None:
                raise RuntimeError("the spawner is not running")
            self._requests.put(start_it)
            self._wake()
        result = answer.get(timeout=30.0)
        if isinstance(result, OSError):
            raise ProgramMissing(f"{name} cannot be started: {result.strerror}.") from result
        return result

    # ---- in the spawner's thread -----------------------------------------------------------------

    def _spawn(
        self,
        selector: selectors.BaseSelector,
        argv: list[str],
        name: str,
        cwd: Path | None,
        stdout: Literal["pipe"] | Callable[[bytes], None] | None,
        extra_env: Mapping[str, str],
        opens_stdin: bool,
        limits: ChildLimits,
    ) -> SupervisedProcess:
        popen = subprocess.Popen(  # noqa: S603 - a list, never a shell; argv[0] is absolute and checked
            [*shim_command(limits), *argv],
            stdin=subprocess.PIPE if opens_stdin else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if stdout is None else subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=cwd or "/",
            env=clean_environment(extra_env),
            start_new_session=True,
            umask=0o077,
        )
        process = SupervisedProcess(popen, name)
        if popen.stdin is not None:
            os.set_blocking(popen.stdin.fileno(), False)
        pipes = []
        take_stdout = stdout if callable(stdout) else process._take_stdout
        for stream, take in ((popen.stderr, process._take_stderr), (popen.stdout, take_stdout)):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                pipes.append(_Pipe(process, stream.fileno(), take))
                selector.register(stream.fileno(), selectors.EVENT_READ, pipes[-1])
        self._alive[process] = pipes
        if hasattr(os, "pidfd_open"):
            self._pidfds[process] = os.pidfd_open(popen.pid)
            selector.register(self._pidfds[process], selectors.EVENT_READ, process)
        return process

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_r, selectors.EVENT_READ, None)
            try:
                while not self._stopping:
                    self._serve_once(selector)
            except Exception:
                log.exception("the spawner's thread ended")
            finally:
                for process in list(self._alive):
                    process._signal(signal.SIGKILL, group=True)
                    process._popen.wait()
                    self._forget(selector, process)
        with self._lock:
            os.close(self._wake_r)
            os.close(self._wake_w)
            self._wake_r = self._wake_w = -1
            if self._thread is threading.current_thread():  # ended by an error, not by stop(): refuse new children
                self._thread = None

    def _serve_once(self, selector: selectors.BaseSelector) -> None:
        without_pidfd = len(self._alive) > len(self._pidfds)
        timeout_s = 0.1 if without_pidfd or self._paused else None
        # stderr before stdout: see take_stderr().
        for key, _ in sorted(selector.select(timeout_s), key=lambda ready: _is_stdout(ready[0].data)):
            if key.data is None:
                self._answer_requests(selector)
            elif isinstance(key.data, _Pipe):
                self._read(selector, key.data)
            elif key.data in self._alive and key.data._reap():
                self._forget(selector, key.data)
        if without_pidfd:
            for process in [process for process in self._alive if process._reap()]:
                self._forget(selector, process)
        self._resume_paused(selector)

    def _answer_requests(self, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_r, 4096)
        while True:
            try:
                self._requests.get_nowait()(selector)
            except queue.Empty:
                return

    def _read(self, selector: selectors.BaseSelector, pipe: _Pipe) -> None:
        if pipe not in self._alive.get(pipe.process, ()):
            return  # its process was reaped in the same round
        try:
            data = os.read(pipe.fd, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            selector.unregister(pipe.fd)
            self._alive[pipe.process].remove(pipe)
            if pipe.take == pipe.process._take_stdout:
                pipe.process._close_stdout()
            return
        pipe.take(data)
        now_s = time.monotonic()
        if pipe.is_flooding(now_s):
            selector.unregister(pipe.fd)
            self._paused.append(pipe)
        pipe.read_in_second += len(data)

    def _resume_paused(self, selector: selectors.BaseSelector) -> None:
        now_s = time.monotonic()
        for pipe in [pipe for pipe in self._paused if not pipe.is_flooding(now_s)]:
            self._paused.remove(pipe)
            selector.register(pipe.fd, selectors.EVENT_READ, pipe)

    def _forget(self, selector: selectors.BaseSelector, process: SupervisedProcess) -> None:
        """Read the rest of an ended child's output, close its pipes, and wake the threads that wait for its end."""
        for pipe in self._alive.pop(process):
            with contextlib.suppress(BlockingIOError):
                for _ in range(1 + STDOUT_LIMIT_BYTES // _READ_BYTES):
                    data = os.read(pipe.fd, _READ_BYTES)
                    if not data:
                        break
                    pipe.take(data)
            if pipe in self._paused:
                self._paused.remove(pipe)
            else:
                selector.unregister(pipe.fd)
        pidfd = self._pidfds.pop(process, None)
        if pidfd is not None:
            selector.unregister(pidfd)
            os.close(pidfd)
        for stream in (process._popen.stdout, process._popen.stderr):
            if stream is not None:
                stream.close()
        process._close_stdout()
        process._ended.set()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_w, b"w")


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return a child's environment: a few harmless names of ours, UTF-8, and `extra`."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PATH": _DEFAULT_PATH, **passed_on, "LANG": "C.UTF-8", **extra}
