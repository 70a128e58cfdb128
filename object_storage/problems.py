"""Problems of the object storage, told from the errors of the library.

An error of the storage quotes its answer, which may have the access key. Only the error's code leaves this file.
"""

from __future__ import annotations

import re
from enum import StrEnum

_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_STATUS = re.compile(r"status code: ([1-5][0-9]{2})\b")
_FULL_CODES = {"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage"}
_FULL_STATUS = 507
_REFUSED_STATUSES = (401, 403)


class StorageState(StrEnum):
    """The state of the object storage, as the last request to it showed."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"  # its certificate
    REFUSED = "refused"  # the access key
    NO_BUCKET = "no_bucket"
    FULL = "full"
    FAILED = "failed"


_WORDS = {
    StorageState.UNREACHABLE: "The object storage does not answer.",
    StorageState.UNTRUSTED: "The certificate of the object storage cannot be verified.",
    StorageState.REFUSED: "The object storage refuses the access key, or the key lacks a right",
    StorageState.NO_BUCKET: "The object storage has no such bucket.",
    StorageState.FULL: "The object storage is full",
    StorageState.FAILED: "The object storage answered with an error",
}


class ObjectStorageFailed(Exception):
    """A request to the object storage failed. `detail` is for people, and has no secrets."""

    def __init__(self, state: StorageState, detail: str) -> None:
        super().__init__(detail)
        self.state = state
        self.detail = detail


def failure_of(error: Exception) -> ObjectStorageFailed:
    """Return the problem that an error of the library means."""
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    state = _state_of(text, code[1] if code else "", int(status[1]) if status else 0)
    words = _WORDS[state]
    if words.endswith("."):
        return ObjectStorageFailed(state, words)
    reason = code[1] if code else status[1] if status else ""
    return ObjectStorageFailed(state, f"{words} ({reason})." if reason else f"{words}.")


def _state_of(text: str, code: str, status: int) -> StorageState:
    if code in _FULL_CODES or status == _FULL_STATUS:
        return StorageState.FULL
    if status in _REFUSED_STATUSES:
        return StorageState.REFUSED
    if code == "NoSuchBucket":
        return StorageState.NO_BUCKET
    if status:
        return StorageState.FAILED
    if "certificate" in text.lower():
        return StorageState.UNTRUSTED
    return StorageState.UNREACHABLE if "HTTP error" in text else StorageState.FAILED
