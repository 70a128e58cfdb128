"""The pages. Each is a template whose scripts get their data from the API."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from archive.schedule import server_time_zone
from core.errors import NotFound
from web.access.principal import current_principal, current_principal_or_none, is_local_without_accounts
from web.api import answers
from web.api.cameras import channel_list, visible_cameras
from web.api.export_models import format_names
from web.fields import parse_id
from web.routing import live_path
from web.services import services

blueprint = Blueprint("pages", __name__)

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")  # the same in an address


@blueprint.get("/")
@blueprint.get("/cameras")
def cameras() -> str:
    """All cameras, and a form to add one."""
    return render_template("cameras.html", page="cameras")


@blueprint.get("/viewer/<camera_id>")
def viewer(camera_id: str) -> str:
    """Live video of one camera's channels."""
    number = _known(camera_id)
    data = _viewer_data(number)
    first = _first_watch(number, data["channels"])
    return render_template("viewer.html", page="viewer", camera_id=number, page_data=data, first_watch=first)


@blueprint.get("/wall")
def wall() -> str:
    """Live video of channels of all cameras, side by side."""
    return render_template("wall.html", page="wall", page_data=_wall_data())


@blueprint.get("/recordings")
@blueprint.get("/recordings/<camera_id>")
def recordings(camera_id: str = "") -> str:
    """Recordings on a recorder's own disks; without an id, of the recorder that the browser showed last."""
    return render_template(
        "recordings.html",
        page="recordings",
        camera_id=_known(camera_id) if camera_id else "",
        export_formats=format_names(),
    )


@blueprint.get("/events")
def events() -> str:
    """The events of all channels, with pictures, filters and a calendar."""
    return render_template("events.html", page="events", server_zone=server_time_zone())


@blueprint.get("/motion/<camera_id>/<number>")
def motion(camera_id: str, number: str) -> str:
    """The zones, the sensitivity and the detector's view of a channel."""
    data = _viewer_data(_known(camera_id))
    channel = _known_channel(data["channels"], number)
    return render_template(
        "motion.html", page="motion", camera_id=data["camera"]["id"], channel=channel, page_data=data
    )


@blueprint.get("/search")
def search() -> str:
    """A drawn part of the picture of a channel: when has something moved in it, or changed for good?"""
    return render_template("search.html", page="search", page_data=_wall_data())


@blueprint.get("/notifications")
def notifications() -> str:
    """Rules that tell the user about events: on this device by web push, and for admins by other ways."""
    return render_template("notifications.html", page="notifications", server_zone=server_time_zone())


@blueprint.get("/exports")
def exports() -> str:
    """Parts of recordings that were taken away as files: the own ones, for admins all."""
    return render_template("exports.html", page="exports")


@blueprint.get("/detector")
def detector() -> str:
    """The detector of objects: its models, and a trial of a model on a picture."""
    return render_template("detector.html", page="detector")


@blueprint.get("/storage")
def storage() -> str:
    """The disks for recording on the server, the recorded channels, and the kept parts."""
    return render_template("storage.html", page="storage")


@blueprint.get("/nodes")
def nodes() -> str:
    """The servers that share the cameras, or the single one."""
    return render_template("nodes.html", page="nodes")


@blueprint.get("/login")
def login() -> str | Response:
    """The login form, which leads to `next` if that is a page of this app."""
    target = safe_next(request.args.get("next", ""))
    if current_principal_or_none() is not None:
        return redirect(target)
    return render_template("login.html", page="login", next=target, has_accounts=services().accounts.has_accounts())


@blueprint.get("/welcome")
def welcome() -> str:
    """The first visit: create an account, or use the app on this machine only for now."""
    return render_template("welcome.html", page="welcome", is_postponed=services().accounts.is_postponed())


@blueprint.get("/account")
def account() -> str | Response:
    """The own account: name, role, password, logout."""
    if is_local_without_accounts():
        return redirect("/welcome")
    return render_template("account.html", page="account")


@blueprint.get("/access")
def access() -> str | Response:
    """Users, logins and tokens."""
    if is_local_without_accounts():
        return redirect("/welcome")
    return render_template("access.html", page="access")


def safe_next(target: str) -> str:
    """Return the address if it leads to a page of this app, otherwise the first page.

    In some browsers, `//evil.example`, `/\\evil.example` and `/\t/evil.example` lead to other sites.
    """
    is_plain = target.startswith("/") and target.isascii() and target.isprintable() and "\\" not in target
    if not is_plain or target.startswith("//") or len(target) > 1000:
        return "/cameras"
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or parts.path.startswith(("/api/", "/static/", "/login", "/welcome")):
        return "/cameras"
    return target


# Viewer, wall, search and motion contain their first API answers, so that they do not wait for two more requests.


def _viewer_data(camera_id: int) -> dict[str, Any]:
    camera = answers.camera(services().cameras.get_camera(camera_id), current_principal())
    return {"camera": camera.model_dump(), "channels": _channels(camera_id)}


def _first_watch(camera_id: int, channels: list[dict[str, Any]]) -> str:
    """Return the end of the socket's address for the main stream that the viewer page shows first; "" if unsure.

    The page's scripts choose by the same rules (static/js/pages/viewer.js), and leave this stream if they want another.
    """
    if live_path() != "/live":  # of several nodes: LiveSockets chooses the ids of watches itself
        return ""
    asked = request.args.get("channel", "")
    in_order = sorted(channels, key=lambda it: (it["position"], it["channel"]))
    shown = [it for it in in_order if str(it["channel"]) == asked] or [
        it for it in in_order if not it["hidden"] and not it["problem"]
    ]
    if not shown or shown[0]["problem"]:
        return ""
    main = next((it for it in shown[0]["profiles"] if it["role"] == "main"), None)
    if main is None or (main["video"] or {}).get("codec") != "h264":  # all browsers decode H.264
        return ""
    token = main["profile_token"]
    return f"{camera_id}/{token}" if _PLAIN.fullmatch(token) else ""


def _wall_data() -> list[dict[str, Any]]:
    return [
        {"camera": answers.camera(view, current_principal()).model_dump(), "channels": _channels(view.id)}
        for view in visible_cameras()
    ]


def _channels(camera_id: int) -> list[dict[str, Any]]:
    try:
        return [channel.model_dump() for channel in channel_list(camera_id).channels]
    except NotFound:  # just deleted; the page's next request reports it
        return []


def _known(camera_id: str) -> int:
    try:
        number = parse_id(camera_id)
    except ValueError:
        raise NotFound("There is no such camera.") from None
    services().cameras.get_camera(number)
    return number


def _known_channel(channels: list[dict[str, Any]], number: str) -> int:
    """Return the number of a channel. Before a camera has told its channels, each number may be one."""
    try:
        wanted = parse_id(number)
    except ValueError:
        raise NotFound("There is no such channel.") from None
    if channels and all(channel["channel"] != wanted for channel in channels):
        raise NotFound("There is no such channel.")
    return wanted
