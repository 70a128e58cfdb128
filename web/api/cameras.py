"""/api/cameras: devices, their channels, snapshots and health cards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from flask import Response, url_for
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from cameras.records import CameraChange, CameraDraft, CameraView
from core.clock import rfc3339
from core.errors import InvalidRequest, NotFound
from core.records import StreamUris
from core.secrets import Secret
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.api import answers, models
from web.api.described import JPEG, NO_CONTENT, NO_PICTURE, answers_with
from web.services import services

blueprint = APIBlueprint("api_cameras", __name__, url_prefix="/api", abp_tags=[Tag(name="cameras")])


@blueprint.get("/cameras", responses=answers_with({200: models.CameraList}))
def list_cameras(query: models.ListQuery) -> Response:
    """List all cameras with their last known state. No request is sent to a device."""
    views = visible_cameras()
    if query.cursor is not None:
        position = next((i for i, view in enumerate(views) if str(view.id) == query.cursor), None)
        if position is None:
            raise InvalidRequest.of_field("cursor", "unknown; start again without it")
        views = views[position + 1 :]
    page = views[: query.limit]
    return answers.answer(
        models.CameraList(
            cameras=[answers.camera(view, current_principal()) for view in page],
            next_cursor=str(page[-1].id) if len(views) > len(page) else None,
        )
    )


def visible_cameras() -> list[CameraView]:
    """Return the cameras that the current user may see."""
    scope = current_principal().scope
    return [view for view in services().cameras.list_cameras() if scope.has_camera(view.id)]


@blueprint.post("/cameras", responses=answers_with({201: models.Camera}, 409, 415, 503))
def add_camera(body: models.NewCamera, query: models.WaitQuery) -> Response:
    """Add a camera by its address, or by its stream addresses if it has no ONVIF.

    It is added even if it cannot be reached; its `error` has the reason.
    """
    if sum((bool(body.host), body.address is not None, body.stream_uris is not None)) != 1:
        field = "host" if body.address is None else "address"
        raise InvalidRequest.of_field(field, "either host or address, or stream_uris for a camera without ONVIF")
    if body.stream_uris is not None and body.port is not None:
        raise InvalidRequest.of_field("port", "stream_uris have the port")
    draft = CameraDraft(
        host=body.address or body.host,
        username=body.username,
        password=Secret(body.password),
        port=body.port,
        name=body.name,
        stream_uris=_stream_uris(body.stream_uris),
        readable_password=bool(body.readable_password),
    )
    cameras = services().cameras
    with _faults_of_host_named("host" if body.address is None else "address"):
        if query.wait:
            with services().device_limit:
                view = cameras.add_camera(draft)
                view = cameras.wait_first_connection(view.id, services().settings.device_timeout_s)
        else:
            view = cameras.add_camera(draft)
    return _created(answers.camera(view))


@blueprint.post("/cameras/pretend", responses=answers_with({201: models.Camera}, 409, 503))
def add_pretend_recorder() -> Response:
    """Start the built-in pretend recorder and add it as a camera. Deleting the camera stops it."""
    return _created(answers.camera(services().cameras.add_pretend_recorder()))


@contextmanager
def _faults_of_host_named(field: str) -> Iterator[None]:
    """Name this field in place of `host`: the manager reads the host out of `address`, too."""
    try:
        yield
    except InvalidRequest as error:
        if [each.field for each in error.errors] != ["host"]:
            raise
        raise InvalidRequest.of_field(field, error.errors[0].message) from None


def _stream_uris(given: models.NewStreamUris | None) -> StreamUris | None:
    return None if given is None else StreamUris(given.main, given.sub)


def _created(camera: models.Camera) -> Response:
    audit_about(camera_id=camera.id)
    response = answers.answer(camera, 201)
    response.headers["Location"] = url_for("api_cameras.get_camera", camera_id=camera.id)
    return response


@blueprint.get("/cameras/<camera_id>", responses=answers_with({200: models.Camera}, 404))
def get_camera(path: models.CameraPath) -> Response:
    """Get one camera with its last known state."""
    return answers.answer(answers.camera(services().cameras.get_camera(path.camera_id), current_principal()))


@blueprint.patch("/cameras/<camera_id>", responses=answers_with({200: models.Camera}, 404, 409, 415))
def edit_camera(path: models.CameraPath, body: models.CameraEdit) -> Response:
    """Change name, addresses or credential. A new address or credential is tried immediately."""
    audit_about(changed=sorted(body.model_fields_set))
    if body.address is not None and body.host is not None:
        raise InvalidRequest.of_field("address", "either address or host")
    change = CameraChange(
        name=body.name,
        host=body.address or body.host,
        port=body.port,
        username=body.username,
        password=Secret(body.password) if body.password is not None else None,
        stream_uris=_stream_uris(body.stream_uris),
        readable_password=body.readable_password,
        recording_time_zone=body.recording_time_zone,
    )
    with _faults_of_host_named("host" if body.address is None else "address"):
        view = services().cameras.update_camera(path.camera_id, change)
    return answers.answer(answers.camera(view))


@blueprint.delete("/cameras/<camera_id>", responses=answers_with({204: NO_CONTENT}, 404))
def delete_camera(path: models.CameraPath) -> Response:
    """Remove a camera and stop its streams."""
    services().cameras.delete_camera(path.camera_id)
    return Response(status=204)


@blueprint.post("/cameras/<camera_id>/certificate", responses=answers_with({200: models.Camera}, 404, 409, 415))
def accept_certificate(path: models.CameraPath, body: models.CertificateChoice) -> Response:
    """Accept the changed certificate of a camera, by its fingerprint, and connect again."""
    return answers.answer(answers.camera(services().cameras.accept_certificate(path.camera_id, body.sha256)))


@blueprint.post("/cameras/<camera_id>/refresh", responses=answers_with({200: models.Camera}, 404))
def refresh_camera(path: models.CameraPath) -> Response:
    """Connect again and read everything from the device again. The answer does not wait for the device."""
    return answers.answer(answers.camera(services().cameras.refresh(path.camera_id), current_principal()))


@blueprint.get("/cameras/<camera_id>/profiles", responses=answers_with({200: models.ChannelList}, 404))
def list_channels(path: models.CameraPath) -> Response:
    """List the channels with their media profiles, in the user's order. Hidden channels are included and marked."""
    return answers.answer(channel_list(path.camera_id))


@blueprint.patch("/cameras/<camera_id>/channels/<number>", responses=answers_with({200: models.Channel}, 404, 415))
def edit_channel(path: models.ChannelPath, body: models.ChannelEdit) -> Response:
    """Rename, hide or move a channel."""
    channel = services().cameras.update_channel(
        path.camera_id, path.number, name=body.name, hidden=body.hidden, position=body.position
    )
    return answers.answer(models.Channel.model_validate(channel))


@blueprint.put("/cameras/<camera_id>/channels/order", responses=answers_with({200: models.ChannelList}, 404, 415))
def order_channels(path: models.CameraPath, body: models.ChannelOrder) -> Response:
    """Set the order of the channels."""
    if len(set(body.channels)) != len(body.channels):
        raise InvalidRequest.of_field("channels", "a number is repeated")
    services().cameras.order_channels(path.camera_id, body.channels)
    return answers.answer(channel_list(path.camera_id))


def channel_list(camera_id: int) -> models.ChannelList:
    """Return the channels of a camera that the current user may see."""
    allowed = current_principal().scope.channels_of(camera_id)
    channels = [
        channel for channel in services().cameras.channels(camera_id) if allowed is None or channel.number in allowed
    ]
    return models.ChannelList(channels=[models.Channel.model_validate(channel) for channel in channels])


@blueprint.get(
    "/cameras/<camera_id>/snapshot", responses=answers_with({200: JPEG, 204: NO_PICTURE}, 404, 422, 502, 503, 504)
)
def snapshot(path: models.CameraPath, query: models.SnapshotQuery) -> Response:
    """Get a snapshot as JPEG: the device's own, otherwise a frame of the stream. X-Snapshot-Taken-At has its time."""
    cameras = services().cameras
    profile_token = query.profile_token or _first_allowed(path.camera_id)
    if query.cached:
        last = cameras.last_snapshot(path.camera_id, profile_token)
        if last is None:
            return Response(status=204)  # not 404, which browsers print as an error to the console
        picture = last
    else:
        with services().device_limit:
            picture = services().streams.snapshot(path.camera_id, profile_token)
    if query.small:
        picture = services().streams.small_snapshot(picture)
    response = Response(picture.jpeg, mimetype="image/jpeg")
    response.headers["X-Snapshot-Taken-At"] = rfc3339(picture.taken_at)
    return response


def _first_allowed(camera_id: int) -> str | None:
    """Return a media profile of the first channel that the user may see; None if the user may see all channels.

    Raise NotFound if the user may see none of the camera's channels.
    """
    allowed = current_principal().scope.channels_of(camera_id)
    if allowed is None:
        return None
    for channel in services().cameras.channels(camera_id):
        if channel.number in allowed and channel.profiles:
            return channel.profiles[-1].profile_token
    raise NotFound("You may not see any channel of this camera.")


@blueprint.get("/cameras/<camera_id>/health", responses=answers_with({200: models.Health}, 404))
def camera_health(path: models.CameraPath) -> Response:
    """Get the health card: the requests to the device and their results. Its `text` is for copying, without secrets."""
    card = services().streams.health(path.camera_id)
    more = (*services().events.checks(path.camera_id), *services().motion.checks(path.camera_id))
    card = replace(card, checks=(*card.checks, *more))
    answer = models.Health.model_validate(card)
    owner = services().placement.node_of(path.camera_id)
    answer.node = None if owner is None else owner.name
    return answers.answer(answer)


@blueprint.post("/discovery", responses=answers_with({200: models.FoundList}, 503))
def discover() -> Response:
    """Search the local network for ONVIF devices (WS-Discovery). This takes a few seconds."""
    with services().device_limit:
        devices = services().cameras.discover()
    return answers.answer(models.FoundList(devices=[models.Found.model_validate(device) for device in devices]))
