"""The camera and channel that a request or a stream concerns, and the check that a user may access them.

Views and live sockets both use `may_access`. The functions without parameters read the current request.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from flask import request

from core.access import Permission, Principal
from core.errors import AppError, Forbidden, NotFound
from core.records import StreamKind, channel_of_profile
from recordings.matching import MatchedBy
from sessions.view import StreamView
from web.access.audit import audit_about, audit_as
from web.access.principal import current_principal, linked_channel_of
from web.fields import parse_id
from web.services import Services, services


@dataclass(frozen=True, slots=True)
class Target:
    """A camera, or a channel of it. `channel` None: the channel is not known.

    `is_whole`: the request concerns the camera as a whole, and the view leaves out channels that the user may not
    see. `needs`: a permission for this target, besides the one that the route needs.
    """

    camera_id: int
    channel: int | None = None
    is_whole: bool = False
    needs: Permission | None = None


class UnreadableField(Exception):
    """A field that names the camera, channel or stream is missing or invalid."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


# --- checks


def may_access(who: Principal, target: Target) -> bool:
    """True if the user has the target's permission and may see its camera and channel."""
    return may_see(who, target) and (target.needs is None or who.may(target.needs))


def may_see(who: Principal, target: Target) -> bool:
    """True if the user may see the target's camera and channel.

    Users with a limit to some channels of the camera may not see an unknown channel.
    """
    if target.is_whole:
        return who.scope.has_camera(target.camera_id)
    return who.scope.has_channel(target.camera_id, target.channel)


def sees_only_some_channels(who: Principal, camera_id: int) -> bool:
    """True if the user may see this camera, but not all of its channels."""
    return who.scope.has_camera(camera_id) and who.scope.channels_of(camera_id) is not None


def may_see_recording(who: Principal, camera_id: int, channel: int | None, matched_by: MatchedBy) -> bool:
    """True if the user may see this recording. A channel that was only guessed counts as unknown."""
    return who.scope.has_channel(camera_id, channel if matched_by.is_sure else None)


def may_watch(services: Services, who: Principal, view: StreamView) -> bool:
    """True if the user may watch this stream."""
    try:
        return may_access(who, target_of_stream(services, who, view))
    except NotFound:  # its camera has just been deleted
        return False


def visible_streams(services: Services, who: Principal | None, stream_ids: Collection[str]) -> list[str]:
    """Return the ids of the streams that the user may watch. Without a user, none."""
    return [stream_id for stream_id in stream_ids if who is not None and _may_see_stream(services, who, stream_id)]


def _may_see_stream(services: Services, who: Principal, stream_id: str) -> bool:
    if not who.scope.is_limited and who.may(Permission.RECORDINGS):
        return True
    try:
        return may_watch(services, who, services.streams.session_view(stream_id))
    except AppError:  # this is part of an error message, which must be sent even if the look-up fails
        return False


# --- streams and channels


def channel_number(services: Services, camera_id: int, profile_token: str) -> int | None:
    """Return the number of the channel with this media profile, or None. Raise NotFound if there is no such camera."""
    channel = channel_of_profile(services.cameras.channels(camera_id), profile_token)
    return None if channel is None else channel.number


def target_of_stream(services: Services, who: Principal, view: StreamView) -> Target:
    """Raise NotFound if the camera does not exist any more."""
    if view.kind is StreamKind.REPLAY:
        return _replay_target(services, who, view.camera_id, view.recording_token or "")
    return _live_target(services, who, view.camera_id, view.profile_token)


def channel_of_stream(services: Services, view: StreamView) -> int | None:
    """Return the channel of a stream; None if it is not known for sure."""
    try:
        if view.kind is StreamKind.REPLAY:
            return services.recordings.channel_of(view.camera_id, view.recording_token or "")
        return channel_number(services, view.camera_id, view.profile_token)
    except AppError:
        return None


def _live_target(services: Services, who: Principal, camera_id: int, profile_token: str) -> Target:
    """The channel is looked up only for users limited to channels: for others the view reports an unknown profile."""
    is_needed = sees_only_some_channels(who, camera_id)
    channel = channel_number(services, camera_id, profile_token) if is_needed else None
    return Target(camera_id, channel, needs=Permission.LIVE)


def _replay_target(services: Services, who: Principal, camera_id: int, recording_token: str) -> Target:
    is_needed = sees_only_some_channels(who, camera_id)
    channel = services.recordings.channel_of(camera_id, recording_token) if is_needed else None
    return Target(camera_id, channel, needs=Permission.RECORDINGS)


# --- targets of the current request


def camera_in_path() -> Target:
    """The camera as a whole."""
    return Target(_camera_id_in_path(), is_whole=True)


def every_channel() -> Target:
    """The camera, for a request that changes something for all of its channels. Raise Forbidden if the user may see
    only some of them."""
    target = camera_in_path()
    if sees_only_some_channels(current_principal(), target.camera_id):
        raise Forbidden("This affects every channel of the camera, but you may see only some of them.")
    return target


def channel_in_path() -> Target:
    camera_id = _camera_id_in_path()
    try:
        return Target(camera_id, parse_id(_path_part("number")))
    except ValueError:
        raise UnreadableField("number") from None


def linked_channel() -> Target:
    """The channel of the address that a player opens."""
    camera_id, channel = linked_channel_of(current_principal())
    return Target(camera_id, channel)


def camera_of_page() -> Target | None:
    """The camera in the page's path, or None for a page without one."""
    return camera_in_path() if request.view_args else None


def snapshot() -> Target:
    camera_id, profile_token = _camera_id_in_path(), request.args.get("profile_token")
    if profile_token is None:
        return Target(camera_id, is_whole=True)
    return _live_target(services(), current_principal(), camera_id, profile_token)


def live_in_body() -> Target:
    camera_id = _camera_id_in_body()
    return _live_target(services(), current_principal(), camera_id, _text_in_body("profile_token"))


def live_in_path() -> Target:
    camera_id = _camera_id_in_path()
    return _live_target(services(), current_principal(), camera_id, _path_part("profile_token"))


def channel_in_body() -> Target:
    channel = _body().get("channel")
    if isinstance(channel, bool) or not isinstance(channel, int):
        raise UnreadableField("channel")
    return Target(_camera_id_in_body(), channel)


def searched_channel_in_body() -> Target:
    """The channel whose recordings are searched. For users limited to channels, one that is only guessed is unknown."""
    target = channel_in_body()
    camera_id, channel = target.camera_id, target.channel
    is_needed = channel is not None and sees_only_some_channels(current_principal(), camera_id)
    if is_needed and not services().recordings.has_sure_recordings(camera_id, channel or 0):
        return Target(camera_id)
    return target


def recording_in_body() -> Target:
    camera_id = _camera_id_in_body()
    return _replay_target(services(), current_principal(), camera_id, _text_in_body("recording_token"))


def archived_channel() -> Target:
    """The channel in the query, for the server's own recordings, whose channel is always certain."""
    camera_id = _camera_id_in_path()
    try:
        return Target(camera_id, parse_id(request.args.get("channel", "")))
    except ValueError:
        return Target(camera_id, is_whole=True)  # the view refuses it


def recorded_channel() -> Target:
    """The channel in the query, for its recordings. For users limited to channels, a channel that is only guessed is
    unknown."""
    camera_id = _camera_id_in_path()
    try:
        channel = parse_id(request.args.get("channel", ""))
    except ValueError:
        return Target(camera_id, is_whole=True)  # the view refuses it
    is_needed = sees_only_some_channels(current_principal(), camera_id)
    if is_needed and not services().recordings.has_sure_recordings(camera_id, channel):
        return Target(camera_id)
    return Target(camera_id, channel)


def export_in_body() -> Target | None:
    """The first range whose channel the user may not see, otherwise the first range. None for a body without ranges.

    A channel that is only guessed is unknown to users with a limit to channels.
    """
    found = [_range_target(item) for item in _list_in_body("ranges")]
    who = current_principal()
    hidden = (target for target in found if not may_see(who, target))
    return next(hidden, found[0] if found else None)


def _range_target(item: Any) -> Target:
    """Raise UnreadableField if the range names no camera or channel."""
    camera_id, channel = (_number_in(item, name) for name in ("camera_id", "channel"))
    is_needed = sees_only_some_channels(current_principal(), camera_id)
    if is_needed and not services().recordings.has_sure_recordings(camera_id, channel):
        return Target(camera_id)
    return Target(camera_id, channel)


def _number_in(item: Any, name: str) -> int:
    value = item.get(name) if isinstance(item, dict) else None
    if isinstance(value, bool) or not isinstance(value, int):
        raise UnreadableField(f"ranges.{name}")
    return value


def search() -> Target:
    camera_id, channel = _camera_id_in_path(), _body().get("channel")
    return Target(camera_id, channel) if isinstance(channel, int) else Target(camera_id, is_whole=True)


def stream_in_path() -> Target:
    return _stream(_path_part("stream_id"))


def stream_in_body() -> Target:
    return _stream(_text_in_body("stream_id"))


def stream_to_stop() -> Target:
    """Raise Forbidden if the request would stop the stream for all viewers and the user may only leave it."""
    target = stream_in_body()
    if _body().get("viewer_id") is None:
        audit_as("stop_stream")
        who = current_principal()
        if may_see(who, target) and not who.may(Permission.OPERATE):
            raise Forbidden("Your role may not stop a stream for all viewers: send your own viewer_id.")
    return target


def _stream(stream_id: str) -> Target:
    """Raise NotFound if there is no such session."""
    view = services().streams.session_view(stream_id)
    audit_about(profile_token=view.profile_token or None, recording_token=view.recording_token, stream_id=stream_id)
    return target_of_stream(services(), current_principal(), view)


def _body() -> dict[str, Any]:
    body: dict[str, Any] = request.get_json()
    return body


def _path_part(name: str) -> str:
    return str((request.view_args or {})[name])


def _camera_id_in_path() -> int:
    try:
        return parse_id(_path_part("camera_id"))
    except ValueError:
        raise UnreadableField("camera_id") from None


def _camera_id_in_body() -> int:
    camera_id = _body().get("camera_id")
    if isinstance(camera_id, bool) or not isinstance(camera_id, int):
        raise UnreadableField("camera_id")
    return camera_id


def _list_in_body(name: str) -> list[Any]:
    value = _body().get(name)
    if not isinstance(value, list):
        raise UnreadableField(name)
    return value


def _text_in_body(name: str) -> str:
    value = _body().get(name)
    if not isinstance(value, str):
        raise UnreadableField(name)
    return value
