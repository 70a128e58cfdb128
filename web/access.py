"""The one place that decides who may ask what: from route to permission to camera and channel.

Every route has a row in `RULES`; one without a row is refused, and fails the tests. The order: who is it
(token, session, or somebody on this machine while there is no account), may that role do this, may it do so
with this camera and channel. A camera somebody may not see does not exist for them: 404, not 403.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask import Flask, Response, g, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from core.access import LOCAL, Permission, Principal, permissions_of
from core.errors import Forbidden, InvalidRequest, NotFound, NotLoggedIn
from core.records import StreamKind
from core.records import channel_of_profile as find_channel
from recordings.matching import MatchedBy
from sessions.view import StreamView
from web.client import client
from web.fields import parse_id
from web.problems import wants_page
from web.services import services
from web.sessions import CSRF_HEADER, cookie_of, csrf_token, is_csrf_token

log = logging.getLogger(__name__)

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OFTEN = frozenset({"snapshot", "watch"})  # pages ask for pictures every few seconds, and leave and come back


class Open(StrEnum):
    """Who else than a role may ask."""

    ALL = "all"  # the login page, its style sheets, health
    LOGGED_IN = "logged_in"  # one's own session and password
    SETUP = "setup"  # on this machine, while there is no account


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about. `channel` None: not known; `is_whole`: the camera, whose channels the view filters."""

    camera_id: int
    channel: int | None = None
    is_whole: bool = False
    also_needs: Permission | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A row. `target` finds the camera and channel (None: about no camera); `action` is its word in the audit log.

    `is_for_people`: not with a token, which could else make users and tokens that outlive it.
    """

    needs: Permission | Open
    target: Callable[[], Target | None] | None = None
    action: str = ""
    is_for_people: bool = False


class _Unreadable(Exception):
    """A field from which camera or channel would follow is missing or no such thing."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def _body() -> dict[str, Any]:
    found: dict[str, Any] = request.get_json()
    return found


def _path_camera() -> int:
    try:
        return parse_id(str((request.view_args or {})["camera_id"]))
    except ValueError:
        raise _Unreadable("camera_id") from None


def _body_camera() -> int:
    camera_id = _body().get("camera_id")
    if isinstance(camera_id, bool) or not isinstance(camera_id, int):
        raise _Unreadable("camera_id")
    return camera_id


def _text(source: dict[str, Any], name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str):
        raise _Unreadable(name)
    return value


def channel_of_profile(camera_id: int, profile_token: str) -> int | None:
    """The channel's number; None for a media profile that is not known. NotFound for the camera."""
    channel = find_channel(services().cameras.channels(camera_id), profile_token)
    return None if channel is None else channel.number


def _whole_camera() -> Target:
    return Target(_path_camera(), is_whole=True)


def _every_channel() -> Target:
    """What changes something for all channels takes all of them."""
    target = _whole_camera()
    if is_limited(target.camera_id):
        raise Forbidden("This concerns every channel of the camera, and you may see some of them only.")
    return target


def _channel_in_path() -> Target:
    try:
        return Target(_path_camera(), parse_id(str((request.view_args or {})["number"])))
    except ValueError:
        raise _Unreadable("number") from None


def _page_camera() -> Target | None:
    return _whole_camera() if request.view_args else None


def _snapshot() -> Target:
    camera_id, token = _path_camera(), request.args.get("profile_token")
    if token is None:
        return Target(camera_id, is_whole=True)
    return Target(camera_id, _known_channel(camera_id, token))


def _known_channel(camera_id: int, profile_token: str) -> int | None:
    """Asked only where it matters, so that others hear of an unknown media profile from the view."""
    return channel_of_profile(camera_id, profile_token) if is_limited(camera_id) else None


def is_limited(camera_id: int) -> bool:
    """Whether who asks may see some of the camera's channels only."""
    scope = principal().scope
    return scope.has_camera(camera_id) and scope.channels_of(camera_id) is not None


def _live() -> Target:
    camera_id = _body_camera()
    return Target(camera_id, _known_channel(camera_id, _text(_body(), "profile_token")))


def _live_in_path() -> Target:
    camera_id = _path_camera()
    return Target(camera_id, _known_channel(camera_id, str((request.view_args or {})["profile_token"])))


def _recording(camera_id: int, recording_token: str) -> Target:
    channel = services().recordings.channel_of(camera_id, recording_token) if is_limited(camera_id) else None
    return Target(camera_id, channel)


def _replay() -> Target:
    return _recording(_body_camera(), _text(_body(), "recording_token"))


def _search() -> Target:
    camera_id, channel = _path_camera(), _body().get("channel")
    return Target(camera_id, channel) if isinstance(channel, int) else Target(camera_id, is_whole=True)


def may_see_recording(camera_id: int, channel: int | None, matched_by: MatchedBy) -> bool:
    """Whether a recording is one that who asks may hear of: a channel that was only guessed opens nothing."""
    return principal().scope.has_channel(camera_id, channel if matched_by.is_sure else None)


def may_see(view: StreamView) -> bool:
    """Whether a session is one that who asks may watch."""
    who = principal()
    try:
        target = _target_of(view)
    except NotFound:  # its camera has just been deleted
        return False
    may = target.also_needs is None or who.may(target.also_needs)
    return may and who.scope.has_channel(target.camera_id, target.channel)


def may_see_stream(stream_id: str) -> bool:
    """The same by its id. Of no use to who is nobody yet."""
    who = principal_or_none()
    if who is None:
        return False
    if not who.scope.is_limited and who.may(Permission.RECORDINGS):
        return True
    try:
        return may_see(services().streams.session_status(stream_id))
    except NotFound:
        return False


def _stream(stream_id: str) -> Target:
    """A session's camera, channel and kind: what is not a session is nobody's, and does not exist."""
    view = services().streams.session_status(stream_id)
    audit_about(profile_token=view.profile_token or None, recording_token=view.recording_token, stream_id=stream_id)
    return _target_of(view)


def _target_of(view: StreamView) -> Target:
    if view.kind is StreamKind.REPLAY:
        target = _recording(view.camera_id, view.recording_token or "")
        return Target(target.camera_id, target.channel, also_needs=Permission.RECORDINGS)
    return Target(view.camera_id, _known_channel(view.camera_id, view.profile_token))


def _stream_in_path() -> Target:
    return _stream(str((request.view_args or {})["stream_id"]))


def _stream_in_body() -> Target:
    return _stream(_text(_body(), "stream_id"))


def _stream_to_stop() -> Target:
    """Ending one for everybody else as well is more than leaving it."""
    target = _stream_in_body()
    if _body().get("viewer_id") is None:
        audit_as("stop_stream")
        if not principal().may(Permission.OPERATE):
            raise Forbidden("With this role a stream is ended for yourself only: name your viewer_id.")
    return target


RULES: dict[str, Rule] = {
    # pages
    "pages.cameras": Rule(Permission.LIVE),
    "pages.viewer": Rule(Permission.LIVE, _page_camera),
    "pages.wall": Rule(Permission.LIVE),
    "pages.recordings": Rule(Permission.RECORDINGS, _page_camera),
    "pages.login": Rule(Open.ALL),
    "pages.welcome": Rule(Open.SETUP),
    "pages.account": Rule(Open.LOGGED_IN),
    "pages.access": Rule(Permission.MANAGE),
    # files
    "static_files.file": Rule(Open.ALL),
    "streams.stream_file": Rule(Permission.LIVE, _stream_in_path),
    # the app itself
    "api_system.health": Rule(Open.ALL),
    "api_description.openapi": Rule(Open.LOGGED_IN),
    "api_description.docs": Rule(Open.LOGGED_IN),
    # accounts
    "api_accounts.get_session": Rule(Open.ALL),
    "api_accounts.log_in": Rule(Open.ALL, action="log_in"),
    "api_accounts.log_out": Rule(Open.LOGGED_IN, action="log_out"),
    "api_accounts.change_own_password": Rule(Open.LOGGED_IN, action="change_own_password"),
    "api_accounts.create_first": Rule(Open.SETUP, action="create_first_account"),
    "api_accounts.postpone": Rule(Open.SETUP, action="postpone_accounts"),
    "api_accounts.list_users": Rule(Permission.MANAGE),
    "api_accounts.add_user": Rule(Permission.MANAGE, action="add_user", is_for_people=True),
    "api_accounts.change_user": Rule(Permission.MANAGE, action="change_user", is_for_people=True),
    "api_accounts.remove_user": Rule(Permission.MANAGE, action="remove_user", is_for_people=True),
    "api_accounts.list_sessions": Rule(Permission.MANAGE),
    "api_accounts.end_session": Rule(Permission.MANAGE, action="end_session", is_for_people=True),
    "api_accounts.list_tokens": Rule(Permission.MANAGE),
    "api_accounts.add_token": Rule(Permission.MANAGE, action="add_token", is_for_people=True),
    "api_accounts.remove_token": Rule(Permission.MANAGE, action="remove_token", is_for_people=True),
    # cameras
    "api_cameras.list_cameras": Rule(Permission.LIVE),
    "api_cameras.add_camera": Rule(Permission.MANAGE, action="add_camera"),
    "api_cameras.add_pretend_recorder": Rule(Permission.MANAGE, action="add_camera"),
    "api_cameras.get_camera": Rule(Permission.LIVE, _whole_camera),
    "api_cameras.edit_camera": Rule(Permission.MANAGE, _whole_camera, "change_camera"),
    "api_cameras.delete_camera": Rule(Permission.MANAGE, _whole_camera, "delete_camera"),
    "api_cameras.refresh_camera": Rule(Permission.OPERATE, _every_channel, "refresh_camera"),
    "api_cameras.list_channels": Rule(Permission.LIVE, _whole_camera),
    "api_cameras.edit_channel": Rule(Permission.MANAGE, _channel_in_path, "change_channel"),
    "api_cameras.order_channels": Rule(Permission.MANAGE, _whole_camera, "change_channel"),
    "api_cameras.snapshot": Rule(Permission.LIVE, _snapshot, "snapshot"),
    "api_cameras.camera_health": Rule(Permission.MANAGE, _whole_camera),
    "api_cameras.discover": Rule(Permission.MANAGE, action="discover"),
    # live and replay
    "live.socket_for_one": Rule(Permission.LIVE, _live_in_path),
    "live.socket_for_many": Rule(Permission.LIVE),  # each channel is checked when it is asked for
    "api_streams.start_stream": Rule(Permission.LIVE, _live, "watch"),
    "api_streams.stop_stream": Rule(Permission.LIVE, _stream_to_stop),
    "api_streams.stream_status": Rule(Permission.LIVE, _stream_in_path),
    "api_streams.all_streams": Rule(Permission.LIVE),
    "api_playback.start_playback": Rule(Permission.RECORDINGS, _replay, "play_recording"),
    "api_playback.seek_playback": Rule(Permission.RECORDINGS, _stream_in_body, "seek"),
    # named layouts of the wall: whose they are, the manager knows
    "api_walls.list_walls": Rule(Permission.LIVE),
    "api_walls.add_wall": Rule(Permission.LIVE),
    "api_walls.get_wall": Rule(Permission.LIVE),
    "api_walls.change_wall": Rule(Permission.LIVE),
    "api_walls.remove_wall": Rule(Permission.LIVE),
    # recordings
    "api_recordings.search_recordings": Rule(Permission.RECORDINGS, _search, "search_recordings"),
    "api_recordings.recording_summary": Rule(Permission.RECORDINGS, _whole_camera),
    "api_recordings.recording_coverage": Rule(Permission.RECORDINGS, _whole_camera),
    "api_recordings.stop_indexing": Rule(Permission.RECORDINGS, _every_channel, "stop_indexing"),
    "api_recordings.resume_indexing": Rule(Permission.RECORDINGS, _every_channel, "resume_indexing"),
    "api_recordings.playback_uri": Rule(Permission.RECORDINGS, _replay, "playback_uri"),
}


def install_access(app: Flask) -> None:
    """Behind the guard, before every view."""
    app.before_request(_decide)
    app.after_request(_audit)
    app.context_processor(_for_templates)


def principal() -> Principal:
    """Who asks; only where somebody does (behind a rule that lets not everybody in)."""
    found: Principal | None = g.get("principal")
    if found is None:
        raise NotLoggedIn("Log in first.")
    return found


def principal_or_none() -> Principal | None:
    found: Principal | None = g.get("principal")
    return found


def is_open() -> bool:
    """Whether this request may do everything because there is no account and it comes from this machine."""
    return client().is_on_this_machine and not services().accounts.has_accounts()


def _decide() -> BaseResponse | None:
    g.principal = _who()
    rule = RULES.get(request.endpoint or "")
    if rule is None:
        if request.endpoint is not None:
            log.error("the route %s has no rule and is refused", request.endpoint)
            raise Forbidden("Nobody may ask this.")
        if g.principal is None:
            return _ask_to_log_in()
        return None  # no such address, or not with this method: the framework's answer
    g.rule = rule
    if rule.needs is Open.ALL:
        return None
    if rule.needs is Open.SETUP:
        return _only_for_setup()
    if g.principal is None:
        return _ask_to_log_in()
    if _is_first_visit():
        return redirect(url_for("pages.welcome"))
    _check_csrf(g.principal)
    if rule.is_for_people and g.principal.kind == "token":
        raise Forbidden("Accounts are managed by who is logged in, not with a token.")
    if isinstance(rule.needs, Permission):
        _check_permission(g.principal, rule.needs)
    _check_target(g.principal, rule)
    return None


def _who() -> Principal | None:
    return who_asks_later()()


def who_asks_later() -> Callable[[], Principal | None]:
    """Who sent this request, to be asked again as long as its connection lasts: a login may end meanwhile."""
    accounts = services().accounts
    header, cookie, is_here = request.headers.get("Authorization"), cookie_of(request), client().is_on_this_machine

    def who() -> Principal | None:
        if header is not None:
            scheme, _, token = header.partition(" ")
            return accounts.principal_of_token(token.strip()) if scheme.lower() == "bearer" else None
        found = accounts.principal_of_session(cookie) if cookie else None
        return LOCAL if found is None and is_here and not accounts.has_accounts() else found

    return who


def _check_no_hidden_proxy() -> None:
    if client().is_http_1_0 and not services().accounts.has_accounts():
        raise Forbidden(
            "Without an account the app answers to this machine only, and HTTP/1.0 is how proxies ask for others: "
            "make an account first (flask --app app users add), then name the proxy in TRUSTED_PROXIES.",
            code="proxied",
        )


def _ask_to_log_in() -> BaseResponse:
    _check_no_hidden_proxy()
    if request.method == "GET" and wants_page():
        return redirect(url_for("pages.login", next=request.full_path.removesuffix("?")))
    raise NotLoggedIn("Log in first, or send a token: Authorization: Bearer ...")


def _only_for_setup() -> BaseResponse | None:
    if is_open():
        return None
    if request.method == "GET":
        return redirect(url_for("pages.cameras"))
    if services().accounts.has_accounts():
        raise Forbidden("There is an account already: log in with it.", code="accounts_exist")
    _check_no_hidden_proxy()
    raise Forbidden("The first account is made on the machine that the app runs on.", code="not_this_machine")


def _is_first_visit() -> bool:
    """Somebody opens a page and has not chosen yet between an account and "only on this machine"."""
    if g.principal is not LOCAL or request.method != "GET" or not wants_page():
        return False
    return request.blueprint == "pages" and not services().accounts.is_postponed()


def _check_csrf(who: Principal) -> None:
    if request.method in _SAFE_METHODS or who.kind != "session":
        return
    if not is_csrf_token(cookie_of(request) or "", request.headers.get(CSRF_HEADER, "")):
        raise Forbidden("This page is out of date: load it again.", code="csrf")


def _check_permission(who: Principal, needs: Permission) -> None:
    if not who.may(needs):
        if who.scope.is_limited and needs in permissions_of(who.role):
            raise Forbidden("Who is limited to cameras may not do this.")
        raise Forbidden(f"The role {who.role.value} may not do this.")


def _check_target(who: Principal, rule: Rule) -> None:
    if rule.target is None:
        return
    try:
        target = rule.target()
    except _Unreadable as unreadable:
        if who.scope.is_limited:
            raise InvalidRequest.of_field(unreadable.field, "missing, or not as it should be") from None
        return  # everything is allowed, and the view has the better message
    except NotFound:
        if who.may(Permission.MANAGE):
            return  # the same: perhaps it is no id at all
        raise
    if target is None:
        return
    g.about = {"camera_id": target.camera_id, "channel": target.channel}
    if target.also_needs is not None:
        _check_permission(who, target.also_needs)
    is_allowed = (
        who.scope.has_camera(target.camera_id)
        if target.is_whole
        else who.scope.has_channel(target.camera_id, target.channel)
    )
    if not is_allowed:
        g.is_out_of_scope = True
        raise NotFound("There is no such camera, channel or stream.")


def _audit(response: Response) -> Response:
    rule: Rule | None = g.get("rule")
    who: Principal | None = g.get("principal")
    action: str = g.get("audit_action") or (rule.action if rule else "")
    is_refused = response.status_code == 403 or g.get("is_out_of_scope", False)
    if rule is None or not (action or is_refused):
        return response
    audit = services().accounts.audit
    write = audit.write_seldom if is_refused or action in _OFTEN else audit.write
    about = {"camera_id": None, **g.get("about", {}), **g.get("audit_about", {})}
    write(
        action or request.endpoint or "",
        who=g.get("audit_who") or (who.name if who else ""),
        kind=who.kind if who else "nobody",
        address=client().address,
        outcome="ok" if response.status_code < 400 else g.get("problem_code", str(response.status_code)),
        **about,
    )
    return response


def audit_about(**about: object) -> None:
    """More for this request's line in the audit log."""
    g.audit_about = {**g.get("audit_about", {}), **about}


def audit_as(action: str, **about: object) -> None:
    """This request has a line of its own in the audit log, though its route has none."""
    g.audit_action = action
    audit_about(**about)


def audit_who(name: str) -> None:
    """Who it was, where that is known only afterwards."""
    g.audit_who = name


def _for_templates() -> dict[str, Any]:
    who = principal_or_none()
    cookie = cookie_of(request) if "client" in g else None
    return {
        "principal": who,
        "permissions": [permission.value for permission in Permission if who is not None and who.may(permission)],
        "csrf": csrf_token(cookie) if cookie and who is not None and who.kind == "session" else "",
    }
