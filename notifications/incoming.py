"""Events on their way from the log to the dispatcher: each one once, in its newest state, and no end is lost."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from core.events import LoggedEvent
from notifications.states import StateKey, key_of

MOST_INCOMING = 5000


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Events of one kind and channel that were too many. `event`: the last one of them."""

    event: LoggedEvent
    count: int


class IncomingEvents:
    """Not thread-safe. New events beyond MOST_INCOMING replace the oldest ones.

    Changes of events that the dispatcher knows as open always stay. Their number is that of the open events.
    """

    def __init__(self) -> None:
        self._new: OrderedDict[int, tuple[int, LoggedEvent]] = OrderedDict()  # with the order of arrival
        self._changed: dict[int, tuple[int, LoggedEvent]] = {}
        self._open: set[int] = set()
        self._left_out: dict[StateKey, LeftOut] = {}
        self._order = 0

    def __bool__(self) -> bool:
        return bool(self._new or self._changed)

    def add(self, event: LoggedEvent) -> None:
        """Add a new event, or the newest state of one."""
        self._order += 1
        known = self._changed if event.id in self._open else self._new
        order, _ = known.get(event.id, (self._order, event))
        known[event.id] = order, event
        if len(self._new) > MOST_INCOMING:
            _, (_, oldest) = self._new.popitem(last=False)
            key = key_of(oldest)
            before = self._left_out.get(key)
            self._left_out[key] = LeftOut(oldest, 1 + (before.count if before is not None else 0))

    def take_all(self) -> tuple[list[LoggedEvent], list[LeftOut]]:
        """Remove and return all events in the order of their arrival, and those that were left out."""
        found = sorted([*self._new.values(), *self._changed.values()], key=lambda item: item[0])
        left_out = list(self._left_out.values())
        self._open |= self._new.keys()
        self._new, self._changed, self._left_out = OrderedDict(), {}, {}
        return [event for _, event in found], left_out

    def note_open(self, event_ids: Iterable[int]) -> None:
        """The dispatcher knows these events as open, and no others."""
        self._open = set(event_ids)
