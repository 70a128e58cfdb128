"""The recordings of a channel that a replay plays one after another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

from core.archive import Origin, origin_of
from core.errors import AppError
from core.recordings import RecordedPlace, ReplayQuality
from sessions.context import SessionContext
from sessions.replay.run import ReplayRun

MAY_GROW = timedelta(seconds=120)
"""A recording that ends no longer ago may still grow: recorders write late, and list new recordings later still."""

_TAIL = timedelta(seconds=1)
_SOON = timedelta(seconds=30)


class Continuation(Enum):
    """The decision at the end of a recording, as the recorder reports it.

    Recorders cut a channel's time into several recordings (one an hour, or one a motion); some do not cross a gap
    within a recording by themselves; and a recording that is being written ends at the last frame on the disk.
    """

    NOTHING = auto()
    OTHER_PLACE = auto()  # the run moves to another recording of the channel, or to a later part of this one
    LATER = auto()  # this recording may grow


class ChannelRecordings:
    """Finds the recordings of a channel that a run plays one after another."""

    def __init__(self, context: SessionContext, camera_id: int, *, only_sure: bool = False) -> None:
        """`only_sure`: the run never moves to a recording whose channel is only guessed."""
        self._context = context
        self._camera_id = camera_id
        self._only_sure = only_sure

    def choose(self, run: ReplayRun, recording_token: str) -> str:
        """Return the recording to play at the requested time, of the channel that this recording belongs to.

        One of the sub stream plays only if it has the requested time: a jump to a later one would show less.
        """
        full = next(iter(self._places(run, recording_token, run.requested_utc)), None)
        sub = next(iter(self._places(run, recording_token, run.requested_utc, prefers_sub=True)), None)
        run.has_sub = _is_other_sub(sub, full, run.requested_utc)
        place = sub if run.has_sub and run.quality is not ReplayQuality.FULL else full
        if place is None or not _begins_in_run(place, run):
            return recording_token
        if place.recording_token != recording_token:
            run.move(place)
        run.begin(place)
        return place.recording_token

    def continue_after(self, run: ReplayRun, reached_utc: datetime) -> Continuation:
        """Decide what follows the end of the recording; moves the run for OTHER_PLACE."""
        token = run.recording_token or ""
        subs = self._places(run, token, reached_utc, prefers_sub=True) if run.quality is not ReplayQuality.FULL else ()
        place = next_place(subs or self._places(run, token, reached_utc), token, reached_utc)
        if place is not None and _begins_in_run(place, run) and not run.is_lost:
            run.move(place)
            return Continuation.OTHER_PLACE
        may_be_later = may_grow(reached_utc, run.end_utc, self._context.clock.now_utc())
        return Continuation.LATER if may_be_later else Continuation.NOTHING

    def skip_to_archive(self, run: ReplayRun) -> bool:
        """Move the run to where the archive goes on, because the device fails. False if it does not go on.

        A run without any frame stays, because the viewer has asked for the device's time, unless the archive goes on
        within half a minute: the device may not have that time at all.
        """
        if run.handover_utc is None or run.is_lost:
            return False
        if not run.playlist.segments and run.handover_utc - run.requested_utc > _SOON:
            return False
        place = next(iter(self._places(run, run.recording_token or "", run.handover_utc)), None)
        if place is None or origin_of(place.recording_token) is Origin.DEVICE or not _begins_in_run(place, run):
            return False
        run.move(place)
        return True

    def leave_archive(self, run: ReplayRun) -> bool:
        """Move the run to the device, because a disk of the archive fails. False if the device has nothing."""
        run.avoids_archive = True
        moment = run.true_utc(run.resume_device_s)
        place = next(iter(self._places(run, run.recording_token or "", moment)), None)
        if place is None or not _begins_in_run(place, run) or run.is_lost:
            run.avoids_archive = False
            return False
        run.move(place)
        return True

    def _places(
        self, run: ReplayRun, recording_token: str, moment: datetime, *, prefers_sub: bool = False
    ) -> Sequence[RecordedPlace]:
        try:
            recordings = self._context.recordings
            return recordings.recorded_from(
                self._camera_id,
                recording_token,
                moment,
                prefers_sub=prefers_sub,
                only_sure=self._only_sure,
                avoids_archive=run.avoids_archive,
            )
        except AppError:  # the recorder's own answers decide then
            return ()


def next_place(places: Sequence[RecordedPlace], recording_token: str, reached_utc: datetime) -> RecordedPlace | None:
    """Return the first place that goes on after reached_utc.

    The rest of the same recording there does not count, even if it is listed: the recorder has just said that it ends.
    It counts behind a change of the recorder's local time, because it needs another PLAY.
    """
    for place in places:
        is_same = place.recording_token == recording_token and not place.is_shifted
        is_own_rest = is_same and place.start <= reached_utc + _TAIL
        if not is_own_rest and place.end > reached_utc + _TAIL:
            return place
    return None


def may_grow(reached_utc: datetime, end_utc: datetime | None, now_utc: datetime) -> bool:
    """True if more may be recorded: the recording ends about now, and before the requested end (if there is one)."""
    return -_TAIL <= now_utc - reached_utc < MAY_GROW and (end_utc is None or end_utc > now_utc)


def _is_other_sub(sub: RecordedPlace | None, full: RecordedPlace | None, moment: datetime) -> bool:
    """True if `sub` is a recording of the sub stream that has this moment, and not the one that plays in full."""
    if sub is None or full is None or not sub.is_sub:
        return False
    return sub.recording_token != full.recording_token and sub.start <= moment + _TAIL


def _begins_in_run(place: RecordedPlace, run: ReplayRun) -> bool:
    return run.end_utc is None or place.start < run.end_utc
