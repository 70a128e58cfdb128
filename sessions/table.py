"""The table of sessions: those that run, the last views of those that have ended, and the codecs that devices sent."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

from core.errors import LimitReached, NotFound, Unavailable
from core.records import StreamState, VideoFormat
from sessions.base import BaseSession
from sessions.view import StreamView

_ENDED_REMEMBERED = 10_000


class SessionTable:
    """Safe between threads. `lock` may be held by a caller that looks a session up and begins one."""

    def __init__(self, max_sessions: int) -> None:
        self.lock = threading.RLock()
        self._max_sessions = max_sessions
        self._is_open = False
        self._sessions: dict[str, BaseSession] = {}
        self._ended: OrderedDict[str, StreamView] = OrderedDict()
        self._codecs: dict[tuple[int, str], str] = {}

    def open(self) -> None:
        """Accept sessions from now on."""
        with self.lock:
            self._is_open = True

    def close(self) -> list[BaseSession]:
        """Accept no more sessions. Return those that run."""
        with self.lock:
            self._is_open = False
            return self.sessions()

    def check_capacity(self) -> None:
        """Raise LimitReached if another session would be too many, Unavailable while the app starts or stops."""
        with self.lock:
            if not self._is_open:
                raise Unavailable("The app is starting or stopping.", retry_after_s=2)
            active = tuple(stream_id for stream_id, session in self._sessions.items() if not session.is_over)
        if len(active) >= self._max_sessions:
            raise LimitReached(f"Only {self._max_sessions} streams can run at the same time.", used_by=active)

    def begin(self, session: BaseSession) -> None:
        """Start a session, in the place of another one with its stream_id."""
        with self.lock:
            self._sessions.pop(session.stream_id, None)
            self._sessions[session.stream_id] = session
            session.start()

    def forget(self, session: BaseSession) -> None:
        """Keep the last view of an ended session. Both its thread and the thread that stopped it call this."""
        view = replace(session.view(), status=StreamState.STOPPED, error=None, viewers=0)
        with self.lock:
            if self._sessions.get(session.stream_id) is not session:
                return
            del self._sessions[session.stream_id]
            if session.source_codec is not None:
                self._codecs[(session.camera_id, session.profile_token)] = session.source_codec
            self._ended.pop(session.stream_id, None)
            self._ended[session.stream_id] = view
            while len(self._ended) > _ENDED_REMEMBERED:
                self._ended.popitem(last=False)

    # ---- looking up ------------------------------------------------------------------------------

    def sessions(self) -> list[BaseSession]:
        """Return all sessions that have not ended, in the order of their start."""
        with self.lock:
            return list(self._sessions.values())

    def of_camera(self, camera_id: int) -> list[BaseSession]:
        return [session for session in self.sessions() if session.camera_id == camera_id]

    def find(self, stream_id: str) -> BaseSession | None:
        with self.lock:
            return self._sessions.get(stream_id)

    def running(self, stream_id: str) -> BaseSession:
        """Return a session that has not ended. Raise NotFound if there is none."""
        session = self.find(stream_id)
        if session is None:
            raise NotFound("There is no such stream.")
        return session

    def unless_ended(self, stream_id: str) -> BaseSession | None:
        """Return None for a session that has ended. Raise NotFound for an unknown one."""
        with self.lock:
            session = self._sessions.get(stream_id)
            if session is None and stream_id not in self._ended:
                raise NotFound("There is no such stream.")
            return session

    def view(self, stream_id: str) -> StreamView:
        """Return the view of a session, or the last one of a session that has ended. Raise NotFound."""
        with self.lock:
            session = self.unless_ended(stream_id)
            if session is None:
                return self._ended[stream_id]
        return session.view()

    def last_view(self, stream_id: str) -> StreamView | None:
        """Return what view() returns; None for an unknown session."""
        try:
            return self.view(stream_id)
        except NotFound:
            return None

    # ---- codecs ----------------------------------------------------------------------------------

    def codec(self, camera_id: int, profile_token: str, reported: VideoFormat | None) -> str | None:
        """Return the codec of a media profile: from a running session, otherwise as the device reports it (`reported`),
        otherwise from an earlier session.
        """
        with self.lock:
            for session in self._sessions.values():
                if (session.camera_id, session.profile_token) == (camera_id, profile_token) and session.source_codec:
                    return session.source_codec
            return reported.codec if reported is not None else self._codecs.get((camera_id, profile_token))

    def forget_codecs(self, camera_id: int) -> None:
        with self.lock:
            self._codecs = {key: codec for key, codec in self._codecs.items() if key[0] != camera_id}
