"""The part that both outputs for viewers on sockets share: viewers, the first and last fragment, and stalls."""

from __future__ import annotations

from typing import ClassVar

from core.errors import AppError
from media.rtsp.live.feed import FeedState, FeedStatus
from sessions.context import SessionContext
from sessions.errors import NoKeyFrame, Stalled
from sessions.live.broadcast import FragmentBroadcaster
from sessions.live.output import SessionOutput
from sessions.live.status import SessionStatus

FIRST_FRAGMENT_PATIENCE = 4.0
"""The wait for the first fragment, in units of the setting STALL_AFTER_S."""


class SocketOutput(SessionOutput):
    """Wanted while a page watches over a socket."""

    is_independent: ClassVar[bool] = False
    look_every_s: ClassVar[float] = 0.5  # the fragments themselves come in the gateway's thread

    def __init__(self, context: SessionContext, status: SessionStatus, broadcaster: FragmentBroadcaster) -> None:
        self._context = context
        self._status = status
        self._broadcaster = broadcaster

    @property
    def is_wanted(self) -> bool:
        return self._broadcaster.count() > 0

    def viewer_count(self) -> int:
        return self._broadcaster.count()

    def remove_viewer(self, viewer_id: str) -> None:
        self._broadcaster.remove_viewer(viewer_id)

    def check_idle(self) -> None:
        """Do nothing: a viewer stays until its page leaves the channel or its socket closes."""

    def note_failure(self, error: AppError) -> None:
        """Nothing here depends on why an attempt ended."""

    def _note_fragment(self, fragment_s: float) -> None:
        """Note when the newest fragment was made, in monotonic seconds."""
        if self.first_media_s is None:
            self.first_media_s = fragment_s
        self.last_media_s = fragment_s
        self._status.note_fragment(fragment_s)

    def _check_stall(self, age_s: float, limit_s: float, status: FeedStatus) -> None:
        """Raise NoKeyFrame or Stalled if the newest fragment is older than the limit."""
        if age_s < limit_s:
            return
        if status.state is FeedState.WAITING_KEY_FRAME:
            raise NoKeyFrame(age_s)
        raise Stalled(f"No picture for {age_s:.0f} s.")
