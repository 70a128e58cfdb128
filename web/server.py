"""gunicorn around the app: one worker process with threads, which dies with its parent.

One worker, because sessions, connections and ffmpeg belong to one process: with four, 9 of 40
requests saw the stream. Application start after the fork (a thread made before it would be dead in the
worker) and stop before the worker ends. The worker ends hard once its rooms are closed: a thread
that still waits for a device must not keep it.
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
from web.allocator import use_one_arena
from web.guard import SECURITY_HEADERS
from web.live.handover import handover
from web.problem_document import PROBLEM_TYPE, problem_document
from web.slow_clients import slow_clients

log = logging.getLogger(__name__)

EXIT_CANNOT_START = 2
_CLOSE_WITHIN_S = 3.5
_KILLED_AFTER_S = 4
_PR_SET_PDEATHSIG = 1
_TAKEN_OVER = object()
_WORKER_FAILED = 4  # gunicorn's own code for "do not start another worker"


class RunningApp(Protocol):
    """What the worker starts and stops around the WSGI application."""

    @property
    def web(self) -> Callable[..., Any]: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """gthread, but it ends without waiting, and answers what it cannot parse as we answer all else."""

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGINT, SIGQUIT: the main loop ends itself, as for SIGTERM.

        gunicorn shuts the thread pool down right in the signal handler, and waits for ever when the
        signal comes while a request is being handed to the pool: both need the same lock.
        """
        self.handle_exit(sig, frame)

    def handle(self, conn: Any) -> Any:
        """A connection that says nothing waits in the poller, not in a thread.

        Browsers open some in advance; gunicorn would give each a thread for five seconds.
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
        """A connection that became a WebSocket is not ours any more, and stays open."""
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
            log.info("a request that could not be parsed: %s", type(exc).__name__)
        try:
            client.settimeout(2.0)
            client.sendall(_raw_problem(status, title, detail))
        except OSError:
            log.debug("the client did not take the error")


def _describe(exc: BaseException) -> tuple[int, str, str]:
    if isinstance(exc, LimitRequestLine):
        return 414, "URI Too Long", "The address is too long."
    if isinstance(exc, LimitRequestHeaders):
        return 431, "Request Header Fields Too Large", "The request's headers are too large."
    if isinstance(exc, ParseException):
        return 400, "Bad Request", "The request is not valid HTTP."
    return 500, "Internal Server Error", "Something went wrong here. It is in the app's log."


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
    """`run()` serves until it is told to end; make_app is called in the worker, after the fork."""

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
            "control_socket_disable": True,  # else a socket in the user's home folder
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
        self._app = self._make_app()
        return self._app.web

    def serve(self) -> int:
        """Runs until told to end; the exit code."""
        master = os.getpid()
        try:
            self.run()
        except SystemExit as end:
            if os.getpid() != master:
                raise  # a worker on its way out: its code is read by the master
            return EXIT_CANNOT_START if end.code in (3, _WORKER_FAILED) else int(end.code or 0)
        return 0

    def _start_app(self, worker: Any) -> None:
        assert self._app is not None  # noqa: S101 - gunicorn calls load() first
        try:
            self._app.start()
        except (AppError, StartRefused, SettingsError) as error:
            _say(str(error))
            sys.exit(_WORKER_FAILED)
        # In this process only: here nobody waits for open requests, the master waits for us.
        self.cfg.set("graceful_timeout", 0)
        slow_clients.start()
        if worker.age == 1:
            scheme = "https" if self._settings.tls_cert is not None else "http"
            _say(f"Open {scheme}://{_shown_host(self._settings.host)}:{self._settings.port}  (Ctrl-C ends the app)")

    def _stop_app(self, _server: Any, worker: Any) -> None:
        if os.getpid() != worker.pid:
            return  # gunicorn's master calls this too, for a worker that is gone already
        if self._app is not None:
            closing = threading.Thread(target=self._app.stop, name="closing", daemon=True)
            closing.start()
            closing.join(_CLOSE_WITHIN_S)
            if closing.is_alive():
                log.warning("not everything could be closed in time")
        logging.shutdown()
        sys.stderr.flush()
        # Threads of open requests would be waited for, so the process does not end by itself.
        # Its exit code matters only when it failed to start, and then there is no open request.
        if worker.booted:
            os._exit(0)


def _prepare_worker(_server: Any, worker: Any) -> None:
    use_one_arena()
    _die_with_parent(worker)


def _die_with_parent(worker: Any) -> None:
    """SIGKILL for the worker when the master is gone; its children are tied to it the same way."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        log.warning("the worker cannot be tied to its parent (prctl failed)")
    if os.getppid() != worker.ppid:  # it died between the fork and the call
        os._exit(1)


def _tls_1_2_or_later(_config: Any, make_default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = make_default()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _shown_host(host: str) -> str:
    if host in ("127.0.0.1", "::1", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound to
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
