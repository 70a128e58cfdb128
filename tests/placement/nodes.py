"""Nodes on one SQLite file whose time stands still, and cameras without devices."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from core.clock import Clock
from database import Database
from placement.bus import ChangeBus
from placement.incarnation import Incarnation
from placement.leases import LeasePlacement
from placement.pulse import Responsive
from placement.records import NodeIdentity
from placement.store import NodeStore
from tables import CameraRow
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S

LEASE_S = 6.0


def add_cameras(database: Database, count: int, **fields: object) -> None:
    with database.write() as session:
        first = (session.scalars(select(func.max(CameraRow.id))).one() or 0) + 1
        for number in range(first, first + count):
            row = CameraRow(
                id=number,
                name=f"Camera {number}",
                host="192.0.2.1",
                port=number,
                port_found=False,
                username="",
                password_box=b"",
                pretend=False,
                added_at=datetime(2026, 11, 30, tzinfo=UTC),
            )
            for name, value in fields.items():
                setattr(row, name, value)
            session.add(row)


def owners(database: Database) -> dict[int, tuple[str | None, int]]:
    """Return node and epoch of each camera."""
    with database.read() as session:
        rows = session.execute(select(CameraRow.id, CameraRow.node, CameraRow.epoch))
        return {camera_id: (node, epoch) for camera_id, node, epoch in rows}


@dataclass
class Told:
    """The news that a node has told its parts."""

    news: list[tuple[str, int]] = field(default_factory=list)

    def gained(self, camera_id: int) -> None:
        self.news.append(("gained", camera_id))

    def lost(self, camera_id: int) -> None:
        self.news.append(("lost", camera_id))

    def of(self, kind: str) -> list[int]:
        return sorted(camera_id for what, camera_id in self.news if what == kind)


class StillBus(ChangeBus):
    """A bus whose thread never starts: tests run the rounds themselves."""

    def start(self) -> None:
        """Do nothing."""


class HandNode:
    """A node whose rounds a test runs. Its threads never start; its announcer does."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        folder: Path,
        name: str,
        *,
        vitals: Collection[Responsive] = (),
        capacity: int = 0,
        database_clock: Clock | None = None,
    ) -> None:
        self.database = database
        self.store = NodeStore(database, database_clock or clock)
        self.told = Told()
        folder.mkdir(exist_ok=True)
        self.incarnation = Incarnation(folder)
        self.identity = NodeIdentity(name, f"127.0.0.1:{5000 + ord(name[0])}", LEASE_S, capacity=capacity)
        self.bus = StillBus(database)
        self.placement = LeasePlacement(self.store, self.identity, clock, self.bus, self.incarnation, vitals)
        self.placement.on_gained(self.told.gained)
        self.placement.on_lost(self.told.lost)

    def remember_run(self) -> None:
        """Write the word of this run into its folder, as start() does."""
        self.incarnation.save()

    def close(self) -> None:
        self.placement.leave()

    def round(self) -> float:
        """Run a round, and wait for the callbacks."""
        wait_s = self.placement.run_once()
        self.settle()
        return wait_s

    def settle(self) -> None:
        assert self.placement.wait_told(LIMIT_S)

    def ids(self) -> list[int]:
        return sorted(self.placement.owned())


def rounds(nodes: Iterable[HandNode], clock: HandClock, seconds: float, step_s: float = 2.0) -> None:
    """Let time pass, with a round of each node after each step."""
    nodes = list(nodes)
    passed_s = 0.0
    while passed_s < seconds:
        clock.move(seconds=step_s)
        passed_s += step_s
        for node in nodes:
            node.round()
