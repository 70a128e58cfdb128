"""Backfill: the interface of the package. Gaps of the archive are filled from the recorders' own disks.

A job reads through one connection of the lowest rank, which a viewer ends within a second. It never touches the
archive's own footage, and does not ask for what the recorder did not send before.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from archive_manager import ArchiveManager
from backfill.budget import BackfillBudget
from backfill.planner import BackfillPlanner
from backfill.planning import (
    CAMERA_CHANGED,
    SETTLED,
    SHORTEST_S,
    common,
    oldest_lasting,
    pieces_of,
    taken_by_jobs,
    tried_in_vain,
    wanted_stretches,
    without,
)
from backfill.records import AUTOMATIC, Backfill, BackfillEstimate, BackfillProposal, BackfillState, KeptPart, Stretch
from backfill.run import BackfillContext
from backfill.store import BackfillStore
from backfill.targets import Targets
from backfill.worker import BackfillWorker
from core.archive import KeptRange
from core.clock import Clock
from core.errors import InvalidRequest, NotFound
from core.settings import Settings
from database import Database
from media.rtsp.gateway import RtspGateway
from onvif_manager import OnvifManager
from recording_manager import RecordingManager

LONGEST = timedelta(days=31)
_BITRATE_KBPS = 4000  # of a channel whose bit rate is not known
_ENDED = (BackfillState.DONE, BackfillState.FAILED, BackfillState.CANCELLED)


class BackfillManager:
    """Thread-safe. The database must be open between start() and stop()."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        gateway: RtspGateway,
        cameras: OnvifManager,
        archive: ArchiveManager,
        recordings: RecordingManager,
    ) -> None:
        self._clock = clock
        self._cameras = cameras
        self._archive = archive
        self._store = BackfillStore(database)
        self._targets = Targets(recordings, archive, clock)
        budget = BackfillBudget(settings, clock, self._store)
        context = BackfillContext(settings, clock, gateway, archive, recordings, self._store, self._targets, budget)
        self._planner = BackfillPlanner(self._store, self._targets, archive, cameras, clock)
        self._worker = BackfillWorker(context, self._planner)

    def start(self) -> None:
        self._worker.start()

    def stop(self) -> None:
        """End the running job within 4 s. May be called twice."""
        self._worker.stop()

    def forget_camera(self, camera_id: int) -> None:
        """End the jobs of a camera that was removed, or has another address or credential.

        It may be another device now, and the archive must not mix two.
        """
        self._store.fail_unfinished(camera_id, CAMERA_CHANGED, self._clock.now_utc())
        self._worker.interrupt_camera(camera_id)

    def release_camera(self, camera_id: int) -> None:
        """End the running job of a camera that another node connects. It goes on where the camera is."""
        self._worker.release_camera(camera_id)

    def adopt_camera(self, camera_id: int) -> None:  # noqa: ARG002 - it looks at all jobs
        """Go on soon with the jobs of a camera that this node connects now."""
        self._worker.wake()

    def jobs(self) -> list[Backfill]:
        """Return all jobs, the newest first."""
        return self._store.jobs()

    def proposals(self) -> list[BackfillProposal]:
        """Return the gaps that recorders can fill and no rule does, as of the last look, about once a minute."""
        jobs, now = self._store.jobs(), self._clock.now_utc()
        found: list[BackfillProposal] = []
        for camera_id, channel, stretch in self._planner.proposals():
            own = [job for job in jobs if (job.camera_id, job.channel) == (camera_id, channel)]
            try:
                rate_kbps = self._bitrate_kbps(camera_id, channel)
            except NotFound:  # the camera was removed
                continue
            found += [
                BackfillProposal(camera_id, channel, part, _size_bytes(part.length_s, rate_kbps))
                for part in without([stretch], taken_by_jobs(own, now))
            ]
        return found

    def get(self, backfill_id: int) -> Backfill:
        """Raise NotFound."""
        return self._store.get(backfill_id)

    def eta_s(self, job: Backfill) -> float | None:
        """Return the seconds that a job still takes; None while that is not known."""
        return self._worker.eta_s(job)

    def estimate(self, camera_id: int, channel: int, start: datetime, end: datetime) -> BackfillEstimate:
        """Return time and size of the fetchable part of a range. Wait up to 25 s for the recorder.

        Raise InvalidRequest, NotFound, or the DeviceError.
        """
        wanted = self._range(camera_id, channel, start, end)
        listed = self._targets.find(camera_id, channel, wanted, resumes=True)
        targets = listed.targets
        jobs = self._store.jobs(camera_id, channel)
        found = wanted_stretches([wanted], listed.stretches, (), tried_in_vain(jobs))
        seconds = sum(stretch.length_s for stretch in found)
        archived = [part for stream in {it.stream for it in targets} for part in self._targets.archived(stream, wanted)]
        missing = without(without([wanted], found), archived)
        return BackfillEstimate(
            seconds,
            _size_bytes(seconds, self._bitrate_kbps(camera_id, channel)),
            listed.is_complete and all(it.is_known for it in targets),
            sum(it.length_s for it in missing if it.length_s >= SHORTEST_S),
            tuple(found),
        )

    def add(self, camera_id: int, channel: int, start: datetime, end: datetime, by: str) -> Backfill:
        """Queue a job for everything in this range that the recorder has and the archive lacks.

        Wait up to 25 s for the recorder. Raise NotFound (nothing_to_fetch), InvalidRequest, LimitReached, or the
        DeviceError.
        """
        wanted = self._range(camera_id, channel, start, end)
        found = self.estimate(camera_id, channel, start, end).stretches
        if not found:
            raise NotFound("The recorder has nothing in this range that the archive lacks.", code="nothing_to_fetch")
        job = self._store.add(camera_id, channel, wanted, pieces_of(found), by=by or "?", now=self._clock.now_utc())
        self._worker.wake()
        return job

    def fetch_kept(self, kept: KeptRange) -> KeptPart:
        """Return how much of a kept range the archive has. Queue a job for the rest if the channel's rule fills gaps.

        Ask no device: the job finds out what the recorder has.
        """
        now = self._clock.now_utc()
        if kept.start >= now:
            return KeptPart(0.0, 0.0)
        camera_id, channel, wanted = kept.camera_id, kept.channel, Stretch(kept.start, min(kept.end, now))
        archived = self._targets.archived_of_channel(camera_id, channel, wanted)
        settled = common([wanted], [Stretch(wanted.start, max(wanted.start, now - SETTLED))])
        missing = [part for part in without(settled, archived) if part.length_s >= SHORTEST_S]
        job = None
        if missing and self._archive.rule(camera_id, channel).backfills:
            job = self._fetch(camera_id, channel, missing)
        return KeptPart(sum(it.length_s for it in archived), sum(it.length_s for it in missing), job)

    def _fetch(self, camera_id: int, channel: int, missing: list[Stretch]) -> Backfill | None:
        """Queue a job of the rule for the parts that no job has. Return it, or an unfinished one that has some of them.

        The budgets of automatic backfills count for it, because users without the permission to fetch keep ranges, too.
        """
        jobs = self._store.jobs(camera_id, channel)
        known = [*taken_by_jobs(jobs, self._clock.now_utc()), *tried_in_vain(jobs)]
        left = without(self._targets.allowed(camera_id, channel, missing), known)
        if pieces := pieces_of(part for part in left if part.length_s >= SHORTEST_S):
            wanted = Stretch(pieces[0].stretch.start, pieces[-1].stretch.end)
            job = self._store.add(camera_id, channel, wanted, pieces, by=AUTOMATIC, now=self._clock.now_utc())
            self._worker.wake()
            return job
        unfinished = (job for job in jobs if job.state.is_unfinished)
        return next((job for job in unfinished if common([piece.stretch for piece in job.pieces], missing)), None)

    def pause(self, backfill_id: int) -> Backfill:
        """Give the recorder's session back until the job is resumed. Raise NotFound or Conflict (backfill_state)."""
        job = self._move(backfill_id, BackfillState.PAUSED, of=(BackfillState.QUEUED, BackfillState.RUNNING))
        self._worker.interrupt(backfill_id)
        return job

    def resume(self, backfill_id: int) -> Backfill:
        """Raise NotFound or Conflict (backfill_state)."""
        job = self._move(backfill_id, BackfillState.QUEUED, of=(BackfillState.PAUSED,))
        self._worker.retry_now(backfill_id)
        return job

    def cancel(self, backfill_id: int) -> Backfill:
        """End a job. Its fetched recordings stay. Raise NotFound or Conflict (backfill_state)."""
        unfinished = (BackfillState.QUEUED, BackfillState.RUNNING, BackfillState.PAUSED)
        job = self._move(backfill_id, BackfillState.CANCELLED, of=unfinished)
        self._worker.interrupt(backfill_id)
        return job

    def retry(self, backfill_id: int) -> Backfill:
        """Queue a failed or cancelled job again, or let a waiting one run now. Raise NotFound or Conflict."""
        job = self._move(
            backfill_id,
            BackfillState.QUEUED,
            of=(BackfillState.FAILED, BackfillState.CANCELLED, BackfillState.QUEUED),
        )
        self._worker.retry_now(backfill_id)
        return job

    def remove(self, backfill_id: int) -> None:
        """Delete a job. Its fetched recordings stay in the archive. Raise NotFound."""
        if self._store.get(backfill_id).state not in _ENDED:
            self.cancel(backfill_id)
        self._store.remove(backfill_id)

    def _move(self, backfill_id: int, state: BackfillState, *, of: tuple[BackfillState, ...]) -> Backfill:
        return self._store.move(backfill_id, state, of=of, now=self._clock.now_utc())

    def _range(self, camera_id: int, channel: int, start: datetime, end: datetime) -> Stretch:
        """Raise InvalidRequest, NotOwner, or NotFound for an unknown camera or channel."""
        self._cameras.check_owner(camera_id)
        if all(item.number != channel for item in self._cameras.channels(camera_id)):
            raise NotFound("There is no such channel.")
        if end <= start:
            raise InvalidRequest.of_field("end_time", "later than start_time")
        if end - start > LONGEST:
            raise InvalidRequest.of_field("end_time", f"at most {LONGEST.days} days after start_time")
        now = self._clock.now_utc()
        oldest = oldest_lasting(self._archive.rule(camera_id, channel), now)
        is_lasting = oldest is None or start >= oldest
        if not (is_lasting or self._archive.is_kept(camera_id, channel, start, min(end, oldest or end))):
            detail = "the channel's rule deletes recordings of this age: keep the range first, or change the rule"
            raise InvalidRequest.of_field("start_time", detail)
        return Stretch(start, min(end, max(start, now)))

    def _bitrate_kbps(self, camera_id: int, channel: int) -> float:
        """Return the bit rate of the main stream as the device states it."""
        for item in self._cameras.channels(camera_id):
            if item.number == channel:
                rates = [profile.video.bitrate_kbps for profile in item.profiles if profile.video is not None]
                return float(max((rate for rate in rates if rate), default=_BITRATE_KBPS))
        return float(_BITRATE_KBPS)


def _size_bytes(seconds: float, rate_kbps: float) -> int:
    return round(seconds * rate_kbps * 125)
