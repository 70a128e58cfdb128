"""States of cameras and refused passwords between nodes on one SQLite file, whose time stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from core.clock import Clock, SystemClock
from core.errors import CameraAuthFailed
from core.login_gate import LoginGate, Refusal
from core.records import CameraStatus, Credential, Problem
from core.secrets import Secret
from database import Database
from placement.states import CameraStates
from tables import CameraRow
from tests.hand_clock import HandClock
from tests.patience import until
from tests.placement.nodes import HandNode, add_cameras, rounds
from tests.prepared_database import prepared_database

WRONG = Credential("admin", Secret("wrong"))
RETRY_S = 300.0
OFFLINE = Problem("camera_unreachable", "No answer.")


class Device:
    """A recorder that refuses every password, and counts the tries."""

    def __init__(self) -> None:
        self.refused = 0


class LoggingInCameras:
    """The cameras of one node: each gained one logs in at the device, as the connector does."""

    def __init__(self, node: HandNode, clock: Clock, device: Device) -> None:
        self._node = node
        self._device = device
        self.gate = LoginGate(clock, retry_after_s=RETRY_S)
        self.own: dict[int, tuple[CameraStatus, Problem | None]] = {}
        self.shown: dict[int, tuple[CameraStatus, Problem | None]] = {}

    def log_in(self, camera_id: int) -> None:
        try:
            attempt = self.gate.begin(f"camera{camera_id}", WRONG)
        except CameraAuthFailed:
            pass
        else:
            self._device.refused += 1
            attempt.refused()
        self.own[camera_id] = (CameraStatus.AUTH_FAILED, Problem("camera_auth_failed", "Refused."))

    def states(self) -> Mapping[int, tuple[CameraStatus, Problem | None]]:
        return self.own

    def show_state(self, camera_id: int, status: CameraStatus, problem: Problem | None) -> None:
        self.shown[camera_id] = (status, problem)

    def refusal(self, camera_id: int) -> Refusal | None:
        return self.gate.refusal(f"camera{camera_id}", WRONG)

    def continue_refusal(self, camera_id: int, refusal: Refusal) -> None:
        self.gate.continue_refusal(f"camera{camera_id}", WRONG, refusal)


class StateNode(HandNode):
    """A node that exchanges states."""

    def __init__(
        self, database: Database, clock: Clock, folder: Path, name: str, device: Device, **options: Clock
    ) -> None:
        super().__init__(database, clock, folder, name, **options)  # type: ignore[arg-type]
        self.cameras = LoggingInCameras(self, clock, device)
        self.states = CameraStates(database, clock, self.placement, self.cameras, self.bus)
        self.placement.on_gained(self.states.adopt_camera)
        self.placement.on_lost(self.states.release_camera)


MakeNode = Callable[[str], StateNode]


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def node(database: Database, clock: HandClock, device: Device, tmp_path: Path) -> Iterator[MakeNode]:
    """Make a node that has joined."""
    made: list[StateNode] = []

    def make(name: str) -> StateNode:
        it = StateNode(database, clock, tmp_path / name, name, device)
        it.placement.join()
        made.append(it)
        return it

    yield make
    for it in made:
        it.close()


def move(camera_to: StateNode, camera_from: StateNode, clock: HandClock) -> None:
    """Move the only camera by draining its owner."""
    camera_to.store.set_draining(camera_from.identity.name, True)
    camera_to.store.set_draining(camera_to.identity.name, False)
    rounds([camera_from, camera_to], clock, 2)
    assert camera_to.ids() == [1]


def test_moves_of_a_camera_cost_no_wrong_login(
    database: Database, clock: HandClock, device: Device, node: MakeNode
) -> None:
    """Ten moves within the pause after a refused login, none of which is written before the move, cost one login."""
    add_cameras(database, 1, password_box=b"box")
    nodes = [node("a"), node("b")]
    for it in nodes:
        it.placement.on_gained(it.cameras.log_in)
    rounds(nodes, clock, 2)
    assert device.refused == 1
    for number in range(10):
        owner = next(it for it in nodes if it.ids())
        move(next(it for it in nodes if it is not owner), owner, clock)
        if number % 2:
            next(it for it in nodes if it.ids()).states.write()
    assert device.refused == 1
    clock.move(seconds=RETRY_S)
    for it in nodes:
        it.round()
    owner = next(it for it in nodes if it.ids())
    owner.cameras.log_in(1)
    assert device.refused == 2


def test_a_password_that_was_entered_since_is_tried(
    database: Database, clock: HandClock, device: Device, node: MakeNode
) -> None:
    add_cameras(database, 1, password_box=b"box")
    a, b = node("a"), node("b")
    for it in (a, b):
        it.placement.on_gained(it.cameras.log_in)
    rounds([a, b], clock, 2)
    a.states.write()
    with database.write() as session:
        row = session.get(CameraRow, 1)
        assert row is not None
        row.password_box = b"another"
    move(b, a, clock)
    assert device.refused == 2


def test_a_killed_node_has_noted_its_refused_password(
    database: Database, clock: HandClock, device: Device, node: MakeNode
) -> None:
    add_cameras(database, 1, password_box=b"box")
    a, b = node("a"), node("b")
    for it in (a, b):
        it.placement.on_gained(it.cameras.log_in)
    rounds([a, b], clock, 2)
    a.states.write()
    rounds([b], clock, 8)
    assert b.ids() == [1]
    assert device.refused == 1


def test_a_node_shows_the_state_that_the_owner_wrote(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 2)
    a, b = node("a"), node("b")
    rounds([a, b], clock, 2)
    (mine,) = a.ids()
    a.cameras.own[mine] = (CameraStatus.OFFLINE, OFFLINE)
    a.states.write()
    b.round()
    b.states.read()
    assert b.cameras.shown == {mine: (CameraStatus.OFFLINE, OFFLINE)}
    a.cameras.own[mine] = (CameraStatus.ONLINE, None)
    a.states.write()
    b.states.read()
    assert b.cameras.shown == {mine: (CameraStatus.ONLINE, None)}


def test_a_camera_of_a_dead_node_is_shown_as_connecting(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 1, failover="never")
    a, b = node("a"), node("b")
    rounds([a, b], clock, 2)
    a.cameras.own[1] = (CameraStatus.ONLINE, None)
    a.states.write()
    rounds([b], clock, 8)
    b.states.read()
    assert b.cameras.shown == {1: (CameraStatus.CONNECTING, None)}


def test_an_earlier_owner_does_not_overwrite_a_state(
    database: Database, clock: HandClock, device: Device, node: MakeNode, tmp_path: Path
) -> None:
    add_cameras(database, 1)
    its_clock = HandClock()
    a = StateNode(database, its_clock, tmp_path / "a", "a", device, database_clock=clock)
    a.placement.join()
    for it in (clock, its_clock):
        it.move(seconds=2)
    a.round()
    b, c = node("b"), node("c")
    rounds([b, c], clock, 8)
    b.cameras.own[1] = (CameraStatus.ONLINE, None)
    b.states.write()
    assert a.ids() == b.ids() == [1]  # the time of `a` stands still, as if it had just asked when it was stopped
    a.cameras.own[1] = (CameraStatus.OFFLINE, OFFLINE)
    a.states.write()
    c.states.read()
    assert c.cameras.shown == {1: (CameraStatus.ONLINE, None)}
    a.close()


@pytest.mark.slow
def test_states_and_refused_logins_move_on_both_engines(tmp_path: Path, device: Device, database_engine: str) -> None:
    """The clocks run."""
    database = prepared_database(tmp_path / "cameras.sqlite3")
    database.open()
    add_cameras(database, 1, password_box=b"box")
    a, b = (StateNode(database, SystemClock(), tmp_path / name, name, device) for name in "ab")
    for it in (a, b):
        it.placement.on_gained(it.cameras.log_in)
    a.placement.join()
    until(lambda: a.round() and a.ids() == [1])
    a.states.write()
    b.placement.join()
    a.store.set_draining("a", True)
    until(lambda: a.round() and b.round() and b.ids() == [1])
    assert device.refused == 1
    b.states.write()
    a.round()
    a.states.read()
    assert a.cameras.shown == {1: (CameraStatus.AUTH_FAILED, Problem("camera_auth_failed", "Refused."))}
    for it in (a, b):
        it.close()
    database.close()
