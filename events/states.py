"""The open events of one camera: from a device's messages to beginnings and ends. No threads, no clock of its own.

- An end is held for five seconds: a new beginning of the same event in that time continues it.
- A device tells the beginning of a state once, and its end may get lost. While an event is open, `ask_states` says when
  to request the present states, so that a long event stays open.
- An event without another message is closed after ten minutes. A motion is closed sooner if the device has never told
  the end of this motion.
- Some devices report an activity as active for ever. Such a state, whose end the device has never told, counts for ten
  minutes after its last news. Other states, such as a lost video signal, last as long as the device reports them.
- More than twenty changes in a minute are a storm: the event then stays open until the storm is over.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from core.events import Change, ChannelActivity, ClosedWhy, DeviceEvent, EventKind

HOLD_S = 5.0
MOTION_ENDS_AFTER_S = 60.0  # the setting MOTION_END_S
OTHERS_END_AFTER_S = 600.0
MOTION_ASKED_EVERY_S = 30.0  # a pull of 20 s may come before the request
OTHERS_ASKED_EVERY_S = 240.0
STORM_CHANGES = 20
STORM_S = 60.0
MOST_OPEN = 256  # of one camera; a hostile device may invent rules
_MOST_KNOWN = 4 * MOST_OPEN
_TRUSTED_S = 600.0  # the device's time may be off by so much, after its measured offset

_Key = tuple[int | None, str, str, str]  # channel, topic, rule, item


@dataclass(slots=True)
class _Open:
    kind: EventKind
    told_s: float  # when the device last told that it is active
    news_s: float  # when it told this as news, not as the answer to a request for the present states
    told_at: datetime  # the true time of told_s
    is_pulse: bool = False
    why: ClosedWhy = ClosedWhy.TOLD
    is_storm: bool = False
    closes_s: float | None = None  # when a held end counts
    ended_at: datetime | None = None
    is_device_time: bool = True
    changes: deque[float] = field(default_factory=deque)
    count: int = 1

    def note_change(self, now_s: float) -> None:
        self.count += 1
        self.changes.append(now_s)
        while len(self.changes) > STORM_CHANGES + 1 or (self.changes and now_s - self.changes[0] > STORM_S):
            self.changes.popleft()

    @property
    def hold_s(self) -> float:
        return STORM_S if len(self.changes) > STORM_CHANGES else HOLD_S


class EventStates:
    """The events of one camera. Not safe between threads.

    `now_s` is a monotonic time, `now` the true time of the same moment.
    """

    def __init__(self, camera_id: int, *, motion_end_s: float = MOTION_ENDS_AFTER_S) -> None:
        self._camera_id = camera_id
        self._motion_end_s = motion_end_s
        self._open: dict[_Key, _Open] = {}
        self._with_ends: set[_Key] = set()  # the device has told their ends
        self._stuck: dict[_Key, float] = {}  # closed, and still reported as active at this time
        self._asked_s = float("-inf")
        self.left_out = 0
        """Messages about other events, which were left out because too many events went on."""

    def take(
        self, channel: int | None, event: DeviceEvent, *, now_s: float, now: datetime, offset_s: float
    ) -> list[ChannelActivity]:
        """Take an event of a channel. `offset_s`: the device's clock minus ours. Return what began."""
        key = (channel, event.topic, _rule_of(channel, event), event.item)
        at, is_device_time = _true_time(event.at_utc, now, offset_s)
        known = self._open.get(key)
        if event.active is False:
            self._stuck.pop(key, None)
            if len(self._with_ends) < _MOST_KNOWN:
                self._with_ends.add(key)
            if known is not None and known.closes_s is None:
                known.note_change(now_s)
                self._hold(known, now_s, at, is_device_time)
                known.why = ClosedWhy.MISSED if event.change is Change.STATE else ClosedWhy.TOLD
            return []
        if known is not None:
            if known.closes_s is not None:
                known.note_change(now_s)
            known.closes_s, known.ended_at, known.told_s, known.told_at = None, None, now_s, now
            if event.change is not Change.STATE:
                known.news_s = now_s
            if event.active is None:
                self._hold(known, now_s, at, is_device_time)
            return []
        if self._is_stuck(key, event, now_s) or self._is_full():
            return []
        is_pulse = event.active is None
        made = _Open(event.kind, now_s, now_s, now, is_pulse=is_pulse, is_device_time=is_device_time)
        self._open[key] = made
        if event.active is None:
            self._hold(made, now_s, at, is_device_time)
        begun = self._activity(key, made, at, active=True, is_state=event.change is Change.STATE)
        return [replace(begun, device_at=event.at_utc)]

    def tick(self, now_s: float, now: datetime) -> list[ChannelActivity]:
        """Return the events that end now: their held ends count, or the device never told their end."""
        ended = []
        for key, item in list(self._open.items()):
            if item.closes_s is None:
                if not self._is_lost(key, item, now_s):
                    continue
                item.ended_at, item.is_device_time, item.why = now, False, ClosedWhy.TIMEOUT
            elif now_s < item.closes_s:
                continue
            del self._open[key]
            ended.append(self._activity(key, item, item.ended_at or now, active=False))
        return ended

    def end_all(self, now: datetime) -> list[ChannelActivity]:
        """End all events after the listener of the camera has ended."""
        ended = []
        for key in list(self._open):
            item = self._open.pop(key)
            if item.closes_s is None:
                item.why = ClosedWhy.STOPPED
            ended.append(self._activity(key, item, item.ended_at or now, active=False))
        return ended

    def ask_states(self, now_s: float) -> bool:
        """Return True if the listener should request the present states now; this counts as the request."""
        is_due = any(
            now_s - max(item.told_s, self._asked_s)
            >= (MOTION_ASKED_EVERY_S if item.kind is EventKind.MOTION else OTHERS_ASKED_EVERY_S)
            for item in self._open.values()
            if item.closes_s is None
        )
        if is_due:
            self._asked_s = now_s
        return is_due

    def active_channels(self) -> frozenset[int]:
        """Return the channels with an activity."""
        return frozenset(key[0] for key, item in self._open.items() if key[0] is not None and item.kind.is_activity)

    def _is_lost(self, key: _Key, item: _Open, now_s: float) -> bool:
        """True if an open event is over although the device has not told its end."""
        if key in self._with_ends or not item.kind.is_activity:
            return now_s - item.told_s >= OTHERS_END_AFTER_S
        if now_s - item.told_s >= (self._motion_end_s if item.kind is EventKind.MOTION else OTHERS_END_AFTER_S):
            return True
        if now_s - item.news_s < OTHERS_END_AFTER_S:
            return False
        if len(self._stuck) < _MOST_KNOWN:
            self._stuck[key] = item.told_s
        return True

    def _is_full(self) -> bool:
        """True if no other event has a place; count the message then."""
        is_full = len(self._open) >= MOST_OPEN
        self.left_out += is_full
        return is_full

    def _is_stuck(self, key: _Key, event: DeviceEvent, now_s: float) -> bool:
        """True if this state is no beginning: the device has reported it as active all the time since its event."""
        told_s = self._stuck.pop(key, None)
        if told_s is None or event.change is not Change.STATE or now_s - told_s >= OTHERS_END_AFTER_S:
            return False
        self._stuck[key] = now_s
        return True

    def _hold(self, item: _Open, now_s: float, at: datetime, is_device_time: bool) -> None:
        item.closes_s, item.ended_at, item.is_device_time = now_s + item.hold_s, at, is_device_time
        item.is_storm = item.is_storm or item.hold_s == STORM_S

    def _activity(
        self, key: _Key, item: _Open, at: datetime, *, active: bool, is_state: bool = False
    ) -> ChannelActivity:
        return ChannelActivity(
            camera_id=self._camera_id,
            channel=key[0],
            kind=item.kind,
            rule=key[2],
            active=active,
            at=at,
            is_device_time=item.is_device_time,
            is_state=is_state,
            changes=item.count,
            is_channel_active=key[0] in self.active_channels(),
            topic=key[1],
            item=key[3],
            is_pulse=item.is_pulse,
            closed_why=ClosedWhy.STORM if item.is_storm and item.why is ClosedWhy.TOLD else item.why,
            last_told_at=item.told_at,
        )


def _rule_of(channel: int | None, event: DeviceEvent) -> str:
    """Return the rule. In an unknown channel the sources belong to it: they tell apart what happens."""
    if channel is not None:
        return event.rule
    return ", ".join(part for part in (event.rule, *event.sources) if part)


def _true_time(at: datetime | None, now: datetime, offset_s: float) -> tuple[datetime, bool]:
    """Return the true time of a message, and whether it is the device's; otherwise it is the time of arrival."""
    if at is not None:
        corrected = at - timedelta(seconds=offset_s)
        if abs((corrected - now).total_seconds()) <= _TRUSTED_S:
            return min(corrected, now), True
    return now, False
