"""Hands a request about a camera of another node on to that node, through the front door.

The front door is nginx with docs/deploy/nginx-nodes.conf. It asks any node. A node that does not own the camera answers
with `X-Accel-Redirect: @owner` and the owner's address in `X-Owner`, and nginx repeats the whole request there: method,
body, cookies and upgrade. The owner identifies the sender and checks the permission itself, because all nodes share
the accounts. A single process hands nothing on.

A node without a lease (`Placement.is_cut_off`) knows neither senders nor owners. It hands every request on to a node
that works, before it looks at anything else: `X-Accel-Redirect: @working`. That node may hand it on to the owner.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response, g, request
from werkzeug.exceptions import HTTPException

from core.errors import AppError, Conflict, NotFound, Unavailable
from core.placement import Node, NotOwner
from sessions.ids import camera_of_stream
from web.access.rules import Rule
from web.client import client
from web.fields import parse_id
from web.guard import Misdirected
from web.services import Services, services

FRONT_DOOR, ROUTED = "X-Front-Door", "X-Routed"  # headers of the front door
TO_WORKING = "working"  # value of ROUTED: a node without a lease has handed the request on
_MOST_RANGES = 100  # of a body; the view refuses so many


@dataclass(frozen=True, slots=True)
class Destination:
    """The node that answers a request. `node` None: no living node can answer the request, for the reason `absence`.

    `can_stay`: this node can answer the request, too, although with less knowledge.
    """

    node: Node | None
    absence: AppError
    can_stay: bool = False


def find_destination(rule: Rule) -> Destination | None:
    """Return where the request belongs, or None if this node answers it."""
    found = services()
    here = found.placement.this_node()
    if not here.place:
        return None
    destination = _destination(found, rule)
    return None if destination is None or destination.node == here else destination


def hand_on(destination: Destination) -> Response | None:
    """Return the answer that makes the front door repeat the request at the other node.

    None if that is impossible: the request did not come through the front door, was handed on before, or belongs to no
    living node.
    """
    if destination.node is None or not _came_through_front_door():
        return None
    if request.headers.get(ROUTED, TO_WORKING) != TO_WORKING:
        return None
    return _repeated_at(destination.node, "@owner")


def hand_on_if_cut_off() -> Response | None:
    """Return the answer that makes the front door repeat the request at a node that works, if this one has no lease.

    None if this node answers: it has a lease, no other node works, or the request has been handed on before.
    """
    found = services()
    if not found.placement.is_cut_off() or not _came_through_front_door() or ROUTED in request.headers:
        return None
    if request.blueprint == "static_files":  # the same on all nodes, and no secret
        return None
    working = found.working_node.find()
    return None if working is None else _repeated_at(working, "@working")


def _repeated_at(node: Node, location: str) -> Response:
    """Return the answer for nginx. `location`: of its configuration."""
    g.is_handed_on = True
    response = Response(status=200, headers={"X-Accel-Redirect": location, "X-Owner": node.address})
    del response.headers["Content-Type"]  # nginx would keep it for the other node's answer
    return response


def refuse_elsewhere(destination: Destination) -> None:
    """Raise the reason why this node cannot answer the request. Do nothing if it can.

    Call it after the check of permissions, so that the reason tells nothing about cameras that the user may not see.
    """
    if destination.can_stay:
        return
    if destination.node is not None and not _came_through_front_door():
        name = destination.node.name
        raise Misdirected(f"This belongs to the server {name}: use the address of the front door.")
    raise destination.absence


def live_path() -> str:
    """Return the address of the page's first socket: at the owner of the page's camera, otherwise at this node."""
    placement = services().placement
    here = placement.this_node()
    if not here.place:
        return "/live"
    camera_id = _id_or_none(str((request.view_args or {}).get("camera_id", "")))
    owner = None if camera_id is None else placement.node_of(camera_id)
    return f"/live?place={(owner or here).place}"


def _came_through_front_door() -> bool:
    """True if a trusted proxy asks for addresses of owners. The client's own headers do not count."""
    return not client().is_direct and request.headers.get(FRONT_DOOR) == "nodes"


# --- where a request belongs


def _destination(found: Services, rule: Rule) -> Destination | None:
    place = request.args.get("place")
    if place and request.endpoint == "live.socket_for_many":
        return _of_place(found, place)
    if rule.node_of_files is not None:
        return _of_files(found, rule)
    try:
        camera_ids = sorted(_existing(found, _camera_ids(rule)))
    except (AppError, HTTPException, ValueError):
        return None  # the view reports what is wrong with the request
    if not camera_ids:
        return None
    owners = {found.placement.node_of(camera_id) for camera_id in camera_ids}
    if len(owners) > 1 and None not in owners:
        several = Conflict(
            "Several servers have the connections to these cameras: send one request for each camera.",
            code="several_nodes",
        )
        return Destination(None, several, rule.can_stay)
    owner = None if None in owners else owners.pop()
    return Destination(owner, NotOwner(camera_ids[0]), rule.can_stay)


def _of_place(found: Services, place: str) -> Destination:
    """The page opens one socket for each place. It asks for the places again if this one is gone."""
    node = next((view.node for view in found.placement.nodes() if view.is_alive and view.node.place == place), None)
    return Destination(
        node, Unavailable("This server has left. Ask for the camera's place again.", code="not_owner", retry_after_s=1)
    )


def absence_of(found: Services, node_name: str) -> AppError | None:
    """Return the reason why the files of a node cannot be read now; None if the node runs, or is a single process."""
    if not node_name or not found.placement.this_node().place or _living_node(found, node_name) is not None:
        return None
    return Unavailable(
        f"The server {node_name} has the files, and it is not running.", code="node_away", retry_after_s=10
    )


def _living_node(found: Services, name: str) -> Node | None:
    return next((view.node for view in found.placement.nodes() if view.is_alive and view.node.name == name), None)


def _of_files(found: Services, rule: Rule) -> Destination | None:
    """Jobs keep their files in the folder of one node."""
    assert rule.node_of_files is not None  # noqa: S101 - the caller has looked
    try:
        name = rule.node_of_files()
    except (AppError, ValueError):
        return None
    if not name:
        return None
    absence = absence_of(found, name) or NotFound("There is no such file.")  # while the node runs, it answers
    return Destination(_living_node(found, name), absence, rule.can_stay)


def _existing(found: Services, camera_ids: Iterable[int]) -> set[int]:
    """Leave out cameras that do not exist: every node answers 404 for them."""
    return {camera_id for camera_id in camera_ids if _exists(found, camera_id)}


def _exists(found: Services, camera_id: int) -> bool:
    try:
        found.cameras.get_camera(camera_id)
    except NotFound:
        return False
    return True


def _camera_ids(rule: Rule) -> set[int]:
    """Return the cameras that the request names in its path or, for a rule with a target, in its body.

    Raise an AppError, HTTPException or ValueError for a request that names none.
    """
    if rule.camera_of_record is not None:
        return _numbers([rule.camera_of_record()])
    parts: dict[str, Any] = request.view_args or {}
    if "camera_id" in parts:
        return _numbers([_id_or_none(str(parts["camera_id"]))])
    if "stream_id" in parts:
        return _numbers([camera_of_stream(str(parts["stream_id"]))])
    if rule.target is None or parts or request.method in ("GET", "HEAD"):
        return set()
    body: dict[str, Any] = request.get_json()
    if isinstance(body.get("stream_id"), str):
        return _numbers([camera_of_stream(body["stream_id"])])
    ranges = body.get("ranges")
    items = ranges[:_MOST_RANGES] if isinstance(ranges, list) else [body]
    return _numbers(item.get("camera_id") for item in items if isinstance(item, dict))


def _numbers(values: Iterable[Any]) -> set[int]:
    return {value for value in values if isinstance(value, int) and not isinstance(value, bool)}


def _id_or_none(text: str) -> int | None:
    try:
        return parse_id(text)
    except ValueError:
        return None
