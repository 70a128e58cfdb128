"""One run of one job: reads and finishes its ranges one after the other, until it is done or ends early."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace

from core.errors import NotFound, StorageFull
from core.records import Problem
from exports.devices import JobDevices
from exports.disk import require_free_space
from exports.finish import RangeFiles, remove_range
from exports.folders import ExportFolders
from exports.formats.copies import CopyFailed, CopyMaker
from exports.formats.ffmpeg_run import FinishingContext
from exports.formats.plan import PlannedCopy, planned_copies
from exports.formats.poster import make_poster
from exports.gaps import NOT_SENT, UNKNOWN, range_gaps
from exports.origin import RangeOrigin
from exports.origin_notes import RangeOrigins
from exports.pieces import is_read
from exports.reader import RangeReader, ReadingContext
from exports.records import INCOMPLETE, ExportFile, ExportJob, ExportProgress, ExportRange, GaveWay, Interrupted
from exports.store import ExportStore
from exports.stretches import missing_stretches
from exports.waiting import ProgressMeter
from media.ffmpeg import FfmpegMissing

log = logging.getLogger(__name__)

_STORE_EVERY_S = 10.0
_MAY_LACK_S, _MAY_LACK = 5.0, 0.02  # of each file, and of the expected time, which is a report of the recorder
_GAP_S = 0.5


@dataclass(frozen=True, slots=True)
class RunContext:
    """The parts of the app that a run works with."""

    store: ExportStore
    folders: ExportFolders
    reading: ReadingContext
    finishing: FinishingContext
    origins: RangeOrigins


class JobRun:
    """One thread calls export(). The other methods are safe between threads and return immediately.

    `is_encoding`: it needs no recorder any more, only its turn to encode copies.
    """

    def __init__(self, context: RunContext, job: ExportJob) -> None:
        self._context = context
        self.job = job
        self.began_s = self._stored_s = context.reading.clock.monotonic_s()
        self.progress: ExportProgress | None = None
        self.is_encoding = False
        self._wake = threading.Event()
        self._is_interrupted = False
        self._must_give_way = False
        self._files: list[ExportFile] = list(job.files)
        self._origins = dict(job.origins)
        self._meter = ProgressMeter(context.reading.clock, job)
        self._devices = JobDevices(context.store, context.reading.cameras, job)

    def interrupt(self) -> None:
        """End the run: the state of the job has changed, or the app stops."""
        self._is_interrupted = True
        self._wake.set()

    def give_way(self) -> None:
        """End the run at the recorder. A range that is read already is finished first."""
        self._must_give_way = True
        self._wake.set()

    # ---- its thread ------------------------------------------------------------------------------

    def export(self) -> Problem | None:
        """Read and finish the missing parts. Return a Problem if the files lack recorded time after that.

        Raise Interrupted, GaveWay, OSError, or an AppError.
        """
        for index, wanted in enumerate(self.job.draft.ranges):
            self._export_range(index, wanted)
        self._check()
        if not self._files:
            raise NotFound("Nothing is recorded in this range.", code="nothing_recorded")
        self.is_encoding = True
        copy_problem = self._make_copies()
        return self._conclude() or copy_problem

    def _export_range(self, index: int, wanted: ExportRange) -> None:
        folders, job_id = self._context.folders, self.job.id
        folder = folders.of_range(job_id, index)
        own = [file for file in self._files if file.range_index == index]
        origin = self._origins.get(index)
        if origin is None:
            origin = self._context.origins.of(wanted)
            self._note_origin(index, origin)
        if own and is_read(folder):
            remove_range(folder)  # the app ended before it had deleted them
        else:
            for stretch in missing_stretches(wanted, own):
                self._export_stretch(index, stretch, is_whole=stretch == wanted)
            # The recorder may list more than at the last try.
            origin = replace(origin, recorded=(), not_recorded=(), reasons=())
        if not (origin.recorded or origin.not_recorded):
            self._note_stretches(index, wanted, origin)
        if any(file.range_index == index for file in self._files):
            self._make_poster(index)
            folders.end_range(job_id, index)

    def _export_stretch(self, index: int, stretch: ExportRange, *, is_whole: bool) -> None:
        self._check_reading()
        context, job_id = self._context, self.job.id
        folders = context.folders
        folder = folders.of_range(job_id, index) if is_whole else folders.of_stretch(job_id, index, stretch)
        reader = RangeReader(
            context.reading,
            stretch,
            folder,
            self._devices,
            wake=self._wake,
            check=self._check_reading,
            on_progress=self._report,
        )
        reader.read()
        if not reader.pieces:
            return
        require_free_space(folder, context.reading.settings.export_min_free_bytes // 2 + reader.size_bytes)
        draft = self.job.draft
        ranges = (*draft.ranges[:index], stretch, *draft.ranges[index + 1 :])
        maker = RangeFiles(
            context.finishing,
            replace(draft, ranges=ranges),
            index,
            self._names(stretch),
            folders.files(job_id),
            self._check,
        )
        made = [context.origins.with_fetched(it) for it in maker.make(reader.pieces, [it.name for it in self._files])]
        self._files = sorted([*self._files, *made], key=lambda file: (file.range_index, file.start))
        self.progress = self._meter.progress(self._files)
        context.store.note_progress(job_id, self.progress, self._files)
        remove_range(folder)

    def _note_stretches(self, index: int, wanted: ExportRange, origin: RangeOrigin) -> None:
        """Note what the recorder lists for a range with a gap, so that a package can tell the reason of the gap."""
        shown_s = sum(file.length_s for file in self._files if file.range_index == index and file.is_recording)
        if wanted.length_s - shown_s >= _GAP_S:
            found = self._context.origins.with_stretches(origin, wanted, self._wake, self._check)
            self._note_origin(index, found)

    def _note_origin(self, index: int, origin: RangeOrigin) -> None:
        self._context.store.note_origin(self.job.id, index, origin)
        self._origins[index] = origin

    def _make_poster(self, index: int) -> None:
        context, job_id = self._context, self.job.id
        first = next((file for file in self._files if file.range_index == index and file.is_recording), None)
        target = context.folders.poster(job_id, index)
        if first is not None and not target.is_file():
            make_poster(context.finishing, first, context.folders.files(job_id), target, self._check)

    def _make_copies(self) -> Problem | None:
        """Make the missing working copies. Return a Problem if one cannot be made."""
        problem = None
        for planned in planned_copies(self.job.draft, tuple(self._files)):
            if any(file.name == planned.name for file in self._files):
                continue
            try:
                self._files.append(self._make_copy(planned))
            except (CopyFailed, StorageFull, FfmpegMissing) as error:  # the master is there
                problem = Problem(CopyFailed.code, error.detail)
            self.progress = self._meter.progress(self._files)
            self._context.store.note_progress(self.job.id, self.progress, self._files)
        return problem

    def _make_copy(self, planned: PlannedCopy) -> ExportFile:
        """Raise CopyFailed, StorageFull, or another AppError."""
        context = self._context
        recorded = self._meter.progress(self._files)
        files, clock = context.folders.files(self.job.id), context.reading.clock
        began_s = clock.monotonic_s()

        def report(encoded_s: float) -> None:
            require_free_space(files, context.reading.settings.export_min_free_bytes // 2)
            speed = encoded_s / max(1.0, clock.monotonic_s() - began_s)
            self.progress = replace(recorded, encoded_s=encoded_s, encoding_speed=speed or None)

        maker = CopyMaker(context.finishing, files, self._check)
        return maker.make(planned, self._names(self.job.draft.ranges[planned.source.range_index]), report)

    def _conclude(self) -> Problem | None:
        done = self._meter.progress(self._files)
        not_sent_s, unknown_s = self._gaps_s(NOT_SENT), self._gaps_s(UNKNOWN)
        # The expected length may include unrecorded time, if the recorder had not listed the range yet.
        missing_s = min(done.total_s - done.done_s, not_sent_s + unknown_s)
        done = replace(done, total_s=done.done_s + missing_s)
        video_count = sum(1 for file in self._files if file.is_recording)
        may_lack_s = min(_MAY_LACK_S * video_count, max(_MAY_LACK_S, _MAY_LACK * done.total_s))
        if missing_s <= may_lack_s:
            self._context.store.note_progress(self.job.id, replace(done, total_s=done.done_s), self._files)
            return None
        self._context.store.note_progress(self.job.id, done, self._files)
        log.warning("export %d lacks %.0f of %.0f recorded seconds", self.job.id, missing_s, done.total_s)
        lacks = f"The recorder did not send {missing_s:.0f} of {done.total_s:.0f}"
        if unknown_s > not_sent_s:
            return Problem(INCOMPLETE, f"{lacks} seconds. It does not list whether it has recorded them.")
        return Problem(INCOMPLETE, f"{lacks} recorded seconds.")

    def _gaps_s(self, reason: str) -> float:
        """Return the length of the gaps of all ranges that have this reason."""
        job = replace(self.job, files=tuple(self._files), origins=self._origins)
        gaps = [gap for index in range(len(job.draft.ranges)) for gap in range_gaps(job, index)]
        return sum((gap.end - gap.start).total_seconds() for gap in gaps if gap.reason == reason)

    def _report(self, read_s: float, read_bytes: int) -> None:
        self.progress = self._meter.progress(self._files, read_s, read_bytes)
        now_s = self._context.reading.clock.monotonic_s()
        if now_s - self._stored_s > _STORE_EVERY_S:
            self._stored_s = now_s
            self._context.store.note_progress(self.job.id, self.progress, self._files)

    def _names(self, wanted: ExportRange) -> tuple[str, str]:
        """Return the names of camera and channel. Raise NotFound for a deleted camera."""
        cameras = self._context.reading.cameras
        camera = cameras.get_camera(wanted.camera_id)
        channel = next((it for it in cameras.channels(wanted.camera_id) if it.number == wanted.channel), None)
        return camera.name, channel.name if channel is not None else f"{wanted.channel}"

    def _check(self) -> None:
        if self._is_interrupted:
            raise Interrupted

    def _check_reading(self) -> None:
        self._check()
        if self._must_give_way:
            raise GaveWay
