"""What follows where a recorder says that a recording ends.

That may be another recording of the same channel (recorders cut a channel's time into pieces, one an
hour, or one a motion), another stretch of the same one where the recorder does not cross gaps by
itself, or nothing yet: what is being written ends at the last picture that has reached the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

from core.recordings import RecordedPlace

MAY_GROW = timedelta(seconds=120)
"""An end no older than this need not be one: recorders write late, and list what they have begun later still."""
_TAIL = timedelta(seconds=1)


class End(Enum):
    """`ELSEWHERE`: in another place that is known; `LATER`: perhaps in the same one, in a while."""

    OVER = auto()
    ELSEWHERE = auto()
    LATER = auto()


def place_after(places: Sequence[RecordedPlace], recording_token: str, reached: datetime) -> RecordedPlace | None:
    """The first that goes on where this recording has ended; its own rest there is not, whatever was told of it."""
    for place in places:
        is_own_rest = place.recording_token == recording_token and place.start <= reached + _TAIL
        if not is_own_rest and place.end > reached + _TAIL:
            return place
    return None


def may_grow(reached: datetime, end: datetime | None, now: datetime) -> bool:
    """Whether more may follow: it ends about now, and is not to end there (`end`: what was asked for)."""
    return -_TAIL <= now - reached < MAY_GROW and (end is None or end > now)
