"""The app as a live socket uses it: access check, streams, viewers and audit log."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Any

from core.access import Permission, Principal
from core.errors import InvalidRequest, NotFound
from core.placement import NotOwner
from sessions.ids import camera_of_stream
from sessions.live.broadcast import LiveListener
from sessions.replay.broadcast import ReplayListener
from web.access.principal import Credentials
from web.access.targets import Target, channel_number, may_access, visible_streams
from web.services import Services


class LiveBackend:
    """Calls of one live socket. Safe between threads; each call may block for a moment.

    `credentials` are those of the request that opened the socket; `address` is its client's, for the audit log.
    """

    def __init__(self, services: Services, credentials: Credentials, address: str) -> None:
        self._services = services
        self._credentials = credentials
        self._address = address

    def principal(self) -> Principal | None:
        """Look up the socket's login again; None if it has ended. Raise an AppError if the look-up fails."""
        return self._credentials.principal()

    def watch_live(
        self,
        who: Principal,
        camera_id: int,
        profile_token: str,
        listener: LiveListener,
        *,
        wants_audio: bool,
        at_next_key_frame: bool,
        is_small: bool,
    ) -> tuple[str, str]:
        """Watch a channel if the user may; return (stream_id, viewer_id).

        Raise NotFound, NotOwner, LimitReached, Unavailable or, for small video, CameraUnsupported.
        """
        channel = channel_number(self._services, camera_id, profile_token)
        about: dict[str, Any] = {"camera_id": camera_id, "channel": channel, "profile_token": profile_token}
        if not may_access(who, Target(camera_id, channel, needs=Permission.LIVE)):
            self._audit(who, "not_found", **about)
            raise NotFound("There is no such camera, channel or stream.")
        if not self._services.placement.owns(camera_id):
            raise NotOwner(camera_id)
        stream_id, viewer_id = self._services.streams.watch_live(
            camera_id,
            profile_token,
            listener,
            wants_audio=wants_audio,
            at_next_key_frame=at_next_key_frame,
            is_small=is_small,
        )
        self._services.login_viewers.note_viewer(who.key, stream_id, viewer_id)
        self._audit(who, "ok", **about, stream_id=stream_id)
        return stream_id, viewer_id

    def leave_live(self, stream_id: str, viewer_id: str) -> None:
        """Leave a channel. The stream may have ended before."""
        self._services.login_viewers.remove_viewer(stream_id, viewer_id)
        with contextlib.suppress(NotFound):
            self._services.streams.stop_session(stream_id, viewer_id)

    def watch_replay(self, who: Principal, stream_id: str, viewer_id: str, listener: ReplayListener) -> bool:
        """Watch a replay that this login has started; True if the present run comes from its beginning.

        Other users are refused: they would see the position of the first user, and would slow seeks down. Raise
        NotFound, NotOwner, or InvalidRequest if the stream is not a replay.
        """
        camera_id = camera_of_stream(stream_id)
        if camera_id is not None and who.scope.has_camera(camera_id) and not self._services.placement.owns(camera_id):
            raise NotOwner(camera_id)
        if not self._services.login_viewers.is_viewer_of(who.key, stream_id):
            self._services.streams.session_view(stream_id)  # NotFound without an audit line
            self._audit(who, "not_found", stream_id=stream_id)
            raise NotFound("There is no such stream.")
        return self._services.streams.watch_replay(stream_id, viewer_id, listener)

    def unwatch_replay(self, stream_id: str, viewer_id: str, listener: ReplayListener) -> None:
        """Stop sending a replay, if it exists and was watched."""
        with contextlib.suppress(NotFound, InvalidRequest):
            self._services.streams.unwatch_replay(stream_id, viewer_id, listener)

    def request_replay_until(self, stream_id: str, viewer_id: str, run: int, until_s: float) -> None:
        """Request a run up to this playing time. The replay may have ended before."""
        with contextlib.suppress(NotFound):
            self._services.streams.request_replay_until(stream_id, viewer_id, run, until_s)

    def visible_streams(self, who: Principal, stream_ids: Collection[str]) -> list[str]:
        """Return the ids of the streams that the user may watch."""
        return visible_streams(self._services, who, stream_ids)

    def _audit(self, who: Principal, outcome: str, *, camera_id: int | None = None, **about: Any) -> None:
        self._services.accounts.audit.write_seldom(
            "watch", who=who.name, kind=who.kind, address=self._address, outcome=outcome, camera_id=camera_id, **about
        )
