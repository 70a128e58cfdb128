"""The places that hold archive files beside the volumes of this process: other nodes, and an object storage."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Protocol

from archive.shared_files import ReachablePlaces
from core.clock import Clock
from core.errors import ArchiveUnreadable, Unavailable
from core.placement import Node, NodeView
from core.recording_storage import RecordingStorage, StoredFile
from media.archive.byte_source import ByteSource

log = logging.getLogger(__name__)

MOST_OF_ONE_READ = 4_000_000
READ_PATH = "/api/internal/archive-files"
_READ_S = 3.0
_BUSY = 503  # the status of a node with too many requests at this moment, or with a disk that fails
_QUICK_S = 1.0  # a refusal that takes longer comes from a disk that sleeps, and may turn at the next try
_WAKES_S = 12.0
_MOST_TRIES = 3
_TRY_AGAIN_S = 0.25
_AVOIDED_S = 10.0
_READ_AHEAD = 128 * 1024


class Nodes(Protocol):
    """The nodes of the app. core.placement.Placement implements it."""

    def this_node(self) -> Node: ...

    def nodes(self) -> list[NodeView]: ...


class NodeReader(Protocol):
    """Asks other nodes with a signature. core.node_link.NodeLink implements it."""

    def read(self, node: Node, path: str, *, timeout_s: float, most_bytes: int) -> bytes: ...


class _Busy(Exception):
    """Another node cannot read at this moment."""


class NodeStorage(RecordingStorage):
    """The disks of other nodes, which read them for this one.

    A node that does not answer at all is left alone for ten seconds. Its lease ends later, and each reader would wait
    for it.
    """

    def __init__(self, nodes: Nodes, reader: NodeReader, clock: Clock) -> None:
        self._nodes = nodes
        self._reader = reader
        self._clock = clock
        self._lock = threading.Lock()
        self._avoided_until_s: dict[str, float] = {}
        self._pause = threading.Event()  # never set
        self._slow_until_s: dict[tuple[str, str], float] = {}  # of disks of nodes
        self.has_copies = False  # True: files with an object can be read from there

    def names(self) -> frozenset[str]:
        """Return the names of the other nodes that live and answer."""
        return frozenset(self._living())

    def size(self, file: StoredFile) -> int:
        answer = self._read(file, f"{READ_PATH}/{file.id}/size", 32)
        try:
            return int(answer)
        except ValueError:
            raise ArchiveUnreadable(_silent(file)) from None

    def read(self, file: StoredFile, first: int, count: int) -> bytes:
        count = min(count, MOST_OF_ONE_READ)
        return self._read(file, f"{READ_PATH}/{file.id}?first={first}&count={count}", count)

    def _read(self, file: StoredFile, path: str, most_bytes: int) -> bytes:
        node = self._living().get(file.node)
        if node is None:
            raise ArchiveUnreadable(_silent(file))
        if self.has_copies and file.object_key is not None:
            return self._read_unless_slow(file, node, path, most_bytes)
        ends_s, tries = self._clock.monotonic_s() + _WAKES_S, 0
        while True:
            began_s = self._clock.monotonic_s()
            try:
                return self._read_once(file, node, path, most_bytes)
            except _Busy:
                now_s = self._clock.monotonic_s()
                tries += now_s - began_s < _QUICK_S
                if tries >= _MOST_TRIES or now_s > ends_s:
                    raise ArchiveUnreadable(_failing(file)) from None
                self._pause.wait(_TRY_AGAIN_S)

    def _read_unless_slow(self, file: StoredFile, node: Node, path: str, most_bytes: int) -> bytes:
        """Read a file that has a copy. A disk that fails or sleeps is left alone for ten seconds."""
        disk = (file.node, file.volume)
        if self._clock.monotonic_s() < self._slow_until_s.get(disk, 0.0):
            raise ArchiveUnreadable(_failing(file))
        try:
            return self._read_once(file, node, path, most_bytes)
        except _Busy:
            self._slow_until_s[disk] = self._clock.monotonic_s() + _AVOIDED_S
            raise ArchiveUnreadable(_failing(file)) from None

    def _read_once(self, file: StoredFile, node: Node, path: str, most_bytes: int) -> bytes:
        try:
            return self._reader.read(node, path, timeout_s=_READ_S, most_bytes=most_bytes)
        except Unavailable as error:
            status = getattr(error, "status", None)
            if status == _BUSY:
                raise _Busy from error
            if status == 404:
                raise FileNotFoundError(f"archive file {file.id}") from error
            if status is None:
                log.warning("the server %s does not answer to a reading of recordings: %s", file.node, error.detail)
                if not getattr(error, "has_answered", False):
                    with self._lock:
                        self._avoided_until_s[file.node] = self._clock.monotonic_s() + _AVOIDED_S
                raise ArchiveUnreadable(_silent(file)) from error
            log.warning("the server %s refuses the reading of a recording (status %s)", file.node, status)
            raise ArchiveUnreadable(f"The server {file.node} refuses to read this recording.") from error

    def _living(self) -> dict[str, Node]:
        here, now_s = self._nodes.this_node().name, self._clock.monotonic_s()
        with self._lock:
            avoided = {name for name, until_s in self._avoided_until_s.items() if now_s < until_s}
        return {
            view.node.name: view.node
            for view in self._nodes.nodes()
            if view.is_alive and view.node.name != here and view.node.name not in avoided
        }


def _silent(file: StoredFile) -> str:
    return f"The server {file.node} with this recording does not answer."


def _failing(file: StoredFile) -> str:
    return f"The server {file.node} cannot read this recording from its disk."


class Storages(RecordingStorage):
    """Reads each file from the node that has it, and otherwise from the object storage."""

    def __init__(self, nodes: NodeStorage | None) -> None:
        self._nodes = nodes
        self._objects: RecordingStorage | None = None

    def use_objects(self, objects: RecordingStorage) -> None:
        self._objects = objects
        if self._nodes is not None:
            self._nodes.has_copies = True

    def places(self) -> ReachablePlaces:
        """Return the places that can be read now."""
        names = self._nodes.names() if self._nodes is not None else frozenset[str]()
        return ReachablePlaces(names, has_objects=self._objects is not None)

    def size(self, file: StoredFile) -> int:
        if file.is_sealed:
            return file.size_bytes
        for storage, is_last in self._storages_of(file):
            try:
                return storage.size(file)
            except (ArchiveUnreadable, FileNotFoundError):
                if is_last:
                    raise
        raise ArchiveUnreadable(_silent(file))

    def read(self, file: StoredFile, first: int, count: int) -> bytes:
        for storage, is_last in self._storages_of(file):
            try:
                return storage.read(file, first, count)
            except (ArchiveUnreadable, FileNotFoundError):
                if is_last:
                    raise
        raise ArchiveUnreadable(_silent(file))

    def _storages_of(self, file: StoredFile) -> Iterator[tuple[RecordingStorage, bool]]:
        """Yield the storages that have the file, and True for the last one."""
        objects = self._objects if file.object_key is not None else None
        if self._nodes is not None and file.is_on_disk:
            yield self._nodes, objects is None
        if objects is not None:
            yield objects, True


class StoredBytes(ByteSource):
    """The bytes of a file in a storage, read ahead: the head of a fragment and its key frame come in one request."""

    def __init__(self, storage: RecordingStorage, file: StoredFile) -> None:
        self._storage = storage
        self._file = file
        self._blocks: list[tuple[int, bytes]] = []  # the last two: the description of the file may be one of them

    def size(self) -> int:
        return self._storage.size(self._file)

    def read(self, first: int, count: int) -> bytes:
        if self._file.is_sealed:
            count = min(count, self._file.size_bytes - first)
        for begin, data in self._blocks:
            if begin <= first and first + count <= begin + len(data):
                return data[first - begin : first - begin + count]
        begin, wanted = self._block(first, count)
        read = bytearray()
        while len(read) < wanted:
            part = self._storage.read(self._file, begin + len(read), min(wanted - len(read), MOST_OF_ONE_READ))
            read += part
            if not part:
                break
        self._blocks = [(begin, bytes(read)), *self._blocks[:1]]
        return bytes(read[first - begin : first - begin + count])

    def _block(self, first: int, count: int) -> tuple[int, int]:
        """Return the beginning and the length of the block to read: the index at the end of a file is one piece."""
        if not self._file.is_sealed:
            return first, max(count, _READ_AHEAD)
        size = self._file.size_bytes
        begin = max(0, min(first, size - _READ_AHEAD))
        return begin, min(size - begin, max(first - begin + count, _READ_AHEAD))

    def close(self) -> None:
        """Forget the bytes."""
        self._blocks = []
