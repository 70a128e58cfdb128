"""A node without devices, as a process: it joins the nodes of a database, and notes its cameras 20 times a second.

Each line of its file is a time of CLOCK_MONOTONIC, which all processes of this machine share, and the cameras that the
node owns at that time with their epochs. `python -m tests.placement.dummy_node '{"database": ...}'`.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.clock import SystemClock
from database import Database
from placement.bus import ChangeBus
from placement.incarnation import Incarnation
from placement.leases import LeasePlacement
from placement.records import NodeIdentity
from placement.store import NodeStore

SAMPLE_S = 0.05


@dataclass
class Orders:
    """The task of a dummy node. `clock_h`: hours by which its wall clock is ahead."""

    database: str
    folder: str
    name: str
    lease_s: float
    clock_h: float = 0.0


class WrongClock(SystemClock):
    """A wall clock that is wrong by some hours."""

    def __init__(self, hours: float) -> None:
        self._hours = hours

    def now_utc(self) -> datetime:
        return super().now_utc() + timedelta(hours=self._hours)


def main(orders: Orders) -> None:
    folder = Path(orders.folder)
    folder.mkdir(exist_ok=True)
    place = orders.database if "://" in orders.database else Path(orders.database)
    clock = WrongClock(orders.clock_h)
    database = Database(place)
    database.open()
    bus = ChangeBus(database)
    placement = LeasePlacement(
        NodeStore(database, clock),
        NodeIdentity(orders.name, "127.0.0.1:1", orders.lease_s),
        clock,
        bus,
        Incarnation(folder),
    )
    is_over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: is_over.set())
    bus.start()
    placement.start()
    with Path(orders.folder, "claims").open("a", buffering=1) as file:
        while not is_over.wait(SAMPLE_S):
            at_s = time.monotonic()
            owned = placement.owned()
            file.write(f"{at_s:.4f} {' '.join(f'{camera_id}:{epoch}' for camera_id, epoch in owned.items())}\n")
        placement.stop()
        file.write(f"{time.monotonic():.4f} \n")
    bus.stop()
    database.close()


if __name__ == "__main__":
    main(Orders(**json.loads(sys.argv[1])))
