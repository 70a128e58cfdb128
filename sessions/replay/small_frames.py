"""Small video of a recording that has no recording of its sub stream, for thin links.

One ffmpeg per segment of about two seconds. No process lives between two segments, so that a pause, a seek or a slow
link costs nothing. The session's thread waits for it: that limits a session to one core.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from core.errors import CameraUnsupported
from core.records import VideoFormat
from media.codecs.access_unit import VIDEO, AccessUnit
from media.commands import small_segment_command
from media.ffmpeg import starting_ffmpeg
from media.flv import BadFlv, FlvFrame, FlvReader
from media.fmp4.segments import TIMESCALE, Segment, SegmentBuilder
from media.process import Spawner, SupervisedProcess
from sessions.errors import FfmpegEnded, SessionOver
from sessions.folders import SMALL_SOURCE, make_folder, remove_files, write_file
from sessions.replay.buffer import Description

log = logging.getLogger(__name__)

_ENCODE_S = 15.0
_MOST_FAILURES = 3  # in a row: a damaged segment is left out
_MOST_PIXELS = 3840 * 2176  # measured: 60 % of a core for this, H.264 or H.265; 20 % for 1080p


class SmallFrames:
    """Takes all units of one description in order. The session's thread calls all methods but close().

    `begins_s`, `ends_s`: the timeline of the small frames, in seconds.
    """

    def __init__(
        self, spawner: Spawner, ffmpeg: Path, folder: Path, described: Description, *, begins_s: float = 0.0
    ) -> None:
        """Raises TrackError if the parameter sets describe no video."""
        self._spawner = spawner
        self._ffmpeg = ffmpeg
        self._folder = folder
        self._segments = SegmentBuilder(described.video, None, described.parameter_sets, first_target_s=0.0)
        self.ends_s = begins_s
        self._failures = 0
        self._lock = threading.Lock()
        self._process: SupervisedProcess | None = None
        self._is_closed = False

    def push(self, unit: AccessUnit) -> list[AccessUnit]:
        """Return the small frames of the segment that this unit completes. Blocks while ffmpeg makes them.

        Raises FfmpegMissing, FfmpegEnded, OSError; SessionOver once closed.
        """
        return self._small(self._segments.push(unit)) if unit.track == VIDEO else []

    def flush(self) -> list[AccessUnit]:
        """Return the small frames of the rest. Raises as push() does."""
        return self._small(self._segments.flush())

    def close(self) -> None:
        """End ffmpeg. From any thread."""
        with self._lock:
            self._is_closed = True
            process = self._process
        if process is not None:
            process.kill()

    def _small(self, made: Sequence[Segment]) -> list[AccessUnit]:
        return [unit for segment in made for unit in self._small_segment(segment)]

    def _small_segment(self, segment: Segment) -> list[AccessUnit]:
        begins_s = self.ends_s
        self.ends_s += segment.duration_s
        frames = self._encoded(segment)
        units = []
        for place, frame in enumerate(frames):
            at_s = frame.time_s - frames[0].time_s  # the first frame is always kept
            units.append(
                AccessUnit(
                    VIDEO,
                    frame.nal_units,
                    ticks=round((begins_s + at_s) * TIMESCALE),
                    clock_rate=TIMESCALE,
                    is_key=frame.is_key,
                    device_s=None if segment.start_device_s is None else segment.start_device_s + at_s,
                    is_discontinuous=segment.starts_discontinuity and place == 0,
                    parameter_sets=frame.parameter_sets if frame.is_key else (),
                )
            )
        return units

    def _encoded(self, segment: Segment) -> list[FlvFrame]:
        """Return the frames that ffmpeg makes of a segment; none of a damaged one."""
        make_folder(self._folder)
        write_file(self._folder / SMALL_SOURCE, self._segments.init + segment.data)
        with self._lock, starting_ffmpeg():
            if self._is_closed:
                raise SessionOver
            process = self._process = self._spawner.spawn(
                small_segment_command(self._ffmpeg, SMALL_SOURCE),
                name=f"ffmpeg {self._folder.name}",
                cwd=self._folder,
                stdout="pipe",
            )
        written = process.stdout_bytes(_ENCODE_S) or b""
        process.stop()
        remove_files(self._folder, (SMALL_SOURCE,))
        if self._is_closed:
            raise SessionOver
        try:
            frames = FlvReader().feed(written)
        except BadFlv:
            frames = []
        self._failures = 0 if frames else self._failures + 1
        if not frames:
            log.warning("%s: a segment became no small video: %r", self._folder.name, process.stderr_tail()[-300:])
        if self._failures >= _MOST_FAILURES:
            raise FfmpegEnded("The recording cannot be encoded.")
        return frames


def check_small_recording(video: VideoFormat) -> None:
    """Raise CameraUnsupported if a recording is too large for small video. An unknown size is small enough."""
    if (video.width or 0) * (video.height or 0) > _MOST_PIXELS:
        raise CameraUnsupported("This recording is too large to make small video of it.", service="video")
