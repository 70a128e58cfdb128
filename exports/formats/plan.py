"""Which working copies a job needs, and how much of them is encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.records import VideoFormat
from exports.records import ExportDraft, ExportFile, ExportJob, WorkingCopy

H264 = "h264"
"""The format with an H.264 copy of each H.265 video."""
_PLAIN = WorkingCopy()
_H264_TO_H265 = 2.0  # bytes of the same video


@dataclass(frozen=True, slots=True)
class PlannedCopy:
    """A copy of `source`. `name`: of the file to be made."""

    source: ExportFile
    copy: WorkingCopy
    name: str


def planned_copies(draft: ExportDraft, files: Sequence[ExportFile]) -> Iterator[PlannedCopy]:
    """Yield all copies of the recordings among the files, also those that are made already."""
    for file in files:
        if not file.is_recording:
            continue
        stem = file.name.rpartition(".")[0]
        if draft.format == H264 and file.codec == "hevc":
            yield PlannedCopy(file, _PLAIN, f"{stem}_h264.mp4")
        for number, copy in enumerate(draft.copies, 1):
            suffix = f"-{number}" if number > 1 else ""
            yield PlannedCopy(file, copy, f"{stem}_working-copy{suffix}.mp4")


def most_copies(draft: ExportDraft) -> int:
    """Return how many copies each video gets. The codec is not known yet, so it may be one less."""
    return len(draft.copies) + (draft.format == H264)


def bytes_with_copies(draft: ExportDraft, recorded_bytes: float, video: VideoFormat | None) -> float:
    """Return the estimated size of a video with all its copies. `video`: as the device states it."""
    is_hevc = video is not None and video.codec == "hevc"
    encoded_bytes = recorded_bytes * (_H264_TO_H265 if is_hevc else 1.0)
    size = recorded_bytes + (encoded_bytes if draft.format == H264 and is_hevc else 0.0)
    for copy in draft.copies:
        part = 1.0
        if copy.height and video is not None and video.height:
            part = min(1.0, (copy.height / video.height) ** 2)
        size += encoded_bytes * part
    return size


def with_encoding(job: ExportJob) -> ExportJob:
    """Return the job with the progress of all its copies. Without this, it has that of the running one."""
    encoded_s = job.progress.encoded_s + sum(file.length_s for file in job.files if file.is_derived)
    if not job.state.is_unfinished:
        to_encode_s = encoded_s
    else:
        recorded_s = sum(file.length_s for file in job.files if file.is_recording)
        planned_s = sum(planned.source.length_s for planned in planned_copies(job.draft, job.files))
        missing_s = max(0.0, job.progress.total_s - recorded_s)
        to_encode_s = planned_s + missing_s * most_copies(job.draft)
    return replace(job, progress=replace(job.progress, encoded_s=encoded_s, to_encode_s=to_encode_s))
