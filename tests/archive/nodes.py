"""Two nodes with archives of their own on one database, in one process. They read each other's files without HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

from sqlalchemy import update

from archive.disk_reads import DiskReads
from archive.disk_replay import DiskReplayConnection
from archive.files_of_nodes import FilesOfNodes
from archive.index import ArchiveIndex
from archive.local_files import LocalFiles
from archive.open_files import OpenFiles
from archive.publishing import FilePublisher
from archive.records import from_ms
from archive.served_files import ServedFiles
from archive.shared_files import SharedFiles
from archive.storages import READ_PATH, NodeStorage, Storages
from archive.stream_reader import StreamReader
from core.archive import FootageElsewhere, StreamKey
from core.errors import NotFound, Unavailable
from core.placement import Node
from core.recording_storage import RecordingStorage, StoredFile
from database import Database
from media.codecs.access_unit import AccessUnit
from tables import CameraRow
from tests.archive.recorded import FPS, MAIN, Footage
from tests.hand_clock import HandClock
from tests.media.rtsp.replay.listening import Listener
from tests.patience import until
from tests.placement.fake import FakePlacement

T = 1_795_521_600.0
_PATH = re.compile(rf"{READ_PATH}/(\d+)(/size)?(?:\?first=(\d+)&count=(\d+))?")


class Late(Unavailable):
    """A node's answer whose status has come, and whose body is late."""

    has_answered = True


class Refused(Unavailable):
    """A node's answer with another status than 200, as of core.node_link."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


@dataclass
class Network:
    """Asks the other node's ServedFiles.

    `silent`: names of nodes that do not answer. `late`: of those whose answers do not end in time.
    `busy`: the number of requests that come at a bad moment.
    `before`: is called with the number of each request.
    """

    nodes: dict[str, ArchiveNode] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    busy: int = 0
    before: Callable[[int], None] | None = None

    def read(self, node: Node, path: str, *, timeout_s: float, most_bytes: int) -> bytes:
        del timeout_s
        self.asked.append(path)
        if self.before is not None:
            self.before(len(self.asked))
        if node.name in self.silent:
            raise Unavailable("it does not answer")
        if node.name in self.late:
            raise Late("its answer takes too long")
        if self.busy:
            self.busy -= 1
            raise Refused(503)
        found = _PATH.fullmatch(path)
        assert found, path
        served = self.nodes[node.name].served
        try:
            if found[2]:
                return str(served.size(int(found[1]))).encode()
            data = served.read(int(found[1]), int(found[3]), int(found[4]))
        except NotFound:
            raise Refused(404) from None
        assert len(data) <= most_bytes
        return data


class ArchiveNode:
    """One of the nodes. `footage` writes its files and its index; publish() tells the others."""

    def __init__(self, name: str, folder: Path, database: Database, network: Network, *, file_s: float = 10.0) -> None:
        folder.mkdir(exist_ok=True)
        self.clock = HandClock()
        self.index = ArchiveIndex(folder / "archive.sqlite3")
        self.index.open()
        self.placement = FakePlacement(this=Node(name, "127.0.0.1:5001", name))
        self.shared = SharedFiles(database, name)
        self.footage = Footage(self.index, folder / "volume", file_s=file_s, volume=str(uuid5(NAMESPACE_DNS, name)))
        self.publisher = FilePublisher(self.index, self.shared, self.clock)
        self.open_files = OpenFiles()
        local = LocalFiles(self.index, self.open_files, DiskReads())
        self.served = ServedFiles(self.index, local, self.shared, self.open_files, self.clock)
        self.storages = Storages(NodeStorage(self.placement, network, self.clock))
        self.files = FilesOfNodes(local, self.shared, self.storages, self.clock)
        self._opened: list[DiskReplayConnection] = []
        network.nodes[name] = self

    def knows(self, other: ArchiveNode, *, is_alive: bool = True) -> None:
        self.placement.add(other.placement.this_node(), is_alive=is_alive)

    def played(
        self, start_s: float, stream: StreamKey = MAIN, *, end_s: float | None = None, key_frames_ms: int | None = None
    ) -> Listener:
        """Play to the end, and return what the consumer got. `key_frames_ms`: only key frames, of such a grid."""
        self.look_again()
        listener = Listener()
        connection = DiskReplayConnection(StreamReader(self.files, stream), self.clock)
        self._opened.append(connection)
        connection.play(
            start_s,
            listener,
            end_device_s=end_s,
            key_frames_only=key_frames_ms is not None,
            key_frames_ms=key_frames_ms,
        )
        until(lambda: listener.ends or listener.errors, what="the end of the replay")
        return listener

    def elsewhere(self, start: datetime, end: datetime) -> list[FootageElsewhere]:
        self.look_again()
        stretches = self.index.stretches(self.index.streams(), start, end)
        return self.files.footage_elsewhere(1, 1, start, end, stretches)

    def look_again(self) -> None:
        """Let what the node remembers of other places grow old."""
        self.clock.move(seconds=2.5)

    def close(self) -> None:
        for connection in self._opened:
            connection.close(5.0)
        self.index.close()


class Shelf(RecordingStorage):
    """A storage with the bytes of files by their keys."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = objects

    def size(self, file: StoredFile) -> int:
        return len(self.objects[file.object_key or ""])

    def read(self, file: StoredFile, first: int, count: int) -> bytes:
        return self.objects[file.object_key or ""][first : first + count]


def own(database: Database, node: str, epoch: int) -> None:
    """Make a node the owner of the camera."""
    with database.write() as session:
        session.execute(update(CameraRow).values(node=node, epoch=epoch))


def seconds(units: list[AccessUnit]) -> list[float]:
    return [round((unit.device_s or 0.0) - T, 1) for unit in units]


def frames(start_s: float, end_s: float) -> list[float]:
    return [round(start_s + number / FPS, 1) for number in range(round((end_s - start_s) * FPS))]


def moment(after_s: float) -> datetime:
    return from_ms(round((T + after_s) * 1000))
