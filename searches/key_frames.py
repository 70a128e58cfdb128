"""Key frames of the recordings of a search: over one replay connection, which gives its place to viewers immediately.

The connection has a rank behind that of the storyboard. While the recorder is busy or away, the reader waits without
any session.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import ClassVar

from core.archive import Origin, origin_of
from core.backoff import growing_wait_s
from core.clock import Clock
from core.errors import AppError, CameraBusy, CameraNoSignal, CameraUnreachable, Unavailable
from core.settings import Settings
from media.rtsp.gateway import RtspGateway
from media.rtsp.replay.interface import ReplayRank
from onvif_manager import OnvifManager
from pictures.inbox import KeyFrame
from pictures.source import SHORTEST_RUN, RecordingSource
from recording_manager import RecordingManager
from searches.fetched import FetchedFrames
from searches.records import Interrupted

_SINGLES = 8
_EMPTY_PLAYS = 2  # then a time has no key frame
_PASSING = (CameraBusy, CameraUnreachable, CameraNoSignal, Unavailable)
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 8.0
_AWAY_S = 120.0  # a recorder that does not answer for so long ends the search


class SearchedSource(RecordingSource):
    """A source that gives its place also to the storyboard."""

    rank: ClassVar[ReplayRank] = ReplayRank.SEARCH


class Replays:
    """Opens sources of key frames. Thread-safe."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        gateway: RtspGateway,
        cameras: OnvifManager,
        recordings: RecordingManager,
    ) -> None:
        self._settings = settings
        self.clock = clock
        self._gateway = gateway
        self._cameras = cameras
        self._recordings = recordings

    def open(self, camera_id: int, recording_token: str) -> RecordingSource:
        """Return a source of a recording. May wait for the device. Raise NotFound or a DeviceError."""
        return SearchedSource(
            self._gateway,
            self._cameras,
            self._recordings,
            self.clock,
            camera_id,
            recording_token,
            timeout_s=self._settings.rtsp_timeout_s,
        )


class KeyFrameReader:
    """For one thread, except interrupt(), which ends its waits from any thread. `problem`: why it waits now."""

    def __init__(self, replays: Replays, camera_id: int) -> None:
        self._replays = replays
        self._camera_id = camera_id
        self._over = threading.Event()
        self._source: RecordingSource | None = None
        self._fetched = FetchedFrames()
        self._counted_bytes = 0  # of connections that are closed
        self._waits = 0
        self._away_since_s: float | None = None
        self.key_frames = 0
        self.problem: AppError | None = None

    def frames(self, recording_token: str, times: Sequence[int], step_s: int) -> Iterator[tuple[float, KeyFrame]]:
        """Yield key frames with their true times: those of a grid of times, or of single times if `step_s` is 0.

        Times without a key frame are left out. A single time that an earlier key frame answers comes first, without the
        recorder. Raise Interrupted, or the AppError if the recorder fails for good.
        """
        known = {} if step_s else {time_s: self._fetched.find(recording_token, time_s) for time_s in times}
        yield from (found for found in known.values() if found is not None)
        left = [time_s for time_s in times if known.get(time_s) is None]
        empty = 0
        while left:
            self.check()
            before = len(left)
            try:
                source = self._source_for(recording_token)
                for time_s, frame in self._some(source, left, step_s):
                    self._heard()
                    left = [item for item in left if item != time_s]
                    if frame is not None:
                        self.key_frames += 1
                        is_known = frame.is_confirmed
                        at_s = frame.device_s - source.correction_at(time_s) if is_known else float(time_s)
                        if not step_s:
                            self._fetched.add(recording_token, time_s, at_s, frame)
                        yield at_s, frame
                        if is_known and step_s:  # its own time may be far behind the times of the grid
                            left = [item for item in left if item > time_s]
            except _PASSING as error:
                self._wait(error)
                continue
            empty = empty + 1 if len(left) == before else 0
            if empty >= _EMPTY_PLAYS:
                left, empty = left[1:], 0

    @property
    def received_bytes(self) -> int:
        """The number of bytes that recorders have sent."""
        return self._counted_bytes + (self._source.received_bytes() if self._source is not None else 0)

    def check(self) -> None:
        """Raise Interrupted after interrupt()."""
        if self._over.is_set():
            raise Interrupted

    def interrupt(self) -> None:
        """End the reading, and give the recorder's session back now."""
        self._over.set()
        source = self._source
        if source is not None:
            source.give_back()

    def close(self) -> None:
        """Give the recorder's session back. Another frames() opens one again."""
        source, self._source = self._source, None
        if source is not None:
            self._counted_bytes += source.received_bytes()
            source.close()

    def is_device(self, recording_token: str) -> bool:
        """True if the recorder has to send the key frames of this recording."""
        return origin_of(recording_token) is Origin.DEVICE

    def wait(self, timeout_s: float) -> None:
        """Wait, and raise Interrupted after interrupt()."""
        self._over.wait(timeout_s)
        self.check()

    # ---- inside ----------------------------------------------------------------------------------

    def _some(self, source: RecordingSource, left: Sequence[int], step_s: int) -> Iterator[tuple[int, KeyFrame | None]]:
        is_run = step_s > 0 and source.plays_runs(step_s)
        if is_run and (len(left) >= SHORTEST_RUN or not source.seeks):
            return source.frames_of_run(left[: source.longest_run], step_s, self._over.is_set)
        return source.frames_one_by_one(left[:_SINGLES], step_s, self._over.is_set)

    def _source_for(self, recording_token: str) -> RecordingSource:
        if self._source is None or self._source.recording_token != recording_token:
            self.close()
            self._source = self._replays.open(self._camera_id, recording_token)
        return self._source

    def _heard(self) -> None:
        self._waits, self._away_since_s, self.problem = 0, None, None

    def _wait(self, error: AppError) -> None:
        """Wait for a recorder that is busy or away. Raise the error if it was away for too long."""
        self.close()
        self.check()
        now_s = self._replays.clock.monotonic_s()
        if isinstance(error, CameraBusy):
            self._away_since_s = None  # its viewers come first, without a limit
        elif self._away_since_s is None:
            self._away_since_s = now_s
        elif now_s - self._away_since_s > _AWAY_S:
            raise error
        self._waits += 1
        self.problem = error
        self.wait(growing_wait_s(self._waits, _FIRST_WAIT_S, _LONGEST_WAIT_S))
