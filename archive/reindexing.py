"""Makes the archive's index again from the files of its volumes, also of volumes that another index has made.

Files do not say why their stretch ended, nor whether it came from the device. The old index does, if there is one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from archive.index import ArchiveIndex
from archive.records import EPOCH, IndexedStretch
from archive.recovery import Recovery
from archive.volumes import Volumes
from core.archive import StreamKey

_SAME_END_MS = 2000
_ALWAYS = (EPOCH, EPOCH + timedelta(days=365 * 200))


@dataclass(frozen=True, slots=True)
class Reindexed:
    """The result: files in the index now, and the names of volumes that could not be read."""

    files: int
    size_bytes: int
    missing_volumes: tuple[str, ...]


def reindex(index: ArchiveIndex, volumes: Volumes) -> Reindexed:
    """Make the index again. The writer must not run. Raise OSError, StorageFull or Unavailable.

    Rows of volumes that cannot be read now are gone until this is done again with them.
    """
    old = index.indexed_stretches(index.streams(), *_ALWAYS)
    index.clear()
    missing = []
    for volume in volumes.all():
        if volumes.open(volume, index, adopts=True):
            for _ in Recovery(index, volume).compare():
                pass
        else:
            missing.append(f"{volume.name}: {volume.detail}")
    index.replace_stretches(list(_restored(index.indexed_stretches(index.streams(), *_ALWAYS), old)))
    totals = index.totals()
    return Reindexed(sum(it.files for it in totals), sum(it.size_bytes for it in totals), tuple(missing))


def _restored(made: list[IndexedStretch], old: list[IndexedStretch]) -> Iterator[IndexedStretch]:
    """Yield the new stretches that the old index knew, with its knowledge of them."""
    by_stream: dict[StreamKey, list[IndexedStretch]] = {}
    for stretch in old:
        by_stream.setdefault(stretch.stream, []).append(stretch)  # in the order of their beginnings
    for stretch in made:
        before = _old_of(stretch, by_stream.get(stretch.stream, []))
        if before is None:
            continue
        has_same_end = abs(before.end_ms - stretch.end_ms) <= _SAME_END_MS
        yield replace(
            stretch,
            origin=before.origin,
            clock_correction_s=before.clock_correction_s,
            end_reason=before.end_reason if has_same_end and before.end_reason else stretch.end_reason,
        )


def _old_of(stretch: IndexedStretch, known: list[IndexedStretch]) -> IndexedStretch | None:
    """Return the old stretch at the beginning, the middle or the end of a new one. Parts of it may have been lost."""
    for moment in (stretch.start_ms, (stretch.start_ms + stretch.end_ms) // 2, stretch.end_ms - 1):
        place = bisect_right(known, moment, key=lambda it: it.start_ms) - 1
        if place >= 0 and moment < known[place].end_ms:
            return known[place]
    return None
