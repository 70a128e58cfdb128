"""Nodes as processes, and the judge of their claims: no camera may have two owners at a time."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.patience import until
from tests.placement.dummy_node import Orders
from tests.project_files import ROOT


@dataclass(frozen=True)
class Stay:
    """A camera with one owner, from the first to the last note of it, in seconds of CLOCK_MONOTONIC."""

    epoch: int
    node: str
    first_s: float
    last_s: float


class Nodes:
    """Dummy nodes on one database. They end with stop()."""

    def __init__(self, database: str, folder: Path, *, lease_s: float, cameras: int) -> None:
        self._database = database
        self._folder = folder
        self._lease_s = lease_s
        self._cameras = cameras
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str, database: str | None = None, clock_h: float = 0.0) -> None:
        for name in names:
            orders = Orders(database or self._database, str(self._folder / name), name, self._lease_s, clock_h=clock_h)
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "tests.placement.dummy_node", json.dumps(asdict(orders))], cwd=ROOT
            )

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def owned(self, name: str) -> set[int]:
        """Return the cameras in the last note of a node."""
        notes = self._notes(name)
        return set(notes[-1][1]) if notes else set()

    def wait_placed(self, *names: str, what: str = "an owner for every camera") -> float:
        """Wait until these nodes own all cameras between them. Return the time of that."""

        def are_placed() -> bool:
            return sum(len(self.owned(name)) for name in names) == self._cameras

        until(are_placed, what=what)
        return self.placed_at_s(*names)

    def placed_at_s(self, *names: str, after_s: float = 0.0) -> float:
        """Return the first time after `after_s` at which these nodes own all cameras."""
        last: dict[str, int] = dict.fromkeys(names, 0)
        notes = sorted((at_s, name, len(owned)) for name in names for at_s, owned in self._notes(name))
        for at_s, name, count in notes:
            last[name] = count
            if at_s > after_s and sum(last.values()) == self._cameras:
                return at_s
        raise AssertionError("the cameras were never all owned")

    def first_note_s(self, name: str) -> float:
        return self._notes(name)[0][0]

    def stays(self) -> dict[int, list[Stay]]:
        """Return the owners of each camera, sorted by epoch."""
        spans: dict[tuple[int, int, str], list[float]] = defaultdict(list)
        for name in self.processes:
            for at_s, owned in self._notes(name):
                for camera_id, epoch in owned.items():
                    spans[camera_id, epoch, name].append(at_s)
        stays: dict[int, list[Stay]] = defaultdict(list)
        for (camera_id, epoch, name), times_s in sorted(spans.items()):
            stays[camera_id].append(Stay(epoch, name, times_s[0], times_s[-1]))
        return stays

    def two_owners(self) -> list[str]:
        """Return each case of a camera that had two owners, or two with the same epoch."""
        return [
            f"camera {camera_id}: {earlier} and {later}"
            for camera_id, stays in self.stays().items()
            for earlier, later in itertools.pairwise(stays)
            if earlier.epoch == later.epoch or later.first_s <= earlier.last_s
        ]

    def moves(self) -> int:
        """Return the number of times that a camera has changed its owner."""
        return sum(len(stays) - 1 for stays in self.stays().values())

    def _notes(self, name: str) -> list[tuple[float, dict[int, int]]]:
        try:
            lines = (self._folder / name / "claims").read_text("ascii").splitlines(keepends=True)
        except FileNotFoundError:
            return []
        notes = []
        for line in lines:
            if line.endswith("\n"):  # a killed process may have left half a line
                at_s, _, owned = line.partition(" ")
                pairs = (item.split(":") for item in owned.split())
                notes.append((float(at_s), {int(camera_id): int(epoch) for camera_id, epoch in pairs}))
        return notes
