"""/api/cameras/<id>/recordings/pictures: pictures of recordings for a storyboard, made on request."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.clock import rfc3339
from pictures.views import GridPicture, PictureState
from web.access.audit import audit_about
from web.api import models, picture_models
from web.api.answers import answer, require_recordings
from web.api.described import answers_with
from web.services import services

blueprint = APIBlueprint("api_pictures", __name__, url_prefix="/api", abp_tags=[Tag(name="recordings")])

_WIDTH = 320
_PLAYER_WAIT_S = 10  # players do not try again
_RETRY_AFTER_S = "1"
_KEPT_S = 3600  # a recorded picture does not change, but permissions do
_RETRY_AFTER: dict[str, Any] = {"description": "Seconds until the next try", "schema": {"type": "integer"}}
PICTURE: dict[str, Any] = {
    "description": "The picture",
    "content": {"image/jpeg": {"schema": {"type": "string", "contentMediaType": "image/jpeg"}}},
    "headers": {
        "X-Picture-Time": {
            "description": "The device's own time of the picture, if the device confirms it",
            "schema": {"type": "string", "format": "date-time"},
        },
        "ETag": {"description": "Changes with the picture", "schema": {"type": "string"}},
    },
}
_CUES: dict[str, Any] = {
    "description": "A cue for each picture, from its time to that of the next; its text is the picture's address",
    "content": {"text/vtt": {"schema": {"type": "string"}}},
}
PENDING: dict[str, Any] = {"description": "It is still being made", "headers": {"Retry-After": _RETRY_AFTER}}
UNCHANGED: dict[str, Any] = {"description": "The picture that `If-None-Match` names is the present one"}


@blueprint.get(
    "/cameras/<camera_id>/recordings/pictures",
    responses=answers_with({200: picture_models.RecordingPictures}, 404, 422, 502, 503, 504),
)
def list_pictures(path: models.CameraPath, query: picture_models.PicturesQuery) -> Response:
    """List the times of a grid in a window, and the pictures that are ready. Answers immediately.

    Pending pictures are made in the background, coarse to fine, and only as long as the request is repeated at least
    every two seconds. They are made with one replay place of the recorder, which viewers take first.
    """
    audit_about(start_time=rfc3339(query.start_time), end_time=rfc3339(query.end_time), step_s=query.step_s)
    require_recordings(path.camera_id)
    found = services().pictures.grid(path.camera_id, query.channel, query.start_time, query.end_time, query.step_s)
    shown = [_shown(path.camera_id, query.channel, item) for item in found]
    return answer(picture_models.RecordingPictures(pictures=shown))


@blueprint.get(
    "/cameras/<camera_id>/recordings/pictures.vtt",
    responses=answers_with({200: _CUES}, 404, 422, 502, 503, 504),
)
def list_picture_cues(path: models.CameraPath, query: picture_models.PicturesQuery) -> Response:
    """List the pictures of a window as WebVTT for the previews of players: a cue for each, with its address.

    The times of cues begin at `start_time`. Each picture is made when a player requests it.
    """
    audit_about(start_time=rfc3339(query.start_time), end_time=rfc3339(query.end_time), step_s=query.step_s)
    require_recordings(path.camera_id)
    found = services().pictures.grid(path.camera_id, query.channel, query.start_time, query.end_time, query.step_s)
    cues = ["WEBVTT\n"]
    for item in found:
        if item.state in (PictureState.READY, PictureState.PENDING):
            begin = max(item.time, query.start_time) - query.start_time
            end = min(item.time + timedelta(seconds=query.step_s), query.end_time) - query.start_time
            url = _address(path.camera_id, query.channel, item, wait_s=_PLAYER_WAIT_S)
            cues.append(f"{_cue_time(begin)} --> {_cue_time(end)}\n{url}\n")
    return Response("\n".join(cues), mimetype="text/vtt")


@blueprint.get(
    "/cameras/<camera_id>/recordings/picture",
    responses=answers_with({200: PICTURE, 202: PENDING, 304: UNCHANGED}, 404, 422, 502, 503, 504),
)
def get_picture(path: models.CameraPath, query: picture_models.PictureQuery) -> Response:
    """Get one picture as JPEG, before those of a grid. 202 if it is not ready after `wait_s`: try again.

    404 `no_recording`: nothing is recorded then, or the device gives no picture.
    """
    audit_about(picture_time=rfc3339(query.time))
    require_recordings(path.camera_id)
    return recorded_picture(path.camera_id, query.channel, query.time, query.wait_s)


def recorded_picture(camera_id: int, channel: int, moment: datetime, wait_s: int) -> Response:
    """Return the picture of a recording, or 202 if it is not ready after `wait_s`. Raise NotFound or a DeviceError."""
    pictures = services().pictures
    found = pictures.picture(camera_id, channel, moment)
    if found is None:
        with services().device_limit:
            found = pictures.picture(camera_id, channel, moment, wait_s)
    if found is None:
        return Response(status=202, headers={"Retry-After": _RETRY_AFTER_S})
    return picture_answer(found.jpeg, found.picture_time)


def picture_answer(jpeg: bytes, picture_time: datetime | None) -> Response:
    """Return a picture, or 304 if the request names it as known."""
    response = Response(jpeg, mimetype="image/jpeg")
    response.headers["Cache-Control"] = f"private, max-age={_KEPT_S}"
    if picture_time is not None:
        response.headers["X-Picture-Time"] = rfc3339(picture_time)
    response.set_etag(hashlib.sha256(jpeg).hexdigest()[:32])
    response.make_conditional(request)
    return response


def _address(camera_id: int, channel: int, item: GridPicture, **more: int) -> str:
    where = urlencode({"channel": channel, "time": rfc3339(item.time), "width": _WIDTH, **more})
    return f"/api/cameras/{camera_id}/recordings/picture?{where}"


def _cue_time(since_start: timedelta) -> str:
    """Return `00:01:40.000` (WebVTT, section 4.1)."""
    whole_s, milliseconds = divmod(round(1000 * since_start.total_seconds()), 1000)
    return f"{whole_s // 3600:02d}:{whole_s // 60 % 60:02d}:{whole_s % 60:02d}.{milliseconds:03d}"


def _shown(camera_id: int, channel: int, item: GridPicture) -> picture_models.RecordingPicture:
    url = _address(camera_id, channel, item) if item.state is PictureState.READY else None
    return picture_models.RecordingPicture.model_validate(
        {"time": item.time, "picture_time": item.picture_time, "state": item.state.value, "url": url}
    )
