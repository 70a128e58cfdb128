"""Checks of the recorders: once a day, which time of the last day has a recorder itself not recorded?

A gap counts where the recorder is expected to record: it has recorded nearly all of the day before, the same hours of
that day, and the same hours a week before. So a recorder that records by a schedule or on motion makes no alerts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from archive.gaps import GapStore, RecordingGap
from backfill.planning import SETTLED, common, without
from backfill.records import Stretch
from backfill.targets import Targets
from core.archive import GapReason, Origin
from core.backoff import growing_wait_s
from core.clock import Clock
from core.errors import AppError, CameraBusy, CameraUnreachable, CameraUnsupported
from onvif_manager import OnvifManager

log = logging.getLogger(__name__)

OF_CAMERA = (CameraBusy, CameraUnreachable)
"""Errors that the other channels of the camera would get, too."""

_LISTS_LATE = timedelta(minutes=20)  # after so long, a recording that is not listed does not exist
_CHECK_EVERY = timedelta(days=1)
_CHECK_END_EVERY = timedelta(minutes=10)
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_CONTINUOUS = 0.95
_DEVICE_GAP_S = 60.0
_FIRST_WAIT_S = 600.0
_LONGEST_WAIT_S = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """Gaps of a recorder that a check has found at `found_at`. `until`: the end of the time that it has checked."""

    gaps: tuple[Stretch, ...]
    until: datetime
    found_at: datetime


class RecorderChecks:
    """For the planner's thread. `may_ask`: True if a channel's recorder can be asked now."""

    def __init__(
        self,
        targets: Targets,
        gaps: GapStore,
        cameras: OnvifManager,
        clock: Clock,
        may_ask: Callable[[int, int], bool],
    ) -> None:
        self._targets = targets
        self._gaps = gaps
        self._cameras = cameras
        self._clock = clock
        self._may_ask = may_ask
        self._due_at: dict[int, datetime] = {}  # by camera
        self._failures: dict[int, int] = {}
        self._checked_at: dict[tuple[int, int], datetime] = {}
        self._suspicions: dict[tuple[int, int], _Suspicion] = {}
        self._end_checked_at: dict[int, datetime] = {}  # by the id of an open gap

    def check(self, is_over: Callable[[], bool]) -> None:
        """Check the recorder that is due first, and ask again about gaps that were found. `is_over` True ends it early.

        It checks one recorder a call, because each may take 25 s.
        """
        now = self._clock.now_utc()
        for gap in self._gaps.open_gaps(Origin.DEVICE):
            if not is_over() and self._may_ask(gap.camera_id, gap.channel):
                self._try(gap.camera_id, gap.channel, partial(self._check_end, gap, now))
        for key, suspicion in list(self._suspicions.items()):
            if not is_over() and now - suspicion.found_at >= _LISTS_LATE and self._may_ask(*key):
                self._try(*key, partial(self._confirm, *key, suspicion, now))
        due = [it.id for it in self._cameras.list_cameras() if it.onvif and self._due_at.get(it.id, now) <= now]
        for camera_id in sorted(due, key=lambda one: (self._due_at.get(one, now), one)):
            if is_over() or self._check_camera(camera_id, now, is_over):
                return

    def _check_camera(self, camera_id: int, now: datetime, is_over: Callable[[], bool]) -> bool:
        """Check the channels that were not checked for a day. Return False if none of them could be asked."""
        is_asked, is_complete = False, True
        for key in self._unchecked(camera_id, now):
            if is_over() or not self._may_ask(*key):
                is_complete = False
                continue
            is_asked = True
            error = self._try(*key, partial(self._check_channel, *key, now))
            if isinstance(error, CameraUnsupported):
                break  # it has no recordings of its own
            is_complete = is_complete and self._checked_at.get(key) == now
            if isinstance(error, OF_CAMERA):
                break
        if is_complete:
            self._failures.pop(camera_id, None)
            self._due_at[camera_id] = now + _CHECK_EVERY
        elif is_asked:
            failures = self._failures[camera_id] = self._failures.get(camera_id, 0) + 1
            wait_s = growing_wait_s(failures, _FIRST_WAIT_S, _LONGEST_WAIT_S)
            self._due_at[camera_id] = now + timedelta(seconds=wait_s)
        return is_asked

    def _unchecked(self, camera_id: int, now: datetime) -> list[tuple[int, int]]:
        """Return camera and channel of the channels that were not checked for a day."""
        try:
            keys = [(camera_id, channel.number) for channel in self._cameras.channels(camera_id)]
        except AppError:  # the camera was removed, or has not answered yet
            return []
        return [key for key in keys if key not in self._checked_at or now - self._checked_at[key] >= _CHECK_EVERY]

    def _try(self, camera_id: int, channel: int, step: Callable[[], None]) -> AppError | None:
        """Return the error that ended a step."""
        try:
            step()
        except AppError as error:
            log.debug("camera %d, channel %d: its recorder is not checked (%s)", camera_id, channel, error.code)
            return error
        return None

    def _check_channel(self, camera_id: int, channel: int, now: datetime) -> None:
        """Note the gaps of the time since the last check, at most a day, for a second look.

        A gap that the recorder still shows after 20 minutes is none of a late list.
        """
        key, until = (camera_id, channel), now - SETTLED
        checked_at = self._checked_at.get(key)
        last = Stretch(max(until - _DAY, checked_at - SETTLED if checked_at else until - _DAY), until)
        before = Stretch(until - 2 * _DAY, until - _DAY)
        listed = self._targets.listed(camera_id, channel, Stretch(before.start, last.end))
        if listed is None:
            return
        self._checked_at[key] = now
        if _recorded_part(before, listed) < _CONTINUOUS:
            return
        gaps = self._unnoted_gaps(camera_id, channel, [last], listed)
        gaps = [gap for gap in gaps if _recorded_part(_earlier(gap, _DAY), listed) >= _CONTINUOUS]
        if gaps:
            self._suspicions[key] = _Suspicion(tuple(gaps), until, now)

    def _unnoted_gaps(self, camera_id: int, channel: int, times: list[Stretch], listed: list[Stretch]) -> list[Stretch]:
        """Return the gaps of a minute or more in these times that are not noted yet."""
        window = Stretch(times[0].start, times[-1].end)
        found = without(without(times, listed), self._device_gaps(camera_id, channel, window))
        return [gap for gap in found if gap.length_s >= _DEVICE_GAP_S]

    def _confirm(self, camera_id: int, channel: int, suspicion: _Suspicion, now: datetime) -> None:
        """Ask the recorder again for its gaps, and make alerts of those that are still there."""
        until = now - SETTLED
        listed = self._targets.listed(camera_id, channel, Stretch(suspicion.gaps[0].start, until), again=True)
        expected = None if listed is None else self._expected(camera_id, channel, suspicion.gaps)
        if listed is None or expected is None:
            self._suspicions[camera_id, channel] = replace(suspicion, found_at=now)  # asked again later
            return
        del self._suspicions[camera_id, channel]
        times = [Stretch(gap.start, gap.end if gap.end < suspicion.until else until) for gap in expected]
        for gap in self._unnoted_gaps(camera_id, channel, times, listed) if times else ():
            end = gap.end if gap.end < until else None  # it goes on
            made = self._gaps.begin(camera_id, channel, gap.start, GapReason.UNKNOWN, end=end, origin=Origin.DEVICE)
            if made is not None:
                self._gaps.alert(made.id)
            log.warning(
                "camera %d, channel %d: the recorder did not record from %s to %s",
                camera_id,
                channel,
                gap.start.isoformat(timespec="seconds"),
                end.isoformat(timespec="seconds") if end is not None else "now",
            )

    def _expected(self, camera_id: int, channel: int, gaps: Sequence[Stretch]) -> list[Stretch] | None:
        """Return the gaps whose hours the recorder had recorded a week before; None if it cannot tell now.

        A recorder that keeps less than a week and a day tells nothing about that week: its gaps count.
        """
        found = []
        for gap in gaps:
            week_ago = _earlier(gap, _WEEK)
            listed = self._targets.listed(camera_id, channel, Stretch(week_ago.start - _DAY, week_ago.end))
            if listed is None:
                return None
            reaches_back = any(it.start < week_ago.start for it in listed)
            if not reaches_back or _recorded_part(week_ago, listed) >= _CONTINUOUS:
                found.append(gap)
        return found

    def _check_end(self, gap: RecordingGap, now: datetime) -> None:
        """End a gap of the recorder if it records again. Ask once in ten minutes."""
        checked_at = self._end_checked_at.get(gap.id)
        if checked_at is not None and now - checked_at < _CHECK_END_EVERY:
            return
        self._end_checked_at[gap.id] = now
        until = now - SETTLED
        window = Stretch(max(gap.start, until - 2 * _DAY), until)
        listed = self._targets.listed(gap.camera_id, gap.channel, window)
        if listed is None:
            return
        missing = without([window], listed)
        end = missing[0].end if missing and missing[0].start <= window.start else window.start
        if end < until:
            self._gaps.end(gap.id, end)
            log.warning("camera %d, channel %d: the recorder records again", gap.camera_id, gap.channel)

    def _device_gaps(self, camera_id: int, channel: int, window: Stretch) -> list[Stretch]:
        """Return the gaps of the recorder that are noted already, from an earlier run of the app."""
        found = self._gaps.gaps(camera_id, channel, window.start, window.end, origin=Origin.DEVICE)
        return [Stretch(gap.start, gap.end or window.end) for gap in found]


def _earlier(stretch: Stretch, by: timedelta) -> Stretch:
    return Stretch(stretch.start - by, stretch.end - by)


def _recorded_part(stretch: Stretch, listed: Sequence[Stretch]) -> float:
    """Return the part of a stretch, from 0 to 1, that is listed."""
    return sum(it.length_s for it in common([stretch], listed)) / stretch.length_s
