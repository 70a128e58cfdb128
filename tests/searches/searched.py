"""A search manager over a simulated recorder: the real gateway, pictures and database.

The process that compares pictures is a stand-in: the recorder's pictures move everywhere and all the time, and these
tests decide themselves when something moves. The index of cells is a stand-in, too: no channel is watched here.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.access import Principal, Role
from core.clock import SystemClock
from core.errors import Unavailable
from event_manager import EventManager
from media.process import Spawner
from search_manager import SearchManager
from searches.candidates import Candidates, CellIndex
from searches.judge import JudgeProcess, Judges
from searches.key_frames import Replays
from searches.records import Search, SearchDraft, SearchKind, SearchState
from searches.run import SearchContext
from tests.events.logged import stored_camera
from tests.patience import LIMIT_S, until
from tests.pictures.simulated_camera import PicturesHarness
from tests.prepared_database import prepared_database
from tests.simulator.process import Simulator
from vision.messages import (
    CELL_BYTES,
    Failed,
    FromChild,
    Message,
    Region,
    RegionCompare,
    RegionOpen,
    RegionPair,
    RegionPicture,
)

ANNA = Principal("session", "Anna", Role.REVIEWER, user_id=None)
ADMIN = Principal("local", "this machine", Role.ADMIN)
BOX = ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6))


@dataclass
class ScriptedProcess(JudgeProcess):
    """Something moves at key frames in `moves`, stretches of seconds; a change for good happens at `changes_s`.

    `holds`: pictures wait for release(). `crashes`: so many pictures end the process.
    """

    judges: Judges
    moves: Sequence[tuple[float, float]] = ()
    changes_s: float = float("inf")
    is_held: threading.Event = field(default_factory=threading.Event)
    crashes: int = 0
    opened: int = 0
    started: int = 0
    times_ms: list[int] = field(default_factory=list)
    _probes: dict[int, float] = field(default_factory=dict)
    _is_running: bool = False

    def __post_init__(self) -> None:
        self.is_held.set()

    def start(self) -> None:
        if not self._is_running:
            self._is_running = True
            self.started += 1
            self.judges.on_start()

    def stop(self) -> None:
        self._is_running = False

    def send(self, message: Message, size: int = 0) -> bool:
        if isinstance(message, RegionOpen):
            self.opened += 1
            self._probes.clear()
        if isinstance(message, RegionPicture | RegionCompare):
            threading.Thread(target=self._answer, args=(message,), daemon=True).start()
        return True

    def _answer(self, message: RegionPicture | RegionCompare) -> None:
        self.is_held.wait(LIMIT_S)
        if isinstance(message, RegionPicture) and self.crashes:
            self.crashes -= 1
            self._is_running = False
            self.judges.on_crash(message.id)
            self.start()
            return
        self.judges.on_message(self._judged(message))

    def _judged(self, message: RegionPicture | RegionCompare) -> FromChild:
        if isinstance(message, RegionCompare):
            if not {message.a_ms, message.b_ms} <= self._probes.keys():
                return Failed("too_few_pictures", id=message.id)
            sides = {self._probes[probe] >= self.changes_s for probe in (message.a_ms, message.b_ms)}
            return RegionPair(message.id, message.a_ms, message.b_ms, 0.3 if len(sides) == 2 else 0.0)
        at_s = message.time_ms / 1000
        self.times_ms.append(message.time_ms)
        if message.probe_ms is not None:
            known = self._probes.get(message.probe_ms)
            # the median of a probe is what most of its pictures show: close to its middle one
            self._probes[message.probe_ms] = at_s if known is None else (known + at_s) / 2
            return Region(message.id, message.time_ms, 0.0, 0.0, False, bytes(CELL_BYTES), _JPEG)
        is_moved = any(start_s <= at_s < end_s for start_s, end_s in self.moves) and not message.is_after_gap
        cells = b"\xff" * CELL_BYTES if is_moved else bytes(CELL_BYTES)
        share, contrast = (0.2, 50.0) if is_moved else (0.0, 0.0)
        thumb = _JPEG if is_moved else b""
        return Region(message.id, message.time_ms, share, contrast, message.is_after_gap, cells, thumb)


_JPEG = b"\xff\xd8a still\xff\xd9"


@dataclass(frozen=True)
class _Cell:
    at: datetime
    share: float


@dataclass(frozen=True)
class _Cells:
    hits: Sequence[_Cell]
    watched_minutes: Sequence[datetime]


class RememberedCells(CellIndex):
    """Keeps cells in memory, for each key frame as a whole."""

    def __init__(self) -> None:
        self.cells: dict[datetime, bytes] = {}
        self.is_full = False

    def cell_hits(
        self, camera_id: int, channel: int, polygon: Sequence[tuple[float, float]], start: datetime, end: datetime
    ) -> _Cells:
        inside = {at: cells for at, cells in self.cells.items() if start <= at < end}
        minutes = sorted({at.replace(second=0, microsecond=0) for at in inside})
        return _Cells([_Cell(at, 0.5) for at, cells in sorted(inside.items()) if any(cells)], minutes)

    def add_cells(self, camera_id: int, channel: int, found: Mapping[datetime, bytes]) -> None:
        if self.is_full:
            raise Unavailable("The disk is full.")
        self.cells |= found


class SearchHarness(PicturesHarness):
    """A search manager, and all that it works with."""

    def __init__(
        self, recorder: Simulator, folder: Path, spawner: Spawner, *, can_compare: bool = True, **changed: Any
    ) -> None:
        super().__init__(recorder, folder, spawner, **changed)
        self.clock = SystemClock()
        self.database = prepared_database(folder / "searches.sqlite3")
        self.database.open()
        with self.database.write() as session:
            session.add(stored_camera(1))
        self.events = EventManager(self.database, self.settings, self.clock, self.cameras)
        self.events.log.start()
        self.index = RememberedCells()
        self.judges = Judges(self.clock)
        self.process = ScriptedProcess(self.judges)
        self.judges.use(self.process)
        replays = Replays(self.settings, self.clock, self.gateway, self.cameras, self.recordings)
        self.context = SearchContext(
            self.clock,
            replays,
            self.recordings,
            self.manager,
            Candidates(self.index, self.events),
            self.index,
            self.judges,
            can_compare,
        )
        self.searches = self.open_manager()

    def open_manager(self) -> SearchManager:
        """Return another manager over the same database, as after a restart of the app."""
        made = SearchManager(self.database, self.clock, self.cameras, self.recordings, self.context)
        made.start()
        return made

    def stop(self) -> None:
        self.process.is_held.set()
        self.searches.stop()
        self.events.log.stop()
        super().stop()
        self.database.close()

    def draft(self, start_s: float, end_s: float, kind: SearchKind = SearchKind.MOVED, **more: Any) -> SearchDraft:
        start, end = (datetime.fromtimestamp(at_s, UTC) for at_s in (start_s, end_s))
        return replace(SearchDraft(1, 1, start, end, BOX, kind), **more)

    def ended(self, search: Search, *, at: tuple[SearchState, ...] = ()) -> Search:
        """Wait until a search has ended, or has one of these states."""

        def found() -> Search | None:
            now = self.searches.get(ADMIN, search.id)
            return now if now.state in at or not now.state.is_unfinished else None

        ended = until(found, within_s=3 * LIMIT_S, what="the end of the search")
        assert ended is not None
        return ended

    def sessions(self) -> int:
        """Return how many replay sessions the recorder has."""
        return len(self.recorder.get("/replay")["sessions"])
