"""Downloads of exports: how many run at a time, and their end when the login or the permission of the user ends."""

from __future__ import annotations

import errno
import io
import logging
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from core.access import Permission, Principal
from core.errors import AppError, LimitReached, NotFound, Unavailable
from export_manager import ExportManager

log = logging.getLogger(__name__)

MOST_DOWNLOADS = 8
"""Each of them holds a request thread for minutes."""
MOST_OF_USER = 3
_CHECK_EVERY_S = 2.0
_RETRY_AFTER_S = 10
_MOST_FAILED_CHECKS = 3


class Credentials(Protocol):
    """Implemented by web.access.principal.Credentials, which needs web.services and so this module."""

    def principal(self) -> Principal | None: ...


class Download(io.FileIO):
    """A file that is being sent. The server closes it at the end of the answer, however that ends.

    `address`: the id of the export and the name of the file. `sock`: the connection, None in tests.
    """

    def __init__(
        self,
        downloads: Downloads,
        path: Path,
        address: tuple[int, str],
        who: Principal,
        credentials: Credentials,
        sock: socket.socket | None,
    ) -> None:
        super().__init__(path, "rb")
        self.address = address
        self.user = _user(who)
        self.credentials = credentials
        self.failed_checks = 0
        self._downloads = downloads
        self._sock = sock
        self._is_refused = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Raise ConnectionResetError, which makes the server close the connection, once the user may read no more."""
        if self._is_refused:
            raise ConnectionResetError(errno.ECONNRESET, "the download was ended")
        return super().read(size) or b""

    def refuse(self) -> None:
        """End the download, also one whose client reads slowly: the server waits in its connection for that client."""
        self._is_refused = True
        if self._sock is not None:
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if not self.closed:
            self._downloads.remove(self)  # before the server can give the connection to another request
            super().close()


class Downloads:
    """Safe between threads. A thread checks the running downloads; it ends with the last one."""

    def __init__(self, exports: ExportManager) -> None:
        self._exports = exports
        self._lock = threading.Condition()
        self._running: set[Download] = set()
        self._thread: threading.Thread | None = None

    def begin(
        self,
        path: Path,
        address: tuple[int, str],
        who: Principal,
        credentials: Credentials,
        sock: socket.socket | None,
    ) -> Download:
        """Open a file for sending.

        Raise LimitReached (download_limit) or Unavailable (busy) if too many run, or NotFound if the file is gone.
        """
        try:
            download = Download(self, path, address, who, credentials, sock)
        except FileNotFoundError:
            raise NotFound("This file is gone.") from None
        with self._lock:
            refusal = self._refusal(download.user)
            if refusal is None:
                self._running.add(download)
                self._start_checks()
        if refusal is not None:
            download.close()
            raise refusal
        return download

    def remove(self, download: Download) -> None:
        with self._lock:
            self._running.discard(download)
            self._lock.notify_all()

    def _refusal(self, user: str) -> AppError | None:
        if sum(download.user == user for download in self._running) >= MOST_OF_USER:
            return LimitReached(
                f"You have {MOST_OF_USER} downloads at a time already. Try again when one of them has ended.",
                code="download_limit",
                retry_after_s=_RETRY_AFTER_S,
            )
        if len(self._running) >= MOST_DOWNLOADS:
            return Unavailable(
                "Other users download too many files at the moment.", code="busy", retry_after_s=_RETRY_AFTER_S
            )
        return None

    # ---- checks ----------------------------------------------------------------------------------

    def _start_checks(self) -> None:
        """With the lock held."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="downloads", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: not self._running, _CHECK_EVERY_S)
                if not self._running:
                    self._thread = None
                    return
                running = list(self._running)
            for download in running:
                if not self._may_go_on(download):
                    self._end(download)

    def _end(self, download: Download) -> None:
        with self._lock:  # so that the connection still belongs to this download
            if download in self._running:
                log.info("the download of %s ends: its user may read it no more", download.address[1])
                download.refuse()

    def _may_go_on(self, download: Download) -> bool:
        try:
            who = download.credentials.principal()
            if who is None or not who.may(Permission.EXPORT) or _user(who) != download.user:
                return False
            self._exports.file(who, *download.address)
        except NotFound:
            return False
        except AppError as error:
            log.warning("the login of a download cannot be checked: %s", error.detail)
            download.failed_checks += 1
            return download.failed_checks < _MOST_FAILED_CHECKS
        download.failed_checks = 0
        return True


def _user(who: Principal) -> str:
    """Return the same key for all logins and tokens of a user."""
    return f"user:{who.user_id}" if who.user_id is not None else who.key or who.kind
