"""Recordings of a device: the records that packages exchange.

Every time here is UTC by the DEVICE's clock, as in its answers, with a time zone in it if the device marks local times
of recordings as UTC (LearnedAccess.recording_zone_s), except in RecordedPlace and in the RecordingEvents of a
ChannelCoverage (recordings/views.py). Users and the API see true UTC: the recording manager and the replay sessions
convert, by `correction_s`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from core.archive import Origin
from core.records import ClockOffset, Credential, DeviceInfo, RtspHabits, ServiceCheck
from core.zones import has_changes, is_repeated, zone_offset_s

_CLOCK_IS_RIGHT_WITHIN_S = 5.0
_METHODS = {
    "plain": "its replay address is played as plain RTSP",
    "dahua": "played by Dahua's own address",
    "hikvision": "played by Hikvision's own address",
}


class TrackType(StrEnum):
    """tt:TrackType (ONVIF Recording Control)."""

    VIDEO = "video"
    AUDIO = "audio"
    METADATA = "metadata"


class SpanState(StrEnum):
    """Knowledge about a stretch of time: states that must never be confused."""

    RECORDED = "recorded"
    NOT_RECORDED = "not_recorded"
    NOT_ASKED = "not_asked"
    UNKNOWN = "unknown"  # the device cannot tell which parts between its earliest and latest time are recorded
    AWAY = "away"  # recorded by another server of the app that does not answer now


class ReplayQuality(StrEnum):
    """The video of a replay. FULL: the recording of the main stream, or of the only one."""

    FULL = "full"
    SUB = "sub"  # the recording of the sub stream
    SMALL = "small"  # video that the app encodes of the full recording


@dataclass(frozen=True, slots=True)
class RecordingTrack:
    """One track of a recording. `data_from` and `data_until` are hints: devices answer 1970 or nothing."""

    track_token: str
    type: TrackType
    codec: str | None = None
    data_from: datetime | None = None
    data_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeviceRecording:
    """A recording as the device lists it (tt:RecordingInformation): a container of tracks, often one per channel.

    `source_id` is the video source token, or another id that the device uses for its source. `job_source` is the media
    profile or receiver token that GetRecordingJobs connects to the recording, "" if it names none.
    """

    recording_token: str
    source_id: str = ""
    source_name: str = ""
    earliest: datetime | None = None
    latest: datetime | None = None
    tracks: tuple[RecordingTrack, ...] = ()
    job_source: str = ""


Listed = tuple[tuple[DeviceRecording, ...], str]
"""All recordings of a device in its order, and the ONVIF service that listed them: "search" or "recording"."""


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """GetRecordingSummary (ONVIF Recording Search 5.2), or the same figures computed from the list of recordings.

    `service`: the ONVIF service that answered, "search" or "recording". `zone_s`: the device's present local time
    minus UTC, None if the device does not tell it.
    """

    data_from: datetime | None
    data_until: datetime | None
    number_recordings: int
    service: str
    zone_s: float | None = None

    @property
    def has_values(self) -> bool:
        """True if the device told a date or a number."""
        return bool(self.data_from or self.data_until or self.number_recordings)


@dataclass(frozen=True, slots=True)
class RecordingEvent:
    """One result of FindEvents. `active` is the first boolean of its data (IsRecording, IsDataPresent, State).

    `is_start_state` marks a state at the beginning of the window (IncludeStartState, tt:StartStateEvent), not a change.
    """

    time: datetime
    topic: str
    recording_token: str
    track_token: str = ""
    active: bool | None = None
    is_start_state: bool = False


class DetectionsState(StrEnum):
    """The answer of a recorder about its recorded events."""

    READY = "ready"
    PENDING = "pending"  # the recorder is being asked
    FAILED = "failed"  # for the moment
    REFUSED = "refused"  # it has no search for events


@dataclass(frozen=True, slots=True)
class ChannelDetections:
    """The recorded events of a channel in true time. `is_sure`: the device itself names the channel."""

    channel: int | None
    is_sure: bool
    events: tuple[RecordingEvent, ...]


@dataclass(frozen=True, slots=True)
class Detections:
    """The recorded events of a device, such as motion. `is_truncated`: a channel has more of them."""

    state: DetectionsState
    channels: tuple[ChannelDetections, ...] = ()
    is_truncated: bool = False


@dataclass(frozen=True, slots=True)
class EventSearch:
    """Results of FindEvents: sorted, inside the window, each once.

    `complete` is False if the deadline, `should_stop` or the limit of 200,000 events ended the search early, and with
    `is_quiet` if the device went on to say that it searches, without new results.
    `has_start_states` is True if the device sent states at the beginning of the window (IncludeStartState), or earlier
    changes from which they follow; if False, they must be inferred from the changes.
    """

    events: tuple[RecordingEvent, ...]
    complete: bool
    has_start_states: bool
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time [start, end)."""

    start: datetime
    end: datetime
    state: SpanState


@dataclass(frozen=True, slots=True)
class MakersReplay:
    """A maker's own replay address with placeholders `{start}` and `{end}` for times in the format of its `kind`:
    "dahua" (the device's local time, 2026_11_22_10_00_00) or "hikvision" (UTC, 20261122T100000Z).
    `zone_s`: the device's local time minus UTC; `zone_name`: its zone, if that is known as a function of time."""

    uri: str
    kind: str
    zone_s: float = 0.0
    zone_name: str = ""

    def zone_at(self, device_utc_s: float) -> float:
        """Return local time minus UTC at this moment."""
        return zone_offset_s(self.zone_name, device_utc_s) if self.zone_name else self.zone_s


FindMakersReplays = Callable[[], tuple[MakersReplay, ...]]


def no_makers_replays() -> tuple[MakersReplay, ...]:
    """Return none: the default of a source without makers' addresses."""
    return ()


@dataclass(frozen=True, slots=True)
class RecordedPlace:
    """A stretch of a channel's time and the recording that contains it, as far as the device can tell.

    Times are true UTC, unlike in the rest of this file, because the recording manager has already converted them.
    `is_sub`: the recording is one of the channel's sub stream, which needs less bandwidth. `hands_over`: another place
    goes on at `end`, so a playback of this one stops there, even if its recording has more: one of the other origin, or
    one of the same recording, whose local times begin to have another difference to UTC. That place `is_shifted`.
    """

    recording_token: str
    start: datetime
    end: datetime
    is_sub: bool = False
    hands_over: bool = False
    is_shifted: bool = False


@dataclass(frozen=True, slots=True)
class ReplayAbilities:
    """Replay abilities that a recorder has shown; None for those that it has not shown yet.

    `method`: "onvif" (Require: onvif-replay), "plain" (its replay address as plain RTSP), "dahua", "hikvision"; ""
    before the first replay; "server" for recordings of this server. `seeks_in_session`: it accepts another PLAY in an
    open session. `has_times`: its packets carry the device's time. `beats_real_time`: it sends faster than real time on
    request (Rate-Control: no).
    `honours_frames`: it sends only key frames on request, at the requested distance (Frames: intra/<ms>).
    `keeps_to_requests`: False while it sends far more than was requested; a restart of the app forgets it.
    """

    method: str = ""
    seeks_in_session: bool | None = None
    has_times: bool | None = None
    beats_real_time: bool | None = None
    honours_frames: bool | None = None
    keeps_to_requests: bool | None = None

    def updated(self, seen: ReplayAbilities) -> ReplayAbilities:
        """Return these abilities with those that `seen` has; only those of `seen` if it plays by another method."""
        if seen.method and seen.method != self.method:
            return seen
        return ReplayAbilities(
            self.method,
            self.seeks_in_session if seen.seeks_in_session is None else seen.seeks_in_session,
            self.has_times if seen.has_times is None else seen.has_times,
            self.beats_real_time if seen.beats_real_time is None else seen.beats_real_time,
            self.honours_frames if seen.honours_frames is None else seen.honours_frames,
            self.keeps_to_requests if seen.keeps_to_requests is None else seen.keeps_to_requests,
        )

    def checks(self) -> tuple[ServiceCheck, ...]:
        """Return the known abilities as lines of the health card."""
        lines: list[ServiceCheck] = []
        if self.method:
            is_onvif = self.method == "onvif"
            lines.append(ServiceCheck("replay by ONVIF", "ok" if is_onvif else "no", _METHODS.get(self.method, "")))
        for name, seen in (
            ("replay: seeks in an open session", self.seeks_in_session),
            ("replay: tells the time of each picture", self.has_times),
            ("replay: faster than real time", self.beats_real_time),
            ("replay: key frames only, at the requested distance", self.honours_frames),
            ("replay: stops at the end of the requested range", self.keeps_to_requests),
        ):
            if seen is not None:
                lines.append(ServiceCheck(name, "ok" if seen else "no"))
        return tuple(lines)


SERVER_ABILITIES = ReplayAbilities(
    method="server",
    seeks_in_session=True,
    has_times=True,
    beats_real_time=True,
    honours_frames=True,
    keeps_to_requests=True,
)
"""The abilities of a recording of this server."""


@dataclass(frozen=True, slots=True)
class ZoneOfTimes:
    """The time zone in a recorder's times of recordings, which it marks as UTC; 0 if they are UTC.

    `zone_s`: the local time minus UTC that `correction_s` includes. `known_from_s`: true time since 1970 from which on
    the recordings are known to have this zone. Earlier ones may have another, as before the last change to or from
    summer time. `name`: of the zone (core.zones), if it is known as a function of time; otherwise empty.
    """

    zone_s: float = 0.0
    known_from_s: float = float("-inf")
    name: str = ""

    def is_known_at(self, true_s: float) -> bool:
        """True if the times of recordings of this moment are certain. An hour that comes twice is not."""
        return true_s >= self.known_from_s and not is_repeated(self.name, true_s)

    def shift_at(self, true_s: float) -> int:
        """Return the seconds to add to `correction_s` at this moment, because local time is another then."""
        return round(zone_offset_s(self.name, true_s) - self.zone_s) if self.name else 0

    def at(self, true_s: float) -> ZoneOfTimes:
        """Return the same zone with the `zone_s` of this moment."""
        return replace(self, zone_s=self.zone_s + self.shift_at(true_s))

    @classmethod
    def learned(cls, zone_s: float, since_s: float | None, name: str = "") -> ZoneOfTimes:
        """Return the zone that was seen first at `since_s`; None: not known, or no other was ever seen than 0.

        A named zone with changes is known for all times. One without was perhaps set by hand, without its changes.
        """
        if has_changes(name):
            return cls(zone_s, name=name)
        unknown_s = float("inf") if zone_s else float("-inf")
        return cls(zone_s, unknown_s if since_s is None else since_s)

    @classmethod
    def chosen(cls, name: str, now_s: float) -> ZoneOfTimes:
        """Return the zone that a user has chosen for a recorder."""
        return cls(zone_offset_s(name, now_s), name=name)


@dataclass(frozen=True, slots=True)
class RecorderTimes:
    """The difference of a recorder's times to true time. `correction_s` includes the `zone_s` of the zone."""

    correction_s: float
    zone: ZoneOfTimes = ZoneOfTimes()

    def correction_at(self, true_s: float) -> float:
        """Return the seconds to add to true time at this moment to get the recorder's."""
        return self.correction_s + self.zone.shift_at(true_s)


@dataclass(frozen=True, slots=True)
class ReplaySource:
    """RTSP address of a recording, without user-info, and the credential for it.

    `device_key` names the device for its replay budget and its login attempts. `generation` changes with the camera's
    address and credential. `abilities`: the device's replay abilities as known so far. `find_makers_replays` returns
    the makers' addresses, in the order in which to try them, for devices that cannot replay with ONVIF's headers; it
    may wait for the device and raise a DeviceError. `web_port`: of the device's web server, 0 if it is not known.
    `zone`: of the recorder's times; `correction_s` includes its `zone_s`. `origin`: SERVER for a recording of the
    archive, which has no address, and whose times are true UTC. `habits`: the device's RTSP habits as stored.
    """

    camera_id: int
    recording_token: str
    uri: str
    device_key: str
    credential: Credential
    manufacturer: str = ""
    generation: int = 0
    abilities: ReplayAbilities = field(default=ReplayAbilities(), compare=False)
    find_makers_replays: FindMakersReplays = field(default=no_makers_replays, compare=False)
    web_port: int = 0
    zone: ZoneOfTimes = field(default=ZoneOfTimes(), compare=False)
    origin: Origin = Origin.DEVICE
    habits: tuple[RtspHabits, ...] = field(default=(), compare=False)


def correction_s(offset_s: float | None) -> int:
    """Return the whole seconds to add to true time to get the device's; 0 if its clock is right within 5 s.

    Offsets are known only to half a second: a small one would blur every boundary that the device gives exactly.
    """
    if offset_s is None or abs(offset_s) <= _CLOCK_IS_RIGHT_WITHIN_S:
        return 0
    return round(offset_s)


class RecordingDevice(Protocol):
    """The calls about recordings. cameras.device.Device inherits them; cameras.onvif_device.OnvifDevice implements it;
    cameras.plain_device.PlainDevice refuses most of them.

    Each method waits for the device and may raise a DeviceError.
    """

    @property
    def info(self) -> DeviceInfo: ...

    @property
    def clock_offset(self) -> ClockOffset | None: ...

    def recordings(self) -> Listed:
        """Return all recordings of the device. Raise CameraUnsupported without Profile G."""
        ...

    def recording_summary(self, listed: Listed) -> RecordingSummary:
        """Return the summary; the result of `recordings()` in `listed` supplies the values that the device omits."""
        ...

    def recording_events(
        self, start: datetime, end: datetime, *, deadline_s: float, should_stop: Callable[[], bool]
    ) -> EventSearch:
        """Return all events of all recordings in [start, end]. Raise CameraUnsupported without event search."""
        ...

    def replay_uri(self, recording_token: str) -> str:
        """Return the RTSP address of a recording at the configured host, without user-info.

        Raise NotFound for an unknown recording and InvalidRequest for an impossible token.
        """
        ...

    def makers_replays(self, channel_number: int, rtsp_port: int) -> tuple[MakersReplay, ...]:
        """Return the maker's own replay addresses of a channel; none for a maker without known addresses."""
        ...
