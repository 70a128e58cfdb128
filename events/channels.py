"""Find the channel of an event by the tokens that its message names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from core.records import Channel

_NUMBERS = re.compile(r"[0-9]{1,5}")


class EventChannel(NamedTuple):
    """`number`: None if the message names no channel that is known. `is_sure`: the number is not guessed."""

    number: int | None
    is_sure: bool


def channel_of_event(sources: Sequence[str], channels: Sequence[Channel]) -> EventChannel:
    """Return the channel that an event is about.

    A message names the video source, one of its configurations or a media profile, and each make writes these
    differently: `VideoSource_1` and `VideoSourceConfig_1` are mostly the same input, so the app guesses. Only a token
    is sure. A device with one channel means that one.
    """
    if len(channels) == 1:
        return EventChannel(channels[0].number, is_sure=True)
    for source in sources:
        if (number := _by_token(source, channels)) is not None:
            return EventChannel(number, is_sure=True)
    for guess in (_by_name, _by_numbers):
        for source in sources:
            if (number := guess(source, channels)) is not None:
                return EventChannel(number, is_sure=False)
    return EventChannel(None, is_sure=False)


def _by_token(source: str, channels: Sequence[Channel]) -> int | None:
    for channel in channels:
        if source == channel.video_source_token or any(source == item.profile_token for item in channel.profiles):
            return channel.number
    return None


def _by_name(source: str, channels: Sequence[Channel]) -> int | None:
    names = [channel.number for channel in channels if channel.name.casefold() == source.casefold()]
    return names[0] if len(names) == 1 else None


def _by_numbers(source: str, channels: Sequence[Channel]) -> int | None:
    """Return the one channel whose video source token has the same numbers as the source."""
    wanted = _numbers(source)
    found = [channel.number for channel in channels if wanted and _numbers(channel.video_source_token) == wanted]
    return found[0] if len(found) == 1 else None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(found) for found in _NUMBERS.findall(text))
