"""Plans without a user: jobs for gaps whose rule fills them, and alerts for the recorders' own gaps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from archive_manager import ArchiveManager
from backfill.planning import (
    common,
    is_filled,
    oldest_lasting,
    pieces_of,
    taken_by_jobs,
    tried_in_vain,
    united,
    wanted_stretches,
    without,
)
from backfill.records import AUTOMATIC, Stretch
from backfill.store import BackfillStore
from backfill.targets import Targets
from core.archive import GapReason, Origin, RecordingMode, RecordingRule
from core.backoff import growing_wait_s
from core.clock import Clock
from core.errors import AppError, NotFound
from core.records import CameraStatus
from onvif_manager import OnvifManager

log = logging.getLogger(__name__)

_BACK = timedelta(days=7)
_SETTLED = timedelta(minutes=2)  # recorders write late
_CHECK_EVERY = timedelta(days=1)
_DAY = timedelta(days=1)
_CONTINUOUS = 0.95  # a recorder that had so much of the day before is expected to record all the time
_DEVICE_GAP_S = 60.0
_AFTER_FAILURE_S = 600.0
_ASK_AGAIN_S = 600.0
_ASK_AT_MOST_S = 3600.0
_KEPT = timedelta(days=8)  # a job of a rule, after its end: longer than the planner looks back


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a recorder has of the gaps of a channel. `next_s`: when it is asked again; `times`: answers in a row."""

    gaps: tuple[Stretch, ...]
    stretches: tuple[Stretch, ...]
    is_complete: bool
    next_s: float
    times: int


class BackfillPlanner:
    """For one thread, except proposals()."""

    def __init__(
        self, store: BackfillStore, targets: Targets, archive: ArchiveManager, cameras: OnvifManager, clock: Clock
    ) -> None:
        self._store = store
        self._targets = targets
        self._archive = archive
        self._cameras = cameras
        self._clock = clock
        self._asked: dict[tuple[int, int], _Answer] = {}
        self._proposals: dict[tuple[int, int], tuple[Stretch, ...]] = {}
        self._checked_at: dict[tuple[int, int], datetime] = {}
        self._not_before_s: dict[int, float] = {}  # of cameras that could not answer

    def plan(self, is_over: Callable[[], bool]) -> None:
        """Add jobs for the gaps of rules, and note the gaps of recorders. `is_over` True ends it early."""
        rules = self._archive.rules()
        self._proposals = {key: found for key, found in self._proposals.items() if key in rules}
        for (camera_id, channel), rule in sorted(rules.items()):
            if is_over():
                return
            if rule.mode is RecordingMode.OFF or not self._may_ask(camera_id):
                continue
            try:
                fillable = self._fillable(camera_id, channel, rule)
                self._proposals[camera_id, channel] = () if rule.backfills else tuple(fillable)
                if rule.backfills:
                    self._add_jobs(camera_id, channel, fillable)
                self._check_recorder(camera_id, channel)
            except AppError as error:
                log.debug("camera %d, channel %d: no backfill is planned (%s)", camera_id, channel, error.code)
                self._not_before_s[camera_id] = self._clock.monotonic_s() + _AFTER_FAILURE_S
        self._store.remove_automatic(self._clock.now_utc() - _KEPT)

    def _may_ask(self, camera_id: int) -> bool:
        """True if the camera is online and has not failed lately: each channel of one that fails may take 25 s."""
        if self._clock.monotonic_s() < self._not_before_s.get(camera_id, 0.0):
            return False
        try:
            return self._cameras.get_camera(camera_id).status is CameraStatus.ONLINE
        except NotFound:
            return False

    def proposals(self) -> list[tuple[int, int, Stretch]]:
        """Return camera, channel and stretch of the gaps that a recorder can fill and no rule does. Any thread."""
        return [(*key, stretch) for key, found in sorted(self._proposals.items()) for stretch in found]

    def _add_jobs(self, camera_id: int, channel: int, fillable: Iterable[Stretch]) -> None:
        for stretch in fillable:
            self._store.add(camera_id, channel, stretch, pieces_of([stretch]), by=AUTOMATIC, now=self._clock.now_utc())
            log.info("camera %d, channel %d: a gap of %.0f s is fetched", camera_id, channel, stretch.length_s)

    def _fillable(self, camera_id: int, channel: int, rule: RecordingRule) -> list[Stretch]:
        """Return the gaps that the recorder has and no job knows.

        For the same gaps, the recorder is asked again after ten minutes and then after growing times: it may list its
        recordings late.
        """
        now = self._clock.now_utc()
        since = max(now - _BACK, oldest_lasting(rule, now) or now - _BACK)
        gaps = tuple(
            Stretch(gap.start, gap.end)
            for gap in self._archive.gaps(camera_id, channel, since, now)
            if is_filled(gap) and gap.end is not None and now - gap.end > _SETTLED
        )
        jobs = self._store.jobs(camera_id, channel)
        wished = without(common(gaps, [Stretch(since, now)]), [*taken_by_jobs(jobs), *tried_in_vain(jobs)])
        if not wished:
            return []
        known, now_s = self._asked.get((camera_id, channel)), self._clock.monotonic_s()
        if known is None or now_s >= known.next_s or (known.is_complete and known.gaps != gaps):
            window = Stretch(min(it.start for it in wished), max(it.end for it in wished))
            found = self._targets.find(camera_id, channel, window)
            times = known.times + 1 if known is not None and found.is_complete and known.gaps == gaps else 1
            wait_s = growing_wait_s(times, _ASK_AGAIN_S, _ASK_AT_MOST_S)
            known = _Answer(gaps, found.stretches, found.is_complete, now_s + wait_s, times)
            self._asked[camera_id, channel] = known
        return wanted_stretches(wished, known.stretches, ())

    def _check_recorder(self, camera_id: int, channel: int) -> None:
        """Once a day, note the gaps of the last day on a recorder that recorded all of the day before."""
        now = self._clock.now_utc()
        checked_at = self._checked_at.get((camera_id, channel))
        if checked_at is not None and now - checked_at < _CHECK_EVERY:
            return
        until = now - _SETTLED
        last = Stretch(max(until - _DAY, checked_at - _SETTLED if checked_at else until - _DAY), until)
        before = Stretch(until - 2 * _DAY, until - _DAY)
        listed = self._targets.listed(camera_id, channel, Stretch(before.start, last.end))
        self._checked_at[camera_id, channel] = now
        if listed is None:
            return
        missing_before_s = sum(it.length_s for it in without([before], listed))
        if missing_before_s > (1 - _CONTINUOUS) * before.length_s:
            return
        known = united(Stretch(gap.start, gap.end or until) for gap in self._device_gaps(camera_id, channel, last))
        for gap in without(without([last], listed), known):
            if gap.length_s >= _DEVICE_GAP_S:
                made = self._archive.gap_store.begin(
                    camera_id, channel, gap.start, GapReason.UNKNOWN, end=gap.end, origin=Origin.DEVICE
                )
                if made is not None:
                    self._archive.gap_store.alert(made.id)
                log.warning(
                    "camera %d, channel %d: the recorder did not record from %s to %s",
                    camera_id,
                    channel,
                    gap.start.isoformat(timespec="seconds"),
                    gap.end.isoformat(timespec="seconds"),
                )

    def _device_gaps(self, camera_id: int, channel: int, window: Stretch) -> list[Stretch]:
        """Return the gaps of the recorder that are noted already, from an earlier run of the app."""
        return [
            Stretch(gap.start, gap.end or window.end)
            for gap in self._archive.alerts()
            if gap.origin is Origin.DEVICE and (gap.camera_id, gap.channel) == (camera_id, channel)
        ]
