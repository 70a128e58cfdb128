"""Motion from the frames of a channel to events, activities and states."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from core.errors import NotFound
from core.events import Box, ClosedWhy, EventKind, EventSource, Severity
from motion.records import MotionMode, MotionSettings, Reason, Sensitivity, Zone
from motion_manager import MOST_CRASHES
from tests.motion.watching import JPEG, PLACE, Watching, calm, movement
from tests.patience import LIMIT_S
from vision.messages import CAME_TO_REST, CELL_BYTES, Failed

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))


def test_a_movement_becomes_an_event_with_its_own_beginning_and_end(watching: Watching) -> None:
    watch = watching.watch()
    start_ms = movement(watching, watch)
    (event,) = watching.logged()
    assert (event.source, event.kind, event.severity) == (EventSource.WATCH, EventKind.MOTION, Severity.NOTICE)
    assert (event.camera_id, event.channel, event.end_at) == (1, 1, None)
    assert round(event.start_at.timestamp() * 1000) == start_ms
    assert (event.box, event.score) == ((0.1, 0.2, 0.3, 0.4), 0.02)
    calm(watching, watch)
    (event,) = watching.logged()
    assert event.end_at is not None
    assert round(event.end_at.timestamp() * 1000) == start_ms + 1000
    assert event.closed_why is ClosedWhy.TOLD


def test_an_event_says_that_its_object_came_to_rest(watching: Watching) -> None:
    watch = watching.watch()
    movement(watching, watch)
    (event,) = watching.logged()
    assert event.rule == ""
    watching.clock.move(seconds=2)
    watching.show(watch, rest=CAME_TO_REST)
    calm(watching, watch)
    (event,) = watching.logged()
    assert (event.rule, event.end_at is not None) == (CAME_TO_REST, True)


def test_the_recorder_gets_the_beginning_and_the_end_of_a_movement(watching: Watching) -> None:
    watch = watching.watch()
    movement(watching, watch)
    assert [item.active for item in watching.activities] == [True]
    calm(watching, watch)
    assert [item.active for item in watching.activities] == [True, False]
    first, last = watching.activities
    assert (first.camera_id, first.channel, first.kind) == (1, 1, EventKind.MOTION)
    assert last.at - first.at == timedelta(seconds=1)


def test_the_event_gets_the_picture_that_the_process_has_seen(watching: Watching) -> None:
    watch = watching.watch()
    start_ms = movement(watching, watch)
    watching.answer_still(watch, start_ms + 1000)
    (event,) = watching.logged()
    watching.manager.tick()
    assert watching.events.pictures.get(1, event.id) == JPEG
    assert not watching.events.pictures.is_expected(1, event.id)
    (event,) = watching.logged()
    assert event.has_picture


def test_the_box_of_an_event_is_that_of_its_picture(watching: Watching) -> None:
    watch = watching.watch()

    def box() -> Box | None:
        watching.events.log.flush()
        watching.manager.tick()
        return watching.logged()[0].box

    watching.answer_still(watch, movement(watching, watch))  # the time of an older picture, whose blobs are unknown
    assert box() == (0.1, 0.2, 0.3, 0.4)
    watching.clock.move(seconds=1)
    shown_ms = watching.show(watch, share=0.06, box=(0.5, 0.2, 0.1, 0.4))
    assert box() == (0.1, 0.2, 0.3, 0.4)
    watching.answer_still(watch, shown_ms)
    assert box() == (0.5, 0.2, 0.1, 0.4)
    assert watching.logged()[0].score == 0.06


def test_a_picture_that_never_comes_is_given_up(watching: Watching) -> None:
    movement(watching, watching.watch())
    (event,) = watching.logged()
    assert watching.events.pictures.is_expected(1, event.id)
    watching.clock.move(seconds=6)
    watching.manager.tick()
    assert not watching.events.pictures.is_expected(1, event.id)


def test_a_movement_in_an_alert_zone_is_an_alert_with_its_name(watching: Watching) -> None:
    zone = Zone(7, "Gate", "alert", SQUARE)
    watch = watching.watch(settings=MotionSettings(MotionMode.KEY_FRAMES, zones=(zone,)))
    movement(watching, watch, alert=(7,))
    (event,) = watching.logged()
    assert (event.severity, event.zone) == (Severity.ALERT, "Gate")


def test_a_movement_that_the_device_tells_is_no_event_of_the_app(watching: Watching) -> None:
    watch = watching.watch()
    watching.show(watch)
    watching.clock.move(seconds=2)
    watching.tell_device_motion(active=True)
    hit_ms = watching.show(watch, share=0.02)
    watching.answer_beginning(watch, hit_ms - 1000)
    watching.clock.move(seconds=3)
    watching.manager.tick()
    assert watching.logged() == []
    assert [item.active for item in watching.activities] == [True]


def test_an_event_waits_two_seconds_for_that_of_the_device(watching: Watching) -> None:
    watch = watching.watch()
    watching.tell_device_motion(active=True)
    watching.tell_device_motion(active=False)
    watching.clock.move(minutes=10)
    movement(watching, watch)
    assert watching.logged() == []
    watching.clock.move(seconds=1)
    watching.tell_device_motion(active=True)
    watching.clock.move(seconds=2)
    watching.manager.tick()
    assert watching.logged() == []
    watching.tell_device_motion(active=False)
    calm(watching, watch)
    watching.clock.move(minutes=10)
    movement(watching, watch)
    watching.clock.move(seconds=3)
    watching.manager.tick()
    assert len(watching.logged()) == 1


def test_a_movement_may_end_while_its_event_waits_for_the_device(watching: Watching) -> None:
    watch = watching.watch()
    watching.tell_device_motion(active=True)
    watching.tell_device_motion(active=False)
    watching.clock.move(minutes=10)
    movement(watching, watch)
    watching.manager.close_watch(PLACE, Reason.OFF)
    watching.clock.move(seconds=3)
    watching.manager.tick()
    (event,) = watching.logged()
    assert event.end_at is not None


def test_a_process_that_ends_ends_the_movements(watching: Watching) -> None:
    watch = watching.watch()
    movement(watching, watch)
    watching.manager.on_crash(None)
    (event,) = watching.logged()
    assert event.closed_why is ClosedWhy.MISSED
    assert event.end_at is not None


def test_a_new_process_gets_the_settings_again(watching: Watching) -> None:
    watch = watching.watch()
    watching.show(watch)
    watching.show(watch)
    assert len(watching.child.of_type("open")) == 1
    watching.manager.on_start()
    watching.clock.move(seconds=2)
    watching.show(watch)
    assert len(watching.child.of_type("open")) == 2


def test_a_channel_whose_video_ends_the_process_three_times_is_left_out(watching: Watching) -> None:
    watching.watch()
    for _ in range(MOST_CRASHES):
        assert PLACE in watching.manager.wanted()
        watching.manager.on_crash("1:1")
    assert PLACE not in watching.manager.wanted()
    assert watching.manager.state(*PLACE).reason == Reason.UNREADABLE_VIDEO
    watching.clock.move(minutes=11)
    assert PLACE in watching.manager.wanted()


def test_a_channel_that_was_answered_is_not_left_out(watching: Watching) -> None:
    watch = watching.watch()
    for _ in range(3 * MOST_CRASHES):
        watching.manager.on_crash("1:1")
        watching.clock.move(seconds=2)
        watching.show(watch)
    assert PLACE in watching.manager.wanted()


def test_an_unknown_key_opens_the_channel_again(watching: Watching) -> None:
    watch = watching.watch()
    watching.show(watch)
    watching.manager.on_message(Failed("unknown_key", key="1:1"))
    watching.clock.move(seconds=2)
    watching.show(watch)
    assert len(watching.child.of_type("open")) == 2


# ---- who tells motion ------------------------------------------------------------------------------


def test_a_restless_channel_gets_a_larger_least_movement(watching: Watching) -> None:
    watch = watching.watch(settings=MotionSettings(MotionMode.KEY_FRAMES, Sensitivity.MEDIUM))
    for _ in range(40):
        for _ in range(10):
            watching.clock.move(seconds=6)
            watching.show(watch, share=0.02)
    assert watching.manager.state(1, 1).is_restless
    assert [check.outcome for check in watching.manager.checks(1)] == ["restless"]
    shares = [message.header()["sensitivity"] for message in watching.child.of_type("open")]
    assert shares[0] == 0.003
    assert shares[-1] == pytest.approx(0.024)


def test_at_most_sixty_events_an_hour_are_logged(watching: Watching) -> None:
    watch = watching.watch()
    for _ in range(70):
        movement(watching, watch)
        calm(watching, watch)
    assert len(watching.logged()) == 60
    assert watching.manager.state(1, 1).is_restless
    assert sum(item.active for item in watching.activities) == 70


# ---- settings --------------------------------------------------------------------------------------


def test_a_channel_that_is_switched_off_is_forgotten_immediately(watching: Watching) -> None:
    watch = watching.watch()
    movement(watching, watch)
    watching.manager.set_settings(1, 1, MotionSettings())
    assert watching.manager.watched() == frozenset()
    assert watching.child.sent[-1].type == "forget"
    (event,) = watching.logged()
    assert event.closed_why is ClosedWhy.STOPPED
    sent = len(watching.child.sent)
    watching.show(watch, share=0.5)
    assert len(watching.child.sent) == sent


def test_changed_zones_reach_the_process_with_the_next_key_frame(watching: Watching) -> None:
    watch = watching.watch()
    watching.show(watch)
    zone = Zone(1, "Tree", "ignore", SQUARE)
    watching.manager.set_settings(1, 1, MotionSettings(MotionMode.KEY_FRAMES, Sensitivity.LOW, (zone,)))
    watching.clock.move(seconds=2)
    watching.show(watch)
    last = watching.child.of_type("open")[-1].header()
    assert last["sensitivity"] == 0.01
    assert last["zones"][0]["name"] == "Tree"


def test_a_removed_camera_leaves_nothing(watching: Watching) -> None:
    watch = watching.watch()
    movement(watching, watch)
    watching.cameras.ids.remove(1)
    watching.manager.delete_camera(1)
    assert watching.manager.watched() == frozenset()
    with pytest.raises(NotFound):
        watching.manager.state(1, 1)
    watching.manager.tick()
    start = watching.clock.now - timedelta(hours=1)
    assert watching.manager.cell_hits(1, 1, SQUARE, start, watching.clock.now).hits == ()


def test_the_cells_of_every_picture_are_noted_once_a_second(watching: Watching) -> None:
    watch = watching.watch(settings=MotionSettings(MotionMode.EVERY_PICTURE))
    for _ in range(50):
        watching.show(watch, share=0.02)
        watching.clock.move(seconds=0.2)
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    start = watching.clock.now - timedelta(hours=1)
    assert len(watching.manager.cell_hits(1, 1, whole, start, watching.clock.now).hits) == 10


def test_cells_are_kept_as_long_as_events_of_motion(watching: Watching) -> None:
    now, manager = watching.clock.now, watching.manager
    manager.add_cells(1, 1, {now - timedelta(days=days): b"\xff" * CELL_BYTES for days in (29, 31)})
    manager.tick()
    hits = manager.cell_hits(1, 1, SQUARE, now - timedelta(days=99), now).hits
    assert [now - hit.at for hit in hits] == [timedelta(days=29)], "EVENT_KEEP_MOTION_DAYS is 30"


def test_an_unknown_channel_has_no_settings(watching: Watching) -> None:
    with pytest.raises(NotFound):
        watching.manager.set_settings(1, 9, MotionSettings())
    with pytest.raises(NotFound):
        watching.manager.settings(3, 1)


def test_the_process_ends_when_no_channel_is_watched(watching: Watching) -> None:
    watching.watch()
    assert watching.child.is_on
    watching.manager.close_watch(PLACE, Reason.OFF)
    watching.manager.tick()
    watching.clock.move(seconds=6)
    watching.manager.tick()
    assert not watching.child.is_on


def test_the_changed_cells_of_pictures_are_found_again(watching: Watching) -> None:
    watch = watching.watch()
    start_ms = movement(watching, watch)
    watching.clock.move(minutes=2)
    watching.manager.tick()
    top_left = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.05), (0.0, 0.05))
    start = watching.clock.now - timedelta(hours=1)
    found = watching.manager.cell_hits(1, 1, top_left, start, watching.clock.now)
    assert [round(hit.at.timestamp() * 1000) for hit in found.hits] == [start_ms + 1000]
    assert len(found.watched_minutes) == 1
    bottom = ((0.5, 0.5), (1.0, 0.5), (1.0, 1.0))
    assert watching.manager.cell_hits(1, 1, bottom, start, watching.clock.now).hits == ()


def test_the_newest_picture_is_asked_for_when_it_is_wanted(watching: Watching) -> None:
    watch = watching.watch()
    assert watching.manager.picture(1, 1) is None
    time_ms = watching.show(watch)
    assert watching.manager.picture(1, 1) is None
    assert watching.child.sent[-1].type == "still"
    watching.answer_still(watch, time_ms)
    found = watching.manager.picture(1, 1)
    assert found is not None
    assert found.jpeg == JPEG
    watching.clock.move(minutes=2)
    assert watching.manager.picture(1, 1) is None


def test_the_look_at_an_earlier_picture_is_found_while_that_is_shown(watching: Watching) -> None:
    watch = watching.watch()
    watching.answer_still(watch, watching.show(watch, share=0.02))
    shown = watching.manager.picture(1, 1)
    assert shown is not None
    for _ in range(40):
        watching.clock.move(seconds=1)
        newest_ms = watching.show(watch)
    looked, newest = watching.manager.glimpse(1, 1, shown.at), watching.manager.glimpse(1, 1)
    assert looked is not None
    assert newest is not None
    assert (looked.at, looked.share, len(looked.blobs)) == (shown.at, 0.02, 1)
    assert round(newest.at.timestamp() * 1000) == newest_ms
    watching.answer_still(watch, newest_ms)
    assert watching.manager.glimpse(1, 1, shown.at) is None


def test_a_movement_that_begins_while_its_watch_closes_ends(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = watching.watch()
    closing = threading.Thread(target=watch.close)
    begin = watching.manager._events.begin

    def begin_late(*arguments: Any) -> None:
        closing.start()
        closing.join(0.3)
        begin(*arguments)

    monkeypatch.setattr(watching.manager._events, "begin", begin_late)
    movement(watching, watch)
    closing.join(LIMIT_S)
    (event,) = watching.logged()
    assert event.end_at is not None
    assert [item.active for item in watching.activities] == [True, False]
