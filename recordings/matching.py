"""Find the channel of each recording. Devices name it in one of several ways or not at all; the result says how."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.recordings import DeviceRecording
from core.records import Channel, ProfileRole

# Numbers in other texts: GUIDs, IP addresses, names of codecs.
_NO_NUMBERS = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|h\.?26[45]", re.IGNORECASE
)
_SHORTEST_TOKEN = 8
_NUMBER = re.compile(r"(?<![0-9])[0-9]{1,5}(?![0-9A-Za-z])")


class MatchedBy(StrEnum):
    """How a channel was found, from the most to the least certain way."""

    SERVER = "server"  # the app has recorded the channel itself
    JOB = "job"  # GetRecordingJobs names a media profile of the channel
    VIDEO_SOURCE = "video_source"  # the recording's source is the channel's video source
    NAME = "name"
    ONLY_CHANNEL = "only_channel"  # the device has no other channel
    NUMBER = "number"  # a number or a token of the channel, in the recording's token, source or name
    ORDER = "order"  # as many recordings as channels, and no other hint for any of them
    NOTHING = "nothing"

    @property
    def is_sure(self) -> bool:
        """True if the device itself names the channel, or the app has recorded it.

        All other ways are guesses: never grant access by them.
        """
        return self in (MatchedBy.SERVER, MatchedBy.JOB, MatchedBy.VIDEO_SOURCE)


@dataclass(frozen=True, slots=True)
class Match:
    """The channel of a recording: its number, or None if none was found."""

    channel: int | None
    by: MatchedBy


def match_channels(recordings: Sequence[DeviceRecording], channels: Sequence[Channel]) -> dict[str, Match]:
    """Return the match of every recording, by recording token. Several recordings may match one channel."""
    found = _named(recordings, channels)
    tokens = _long_tokens(channels)
    for recording in recordings:
        if recording.recording_token not in found and (number := _number_of_token(recording, tokens)) is not None:
            found[recording.recording_token] = Match(number, MatchedBy.NUMBER)
    if len(channels) == 1:
        only = Match(channels[0].number, MatchedBy.ONLY_CHANNEL)
        return {recording.recording_token: found.get(recording.recording_token, only) for recording in recordings}
    others = [recording for recording in recordings if recording.recording_token not in found]
    numbers = _numbers(others, channels)
    if not found and not numbers and len(recordings) == len(channels):
        ordered = sorted(channels, key=lambda channel: channel.number)
        pairs = zip(recordings, ordered, strict=True)
        found = {recording.recording_token: Match(channel.number, MatchedBy.ORDER) for recording, channel in pairs}
    found |= {token: Match(number, MatchedBy.NUMBER) for token, number in numbers.items()}
    nothing = Match(None, MatchedBy.NOTHING)
    return {recording.recording_token: found.get(recording.recording_token, nothing) for recording in recordings}


def sub_recordings(recordings: Sequence[DeviceRecording], channels: Sequence[Channel]) -> frozenset[str]:
    """Return the tokens of recordings that the device makes of another stream than the main one.

    The device says so by the media profile that the recording's job or source names.
    """
    small = {
        profile.profile_token
        for channel in channels
        for profile in channel.profiles
        if profile.role is not ProfileRole.MAIN
    }
    return frozenset(item.recording_token for item in recordings if small & {item.job_source, item.source_id})


def _named(recordings: Sequence[DeviceRecording], channels: Sequence[Channel]) -> dict[str, Match]:
    """Return the matches of recordings that name a channel by a token of the device or by its name."""
    by_profile = {profile.profile_token: channel.number for channel in channels for profile in channel.profiles}
    by_source = {channel.video_source_token: channel.number for channel in channels if channel.video_source_token}
    names = [channel.name.casefold() for channel in channels]
    by_name = {
        name: channel.number for name, channel in zip(names, channels, strict=True) if name and names.count(name) == 1
    }
    found: dict[str, Match] = {}
    for recording in recordings:
        if recording.job_source in by_profile:
            found[recording.recording_token] = Match(by_profile[recording.job_source], MatchedBy.JOB)
        elif recording.job_source in by_source:
            found[recording.recording_token] = Match(by_source[recording.job_source], MatchedBy.JOB)
        elif recording.source_id in by_source:
            found[recording.recording_token] = Match(by_source[recording.source_id], MatchedBy.VIDEO_SOURCE)
        elif recording.source_id in by_profile:
            found[recording.recording_token] = Match(by_profile[recording.source_id], MatchedBy.VIDEO_SOURCE)
        elif recording.source_name.casefold() in by_name:
            found[recording.recording_token] = Match(by_name[recording.source_name.casefold()], MatchedBy.NAME)
    return found


def _long_tokens(channels: Sequence[Channel]) -> list[tuple[str, int]]:
    """Return the tokens of all channels that are long enough to be looked for in other texts, with the channel."""
    return [
        (token, channel.number)
        for channel in channels
        for token in (channel.video_source_token, *(profile.profile_token for profile in channel.profiles))
        if len(token) >= _SHORTEST_TOKEN
    ]


def _number_of_token(recording: DeviceRecording, tokens: Sequence[tuple[str, int]]) -> int | None:
    """Return the channel of which a token stands in a text of the recording; None if there is none, or several.

    Dahua calls the recording of MediaProfile00100 RecordMediaProfile00100.
    """
    text = f"{recording.recording_token} {recording.source_id} {recording.source_name}"
    found = {
        number
        for token, number in tokens
        if token in text and re.search(rf"(?<![0-9]){re.escape(token)}(?![0-9A-Za-z])", text)
    }
    return found.pop() if len(found) == 1 else None


def _numbers(recordings: Sequence[DeviceRecording], channels: Sequence[Channel]) -> dict[str, int]:
    """Return the channel number of recordings that share a number in their texts, by recording token.

    Devices count from 0 or from 1. A number in one text only may count the recordings instead: it is a channel only
    if all of them are.
    """
    texts = [(item.recording_token, item.source_id, item.source_name) for item in recordings]
    columns = [_varying([_numbers_in(text) for text in column]) for column in zip(*texts, strict=True)]
    shared: dict[str, int] = {}
    single: dict[str, int] = {}
    for item, of_it in zip(recordings, zip(*columns, strict=True), strict=True):
        sets = [set(numbers) for numbers in of_it if numbers]
        common = set.intersection(*sets) if sets else set()
        if len(common) == 1:
            (shared if len(sets) > 1 else single)[item.recording_token] = common.pop()
    known = {channel.number for channel in channels}
    first = 1 if 0 in {*shared.values(), *single.values()} else 0
    found = {token: number + first for token, number in shared.items()}
    if all(number + first in known for number in single.values()):
        found |= {token: number + first for token, number in single.items()}
    return {token: number for token, number in found.items() if number in known}


def _numbers_in(text: str) -> tuple[int, ...]:
    return tuple(int(found) for found in _NUMBER.findall(_NO_NUMBERS.sub(" ", text)))


def _varying(column: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Leave out the numbers that stand in the text of every recording, such as the version of a format."""
    filled = [set(numbers) for numbers in column if numbers]
    constant = set.intersection(*filled) if len(filled) > 1 else set()
    kept = [tuple(number for number in numbers if number not in constant) for numbers in column]
    return kept if any(kept) else list(column)
