"""Two processes with one database: the owner connects a camera, and each follows the changes of the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from cameras.records import CameraChange, CameraDraft
from core.certificates import PinnedCertificate
from core.clock import SystemClock
from core.errors import CameraUnreachable, NotFound
from core.placement import NotOwner
from core.records import CameraStatus, Problem
from core.secrets import Secret
from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness, FakeDevice, channel
from tests.patience import LIMIT_S, until
from tests.placement.fake import FakePlacement


@dataclass
class Pair:
    """The manager that owns the cameras at first, and another one that owns none."""

    harness: CameraHarness
    owner: OnvifManager
    placement: FakePlacement
    other: OnvifManager
    other_placement: FakePlacement
    camera_id: int
    device: FakeDevice

    def move(self) -> None:
        """Move the camera to the other manager, and wait until that one has connected it."""
        self.placement.take(self.camera_id)
        self.other_placement.give(self.camera_id)
        self.wait_online(self.other)

    def read_channels(self) -> None:
        """Let the other manager read the channels, which the owner saves a moment after it is online."""

        def has_channels() -> bool:
            self.other.read_again()
            return bool(self.other.channels(self.camera_id))

        until(has_channels, what="saved channels")

    def wait_online(self, manager: OnvifManager) -> None:
        until(lambda: manager.get_camera(self.camera_id).status is CameraStatus.ONLINE)


@pytest.fixture
def pair(harness: CameraHarness) -> Iterator[Pair]:
    device = harness.device()
    placement, other_placement = FakePlacement(owns_new=True), FakePlacement()
    with ExitStack() as ending:
        owner = harness.make()
        owner.use_placement(placement)
        owner.start()
        ending.callback(owner.stop)
        camera_id = owner.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
        other = harness.make()
        other.use_placement(other_placement)
        other.start()
        ending.callback(other.stop)
        pair = Pair(harness, owner, placement, other, other_placement, camera_id, device)
        pair.wait_online(owner)
        yield pair


def test_only_the_owner_connects_a_camera(pair: Pair) -> None:
    assert pair.device.opens == 1
    assert pair.other.get_camera(pair.camera_id).status is CameraStatus.CONNECTING
    assert pair.other.owned_cameras() == []
    assert [view.id for view in pair.owner.owned_cameras()] == [pair.camera_id]


def test_a_camera_of_another_node_is_asked_nothing(pair: Pair) -> None:
    with pytest.raises(NotOwner) as caught:
        pair.other.stream_source(pair.camera_id, "MediaProfile00000")
    assert (caught.value.code, caught.value.retry_after_s) == ("not_owner", 1)
    for ask in (pair.other.ask_recorder, pair.other.ask_head, pair.other.ask_events):
        with pytest.raises(NotOwner):
            ask(pair.camera_id, lambda device: device)
    with pytest.raises(NotFound):
        pair.other.check_owner(pair.camera_id + 1)
    assert pair.device.opens == 1


def test_the_state_of_a_camera_elsewhere_is_shown(pair: Pair) -> None:
    problem = Problem("camera_unreachable", "No answer.")
    pair.other.show_state(pair.camera_id, CameraStatus.OFFLINE, problem)
    view = pair.other.get_camera(pair.camera_id)
    assert (view.status, view.error) == (CameraStatus.OFFLINE, problem)
    pair.owner.show_state(pair.camera_id, CameraStatus.OFFLINE, problem)
    assert pair.owner.states() == {pair.camera_id: (CameraStatus.ONLINE, None)}
    assert pair.other.states() == {}


def test_a_move_closes_the_connection_before_the_next_owner_connects(pair: Pair) -> None:
    steps: list[str] = []
    pair.owner.on_lost(lambda camera_id: steps.append(f"lost, closed {pair.device.closes} times"))
    pair.owner.on_closed(lambda camera_id: steps.append(f"closed {pair.device.closes} times"))
    pair.other.on_gained(lambda camera_id: steps.append(f"gained, opened {pair.device.opens} times"))
    pair.move()
    assert steps == ["lost, closed 0 times", "closed 1 times", "gained, opened 1 times"]
    assert pair.owner.get_camera(pair.camera_id).status is CameraStatus.CONNECTING


def test_a_fault_in_one_callback_does_not_stop_the_move(pair: Pair) -> None:
    def fail(camera_id: int) -> None:
        raise RuntimeError

    pair.owner.on_lost(fail)
    pair.move()
    assert pair.device.closes == 1


def test_a_callback_that_hangs_does_not_keep_the_connection(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cameras.ownership._ENDS_S", 0.05)
    is_over = threading.Event()

    def hang(_: int) -> None:
        is_over.wait(LIMIT_S)

    pair.owner.on_lost(hang)
    moving = threading.Thread(target=pair.move)
    moving.start()
    until(lambda: pair.device.closes, what="the end of the connection")
    assert moving.is_alive()
    is_over.set()
    moving.join()


def test_a_camera_that_is_lost_again_meanwhile_is_not_connected(pair: Pair) -> None:
    told: list[int] = []
    pair.placement.take(pair.camera_id)
    pair.other.on_gained(lambda it: pair.other_placement.take(it))
    pair.other.on_gained(told.append)
    pair.other_placement.give(pair.camera_id)
    assert told == []
    assert pair.other.get_camera(pair.camera_id).status is CameraStatus.CONNECTING
    assert pair.device.opens == 1


def test_a_hanging_attempt_ends_when_the_camera_moves(pair: Pair, harness: CameraHarness) -> None:
    slow = harness.device("slow", takes_s=60.0)
    camera_id = pair.owner.add_camera(CameraDraft("slow", "admin", Secret("right"), 80)).id
    until(lambda: slow.opens == 1)
    pair.placement.take(camera_id)
    until(lambda: slow.closes)
    assert pair.owner.get_camera(camera_id).status is CameraStatus.CONNECTING


def test_the_next_owner_knows_what_the_last_one_has_learned(pair: Pair) -> None:
    pair.owner.update_channel(pair.camera_id, 1, name="Gate")
    pair.move()
    assert pair.other.channels(pair.camera_id)[0].name == "Gate"


def test_the_next_owner_knows_the_pinned_certificate(pair: Pair) -> None:
    pinned = pair.owner._certificates
    pinned.load([PinnedCertificate("cam", 443, "ab" * 32, SystemClock().now_utc())])
    pair.owner._certificate_store.save("cam")
    pair.move()
    assert [pin.sha256 for pin in pair.other._certificates.of_host("cam")] == ["ab" * 32]


def test_all_nodes_forget_the_certificate_of_a_deleted_camera(pair: Pair) -> None:
    told: list[bool] = []
    pair.owner._certificates.check("cam", 443, b"first")
    pair.owner._certificate_store.save("cam")
    pair.other.read_again()
    assert pair.other._certificates.of_host("cam")
    pair.owner.on_edited(lambda: told.append(bool(pair.owner._certificates.of_host("cam"))))
    pair.owner.delete_camera(pair.camera_id)
    assert told[-1] is False, "the other nodes read again after the pin was deleted"
    pair.other.read_again()
    assert pair.other._certificates.of_host("cam") == ()
    pair.other._certificates.check("cam", 443, b"of another device")


def test_an_added_camera_is_known_and_connected_by_its_owner(pair: Pair, harness: CameraHarness) -> None:
    device = harness.device("second")
    camera_id = pair.other.add_camera(CameraDraft("second", "admin", Secret("right"), 80)).id
    assert device.opens == 0
    pair.owner.read_again()
    until(lambda: pair.owner.get_camera(camera_id).status is CameraStatus.ONLINE)
    assert device.opens == 1


def test_a_removed_camera_is_forgotten_with_its_files(pair: Pair) -> None:
    removed: list[int] = []
    pair.owner.on_delete(removed.append)
    pair.other.delete_camera(pair.camera_id)
    pair.owner.read_again()
    assert pair.owner.list_cameras() == []
    assert removed == [pair.camera_id]
    assert pair.device.closes == 1
    pair.owner.read_again()
    assert removed == [pair.camera_id]


def test_an_edited_address_is_connected_by_the_owner(pair: Pair, harness: CameraHarness) -> None:
    moved = harness.device("moved")
    changed: list[int] = []
    pair.owner.on_change(changed.append)
    pair.other.update_camera(pair.camera_id, CameraChange(host="moved", port=80, password=Secret("right")))
    pair.owner.read_again()
    until(lambda: moved.opens == 1)
    pair.wait_online(pair.owner)
    assert pair.owner.get_camera(pair.camera_id).host == "moved"
    assert pair.device.closes == 1
    assert changed == [pair.camera_id]


def test_an_edited_password_is_used_by_the_owner(pair: Pair) -> None:
    pair.other.update_camera(pair.camera_id, CameraChange(password=Secret("wrong")))
    pair.owner.read_again()
    until(lambda: pair.owner.get_camera(pair.camera_id).status is CameraStatus.AUTH_FAILED)


def test_names_are_shown_without_a_new_connection(pair: Pair) -> None:
    changed: list[int] = []
    pair.owner.on_change(changed.append)
    pair.read_channels()
    pair.other.update_camera(pair.camera_id, CameraChange(name="Yard", recording_time_zone="Europe/Berlin"))
    pair.other.update_channel(pair.camera_id, 2, name="Gate", hidden=True)
    pair.owner.read_again()
    view, second = pair.owner.get_camera(pair.camera_id), pair.owner.channels(pair.camera_id)[1]
    assert (view.name, view.recording_time_zone) == ("Yard", "Europe/Berlin")
    assert (second.name, second.hidden) == ("Gate", True)
    assert (view.status, changed, pair.device.opens) == (CameraStatus.ONLINE, [], 1)


def test_other_nodes_see_the_channels_that_the_owner_reads(pair: Pair) -> None:
    told: list[None] = []
    pair.owner.on_edited(lambda: told.append(None))
    pair.read_channels()
    told.clear()
    pair.device.channels = (*pair.device.channels, channel(3))
    pair.owner.refresh(pair.camera_id)
    until(lambda: told)

    def has_all() -> bool:
        pair.other.read_again()
        return len(pair.other.channels(pair.camera_id)) == 3

    until(has_all)


def test_a_second_reading_changes_nothing(pair: Pair) -> None:
    changed: list[int] = []
    for manager in (pair.owner, pair.other):
        manager.on_change(changed.append)
        manager.on_delete(changed.append)
        manager.read_again()
    pair.device.problem = CameraUnreachable("Nothing answers.")
    until(lambda: pair.owner.get_camera(pair.camera_id).status is CameraStatus.OFFLINE)
    pair.owner.refresh(pair.camera_id)
    pair.owner.read_again()
    assert changed == []


@pytest.mark.parametrize(
    "change",
    [
        lambda pair: pair.owner.update_camera(pair.camera_id, CameraChange(name="Yard")),
        lambda pair: pair.owner.update_channel(pair.camera_id, 1, name="Gate"),
        lambda pair: pair.owner.order_channels(pair.camera_id, [2, 1]),
        lambda pair: pair.owner.add_camera(CameraDraft("nowhere", "admin", Secret("right"), 80)),
        lambda pair: pair.owner.delete_camera(pair.camera_id),
    ],
    ids=["edit", "channel", "order", "add", "delete"],
)
def test_every_change_tells_the_other_processes(pair: Pair, change: Callable[[Pair], object]) -> None:
    pair.read_channels()
    told: list[None] = []
    pair.owner.on_edited(lambda: told.append(None))
    change(pair)
    assert told
