"""/api/cameras/<id>/recordings/iframes.m3u8: the key frames of the server's own recordings, for other players."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.archive import RecordedQuality, StreamKey
from core.clock import rfc3339
from core.errors import InvalidRequest
from recordings.archived import KeyFramePlace
from web.access.audit import audit_about
from web.api import models, picture_models
from web.api.described import answers_with
from web.services import services
from web.stream_files import PLAYLIST_TYPE

blueprint = APIBlueprint("api_i_frames", __name__, url_prefix="/api/cameras", abp_tags=[Tag(name="recordings")])

_LONGEST = timedelta(hours=4)
_KEPT_S = 3600  # a recorded frame does not change, but permissions do
_PLAYLIST: dict[str, Any] = {
    "description": "An HLS playlist (RFC 8216), in which each key frame is a segment",
    "content": {PLAYLIST_TYPE: {"schema": {"type": "string"}}},
}
_SEGMENT: dict[str, Any] = {
    "description": "An init section, or a fragment with one key frame",
    "content": {"video/mp4": {"schema": {"type": "string", "format": "binary"}}},
}


@blueprint.get("/<camera_id>/recordings/iframes.m3u8", responses=answers_with({200: _PLAYLIST}, 404, 502, 503, 504))
def list_key_frames(path: models.CameraPath, query: picture_models.KeyFramesQuery) -> Response:
    """List the key frames that the server itself has recorded, as an HLS playlist of I-frames.

    404 `no_recording`: the server has no recordings of this window. Those on the device are not listed.
    """
    if query.end_time <= query.start_time:
        raise InvalidRequest.of_field("end_time", "later than start_time")
    if query.end_time - query.start_time > _LONGEST:
        raise InvalidRequest.of_field("end_time", f"at most {_LONGEST} after start_time")
    audit_about(start_time=rfc3339(query.start_time), end_time=rfc3339(query.end_time))
    text = services().recordings.archived.i_frame_playlist(
        path.camera_id, query.channel, query.start_time, query.end_time, partial(_address, path.camera_id, query)
    )
    return Response(text, content_type=PLAYLIST_TYPE, headers={"Cache-Control": "no-store"})


@blueprint.get("/<camera_id>/recordings/iframe.mp4", responses=answers_with({200: _SEGMENT}, 404, 502, 503, 504))
def get_key_frame(path: models.CameraPath, query: picture_models.KeyFrameQuery) -> Response:
    """Get a segment of the playlist of key frames. 404 `no_recording`: no key frame begins then."""
    audit_about(picture_time=rfc3339(query.time))
    stream = StreamKey(path.camera_id, query.channel, RecordedQuality(query.quality))
    data = services().recordings.archived.key_frame_part(stream, query.time, query.part, query.start_time)
    response = Response(data, mimetype="video/mp4")
    response.headers["Cache-Control"] = f"private, max-age={_KEPT_S}"
    return response


def _address(camera_id: int, query: picture_models.KeyFramesQuery, place: KeyFramePlace, part: str) -> str:
    quality = place.recording_token.rpartition("-")[2]
    fields = {
        "channel": query.channel,
        "quality": quality,
        "time": rfc3339(place.start),
        "start_time": rfc3339(query.start_time),
        "part": part,
    }
    return f"/api/cameras/{camera_id}/recordings/iframe.mp4?{urlencode(fields)}"
