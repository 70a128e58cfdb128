"""Pictures of recordings: the interface of the package `pictures`.

No call waits for a device, except picture() for the given time. Arguments and results are true UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from core.errors import InvalidRequest, NotFound
from core.recordings import SpanState
from onvif_manager import OnvifManager
from pictures.grid import STEPS_S, grid_times
from pictures.views import GridPicture, Picture, PictureState
from recording_manager import RecordingManager
from recordings.views import ChannelSpan, Coverage

__all__ = ["PictureManager"]

MOST_TIMES = 1500
"""Most times in one answer: a day of minutes, or four hours at steps of ten seconds."""
_PLAYABLE = frozenset({SpanState.RECORDED, SpanState.UNKNOWN})


class PictureManager:
    """Thread-safe. Call `start()` first; `stop()` may be called twice."""

    def __init__(self, cameras: OnvifManager, recordings: RecordingManager) -> None:
        self._cameras = cameras
        self._recordings = recordings

    def start(self) -> None:
        """Nothing to start yet."""

    def stop(self) -> None:
        """Nothing to stop yet."""

    def forget_camera(self, camera_id: int) -> None:
        """Drop the pictures of a camera that was deleted, or has another address or credential."""

    def grid(
        self, camera_id: int, channel: int, start: datetime, end: datetime, step_s: int
    ) -> tuple[GridPicture, ...]:
        """Return a picture for each time of the grid in [start, end), and for the time at or before `start`.

        Missing pictures are made in the background while the call is repeated at least every two seconds. Raise
        InvalidRequest for a window that is empty or has too many times, NotFound for an unknown camera or channel, and
        the device's error if no recording of the device is known yet.
        """
        if step_s not in STEPS_S:
            raise InvalidRequest.of_field("step_s", f"one of {', '.join(map(str, STEPS_S))}")
        if end <= start:
            raise InvalidRequest.of_field("end_time", "later than start_time")
        times = grid_times(start.timestamp(), end.timestamp(), step_s)
        if len(times) > MOST_TIMES:
            longest = timedelta(seconds=MOST_TIMES * step_s)
            raise InvalidRequest.of_field("end_time", f"at most {longest} after start_time for this step_s")
        self._check_channel(camera_id, channel)
        spans = _Spans(self._recordings.coverage(camera_id, _utc(times[0]), end, channel=channel, with_events=False))
        return tuple(GridPicture(_utc(time_s), spans.state_at(_utc(time_s))) for time_s in times)

    def picture(self, camera_id: int, channel: int, moment: datetime, wait_s: float = 0.0) -> Picture | None:
        """Return the picture of a moment, which is rounded down to a whole second. None if it is still being made.

        Wait at most `wait_s` for it. Raise NotFound if nothing is recorded then or the device gives no picture
        (no_recording), and for an unknown camera or channel; the DeviceError if the device fails.
        """
        del wait_s
        time_s = int(moment.timestamp())
        self._check_channel(camera_id, channel)
        begin, end = _utc(time_s), _utc(time_s + 1)
        spans = _Spans(self._recordings.coverage(camera_id, begin, end, channel=channel, with_events=False))
        if spans.state_at(begin) is PictureState.NOT_RECORDED:
            raise NotFound("Nothing is recorded at this time.", code="no_recording")
        return None

    def _check_channel(self, camera_id: int, channel: int) -> None:
        if all(item.number != channel for item in self._cameras.channels(camera_id)):
            raise NotFound("There is no such channel.")


class _Spans:
    """The states of a window's times before any picture is made."""

    def __init__(self, coverage: Coverage) -> None:
        self._is_indexing = coverage.indexing is not None
        self._spans: Sequence[ChannelSpan] = coverage.channels[0].spans if coverage.channels else ()
        self._starts = [span.start for span in self._spans]

    def at(self, moment: datetime) -> ChannelSpan | None:
        """Return the span of a moment; None if the channel has no recordings."""
        index = bisect_right(self._starts, moment) - 1
        return self._spans[index] if index >= 0 else None

    def state_at(self, moment: datetime) -> PictureState:
        """Return PENDING for a time that can be asked, and for one that is still being indexed."""
        span = self.at(moment)
        if span is not None and span.state in _PLAYABLE:
            return PictureState.PENDING
        is_unknown = span is None or span.state is SpanState.NOT_ASKED
        return PictureState.PENDING if is_unknown and self._is_indexing else PictureState.NOT_RECORDED


def _utc(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)
