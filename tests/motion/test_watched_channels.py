"""Which channels are watched for motion, and the reason why others are not."""

from __future__ import annotations

import pytest

from core.errors import DeviceError
from core.events import EventKind, EventSource, LoggedEvent
from motion.records import MotionMode, MotionSettings, Reason, ToldBy
from tests.motion.watching import PLACE, Watching, movement


def test_auto_looks_only_where_the_device_tells_no_motion(watching: Watching) -> None:
    watching.manager.set_settings(1, 1, MotionSettings(MotionMode.AUTO))
    assert PLACE in watching.manager.wanted()
    watching.tell_device_motion(active=True)
    assert PLACE not in watching.manager.wanted()
    state = watching.manager.state(1, 1)
    assert (state.told_by, state.reason) == (ToldBy.DEVICE, Reason.DEVICE_TELLS)
    watching.clock.move(days=8)
    assert PLACE in watching.manager.wanted()


def test_motion_of_the_device_in_the_log_counts_after_a_restart(watching: Watching) -> None:
    watching.manager.set_settings(1, 1, MotionSettings(MotionMode.AUTO))
    watching.tell_device_motion(active=True)
    event = LoggedEvent(1, 1, EventKind.MOTION, EventSource.DEVICE, watching.clock.now, watching.clock.now)
    watching.events.log.add(event)
    watching.events.log.flush()
    again = Watching(watching.database, watching.folder, clock=watching.clock)
    again.start()
    assert PLACE not in again.manager.wanted()
    again.clock.move(days=8)
    assert PLACE in again.manager.wanted()


@pytest.mark.parametrize(
    ("mode", "reason"),
    [(MotionMode.OFF, Reason.OFF), (MotionMode.DEVICE, Reason.DEVICE_IS_SILENT), (MotionMode.AUTO, Reason.STARTING)],
)
def test_a_channel_that_is_not_watched_says_why(watching: Watching, mode: MotionMode, reason: Reason) -> None:
    watching.manager.set_settings(1, 1, MotionSettings(mode))
    state = watching.manager.state(1, 1)
    assert (state.told_by, state.reason) == (ToldBy.NONE, reason)


def test_without_the_packages_nothing_is_watched(watching: Watching) -> None:
    watching.manager._is_available = False
    watching.manager.set_settings(1, 1, MotionSettings(MotionMode.AUTO))
    assert watching.manager.wanted() == {}
    assert watching.manager.state(1, 1).reason == Reason.NOT_INSTALLED
    watching.tell_device_motion(active=True)
    assert watching.manager.state(1, 1).told_by is ToldBy.DEVICE


def test_a_watched_channel_says_so(watching: Watching) -> None:
    watch = watching.watch()
    for _ in range(4):
        watching.show(watch)
        watching.clock.move(seconds=2)
    state = watching.manager.state(1, 1)
    assert (state.told_by, state.reason, state.key_frame_interval_s) == (ToldBy.SERVER, None, 2.0)
    assert state.watched_at is not None
    movement(watching, watch)
    (channel,) = watching.manager.channels()
    assert (channel.camera_id, channel.channel, channel.hits_today) == (1, 1, 1)


def test_the_health_card_names_channels_that_are_not_watched(watching: Watching) -> None:
    watch = watching.watch()
    watching.show(watch)
    assert watching.manager.checks(1) == ()
    watching.manager.close_watch(PLACE, "camera_busy")
    (check,) = watching.manager.checks(1)
    assert (check.name, check.outcome) == ("motion of channel 1", "not watched")
    assert check.detail == "The device gives no further session."
    assert watching.manager.checks(2) == ()


def test_every_reason_has_words_on_the_health_card(watching: Watching) -> None:
    watch = watching.watch()
    watching.show(watch)
    kinds, codes = [DeviceError], set()
    while kinds:
        kind = kinds.pop()
        kinds += [one for one in kind.__subclasses__() if not one.__module__.startswith("tests.")]
        codes.add(kind.code)
    for reason in (codes - {"archive_unreadable"}) | set(Reason):
        watching.manager.close_watch(PLACE, reason)
        for check in watching.manager.checks(1):
            assert check.detail.endswith("."), reason
            assert not check.detail.startswith("The reason is"), reason


def test_auto_judges_every_picture_where_key_frames_are_rare(watching: Watching) -> None:
    watch = watching.watch(settings=MotionSettings(MotionMode.AUTO))
    for _ in range(4):
        watching.show(watch)
        watching.clock.move(seconds=10)
        watching.manager.tick()
    assert watch.every_picture
    watching.show(watch)
    watching.clock.move(seconds=0.2)
    watching.show(watch, is_key=False)
    assert watching.child.of_type("open")[-1].header()["every_picture"] is True
    assert watching.child.of_type("unit")[-1].header()["is_key"] is False
