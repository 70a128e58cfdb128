"""Serves the front end's own files: style sheets, scripts, images.

Flask's static route is disabled: three spellings of `/static/css/../streams/...` bypassed a guarded `/static/streams/`.
This route allows only listed folders and plain file names.
"""

from __future__ import annotations

import re

from flask import Blueprint, Response, send_from_directory

from core.errors import NotFound
from core.settings import ROOT

STATIC_ROOT = ROOT / "static"
_FOLDERS = frozenset({"built", "css", "js", "vendor", "img", "fonts"})
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_FOR_EVER = "public, max-age=31536000, immutable"
_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "map": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "ico": "image/x-icon",
    "woff2": "font/woff2",
}

blueprint = Blueprint("static_files", __name__)


@blueprint.get("/static/<path:name>", endpoint="file")
def static_file(name: str) -> Response:
    """Return a file. A built file never changes, because its name holds a hash of its content. Browsers check before
    each use if a source file has changed.
    """
    parts = name.split("/")
    mimetype = _TYPES.get(name.rpartition(".")[2])
    if parts[0] not in _FOLDERS or len(parts) < 2 or mimetype is None or not all(map(_NAME.fullmatch, parts)):
        raise NotFound("There is no such file.")
    response = send_from_directory(STATIC_ROOT, name, mimetype=mimetype, conditional=True, etag=True)
    response.headers["Cache-Control"] = _FOR_EVER if parts[0] == "built" else "no-cache"
    return response
