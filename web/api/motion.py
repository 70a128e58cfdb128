"""Motion: the settings of a channel, what the app sees in it, and the cost of looking."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.clock import rfc3339
from motion.records import CELL_BYTES, MotionMode, MotionSettings, Sensitivity, Zone
from motion_manager import INSTALL_COMMAND
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.api import models
from web.api import motion_models as shapes
from web.api.answers import answer
from web.api.described import answers_with
from web.api.pictures import PENDING, PICTURE, pending_picture
from web.services import services

blueprint = APIBlueprint("api_motion", __name__, url_prefix="/api", abp_tags=[Tag(name="motion")])

_CHANNEL = "/cameras/<camera_id>/channels/<number>/motion"


@blueprint.get("/motion", responses=answers_with({200: shapes.Motion}))
def get_motion() -> Response:
    """Get the channels in which you may see motion, and the cost of the process that looks at their pictures."""
    motion, scope = services().motion, current_principal().scope
    others = services().other_nodes.ask("/api/internal/motion", shapes.NodeMotion)
    found = [*own_motion(has_unowned=True).channels, *(one for node in others.found.values() for one in node.channels)]
    return answer(
        shapes.Motion(
            node=services().placement.this_node().name,
            is_available=motion.is_available,
            install_command=INSTALL_COMMAND,
            child=shapes.MotionChild.model_validate(motion.child_view()),
            channels=sorted(
                (one for one in found if scope.has_channel(one.camera_id, one.channel)),
                key=lambda one: (one.camera_id, one.channel),
            ),
            silent_nodes=others.silent,
        )
    )


def own_motion(*, has_unowned: bool = False) -> shapes.NodeMotion:
    """Return the channels of this server's cameras. `has_unowned`: also those of cameras that no server has now."""
    placement = services().placement
    owners = [(one, placement.node_of(one.camera_id)) for one in services().motion.channels()]
    this = placement.this_node()
    return shapes.NodeMotion(
        channels=[
            shapes.MotionChannel(
                node="" if owner is None else owner.name,
                camera_id=one.camera_id,
                channel=one.channel,
                told_by=one.state.told_by.value,
                reason=one.state.reason,
                is_restless=one.state.is_restless,
                hits_today=one.hits_today,
            )
            for one, owner in owners
            if owner == this or (owner is None and has_unowned)
        ]
    )


@blueprint.get(_CHANNEL, responses=answers_with({200: shapes.ChannelMotion}, 404))
def get_channel_motion(path: models.ChannelPath) -> Response:
    """Get the settings of motion in a channel, and the teller of motion at the moment."""
    return answer(_shown(path.camera_id, path.number))


@blueprint.put(_CHANNEL, responses=answers_with({200: shapes.ChannelMotion}, 404, 415, 503))
def set_channel_motion(path: models.ChannelPath, body: shapes.ChannelMotionBody) -> Response:
    """Set how the app learns of motion in a channel. It holds within two seconds.

    Looking keeps the channel's sub stream open all the time.
    """
    audit_about(mode=body.mode, sensitivity=body.sensitivity, zones=len(body.zones))
    zones = tuple(
        Zone(zone.id, zone.name.strip(), zone.kind, tuple((x, y) for x, y in zone.points)) for zone in body.zones
    )
    settings = MotionSettings(MotionMode(body.mode), Sensitivity(body.sensitivity), zones)
    services().motion.set_settings(path.camera_id, path.number, settings)
    return answer(_shown(path.camera_id, path.number))


@blueprint.get(f"{_CHANNEL}/picture", responses=answers_with({200: PICTURE, 202: PENDING}, 404))
def get_motion_picture(path: models.ChannelPath) -> Response:
    """Get the newest picture that the app has looked at, as JPEG, at most 640 pixels wide.

    202 while there is none, also while the channel is not watched.
    """
    found = services().motion.picture(path.camera_id, path.number)
    if found is None:
        return pending_picture()
    headers = {"Cache-Control": "no-store", "X-Picture-Time": rfc3339(found.at)}
    return Response(found.jpeg, mimetype="image/jpeg", headers=headers)


@blueprint.get(f"{_CHANNEL}/now", responses=answers_with({200: shapes.MotionNow}, 404))
def get_motion_now(path: models.ChannelPath, query: shapes.MotionNowQuery) -> Response:
    """Get what moves in a channel. Ask at most once a second: key frames are no more frequent."""
    found = services().motion.glimpse(path.camera_id, path.number, query.time)
    if found is None:
        return answer(shapes.MotionNow(time=None, share=0.0, cells=bytes(CELL_BYTES).hex(), blobs=[]))
    blobs = [
        shapes.MotionBlob(box=list(one.box), foot=list(one.foot), share=one.share, zones=list(one.zones))
        for one in found.blobs
    ]
    return answer(
        shapes.MotionNow(time=rfc3339(found.at), share=round(found.share, 5), cells=found.cells.hex(), blobs=blobs)
    )


# --- inside


def _shown(camera_id: int, number: int) -> shapes.ChannelMotion:
    motion = services().motion
    settings, state = motion.settings(camera_id, number), motion.state(camera_id, number)
    zones = [
        {"id": one.id, "name": one.name, "kind": one.kind, "points": [list(point) for point in one.points]}
        for one in settings.zones
    ]
    return shapes.ChannelMotion.model_validate(
        {
            "mode": settings.mode.value,
            "sensitivity": settings.sensitivity.value,
            "zones": zones,
            "state": {
                "told_by": state.told_by.value,
                "reason": state.reason,
                "is_restless": state.is_restless,
                "watched_at": state.watched_at,
                "key_frame_interval_s": state.key_frame_interval_s,
            },
            "is_available": motion.is_available,
            "install_command": INSTALL_COMMAND,
        }
    )
