"""The installation that an archive belongs to, so that no camera gets the footage of another one with its id.

Files and the index name cameras by ids of the app's database. If that database is new, the ids begin with 1 again.
The database also remembers the folders of each node's volumes: an index that is made again does not know them.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from archive.index import ArchiveIndex
from archive.records import EPOCH
from core.clock import Clock
from database import Database
from tables import ChoiceRow

log = logging.getLogger(__name__)

_IDENTITY = "archive_installation"
_FOLDERS = "archive_folders"  # a list: of the app without a NODE_NAME
_FOLDERS_OF_NODES = "archive_folders_of_nodes"  # a list for each NODE_NAME


class Installation:
    """Thread-safe. Before load() it knows nothing and notes nothing: the command `reindex` takes all volumes.

    `node_name`: "" for an app of one process. `since`: the time of the database's first start. Footage from before it
    was recorded with another database.
    """

    def __init__(self, database: Database, clock: Clock, node_name: str = "") -> None:
        self._database = database
        self._clock = clock
        self._node_name = node_name
        self._id = ""
        self._folders: frozenset[str] = frozenset()
        self._former_folders: frozenset[str] = frozenset()  # of the app before it had a NODE_NAME
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
            alone = frozenset(_stored(session, _FOLDERS, []))
            own = frozenset(_stored(session, _FOLDERS_OF_NODES, {}).get(self._node_name, []))
        self._folders, self._former_folders = (own, alone) if self._node_name else (alone, frozenset())
        self._id, self.since = identity["id"], datetime.fromisoformat(identity["since"])

    def claim(self, index: ArchiveIndex) -> bool:
        """Note in an index that it belongs to this installation. Return False if it belonged to another one: it was
        then moved away, and the index is a new one. Raise StartRefused if that fails."""
        if index.belongs_to(self._id):
            for volume in index.volumes():
                if volume.folder in self._former_folders:
                    self.note_folder(Path(volume.folder))
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
            if self._node_name:
                of_nodes = _stored(session, _FOLDERS_OF_NODES, {})
                folders = of_nodes[self._node_name] = sorted({*of_nodes.get(self._node_name, []), str(folder)})
                session.merge(ChoiceRow(name=_FOLDERS_OF_NODES, value=json.dumps(of_nodes)))
            else:
                folders = sorted({*_stored(session, _FOLDERS, []), str(folder)})
                session.merge(ChoiceRow(name=_FOLDERS, value=json.dumps(folders)))
        self._folders = frozenset(folders)


def _stored(session: Session, name: str, default: Any) -> Any:
    row = session.get(ChoiceRow, name)
    return json.loads(row.value) if row is not None else default
