"""Records one stream of a channel: opens its feed, opens it again after a failure, and notes what flows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from archive.pre_roll import PreRoll, PreRollBudget
from archive.writer import ArchiveWriter
from core.archive import GapReason, StreamKey, gap_reason_of
from core.backoff import Backoff
from core.clock import Clock
from core.errors import AppError
from core.records import StreamSource
from event_manager import EventManager
from media.codecs.access_unit import AccessUnit
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.session_pool import GatewayFeed
from media.units import UnitDescription, UnitSink
from onvif_manager import OnvifManager

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 60.0
_STEP_S = 2.0
_SEARCHES_OF_A_CAMERA = 2
_SEARCHES = 8


class Flow(UnitSink):
    """Notes what flows from one feed to the next sink. Written in the gateway's thread, read by the recorder's."""

    def __init__(self, sink: UnitSink) -> None:
        self._sink = sink
        self._is_closed = False
        self._stepped_from_s: float | None = None
        self.is_flowing = False
        self.first_utc_s: float | None = None
        self.last_utc_s: float | None = None
        self.ended: GapReason | None = None  # the feed is over; a new one is needed
        self.steps: list[tuple[float, float]] = []  # forward steps of our clock, which leave out a time

    def close(self, reason: GapReason) -> None:
        """End the sink for a reason that the recorder has, and ignore what the feed still sends."""
        if not self._is_closed:
            self._is_closed = True
            self.is_flowing = False
            self._sink.on_end(reason)

    # -- media.units.UnitSink ----------------------------------------------------------------------

    def on_description(self, description: UnitDescription) -> None:
        if not self._is_closed:
            self._sink.on_description(description)

    def on_units(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        if self._is_closed:
            return
        if self.first_utc_s is None:
            self.first_utc_s = utc_s[0]
        if self._stepped_from_s is not None:
            if utc_s[0] - self._stepped_from_s > _STEP_S:
                self.steps.append((self._stepped_from_s, utc_s[0]))
            self._stepped_from_s = None
        self.last_utc_s = max(utc_s)
        self.is_flowing = True
        self._sink.on_units(units, utc_s)

    def on_end(self, reason: GapReason) -> None:
        if self._is_closed:
            return
        if reason is GapReason.CLOCK_STEPPED:
            self._stepped_from_s = self.last_utc_s
        else:
            self._is_closed = True
            self.is_flowing = False
            self.ended = reason
        self._sink.on_end(reason)


class SourceSearch:
    """Asks a device for the address of a stream, in its own thread: it may take half a minute."""

    def __init__(self, cameras: OnvifManager, camera_id: int, profile_token: str, wake: threading.Event) -> None:
        self.source: StreamSource | None = None
        self.error: AppError | None = None
        self.camera_id = camera_id
        self._cameras = cameras
        self._profile_token = profile_token
        self._wake = wake

    def start(self) -> None:
        threading.Thread(target=self._find, name="recorder-source", daemon=True).start()

    @property
    def is_over(self) -> bool:
        return self.source is not None or self.error is not None

    def _find(self) -> None:
        try:
            self.source = self._cameras.stream_source(self.camera_id, self._profile_token)
        except AppError as error:
            self.error = error
        except Exception:  # the top of a thread
            log.exception("asking camera %d for an address failed", self.camera_id)
            self.error = AppError("The address of the stream could not be read.")
        self._wake.set()


class RecorderParts:
    """The parts of the app that all stream recorders share. `wake` is set when the recorder has to look again."""

    def __init__(
        self,
        clock: Clock,
        cameras: OnvifManager,
        gateway: RtspGateway,
        targets: ArchiveWriter,
        budget: PreRollBudget,
        events: EventManager,
    ) -> None:
        self.clock = clock
        self.cameras = cameras
        self.gateway = gateway
        self.targets = targets
        self.wake = threading.Event()
        self.events = events
        self.budget = budget
        self._lock = threading.Lock()  # of `_searches`
        self._searches: list[SourceSearch] = []

    def search(self, camera_id: int, profile_token: str) -> SourceSearch | None:
        """Return a search that has started; None if too many threads ask already, this camera or all."""
        with self._lock:
            self._searches = [one for one in self._searches if not one.is_over]
            of_camera = sum(one.camera_id == camera_id for one in self._searches)
            if len(self._searches) >= _SEARCHES or of_camera >= _SEARCHES_OF_A_CAMERA:
                return None
            search = SourceSearch(self.cameras, camera_id, profile_token, self.wake)
            self._searches.append(search)
        search.start()
        return search


class StreamRecorder:
    """One recorded stream. All methods are for one thread at a time; none waits for a device."""

    def __init__(self, parts: RecorderParts, key: StreamKey, pre_s: float) -> None:
        self.key = key
        self._parts = parts
        self._target = parts.targets.open_stream(key)
        self.pre_roll = PreRoll(self._target, parts.budget, pre_s)
        self._feed: GatewayFeed | None = None
        self._flow: Flow | None = None  # of `_feed`
        self._search: SourceSearch | None = None
        self._profile_token: str | None = None
        self._backoff = Backoff(first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S, healthy_after_s=_LONGEST_PAUSE_S)
        self._not_before_s = 0.0
        self._opened_s = 0.0
        self._reason: GapReason | None = None
        self._missing_since = parts.clock.now_utc()
        self._disk_since: datetime | None = None  # the disk has a problem
        self._disk_until: datetime | None = None  # it had one

    @property
    def reason(self) -> GapReason | None:
        """The reason why the stream is not recorded; None while it is, and before the first failure."""
        if self._is_flowing:
            return self._target.problem
        return (self._flow.ended if self._flow else None) or self._reason

    @property
    def is_healthy(self) -> bool:
        """True if the stream flows, and its target can write it."""
        return self._is_flowing and self._target.problem is None

    @property
    def missing_since(self) -> datetime:
        """The time since which nothing is recorded. Meaningful while the stream is not healthy."""
        return self._disk_since or self._last_frame or self._missing_since

    @property
    def recorded_from(self) -> datetime:
        """The time of the first frame since the last failure. Meaningful while the stream is healthy."""
        first_s = self._flow.first_utc_s if self._flow else None
        first = self._missing_since if first_s is None else datetime.fromtimestamp(first_s, UTC)
        return max(first, self._disk_until) if self._disk_until else first

    @property
    def written_until(self) -> datetime | None:
        """The time of the last picture that was written, or None."""
        written_s = self._target.written_until_utc_s()
        return None if written_s is None else datetime.fromtimestamp(written_s, UTC)

    def clock_steps(self) -> list[tuple[datetime, datetime]]:
        """Return the times that forward steps of our clock left out, once each."""
        if self._flow is None or not self._flow.steps:
            return []
        steps, self._flow.steps = self._flow.steps, []
        return [(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)) for start, end in steps]

    def look(self, profile_token: str | None, problem: GapReason = GapReason.NO_SIGNAL) -> None:
        """Open the feed of this media profile if there is none and its time has come.

        Without a media profile, `problem` is the reason.
        """
        now_s = self._parts.clock.monotonic_s()
        self._note_disk()
        if profile_token != self._profile_token:
            self._drop_feed()
            self._profile_token = profile_token
            self._not_before_s = now_s
        if self._flow is not None and self._flow.ended is not None:
            self._reason = self._flow.ended
            self._drop_feed()
            self._pause(now_s - self._opened_s)
        if self._feed is None and profile_token is None:
            self._reason = problem
        elif self._feed is None and profile_token is not None:
            self._open_if_due(profile_token, now_s)

    def limit_files(self, file_s: float | None) -> None:
        """Make no file longer than this from the next key frame on; None for the usual length."""
        self._target.limit_files(file_s)

    def retry_soon(self) -> None:
        """The camera has answered: try again without a further pause, whatever an earlier search finds."""
        if self._feed is None:
            self._search = None
            self._not_before_s = self._parts.clock.monotonic_s()

    def reconnect(self) -> None:
        """Close the feed, because the camera's address or credential has changed; the next look opens another one."""
        self._drop_feed()
        self._backoff.forget()
        self._not_before_s = self._parts.clock.monotonic_s()

    def finish(self, reason: GapReason) -> None:
        """End the recording of this stream for a reason that the recorder has."""
        self._drop_feed(reason)
        self.pre_roll.on_end(reason)
        self._target.finish(reason)

    # -- inside ------------------------------------------------------------------------------------

    @property
    def _is_flowing(self) -> bool:
        return self._flow is not None and self._flow.is_flowing

    @property
    def _last_frame(self) -> datetime | None:
        last_s = self._flow.last_utc_s if self._flow else None
        return None if last_s is None else datetime.fromtimestamp(last_s, UTC)

    def _note_disk(self) -> None:
        if self._target.problem is None:
            if self._disk_since is not None:
                self._disk_since, self._disk_until = None, self._parts.clock.now_utc()
        elif self._disk_since is None:
            self._disk_since = self.written_until or self._parts.clock.now_utc()

    def _open_if_due(self, profile_token: str, now_s: float) -> None:
        search = self._search
        if search is None:
            if now_s >= self._not_before_s:
                self._search = self._parts.search(self.key.camera_id, profile_token)
            return
        if not search.is_over:
            return
        self._search = None
        try:
            self._open(search)
        except AppError as error:
            log.debug("%s cannot be opened (%s)", self.key, error.code)
            self._reason = gap_reason_of(error.code)
            self._pause(0.0)

    def _open(self, search: SourceSearch) -> None:
        if search.error is not None:
            raise search.error
        if search.source is not None:
            feed = self._parts.gateway.open_feed(search.source)
            self._opened_s = self._parts.clock.monotonic_s()
            self._feed, self._flow = feed, Flow(self.pre_roll)
            feed.open_units(self._flow)

    def _pause(self, healthy_s: float) -> None:
        self._not_before_s = self._parts.clock.monotonic_s() + self._backoff.failed_after(healthy_s)

    def _drop_feed(self, reason: GapReason = GapReason.DEVICE_AWAY) -> None:
        self._missing_since = self._last_frame or self._missing_since
        feed, flow = self._feed, self._flow
        self._feed = self._flow = self._search = None
        if flow is not None:
            flow.close(reason)
        if feed is not None:
            feed.close()
