"""What a device has recorded: the values that cross a room's edge.

Every time here is UTC by the DEVICE's clock, as its answers have it. What a person or the API asks
and gets is corrected by `correction_s`: the recordings room does that at its face, and nobody else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from core.records import ClockOffset, Credential, DeviceInfo, ServiceCheck

_CLOCK_IS_RIGHT_WITHIN_S = 5.0
_METHODS = {
    "plain": "its replay address is played as plain RTSP",
    "dahua": "played by Dahua's own address",
    "hikvision": "played by Hikvision's own address",
}


class TrackType(StrEnum):
    """ONVIF Recording Control, tt:TrackType."""

    VIDEO = "video"
    AUDIO = "audio"
    METADATA = "metadata"


class SpanState(StrEnum):
    """What we know of a stretch of time: four things that must never be confused."""

    RECORDED = "recorded"
    NOT_RECORDED = "not_recorded"
    NOT_ASKED = "not_asked"
    UNKNOWN = "unknown"  # the device cannot say what lies between its earliest and its latest


@dataclass(frozen=True, slots=True)
class RecordingTrack:
    """One track of a recording. `data_from`, `data_until` are hints (devices answer 1970 or nothing)."""

    track_token: str
    type: TrackType
    codec: str | None = None
    data_from: datetime | None = None
    data_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeviceRecording:
    """A recording as the device lists it (tt:RecordingInformation): a container of tracks, often one a channel.

    `source_id` is the video source token, or the token of whatever the device calls its source.
    `job_source` is what GetRecordingJobs ties to it (a media profile or receiver token), where it says so.
    """

    recording_token: str
    source_id: str = ""
    source_name: str = ""
    earliest: datetime | None = None
    latest: datetime | None = None
    tracks: tuple[RecordingTrack, ...] = ()
    job_source: str = ""


Listed = tuple[tuple[DeviceRecording, ...], str]
"""All recordings of a device in its order, and which service told: "search" or "recording"."""


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """GetRecordingSummary (ONVIF Recording Search 5.2), or what the recordings themselves add up to.

    `service` is who answered: "search" or "recording". `zone_s`: the device's local time minus UTC, now;
    None where it does not tell.
    """

    data_from: datetime | None
    data_until: datetime | None
    number_recordings: int
    service: str
    zone_s: float | None = None


@dataclass(frozen=True, slots=True)
class RecordingEvent:
    """One result of FindEvents. `active` is the first boolean of its data (IsRecording, IsDataPresent, State).

    `is_start_state` marks a state asked for by IncludeStartState rather than a change (tt:StartStateEvent).
    """

    time: datetime
    topic: str
    recording_token: str
    track_token: str = ""
    active: bool | None = None
    is_start_state: bool = False


@dataclass(frozen=True, slots=True)
class EventSearch:
    """What FindEvents gave: sorted, inside the window, each once.

    `complete` is False where time, `should_stop` or the limit of 200,000 ended it first.
    `has_start_states`: the device told states at the beginning of the window (IncludeStartState), or sent
    earlier changes from which they follow; False means that they must be inferred from the changes.
    """

    events: tuple[RecordingEvent, ...]
    complete: bool
    has_start_states: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, from `start` up to, not including, `end`."""

    start: datetime
    end: datetime
    state: SpanState


@dataclass(frozen=True, slots=True)
class PlainReplay:
    """A vendor's own replay address, in which `{start}` and `{end}` stand for times in the form of its `kind`:
    "dahua" (local time by the device, 2026_11_22_10_00_00) or "hikvision" (20261122T100000Z).
    `zone_s`: the device's local time minus UTC."""

    uri: str
    kind: str
    zone_s: float = 0.0


FindPlain = Callable[[], tuple[PlainReplay, ...]]


def no_plain_replays() -> tuple[PlainReplay, ...]:
    """Where no maker's addresses are known, or allowed."""
    return ()


@dataclass(frozen=True, slots=True)
class RecordedPlace:
    """A stretch of a channel's time, and the recording that plays it, as far as its device can tell.

    By true UTC, unlike the rest of this file: it leaves the recordings room.
    """

    recording_token: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ReplaySource:
    """Where a recording is played from: an RTSP address without user-info, and how to get in.

    `device_key` names the device for its replay budget and its login attempts. `find_plain` gives
    addresses to play without ONVIF's headers when the device cannot do those, in the order to be
    tried; it may wait for the device, and raise a DeviceError.
    """

    camera_id: int
    recording_token: str
    uri: str
    device_key: str
    credential: Credential
    manufacturer: str = ""
    find_plain: FindPlain = field(default=no_plain_replays, compare=False)


@dataclass(frozen=True, slots=True)
class ReplayAbilities:
    """What a recorder was seen to do; None where it has not shown yet.

    `method`: "onvif" (Require: onvif-replay), "plain" (its replay address as plain RTSP), "dahua",
    "hikvision"; "" before anything was played. `seeks_in_session`: it takes another PLAY in an open
    session. `has_times`: its packets carry the device's time. `beats_real_time`: it sends faster
    than the recording plays when it is asked to (Rate-Control: no).
    """

    method: str = ""
    seeks_in_session: bool | None = None
    has_times: bool | None = None
    beats_real_time: bool | None = None

    def checks(self) -> tuple[ServiceCheck, ...]:
        """As lines of the health card; nothing for what has not been seen."""
        lines: list[ServiceCheck] = []
        if self.method:
            is_onvif = self.method == "onvif"
            lines.append(ServiceCheck("replay by ONVIF", "ok" if is_onvif else "no", _METHODS.get(self.method, "")))
        for name, seen in (
            ("replay: seeks in an open session", self.seeks_in_session),
            ("replay: times with the pictures", self.has_times),
            ("replay: faster than real time", self.beats_real_time),
        ):
            if seen is not None:
                lines.append(ServiceCheck(name, "ok" if seen else "no"))
        return tuple(lines)


def correction_s(offset_s: float | None) -> int:
    """What to add to true time to get the device's, in whole seconds; 0 where its clock is right within 5 s.

    Offsets are known to half a second only: applying small ones would blur every boundary that the
    device itself gives exactly.
    """
    if offset_s is None or abs(offset_s) <= _CLOCK_IS_RIGHT_WITHIN_S:
        return 0
    return round(offset_s)


class RecordingDevice(Protocol):
    """A device as the recordings room sees it. Every call waits for it and may raise core.errors.DeviceError."""

    @property
    def info(self) -> DeviceInfo: ...

    @property
    def clock_offset(self) -> ClockOffset | None: ...

    def recordings(self) -> Listed:
        """CameraUnsupported without Profile G."""
        ...

    def recording_summary(self, listed: Listed) -> RecordingSummary:
        """`listed` is what `recordings` gave: it tells what the device's own summary leaves open."""
        ...

    def recording_events(
        self, start: datetime, end: datetime, *, deadline_s: float, should_stop: Callable[[], bool]
    ) -> EventSearch:
        """Everything that happened to any recording in [start, end]. CameraUnsupported without event search."""
        ...

    def replay_uri(self, recording_token: str) -> str:
        """rtsp:// of a recording at the configured host, without user-info. NotFound, InvalidRequest."""
        ...

    def plain_replays(self, channel_number: int, rtsp_port: int) -> tuple[PlainReplay, ...]:
        """The maker's own addresses for a channel's recordings, where it is known to have them."""
        ...
