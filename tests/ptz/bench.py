"""The PTZ manager over the real camera manager and a scripted device; both can be restarted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import ptz_manager
from cameras.records import CameraDraft
from core.access import Principal
from core.ptz import Velocity
from core.records import CameraStatus
from core.secrets import Secret
from ptz.commands import has_ended
from ptz.views import CommandResult
from ptz_manager import PtzManager
from tests.cameras.doubles import CameraHarness
from tests.patience import LIMIT_S, until
from tests.prepared_database import prepared_database
from tests.ptz.doubles import ANNA, ScriptedHead
from tests.ptz.head_bench import ShiftedClock

RIGHT = Velocity(pan=0.5)
LONG_S = 60.0
SHUTDOWN_S = ptz_manager._SHUTDOWN_S


@contextmanager
def patient_commands() -> Iterator[None]:
    """Let commands wait for their results, and the end of the app for its stops, as long as the machine needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ptz.commands.has_ended", _has_ended_patiently)
        patch.setattr("ptz.head._CALLER_MARGIN_S", LIMIT_S)
        patch.setattr("ptz_manager._SHUTDOWN_S", LIMIT_S)
        yield


def _has_ended_patiently(future: Future[Any], timeout_s: float) -> bool:
    """Wait as long as the machine needs. A command that need not wait does not."""
    return has_ended(future, LIMIT_S if timeout_s else 0.0)


class PtzBench:
    """`head` is that of the device; `ptz` the running manager. Commands without a user are Anna's, to channel 1."""

    def __init__(self, folder: Path) -> None:
        self.cameras = CameraHarness(folder)
        self.head = ScriptedHead()
        self.clock = ShiftedClock()
        self.device = self.cameras.device("cam", 80, ptz=self.head)
        self.ptz: PtzManager

    @contextmanager
    def running(self, *, is_killed: bool = False) -> Iterator[PtzManager]:
        """Run the managers. `is_killed`: end without stop(), as a killed process does."""
        with self.cameras.running() as cameras, patient_commands():
            database = prepared_database(self.cameras.settings.database_file)
            database.open()
            if not cameras.list_cameras():
                cameras.add_camera(CameraDraft("cam", "admin", Secret("right"), 80))
            self.ptz = PtzManager(database, self.clock, cameras)
            cameras.on_change(self.ptz.forget_camera)
            cameras.on_delete(self.ptz.forget_camera)
            cameras.on_closing(self.ptz.stop_camera)
            cameras.on_kept(self.ptz.keep_camera)
            self.ptz.start()
            self.cameras.wait_status(1, CameraStatus.ONLINE)
            try:
                yield self.ptz
            finally:
                for event in self.head.held.values():
                    event.set()
                if is_killed:
                    self.ptz.forget_camera(1)
                self.ptz.stop()
                database.close()

    def move(
        self,
        velocity: Velocity = RIGHT,
        who: Principal = ANNA,
        *,
        number: int = 1,
        timeout_s: float = LONG_S,
        take_over: bool = False,
    ) -> CommandResult:
        return self.ptz.move(who, 1, number, velocity, timeout_s=timeout_s, take_over=take_over)

    def pass_time(self, by_s: float) -> None:
        """Let the clock advance, and the dead man look at it."""
        self.clock.ahead_s += by_s
        self.ptz._dead_man.wake()

    def wait_read(self) -> None:
        """Wait until no thread reads abilities."""
        until(lambda: all(thread.name != "ptz-abilities" for thread in threading.enumerate()))

    def stop(self, who: Principal = ANNA, *, take_over: bool = False) -> CommandResult:
        return self.ptz.stop_head(who, 1, 1, take_over=take_over)
