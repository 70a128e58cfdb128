"""A device's channels and what the user made of them: names, order, which are hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from cameras.store import StoredChannel
from core.errors import InvalidRequest, NotFound
from core.records import Channel, Problem

MOST_CHANNELS = 256


def merge_channels(known: tuple[StoredChannel, ...], read: Sequence[Channel]) -> tuple[StoredChannel, ...]:
    """What the device says now, with what the user said before.

    Matched by video source token. A channel the device no longer has is kept, not present. A device
    that suddenly says it has none at all (recorders do while they boot) is not believed.
    """
    if not read and any(channel.present for channel in known):
        return known
    users = {channel.video_source_token: channel for channel in known}
    merged: dict[str, StoredChannel] = {}
    for channel in read[:MOST_CHANNELS]:
        if channel.video_source_token in merged:
            continue
        user = users.pop(channel.video_source_token, None)
        merged[channel.video_source_token] = StoredChannel(
            video_source_token=channel.video_source_token,
            number=len(merged) + 1,
            device_name=channel.name,
            profiles=channel.profiles,
            problem=channel.problem,
            custom_name=user.custom_name if user else "",
            hidden=user.hidden if user else False,
            position=user.position if user else None,
        )
    gone = [replace(channel, present=False) for channel in users.values() if _has_been_touched(channel)]
    return (*merged.values(), *gone)


def shown_channels(
    stored: tuple[StoredChannel, ...], trouble: Mapping[str, Problem] = MappingProxyType({})
) -> tuple[Channel, ...]:
    """The channels that are there, in the user's order; `position` counts from 0 without gaps.

    `trouble`, by video source token, is what is wrong with one just now; it comes before what the device said.
    """
    return tuple(
        Channel(
            number=channel.number,
            name=channel.custom_name or channel.device_name or f"Channel {channel.number}",
            video_source_token=channel.video_source_token,
            profiles=channel.profiles,
            hidden=channel.hidden,
            position=position,
            problem=trouble.get(channel.video_source_token, channel.problem),
        )
        for position, channel in enumerate(_in_order(stored))
    )


def change_channel(
    stored: tuple[StoredChannel, ...],
    number: int,
    *,
    name: str | None = None,
    hidden: bool | None = None,
    position: int | None = None,
) -> tuple[StoredChannel, ...]:
    """With one channel changed; None leaves as it is, name "" is the device's own again.

    A position past the end is the end. NotFound when there is no such channel.
    """
    order = _in_order(stored)
    channel = next((channel for channel in order if channel.number == number), None)
    if channel is None:
        raise NotFound(f"There is no channel {number}.")
    changed = replace(
        channel,
        custom_name=channel.custom_name if name is None else name,
        hidden=channel.hidden if hidden is None else hidden,
    )
    if position is None:
        return tuple(changed if item is channel else item for item in stored)
    if position < 0:
        raise InvalidRequest.of_field("position", "counts from 0")
    others = [item for item in order if item is not channel]
    others.insert(position, changed)
    return _numbered(others, stored)


def order_channels(stored: tuple[StoredChannel, ...], numbers: Sequence[int]) -> tuple[StoredChannel, ...]:
    """In the order given, which must name every channel once."""
    by_number = {channel.number: channel for channel in _in_order(stored)}
    if sorted(numbers) != sorted(by_number):
        raise InvalidRequest.of_field("channels", "every channel number of the camera, each once")
    return _numbered([by_number[number] for number in numbers], stored)


def _in_order(stored: tuple[StoredChannel, ...]) -> list[StoredChannel]:
    present = [channel for channel in stored if channel.present]
    return sorted(present, key=lambda channel: (channel.position is None, channel.position or 0, channel.number))


def _numbered(order: list[StoredChannel], stored: tuple[StoredChannel, ...]) -> tuple[StoredChannel, ...]:
    placed = [replace(channel, position=position) for position, channel in enumerate(order)]
    return (*placed, *(channel for channel in stored if not channel.present))


def _has_been_touched(channel: StoredChannel) -> bool:
    return bool(channel.custom_name) or channel.hidden or channel.position is not None
