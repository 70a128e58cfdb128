"""What the stream manager asks of a session, be it live or a replay."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sessions.view import StreamView


class Watchable(Protocol):
    """Safe between threads."""

    @property
    def stream_id(self) -> str: ...
    @property
    def camera_id(self) -> int: ...
    @property
    def profile_token(self) -> str:
        """The media profile of a live session; empty for a replay."""
        ...

    @property
    def source_codec(self) -> str | None:
        """What the media profile was last seen, or is said, to send."""
        ...

    @property
    def is_over(self) -> bool: ...

    def add_viewer(self) -> str | None:
        """A viewer's id; None when this session is ending."""
        ...

    def playlist(self, name: str, wait_s: float, viewer_id: str | None) -> str:
        """Counts as watching. NotFound once stopped, or for another name; Unavailable while there is no segment."""
        ...

    def file(self, name: str, viewer_id: str | None) -> Path:
        """NotFound unless it is a segment or init section of this session; counts as watching."""
        ...

    def leave(self, viewer_id: str) -> bool:
        """True when that was the last viewer."""
        ...

    def view(self) -> StreamView: ...

    def retry(self) -> None:
        """Connects again, at once."""
        ...

    def stop(self) -> None:
        """Its processes are gone and the folder removed when it answers. May be called twice."""
        ...

    def join(self, timeout_s: float) -> None:
        """Waits for its thread."""
        ...
