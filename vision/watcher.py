"""All channels and searches of the child: which message goes to which, and the answers."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from vision.budget import Budget
from vision.channel import Channel
from vision.messages import (
    MOST_CHANNELS,
    BadMessage,
    Failed,
    Forget,
    FromChild,
    LookBack,
    Open,
    RegionClose,
    RegionCompare,
    RegionOpen,
    RegionPicture,
    Still,
    ToChild,
    Unit,
)
from vision.region_search import RegionSearch

log = logging.getLogger(__name__)

_MOST_SEARCHES = 4


class Watcher:
    """Answers messages, one after the other. An error of one channel becomes `failed` and leaves the others alone."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._channels: dict[str, Channel] = {}
        self._searches: dict[str, RegionSearch] = {}

    def answers(self, message: ToChild | BadMessage) -> Iterator[FromChild]:
        """Yield the answers to a message, none for some of them."""
        if isinstance(message, BadMessage):
            yield Failed("bad_message")
            return
        key, id_ = getattr(message, "key", None), getattr(message, "id", None)
        try:
            yield from self._of_search(message) if key is None else self._of_channel(message)
        except Exception:  # the one place that keeps the other channels from an error in this one
            log.exception("the message %s failed", message.type)
            yield Failed("internal", key=key, id=id_)

    def _of_channel(self, message: ToChild) -> Iterator[FromChild]:
        if isinstance(message, Open):
            yield from self._open(message)
        elif isinstance(message, Forget):
            self._channels.pop(message.key, None)
            self._budget.forget(message.key)
        elif isinstance(message, Unit | LookBack | Still):
            channel = self._channels.get(message.key)
            if channel is None:
                yield Failed("unknown_key", key=message.key)
            elif isinstance(message, Unit):
                yield from self._watch(channel, message)
            else:
                yield channel.look_back(message) if isinstance(message, LookBack) else channel.still()

    def _open(self, opened: Open) -> Iterator[Failed]:
        channel = self._channels.get(opened.key)
        if channel is not None and channel.codec == opened.codec:
            channel.change(opened)
        elif channel is None and len(self._channels) >= MOST_CHANNELS:
            yield Failed("too_many", key=opened.key)
        else:
            self._channels[opened.key] = Channel(opened)

    def _watch(self, channel: Channel, unit: Unit) -> Iterator[FromChild]:
        if self._budget.skips(unit.key, is_key=unit.is_key):
            return
        for answer in channel.watch(unit, only_keys=self._budget.only_keys):
            self._budget.pictures += 1
            yield answer

    def _of_search(self, message: ToChild) -> Iterator[FromChild]:
        if isinstance(message, RegionOpen):
            if message.id not in self._searches and len(self._searches) >= _MOST_SEARCHES:
                yield Failed("too_many", id=message.id)
            else:
                self._searches[message.id] = RegionSearch(message)
        elif isinstance(message, RegionClose):
            self._searches.pop(message.id, None)
        elif isinstance(message, RegionPicture | RegionCompare):
            search = self._searches.get(message.id)
            if search is None:
                yield Failed("unknown_key", id=message.id)
            elif isinstance(message, RegionPicture):
                self._budget.pictures += 1
                yield search.look(message)
            else:
                yield search.compare(message)
