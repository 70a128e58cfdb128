"""The pages: each is a template and gets its data from the API."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from core.errors import NotFound
from web.access import is_open, principal_or_none
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


@blueprint.get("/wall")
def wall() -> str:
    """Channels of all cameras side by side, live."""
    return render_template("wall.html", page="wall")


@blueprint.get("/recordings")
@blueprint.get("/recordings/<camera_id>")
def recordings(camera_id: str = "") -> str:
    """What recorders hold on their own disks; without an id, of the one that was looked at last."""
    return render_template("recordings.html", page="recordings", camera_id=_known(camera_id) if camera_id else "")


@blueprint.get("/login")
def login() -> str | Response:
    """Name and password; then on to `next`, if that is a page of ours."""
    target = safe_next(request.args.get("next", ""))
    if principal_or_none() is not None:
        return redirect(target)
    return render_template("login.html", page="login", next=target, has_accounts=services().accounts.has_accounts())


@blueprint.get("/welcome")
def welcome() -> str:
    """The first visit: an account, or only on this machine for now."""
    return render_template("welcome.html", page="welcome", is_postponed=services().accounts.is_postponed())


@blueprint.get("/account")
def account() -> str | Response:
    """Who one is, one's password, and the way out."""
    if is_open():
        return redirect("/welcome")
    return render_template("account.html", page="account")


@blueprint.get("/access")
def access() -> str | Response:
    """Users, who is logged in, and tokens."""
    if is_open():
        return redirect("/welcome")
    return render_template("access.html", page="access")


def safe_next(target: str) -> str:
    """The address if it leads to a page of this app, else the first page.

    `//evil.example`, `/\\evil.example` and `/\t/evil.example` lead elsewhere in some browsers.
    """
    is_plain = target.startswith("/") and target.isascii() and target.isprintable() and "\\" not in target
    if not is_plain or target.startswith("//") or len(target) > 1000:
        return "/cameras"
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or parts.path.startswith(("/api/", "/static/", "/login", "/welcome")):
        return "/cameras"
    return target


def _known(camera_id: str) -> int:
    try:
        number = parse_id(camera_id)
    except ValueError:
        raise NotFound("There is no such camera.") from None
    services().cameras.get_camera(number)
    return number
