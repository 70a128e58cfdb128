"""Beginnings and ends of events, from messages in every order that devices send."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import Change, ChannelActivity, ClosedWhy, DeviceEvent, EventKind
from events.states import (
    HOLD_S,
    MOST_OPEN,
    MOTION_ASKED_EVERY_S,
    MOTION_ENDS_AFTER_S,
    OTHERS_ASKED_EVERY_S,
    OTHERS_END_AFTER_S,
    STORM_CHANGES,
    STORM_S,
    EventStates,
)
from tests.hand_clock import HandClock


@dataclass
class Told:
    """The states of a camera, whose clock tests move, and all that they told."""

    clock: HandClock = field(default_factory=HandClock)
    states: EventStates = field(default_factory=lambda: EventStates(1))
    told: list[ChannelActivity] = field(default_factory=list)

    def take(
        self,
        active: bool | None,
        kind: EventKind = EventKind.MOTION,
        *,
        channel: int | None = 1,
        rule: str = "",
        sources: tuple[str, ...] = (),
        change: Change = Change.CHANGED,
        at: datetime | None = None,
        offset_s: float = 0.0,
    ) -> None:
        event = DeviceEvent(kind, kind.value, sources, rule, "state", change, active, at)
        now_s, now = self.clock.monotonic_s(), self.clock.now_utc()
        self.told += self.states.take(channel, event, now_s=now_s, now=now, offset_s=offset_s)

    def pass_time(self, seconds: float) -> None:
        self.clock.move(seconds=seconds)
        self.told += self.states.tick(self.clock.monotonic_s(), self.clock.now_utc())

    @property
    def changes(self) -> list[bool]:
        return [item.active for item in self.told]


def test_an_end_counts_after_a_hold_with_its_own_time() -> None:
    told = Told()
    told.take(True)
    told.pass_time(10)
    ended = told.clock.now_utc()
    told.take(False)
    told.pass_time(HOLD_S - 1)
    assert told.changes == [True]
    told.pass_time(1)
    assert told.changes == [True, False]
    assert told.told[1].at == ended


def test_a_beginning_within_the_hold_continues_the_event() -> None:
    told = Told()
    for _ in range(4):
        told.take(True)
        told.pass_time(2)
        told.take(False)
        told.pass_time(2)
    told.pass_time(HOLD_S)
    assert told.changes == [True, False]
    assert told.told[1].changes > 4


def test_a_motion_whose_end_is_missing_closes_after_a_minute() -> None:
    told = Told()
    told.take(True)
    told.pass_time(MOTION_ENDS_AFTER_S - 1)
    told.take(True)
    told.pass_time(MOTION_ENDS_AFTER_S - 1)
    assert told.changes == [True]
    told.pass_time(1)
    assert told.changes == [True, False]


def test_a_long_motion_stays_open_while_the_device_repeats_its_state() -> None:
    told = Told()
    told.take(False, change=Change.STATE)
    told.take(True)
    for _ in range(100):
        told.pass_time(MOTION_ASKED_EVERY_S + 20)
        assert told.states.ask_states(told.clock.monotonic_s())
        assert not told.states.ask_states(told.clock.monotonic_s()), "once in its time"
        told.take(True, change=Change.STATE)
    assert told.changes == [True]
    told.take(False)
    told.pass_time(HOLD_S)
    assert told.changes == [True, False]
    told.pass_time(1000)
    assert not told.states.ask_states(told.clock.monotonic_s()), "nothing is open"


@pytest.mark.parametrize("kind", [EventKind.VIDEO_LOSS, EventKind.OUTPUT, EventKind.DEVICE_FAULT, EventKind.INPUT])
def test_each_open_state_is_asked_for_until_its_end(kind: EventKind) -> None:
    told = Told()
    told.take(False, kind, change=Change.STATE)
    told.take(True, kind)
    for _ in range(4):
        told.pass_time(OTHERS_ASKED_EVERY_S)
        assert told.states.ask_states(told.clock.monotonic_s())
        told.take(True, kind, change=Change.STATE)
    assert told.changes == [True]
    told.take(False, kind)
    told.pass_time(HOLD_S)
    assert told.told[1].at - told.told[0].at == timedelta(seconds=4 * OTHERS_ASKED_EVERY_S)


def test_a_loss_of_video_at_the_beginning_lasts_as_long_as_its_state() -> None:
    told = Told()
    for _ in range(6):
        told.take(True, EventKind.VIDEO_LOSS, change=Change.STATE)
        told.pass_time(OTHERS_ASKED_EVERY_S)
    assert told.changes == [True]


def test_a_pulse_is_never_asked_for() -> None:
    told = Told()
    told.take(None, EventKind.OTHER, change=Change.PULSE)
    told.clock.move(seconds=OTHERS_ASKED_EVERY_S)
    assert not told.states.ask_states(told.clock.monotonic_s())


def test_the_first_motion_stays_open_while_its_state_is_repeated() -> None:
    told = Told()
    told.take(True)
    for _ in range(5):
        told.pass_time(MOTION_ASKED_EVERY_S + 20)
        told.take(True, change=Change.STATE)
    assert told.changes == [True]


def test_a_motion_whose_ends_are_told_waits_ten_minutes_for_its_end() -> None:
    told = Told()
    told.take(True)
    told.take(False)
    told.pass_time(HOLD_S)
    told.take(True)
    told.pass_time(OTHERS_END_AFTER_S - 1)
    assert told.changes == [True, False, True]
    told.pass_time(1)
    assert told.changes == [True, False, True, False]


def test_a_state_that_never_changes_counts_for_ten_minutes() -> None:
    told = Told()
    told.take(True)
    for _ in range(60):
        told.pass_time(MOTION_ASKED_EVERY_S)
        told.take(True, change=Change.STATE)
    assert told.changes == [True, False]
    assert told.told[1].at - told.told[0].at == timedelta(seconds=OTHERS_END_AFTER_S)
    told.take(True)
    assert told.changes == [True, False, True], "news is a new motion"


def test_the_time_after_which_a_motion_ends_is_a_setting() -> None:
    told = Told(states=EventStates(1, motion_end_s=200.0))
    told.take(True)
    told.pass_time(199)
    assert told.changes == [True]
    told.pass_time(1)
    assert told.changes == [True, False]


def test_other_events_without_an_end_close_after_ten_minutes() -> None:
    told = Told()
    told.take(True, EventKind.INPUT)
    told.pass_time(OTHERS_END_AFTER_S - 1)
    assert told.changes == [True]
    told.pass_time(1)
    assert told.changes == [True, False]


def test_a_pulse_begins_and_ends_by_itself() -> None:
    told = Told()
    told.take(None, EventKind.LINE_CROSSED, change=Change.PULSE)
    told.pass_time(HOLD_S)
    assert told.changes == [True, False]
    assert told.told[0].at == told.told[1].at


def test_a_storm_of_changes_is_one_event_with_their_number() -> None:
    told = Told()
    for _ in range(30):
        told.take(True)
        told.pass_time(0.2)
        told.take(False)
        told.pass_time(0.2)
    told.pass_time(HOLD_S * 2)
    assert told.changes == [True]
    told.pass_time(STORM_S)
    assert told.changes == [True, False]
    assert told.told[1].changes > 50


def test_a_state_at_the_beginning_of_a_subscription_is_marked() -> None:
    told = Told()
    told.take(True, change=Change.STATE)
    told.take(True, EventKind.PERSON)
    assert [item.is_state for item in told.told] == [True, False]


def test_a_false_state_after_a_reconnect_ends_what_was_open() -> None:
    told = Told()
    told.take(True, EventKind.PERSON)
    told.pass_time(100)
    told.take(False, EventKind.PERSON, change=Change.STATE)
    told.pass_time(HOLD_S)
    assert told.changes == [True, False]


def test_rules_and_channels_have_events_of_their_own() -> None:
    told = Told()
    told.take(True, rule="Gate")
    told.take(True, rule="Door")
    told.take(True, channel=2)
    assert told.states.active_channels() == {1, 2}
    told.take(False, rule="Gate")
    told.pass_time(HOLD_S)
    assert told.changes == [True, True, True, False]
    assert told.told[-1].is_channel_active
    told.take(False, rule="Door")
    told.pass_time(HOLD_S)
    assert not told.told[-1].is_channel_active
    assert told.states.active_channels() == {2}


def test_events_of_unknown_channels_are_told_apart_by_their_sources() -> None:
    told = Told()
    told.take(True, EventKind.VIDEO_LOSS, channel=None, sources=("Input3",), rule="Loss")
    told.take(True, EventKind.VIDEO_LOSS, channel=None, sources=("Input4",))
    told.take(False, EventKind.VIDEO_LOSS, channel=None, sources=("Input4",))
    told.pass_time(HOLD_S)
    assert [(item.rule, item.active) for item in told.told] == [
        ("Loss, Input3", True),
        ("Input4", True),
        ("Input4", False),
    ]


def test_the_time_is_the_devices_without_the_offset_of_its_clock() -> None:
    told = Told()
    now = told.clock.now_utc()
    told.take(True, at=now + timedelta(seconds=57), offset_s=60.0)
    assert (told.told[0].at, told.told[0].is_device_time) == (now - timedelta(seconds=3), True)


def test_a_missing_or_wrong_time_is_that_of_the_arrival() -> None:
    told = Told()
    now = told.clock.now_utc()
    told.take(True, at=now - timedelta(days=365))
    told.take(True, channel=2, at=None)
    assert [(item.at, item.is_device_time) for item in told.told] == [(now, False), (now, False)]


def test_a_device_that_invents_rules_cannot_fill_the_memory() -> None:
    told = Told()
    for number in range(MOST_OPEN * 2):
        told.take(True, rule=str(number))
    assert len(told.told) == MOST_OPEN
    assert told.states.left_out == MOST_OPEN


def test_a_beginning_keeps_the_time_of_the_devices_own_clock() -> None:
    told = Told()
    at = told.clock.now_utc() + timedelta(hours=8)
    told.take(True, at=at)
    (begun,) = told.told
    assert (begun.device_at, begun.is_device_time) == (at, False)


def test_an_event_that_goes_on_after_a_pause_ends_with_its_listener() -> None:
    told = Told()
    told.take(True)
    told.pass_time(10)
    told.take(False)
    told.pass_time(HOLD_S / 2)
    told.take(True)
    told.pass_time(30)
    now = told.clock.now_utc()
    (ended,) = told.states.end_all(now)
    assert (ended.at, ended.closed_why) == (now, ClosedWhy.STOPPED)


def test_all_events_end_when_nobody_listens_any_longer() -> None:
    told = Told()
    told.take(True)
    told.take(True, EventKind.PERSON, channel=2)
    ended = told.states.end_all(told.clock.now_utc())
    assert [item.active for item in ended] == [False, False]
    assert not told.states.active_channels()


_STEPS = st.lists(
    st.tuples(st.sampled_from([True, False, None]), st.sampled_from([1, 2, None]), st.floats(0.0, 90.0)), max_size=60
)


@given(_STEPS)
def test_beginnings_and_ends_alternate_for_any_messages(steps: list[tuple[bool | None, int | None, float]]) -> None:
    told = Told()
    for active, channel, pause_s in steps:
        told.take(active, channel=channel)
        told.pass_time(pause_s)
    told.pass_time(STORM_S + OTHERS_END_AFTER_S)
    told.pass_time(STORM_S)
    for channel in (1, 2, None):
        own = [item.active for item in told.told if item.channel == channel]
        assert own == [True, False] * (len(own) // 2)
    assert not told.states.active_channels()
    assert all(one.at <= told.clock.now_utc() for one in told.told)


def test_an_end_says_why_the_event_ended() -> None:
    told = Told()
    told.take(True)
    told.take(False)
    told.take(True, EventKind.PERSON)
    told.pass_time(HOLD_S)
    last_told_at = told.clock.now_utc()
    told.take(True, EventKind.PERSON)
    told.pass_time(100)
    told.take(False, EventKind.PERSON, change=Change.STATE)
    told.take(True, EventKind.FACE)
    told.pass_time(HOLD_S)
    told.take(True, EventKind.VEHICLE)
    told.pass_time(OTHERS_END_AFTER_S)
    told.take(True, EventKind.ANIMAL)
    told.told += told.states.end_all(told.clock.now_utc())
    ends = {item.kind: (item.closed_why, item.last_told_at) for item in told.told if not item.active}
    assert {kind: why for kind, (why, _) in ends.items()} == {
        EventKind.MOTION: ClosedWhy.TOLD,
        EventKind.PERSON: ClosedWhy.MISSED,
        EventKind.FACE: ClosedWhy.TIMEOUT,
        EventKind.VEHICLE: ClosedWhy.TIMEOUT,
        EventKind.ANIMAL: ClosedWhy.STOPPED,
    }
    assert ends[EventKind.PERSON][1] == last_told_at


def test_the_end_of_a_storm_says_so() -> None:
    told = Told()
    for _ in range(STORM_CHANGES + 1):
        told.take(True)
        told.take(False)
        told.pass_time(0.5)
    told.pass_time(STORM_S)
    assert [item.closed_why for item in told.told if not item.active] == [ClosedWhy.STORM]
