"""Deletes copies from the object storage: those of removed cameras, beyond a limit by law, and too old.

A copy goes at the earliest with its file on the disk. Kept ranges stay, except beyond the limit by law. Each node does
this for its own files, and for those of nodes that are gone; two nodes may delete the same object.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from archive.clock_doubt import ClockDoubt
from archive.records import to_ms
from archive_manager import ArchiveManager
from core.archive import RecordingRule
from core.placement import Placement
from core.recording_storage import StoredFile
from object_storage.copies import Leftover
from object_storage.health import Purpose
from object_storage.parts import StorageParts
from object_storage.problems import ObjectStorageFailed
from object_storage.uploader import Uploader
from object_storage.work import BackgroundWork

log = logging.getLogger(__name__)

_EVERY_S = 120.0
_UNKNOWN_S = 5.0
_AFTER_FAILURE_S = 300.0
_ARRIVES_S = 3600.0
"""An upload that goes on at a node without the database has this long to end, or to be noted by its node."""
_MOST_APART_S = 600.0  # of this machine's clock and that of the database
_PAGE = 200
_DAY_MS = 86_400_000
_NO_RULE = RecordingRule()


class Expiry(BackgroundWork):
    """The thread that deletes copies."""

    def __init__(
        self, parts: StorageParts, archive: ArchiveManager, placement: Placement, uploader: Uploader, *, days: float
    ) -> None:
        """`days`: as OBJECT_STORAGE_DAYS."""
        super().__init__("object-expiry")
        self._bucket = parts.bucket
        self._copies = parts.copies
        self._health = parts.health
        self._clock = parts.clock
        self._archive = archive
        self._placement = placement
        self._uploader = uploader
        self._days = days
        self._doubt = ClockDoubt(parts.clock)
        self._first_deleted_s: dict[str, float] = {}  # objects of uploads that may go on

    def start(self) -> None:
        """Start the thread. Doubt the clock if the app was off for long."""
        self._doubt.note_off(self._archive.writer.was_off)
        super().start()

    def work(self) -> float:
        """Give up the copies whose time is over, and delete the objects of no file."""
        others = self._other_nodes()
        if others is None:
            return _UNKNOWN_S
        self._give_up_all(self._copies.of_removed_cameras)
        if self._is_clock_sure():
            self._archive.load_rules()  # another node may have changed one
            for camera_id, channel, moment in self._archive.limits():
                self._give_up_all(partial(self._copies.of_channel, camera_id, channel, to_ms(moment)))
            self._give_up_old(others)
        try:
            self._delete_leftovers(others)
        except ObjectStorageFailed as failure:
            self._health.note_failure(failure, Purpose.DELETION)
            return _AFTER_FAILURE_S
        return _EVERY_S

    def _is_clock_sure(self) -> bool:
        """True unless the clock may be wrong: it has stepped, or differs from the clock of the database's server."""
        is_doubtful = self._doubt.holds()
        server_s = self._copies.clock_s()
        off_s = abs(self._clock.now_utc().timestamp() - server_s) if server_s is not None else 0.0
        if off_s > _MOST_APART_S:
            log.warning("the clock differs from that of the database by %.0f s: no copy is deleted by its age", off_s)
        return not is_doubtful and off_s <= _MOST_APART_S

    def _give_up_old(self, others: Collection[str]) -> None:
        """Give up the copies that are the only ones of their footage, and have no more days."""
        now_ms, rules = to_ms(self._clock.now_utc()), self._archive.rules()
        for channel in self._copies.channels():
            days = self._days_of(rules.get(channel, _NO_RULE))
            before_ms, after_id = now_ms - round((days or 0.0) * _DAY_MS), 0
            while days is not None and not self._is_stopping.is_set():
                files = self._copies.without_disk(channel, before_ms, others, _PAGE, after_id=after_id)
                if not files:
                    break
                self._copies.give_up(files, spares_kept=True)
                after_id = files[-1].id

    def _days_of(self, rule: RecordingRule) -> float | None:
        """Return the days of a channel's copies; None for no end. Without a setting they are those of its rule.

        A copy outlives its file: the disk may be lost, and copies exist for that case.
        """
        return self._days or rule.keep_days

    def _give_up_all(self, find: Callable[[int], Sequence[StoredFile]]) -> None:
        while (files := find(_PAGE)) and not self._is_stopping.is_set():
            self._copies.give_up(files)
            log.debug("%d copies of recordings are deleted from the object storage", len(files))

    def _delete_leftovers(self, others: Collection[str]) -> None:
        """Delete the objects of no file."""
        first_deleted, after = self._first_deleted_s, ""
        self._first_deleted_s = {}
        while not self._is_stopping.is_set():
            uploading = partial(getattr, self._uploader, "uploading")
            found = self._copies.claim_leftovers(others, _PAGE, uploading=uploading, after=after)
            if not found:
                break
            self._delete(found, first_deleted)
            after = found[-1].key

    def _delete(self, leftovers: Sequence[Leftover], first_deleted: Mapping[str, float]) -> None:
        """Delete objects, and forget those that cannot appear any more.

        An upload may outlive the node that the others believe to be dead, so its object is deleted twice.
        """
        now_s = self._clock.monotonic_s()
        since_s = {it.key: first_deleted.get(it.key, now_s) for it in leftovers if it.may_arrive}
        self._first_deleted_s.update(since_s)
        final = [it for it in leftovers if now_s - since_s.get(it.key, float("-inf")) >= _ARRIVES_S]
        due = [it.key for it in leftovers if it in final or it.key not in first_deleted]
        if due:
            self._bucket.delete(due)
            self._health.note_success(Purpose.DELETION)
            self._copies.forget(final)

    def _other_nodes(self) -> Collection[str] | None:
        """Return the names of the other living nodes; None while this node does not know them."""
        own = self._placement.this_node().name
        living = {view.node.name for view in self._placement.nodes() if view.is_alive}
        return living - {own} if own in living else None
