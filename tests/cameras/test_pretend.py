"""The pretend recorder as a supervised child process: a fake simulator, started by the real spawner."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import delete

from cameras.records import CameraChange, CameraDraft
from core.errors import Conflict, InvalidRequest, Unavailable
from core.records import CameraStatus
from core.settings import ROOT
from media.child_shim import ANY, ChildLimits
from media.process import Spawner, SupervisedProcess
from tables import CameraRow
from tests.cameras.doubles import CameraHarness
from tests.patience import LIMIT_S, until
from tests.placement.fake import FakePlacement
from tests.prepared_database import prepared_database

pytestmark = pytest.mark.programs

# Write the process's arguments and environment to a note, print the ready line of the simulator, and wait.
PROGRAM = """
import json, os, stat, sys, time
from pathlib import Path
notes, port, arguments = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
file = Path(arguments[arguments.index("--password-file") + 1])
note = {"pid": os.getpid(), "arguments": arguments, "password": file.read_text(), "file": str(file),
        "mode": stat.S_IMODE(file.stat().st_mode), "cwd": os.getcwd(), "environ": dict(os.environ)}
whole = notes / f"{time.monotonic_ns()}.json"
part = whole.with_suffix(".part")
part.write_text(json.dumps(note))
part.rename(whole)
print(READY, flush=True)
time.sleep(3600)
"""
READY = 'json.dumps({"ready": True, "onvif_port": port, "rtsp_port": 1, "control_port": 2, "username": "admin"})'


class ProgramSpawner(Spawner):
    """Starts PROGRAM instead of the simulator, with the simulator's arguments."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._notes = folder / "notes"
        self._notes.mkdir()
        self.ports = iter(range(9001, 9100))
        self.may_start = threading.Event()
        self.may_start.set()
        self.program = PROGRAM.replace("READY", READY)

    def spawn(
        self,
        argv: Sequence[str],
        *,
        name: str,
        cwd: Path | None = None,
        stdout: Literal["pipe"] | Callable[[bytes], None] | None = None,
        extra_env: Mapping[str, str] | None = None,
        opens_stdin: bool = False,
        limits: ChildLimits = ANY,
    ) -> SupervisedProcess:
        assert argv[:3] == [sys.executable, "-m", "simulator"]
        assert self.may_start.wait(LIMIT_S)
        return super().spawn(
            [sys.executable, "-c", self.program, str(self._notes), str(next(self.ports)), *argv[3:]],
            name=name,
            cwd=cwd,
            stdout=stdout,
            extra_env=extra_env,
        )

    @property
    def started(self) -> list[dict[str, object]]:
        return [json.loads(file.read_text()) for file in sorted(self._notes.glob("*.json"))]


@pytest.fixture
def spawner(harness: CameraHarness, tmp_path: Path) -> Iterator[ProgramSpawner]:
    harness.spawner = spawner = ProgramSpawner(tmp_path)
    spawner.start()
    for port in range(9001, 9010):  # a device on every port that PROGRAM reports
        harness.device("127.0.0.1", port)
    yield spawner
    spawner.stop()


def accept_its_password(harness: CameraHarness, spawner: ProgramSpawner) -> None:
    """Make the devices of this test accept the password that the child process was given."""
    until(lambda: bool(spawner.started))
    for device in harness.devices.values():
        device.password = str(spawner.started[0]["password"])


def is_alive(pid: object) -> bool:
    try:
        os.kill(int(str(pid)), 0)
    except ProcessLookupError:
        return False
    return True


def test_the_pretend_recorder_is_listed_immediately(harness: CameraHarness, spawner: ProgramSpawner) -> None:
    with harness.running() as manager:
        view = manager.add_pretend_recorder()
        assert (view.pretend, view.status, view.name) == (True, CameraStatus.CONNECTING, "Pretend recorder")
        accept_its_password(harness, spawner)
        manager.refresh(view.id)
        harness.wait_status(view.id, CameraStatus.ONLINE)
        view = manager.get_camera(view.id)
        assert (view.host, view.port, view.username) == ("127.0.0.1", 9001, "admin")


def test_the_password_is_in_no_argument_and_its_file_is_deleted(
    harness: CameraHarness, spawner: ProgramSpawner
) -> None:
    with harness.running() as manager:
        manager.add_pretend_recorder()
        until(lambda: manager.get_camera(1).port is not None)
        (started,) = spawner.started
        password = str(started["password"])
        assert len(password) >= 16
        assert started["mode"] == 0o600
        assert started["cwd"] == str(ROOT)
        assert password not in json.dumps([started["arguments"], started["environ"]])
        assert not Path(str(started["file"])).exists()
        assert not [file for file in harness.settings.data_dir.rglob("*") if password.encode() in _content(file)]


def _content(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b""


def test_a_second_pretend_recorder_is_refused(harness: CameraHarness, spawner: ProgramSpawner) -> None:
    with harness.running() as manager:
        first = manager.add_pretend_recorder()
        with pytest.raises(Conflict) as refused:
            manager.add_pretend_recorder()
        assert (refused.value.code, refused.value.existing_id) == ("already_added", first.id)
        until(lambda: manager.get_camera(1).port is not None)
        assert len(spawner.started) == 1


def test_of_several_nodes_the_owner_runs_the_pretend_recorder(harness: CameraHarness, spawner: ProgramSpawner) -> None:
    placement = FakePlacement()
    manager = harness.make()
    manager.use_placement(placement)
    manager.start()
    try:
        camera_id = manager.add_pretend_recorder().id
        assert spawner.started == []
        for number in (1, 2):
            placement.give(camera_id)
            until(lambda: len(spawner.started) == number, what="a recorder of the owner")  # noqa: B023 - both run in this turn of the loop
            until(lambda: manager.get_camera(camera_id).port == 9000 + number)  # noqa: B023 - both run in this turn of the loop
            placement.take(camera_id)
            assert not any(is_alive(one["pid"]) for one in spawner.started)
            assert manager.get_camera(camera_id).error is None
    finally:
        manager.stop()


def test_a_second_node_does_not_add_a_pretend_recorder_of_its_own(
    harness: CameraHarness, spawner: ProgramSpawner
) -> None:
    """Two nodes that start together do not know each other's cameras yet."""
    first, second = harness.make(), harness.make()
    for manager in (first, second):
        manager.use_placement(FakePlacement())
        manager.start()
    try:
        camera_id = first.add_pretend_recorder().id
        with pytest.raises(Conflict) as refused:
            second.add_pretend_recorder()
        assert (refused.value.code, refused.value.existing_id) == ("already_added", camera_id)
    finally:
        for manager in (first, second):
            manager.stop()


def test_a_pretend_recorder_that_another_node_deleted_ends(harness: CameraHarness, spawner: ProgramSpawner) -> None:
    placement = FakePlacement(owns_new=True)
    manager = harness.make()
    manager.use_placement(placement)
    manager.start()
    try:
        camera_id = manager.add_pretend_recorder().id
        until(lambda: manager.get_camera(camera_id).port is not None)
        database = prepared_database(harness.settings.database_file)
        database.open()
        with database.write() as session:
            session.execute(delete(CameraRow))
        database.close()
        manager.read_again()
        placement.take(camera_id, None)
        assert not is_alive(spawner.started[0]["pid"])
    finally:
        manager.stop()


@pytest.mark.slow
def test_a_killed_pretend_recorder_is_started_again(harness: CameraHarness, spawner: ProgramSpawner) -> None:
    changed: list[int] = []
    with harness.running() as manager:
        manager.on_change(changed.append)
        camera_id = manager.add_pretend_recorder().id
        accept_its_password(harness, spawner)
        manager.refresh(camera_id)
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        spawner.may_start.clear()
        os.kill(int(str(spawner.started[0]["pid"])), signal.SIGKILL)
        harness.wait_status(camera_id, CameraStatus.OFFLINE)
        error = manager.get_camera(camera_id).error
        assert error is not None
        assert "started again" in error.detail
        spawner.may_start.set()
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        assert manager.get_camera(camera_id).port == 9002
        assert changed == [camera_id, camera_id]


def test_a_restart_of_the_app_keeps_the_password(harness: CameraHarness, spawner: ProgramSpawner) -> None:
    with harness.running() as manager:
        camera_id = manager.add_pretend_recorder().id
        accept_its_password(harness, spawner)
        until(lambda: manager.get_camera(camera_id).port is not None)
    assert not is_alive(spawner.started[0]["pid"])
    with harness.running() as manager:
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        assert manager.get_camera(camera_id).port == 9002
        assert spawner.started[1]["password"] == spawner.started[0]["password"]


def test_a_deleted_pretend_recorder_ends(harness: CameraHarness, spawner: ProgramSpawner) -> None:
    with harness.running() as manager:
        camera_id = manager.add_pretend_recorder().id
        until(lambda: manager.get_camera(camera_id).port is not None)
        manager.delete_camera(camera_id)
        assert not is_alive(spawner.started[0]["pid"])
        assert manager.list_cameras() == []
        again = manager.add_pretend_recorder()
        until(lambda: manager.get_camera(again.id).port is not None)
        assert len(spawner.started) == 2


def test_a_pretend_recorder_can_be_deleted_while_it_starts(harness: CameraHarness, spawner: ProgramSpawner) -> None:
    spawner.program = spawner.program.replace("print(", "time.sleep(30); print(")
    with harness.running() as manager:
        camera_id = manager.add_pretend_recorder().id
        until(lambda: bool(spawner.started))
        manager.delete_camera(camera_id)
        assert not is_alive(spawner.started[0]["pid"])
        assert not list(harness.settings.data_dir.glob(".pretend-*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", ["'hello'", "'{}'", '\'{"ready": true, "onvif_port": "x"}\'', "'[1]'", "'{\"ready\": false}'"]
)
def test_an_invalid_ready_line_ends_the_process_for_another_try(
    harness: CameraHarness, spawner: ProgramSpawner, line: str
) -> None:
    spawner.program = PROGRAM.replace("READY", line)
    with harness.running() as manager:
        camera_id = manager.add_pretend_recorder().id
        harness.wait_status(camera_id, CameraStatus.OFFLINE)
        assert not is_alive(spawner.started[0]["pid"])
        spawner.program = PROGRAM.replace("READY", READY)
        until(lambda: manager.get_camera(camera_id).port is not None)


def test_only_the_name_of_the_pretend_recorder_can_change(harness: CameraHarness, spawner: ProgramSpawner) -> None:
    with harness.running() as manager:
        camera_id = manager.add_pretend_recorder().id
        assert manager.update_camera(camera_id, CameraChange(name="Toy")).name == "Toy"
        for change in (CameraChange(host="x"), CameraChange(port=1), CameraChange(username="x")):
            with pytest.raises(InvalidRequest):
                manager.update_camera(camera_id, change)


def test_the_pretend_recorder_is_renamed_with_all_its_values(harness: CameraHarness, spawner: ProgramSpawner) -> None:
    with harness.running() as manager:
        camera_id = manager.add_pretend_recorder().id
        until(lambda: manager.get_camera(camera_id).port is not None)
        view = manager.get_camera(camera_id)
        for host in (view.host, f"{view.host}:{view.port}", view.address):
            change = CameraChange(f"Toy at {host}", host, view.port, view.username, readable_password=False)
            renamed = manager.update_camera(camera_id, change)
            assert (renamed.name, renamed.port) == (f"Toy at {host}", view.port)


def test_other_devices_on_loopback_can_still_be_added(harness: CameraHarness, spawner: ProgramSpawner) -> None:
    with harness.running() as manager:
        manager.add_pretend_recorder()
        assert manager.add_camera(CameraDraft("127.0.0.1")).id == 2


def test_a_missing_spawner_makes_the_recorder_unavailable(harness: CameraHarness) -> None:
    with harness.running() as manager:
        with pytest.raises(Unavailable):
            manager.add_pretend_recorder()
        assert manager.list_cameras() == []
        assert manager.add_camera(CameraDraft("cam")).id == 1
