"""`/live`: requests that become WebSockets. The access check of all requests applies before the upgrade."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from flask import Blueprint, Response, request
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from core.errors import NotFound
from web.access.principal import credentials_of_request, current_principal
from web.client import client
from web.fields import parse_id
from web.guard import UpgradeRequired
from web.live.backend import LiveBackend
from web.live.handover import Upgraded
from web.live.socket_handler import LiveSocketHandler
from web.services import services

blueprint = Blueprint("live", __name__)


def socket_for_many() -> Response:
    """Open a socket that can watch any number of channels."""
    return _upgrade(None)


def socket_for_one(camera_id: str, profile_token: str) -> Response:
    """Open such a socket, which watches this channel from the start, as id 0."""
    try:
        number = parse_id(camera_id)
    except ValueError:
        raise NotFound("There is no such camera.") from None
    return _upgrade((number, profile_token))


def _upgrade(first: tuple[int, str] | None) -> Response:
    """Upgrade the request. `first`: camera id and media profile to watch immediately."""
    handshake = Request(request.full_path, Headers(list(request.headers.items())))
    answer = ServerProtocol().accept(handshake)
    if answer.status_code != 101 or "gunicorn.socket" not in request.environ:
        raise UpgradeRequired("This address speaks WebSocket (RFC 6455).")
    sockets = services().sockets
    sockets.check_capacity(current_principal())
    backend = LiveBackend(services(), credentials_of_request(), client().address)
    handler = LiveSocketHandler(sockets, current_principal(), backend, first)

    def take_over(connection: socket.socket, headers: Iterable[tuple[str, str]]) -> None:
        for name, value in headers:
            answer.headers[name] = value
        sockets.take(connection, answer, handler)

    return Upgraded(take_over)


# Each rule twice: the router tells upgrade requests from others, and the others get an error that explains the refusal.
for is_upgrade in (True, False):
    blueprint.add_url_rule("/live", view_func=socket_for_many, methods=["GET"], websocket=is_upgrade)
    blueprint.add_url_rule(
        "/live/<camera_id>/<profile_token>", view_func=socket_for_one, methods=["GET"], websocket=is_upgrade
    )
