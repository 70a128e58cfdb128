"""Channels from media profiles that are grouped by input. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.records import Channel, Problem, ProfileRole
from onvif_services.channel_names import is_generic
from onvif_services.inputs import FoundProfile, is_split, name_of_input
from onvif_services.profile_roles import with_roles

_NO_VIDEO = Problem("camera_no_signal", "The device lists this input without a video stream.")
_SHARED_TOKEN = Problem(
    "camera_bad_answer",
    "The device gives the profiles of this input the same tokens as those of another input, so its picture cannot be "
    "requested.",
)


def make_channels(found: Sequence[FoundProfile], listed: Sequence[str]) -> tuple[Channel, ...]:
    """Return a channel for each input, numbered from 1, with its profiles, main first; dead ones are marked.

    `listed`: the tokens of GetVideoSources. They give the order, and name inputs that have no profile.
    """
    tells_encoders = any(item.has_encoder for item in found)
    channels = []
    for number, source in enumerate(_in_order(found, listed), start=1):
        members = [item for item in found if item.source == source]
        channels.append(_channel(number, source, members, tells_encoders=tells_encoders))
    return _with_names(channels, found)


def _in_order(found: Sequence[FoundProfile], listed: Sequence[str]) -> list[str]:
    """Return the source tokens: those of GetVideoSources, then others that only profiles name.

    GetVideoSources of some devices has other tokens than their profiles, or other spellings of them. A list in which
    no token is that of a profile tells nothing.
    """
    named = list(dict.fromkeys(item.source for item in found))
    spelled = {token.strip().casefold(): token for token in reversed(named)}
    order = [spelled.get(token.strip().casefold(), token) for token in listed]
    if named and not set(order) & set(named):
        order = []
    return list(dict.fromkeys((*order, *named)))


def _channel(number: int, source: str, members: Sequence[FoundProfile], *, tells_encoders: bool) -> Channel:
    profiles = with_roles([item.profile for item in members if not item.is_hidden])
    problem = None
    if members and not profiles:
        problem = _SHARED_TOKEN
    elif not members or (tells_encoders and not any(item.has_encoder for item in members)):
        problem = _NO_VIDEO
    elif not any(profile.video for profile in profiles):  # only the stream will tell its format
        roles = (ProfileRole.MAIN, ProfileRole.SUB)
        chosen = [replace(profile, role=role) for profile, role in zip(profiles, roles, strict=False)]
        profiles = (*chosen, *profiles[len(roles) :])
    return Channel(number, f"Channel {number}", source, profiles, position=number, problem=problem)


def _with_names(channels: Sequence[Channel], found: Sequence[FoundProfile]) -> tuple[Channel, ...]:
    """Name channels as the device does, unless the name is a maker's, a token, or used more than once."""
    names = {channel.video_source_token: _name_of(channel, found) for channel in channels}
    every = [name.casefold() for name in names.values()]

    def named(channel: Channel) -> Channel:
        name = names[channel.video_source_token]
        return replace(channel, name=name) if name and every.count(name.casefold()) == 1 else channel

    return tuple(named(channel) for channel in channels)


def _name_of(channel: Channel, found: Sequence[FoundProfile]) -> str:
    """Return the name of the source configuration, or "" if it says nothing."""
    members = [item for item in found if item.source == channel.video_source_token]
    tokens = {token for item in members for token in (item.token, item.source, item.source_config, item.encoder)}
    names = [item.source_name for item in members if not is_generic(item.source_name, tokens)]
    if is_split(channel.video_source_token, members):  # the source may be that of other inputs, too, and so its name
        others = {item.source_name for item in found if item.source != channel.video_source_token}
        names = [name_of_input(members), *(name for name in names if name not in others)]
    return next(filter(None, names), "")
