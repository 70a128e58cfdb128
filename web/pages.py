"""The pages: each is a template and gets its data from the API."""

from __future__ import annotations

from flask import Blueprint, render_template

from core.errors import NotFound
from web.fields import parse_id
from web.services import services

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
@blueprint.get("/cameras")
def cameras() -> str:
    """All cameras, and how to add one."""
    return render_template("cameras.html", page="cameras")


@blueprint.get("/viewer/<camera_id>")
def viewer(camera_id: str) -> str:
    """One camera's channels, live."""
    return render_template("viewer.html", page="viewer", camera_id=_known(camera_id))


@blueprint.get("/recordings")
@blueprint.get("/recordings/<camera_id>")
def recordings(camera_id: str = "") -> str:
    """What recorders hold on their own disks; without an id, of the one that was looked at last."""
    return render_template("recordings.html", page="recordings", camera_id=_known(camera_id) if camera_id else "")


def _known(camera_id: str) -> int:
    try:
        number = parse_id(camera_id)
    except ValueError:
        raise NotFound("There is no such camera.") from None
    services().cameras.get_camera(number)
    return number
