"""Records one channel by its rule: continuously, by a schedule, or around events. A pause of a user stops it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from archive.gaps import GapStore
from archive.outages import Outage
from archive.rules import schedule_of
from archive.stream_recorder import RecorderParts, StreamRecorder
from core.archive import (
    GapReason,
    RecordedQuality,
    RecordingMode,
    RecordingPause,
    RecordingRule,
    StreamKey,
    gap_reason_of,
)
from core.events import DEVICE_EVENTS, EventProblem
from core.records import Channel, ProfileRole

EVENT_AT_MOST_S = 86_400.0
"""An event without an end counts as over after this time: devices lose the message of the end."""
DEAF_AFTER_S = 60.0
"""A device whose events do not reach the app for this time is a problem. A subscription that is renewed is none."""
EVENT_FILE_S = 60.0
"""The longest file of a recording of events: the retention and kept ranges take whole files."""
_KEEP_S = 1.0


class RecordingStateName(StrEnum):
    """The state of a channel's recording."""

    OFF = "off"
    RECORDING = "recording"
    WAITING = "waiting"  # for the schedule, for an event, or for the first frame
    PAUSED = "paused"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class RecordingState:
    """The recording of a channel at one moment. `since`: since when the state holds.

    `pre_roll_s`: the seconds before an event that the memory suffices for; None if it suffices for the rule.
    """

    camera_id: int
    channel: int
    mode: RecordingMode
    qualities: tuple[RecordedQuality, ...]
    state: RecordingStateName = RecordingStateName.OFF
    since: datetime | None = None
    reason: GapReason | None = None
    paused_by: str = ""
    paused_until: datetime | None = None
    written_until: datetime | None = None
    pre_roll_s: float | None = None


class EventWatch:
    """The events of a channel: records while one is active, and for a while after the last one."""

    def __init__(self) -> None:
        self._active: dict[str, float] = {}  # kind -> monotonic seconds of its last beginning
        self._until_s = float("-inf")

    def note(self, kind: str, now_s: float, post_s: float, *, active: bool) -> None:
        """An event of this kind has begun or ended."""
        if active:
            self._active[kind] = now_s
        elif self._active.pop(kind, None) is not None:
            self.hold(now_s, post_s)

    def hold(self, now_s: float, for_s: float) -> None:
        """Record for this time from now on."""
        self._until_s = max(self._until_s, now_s + for_s)

    def is_recording(self, now_s: float, post_s: float) -> bool:
        """True while an event is active, and for `post_s` after it."""
        for kind, since_s in list(self._active.items()):
            if now_s - since_s > EVENT_AT_MOST_S:
                self.note(kind, since_s + EVENT_AT_MOST_S, post_s, active=False)
        return bool(self._active) or now_s < self._until_s

    def forget(self) -> None:
        self._active.clear()
        self._until_s = float("-inf")


class ChannelRecorder:
    """One channel. All methods are for one thread at a time, except `state`."""

    def __init__(self, parts: RecorderParts, gaps: GapStore, camera_id: int, channel: int) -> None:
        self.camera_id = camera_id
        self.number = channel
        self.events = EventWatch()
        self.is_watched = False  # the app itself looks for motion
        self.event_at: datetime | None = None  # the beginning of the event that begins the next stretch
        self.outage = Outage(gaps, parts.clock, camera_id, channel)
        self._parts = parts
        self._gaps = gaps
        self._streams: dict[RecordedQuality, StreamRecorder] = {}
        self._wanted_since: datetime | None = None  # the rule asks for recording since then
        self._waits_since: datetime | None = None  # for an event
        self._is_watching = False  # `events` follows the device
        self._is_deaf = False  # the present outage is one of the device's events
        self._state = RecordingState(camera_id, channel, RecordingMode.OFF, ())

    @property
    def state(self) -> RecordingState:
        return self._state

    def look(
        self, rule: RecordingRule, pause: RecordingPause | None, channel: Channel | None, problem: GapReason
    ) -> None:
        """Bring the streams into agreement with rule and pause.

        `channel`: as the camera has it; None if it does not have it, and `problem` is the reason.
        """
        now = self._parts.clock.now_utc()
        unwanted = self._unwanted(rule, now)
        self._wanted_since = None if unwanted else self._wanted_since or now
        if unwanted is not None:
            self._stop(unwanted)
            self.outage.end(now)
        elif pause is not None:
            self._stop(GapReason.PAUSED)
            self.outage.paused(max(pause.since, self._wanted_since or now), pause.by)
        else:
            self._record(rule, channel, problem)
            return
        if unwanted is GapReason.SWITCHED_OFF:
            self._set_state(rule, RecordingStateName.OFF, None)
        elif pause is not None:
            self._set_state(rule, RecordingStateName.PAUSED, GapReason.PAUSED, pause)
        else:
            self._set_state(rule, RecordingStateName.WAITING, unwanted)

    def finish(self, reason: GapReason) -> None:
        """End all streams: the channel has no rule any more, or the app stops."""
        self._stop(reason)
        if reason is not GapReason.SERVER_OFF:
            self.outage.end(self._parts.clock.now_utc())

    def reconnect(self) -> None:
        """The camera's address or credential has changed."""
        for stream in self._streams.values():
            stream.reconnect()

    def retry_soon(self) -> None:
        """The camera has answered after it was away."""
        for stream in self._streams.values():
            stream.retry_soon()

    def keep_memory(self, end: datetime) -> None:
        """Write the pre-roll to the disk, if the channel waits for an event and the pre-roll begins before `end`."""
        held = [stream.pre_roll.held_from_utc_s for stream in self._streams.values()]
        if any(from_s is not None and from_s < end.timestamp() for from_s in held):
            self.events.hold(self._parts.clock.monotonic_s(), _KEEP_S)

    # -- inside ------------------------------------------------------------------------------------

    @staticmethod
    def _unwanted(rule: RecordingRule, now: datetime) -> GapReason | None:
        if rule.mode is RecordingMode.OFF:
            return GapReason.SWITCHED_OFF
        if rule.mode is RecordingMode.SCHEDULE and not schedule_of(rule).is_active(now):
            return GapReason.NOT_SCHEDULED
        return None

    def _stop(self, reason: GapReason) -> None:
        self.events.forget()
        self._is_watching = False
        self._waits_since = None
        for stream in self._streams.values():
            stream.finish(reason)
        self._streams.clear()

    def _record(self, rule: RecordingRule, channel: Channel | None, problem: GapReason) -> None:
        now_s = self._parts.clock.monotonic_s()
        self._watch_events(rule, now_s)
        waits = rule.mode is RecordingMode.EVENTS and not self.events.is_recording(now_s, rule.post_s)
        tokens = _profile_tokens(rule.qualities, channel)
        for quality in self._streams.keys() - tokens.keys():
            self._streams.pop(quality).finish(GapReason.SWITCHED_OFF)
        for quality, token in tokens.items():
            stream = self._streams.get(quality)
            if stream is None:
                key = StreamKey(self.camera_id, self.number, quality)
                stream = self._streams[quality] = StreamRecorder(self._parts, key, rule.pre_s)
            stream.pre_roll.pre_s = rule.pre_s
            stream.limit_files(EVENT_FILE_S if rule.mode is RecordingMode.EVENTS else None)
            if waits:
                stream.pre_roll.end()
            else:
                stream.pre_roll.begin(self.event_at.timestamp() if self.event_at else None)
            stream.look(token, problem)
        self.event_at = None
        self._waits_since = (self._waits_since or self._parts.clock.now_utc()) if waits else None
        self._judge(rule, waits=waits)

    def _watch_events(self, rule: RecordingRule, now_s: float) -> None:
        """Begin with an event that is active already: the device does not tell its beginning again."""
        if rule.mode is not RecordingMode.EVENTS:
            if self._is_watching:
                self.events.forget()
            self._is_watching = False
        elif not self._is_watching:
            self._is_watching = True
            if self.number in self._parts.events.active_channels(self.camera_id):
                self.events.note(DEVICE_EVENTS, now_s, rule.post_s, active=True)

    def _deafness(self) -> EventProblem | None:
        """Return the problem of the device's events if it has lasted for a while, while the channel waits for one."""
        if self._waits_since is None or self.is_watched:
            return None
        problem = self._parts.events.problem(self.camera_id)
        if problem is None or self._parts.clock.now_utc() - problem.since < timedelta(seconds=DEAF_AFTER_S):
            return None
        return problem

    def _judge(self, rule: RecordingRule, *, waits: bool) -> None:
        """Note an outage or its end, and the state."""
        streams = list(self._streams.values())
        missing = [stream for stream in streams if not stream.is_healthy]
        if missing:
            reason = next((stream.reason for stream in missing if stream.reason is not None), None)
            self.outage.missing(min(stream.missing_since for stream in missing), reason or GapReason.UNKNOWN)
            state = RecordingStateName.PROBLEM if reason else RecordingStateName.WAITING
            self._set_state(rule, state, reason)
            return
        deafness = self._deafness()
        if deafness is not None and self._waits_since is not None:
            reason = gap_reason_of(deafness.code)
            self.outage.missing(max(deafness.since, self._waits_since), reason)
            self._is_deaf = True
            self._set_state(rule, RecordingStateName.PROBLEM, reason)
            return
        recorded_from = max(stream.recorded_from for stream in streams)
        self.outage.end(self._parts.clock.now_utc() if self._is_deaf else recorded_from)
        self._is_deaf = False
        for stream in streams:
            for start, end in stream.clock_steps():
                if not waits:
                    self._gaps.begin(self.camera_id, self.number, start, GapReason.CLOCK_STEPPED, end=end)
        self._set_state(
            rule,
            RecordingStateName.WAITING if waits else RecordingStateName.RECORDING,
            GapReason.NO_EVENT if waits else None,
        )

    def _set_state(
        self,
        rule: RecordingRule,
        state: RecordingStateName,
        reason: GapReason | None,
        pause: RecordingPause | None = None,
    ) -> None:
        before = self._state
        is_same = (before.state, before.reason) == (state, reason)
        written = [until for stream in self._streams.values() if (until := stream.written_until) is not None]
        cuts = [cut_s for stream in self._streams.values() if (cut_s := stream.pre_roll.cut_to_s) is not None]
        self._state = RecordingState(
            self.camera_id,
            self.number,
            rule.mode,
            rule.qualities,
            state,
            before.since if is_same and before.since else self._parts.clock.now_utc(),
            reason,
            pause.by if pause else "",
            pause.until if pause else None,
            min(written, default=before.written_until),
            min(cuts, default=None) if rule.mode is RecordingMode.EVENTS else None,
        )


def _profile_tokens(qualities: Sequence[RecordedQuality], channel: Channel | None) -> dict[RecordedQuality, str | None]:
    """Return the media profiles to record. A channel without a sub stream is recorded by its main stream."""
    by_role: dict[ProfileRole, str] = {}
    for profile in channel.profiles if channel else ():
        by_role.setdefault(profile.role, profile.profile_token)
    if by_role and ProfileRole.SUB not in by_role:
        return {RecordedQuality.MAIN: by_role.get(ProfileRole.MAIN) or next(iter(by_role.values()))}
    return {quality: by_role.get(ProfileRole(quality.value)) for quality in qualities}
