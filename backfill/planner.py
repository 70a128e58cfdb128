"""Plans without a user: jobs for gaps whose rule fills them. Lets the recorders be checked for their own gaps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from archive_manager import ArchiveManager
from backfill.planning import (
    SETTLED,
    common,
    is_filled,
    is_of_changed_camera,
    may_retry,
    oldest_lasting,
    pieces_of,
    taken_by_jobs,
    tried_in_vain,
    wanted_stretches,
    without,
)
from backfill.recorder_checks import OF_CAMERA, RecorderChecks
from backfill.records import AUTOMATIC, Backfill, BackfillState, Stretch
from backfill.store import BackfillStore
from backfill.targets import Targets
from core.archive import RecordingMode, RecordingRule
from core.backoff import growing_wait_s
from core.clock import Clock
from core.errors import AppError, NotFound
from core.records import CameraStatus
from onvif_manager import OnvifManager

log = logging.getLogger(__name__)

_BACK = timedelta(days=7)
_LISTS_LATE_FOR = timedelta(hours=1)
_AFTER_FAILURE_S = 600.0
_ASK_AGAIN_S = 600.0
_ASK_AT_MOST_S = 3600.0
_KEPT = timedelta(days=8)  # a job of a rule, after its end: longer than the planner looks back


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer of a recorder about the gaps of a channel.

    `next_s`: time of the next request; `times`: number of requests for the same gaps.
    """

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
        self._not_before_s: dict[tuple[int, int | None], float] = {}  # after errors; channel None: of a whole camera
        self._checks = RecorderChecks(targets, archive.gap_store, cameras, clock, self._may_ask)

    def plan(self, is_over: Callable[[], bool]) -> None:
        """Add jobs for the gaps of rules, and check the recorders. `is_over` True ends it early."""
        rules = self._archive.rules()
        self._proposals = {key: found for key, found in self._proposals.items() if key in rules}
        for (camera_id, channel), rule in sorted(rules.items()):
            if is_over():
                return
            if rule.mode is RecordingMode.OFF or not self._may_ask(camera_id, channel):
                continue
            try:
                fillable = self._fillable(camera_id, channel, rule)
                self._proposals[camera_id, channel] = () if rule.backfills else tuple(fillable)
                if rule.backfills:
                    self._add_jobs(camera_id, channel, fillable)
            except AppError as error:
                log.debug("camera %d, channel %d: no backfill is planned (%s)", camera_id, channel, error.code)
                key = camera_id, None if isinstance(error, OF_CAMERA) else channel
                self._not_before_s[key] = self._clock.monotonic_s() + _AFTER_FAILURE_S
        self._checks.check(is_over)
        self._store.remove_automatic(self._clock.now_utc() - _KEPT)

    def _may_ask(self, camera_id: int, channel: int) -> bool:
        """True if the camera is online, and neither it nor the channel has failed lately: each try may take 25 s."""
        now_s = self._clock.monotonic_s()
        if any(now_s < self._not_before_s.get((camera_id, one), 0.0) for one in (None, channel)):
            return False
        try:
            return self.owns(camera_id) and self._cameras.get_camera(camera_id).status is CameraStatus.ONLINE
        except NotFound:
            return False

    def owns(self, camera_id: int) -> bool:
        """True if this process may connect the camera. Any thread."""
        return self._cameras.owns(camera_id)

    def proposals(self) -> list[tuple[int, int, Stretch]]:
        """Return camera, channel and stretch of the gaps that a recorder can fill and no rule does. Any thread."""
        return [(*key, stretch) for key, found in sorted(self._proposals.items()) for stretch in found]

    def _add_jobs(self, camera_id: int, channel: int, fillable: Iterable[Stretch]) -> None:
        """Queue stretches to be fetched: a channel has one job for all gaps of a day, however often it flaps.

        While the job of a day has failed lately, the other gaps of the day wait with it.
        """
        now = self._clock.now_utc()
        for _, found in groupby(fillable, key=lambda it: it.start.date()):
            stretches = list(found)
            pieces = pieces_of(stretches)
            job = self._job_of_day(camera_id, channel, stretches[0])
            if job is None:
                wanted = Stretch(stretches[0].start, stretches[-1].end)
                self._store.add(camera_id, channel, wanted, pieces, by=AUTOMATIC, now=now)
            elif job.state is not BackfillState.FAILED or may_retry(job, now):
                self._store.extend(job.id, pieces)
            else:
                continue
            seconds = sum(it.length_s for it in stretches)
            log.info("camera %d, channel %d: gaps of %.0f s are fetched", camera_id, channel, seconds)

    def _job_of_day(self, camera_id: int, channel: int, stretch: Stretch) -> Backfill | None:
        """Return the newest job of the rule for the day (in UTC) of a stretch that can still get pieces."""
        for job in self._store.jobs(camera_id, channel):
            is_over = job.state is BackfillState.CANCELLED or is_of_changed_camera(job)
            if job.is_automatic and not is_over and job.start.date() == stretch.start.date():
                return job
        return None

    def _fillable(self, camera_id: int, channel: int, rule: RecordingRule) -> list[Stretch]:
        """Return the gaps that the recorder has and no job knows.

        The planner repeats the request for the same gaps after ten minutes and then after growing times, because a
        recorder may list its recordings late.
        """
        now = self._clock.now_utc()
        since = max(now - _BACK, oldest_lasting(rule, now) or now - _BACK)
        gaps = tuple(
            Stretch(gap.start, gap.end)
            for gap in self._archive.gaps(camera_id, channel, since, now)
            if is_filled(gap) and gap.end is not None and now - gap.end > SETTLED
        )
        jobs = self._store.jobs(camera_id, channel)
        wanted = without(common(gaps, [Stretch(since, now)]), [*taken_by_jobs(jobs, now), *tried_in_vain(jobs)])
        if not wanted:
            return []
        known, now_s = self._asked.get((camera_id, channel)), self._clock.monotonic_s()
        if known is None or now_s >= known.next_s or (known.is_complete and known.gaps != gaps):
            window = Stretch(min(it.start for it in wanted), max(it.end for it in wanted))
            if known is not None:
                self._read_late_lists(camera_id, channel, wanted, now)
            found = self._targets.find(camera_id, channel, window, resumes=False)
            times = known.times + 1 if known is not None and found.is_complete and known.gaps == gaps else 1
            wait_s = growing_wait_s(times, _ASK_AGAIN_S, _ASK_AT_MOST_S)
            known = _Answer(gaps, found.stretches, found.is_complete, now_s + wait_s, times)
            self._asked[camera_id, channel] = known
        return wanted_stretches(wanted, known.stretches, ())

    def _read_late_lists(self, camera_id: int, channel: int, gaps: list[Stretch], now: datetime) -> None:
        """Ask the recorder again for gaps that have just ended: the index has its first answer."""
        recent = [gap for gap in gaps if now - gap.end < _LISTS_LATE_FOR]
        if recent:
            self._targets.listed(camera_id, channel, Stretch(recent[0].start, recent[-1].end), again=True)
