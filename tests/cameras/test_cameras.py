"""Cameras are added, edited, refreshed and deleted; their data survives a restart."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cameras.records import CameraChange, CameraDraft
from core.errors import CameraUnreachable, Conflict, InvalidRequest, NotFound
from core.recordings import ZoneOfTimes
from core.records import CameraStatus, DeviceInfo, DevicePlace, LearnedAccess
from core.secrets import Secret
from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness, FakeDevice, FakeNetwork, channel
from tests.patience import LIMIT_S, promised, until

RIGHT = Secret("right")


def add(manager: OnvifManager, host: str = "cam", port: int | None = 80, password: str = "right") -> int:
    return manager.add_camera(CameraDraft(host=host, port=port, username="admin", password=Secret(password))).id


def test_a_new_camera_is_listed_immediately_and_comes_online(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device(takes_s=LIMIT_S)
    view = manager.add_camera(CameraDraft(host="Cam", port=80, username="admin", password=RIGHT))
    assert (view.id, view.status, view.channel_count) == (1, CameraStatus.CONNECTING, 0)
    device.release.set()
    view = manager.wait_first_connection(1, LIMIT_S)
    assert view.status is CameraStatus.ONLINE
    assert view.error is None
    assert view.name == "Dahua XVR5116"
    assert view.host == "cam"
    assert view.channel_count == 2
    assert view.services == ("device", "media")
    assert view.clock_offset_s == 1.5
    assert view.last_seen_at is not None


def test_wait_first_connection_ends_when_the_connection_fails(manager: OnvifManager) -> None:
    view = manager.wait_first_connection(add(manager, "nowhere"), LIMIT_S)
    assert view.status is CameraStatus.OFFLINE
    assert view.error is not None
    assert view.error.code == "camera_unreachable"


def test_wait_first_connection_ends_after_its_timeout(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device(takes_s=LIMIT_S)
    assert manager.wait_first_connection(add(manager), 0.05).status is CameraStatus.CONNECTING
    device.release.set()


def test_a_missing_port_is_found(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device(port=8000)
    view = manager.wait_first_connection(add(manager, port=None), LIMIT_S)
    assert (view.port, view.status) == (8000, CameraStatus.ONLINE)


def test_an_address_may_contain_the_port(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device("10.0.0.9", 8899)
    assert manager.wait_first_connection(add(manager, "10.0.0.9:8899", None), LIMIT_S).port == 8899


def test_a_duplicate_address_names_the_existing_camera(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device()
    first = add(manager)
    with pytest.raises(Conflict) as refused:
        add(manager, "CAM.")
    assert (refused.value.code, refused.value.existing_id) == ("already_added", first)
    with pytest.raises(Conflict) as refused:
        add(manager, port=None)
    assert refused.value.existing_id == first
    assert len(manager.list_cameras()) == 1


def test_another_port_of_the_same_address_is_another_camera(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device()
    harness.device(port=81, info=DeviceInfo("Dahua", "IPC", "1", "SN2", ""))
    add(manager)
    second = manager.wait_first_connection(add(manager, port=81), LIMIT_S)
    assert second.status is CameraStatus.ONLINE
    assert second.same_device_as is None


def test_a_found_port_of_another_camera_is_reported(
    harness: CameraHarness, manager: OnvifManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.device()
    is_given, find_place = threading.Event(), FakeNetwork.find_place

    def find_later(network: FakeNetwork, host: str, timeout_s: float) -> DevicePlace:
        assert is_given.wait(LIMIT_S)
        return find_place(network, host, timeout_s)

    monkeypatch.setattr(FakeNetwork, "find_place", find_later)
    asked = add(manager, port=None)
    given = add(manager, port=80)
    is_given.set()
    until(lambda: manager.get_camera(asked).error is not None)
    view = manager.get_camera(asked)
    assert view.status is CameraStatus.OFFLINE
    assert view.error is not None
    assert view.error.code == "already_added"
    assert str(given) in view.error.detail


def test_a_device_with_two_addresses_is_marked_as_the_same(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device("cam")
    harness.device("10.0.0.5")
    first, second = add(manager), add(manager, "10.0.0.5")
    for camera_id in (first, second):
        harness.wait_status(camera_id, CameraStatus.ONLINE)
    assert manager.get_camera(second).same_device_as == first
    assert manager.get_camera(first).same_device_as is None


def test_camera_ids_are_never_reused(harness: CameraHarness, manager: OnvifManager) -> None:
    assert add(manager, "a") == 1
    assert add(manager, "b") == 2
    manager.delete_camera(2)
    assert add(manager, "c") == 3


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (CameraDraft(host=""), "host"),
        (CameraDraft(host="user@cam"), "host"),
        (CameraDraft(host="cam", port=0), "port"),
        (CameraDraft(host="cam", port=65536), "port"),
        (CameraDraft(host="cam:81", port=80), "port"),
        (CameraDraft(host="cam", name="x" * 101), "name"),
        (CameraDraft(host="cam", name="a\u202eb"), "name"),
        (CameraDraft(host="cam", username="a\r\nb"), "username"),
        (CameraDraft(host="cam", username="a" * 300), "username"),
        (CameraDraft(host="cam", password=Secret("a\x00b")), "password"),
    ],
)
def test_an_invalid_draft_is_refused_with_the_field_named(
    manager: OnvifManager, draft: CameraDraft, field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        manager.add_camera(draft)
    assert [error.field for error in refused.value.errors] == [field]
    assert manager.list_cameras() == []


def test_cameras_are_complete_immediately_after_a_restart(harness: CameraHarness) -> None:
    device = harness.device()
    with harness.running() as manager:
        camera_id = add(manager)
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        manager.update_channel(camera_id, 2, name="Yard", hidden=True, position=0)
        before, channels = manager.get_camera(camera_id), manager.channels(camera_id)
    device.takes_s = LIMIT_S
    with harness.running() as manager:
        after = manager.get_camera(camera_id)
        assert after.status is CameraStatus.CONNECTING
        assert replace(after, status=before.status, last_seen_at=None) == replace(before, last_seen_at=None)
        assert after.last_seen_at is not None
        assert manager.channels(camera_id) == channels
        device.release.set()


def test_a_camera_recovers_when_its_device_is_back(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    camera_id = add(manager)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    device.problem = CameraUnreachable("The device does not answer.")
    harness.wait_status(camera_id, CameraStatus.OFFLINE)
    assert manager.channels(camera_id), "what was known stays"
    device.problem = None
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    assert manager.health(camera_id).failures == 0


def test_a_refused_password_is_tried_once(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    camera_id = add(manager, password="wrong")
    harness.wait_status(camera_id, CameraStatus.AUTH_FAILED)
    error = manager.get_camera(camera_id).error
    assert error is not None
    assert error.code == "camera_auth_failed"
    threading.Event().wait(0.5)
    assert device.logins == 1


def test_a_new_password_is_tried_immediately(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device()
    changed: list[int] = []
    manager.on_change(changed.append)
    camera_id = add(manager, password="wrong")
    harness.wait_status(camera_id, CameraStatus.AUTH_FAILED)
    view = manager.update_camera(camera_id, CameraChange(password=RIGHT))
    assert view.status is CameraStatus.CONNECTING
    assert view.error is None
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    assert changed == [camera_id]


def test_a_refresh_tries_a_refused_password_again(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    camera_id = add(manager, password="wrong")
    harness.wait_status(camera_id, CameraStatus.AUTH_FAILED)
    device.password = "wrong"
    manager.refresh(camera_id)
    assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.ONLINE


def test_a_changed_device_password_costs_one_failed_login(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    harness.pace = replace(harness.pace, read_again_s=0.1)
    with harness.running() as hasty:
        camera_id = add(hasty)
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        device.password = "another"
        logins = device.logins
        harness.wait_status(camera_id, CameraStatus.AUTH_FAILED)
        threading.Event().wait(0.4)
        assert device.logins - logins <= 2  # one login may be in progress and still succeed


def test_channels_of_a_device_that_boots_are_read_soon(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device(channels=())
    camera_id = add(manager)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    assert not manager.channels(camera_id)
    device.channels = FakeDevice.channels
    until(lambda: len(manager.channels(camera_id)) == 2)
    assert device.opens == 1


def test_a_new_name_does_not_reconnect_the_camera(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    changed: list[int] = []
    manager.on_change(changed.append)
    camera_id = add(manager)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    assert manager.update_camera(camera_id, CameraChange(name="  Cellar ")).name == "Cellar"
    assert manager.get_camera(camera_id).status is CameraStatus.ONLINE
    assert manager.update_camera(camera_id, CameraChange(name="")).name == "Dahua XVR5116"
    assert (device.opens, changed) == (1, [])


@pytest.mark.parametrize(
    "move",
    [
        CameraChange(host="thief"),
        CameraChange(host="cam:8000"),
        CameraChange(port=8000),
        CameraChange(host="thief", port=80, username="admin", name="Shed"),
    ],
)
def test_a_stored_password_is_not_sent_to_another_address(
    harness: CameraHarness, manager: OnvifManager, move: CameraChange
) -> None:
    """A user who may edit a camera could otherwise move it to an own machine and receive its password there."""
    harness.device()
    thieves = [harness.device("thief"), harness.device("thief", 8000), harness.device("cam", 8000)]
    camera_id = add(manager)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    before = manager.get_camera(camera_id)
    with pytest.raises(InvalidRequest) as refused:
        manager.update_camera(camera_id, move)
    assert [error.field for error in refused.value.errors] == ["password"]
    now = manager.get_camera(camera_id)
    assert (now.host, now.port, now.name) == (before.host, before.port, before.name)
    assert not [thief for thief in thieves if thief.opens]
    assert manager.update_camera(camera_id, replace(move, password=RIGHT)).status is CameraStatus.CONNECTING


def test_an_unchanged_address_needs_no_password(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    camera_id = add(manager)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    for same in (CameraChange(host="CAM"), CameraChange(host="cam:80"), CameraChange(port=80)):
        assert manager.update_camera(camera_id, same).status is CameraStatus.ONLINE
    assert device.opens == 1


def test_a_camera_without_a_password_can_move(harness: CameraHarness, manager: OnvifManager) -> None:
    camera_id = add(manager, password="")
    assert manager.update_camera(camera_id, CameraChange(host="new")).host == "new"


def test_a_new_address_forgets_the_old_device(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device("cam")
    harness.device("new", 8000, channels=(channel(1),), info=DeviceInfo("Axis", "M1", "9", "SN9", ""))
    camera_id = add(manager)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    view = manager.update_camera(camera_id, CameraChange(host="new", port=8000, password=RIGHT))
    assert (view.status, view.channel_count, view.info) == (CameraStatus.CONNECTING, 0, DeviceInfo())
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    assert manager.get_camera(camera_id).name == "Axis M1"
    assert len(manager.channels(camera_id)) == 1


def test_an_edit_to_another_cameras_address_is_refused(harness: CameraHarness, manager: OnvifManager) -> None:
    first, second = add(manager, "a"), add(manager, "b")
    with pytest.raises(Conflict) as refused:
        manager.update_camera(second, CameraChange(host="a", name="x", password=RIGHT))
    assert refused.value.existing_id == first
    assert manager.get_camera(second).host == "b"
    assert manager.get_camera(second).name == "b"


def test_an_edit_does_not_wait_for_a_running_attempt(harness: CameraHarness, manager: OnvifManager) -> None:
    old = harness.device("cam", takes_s=30.0)
    harness.device("new", channels=(channel(1), channel(2), channel(3)))
    camera_id = add(manager)
    until(lambda: old.opens == 1)
    manager.update_camera(camera_id, CameraChange(host="new", password=RIGHT))
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    assert manager.get_camera(camera_id).channel_count == 3


def test_results_of_an_older_attempt_are_discarded(harness: CameraHarness, manager: OnvifManager) -> None:
    old = harness.device("cam", takes_s=0.3)
    harness.device("new", channels=(channel(1), channel(2), channel(3)))
    camera_id = add(manager, port=None)
    until(lambda: old.opens == 1)
    old.ignores_close = True
    manager.update_camera(camera_id, CameraChange(host="new", port=80, password=RIGHT))
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    until(lambda: old.closes >= 1)
    view = manager.get_camera(camera_id)
    assert (view.host, view.channel_count) == ("new", 3)


def test_a_deleted_camera_leaves_no_streams_and_no_files(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    ended: list[int] = []
    manager.on_delete(ended.append)
    camera_id = add(manager)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    token = manager.channels(camera_id)[0].profiles[0].profile_token
    harness.snapshot(camera_id, token)
    manager.delete_camera(camera_id)
    assert ended == [camera_id]
    assert manager.list_cameras() == []
    assert device.closes >= 1  # a check that was under way closes it, too
    assert not list((harness.settings.data_dir / "cache" / "snapshots").iterdir())
    for call in (manager.get_camera, manager.delete_camera, manager.refresh, manager.channels, manager.health):
        with pytest.raises(NotFound):
            call(camera_id)
    with harness.running() as again:
        assert again.list_cameras() == []


def test_a_connecting_camera_can_be_deleted(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device(takes_s=LIMIT_S)
    camera_id = add(manager)
    until(lambda: device.opens == 1)
    manager.delete_camera(camera_id)
    device.release.set()
    until(lambda: device.closes >= 1)
    assert manager.list_cameras() == []


def test_a_refresh_reads_the_channels_again(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    camera_id = add(manager)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    device.channels = (channel(1), channel(2), channel(3))
    manager.refresh(camera_id)
    assert manager.wait_first_connection(camera_id, LIMIT_S).channel_count == 3
    assert device.opens == 2


def test_a_refresh_finds_a_device_on_its_new_port(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device(port=80)
    camera_id = add(manager, port=None)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    harness.devices["cam", 8080] = harness.devices.pop(("cam", 80))
    harness.devices["cam", 8080].problem = CameraUnreachable("gone")
    harness.wait_status(camera_id, CameraStatus.OFFLINE)
    harness.devices["cam", 8080].problem = None
    manager.refresh(camera_id)
    view = manager.wait_first_connection(camera_id, LIMIT_S)
    assert (view.status, view.port) == (CameraStatus.ONLINE, 8080)


def test_facts_learned_at_an_old_port_are_dropped(harness: CameraHarness, manager: OnvifManager) -> None:
    old = harness.device(port=80, learned=LearnedAccess(places=(("media", "http://cam:81/media"),)))
    camera_id = add(manager, port=None)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    del harness.devices["cam", 80]
    new = harness.device(port=8080, problem=CameraUnreachable("gone"))
    old.problem = CameraUnreachable("gone")
    harness.wait_status(camera_id, CameraStatus.OFFLINE)
    new.problem = None
    manager.refresh(camera_id)
    assert manager.wait_first_connection(camera_id, LIMIT_S).port == 8080
    assert new.addresses[0].access.learned == LearnedAccess()


def test_a_zone_in_the_times_of_recordings_outlives_the_app(harness: CameraHarness) -> None:
    known = LearnedAccess(recording_zone_s=28_800.0, recording_zone_since_s=1_795_000_000.0)
    device = harness.device(learned=known)
    with harness.running() as manager:
        camera_id = add(manager)
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        assert manager.recording_offset_s(camera_id) == 28_801.5
        source, ahead_s = manager.replay_source(camera_id, "Rec0")
        assert (source.zone, ahead_s) == (ZoneOfTimes(28_800.0, 1_795_000_000.0 - 1.5), 28_802)
    device.problem, device.learned = CameraUnreachable("off"), LearnedAccess()
    with harness.running() as manager:
        assert manager.recording_offset_s(camera_id) == 28_801.5
        entry = manager._registry.entry(camera_id)
        assert entry.stored.access.learned == known


def test_a_user_chooses_the_zone_of_recordings_without_a_new_connection(
    harness: CameraHarness, manager: OnvifManager
) -> None:
    device = harness.device()
    camera_id = add(manager)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    opens = device.opens
    view = manager.update_camera(camera_id, CameraChange(recording_time_zone="Europe/Berlin"))
    assert view.recording_time_zone == "Europe/Berlin"
    source, ahead_s = manager.replay_source(camera_id, "Rec0")
    january = datetime(2026, 1, 15, tzinfo=UTC).timestamp()
    assert round(ahead_s + source.zone.shift_at(january)) == 3602
    assert round(ahead_s + source.zone.shift_at(january + 180 * 86_400)) == 7202
    assert device.opens == opens
    for wrong in ("Europe/Nowhere", "CET-1CEST,M3.5.0,M10.5.0/3", "../x"):
        with pytest.raises(InvalidRequest) as refused:
            manager.update_camera(camera_id, CameraChange(recording_time_zone=wrong))
        assert refused.value.errors[0].field == "recording_time_zone"
    assert manager.update_camera(camera_id, CameraChange(recording_time_zone="")).recording_time_zone == ""
    assert manager.recording_offset_s(camera_id) == 1.5


def test_dead_cameras_do_not_delay_the_list_of_64(harness: CameraHarness, manager: OnvifManager) -> None:
    for number in range(64):
        harness.device(f"cam{number}", takes_s=10 * LIMIT_S if number % 2 else 0.01)
    for number in range(64):
        add(manager, f"cam{number}")
        assert len(manager.list_cameras()) == number + 1

    def live_are_online() -> bool:
        views = manager.list_cameras()
        return all(view.status is CameraStatus.ONLINE for view in views if int(view.host[3:]) % 2 == 0)

    until(live_are_online)


def test_stop_does_not_wait_for_a_hanging_device(harness: CameraHarness) -> None:
    device = harness.device(takes_s=30.0)
    of_others = set(threading.enumerate())  # a busy machine still ends those of the test before
    with harness.running() as manager:
        add(manager)
        until(lambda: device.opens == 1)
        with promised(1.0):
            manager.stop()
        left = set(threading.enumerate()) - of_others
        assert not [thread for thread in left if thread.name.startswith("cameras-")]
        manager.stop()
