"""Makes the pictures that are wanted of one camera, in a thread that ends a while after the last one."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from core.clock import Clock
from core.errors import AppError, CameraBadAnswer, CameraBusy, CameraUnsupported, NotFound, StorageFull
from media.rtsp.client.errors import TooManyBytes
from media.rtsp.replay.interface import ReplayRank
from media.still_decoder import StillDecoder
from pictures.byte_ledger import ByteLedger
from pictures.cache import PictureCache
from pictures.inbox import KeyFrame
from pictures.source import SHORTEST_RUN, RecordingSource
from pictures.wanted import Batch, WantedPicture, WantedPictures

log = logging.getLogger(__name__)

LINGER_S = 10.0
"""How long a connection stays open for the next pictures: opening one takes recorders two or three seconds."""
_HOVER_S = 2.0  # the pointer may go on: for so long the connection keeps the rank of its picture
_SINGLES = 8
_BAD_IN_A_ROW = 2  # key frames without a picture, each of which may cost seconds; then the other channels come first
_FIRST_RETRY_S, _LAST_RETRY_S = 0.5, 4.0  # while viewers use all places of the recorder
_FAILED_S = 30.0
_UNSUPPORTED_S = 600.0


@dataclass(frozen=True, slots=True)
class PictureTools:
    """The same for all cameras. `open_source(camera_id, recording_token)` may raise any AppError."""

    clock: Clock
    cache: PictureCache
    decoder: StillDecoder
    open_source: Callable[[int, str], RecordingSource]


class PictureWorker:
    """Safe between threads."""

    def __init__(self, tools: PictureTools, camera_id: int) -> None:
        self._tools = tools
        self._camera_id = camera_id
        self._clock = tools.clock
        self._wanted = WantedPictures(tools.clock)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_over = False
        # By channel, with the time until which it counts. None: of the whole device, ffmpeg or the disk.
        self._failures: dict[int | None, tuple[AppError, float]] = {}
        # the thread's own
        self._source: RecordingSource | None = None
        self._last_jpeg: tuple[KeyFrame, bytes | None] | None = None
        self._ledger = ByteLedger(tools.clock)
        self._bad_frames: Counter[int] = Counter()  # in a row, by channel
        self._retry_s = _FIRST_RETRY_S

    def want(self, pictures: Iterable[WantedPicture]) -> None:
        """Want these pictures for two more seconds."""
        self._wanted.want(picture for picture in pictures if self.failure(picture.channel) is None)
        with self._changed:
            if self._thread is None and not self._is_over:
                name = f"pictures-camera{self._camera_id}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def is_missing(self, channel: int, time_s: int) -> bool:
        """True if the device gives no picture of this time, or none at all at the moment."""
        return self.failure(channel) is not None or self._wanted.is_missing(channel, time_s)

    def failure(self, channel: int | None = None) -> AppError | None:
        """Return the error with which the device, ffmpeg, the disk or this channel has failed a short while ago."""
        now_s = self._clock.monotonic_s()
        for failure in (self._failures.get(None), self._failures.get(channel)):
            if failure is not None and failure[1] > now_s:
                return failure[0]
        return None

    def wait(self, channel: int, time_s: int, timeout_s: float) -> None:
        """Wait until a wanted picture is made, or is found missing."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_over or self.failure(channel) or not self._wanted.is_wanted(channel, time_s), timeout_s
            )

    def stop(self) -> None:
        """Make and keep no more pictures. Return immediately; join() waits for the thread."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    # ---- its thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                while not self._is_idle():
                    self._step()
            except Exception:
                log.exception("pictures of camera %d failed by a fault of ours", self._camera_id)
                self._fail(AppError("Something went wrong here. It is in the app's log."), _FAILED_S)
            self._close_source()
            with self._changed:
                if self._is_over or not self._wanted.has_any():
                    self._thread = None  # with the lock, so that a request that comes now starts another thread
                    return

    def _is_idle(self) -> bool:
        """Wait for work. True if there is none for a while, or if stop() was called."""

        def has_work() -> bool:
            return self._is_over or self._wanted.has_any()

        with self._changed:
            if not self._changed.wait_for(has_work, min(_HOVER_S, LINGER_S)) and self._source is not None:
                self._source.set_rank(ReplayRank.STORYBOARD)
            return not self._changed.wait_for(has_work, max(0.0, LINGER_S - _HOVER_S)) or self._is_over

    def _step(self) -> None:
        """Make one batch, or wait a while after a failure."""
        if self.failure() is not None:
            self._wait(1.0)
            return
        source = self._source
        batch = self._wanted.next_batch(
            source.longest_run if source is not None else SHORTEST_RUN,
            is_coarse_first=source is None or source.seeks,
        )
        if batch is None:
            return
        try:
            batch = self._affordable(batch)
            if batch.times:
                opened = self._source_for(batch.recording_token)
                opened.set_rank(ReplayRank.HOVER if batch.is_urgent else ReplayRank.STORYBOARD)
                self._make(opened, batch)
            self._retry_s = _FIRST_RETRY_S
        except CameraBusy as error:
            log.info("camera %d has no place for pictures: %s", self._camera_id, error.detail)
            self._close_source()
            if batch.is_urgent and source is not None:
                return  # it gave way earlier
            self._wait(self._retry_s)
            self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)
        except AppError as error:
            log.info("no pictures of camera %d: %s (%s)", self._camera_id, error.detail, error.code)
            self._close_source()
            lasts_s = _UNSUPPORTED_S if isinstance(error, (CameraUnsupported, TooManyBytes)) else _FAILED_S
            is_of_channel = isinstance(error, (CameraUnsupported, CameraBadAnswer, NotFound))
            self._fail(error, lasts_s, batch.channel if is_of_channel else None)

    def _fail(self, error: AppError, lasts_s: float, channel: int | None = None) -> None:
        """`channel`: a recording of this channel has failed; the other channels go on."""
        if channel is not None:
            self._wanted.forget(channel)
        with self._changed:
            self._failures[channel] = error, self._clock.monotonic_s() + lasts_s
            self._changed.notify_all()

    def _source_for(self, recording_token: str) -> RecordingSource:
        if self._source is None or self._source.recording_token != recording_token:
            self._close_source()
            self._source = self._tools.open_source(self._camera_id, recording_token)
        return self._source

    def _close_source(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _affordable(self, batch: Batch) -> Batch:
        """Return a batch without the times whose pictures would cost the recorder too many bytes: they are missing."""
        times = tuple(time_s for time_s in batch.times if self._ledger.allows(batch.channel, time_s))
        for time_s in set(batch.times) - set(times):
            self._wanted.missed(batch.channel, time_s)
        with self._changed:
            self._changed.notify_all()
        return replace(batch, times=times)

    def _make(self, source: RecordingSource, batch: Batch) -> None:
        """Make the pictures of a batch, and count their bytes."""
        before = source.received_bytes()
        try:
            self._make_pictures(source, batch)
        finally:
            self._ledger.note(batch.channel, batch.times[0], source.received_bytes() - before)

    def _make_pictures(self, source: RecordingSource, batch: Batch) -> None:
        def should_stop() -> bool:
            if self._is_over or not self._wanted.is_in_turn(batch.channel):
                return True
            if batch.is_urgent:
                return not self._wanted.is_wanted(batch.channel, batch.times[0])
            return self._wanted.has_urgent() or not any(self._wanted.is_wanted(batch.channel, it) for it in left)

        left = list(batch.times)
        is_run = batch.step_s > 0 and source.plays_runs(batch.step_s)
        if is_run and (len(batch.times) >= SHORTEST_RUN or not source.seeks):
            most_bytes = self._ledger.left(batch.channel, batch.times[0])
            frames = source.frames_of_run(batch.times, batch.step_s, should_stop, most_bytes)
        else:
            frames = source.frames_one_by_one(batch.times[:_SINGLES], batch.step_s, should_stop)
        for time_s, frame in frames:
            left = [item for item in left if item != time_s]
            jpeg = None if frame is None else self._jpeg(frame, batch.channel)
            if frame is None or jpeg is None:
                self._wanted.missed(batch.channel, time_s)
            else:
                self._keep(source, batch.channel, time_s, frame, jpeg)
            with self._changed:
                self._changed.notify_all()

    def _jpeg(self, frame: KeyFrame, channel: int) -> bytes | None:
        """Decode a frame, unless it is the one before: on a fine grid, several times have the same key frame."""
        if self._last_jpeg is None or self._last_jpeg[0].data != frame.data:
            jpeg = self._tools.decoder.jpeg(frame.data, (self._camera_id, channel))
            self._last_jpeg = frame, jpeg
            self._bad_frames[channel] = 0 if jpeg is not None else self._bad_frames[channel] + 1
            self._wanted.put_last(channel, is_last=self._bad_frames[channel] >= _BAD_IN_A_ROW)
        return self._last_jpeg[1]

    def _keep(self, source: RecordingSource, channel: int, time_s: int, frame: KeyFrame, jpeg: bytes) -> None:
        picture_ms = round(1000 * (frame.device_s - source.correction_at(time_s))) if frame.is_confirmed else None
        with self._changed:
            if self._is_over:  # the camera is gone
                return
            if not self._tools.cache.put(self._camera_id, channel, time_s, picture_ms, jpeg):
                raise StorageFull("The disk has too little free space for pictures of recordings.")
        self._wanted.made(channel, time_s)

    def _wait(self, timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_over, timeout_s)
