"""Find the channel of each recording. Devices name it in one of three ways or not at all; the result says how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.recordings import DeviceRecording
from core.records import Channel


class MatchedBy(StrEnum):
    """How a channel was found, from the most to the least certain way."""

    JOB = "job"  # GetRecordingJobs names a media profile of the channel
    VIDEO_SOURCE = "video_source"  # the recording's source is the channel's video source
    NAME = "name"
    ORDER = "order"  # as many recordings as channels, and no other hint for any of them
    NOTHING = "nothing"

    @property
    def is_sure(self) -> bool:
        """True if the device itself names the channel. Names and order are guesses: never grant access by them."""
        return self in (MatchedBy.JOB, MatchedBy.VIDEO_SOURCE)


@dataclass(frozen=True, slots=True)
class Match:
    """The channel of a recording: its number, or None if none was found."""

    channel: int | None
    by: MatchedBy


def match_channels(recordings: Sequence[DeviceRecording], channels: Sequence[Channel]) -> dict[str, Match]:
    """Return the match of every recording, by recording token. Several recordings may match one channel."""
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
    if not found and len(recordings) == len(channels):
        ordered = sorted(channels, key=lambda channel: channel.number)
        pairs = zip(recordings, ordered, strict=True)
        found = {recording.recording_token: Match(channel.number, MatchedBy.ORDER) for recording, channel in pairs}
    nothing = Match(None, MatchedBy.NOTHING)
    return {recording.recording_token: found.get(recording.recording_token, nothing) for recording in recordings}
