"""A device's channels, with the user's names, order and hidden marks. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from cameras.store import StoredChannel
from core.errors import InvalidRequest, NotFound
from core.records import Channel, Problem

MOST_CHANNELS = 256


def merge_channels(known: tuple[StoredChannel, ...], read: Sequence[Channel]) -> tuple[StoredChannel, ...]:
    """Return the channels that the device lists now, with the user's settings from `known`.

    The video source token identifies a channel. A channel with user settings that the device no longer lists stays,
    marked as not present. An empty list from a device that had channels is ignored: recorders send it while they boot.
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
    stored: tuple[StoredChannel, ...], problems: Mapping[str, Problem] = MappingProxyType({})
) -> tuple[Channel, ...]:
    """Return the channels that are present, in the user's order; `position` counts from 0 without gaps.

    `problems` maps video source tokens to present problems; such a problem replaces the stored one.
    """
    return tuple(
        Channel(
            number=channel.number,
            name=channel.custom_name or channel.device_name or f"Channel {channel.number}",
            video_source_token=channel.video_source_token,
            profiles=channel.profiles,
            hidden=channel.hidden,
            position=position,
            problem=problems.get(channel.video_source_token, channel.problem),
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
    """Return the channels with one of them changed; None leaves a field unchanged, name "" restores the device's name.

    A position past the end means the end. Raise NotFound if there is no such channel, and InvalidRequest for a
    negative position.
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
        raise InvalidRequest.of_field("position", "a number from 0")
    others = [item for item in order if item is not channel]
    others.insert(position, changed)
    return _numbered(others, stored)


def order_channels(stored: tuple[StoredChannel, ...], numbers: Sequence[int]) -> tuple[StoredChannel, ...]:
    """Return the channels in the given order. Raise InvalidRequest unless it names every channel exactly once."""
    by_number = {channel.number: channel for channel in _in_order(stored)}
    if sorted(numbers) != sorted(by_number):
        raise InvalidRequest.of_field("channels", "list every channel number of the camera exactly once")
    return _numbered([by_number[number] for number in numbers], stored)


def _in_order(stored: tuple[StoredChannel, ...]) -> list[StoredChannel]:
    present = [channel for channel in stored if channel.present]
    return sorted(present, key=lambda channel: (channel.position is None, channel.position or 0, channel.number))


def _numbered(order: list[StoredChannel], stored: tuple[StoredChannel, ...]) -> tuple[StoredChannel, ...]:
    placed = [replace(channel, position=position) for position, channel in enumerate(order)]
    return (*placed, *(channel for channel in stored if not channel.present))


def _has_been_touched(channel: StoredChannel) -> bool:
    return bool(channel.custom_name) or channel.hidden or channel.position is not None
