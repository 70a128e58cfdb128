"""The outputs that a live session makes of its feed: HLS, fragments for sockets; recordings or stills could follow.

An output lives as long as its session. It runs only while a viewer wants it, and anew in each attempt:

prepare()      before the device is contacted: claims what this machine must have
start()        the feed is open, and the device has described its media (unless `starts_early`)
look()         a few times a second: raises the error that ends the output
stop()         no viewer wants it any more, or it failed: releases disk, processes and slots. It may stay on the feed
end_attempt()  the feed is about to be closed: keeps what viewers may still fetch during a reconnect
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from core.errors import AppError
from core.records import Problem
from media.rtsp.live.feed import FeedStatus
from media.rtsp.live.session_pool import GatewayFeed

_GOPS_OF_PATIENCE = 2.5


class SessionOutput(ABC):
    """The methods about viewers need the session's lock; all others belong to the session's thread."""

    is_independent: ClassVar[bool]
    """True if an error of this output does not concern the device: other outputs continue without it."""

    starts_early: ClassVar[bool]
    """True if it starts before the device has described its media."""

    look_every_s: ClassVar[float]
    """Seconds between two calls of look() while media comes."""

    first_media_s: float | None = None
    """When this attempt's first segment or fragment was complete, in monotonic seconds; None if there is none yet."""
    last_media_s: float | None = None

    @property
    def healthy_s(self) -> float:
        """Seconds from the first to the last segment or fragment of this attempt."""
        if self.first_media_s is None or self.last_media_s is None:
            return 0.0
        return self.last_media_s - self.first_media_s

    # ---- viewers ---------------------------------------------------------------------------------

    @property
    @abstractmethod
    def is_wanted(self) -> bool:
        """True while this output has viewers. Needs no lock."""

    @abstractmethod
    def viewer_count(self) -> int:
        """Return how many viewers use this output."""

    @abstractmethod
    def remove_viewer(self, viewer_id: str) -> None:
        """Forget a viewer; ids of other outputs' viewers are ignored."""

    @abstractmethod
    def check_idle(self) -> None:
        """Clear `is_wanted` if no viewer has used this output for too long."""

    # ---- the session's thread --------------------------------------------------------------------

    @property
    @abstractmethod
    def is_running(self) -> bool: ...

    @abstractmethod
    def prepare(self) -> None:
        """Claim what needs no device. Raises an AppError if this machine cannot run the output now."""

    @abstractmethod
    def start(self, feed: GatewayFeed) -> None:
        """Start on this feed; prepares if prepare() was not called.

        Follows SessionStatus.plan, which is None for an output that `starts_early`.
        """

    @abstractmethod
    def look(self, status: FeedStatus) -> None:
        """Raise the AppError that ended this output, or Stalled if nothing comes out of it."""

    @abstractmethod
    def stop(self, problem: Problem | None = None) -> None:
        """Stop and delete the output's files. It may stay on the feed. May be called when not running.

        Viewers get `problem` as the reason.
        """

    @abstractmethod
    def end_attempt(self) -> None:
        """Let go of the feed, which the caller closes next."""

    @abstractmethod
    def note_failure(self, error: AppError) -> None:
        """The session's attempt ended with this error."""


def patience_s(stall_after_s: float, longest_s: float) -> float:
    """Return how long no segment or fragment may come if key frames are `longest_s` apart (0: not known)."""
    return max(stall_after_s, _GOPS_OF_PATIENCE * longest_s + 2.0 if longest_s else 0.0)
