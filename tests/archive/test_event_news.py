"""A rule of the mode events begins with an event that is active already, and shows that events do not come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from archive.channel_recorder import DEAF_AFTER_S, RecordingStateName
from archive_manager import ArchiveManager
from cameras.records import CameraView
from core.archive import GapReason, RecordingMode, RecordingRule
from core.errors import CameraBusy, CameraUnreachable, CameraUnsupported, InvalidRequest
from core.events import DEVICE_EVENTS, WATCHED_EVENTS, EventProblem
from core.records import CameraStatus, StreamUris
from core.settings import Settings
from tests.archive.hand_events import HandEvents
from tests.archive.recorded_cameras import CONTINUOUS, RecorderHarness
from tests.placement.owning import OwningCameras

EVENTS = RecordingRule(RecordingMode.EVENTS, pre_s=5.0, post_s=10.0)


@pytest.fixture
def events() -> HandEvents:
    return HandEvents()


@pytest.fixture
def harness(tmp_path: Path, events: HandEvents) -> Iterator[RecorderHarness]:
    made = RecorderHarness(tmp_path, events=events)
    yield made
    made.close()


# --- an event that is active already


def test_an_event_that_goes_on_after_a_pause_is_recorded(harness: RecorderHarness, events: HandEvents) -> None:
    harness.record(EVENTS)
    harness.pass_s(10)
    events.active.add(1)
    harness.recorders.trigger(1, 1, active=True, kind=DEVICE_EVENTS)
    harness.pauses.pause(1, 1, None, "Anna")
    harness.pass_s(10)
    harness.pauses.resume(1, 1)
    harness.open_streams(1)
    harness.pass_s(3)
    assert harness.state().state is RecordingStateName.RECORDING
    events.active.clear()
    harness.recorders.trigger(1, 1, active=False, kind=DEVICE_EVENTS)
    harness.pass_s(15)
    assert harness.state().state is RecordingStateName.WAITING


def test_a_rule_that_begins_during_an_event_records_it(harness: RecorderHarness, events: HandEvents) -> None:
    events.active.add(1)
    harness.record(EVENTS)
    harness.pass_s(3)
    assert harness.state().state is RecordingStateName.RECORDING


def test_an_event_that_ended_under_another_rule_is_over(harness: RecorderHarness, events: HandEvents) -> None:
    harness.record(EVENTS)
    harness.pass_s(5)
    harness.recorders.trigger(1, 1, active=True, kind=DEVICE_EVENTS)
    harness.rules.set_rule(1, 1, CONTINUOUS)
    harness.recorders.apply(1, 1)
    harness.recorders.trigger(1, 1, active=False, kind=DEVICE_EVENTS)
    harness.rules.set_rule(1, 1, EVENTS)
    harness.pass_s(5)
    assert harness.state().state is RecordingStateName.WAITING


# --- events that do not come


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (CameraBusy.code, GapReason.REFUSED),
        (CameraUnsupported.code, GapReason.UNSUPPORTED),
        (CameraUnreachable.code, GapReason.DEVICE_AWAY),
    ],
)
def test_events_that_do_not_come_are_a_gap_with_an_alert(
    harness: RecorderHarness, events: HandEvents, code: str, reason: GapReason
) -> None:
    harness.record(EVENTS)
    harness.pass_s(5)
    began = harness.clock.now
    events.trouble = EventProblem(code, began)
    harness.pass_s(DEAF_AFTER_S - 2)
    assert harness.state().state is RecordingStateName.WAITING
    harness.pass_s(5)
    state = harness.state()
    assert (state.state, state.reason) == (RecordingStateName.PROBLEM, reason)
    (alert,) = harness.gaps.alerts()
    assert (alert.start, alert.end, alert.reason) == (began, None, reason)
    events.trouble = None
    ended = harness.clock.now
    harness.pass_s(2)
    assert harness.state().state is RecordingStateName.WAITING
    (gap,) = harness.stored_gaps()
    assert gap.end is not None
    assert ended <= gap.end <= ended + timedelta(seconds=1)


def test_a_channel_that_the_app_watches_needs_no_events_of_its_device(
    harness: RecorderHarness, events: HandEvents
) -> None:
    harness.recorders.note_watched(frozenset({(1, 1)}))
    harness.record(EVENTS)
    harness.pass_s(5)
    events.trouble = EventProblem(CameraUnreachable.code, harness.clock.now)
    harness.pass_s(3 * DEAF_AFTER_S)
    assert harness.state().state is RecordingStateName.WAITING
    assert harness.gaps.alerts() == []
    harness.recorders.trigger(1, 1, active=True, kind=WATCHED_EVENTS)
    harness.pass_s(2)
    assert harness.state().state is RecordingStateName.RECORDING
    harness.recorders.note_watched(frozenset())
    harness.recorders.trigger(1, 1, active=False, kind=WATCHED_EVENTS)
    harness.pass_s(30)
    assert harness.state().state is RecordingStateName.PROBLEM


def test_a_subscription_that_is_soon_renewed_is_no_gap(harness: RecorderHarness, events: HandEvents) -> None:
    harness.record(EVENTS)
    harness.pass_s(5)
    events.trouble = EventProblem(CameraUnreachable.code, harness.clock.now)
    harness.pass_s(30)
    events.trouble = None
    harness.pass_s(60)
    assert harness.stored_gaps() == []


def test_a_problem_during_a_recorded_event_begins_after_it(harness: RecorderHarness, events: HandEvents) -> None:
    harness.record(EVENTS)
    harness.pass_s(5)
    harness.recorders.trigger(1, 1, active=True, kind=DEVICE_EVENTS)
    events.trouble = EventProblem(CameraBusy.code, harness.clock.now)
    harness.pass_s(80)
    assert harness.state().state is RecordingStateName.RECORDING
    assert harness.stored_gaps() == []
    harness.recorders.trigger(1, 1, active=False, kind=DEVICE_EVENTS)
    recorded_until = harness.clock.now + timedelta(seconds=EVENTS.post_s)
    harness.pass_s(30)
    (gap,) = harness.stored_gaps()
    assert recorded_until <= gap.start <= recorded_until + timedelta(seconds=1.5)


def test_a_continuous_rule_needs_no_events(harness: RecorderHarness, events: HandEvents) -> None:
    events.trouble = EventProblem(CameraUnsupported.code, harness.clock.now)
    harness.record(CONTINUOUS)
    harness.pass_s(DEAF_AFTER_S + 5)
    assert harness.state().state is RecordingStateName.RECORDING
    assert harness.stored_gaps() == []


class PlainCameras(OwningCameras):
    """A camera that was added by its stream address."""

    def __init__(self) -> None:
        pass

    def get_camera(self, camera_id: int) -> CameraView:
        uris = StreamUris("rtsp://192.0.2.1/main")
        return CameraView(camera_id, "Gate", "192.0.2.1", 554, "", CameraStatus.ONLINE, stream_uris=uris)


def test_a_camera_without_onvif_cannot_have_a_rule_of_events(harness: RecorderHarness, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    archive = ArchiveManager(harness.database, settings, harness.clock, harness.gateway, PlainCameras(), harness.events)
    with pytest.raises(InvalidRequest, match="ONVIF") as refused:
        archive.set_rule(1, 1, EVENTS)
    assert [error.field for error in refused.value.errors] == ["mode"]
    assert archive.rule(1, 1).mode is RecordingMode.OFF
