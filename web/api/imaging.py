"""/api/cameras/<id>/channels/<n>/imaging: settings of the picture; /api/cameras/<id>/relays: relay outputs."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.ptz import ImagingChange
from web.access.audit import audit_about
from web.api import models
from web.api import ptz_models as shapes
from web.api.answers import answer
from web.api.described import answers_with
from web.services import services

blueprint = APIBlueprint("api_imaging", __name__, url_prefix="/api/cameras/<camera_id>", abp_tags=[Tag(name="imaging")])

_DEVICE_ERRORS = (404, 422, 502, 503, 504)


@blueprint.get("/channels/<number>/imaging", responses=answers_with({200: shapes.Imaging}, *_DEVICE_ERRORS))
def get_imaging(path: models.ChannelPath) -> Response:
    """Get the settings of a channel's picture, and the values before the last change."""
    with services().device_limit:
        return answer(shapes.Imaging.model_validate(services().ptz.imaging(path.camera_id, path.number)))


@blueprint.put("/channels/<number>/imaging", responses=answers_with({200: shapes.Imaging}, 415, *_DEVICE_ERRORS))
def change_imaging(path: models.ChannelPath, body: shapes.ImagingEdit) -> Response:
    """Change settings of a channel's picture. To undo the change, PUT the answer's `before`."""
    audit_about(changed=sorted(body.model_fields_set))
    with services().device_limit:
        view = services().ptz.change_imaging(path.camera_id, path.number, ImagingChange(**body.model_dump()))
    return answer(shapes.Imaging.model_validate(view))


@blueprint.get("/relays", responses=answers_with({200: shapes.RelayList}, *_DEVICE_ERRORS))
def list_relays(path: models.CameraPath) -> Response:
    """List the relay outputs of a device."""
    with services().device_limit:
        relays = services().ptz.relays(path.camera_id)
    return answer(shapes.RelayList(relays=[shapes.RelayOutput.model_validate(relay) for relay in relays]))


@blueprint.post("/relays/<path:relay_token>", responses=answers_with({200: shapes.RelayOutput}, 415, *_DEVICE_ERRORS))
def set_relay(path: shapes.RelayPath, body: shapes.RelayChange) -> Response:
    """Switch a relay output on or off."""
    audit_about(relay=path.relay_token, active=body.active)
    with services().device_limit:
        relay = services().ptz.set_relay(path.camera_id, path.relay_token, is_active=body.active)
    return answer(shapes.RelayOutput.model_validate(relay))
