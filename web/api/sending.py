"""Answers that send a large file: with Range and ETag, limited, and only as long as the user may read the file."""

from __future__ import annotations

import io
from contextlib import ExitStack
from dataclasses import dataclass

from flask import Response, request
from werkzeug.wsgi import FileWrapper

from core.access import Principal
from evidence_manager import EvidenceManager
from export_manager import ExportManager
from web.access.principal import credentials_of_request, current_principal
from web.downloads import Downloadable, Receiver
from web.services import services

_BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class FileToSend:
    """`name`: as the browser stores it. `content` is at least as long as `size_bytes`."""

    name: str
    mimetype: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class DownloadableExport(Downloadable):
    """A file of an export."""

    exports: ExportManager
    export_id: int
    name: str

    def require_access(self, who: Principal) -> None:
        self.exports.file(who, self.export_id, self.name)


@dataclass(frozen=True, slots=True)
class DownloadablePackage(Downloadable):
    """The evidence package of a case."""

    evidence: EvidenceManager
    case_id: int
    name: str

    def require_access(self, who: Principal) -> None:
        self.evidence.get(who, self.case_id)


def send_download(content: io.RawIOBase, file: FileToSend, downloadable: Downloadable) -> Response:
    """Return the answer, and close `content` at its end.

    Raise LimitReached (download_limit) or Unavailable (busy) if too many downloads run.
    """
    receiver = Receiver(current_principal(), credentials_of_request(), request.environ.get("gunicorn.socket"))
    download = services().downloads.begin(content, downloadable, receiver)
    with ExitStack() as until_sent:
        until_sent.callback(download.close)
        reader = io.BufferedReader(download, _BLOCK_BYTES)
        # Not the server's own file wrapper: that one sends without asking the download, and cannot seek.
        response = Response(FileWrapper(reader, _BLOCK_BYTES), mimetype=file.mimetype, direct_passthrough=True)
        response.headers.set("Content-Disposition", "attachment", filename=file.name)
        response.set_etag(file.etag)
        response.content_length = file.size_bytes
        response.headers["Cache-Control"] = "private, no-cache"
        response.make_conditional(request, accept_ranges=True, complete_length=file.size_bytes)
        until_sent.pop_all()
    return response
