"""Deletes recordings: those that are too old, too many, or in the way of new ones. The plan: archive/retention_plan.py.

A file goes in three steps: its row moves to the trash in one transaction with its stretch, the file is deleted from the
volume, the trash forgets it. After a crash between two steps the next pass goes on with the trash.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from archive.clock_doubt import ClockDoubt
from archive.disk_calls import DiskCalls
from archive.floors import VolumeSpace, needs_of, spaces_of
from archive.index import ArchiveIndex
from archive.index_sums import bytes_in_spans
from archive.inflow import Inflow
from archive.kept import NOTHING_KEPT, Channel, KeptRanges, KeptSpans
from archive.open_files import OpenFiles, SparedFiles
from archive.records import IndexedFile, TrashItem, to_ms
from archive.retention_plan import DueFile, DueReason, RetentionPlanner
from archive.rules import RuleStore
from archive.trash import TrashBin
from archive.volumes import Volumes
from archive.writer import ArchiveWriter
from core.archive import RecordingRule
from core.clock import Clock
from core.errors import AppError
from core.stop_signal import StopSignal

log = logging.getLogger(__name__)

PASS_EVERY_S = 30.0
FILES_PER_S = 20
MOST_PER_PASS = 20 * FILES_PER_S
_STOP_S = 2.0
_DISK_TIMEOUT_S = 10.0
ONLY_KEPT = "Only kept recordings are left on this disk, and it is full: release some of them, or add a disk."
OTHER_FILES = "The disk is full, and not with recordings: free some space ({floor} MB are to stay free), or add a disk."


@dataclass(frozen=True, slots=True)
class RetentionParts:
    """The parts that the retention and the storage page read and change."""

    index: ArchiveIndex
    volumes: Volumes
    writer: ArchiveWriter
    rules: RuleStore
    kept: KeptRanges
    open_files: OpenFiles
    inflow: Inflow


class Retention:
    """Runs a pass every 30 s, in a thread. start() and stop() may be called twice."""

    def __init__(self, parts: RetentionParts, clock: Clock, *, min_free_bytes: int) -> None:
        self._parts = parts
        self._clock = clock
        self._min_free_bytes = min_free_bytes
        self._spared = SparedFiles(parts.open_files, parts.volumes, clock)
        self._disks = DiskCalls(_DISK_TIMEOUT_S)
        self._trash = TrashBin(parts.index, parts.volumes, self._disks)
        self._doubt = ClockDoubt(clock)
        self._held: frozenset[int] = frozenset()
        self._removed_cameras: set[int] = set()
        self._on_limit: list[Callable[[int, int, datetime], None]] = []
        self._wake = threading.Event()
        self._is_stopping = StopSignal()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._doubt.note_off(self._parts.writer.was_off)
            self._is_stopping.begin()
            self._thread = threading.Thread(target=self._is_stopping.bound(self._serve), name="retention", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Return within 2 s, also if a volume does not answer."""
        self._is_stopping.set()
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_S)

    def wake(self) -> None:
        """Run a pass soon: a rule or a kept range has changed."""
        self._wake.set()

    def on_limit(self, callback: Callable[[int, int, datetime], None]) -> None:
        """Call `callback(camera_id, channel, moment)` after a limit by law has deleted footage of before the moment."""
        self._on_limit.append(callback)

    def delete_camera(self, camera_id: int) -> None:
        """Delete all footage of a camera that was removed, kept footage too: its limit by law went with its rules."""
        self._removed_cameras.add(camera_id)
        self._wake.set()

    def delete_removed_cameras(self, known: Collection[int], since: datetime) -> None:
        """Delete the footage of cameras that were removed before the app ended, or crashed.

        `known`: the ids of all cameras. Ids are given in order and never again, so one below the highest was removed.
        A higher one is unknown because the app's database is older than the archive: its footage stays. So does all
        footage from before `since`, the first start with this database: another one gave its ids.
        """
        highest = max(known, default=0)
        recorded = self._parts.index.extents(self._parts.index.streams())
        for camera_id in {it.stream.camera_id for it in recorded if it.latest >= since}:
            if camera_id < highest and camera_id not in known:
                self.delete_camera(camera_id)

    def _serve(self) -> None:
        while not self._is_stopping.is_set():
            is_more = False
            try:
                is_more = self.run_pass() >= MOST_PER_PASS
            except AppError as error:
                log.warning("the retention waits: %s", error.detail)
            except Exception:  # the top of a thread
                log.exception("the retention failed")
            self._wake.wait(0.0 if is_more else PASS_EVERY_S)
            self._wake.clear()

    def run_pass(self) -> int:
        """Delete the files that are due, at most 20 a second and 400 in all. Return their number."""
        parts = self._parts
        is_clock_sure = not self._doubt.holds()
        if is_clock_sure:
            parts.kept.expire()
        self._spared.forget_closed()
        self._trash_removed_cameras()
        parts.rules.load()  # another node may have changed one
        deleted = self._empty_trash(self._trash.items(MOST_PER_PASS))
        rules, now_ms = parts.rules.rules(), to_ms(self._clock.now_utc())
        planner = RetentionPlanner(parts.index, rules, parts.kept.spans(), now_ms, self._spared)
        spaces = self._spaces()
        plan = planner.plan(needs_of(spaces, planner, parts.index), MOST_PER_PASS, by_age=is_clock_sure)
        self._tell_volumes(spaces, plan.only_kept)
        deleted += self._delete(plan.due, rules)
        self._tell_limits(plan.due)
        if deleted:
            self._tell_volumes(self._spaces(), set())  # new files go where space is free now
        return deleted

    def _tell_limits(self, due: Sequence[DueFile]) -> None:
        """Let other parts forget their copies of footage beyond its limit."""
        now, rules = self._clock.now_utc(), self._parts.rules
        streams = (one.file.stream for one in due if one.reason is DueReason.LIMIT)
        for camera_id, channel in {(stream.camera_id, stream.channel) for stream in streams}:
            limit_days = rules.rule(camera_id, channel).limit_days
            if limit_days is not None:
                for callback in self._on_limit:
                    callback(camera_id, channel, now - timedelta(days=limit_days))

    def _spaces(self) -> list[VolumeSpace]:
        inflow = self._parts.inflow.total_bytes_per_day()
        return spaces_of(self._parts.volumes.all(), self._disks, inflow, self._min_free_bytes, self._held)

    # ---- deleting --------------------------------------------------------------------------------

    def _delete(self, due: Sequence[DueFile], rules: Mapping[Channel, RecordingRule]) -> int:
        """Delete files that are due by `rules`, until a rule changes: another pass begins then."""
        deleted = 0
        for begin in range(0, len(due), FILES_PER_S):
            if begin and self._is_stopping.wait(1.0):
                break
            batch = due[begin : begin + FILES_PER_S]
            self._parts.rules.load()
            if self._parts.rules.rules() != rules:
                self._wake.set()
                break
            # A user may have kept a range since the plan was made.
            with self._parts.kept.unchanged() as kept:
                keys = [one.file.key for one in batch if one.reason is DueReason.LIMIT or not _is_kept(one.file, kept)]
                items = self._parts.index.delete(keys)
            deleted += self._trash.empty(items)
        if deleted:
            log.debug("the retention has deleted %d recordings, the first because of %s", deleted, due[0].reason)
        return deleted

    def _empty_trash(self, items: Sequence[TrashItem]) -> int:
        """Delete files that were in the trash when the app ended, or whose volume did not answer."""
        deleted = 0
        for begin in range(0, len(items), FILES_PER_S):
            if begin and self._is_stopping.wait(1.0):
                break
            deleted += self._trash.empty(items[begin : begin + FILES_PER_S])
        return deleted

    def _trash_removed_cameras(self) -> None:
        """Move the footage of removed cameras to the trash, as soon as their last files have their rows."""
        for camera_id in tuple(self._removed_cameras):
            if not self._parts.writer.is_writing(camera_id):
                self._parts.index.delete_streams(self._parts.index.streams(camera_id))
                self._removed_cameras.discard(camera_id)

    def _tell_volumes(self, spaces: Sequence[VolumeSpace], only_kept: Container[int]) -> None:
        """Stop the recording on volumes with only kept footage, and let it go on where space is free again."""
        held = set(self._held)
        for space in spaces:
            volume = space.volume
            volume.floor_bytes, volume.is_short = space.floor_bytes, space.is_short
            if volume.id in only_kept and volume.id not in held:
                held.add(volume.id)
                detail = self._detail_of_full(space)
                volume.hold_full(detail)
                log.error("%s: %s", volume.name, detail)
            elif volume.id in held and space.free_bytes >= space.target_bytes:
                held.discard(volume.id)
                volume.release_full()
                log.info("%s: there is space for recordings again", volume.name)
        self._held = frozenset(held)

    def _detail_of_full(self, space: VolumeSpace) -> str:
        kept, volume_id = self._parts.kept.spans(), space.volume.id
        streams = [total.stream for total in self._parts.index.totals() if total.volume_id == volume_id]
        spans = {stream: kept.get((stream.camera_id, stream.channel), NOTHING_KEPT).spans for stream in streams}
        with self._parts.index.read() as db:
            has_kept = any(place[1] == volume_id for place in bytes_in_spans(db, spans))
        return ONLY_KEPT if has_kept else OTHER_FILES.format(floor=space.floor_bytes // 1_000_000)


def _is_kept(file: IndexedFile, kept: Mapping[Channel, KeptSpans]) -> bool:
    spans = kept.get((file.stream.camera_id, file.stream.channel), NOTHING_KEPT)
    return spans.end_of(file.start_ms, file.end_ms) is not None
