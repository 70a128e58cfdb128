"""Readers of footage that lies on several nodes: seeks, files that are being written, and places that fail."""

from __future__ import annotations

import pytest

from archive.stream_reader import StreamReader
from database import Database
from tests.archive.nodes import ArchiveNode, T, frames, own, seconds
from tests.archive.recorded import FPS, MAIN

pytestmark = pytest.mark.sqlite


def test_a_seek_behind_the_end_that_counts_finds_the_next_owner(
    database: Database, north: ArchiveNode, south: ArchiveNode
) -> None:
    north.footage.gop = ((b"\x65north",), *[(b"\x41north",)] * (FPS - 1))
    own(database, "north", 1)
    north.footage.record(T, T + 8)
    north.publisher.publish()
    own(database, "south", 2)
    south.footage.record(T + 6, T + 16)
    south.publisher.publish()
    reader = StreamReader(south.files, MAIN)
    shown = []
    for at_s in (3.5, 5.5, 6.5, 7.5, 9.5, 4.5):
        found = reader.key_fragment_at(round((T + at_s) * 1000))
        assert found, at_s
        unit = found.key_frame()
        shown.append((round((unit.device_s or 0.0) - T), b"north" in unit.parts[0]))
    reader.close()
    assert shown == [(3, True), (5, True), (6, False), (7, False), (9, False), (4, True)]


def test_a_replay_goes_on_in_the_next_owners_open_file(
    database: Database, north: ArchiveNode, south: ArchiveNode
) -> None:
    """The row of that file is as old as its last renewal, and ends before the replay comes to it."""
    own(database, "south", 1)
    south.footage.record(T, T + 20)
    south.publisher.publish()
    own(database, "north", 2)
    north.footage.file_s = 60
    north.footage.record(T + 16, T + 40, indexed_until_s=T + 18)
    north.publisher.publish()
    assert seconds(south.played(T + 5).units) == frames(5, 40)


def test_two_files_of_the_same_seconds_that_are_open_end_a_replay(north: ArchiveNode, south: ArchiveNode) -> None:
    """A node that died has left its file open in the table."""
    south.footage.record(T, T + 8, indexed_until_s=T + 2)
    north.footage.record(T + 0.4, T + 8.4, indexed_until_s=T + 2)
    north.publisher.publish()
    shown = seconds(south.played(T).units)
    assert shown[: 8 * FPS] == frames(0, 8)
    assert len(shown) <= 9 * FPS
