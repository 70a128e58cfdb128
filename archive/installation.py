"""The installation that an archive belongs to, so that no camera gets the footage of another one with its id.

Files and the index name cameras by ids of the app's database. If that database is new, the ids begin with 1 again.
The database also remembers the folders of the volumes: an index that is made again does not know them.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from archive.index import ArchiveIndex
from archive.records import EPOCH
from core.clock import Clock
from database import Database
from tables import ChoiceRow

log = logging.getLogger(__name__)

_IDENTITY = "archive_installation"
_FOLDERS = "archive_folders"


class Installation:
    """Thread-safe. Before load() it knows nothing and notes nothing: the command `reindex` takes all volumes.

    `since`: the time of the database's first start. Footage from before it was recorded with another database.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._id = ""
        self._folders: frozenset[str] = frozenset()
        self.since: datetime = EPOCH

    def load(self) -> None:
        """Read the identity of the installation from the database; make it at the first start."""
        with self._database.write() as session:
            row = session.get(ChoiceRow, _IDENTITY)
            if row is None:
                value = {"id": str(uuid4()), "since": self._clock.now_utc().isoformat()}
                row = ChoiceRow(name=_IDENTITY, value=json.dumps(value))
                session.add(row)
            identity = json.loads(row.value)
            folders = session.get(ChoiceRow, _FOLDERS)
            self._folders = frozenset(json.loads(folders.value) if folders is not None else [])
        self._id, self.since = identity["id"], datetime.fromisoformat(identity["since"])

    def claim(self, index: ArchiveIndex) -> bool:
        """Note in an index that it belongs to this installation. Return False if it belonged to another one: it was
        then moved away, and the index is a new one. Raise StartRefused if that fails."""
        if index.belongs_to(self._id):
            return True
        for volume in index.volumes():
            self.note_folder(Path(volume.folder))
        log.error("the index of recordings belongs to another database of the app; its volumes are not used")
        index.begin_again()
        index.belongs_to(self._id)
        return False

    def has_used(self, folder: Path) -> bool:
        """True if the folder held a volume, so that it must have a marker."""
        return str(folder) in self._folders

    def note_folder(self, folder: Path) -> None:
        """Remember the folder of a volume."""
        if not self._id or self.has_used(folder):
            return
        with self._database.write() as session:
            row = session.get(ChoiceRow, _FOLDERS)
            if row is None:
                row = ChoiceRow(name=_FOLDERS, value="[]")
                session.add(row)
            folders = frozenset([*json.loads(row.value), str(folder)])
            row.value = json.dumps(sorted(folders))
        self._folders = folders
