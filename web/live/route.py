"""`/live`: the request that becomes a WebSocket. It is checked like every other one, before it is taken over."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from functools import partial
from typing import Any

from flask import Blueprint, Response, current_app, g, request
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from core.access import Permission, Principal
from core.errors import AppError, InvalidRequest, NotFound
from core.records import channel_of_profile
from web.access import may_see_stream, principal, who_asks_later
from web.client import client
from web.fields import parse_id
from web.guard import UpgradeRequired
from web.live.handover import Upgraded
from web.live.replay import ReplayWatch
from web.live.socket_handler import LiveBackend, LiveSocketHandler, LiveWatch
from web.services import Services, services

blueprint = Blueprint("live", __name__)


def socket_for_many() -> Response:
    """A socket over which any number of channels is watched."""
    return _upgrade(None)


def socket_for_one(camera_id: str, profile_token: str) -> Response:
    """The same, watching this channel from the start, under the id 0."""
    try:
        number = parse_id(camera_id)
    except ValueError:
        raise NotFound("There is no such camera.") from None
    return _upgrade((number, profile_token))


def _upgrade(first: tuple[int, str] | None) -> Response:
    asked = Request(request.full_path, Headers(list(request.headers.items())))
    answer = ServerProtocol().accept(asked)
    if answer.status_code != 101 or "gunicorn.socket" not in request.environ:
        raise UpgradeRequired("This address speaks WebSocket (RFC 6455).")
    sockets = services().sockets
    sockets.check_room(principal())
    handler = LiveSocketHandler(sockets, principal(), _backend(services(), client().address), first)

    def take_over(connection: socket.socket, headers: Iterable[tuple[str, str]]) -> None:
        for name, value in headers:
            answer.headers[name] = value
        sockets.take(connection, answer, handler)

    return Upgraded(take_over)


def _backend(app: Services, address: str) -> LiveBackend:
    tell = partial(_tell, app, address)

    def watch(who: Principal, camera_id: int, profile_token: str, listener: LiveWatch) -> tuple[str, str]:
        found = channel_of_profile(app.cameras.channels(camera_id), profile_token)
        channel = None if found is None else found.number
        about: dict[str, Any] = {"camera_id": camera_id, "channel": channel, "profile_token": profile_token}
        if not who.may(Permission.LIVE) or not who.scope.has_channel(camera_id, channel):
            tell(who, "not_found", **about)
            raise NotFound("There is no such camera, channel or stream.")
        stream_id, viewer_id = app.streams.watch_live(
            camera_id,
            profile_token,
            listener,
            wants_audio=listener.wants_sound,
            from_last_key_frame=not listener.is_skipping,
        )
        app.viewers.add_viewer(who.key, stream_id, viewer_id)
        tell(who, "ok", **about, stream_id=stream_id)
        return stream_id, viewer_id

    def leave(stream_id: str, viewer_id: str) -> None:
        app.viewers.remove_viewer(stream_id, viewer_id)
        with contextlib.suppress(NotFound):  # it may have ended, and be forgotten since
            app.streams.stop_session(stream_id, viewer_id)

    def replay(who: Principal, listener: ReplayWatch) -> bool:
        """Only who has started it: others would see where in a recording somebody is, and hold up who seeks."""
        if not app.viewers.has_started(who.key, listener.stream_id):
            app.streams.session_status(listener.stream_id)  # NotFound where it is nobody's
            tell(who, "not_found", stream_id=listener.stream_id)
            raise NotFound("There is no such stream.")
        return app.streams.watch_replay(listener.stream_id, listener.viewer_id, listener)

    def leave_replay(listener: ReplayWatch) -> None:
        with contextlib.suppress(NotFound, InvalidRequest):  # nor need it have been one that can be watched
            app.streams.unwatch_replay(listener.stream_id, listener.viewer_id, listener)

    def want(listener: ReplayWatch, run: int, until_s: float) -> None:
        with contextlib.suppress(NotFound):
            app.streams.request_replay_until(listener.stream_id, listener.viewer_id, run, until_s)

    flask_app = current_app.app_context().app  # `current_app` itself is nothing in another thread

    def may_see(who: Principal, stream_id: str) -> bool:
        with flask_app.app_context():
            g.principal = who
            try:
                return may_see_stream(stream_id)
            except AppError:  # it cannot be found out, and what is refused must be said all the same
                return False

    return LiveBackend(watch, leave, replay, leave_replay, want, who_asks_later(), may_see)


def _tell(
    app: Services, address: str, who: Principal, outcome: str, *, camera_id: int | None = None, **about: Any
) -> None:
    """A line of the audit log, about who watches or was refused."""
    app.accounts.audit.write_seldom(
        "watch", who=who.name, kind=who.kind, address=address, outcome=outcome, camera_id=camera_id, **about
    )


# Twice each: the router tells requests to upgrade from others, and the others are to be told why they are refused.
for is_upgrade in (True, False):
    blueprint.add_url_rule("/live", view_func=socket_for_many, methods=["GET"], websocket=is_upgrade)
    blueprint.add_url_rule(
        "/live/<camera_id>/<profile_token>", view_func=socket_for_one, methods=["GET"], websocket=is_upgrade
    )
