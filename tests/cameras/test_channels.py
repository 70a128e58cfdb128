"""Names, order, hiding and problems of channels, and how a new answer of the device is merged with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cameras.channels import change_channel, merge_channels, order_channels, shown_channels
from cameras.records import CameraDraft
from cameras.store import CameraStore, StoredChannel
from core.errors import CameraUnreachable, CameraUnsupported, InvalidRequest, NotFound
from core.records import AudioFormat, CameraStatus, Channel, Problem
from core.secrets import Secret
from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness, channel
from tests.patience import LIMIT_S, until
from tests.prepared_database import prepared_database

pytestmark = pytest.mark.usefixtures("database_engine")


def stored(*channels: Channel) -> tuple[StoredChannel, ...]:
    return merge_channels((), channels)


FOUR = stored(channel(1), channel(2), channel(3), channel(4))


def numbers(channels: tuple[StoredChannel, ...]) -> list[int]:
    return [channel.number for channel in shown_channels(channels)]


def test_channels_have_the_devices_order_and_names() -> None:
    shown = shown_channels(FOUR)
    assert [(item.number, item.name, item.position) for item in shown] == [
        (1, "Cam 1", 0),
        (2, "Cam 2", 1),
        (3, "Cam 3", 2),
        (4, "Cam 4", 3),
    ]


def test_a_nameless_channel_is_named_by_its_number() -> None:
    assert shown_channels(stored(replace(channel(1), name="")))[0].name == "Channel 1"


def test_the_users_name_is_kept_until_it_is_cleared() -> None:
    named = change_channel(FOUR, 2, name="Yard")
    assert shown_channels(named)[1].name == "Yard"
    renamed_by_device = merge_channels(named, [channel(1), replace(channel(2), name="CAM2"), channel(3), channel(4)])
    assert shown_channels(renamed_by_device)[1].name == "Yard"
    assert shown_channels(change_channel(renamed_by_device, 2, name=""))[1].name == "CAM2"


def test_new_channels_are_added_last() -> None:
    ordered = order_channels(FOUR, [4, 2, 1, 3])
    assert numbers(ordered) == [4, 2, 1, 3]
    grown = merge_channels(ordered, [channel(number) for number in range(1, 7)])
    assert numbers(grown) == [4, 2, 1, 3, 5, 6]
    assert [item.position for item in shown_channels(grown)] == list(range(6))


@pytest.mark.parametrize(
    ("position", "order"), [(0, [3, 1, 2, 4]), (1, [1, 3, 2, 4]), (3, [1, 2, 4, 3]), (99, [1, 2, 4, 3])]
)
def test_a_channel_can_be_moved(position: int, order: list[int]) -> None:
    assert numbers(change_channel(FOUR, 3, position=position)) == order


@pytest.mark.parametrize("order", [[], [1, 2, 3], [1, 2, 3, 3], [1, 2, 3, 5], [1, 2, 3, 4, 4]])
def test_an_order_must_name_each_channel_once(order: list[int]) -> None:
    with pytest.raises(InvalidRequest):
        order_channels(FOUR, order)


def test_a_returning_channel_keeps_its_name_and_position() -> None:
    mine = change_channel(order_channels(FOUR, [4, 2, 1, 3]), 4, name="Gate", hidden=True)
    without = merge_channels(mine, [channel(1), channel(2), channel(3)])
    assert numbers(without) == [2, 1, 3]
    back = merge_channels(without, [channel(number) for number in range(1, 5)])
    assert numbers(back) == [4, 2, 1, 3]
    assert (shown_channels(back)[0].name, shown_channels(back)[0].hidden) == ("Gate", True)


def test_an_empty_channel_list_does_not_remove_channels() -> None:
    assert merge_channels(FOUR, []) == FOUR
    assert merge_channels((), []) == ()


def test_a_video_source_listed_twice_gives_one_channel() -> None:
    merged = stored(channel(1, source="V"), channel(2, source="V"), channel(3, source="W"))
    assert [(item.video_source_token, item.number) for item in merged] == [("V", 1), ("W", 2)]


def test_new_properties_of_channels_are_taken_over() -> None:
    dead = replace(channel(2), problem=Problem("camera_no_signal", "No video."))
    merged = merge_channels(FOUR, [channel(1, codec="hevc"), dead, channel(3), channel(4)])
    assert merged[0].profiles[0].video is not None
    assert merged[0].profiles[0].video.codec == "hevc"
    assert shown_channels(merged)[1].problem == dead.problem


@pytest.fixture
def store(harness: CameraHarness) -> Iterator[CameraStore]:
    """A store with camera 1."""
    store = CameraStore(prepared_database(harness.settings.database_file), harness.settings.key_file)
    store.open()
    store.add(name="", host="cam", port=80, username="", password=Secret(""), pretend=False, added_at=datetime.now(UTC))
    yield store
    store.close()


def test_media_profiles_survive_the_database(store: CameraStore) -> None:
    profile = replace(channel(1).profiles[0], audio=AudioFormat("pcm_alaw", 8000, 1), name='<b>"\n', has_ptz=True)
    channels = stored(replace(channel(1), profiles=(profile, channel(1).profiles[1])))
    store.save_channels(1, channels)
    ((_, read),) = store.load()
    assert read == channels


@pytest.mark.parametrize(
    "text", ["", "{", "null", "{}", '[1, null, {"name": 3}]', '[{"profile_token": "x", "video": 5}]']
)
@pytest.mark.sqlite
def test_unreadable_media_profiles_are_left_out(store: CameraStore, harness: CameraHarness, text: str) -> None:
    store.save_channels(1, stored(channel(1)))
    with closing(sqlite3.connect(harness.settings.database_file)) as connection:
        connection.execute("UPDATE channels SET profiles = ?", (text,))
        connection.commit()
    ((_, (read,)),) = store.load()
    assert read.profiles == ()


def test_channel_settings_of_the_user_survive_a_restart(harness: CameraHarness) -> None:
    harness.device(channels=(channel(1), channel(2), channel(3)))
    with harness.running() as manager:
        camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        changed = manager.update_channel(camera_id, 3, name=" Yard ", hidden=True)
        assert (changed.name, changed.hidden, changed.number) == ("Yard", True, 3)
        assert [item.number for item in manager.order_channels(camera_id, [3, 1, 2])] == [3, 1, 2]
    with harness.running() as manager:
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        manager.refresh(camera_id)
        manager.wait_first_connection(camera_id, LIMIT_S)
        assert [(item.number, item.name, item.hidden) for item in manager.channels(camera_id)] == [
            (3, "Yard", True),
            (1, "Cam 1", False),
            (2, "Cam 2", False),
        ]
        assert manager.get_camera(camera_id).channel_count == 3


def test_an_unknown_channel_is_not_found(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device()
    camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    with pytest.raises(NotFound):
        manager.update_channel(camera_id, 9, name="x")
    with pytest.raises(NotFound):
        manager.update_channel(7, 1, name="x")
    with pytest.raises(InvalidRequest):
        manager.update_channel(camera_id, 1, name="a\nb")
    with pytest.raises(InvalidRequest):
        manager.update_channel(camera_id, 1, position=-1)


def problems(manager: OnvifManager, camera_id: int) -> list[str | None]:
    return [item.problem.code if item.problem else None for item in manager.channels(camera_id)]


def online(harness: CameraHarness, manager: OnvifManager) -> int:
    camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    return camera_id


def test_a_channel_without_a_signal_is_marked_until_it_has_one(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device(signals={"VideoSource000": True, "VideoSource001": False, "elsewhere": False})
    camera_id = online(harness, manager)
    until(lambda: problems(manager, camera_id) == [None, "camera_no_signal"])
    device.signals = {"VideoSource000": True, "VideoSource001": True}
    until(lambda: problems(manager, camera_id) == [None, None])


def test_signals_of_a_healthy_recorder_are_read_once(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device(signals={"VideoSource000": True, "VideoSource001": True})
    camera_id = online(harness, manager)
    seen = manager.get_camera(camera_id).last_seen_at
    until(lambda: device.signal_reads == 1 and manager.get_camera(camera_id).last_seen_at != seen)
    assert device.signal_reads == 1


def test_a_camera_with_one_channel_is_not_asked_for_signals(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device(channels=(channel(1),))
    camera_id = online(harness, manager)
    seen = manager.get_camera(camera_id).last_seen_at
    until(lambda: manager.get_camera(camera_id).last_seen_at != seen)
    assert device.signal_reads == 0


def test_a_device_without_signal_states_stays_online(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device(signals_problem=CameraUnsupported("No events.", service="events"))
    camera_id = online(harness, manager)
    until(lambda: device.signal_reads == 1)
    assert manager.get_camera(camera_id).status is CameraStatus.ONLINE
    assert problems(manager, camera_id) == [None, None]


def test_a_failed_stream_marks_its_channel_until_one_flows(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device()
    camera_id = online(harness, manager)
    manager.note_stream(camera_id, "MediaProfile00101", Problem("camera_unreachable", "It never answers."))
    assert problems(manager, camera_id) == [None, "camera_unreachable"]
    manager.note_stream(camera_id, "MediaProfile00100", None)
    assert problems(manager, camera_id) == [None, None]


@pytest.mark.parametrize("code", ["camera_busy", "camera_auth_failed", "stream_limit", "storage_full"])
def test_problems_unrelated_to_a_channel_do_not_mark_it(
    harness: CameraHarness, manager: OnvifManager, code: str
) -> None:
    harness.device()
    camera_id = online(harness, manager)
    manager.note_stream(camera_id, "MediaProfile00000", Problem(code, "?"))
    manager.note_stream(camera_id, "unknown", Problem("camera_no_signal", "?"))
    manager.note_stream(99, "MediaProfile00000", Problem("camera_no_signal", "?"))
    assert problems(manager, camera_id) == [None, None]


def test_an_offline_device_marks_no_channel(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    camera_id = online(harness, manager)
    device.problem = CameraUnreachable("gone")
    harness.wait_status(camera_id, CameraStatus.OFFLINE)
    manager.note_stream(camera_id, "MediaProfile00000", Problem("camera_unreachable", "gone"))
    assert problems(manager, camera_id) == [None, None]


def test_a_refresh_clears_the_problems_of_channels(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device()
    camera_id = online(harness, manager)
    manager.note_stream(camera_id, "MediaProfile00000", Problem("camera_no_signal", "?"))
    manager.refresh(camera_id)
    assert problems(manager, camera_id) == [None, None]
