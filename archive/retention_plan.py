"""The choice of the files that the retention deletes next. It reads the index and deletes nothing.

The order: footage beyond a limit by law, kept or not; footage older than its channel's days; the oldest of a channel
with too many bytes; the oldest of a volume with too little free space. Only the first step takes kept footage. The
steps before the last one take channels over their limit first, also while more is due than one pass may delete.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import merge

from archive.forecast import DAY_MS
from archive.index import ArchiveIndex
from archive.index_sums import Place, Span, bytes_in_spans
from archive.kept import NOTHING_KEPT, Channel, KeptSpans
from archive.open_files import SparedFiles
from archive.records import FileKey, IndexedFile, StreamTotal
from core.archive import RecordingRule, StreamKey

_FIRST_PAGE = 16
_PAGE = 256
_NO_RULE = RecordingRule()


class DueReason(StrEnum):
    """The reason why a file is deleted, for the log."""

    LIMIT = "limit"
    DAYS = "days"
    BYTES = "bytes"
    SPACE = "space"


@dataclass(frozen=True, slots=True)
class DueFile:
    """A file to delete. `reason` LIMIT: although it may be kept."""

    file: IndexedFile
    reason: DueReason


@dataclass(slots=True)
class RetentionPlan:
    """The files to delete, in order. `only_kept`: volumes that need space and have no file that may be deleted."""

    due: list[DueFile] = field(default_factory=list)
    only_kept: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class VolumeNeed:
    """A volume that files can be deleted from. `wanted_bytes`: to delete, so that enough space is free; 0 for none.

    `is_held`: recording has stopped there because only kept footage is left.
    """

    volume_id: int
    wanted_bytes: int = 0
    is_held: bool = False


class RetentionPlanner:
    """Makes the plan of one pass."""

    def __init__(
        self,
        index: ArchiveIndex,
        rules: Mapping[Channel, RecordingRule],
        kept: Mapping[Channel, KeptSpans],
        now_ms: int,
        spared: SparedFiles | None = None,
    ) -> None:
        self._index = index
        self._rules = rules
        self._kept = kept
        self._now_ms = now_ms
        self._spared = spared
        self._plan = RetentionPlan()
        self._planned: set[FileKey] = set()
        self._most = 0
        self._kept_sums: Mapping[Place, int] | None = None

    def plan(self, needs: Sequence[VolumeNeed], most: int, *, by_age: bool = True) -> RetentionPlan:
        """Return at most `most` files of these volumes. Files on other volumes stay, and their rows, too.

        `by_age`: False while the present time is in doubt; no file is due because of its age then.

        A quarter of `most` is for space alone: a shorter limit must not fill a disk by keeping the retention busy.
        """
        self._most = most * 3 // 4
        self._plan = RetentionPlan()
        self._planned = set()
        usable = {need.volume_id for need in needs}
        totals = [total for total in self._index.totals() if total.volume_id in usable]
        if by_age:
            self._plan_limits(totals)
            self._plan_days(totals)
        self._plan_bytes(totals)
        self._most = most
        for need in needs:
            if need.wanted_bytes > 0:
                self._plan_space(need, [total for total in totals if total.volume_id == need.volume_id])
        return self._plan

    def oldest_unkept(self, places: Iterable[Place]) -> IndexedFile | None:
        """Return the file of these places that goes first when space is needed."""
        return next(self._unkept(places), None)

    # ---- the steps -------------------------------------------------------------------------------

    def _plan_limits(self, totals: Iterable[StreamTotal]) -> None:
        """A file goes as soon as its first picture is beyond the limit: nothing older than the limit stays."""
        for place in _places(totals):
            limit_days = self._rule(place[0]).limit_days
            if limit_days is not None:
                before_ms = self._now_ms - round(limit_days * DAY_MS)
                self._take(_until(self._files(place, 0), before_ms), DueReason.LIMIT)

    def _plan_days(self, totals: Iterable[StreamTotal]) -> None:
        for place in _places(totals):
            keep_days = self._rule(place[0]).keep_days
            if keep_days is not None:
                before_ms = self._now_ms - round(keep_days * DAY_MS)
                old = (file for file in _until(self._unkept([place]), before_ms) if file.end_ms <= before_ms)
                self._take(old, DueReason.DAYS)

    def _plan_bytes(self, totals: Sequence[StreamTotal]) -> None:
        """Main and sub stream of a channel count together. Kept footage does not count: it would push all else out."""
        by_channel: dict[Channel, list[StreamTotal]] = {}
        for total in totals:
            by_channel.setdefault(_channel(total.stream), []).append(total)
        for channel, own in by_channel.items():
            keep_bytes = self._rules.get(channel, _NO_RULE).keep_bytes
            used_bytes = sum(total.size_bytes for total in own)
            if keep_bytes is None or used_bytes <= keep_bytes:
                continue
            over_bytes = used_bytes - self._kept_bytes(own) - self._planned_bytes(own) - keep_bytes
            self._take(self._unkept(_places(own)), DueReason.BYTES, over_bytes)

    def _plan_space(self, need: VolumeNeed, totals: Sequence[StreamTotal]) -> None:
        """The oldest unkept files of the volume, until enough bytes are planned.

        A volume that is held for its kept footage loses its last unkept files only if recording can go on then.
        """
        planned_bytes = self._planned_bytes(totals)
        wanted_bytes = need.wanted_bytes - planned_bytes
        files = list(self._at_least(self._unkept(_places(totals)), wanted_bytes))
        found_bytes = sum(file.size_bytes for file in files if not self._is_spared(file))
        is_enough = found_bytes >= wanted_bytes or len(files) >= self._most
        if is_enough or not need.is_held:
            self._take(files, DueReason.SPACE)
        if not is_enough and (need.is_held or not (files or planned_bytes)):
            self._plan.only_kept.add(need.volume_id)

    def _kept_bytes(self, totals: Sequence[StreamTotal]) -> int:
        """Return the bytes of the closed files that kept ranges hold."""
        if self._kept_sums is None:
            with self._index.read() as db:
                self._kept_sums = bytes_in_spans(db, self._spans_of_streams())
        return sum(self._kept_sums.get(place, 0) for place in _places(totals))

    def _spans_of_streams(self) -> dict[StreamKey, Sequence[Span]]:
        """Return the kept times of the channels whose bytes are limited."""
        streams = {total.stream for total in self._index.totals()}
        return {stream: self._spans(stream).spans for stream in streams if self._rule(stream).keep_bytes is not None}

    # ---- files -----------------------------------------------------------------------------------

    def _take(self, files: Iterable[IndexedFile], reason: DueReason, wanted_bytes: int | None = None) -> None:
        """Add files to the plan, until it is full or has `wanted_bytes` more."""
        chosen = files if wanted_bytes is None else self._at_least(files, wanted_bytes)
        for file in chosen:
            if len(self._plan.due) >= self._most:
                return
            if file.key not in self._planned and not self._is_spared(file):
                self._planned.add(file.key)
                self._plan.due.append(DueFile(file, reason))

    def _at_least(self, files: Iterable[IndexedFile], wanted_bytes: int) -> Iterator[IndexedFile]:
        """Yield files until those that are not being read have the wanted bytes, or until the plan would be full."""
        count = 0
        for file in files:
            if wanted_bytes <= 0 or count >= self._most:
                return
            yield file
            if not self._is_spared(file):
                wanted_bytes -= file.size_bytes
                count += 1

    def _unkept(self, places: Iterable[Place]) -> Iterator[IndexedFile]:
        """Yield the files outside of kept ranges and of the plan, the oldest first."""
        return merge(*map(self._unkept_of, places), key=lambda file: (file.start_ms, file.stream, file.key.suffix))

    def _unkept_of(self, place: Place) -> Iterator[IndexedFile]:
        spans, begin_ms, is_more = self._spans(place[0]), 0, True
        while is_more:
            is_more = False
            for file in self._files(place, begin_ms):
                kept_until_ms = spans.end_of(file.start_ms, file.end_ms)
                if kept_until_ms is not None:
                    # Files that begin before the end of the kept time are kept, too.
                    begin_ms, is_more = max(kept_until_ms, file.start_ms + 1), True
                    break
                if file.key not in self._planned:
                    yield file

    def _files(self, place: Place, start_ms: int) -> Iterator[IndexedFile]:
        """Yield the closed files that begin at `start_ms` or later, read in pages."""
        limit = _FIRST_PAGE
        while True:
            page = self._index.oldest(*place, after_ms=start_ms, limit=limit)
            yield from page
            if len(page) < limit:
                return
            start_ms, limit = page[-1].start_ms + 1, _PAGE

    def _planned_bytes(self, totals: Iterable[StreamTotal]) -> int:
        places = set(_places(totals))
        return sum(due.file.size_bytes for due in self._plan.due if (due.file.stream, due.file.key.volume_id) in places)

    def _is_spared(self, file: IndexedFile) -> bool:
        return self._spared is not None and self._spared.spares(file)

    def _rule(self, stream: StreamKey) -> RecordingRule:
        return self._rules.get(_channel(stream), _NO_RULE)

    def _spans(self, stream: StreamKey) -> KeptSpans:
        return self._kept.get(_channel(stream), NOTHING_KEPT)


def _until(files: Iterable[IndexedFile], before_ms: int) -> Iterator[IndexedFile]:
    for file in files:
        if file.start_ms >= before_ms:
            return
        yield file


def _places(totals: Iterable[StreamTotal]) -> list[Place]:
    return [(total.stream, total.volume_id) for total in totals]


def _channel(stream: StreamKey) -> Channel:
    return stream.camera_id, stream.channel
