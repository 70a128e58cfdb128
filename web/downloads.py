"""Downloads: how many run at a time, and their end when the login or the permission of the user ends."""

from __future__ import annotations

import errno
import io
import logging
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from core.access import Permission, Principal
from core.errors import AppError, LimitReached, NotFound, Unavailable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

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


class Downloadable(Protocol):
    """A file that users may download."""

    @property
    def name(self) -> str: ...

    def require_access(self, who: Principal) -> None:
        """Raise NotFound if this user may not read the file."""
        ...


@dataclass(frozen=True, slots=True)
class Receiver:
    """The user of a download. `sock`: the connection; None in tests."""

    who: Principal
    credentials: Credentials
    sock: socket.socket | None = None

    @property
    def user(self) -> str:
        return _user(self.who)


class Download(io.RawIOBase):
    """Content that is being sent. The server closes it at the end of the answer, however that ends."""

    def __init__(
        self, downloads: Downloads, content: io.RawIOBase, downloadable: Downloadable, receiver: Receiver
    ) -> None:
        self.downloadable = downloadable
        self.receiver = receiver
        self.failed_checks = 0
        self._downloads = downloads
        self._content = content
        self._is_refused = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._content.seek(offset, whence)

    def tell(self) -> int:
        return self._content.tell()

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        """Raise ConnectionResetError, which makes the server close the connection, once the user may read no more."""
        if self._is_refused:
            raise ConnectionResetError(errno.ECONNRESET, "the download was ended")
        return self._content.readinto(buffer)

    def refuse(self) -> None:
        """End the download, also one whose client reads slowly: the server waits in its connection for that client."""
        self._is_refused = True
        if self.receiver.sock is not None:
            with suppress(OSError):
                self.receiver.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if not self.closed:
            self._downloads.remove(self)  # before the server can give the connection to another request
            self._content.close()
            super().close()


class Downloads:
    """Safe between threads. A thread checks the running downloads; it ends with the last one."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._running: set[Download] = set()
        self._thread: threading.Thread | None = None

    def begin(self, content: io.RawIOBase, downloadable: Downloadable, receiver: Receiver) -> Download:
        """Send this content, and close it at the end.

        Raise LimitReached (download_limit) or Unavailable (busy) if too many downloads run.
        """
        download = Download(self, content, downloadable, receiver)
        with self._lock:
            refusal = self._refusal(receiver.user)
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
        if sum(download.receiver.user == user for download in self._running) >= MOST_OF_USER:
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
                if not _may_go_on(download):
                    self._end(download)

    def _end(self, download: Download) -> None:
        with self._lock:  # so that the connection still belongs to this download
            if download in self._running:
                log.info("the download of %s ends: its user may read it no more", download.downloadable.name)
                download.refuse()


def _may_go_on(download: Download) -> bool:
    receiver = download.receiver
    try:
        who = receiver.credentials.principal()
        if who is None or not who.may(Permission.EXPORT) or _user(who) != receiver.user:
            return False
        download.downloadable.require_access(who)
    except NotFound:
        return False
    except AppError as error:
        log.warning("the login of a download cannot be checked: %s", error.detail)
        download.failed_checks += 1
        return download.failed_checks < _MOST_FAILED_CHECKS
    except Exception:  # the thread checks other downloads, too
        log.exception("a download cannot be checked")
        return False
    download.failed_checks = 0
    return True


def _user(who: Principal) -> str:
    """Return the same key for all logins and tokens of a user."""
    return f"user:{who.user_id}" if who.user_id is not None else who.key or who.kind
