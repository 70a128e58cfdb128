"""The time of a channel that only other nodes have, computed from stretches of all nodes."""

from __future__ import annotations

import random
from datetime import datetime

import pytest

from archive.footage_elsewhere import footage_elsewhere
from archive.records import from_ms
from archive.shared_files import ReachablePlaces, StoredStretch
from core.archive import ArchiveStretch, GapReason, Origin, RecordedQuality, StreamKey
from tests.patience import promised_work

BEGIN_MS = 1_795_521_600_000
LENGTH_S = 60
STREAMS = [StreamKey(1, 1, quality) for quality in RecordedQuality]
PLACES = ReachablePlaces(frozenset({"south", "west"}), has_objects=True)


def at(second: float) -> datetime:
    return from_ms(round(BEGIN_MS + second * 1000))


def own(stream: StreamKey, start_s: int, end_s: int) -> ArchiveStretch:
    return ArchiveStretch(stream, at(start_s), at(end_s), Origin.SERVER, GapReason.UNKNOWN)


def stored(node: str, stream: StreamKey, start_s: int, end_s: int, epoch: int, *, has_object: bool) -> StoredStretch:
    return StoredStretch(
        node, stream, BEGIN_MS + start_s * 1000, BEGIN_MS + end_s * 1000, epoch, is_on_disk=True, has_object=has_object
    )


@pytest.mark.parametrize("seed", range(40))
def test_each_second_has_the_place_that_counts(seed: int) -> None:
    rng = random.Random(seed)

    def times() -> tuple[int, int]:
        start_s = rng.randrange(LENGTH_S)
        return start_s, start_s + rng.randrange(1, 20)

    here = [own(rng.choice(STREAMS), *times()) for _ in range(rng.randrange(4))]
    others = [
        stored(
            rng.choice(["south", "west", "east"]),
            rng.choice(STREAMS),
            *times(),
            epoch,
            has_object=rng.random() < 0.2,
        )
        for epoch in range(1, rng.randrange(2, 9))
    ]
    found = footage_elsewhere((at(0), at(LENGTH_S)), here, others, PLACES, "north")
    for second in range(LENGTH_S):
        shown = {(it.quality, it.server, it.is_away) for it in found if it.start <= at(second) < it.end}
        assert shown == expected(second, here, others), second
    assert all(at(0) <= it.start < it.end <= at(LENGTH_S) for it in found)


def expected(
    second: int, here: list[ArchiveStretch], others: list[StoredStretch]
) -> set[tuple[RecordedQuality, str, bool]]:
    now = [it for it in others if it.start_ms <= BEGIN_MS + second * 1000 < it.end_ms]
    found: set[tuple[RecordedQuality, str, bool]] = set()
    has_any = False
    for stream in STREAMS:
        of_stream = [it for it in now if it.stream == stream]
        nodes = [it for it in of_stream if it.node in PLACES.nodes]
        is_here = any(it.stream == stream and it.start <= at(second) < it.end for it in here)
        is_copy = any(it.has_object and it not in nodes for it in of_stream)
        if is_copy and not is_here:
            found.add((stream.quality, "", False))
        is_here = is_here or is_copy
        if nodes and not is_here:
            found.add((stream.quality, max(nodes, key=lambda it: it.epoch).node, False))
        has_any = has_any or is_here or bool(nodes)
    away = [it for it in now if it.node == "east" and not it.has_object]
    if away and not has_any:
        last = max(away, key=lambda it: it.epoch)
        found.add((last.stream.quality, last.node, True))
    return found


def test_the_time_for_thousands_of_stretches_is_short() -> None:
    """A camera that moves each hour for a year. Comparisons of each with each take minutes."""
    others = [
        stored("east" if number % 2 else "south", STREAMS[0], number * 10, number * 10 + 8, number, has_object=False)
        for number in range(9000)
    ]
    mine = [own(STREAMS[0], number * 10 + 5, number * 10 + 9) for number in range(9000)]
    with promised_work(2.5):
        found = footage_elsewhere((at(0), at(90_000)), mine, others, PLACES, "north")
    assert len(found) == 9000
