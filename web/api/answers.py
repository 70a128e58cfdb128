"""Answers of the API, read from records by their models."""

from __future__ import annotations

from flask import Response, json
from pydantic import BaseModel

from cameras.records import NO_RECORDINGS, CameraView
from core.access import LOCAL, Permission, Principal
from core.errors import CameraUnsupported
from sessions.view import StreamView
from web.api import models, stream_models
from web.services import services


def answer(model: BaseModel, status: int = 200) -> Response:
    return Response(json.dumps(model.model_dump()), status, mimetype="application/json")


def camera(view: CameraView, who: Principal = LOCAL) -> models.Camera:
    """Return a camera as this user may see it.

    Only admins see the user name for the device, and its stream addresses. Cameras and channels outside of the user's
    scope are neither named nor counted.
    """
    answer = models.Camera.model_validate(view)
    owner = services().placement.node_of(view.id)
    answer.place = None if owner is None else owner.place
    allowed, other = who.scope.channels_of(view.id), view.same_device_as
    if not who.may(Permission.MANAGE):
        answer.username = ""
        answer.stream_uris = None
        answer.certificate = None
    if allowed is not None:
        answer.channels = min(view.channel_count, len(allowed))
    if other is not None and not who.scope.has_camera(other):
        answer.same_device_as = None
    return answer


def require_recordings(camera_id: int) -> None:
    """Raise CameraUnsupported for a camera without ONVIF of which this server has no recordings either.

    Ignore an unknown camera.
    """
    is_plain = any(view.id == camera_id and not view.onvif for view in services().cameras.list_cameras())
    if is_plain and not services().recordings.has_archived(camera_id):
        raise CameraUnsupported(NO_RECORDINGS, service="recording")


def started(view: StreamView, viewer_id: str) -> stream_models.StartedStream:
    return stream_models.StartedStream(**dict(stream_models.StreamStatus.model_validate(view)), viewer_id=viewer_id)
