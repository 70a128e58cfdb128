"""gunicorn around the app: one worker process with threads, which ends with its parent.

There is one worker, because sessions, connections and ffmpeg belong to one process: with four workers, 9 of 40 requests
saw the stream. The app starts after the fork, because threads do not survive a fork, and stops before the worker ends.
After that the worker exits immediately: it does not wait for threads that still wait for a device.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import ssl
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

from gunicorn.app.base import BaseApplication
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from core.errors import AppError, StartRefused
from core.settings import Settings, SettingsError
from web.allocator import freeze_start_objects, keep_returning_memory, use_one_arena, without_collections
from web.guard import SECURITY_HEADERS
from web.live.handover import handover
from web.problem_document import PROBLEM_TYPE, problem_document
from web.slow_clients import slow_clients

log = logging.getLogger(__name__)

EXIT_CANNOT_START = 2
_CLOSE_WITHIN_S = 3.5
_KILLED_AFTER_S = 4
_PR_SET_PDEATHSIG = 1
_TURN_S = 0.0005  # Python's own 5 ms: a request waited so long, several times, for the thread of the streams
_TAKEN_OVER = object()
_WORKER_FAILED = 4  # gunicorn's exit code for "do not start another worker"


class RunningApp(Protocol):
    """wiring.Application, which this module must not import: gunicorn's master runs this module, too."""

    @property
    def web(self) -> Callable[..., Any]: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """gunicorn's gthread worker with a safe stop, cheap idle connections, WebSockets, and the app's own errors."""

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Stop on SIGINT and SIGQUIT as on SIGTERM: the main loop ends itself.

        gunicorn shuts down the thread pool in the signal handler. If the signal arrives while the main thread hands a
        request to the pool, this waits forever, because both need the same lock.
        """
        self.handle_exit(sig, frame)

    def handle(self, conn: Any) -> Any:
        """Let a connection without data wait in the poller instead of a thread.

        Browsers open connections in advance; gunicorn would give each of them a thread for five seconds.
        """
        if not conn.initialized and not conn.data_ready and not conn.wait_for_data(0.0):
            return _DEFER
        descriptor = conn.sock.fileno()
        slow_clients.reading(conn)
        try:
            is_kept = super().handle(conn)
        finally:
            slow_clients.left(descriptor, conn)
        return _TAKEN_OVER if handover.was_taken(conn.sock) else is_kept

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep a connection open that became a WebSocket; the sockets' thread owns it now."""
        if not fs.cancelled() and fs.exception() is None and fs.result() is _TAKEN_OVER:
            self.nr_conns -= 1
            return
        super().finish_request(conn, fs)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        del req, addr
        status, title, detail = _describe(exc)
        if status >= 500:
            log.error("error outside of a request", exc_info=exc)
        else:
            log.info("a request could not be parsed: %s", type(exc).__name__)
        try:
            client.settimeout(2.0)
            client.sendall(_raw_problem(status, title, detail))
        except OSError:
            log.debug("the client did not read the error")


def _describe(exc: BaseException) -> tuple[int, str, str]:
    if isinstance(exc, LimitRequestLine):
        return 414, "URI Too Long", "The address is too long."
    if isinstance(exc, LimitRequestHeaders):
        return 431, "Request Header Fields Too Large", "The request's headers are too large."
    if isinstance(exc, ParseException):
        return 400, "Bad Request", "The request is not valid HTTP."
    return 500, "Internal Server Error", "An internal error occurred. The app's log has the details."


def _raw_problem(status: int, title: str, detail: str) -> bytes:
    code = {414: "too_large", 431: "too_large", 400: "invalid_request"}.get(status, "internal_error")
    body = json.dumps(problem_document(status, title, code, detail)).encode()
    head = [
        f"HTTP/1.1 {status} {title}",
        f"Content-Type: {PROBLEM_TYPE}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
        *(f"{name}: {value}" for name, value in SECURITY_HEADERS),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Server(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """Serves the app. `make_app` is called in the worker, after the fork."""

    def __init__(self, settings: Settings, make_app: Callable[[], RunningApp]) -> None:
        self._settings = settings
        self._make_app = make_app
        self._app: RunningApp | None = None
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        options: dict[str, Any] = {
            "bind": [f"{host}:{self._settings.port}"],
            "worker_class": Worker,
            "workers": 1,
            "threads": self._settings.request_threads,
            "worker_connections": self._settings.request_threads * 4 + 512,
            "keepalive": 15,
            "graceful_timeout": _KILLED_AFTER_S,
            "control_socket_disable": True,  # otherwise gunicorn creates a socket in the user's home folder
            "proc_name": "onvif-web-viewer",
            "loglevel": "warning",
            "accesslog": None,
            "header_map": "refuse",
            "forwarded_allow_ips": "",
            "post_fork": _prepare_worker,
            "post_worker_init": self._start_app,
            "worker_exit": self._stop_app,
        }
        if self._settings.tls_cert is not None and self._settings.tls_key is not None:
            options["certfile"] = str(self._settings.tls_cert)
            options["keyfile"] = str(self._settings.tls_key)
            options["ssl_context"] = _tls_1_2_or_later
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        with without_collections():
            self._app = self._make_app()
        return self._app.web

    def serve(self) -> int:
        """Serve until the process gets a signal to stop. Return the exit code."""
        master = os.getpid()
        try:
            self.run()
        except SystemExit as end:
            if os.getpid() != master:
                raise  # this is an exiting worker: the master reads its code
            return EXIT_CANNOT_START if end.code in (3, _WORKER_FAILED) else int(end.code or 0)
        return 0

    def _start_app(self, worker: Any) -> None:
        assert self._app is not None  # noqa: S101 - gunicorn calls load() first
        try:
            self._app.start()
        except (AppError, StartRefused, SettingsError) as error:
            _say(str(error))
            sys.exit(_WORKER_FAILED)
        # In the worker only: it does not wait for open requests, while the master waits for the worker.
        self.cfg.set("graceful_timeout", 0)
        slow_clients.start()
        freeze_start_objects()
        keep_returning_memory()
        if worker.age == 1:
            scheme = "https" if self._settings.tls_cert is not None else "http"
            _say(f"Open {scheme}://{_shown_host(self._settings.host)}:{self._settings.port}  (Ctrl-C ends the app)")

    def _stop_app(self, _server: Any, worker: Any) -> None:
        if os.getpid() != worker.pid:
            return  # gunicorn's master also calls this, for a worker that has ended
        if self._app is not None:
            closing = threading.Thread(target=self._app.stop, name="closing", daemon=True)
            closing.start()
            closing.join(_CLOSE_WITHIN_S)
            if closing.is_alive():
                log.warning("the app did not stop in time")
        logging.shutdown()
        sys.stderr.flush()
        # A normal exit would wait for the threads of open requests. The exit code matters only if the app failed to
        # start, and then there are no open requests.
        if worker.booted:
            os._exit(0)


def _prepare_worker(_server: Any, worker: Any) -> None:
    use_one_arena()
    sys.setswitchinterval(_TURN_S)
    _die_with_parent(worker)


def _die_with_parent(worker: Any) -> None:
    """Have the kernel kill the worker when the master ends. The worker's children are tied to it the same way."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        log.warning("the worker cannot be tied to its parent (prctl failed)")
    if os.getppid() != worker.ppid:  # the master ended between the fork and prctl
        os._exit(1)


def _tls_1_2_or_later(_config: Any, make_default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = make_default()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _shown_host(host: str) -> str:
    if host in ("127.0.0.1", "::1", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
