"""Which channel a recording belongs to. Devices say it in three ways, or in none; how it was found is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.recordings import DeviceRecording
from core.records import Channel


class MatchedBy(StrEnum):
    """From the surest to the least sure."""

    JOB = "job"  # GetRecordingJobs names a media profile of the channel
    VIDEO_SOURCE = "video_source"  # the recording's source is the channel's video source
    NAME = "name"
    ORDER = "order"  # as many recordings as channels, and nothing else to go by
    NOTHING = "nothing"

    @property
    def is_sure(self) -> bool:
        """The device says so itself. Names and order are guesses: good enough to sort by, not to give rights by."""
        return self in (MatchedBy.JOB, MatchedBy.VIDEO_SOURCE)


@dataclass(frozen=True, slots=True)
class Match:
    """`channel` is the channel's number, None where none was found."""

    channel: int | None
    by: MatchedBy


def match_channels(recordings: Sequence[DeviceRecording], channels: Sequence[Channel]) -> dict[str, Match]:
    """By recording token, for every recording. A channel may have several recordings."""
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
