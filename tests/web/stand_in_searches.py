"""The real search manager over stand-in managers. It has no process that compares pictures, and fetches none."""

from __future__ import annotations

from typing import Any, cast

from core.clock import SystemClock
from database import Database
from event_manager import EventManager
from motion_manager import MotionManager
from onvif_manager import OnvifManager
from picture_manager import PictureManager
from search_manager import SearchManager
from searches.candidates import Candidates
from searches.judge import Judges
from searches.run import SearchContext
from tests.recordings.recorder import Archive


def search_manager(
    database: Database,
    cameras: OnvifManager,
    archive: Archive,
    pictures: PictureManager,
    motion: MotionManager,
    events: EventManager,
) -> SearchManager:
    """Return a manager, not started. The index of cells and the log of events answer its searches."""
    clock = SystemClock()
    candidates = Candidates(motion, events)
    replays = cast(Any, None)
    context = SearchContext(
        clock, replays, archive.manager, pictures, candidates, motion, Judges(clock), can_compare=False
    )
    return SearchManager(database, archive.clock, cameras, archive.manager, context)
