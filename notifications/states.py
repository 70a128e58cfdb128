"""Which kinds of events go on in each channel, as MQTT shows them: ON or OFF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from core.events import EventKind, LoggedEvent

SHORTEST_S = 2.0  # how long the state of a moment, such as a doorbell's, stays on
WHOLE_DEVICE = 0  # the channel of events of a whole device; the camera 0 is the server


@dataclass(frozen=True, slots=True)
class StateKey:
    """A kind of event in a channel; `channel` 0 is the whole device."""

    camera_id: int
    channel: int
    kind: EventKind


@dataclass(frozen=True, slots=True)
class StateChange:
    """A state that has changed."""

    key: StateKey
    is_on: bool


class ChannelStates:
    """Counts the open events of each channel and kind. For one thread."""

    def __init__(self) -> None:
        self._open: dict[int, StateKey] = {}
        self._counts: Counter[StateKey] = Counter()
        self._ends_s: dict[int, float] = {}

    def take(self, event: LoggedEvent, now_s: float) -> list[StateChange]:
        """Take a new event or a change of one. Return what changes now; `tick` returns the rest later."""
        key = key_of(event)
        if event.id in self._open:
            if event.end_at is None:
                self._ends_s.pop(event.id, None)
                return []
            return [] if event.id in self._ends_s else self._close(event.id)
        self._open[event.id] = key
        self._counts[key] += 1
        if event.end_at is not None:
            self._ends_s[event.id] = now_s + SHORTEST_S
        return [StateChange(key, is_on=True)] if self._counts[key] == 1 else []

    def tick(self, now_s: float) -> list[StateChange]:
        """Return the states of moments that end now."""
        over = [event_id for event_id, ends_s in self._ends_s.items() if ends_s <= now_s]
        return [change for event_id in over for change in self._close(event_id)]

    def next_s(self) -> float | None:
        """Return the time of the next `tick` that has something; None if there is none."""
        return min(self._ends_s.values(), default=None)

    def states(self) -> set[StateKey]:
        """Return the states that are on."""
        return set(self._counts)

    def open_events(self) -> Iterable[int]:
        """Return the ids of the events that are on."""
        return self._open.keys()

    def forget_camera(self, camera_id: int) -> None:
        """Forget the events of a camera that was removed."""
        for event_id in [event_id for event_id, key in self._open.items() if key.camera_id == camera_id]:
            self._close(event_id)

    def _close(self, event_id: int) -> list[StateChange]:
        key = self._open.pop(event_id)
        self._ends_s.pop(event_id, None)
        self._counts[key] -= 1
        if self._counts[key] > 0:
            return []
        del self._counts[key]
        return [StateChange(key, is_on=False)]


def key_of(event: LoggedEvent) -> StateKey:
    """Return the state that an event switches on."""
    return StateKey(event.camera_id or 0, event.channel or WHOLE_DEVICE, event.kind)
