"""Pictures of recordings: the interface of the package `pictures`.

No call waits for a device, except picture() for the given time. Arguments and results are true UTC.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from core.archive import Origin, origin_of
from core.clock import Clock
from core.errors import InvalidRequest, NotFound, Unavailable
from core.recordings import SpanState
from core.settings import Settings
from media.ffmpeg import find_ffmpeg
from media.process import Spawner
from media.rtsp.gateway import RtspGateway
from media.still_decoder import StillDecoder
from onvif_manager import OnvifManager
from pictures.cache import PictureCache
from pictures.grid import STEPS_S, grid_times
from pictures.source import RecordingSource
from pictures.views import GridPicture, Picture, PictureState
from pictures.wanted import WantedPicture
from pictures.worker import PictureTools, PictureWorker
from recording_manager import RecordingManager
from recordings.views import ChannelSpan, Coverage

__all__ = ["PictureManager"]

MOST_TIMES = 1500
"""Most times in one answer: a day of minutes, or four hours at steps of ten seconds."""
_STOP_S = 3.0
_RENEW_S = 1.0  # a request for a picture lasts two seconds
_PLAYABLE = frozenset({SpanState.RECORDED, SpanState.UNKNOWN})


class PictureManager:
    """Thread-safe. Call `start()` first; `stop()` may be called twice."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        spawner: Spawner,
        gateway: RtspGateway,
        cameras: OnvifManager,
        recordings: RecordingManager,
    ) -> None:
        self._cameras = cameras
        self._recordings = recordings
        self._cache = PictureCache(
            settings.data_dir / "pictures",
            most_bytes=settings.picture_cache_bytes,
            min_free_bytes=settings.min_free_bytes,
        )
        self._decoder = StillDecoder(spawner, lambda: find_ffmpeg(settings.ffmpeg), clock)
        open_source = partial(RecordingSource, gateway, cameras, recordings, clock, timeout_s=settings.rtsp_timeout_s)
        self._tools = PictureTools(clock, self._cache, self._decoder, open_source)
        self._lock = threading.Lock()
        self._workers: dict[tuple[int, Origin], PictureWorker] = {}  # a device that fails does not stop the archive's
        self._is_open = False

    def start(self) -> None:
        """List the pictures on disk."""
        self._cache.open(view.id for view in self._cameras.list_cameras())
        with self._lock:
            self._is_open = True

    def stop(self) -> None:
        """End the making of pictures, within 3 s."""
        with self._lock:
            self._is_open = False
            workers, self._workers = list(self._workers.values()), {}
        for worker in workers:
            worker.stop()
        deadline_s = self._tools.clock.monotonic_s() + _STOP_S
        for worker in workers:
            worker.join(max(0.0, deadline_s - self._tools.clock.monotonic_s()))
        self._decoder.stop()

    def forget_camera(self, camera_id: int) -> None:
        """Drop the pictures of a camera that was deleted, or has another address or credential."""
        with self._lock:
            workers = [self._workers.pop(key) for key in list(self._workers) if key[0] == camera_id]
        for worker in workers:
            worker.stop()
        self._cache.drop_camera(camera_id)

    def release_camera(self, camera_id: int) -> None:
        """Read no more pictures from the device of a camera that another node connects. Those on the disk stay."""
        with self._lock:
            worker = self._workers.pop((camera_id, Origin.DEVICE), None)
        if worker is not None:
            worker.stop()

    def forget_before(self, camera_id: int, channel: int, moment: datetime) -> None:
        """Drop the pictures of a channel before a moment: a limit by law has deleted its recordings."""
        self._cache.drop_before(camera_id, channel, moment.timestamp())

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
        spans = self._spans(camera_id, channel, _utc(times[0]), end)
        known = self._cache.known_times(camera_id, channel, times)
        wanted = [
            WantedPicture(channel, span.recording_token, time_s, step_s)
            for time_s in times
            if time_s not in known and (span := spans.playable_at(time_s)) is not None and span.recording_token
        ]
        workers: dict[int, PictureWorker] = {}
        for origin in Origin:
            of_origin = [picture for picture in wanted if origin_of(picture.recording_token) is origin]
            if of_origin:
                worker = self._worker(camera_id, origin)
                worker.want(of_origin)
                workers |= dict.fromkeys((picture.time_s for picture in of_origin), worker)
        return tuple(
            GridPicture(_utc(time_s), PictureState.READY, _utc_of_ms(known[time_s]))
            if time_s in known
            else GridPicture(_utc(time_s), _state(workers.get(time_s), spans, channel, time_s))
            for time_s in times
        )

    def picture(self, camera_id: int, channel: int, moment: datetime, wait_s: float = 0.0) -> Picture | None:
        """Return the picture of a moment, which is rounded down to a whole second. None if it is still being made.

        Wait at most `wait_s` for it. Raise NotFound if nothing is recorded then or the device gives no picture
        (no_recording), and for an unknown camera or channel; the DeviceError if the device fails.
        """
        time_s = int(moment.timestamp())
        self._check_channel(camera_id, channel)
        if (picture := self._cache.get(camera_id, channel, time_s)) is not None:
            return picture
        spans = self._spans(camera_id, channel, _utc(time_s), _utc(time_s + 1))
        span = spans.playable_at(time_s)
        if span is None or not span.recording_token:
            if spans.state_at(time_s) is PictureState.PENDING:
                return None
            raise NotFound("Nothing is recorded at this time.", code="no_recording")
        worker = self._worker(camera_id, origin_of(span.recording_token))
        ends_s = self._tools.clock.monotonic_s() + wait_s
        while True:
            left_s = max(0.0, ends_s - self._tools.clock.monotonic_s())
            worker.want([WantedPicture(channel, span.recording_token, time_s, 0)])
            worker.wait(channel, time_s, min(left_s, _RENEW_S))
            if (picture := self._cache.get(camera_id, channel, time_s)) is not None:
                return picture
            if (error := worker.failure(channel)) is not None:
                raise error.with_traceback(None)
            if worker.is_missing(channel, time_s):
                raise NotFound("The device gives no picture of this time.", code="no_recording")
            if left_s <= _RENEW_S or not self._is_open:
                return None

    def keep(self, camera_id: int, channel: int, picture_ms: int, jpeg: bytes) -> None:
        """Keep a picture of a recording, 320 pixels wide, that was made elsewhere. `picture_ms`: its own true time.

        It is that of the next whole second, at which picture() would make it.
        """
        time_s = -(-picture_ms // 1000)
        if self._is_open and self._cache.get(camera_id, channel, time_s) is None:
            self._cache.put(camera_id, channel, time_s, picture_ms, jpeg)

    def _spans(self, camera_id: int, channel: int, start: datetime, end: datetime) -> _Spans:
        """The sub stream's recordings are enough for small pictures, and cost the recorder a tenth of the bytes. Those
        of the archive cost it none."""
        return _Spans(
            self._recordings.coverage(camera_id, start, end, channel=channel, with_events=False, prefers_sub=True)
        )

    def _worker(self, camera_id: int, origin: Origin) -> PictureWorker:
        """Raises Unavailable while the app starts or stops."""
        with self._lock:
            if not self._is_open:
                raise Unavailable("The app is starting or stopping.", retry_after_s=2)
            key = (camera_id, origin)
            if key not in self._workers:
                self._workers[key] = PictureWorker(self._tools, camera_id)
            return self._workers[key]

    def _check_channel(self, camera_id: int, channel: int) -> None:
        if all(item.number != channel for item in self._cameras.channels(camera_id)):
            raise NotFound("There is no such channel.")


class _Spans:
    """The states of a window's times before any picture is made."""

    def __init__(self, coverage: Coverage) -> None:
        self._is_indexing = coverage.indexing is not None
        self._spans: Sequence[ChannelSpan] = coverage.channels[0].spans if coverage.channels else ()
        self._starts = [span.start for span in self._spans]

    def playable_at(self, time_s: int) -> ChannelSpan | None:
        """Return the span of a time if its recording can be played."""
        span = self._at(time_s)
        return span if span is not None and span.state in _PLAYABLE else None

    def state_at(self, time_s: int) -> PictureState:
        """Return PENDING for a time that can be asked, and for one that is still being indexed."""
        span = self._at(time_s)
        if span is not None and span.state in _PLAYABLE:
            return PictureState.PENDING
        is_unknown = span is None or span.state is SpanState.NOT_ASKED
        return PictureState.PENDING if is_unknown and self._is_indexing else PictureState.NOT_RECORDED

    def _at(self, time_s: int) -> ChannelSpan | None:
        index = bisect_right(self._starts, _utc(time_s)) - 1
        return self._spans[index] if index >= 0 else None


def _state(worker: PictureWorker | None, spans: _Spans, channel: int, time_s: int) -> PictureState:
    """Return the state of a time without a picture. `worker`: None if nothing is recorded then."""
    if worker is not None and worker.is_missing(channel, time_s):
        return PictureState.MISSING
    return spans.state_at(time_s)


def _utc_of_ms(time_ms: int | None) -> datetime | None:
    return None if time_ms is None else _utc(time_ms / 1000)


def _utc(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)
