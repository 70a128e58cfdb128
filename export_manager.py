"""Exports of recordings as files: the interface of the package `exports`.

A job belongs to its user. Admins see all jobs; for other users, the jobs of others do not exist, nor do their own with
a channel that they may not see any more.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from core.access import Permission, Principal
from core.archive import Origin, origin_of
from core.clock import Clock
from core.errors import AppError, Conflict, InvalidRequest, LimitReached, NotFound, StorageFull, Unavailable
from core.records import VideoFormat
from core.settings import Settings
from database import Database
from exports.devices import CAMERA_DELETED, device_of
from exports.folders import ExportFolders, size_of_files
from exports.formats.ffmpeg_run import FinishingContext
from exports.formats.plan import bytes_with_copies, most_copies
from exports.origin_notes import RangeOrigins
from exports.reader import ReadingContext
from exports.records import ExportDraft, ExportEstimate, ExportFile, ExportJob, ExportRange, ExportSpace, ExportState
from exports.run import RunContext
from exports.store import ExportStore
from exports.worker import ExportWorker
from media.process import Spawner
from media.rtsp.gateway import RtspGateway
from onvif_manager import OnvifManager
from recording_manager import RecordingManager

log = logging.getLogger(__name__)

__all__ = ["ExportManager"]

FORMATS = ("mp4", "original", "h264")
MOST_RANGES = 16
LONGEST_RANGE = timedelta(hours=24)
_USUAL_BYTES_S = 500_000  # 4 Mbit/s
_AUDIO_BYTES_S = 8_000
_UNFINISHED = tuple(state for state in ExportState if state.is_unfinished)


class ExportManager:
    """Thread-safe. The database must be open between start() and stop()."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        spawner: Spawner,
        gateway: RtspGateway,
        cameras: OnvifManager,
        recordings: RecordingManager,
    ) -> None:
        self._settings = settings
        self._keep = timedelta(seconds=settings.export_keep_s)
        self._clock = clock
        self._cameras = cameras
        self._recordings = recordings
        self._folder = settings.data_dir / "exports"
        self._store = ExportStore(database, settings.node_name)
        self._folders = ExportFolders(self._folder)
        self._counted_folders: list[Path] = []
        self._space = threading.Lock()  # held while space is counted and a job takes it
        reading = ReadingContext(settings, clock, gateway, cameras, recordings)
        finishing = FinishingContext(settings, clock, spawner)
        origins = RangeOrigins(clock, cameras, recordings)
        self._worker = ExportWorker(RunContext(self._store, self._folders, reading, finishing, origins))

    def start(self) -> None:
        """Start the worker, which goes on with unfinished jobs."""
        self._worker.start()

    def stop(self) -> None:
        """End the worker within 4 s. May be called twice."""
        self._worker.stop()

    # ---- cameras ---------------------------------------------------------------------------------

    def camera_changed(self, camera_id: int) -> None:
        """Let the running jobs of a camera look up its device again: its address or credential has changed."""
        self._worker.interrupt_camera(camera_id)

    def release_camera(self, camera_id: int) -> None:
        """End the running jobs of a camera that another node connects. They stay unfinished."""
        self._worker.interrupt_camera(camera_id)

    def adopt_camera(self, camera_id: int) -> None:  # noqa: ARG002 - it looks at all jobs
        """Go on with the jobs of a camera that this node connects now."""
        self._worker.wake()

    def camera_deleted(self, camera_id: int) -> None:
        """End the unfinished jobs of a camera. Their finished files stay."""
        now = self._clock.now_utc()
        for job in self._store.jobs():
            if job.state.is_unfinished and camera_id in job.cameras:
                with suppress(NotFound, Conflict):
                    self._store.move(
                        job.id,
                        ExportState.FAILED,
                        of=_UNFINISHED,
                        now=now,
                        expires_at=now + self._keep,
                        problem=CAMERA_DELETED,
                    )
        self._worker.interrupt_camera(camera_id)

    # ---- jobs ------------------------------------------------------------------------------------

    def jobs(self, who: Principal) -> list[ExportJob]:
        """Return the jobs that this user may see, the newest first."""
        return [self._worker.with_progress(job) for job in self._store.jobs() if self._may_see(who, job)]

    def get(self, who: Principal, export_id: int) -> ExportJob:
        """Raise NotFound, also for another user's job."""
        job = self._store.get(export_id)
        if not self._may_see(who, job):
            raise NotFound("There is no such export.")
        return self._worker.with_progress(job)

    def node_of(self, who: Principal, export_id: int) -> str:
        """Return the name of the node with the files of an export; "" for a single process.

        Raise NotFound, also for another user's job. That node alone knows which channels of the recorder are sure.
        """
        job = self._store.get(export_id)
        if not self._is_of(who, job):
            raise NotFound("There is no such export.")
        return job.node

    def space(self) -> ExportSpace:
        """Return the disk space of all users' exports and packages, as of now."""
        used = sum(self._worker.with_progress(job).progress.size_bytes for job in self._store.jobs())
        return ExportSpace(used + self._counted_bytes(), self._settings.export_bytes)

    def count_folder(self, folder: Path) -> None:
        """Count the files of this folder as disk space of exports from now on."""
        self._counted_folders.append(folder)

    def estimate(self, draft: ExportDraft) -> ExportEstimate:
        """Return what an export would give. May wait for the device. Raise InvalidRequest, NotFound, a DeviceError."""
        self._check(draft)
        seconds = size = 0.0
        is_about = bool(most_copies(draft))
        for wanted in draft.ranges:
            recorded_s = self._recorded_s(wanted) or self._indexed_s(wanted)
            seconds += recorded_s
            video = self._main_video(wanted)
            stored_bytes = self._stored_bytes(wanted)
            is_about = is_about or stored_bytes is None
            range_bytes = recorded_s * self._bytes_per_s(wanted) if stored_bytes is None else stored_bytes
            size += bytes_with_copies(draft, range_bytes, video)
        return ExportEstimate(seconds, round(size), is_about, free_bytes=self._free_bytes())

    def add(self, who: Principal, draft: ExportDraft) -> ExportJob:
        """Queue a job. May wait for the device. Users other than admins may have half of all exports.

        Raise InvalidRequest, NotFound, a DeviceError, StorageFull if too little disk is free, or LimitReached
        (export_limit, export_space).
        """
        estimate = self.estimate(draft)
        if estimate.seconds <= 0:
            raise NotFound("Nothing is recorded in this range.", code="nothing_recorded")
        most = self._settings.max_exports
        with self._space:
            self._require_space(estimate.size_bytes, estimate.size_bytes)
            job = self._store.add(
                who.user_id,
                who.name,
                draft,
                estimate.seconds,
                self._clock.now_utc(),
                devices=[device_of(self._cameras.get_camera(camera_id)) for camera_id in _cameras_of(draft)],
                most=most,
                most_own=most if who.may(Permission.MANAGE) else max(1, most // 2),
            )
        self._worker.wake()
        return self._worker.with_progress(job)

    def pause(self, who: Principal, export_id: int) -> ExportJob:
        """Give the recorder's session back until resume(). Raise NotFound or Conflict (export_state)."""
        return self._move(who, export_id, ExportState.PAUSED, (ExportState.QUEUED, ExportState.RUNNING))

    def resume(self, who: Principal, export_id: int) -> ExportJob:
        """Go on at the last whole piece. Raise NotFound, Conflict (export_state), or as add() if space is short."""
        return self._queue_again(who, export_id, (ExportState.PAUSED,))

    def cancel(self, who: Principal, export_id: int) -> ExportJob:
        """End a job and delete its files. The job stays in the list. Raise NotFound or Conflict (export_state).

        The retry of an incomplete job only ends: the job is done again, with the files that it had.
        """
        job = self._move(who, export_id, ExportState.CANCELLED, _UNFINISHED)
        return self._worker.with_progress(self._worker.clear(job))

    def retry(self, who: Principal, export_id: int) -> ExportJob:
        """Queue a job again that failed, was cancelled or is incomplete, or let a waiting one try now.

        Files that are there stay, and only the missing parts are read. Raise NotFound, Conflict (export_state), or as
        add() if space is short.
        """
        if self.get(who, export_id).is_incomplete:
            return self._queue_again(who, export_id, (ExportState.DONE,))
        of = (ExportState.FAILED, ExportState.CANCELLED, ExportState.QUEUED)
        return self._queue_again(who, export_id, of)

    def change(
        self,
        who: Principal,
        export_id: int,
        *,
        name: str | None = None,
        notes: str | None = None,
        kept: bool | None = None,
    ) -> ExportJob:
        """Change the fields that are not None. A kept export does not expire. Raise NotFound."""
        self.get(who, export_id)
        expires_at = self._clock.now_utc() + self._keep
        job = self._store.change(export_id, name=name, notes=notes, kept=kept, expires_at=expires_at)
        return self._worker.with_progress(job)

    def remove(self, who: Principal, export_id: int) -> None:
        """Delete a job and its files. Raise NotFound."""
        self.get(who, export_id)
        self._store.remove(export_id)
        self._worker.interrupt(export_id)
        self._folders.remove(export_id)

    def file(self, who: Principal, export_id: int, name: str) -> tuple[Path, ExportFile]:
        """Return a finished file and its record. Raise NotFound."""
        job = self.get(who, export_id)
        found = next((file for file in job.files if file.name == name), None)
        path = self._folders.files(export_id) / name
        if found is None or not path.is_file():
            raise NotFound("There is no such file in this export.")
        return path, found

    def files_of(self, export_id: int) -> tuple[ExportJob, Path]:
        """Return an export and the folder of its files, for a caller that has checked the user. Raise NotFound."""
        return self._store.get(export_id), self._folders.files(export_id)

    def poster(self, who: Principal, export_id: int, index: int) -> Path:
        """Return the picture of a range. Raise NotFound."""
        if index not in self.get(who, export_id).posters:
            raise NotFound("This export has no such picture.")
        return self._folders.poster(export_id, index)

    # ---- inside ----------------------------------------------------------------------------------

    def _queue_again(self, who: Principal, export_id: int, of: Sequence[ExportState]) -> ExportJob:
        with self._space:
            job = self.get(who, export_id)
            if job.state in of and job.state is not ExportState.QUEUED:
                expected_bytes = self._expected_bytes(job)
                missing_bytes = max(0, expected_bytes - job.progress.size_bytes)
                self._require_space(expected_bytes, missing_bytes, other_than=export_id)
                if job.state is ExportState.DONE:
                    self._folders.forget_marks(export_id)
            return self._move(who, export_id, ExportState.QUEUED, of)

    def _require_space(self, size_bytes: int, missing_bytes: int, *, other_than: int | None = None) -> None:
        """Raise LimitReached (export_space) or StorageFull if a job of this size may not begin.

        `missing_bytes`: size of the rest that it reads. `other_than`: this job, if it counts already.
        """
        limit, used = self._settings.export_bytes, self._used_bytes(other_than)
        if used + size_bytes > limit:
            raise LimitReached(
                f"Exports may keep {_megabytes(limit)} MB, {_megabytes(used)} MB are in use, and this one needs about "
                f"{_megabytes(size_bytes)} MB: delete others first.",
                code="export_space",
            )
        free_bytes = self._free_bytes()
        if free_bytes < 2 * missing_bytes:  # the pieces and the file made of them
            raise StorageFull(
                f"This export needs about {_megabytes(2 * missing_bytes)} MB of disk space while it is made; "
                f"{_megabytes(free_bytes)} MB are free for exports."
            )

    def _move(self, who: Principal, export_id: int, state: ExportState, of: Sequence[ExportState]) -> ExportJob:
        self.get(who, export_id)
        expires_at = self._clock.now_utc() + self._keep
        job = self._store.move(export_id, state, of=of, now=self._clock.now_utc(), expires_at=expires_at)
        if state is ExportState.QUEUED:
            self._worker.retry_now(export_id)
        else:
            self._worker.interrupt(export_id)
        return self._worker.with_progress(job)

    def _may_see(self, who: Principal, job: ExportJob) -> bool:
        return self._is_of(who, job) and all(self._may_export(who, wanted) for wanted in job.draft.ranges)

    @staticmethod
    def _is_of(who: Principal, job: ExportJob) -> bool:
        """True for an own job, or an admin. The channels may still be hidden from the user."""
        return who.may(Permission.MANAGE) or (who.user_id is not None and who.user_id == job.user_id)

    def _may_export(self, who: Principal, wanted: ExportRange) -> bool:
        """True if the range's channel is one of the user's. A channel that is only guessed does not count."""
        if not who.scope.has_channel(wanted.camera_id, wanted.channel):
            return False
        if who.scope.channels_of(wanted.camera_id) is None:
            return True
        try:
            return self._recordings.has_sure_recordings(wanted.camera_id, wanted.channel)
        except AppError:
            return False

    def _check(self, draft: ExportDraft) -> None:
        if draft.format not in FORMATS:
            raise InvalidRequest.of_field("format", f"one of {', '.join(FORMATS)}")
        if not 0 < len(draft.ranges) <= MOST_RANGES:
            raise InvalidRequest.of_field("ranges", f"1 to {MOST_RANGES} ranges")
        if most_copies(draft) and not self._settings.max_transcodes:
            raise LimitReached("This server does not encode video (MAX_TRANSCODES is 0).", code="transcode_limit")
        now = self._clock.now_utc()
        for index, wanted in enumerate(draft.ranges):
            if wanted.end <= wanted.start:
                raise InvalidRequest.of_field(f"ranges.{index}.end_time", "later than start_time")
            if wanted.end - wanted.start > LONGEST_RANGE:
                raise InvalidRequest.of_field(f"ranges.{index}.end_time", "at most 24 hours after start_time")
            if wanted.end > now:
                raise InvalidRequest.of_field(f"ranges.{index}.end_time", "not in the future")
            self._cameras.check_owner(wanted.camera_id)

    def _recorded_s(self, wanted: ExportRange) -> float:
        places = self._recordings.channel_places(wanted.camera_id, wanted.channel, wanted.start)
        lengths = ((min(place.end, wanted.end) - max(place.start, wanted.start)).total_seconds() for place in places)
        return min(wanted.length_s, sum(length_s for length_s in lengths if length_s > 0))

    def _indexed_s(self, wanted: ExportRange) -> float:
        """Wait until the recorder has listed the recorded time of a range whose index has none.

        Raise a DeviceError, or Unavailable (not_indexed) if that takes too long.
        """
        page = self._recordings.search(wanted.camera_id, wanted.start, wanted.end, channel=wanted.channel, limit=1)
        recorded_s = self._recorded_s(wanted)
        if recorded_s <= 0 and page.problem is not None:
            raise page.problem.with_traceback(None)
        if recorded_s <= 0 and not page.complete:
            raise Unavailable(
                "The app is still reading the recorder's list of this range.", code="not_indexed", retry_after_s=10
            )
        return recorded_s

    def _stored_bytes(self, wanted: ExportRange) -> int | None:
        """Return the size of the archive's recordings of a range; None if others are needed, or if it is not known."""
        places = self._recordings.channel_places(wanted.camera_id, wanted.channel, wanted.start)
        places = tuple(place for place in places if place.start < wanted.end)
        if not places or any(origin_of(place.recording_token) is Origin.DEVICE for place in places):
            return None
        try:
            return sum(
                self._recordings.archived.size_bytes(
                    wanted.camera_id,
                    place.recording_token,
                    max(place.start, wanted.start),
                    min(place.end, wanted.end),
                )
                for place in places
            )
        except AppError as error:
            log.info("the size of the archive's recordings is not known: %s", error.detail)
            return None

    def _bytes_per_s(self, wanted: ExportRange) -> float:
        """Return the rate of the last export of this channel, otherwise the one that the device states."""
        for job in self._store.jobs():
            place = (wanted.camera_id, wanted.channel)
            made = [file for file in job.files if file.is_recording and (file.camera_id, file.channel) == place]
            length_s = sum(file.length_s for file in made)
            if length_s > 0:
                return sum(file.size_bytes for file in made) / length_s
        video = self._main_video(wanted)
        stated_kbps = video.bitrate_kbps if video is not None else None
        return stated_kbps * 125 + _AUDIO_BYTES_S if stated_kbps else _USUAL_BYTES_S

    def _main_video(self, wanted: ExportRange) -> VideoFormat | None:
        """Return the format that the device states for the channel's main stream."""
        channel = next((it for it in self._cameras.channels(wanted.camera_id) if it.number == wanted.channel), None)
        main = next((it for it in channel.profiles if it.role == "main"), None) if channel is not None else None
        return main.video if main is not None else None

    def _free_bytes(self) -> int:
        """Return the disk space that exports may still take."""
        place = self._folder if self._folder.is_dir() else self._settings.data_dir
        return max(0, shutil.disk_usage(place).free - self._settings.export_min_free_bytes)

    def _used_bytes(self, other_than: int | None) -> int:
        """Return the size of all other exports, of unfinished ones the expected size, and of all packages."""
        jobs = (job for job in self._store.jobs() if job.id != other_than)
        sizes = (self._expected_bytes(job) if job.state.is_unfinished else job.progress.size_bytes for job in jobs)
        return sum(sizes) + self._counted_bytes()

    def _counted_bytes(self) -> int:
        return sum(size_of_files(folder) for folder in self._counted_folders)

    def _expected_bytes(self, job: ExportJob) -> int:
        try:
            first = job.draft.ranges[0]
            recorded_bytes = job.progress.total_s * self._bytes_per_s(first)
            expected = round(bytes_with_copies(job.draft, recorded_bytes, self._main_video(first)))
        except (AppError, IndexError):  # its camera was deleted
            expected = 0
        return max(expected, job.progress.size_bytes)


def _cameras_of(draft: ExportDraft) -> list[int]:
    return sorted({wanted.camera_id for wanted in draft.ranges})


def _megabytes(size: int) -> int:
    return round(size / 1_000_000)
