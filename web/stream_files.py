"""Serves playlists and segments of running sessions, at the addresses that the API returns.

A file exists only if its session does, whatever is in the folder. A client that fetches files counts as a viewer.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from flask import Blueprint, Response, request, send_file

from core.errors import InvalidRequest, NotFound, Unavailable
from web.access.audit import audit_as
from web.access.principal import current_principal
from web.client import client
from web.services import services

blueprint = Blueprint("streams", __name__)

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
_TYPES = {"ts": "video/mp2t", "mp4": "video/mp4", "m4s": "video/mp4"}
_STREAM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~=-]{0,511}")
_FILE = re.compile(r"[A-Za-z0-9_-]{1,80}\.(m3u8|ts|mp4|m4s)")
_VIEWER = re.compile(r"[A-Za-z0-9_-]{1,64}")


@blueprint.get("/static/streams/<stream_id>/<file>")
def stream_file(stream_id: str, file: str) -> Response:
    """Return a playlist or segment. A starting session's playlist waits, then answers 503 with Retry-After."""
    return answer_file(stream_id, file)


def answer_file(stream_id: str, file: str, *, by_nginx: bool = True) -> Response:
    """Return a playlist or segment. `by_nginx`: nginx may send it, without the headers of the app."""
    match = _FILE.fullmatch(file)
    if match is None or _STREAM_ID.fullmatch(stream_id) is None:
        raise NotFound("There is no such stream or file.")
    viewer_id = request.args.get("viewer")
    if viewer_id is not None and _VIEWER.fullmatch(viewer_id) is None:
        raise InvalidRequest.of_field("viewer", "the viewer_id that /api/streams/start returned")
    if services().login_viewers.note_fetch(current_principal().key, stream_id, viewer_id):
        audit_as("watch")  # a new viewer, with the address but without a start
    if match[1] == "m3u8":
        return Response(wait_for_playlist(stream_id, file, viewer_id), content_type=PLAYLIST_TYPE)
    path = services().streams.segment_path(stream_id, file, viewer_id)
    prefix = services().settings.accel_prefix
    if by_nginx and prefix and not client().is_direct:  # nginx sends the file after the access check above
        return Response(
            content_type=_TYPES[match[1]],
            headers={"X-Accel-Redirect": f"{prefix}{quote(stream_id)}/{quote(path.name)}", "Cache-Control": "no-store"},
        )
    try:
        # Segment numbers start again after a restart of the app, so a cached segment may have other content.
        response = send_file(path, mimetype=_TYPES[match[1]], conditional=True, etag=False, max_age=0)
    except FileNotFoundError:  # the oldest segment was deleted since the look-up
        raise NotFound("This segment is gone.") from None
    response.headers["Cache-Control"] = "no-store"
    return response


def wait_for_playlist(stream_id: str, name: str, viewer_id: str | None) -> str:
    """Return a playlist, and wait for it if it does not exist yet. A quarter of the threads may wait."""
    streams = services().streams
    wait_s = services().settings.playlist_wait_s
    try:
        return streams.playlist(stream_id, name, 0.0, viewer_id)
    except Unavailable:
        if wait_s <= 0:
            raise
    with services().playlist_limit:
        return streams.playlist(stream_id, name, wait_s, viewer_id)
