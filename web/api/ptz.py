"""/api/cameras/<id>/channels/<n>/ptz: heads that pan, tilt and zoom, their presets and tours, focus and iris."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from core.errors import InvalidRequest
from core.ptz import Velocity
from ptz.views import CommandResult, TourStop
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.api import models
from web.api import ptz_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.services import services

blueprint = APIBlueprint(
    "api_ptz", __name__, url_prefix="/api/cameras/<camera_id>/channels/<number>/ptz", abp_tags=[Tag(name="ptz")]
)

_DEVICE_ERRORS = (404, 422, 502, 503, 504)
_COMMAND_ERRORS = (409, *_DEVICE_ERRORS)


@blueprint.get("", responses=answers_with({200: shapes.Ptz}, *_DEVICE_ERRORS))
def get_ptz(path: models.ChannelPath) -> Response:
    """Get the abilities of a channel's head, and its mover. Only the first call waits for the device.

    Call it before the first move: the app then knows all that a move needs.
    """
    with services().device_limit:
        view = services().ptz.view(current_principal(), path.camera_id, path.number)
    return answer(shapes.Ptz.model_validate(view))


@blueprint.post("/move", responses=answers_with({200: shapes.PtzDone}, 415, *_COMMAND_ERRORS))
def move(path: models.ChannelPath, body: shapes.PtzMove) -> Response:
    """Move at a speed until `timeout_s` is over, or until the next move or stop.

    409 `ptz_in_use` while another user moves the head: `moved_by`, `moving_for_s` and `free_in_s` say who, for how
    long, and when it is free. A move ends a running tour.
    """
    with services().head_limit:
        result = services().ptz.move(
            current_principal(),
            path.camera_id,
            path.number,
            Velocity(body.pan, body.tilt, body.zoom, body.focus),
            timeout_s=body.timeout_s,
            take_over=body.take_over,
        )
    return _done(result)


@blueprint.post("/stop", responses=answers_with({200: shapes.PtzDone}, 415, *_COMMAND_ERRORS))
def stop(path: models.ChannelPath, body: shapes.PtzCommand) -> Response:
    """Stop pan, tilt, zoom and focus, and a running tour.

    The app repeats the stop until the device accepts it, or has refused it for ten seconds.
    """
    # No limit: it waits for the device two seconds at most, and commands that wait longer must not refuse it.
    result = services().ptz.stop_head(current_principal(), path.camera_id, path.number, take_over=body.take_over)
    return _done(result)


@blueprint.post("/goto", responses=answers_with({200: shapes.PtzDone}, 415, *_COMMAND_ERRORS))
def go_to(path: models.ChannelPath, body: shapes.PtzGoto) -> Response:
    """Go to a preset, or bring a place in the picture to its centre."""
    audit_about(preset=body.preset)
    ptz, who = services().ptz, current_principal()
    with services().head_limit:
        if body.preset is not None and body.x is None and body.y is None:
            result = ptz.go_to_preset(who, path.camera_id, path.number, body.preset, take_over=body.take_over)
        elif body.preset is None and body.x is not None and body.y is not None:
            result = ptz.center(who, path.camera_id, path.number, body.x, body.y, take_over=body.take_over)
        else:
            raise InvalidRequest("Send either preset, or x and y.")
    return _done(result)


@blueprint.post("/home", responses=answers_with({200: shapes.PtzDone}, 415, *_COMMAND_ERRORS))
def go_home(path: models.ChannelPath, body: shapes.PtzCommand) -> Response:
    """Go to the home position."""
    with services().head_limit:
        result = services().ptz.go_home(current_principal(), path.camera_id, path.number, take_over=body.take_over)
    return _done(result)


@blueprint.put("/home", responses=answers_with({200: shapes.PtzDone}, 415, *_COMMAND_ERRORS))
def set_home(path: models.ChannelPath, body: shapes.PtzCommand) -> Response:
    """Make the present position the home position."""
    with services().device_limit:
        result = services().ptz.set_home(current_principal(), path.camera_id, path.number, take_over=body.take_over)
    return _done(result)


@blueprint.get("/presets", responses=answers_with({200: shapes.PtzPresetList}, *_DEVICE_ERRORS))
def list_presets(path: models.ChannelPath, query: shapes.PresetQuery) -> Response:
    """List the presets. Unused factory slots and functions of the device are left out, unless `all=1`."""
    with services().device_limit:
        found = services().ptz.presets(path.camera_id, path.number, with_slots=query.all)
    return answer(shapes.PtzPresetList.model_validate(found))


@blueprint.post("/presets", responses=answers_with({201: shapes.PtzPreset}, 415, *_COMMAND_ERRORS))
def add_preset(path: models.ChannelPath, body: shapes.NewPreset) -> Response:
    """Store the present position as a preset."""
    audit_about(name=body.name)
    with services().device_limit:
        preset = services().ptz.add_preset(
            current_principal(), path.camera_id, path.number, body.name, take_over=body.take_over
        )
    audit_about(preset=preset.preset_token)
    return answer(shapes.PtzPreset.model_validate(preset), 201)


@blueprint.patch("/presets/<path:preset_token>", responses=answers_with({200: shapes.PtzPreset}, 415, *_COMMAND_ERRORS))
def change_preset(path: shapes.PresetPath, body: shapes.PresetEdit) -> Response:
    """Rename a preset, or store the present position in it."""
    audit_about(preset=path.preset_token, name=body.name, here=body.here or None)
    with services().device_limit:
        preset = services().ptz.change_preset(
            current_principal(),
            path.camera_id,
            path.number,
            path.preset_token,
            name=body.name,
            is_here=body.here,
            take_over=body.take_over,
        )
    return answer(shapes.PtzPreset.model_validate(preset))


@blueprint.delete("/presets/<path:preset_token>", responses=answers_with({204: NO_CONTENT}, *_COMMAND_ERRORS))
def remove_preset(path: shapes.PresetPath) -> Response:
    """Delete a preset on the device."""
    audit_about(preset=path.preset_token)
    with services().device_limit:
        services().ptz.remove_preset(current_principal(), path.camera_id, path.number, path.preset_token)
    return Response(status=204)


@blueprint.post("/focus", responses=answers_with({200: shapes.PtzDone}, 415, *_COMMAND_ERRORS))
def focus(path: models.ChannelPath, body: shapes.FocusMove) -> Response:
    """Move the focus at a speed, or let the device focus by itself."""
    with services().head_limit:
        result = services().ptz.focus(
            current_principal(),
            path.camera_id,
            path.number,
            None if body.auto else body.speed,
            timeout_s=body.timeout_s,
            take_over=body.take_over,
        )
    return _done(result)


@blueprint.post("/iris", responses=answers_with({200: shapes.PtzDone}, 415, *_COMMAND_ERRORS))
def iris(path: models.ChannelPath, body: shapes.IrisChange) -> Response:
    """Set the opening of the iris, or let the device choose it."""
    audit_about(value=body.value)
    with services().device_limit:
        result = services().ptz.set_iris(
            current_principal(), path.camera_id, path.number, body.value, take_over=body.take_over
        )
    return _done(result)


@blueprint.post("/auxiliary", responses=answers_with({200: shapes.PtzDone}, 415, *_COMMAND_ERRORS))
def auxiliary(path: models.ChannelPath, body: shapes.AuxiliaryCommand) -> Response:
    """Send an auxiliary command, for example to a lamp or a wiper. 400 for a command that the device does not list.

    403 for a command of the whole device, if the user may see only some of its channels.
    """
    audit_about(command=body.command)
    with services().device_limit:
        result = services().ptz.send_auxiliary(
            current_principal(), path.camera_id, path.number, body.command, take_over=body.take_over
        )
    return _done(result)


@blueprint.get("/tours", responses=answers_with({200: shapes.PtzTourList}, 404))
def list_tours(path: models.ChannelPath) -> Response:
    """List the tours of a channel. The app stores and runs them."""
    tours = services().ptz.tours(path.camera_id, path.number)
    return answer(shapes.PtzTourList(tours=[shapes.PtzTour.model_validate(tour) for tour in tours]))


@blueprint.post("/tours", responses=answers_with({201: shapes.PtzTour}, 404, 409, 415, 503))
def add_tour(path: models.ChannelPath, body: shapes.NewTour) -> Response:
    """Add a tour. It does not start. 409 `tour_name_taken`; `too_many_tours` beyond 20 of a channel."""
    stops = tuple(TourStop(stop.preset, stop.stay_s) for stop in body.stops)
    tour = services().ptz.add_tour(path.camera_id, path.number, body.name, stops)
    audit_about(tour=tour.id)
    return answer(shapes.PtzTour.model_validate(tour), 201)


@blueprint.delete("/tours/<tour_id>", responses=answers_with({204: NO_CONTENT}, 404, 503))
def remove_tour(path: shapes.TourPath) -> Response:
    """Delete a tour; it ends if it runs."""
    audit_about(tour=path.tour_id)
    services().ptz.remove_tour(path.camera_id, path.number, path.tour_id)
    return Response(status=204)


@blueprint.post("/tours/<tour_id>/start", responses=answers_with({200: shapes.PtzTour}, 404, 409, 415, 503))
def start_tour(path: shapes.TourPath, body: shapes.PtzCommand) -> Response:
    """Start a tour, in place of another one of the channel. Any move, stop or goto of a user ends it."""
    audit_about(tour=path.tour_id)
    tour = services().ptz.start_tour(
        current_principal(), path.camera_id, path.number, path.tour_id, take_over=body.take_over
    )
    return answer(shapes.PtzTour.model_validate(tour))


@blueprint.post("/tours/<tour_id>/stop", responses=answers_with({200: shapes.PtzTour}, 404, 503))
def stop_tour(path: shapes.TourPath) -> Response:
    """Stop a tour; the head stays where it is."""
    audit_about(tour=path.tour_id)
    tour = services().ptz.stop_tour(path.camera_id, path.number, path.tour_id)
    return answer(shapes.PtzTour.model_validate(tour))


def _done(result: CommandResult) -> Response:
    return answer(shapes.PtzDone.model_validate(result))
