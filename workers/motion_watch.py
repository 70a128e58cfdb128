"""Feed the channels in which the app looks for motion from their sub streams.

A watched channel has a feed of the gateway, which shares the device's session with viewers and recordings: a second
session is never opened for it. If the device gives no session, the channel is not watched, and its state says so.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core.backoff import Backoff
from core.clock import Clock
from core.errors import AppError
from core.records import CameraStatus, Channel, ProfileRole, StreamSource
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.session_pool import GatewayFeed
from motion.channel_watch import ChannelWatch
from motion.records import MotionSettings, Place, Reason
from motion_manager import MotionManager
from onvif_manager import OnvifManager
from ptz_manager import PtzManager
from workers.repeated_work import RepeatedWork

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_LIMITS_EVERY_S = 600.0
_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 60.0
_REFUSED_PAUSE_S = 60.0  # the device has no session to spare: viewers come first
_SEARCHES = 4
_STILL_S = 3.0  # after a move of the head
_SMALL_FIRST = (ProfileRole.SUB, ProfileRole.MAIN, ProfileRole.OTHER)
_BUSY = "camera_busy"


class RecordedChannels(Protocol):
    """The recording of the channels. archive_manager.ArchiveManager implements it."""

    def is_paused(self, camera_id: int, channel: int) -> bool:
        """True if a user has paused the channel, for privacy."""
        ...

    def limits(self) -> Sequence[tuple[int, int, datetime]]:
        """Return camera, channel and moment for each channel with a limit by law. Nothing before it may stay."""
        ...

    def note_watched(self, places: frozenset[Place]) -> None:
        """These channels are watched by the app itself."""
        ...


class _Search:
    """Asks a device for the address of a stream, in another thread: the answer may take half a minute."""

    def __init__(self, cameras: OnvifManager, camera_id: int, profile_token: str) -> None:
        self.source: StreamSource | None = None
        self.code = ""
        self.profile_token = profile_token
        self._cameras = cameras
        self._camera_id = camera_id
        threading.Thread(target=self._find, name="motion-source", daemon=True).start()

    @property
    def is_over(self) -> bool:
        return self.source is not None or bool(self.code)

    def _find(self) -> None:
        try:
            self.source = self._cameras.stream_source(self._camera_id, self.profile_token)
        except AppError as error:
            self.code = error.code
        except Exception:  # the top of a thread
            log.exception("asking camera %d for an address failed", self._camera_id)
            self.code = "unknown"


@dataclass(frozen=True, slots=True)
class _Head:
    """The head that shows a video source. motion.records.TurningHead."""

    ptz: PtzManager
    camera_id: int
    video_source_token: str

    @property
    def is_turning(self) -> bool:
        return (self.camera_id, self.video_source_token) in self.ptz.moving_heads()


def _new_backoff() -> Backoff:
    return Backoff(first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S, healthy_after_s=_LONGEST_PAUSE_S)


@dataclass(slots=True)
class _Watched:
    """The feed of one channel, or the attempts to open one."""

    backoff: Backoff = field(default_factory=_new_backoff)
    profile_token: str = ""
    video_source_token: str = ""
    search: _Search | None = None
    feed: GatewayFeed | None = None
    watch: ChannelWatch | None = None  # takes the frames of `feed`
    opened_s: float = 0.0
    not_before_s: float = 0.0
    reason: str | None = Reason.STARTING
    moved_s: float = float("-inf")  # when the head moved last


class MotionWatch(RepeatedWork):
    """Opens and closes the feeds in a thread, and lets the motion manager do its regular work."""

    def __init__(
        self,
        motion: MotionManager,
        cameras: OnvifManager,
        gateway: RtspGateway,
        ptz: PtzManager,
        recording: RecordedChannels,
        clock: Clock,
    ) -> None:
        super().__init__("motion_watch", _LOOK_EVERY_S, stop_s=2.0)
        self._motion = motion
        self._cameras = cameras
        self._gateway = gateway
        self._ptz = ptz
        self._recording = recording
        self._clock = clock
        self._lock = threading.RLock()  # of `_watched`; never held while a device or the disk is waited for
        self._watched: dict[Place, _Watched] = {}
        self._limits_at_s = float("-inf")

    def stop(self) -> None:
        super().stop()
        for place in list(self._watched):
            self._close(place, Reason.STARTING)

    def forget_camera(self, camera_id: int) -> None:
        """Close the feeds of a camera that was changed or removed. The next look opens them if it still exists."""
        with self._lock:
            for place in [place for place in self._watched if place[0] == camera_id]:
                self._close(place, Reason.STARTING)

    def look(self) -> None:
        """Open missing feeds, reopen failed ones, close those of channels that are not to be watched any more."""
        wanted = self._motion.wanted()
        channels = self._channels(wanted)
        moving = self._ptz.moving_heads()
        with self._lock:
            for place in self._watched.keys() - wanted.keys():
                self._close(place, Reason.STARTING)
            for place in sorted(wanted):
                if not self._is_stopping.is_set():
                    self._look_at(place, channels.get(place), moving)
        self._recording.note_watched(self._motion.watched())
        self._motion.tick()
        now_s = self._clock.monotonic_s()
        if now_s - self._limits_at_s >= _LIMITS_EVERY_S:
            self._limits_at_s = now_s
            for camera_id, number, moment in self._recording.limits():
                self._motion.forget_cells_before(camera_id, number, moment)

    # ---- inside ------------------------------------------------------------------------------------

    def _channels(self, wanted: dict[Place, MotionSettings]) -> dict[Place, Channel]:
        """Return the wanted channels as their cameras have them. Those of a camera that is away are left out."""
        found: dict[Place, Channel] = {}
        for camera_id in {place[0] for place in wanted}:
            try:
                channels = self._cameras.channels(camera_id)
            except AppError:
                continue
            found |= {(camera_id, one.number): one for one in channels}
        return found

    def _look_at(self, place: Place, channel: Channel | None, moving: frozenset[tuple[int, str]]) -> None:
        watched = self._watched.setdefault(place, _Watched())
        now_s = self._clock.monotonic_s()
        token = _profile_token(channel)
        problem = self._problem(place, channel, token)
        if watched.profile_token and watched.profile_token != token:
            self._drop(place, watched)
        if problem is not None:
            self._drop(place, watched)
            watched.reason = problem
            self._motion.close_watch(place, problem)
            return
        watched.profile_token = token
        watched.video_source_token = channel.video_source_token if channel is not None else ""
        self._look_at_feed(place, watched, now_s)
        if watched.feed is None:
            self._open_if_due(place, watched, now_s)
        has_turned = watched.watch is not None and watched.watch.take_turn()
        if has_turned or (channel is not None and (place[0], channel.video_source_token) in moving):
            watched.moved_s = now_s
        self._note(place, watched, is_still=now_s - watched.moved_s >= _STILL_S)

    def _problem(self, place: Place, channel: Channel | None, token: str) -> str | None:
        """Return why the channel cannot be watched, or None."""
        try:
            view = self._cameras.get_camera(place[0])
        except AppError:
            return Reason.NO_STREAM
        if view.status is not CameraStatus.ONLINE:
            return view.error.code if view.error is not None else Reason.STARTING
        if channel is None or not token:
            return Reason.NO_STREAM
        if channel.problem is not None:
            return channel.problem.code
        return Reason.PAUSED if self._recording.is_paused(*place) else None

    def _look_at_feed(self, place: Place, watched: _Watched, now_s: float) -> None:
        """Close a feed that has failed."""
        if watched.feed is None or not watched.feed.is_failed():
            return
        problem = watched.feed.status().problem
        watched.reason = problem.code if problem is not None else "unknown"
        healthy_s = now_s - watched.opened_s
        self._drop(place, watched)
        self._pause(watched, healthy_s)
        self._motion.close_watch(place, watched.reason)

    def _open_if_due(self, place: Place, watched: _Watched, now_s: float) -> None:
        search = watched.search
        if search is None:
            searches = sum(one.search is not None and not one.search.is_over for one in self._watched.values())
            if now_s >= watched.not_before_s and searches < _SEARCHES:
                watched.search = _Search(self._cameras, place[0], watched.profile_token)
            return
        if not search.is_over:
            return
        watched.search = None
        if search.source is None or search.profile_token != watched.profile_token:
            watched.reason = search.code or Reason.STARTING
            self._pause(watched, 0.0)
            return
        try:
            feed = self._gateway.open_feed(search.source)
        except AppError as error:
            watched.reason = error.code
            self._pause(watched, 0.0)
            return
        watched.feed, watched.opened_s, watched.reason = feed, now_s, None
        watched.watch = self._motion.watch(place)
        watched.watch.follow_head(_Head(self._ptz, place[0], watched.video_source_token))
        feed.open_units(watched.watch.feeder)

    def _note(self, place: Place, watched: _Watched, *, is_still: bool) -> None:
        """Note the present state of a channel."""
        if watched.feed is None:
            if watched.reason is not None:
                self._motion.note_reason(place, watched.reason)
            return
        watch = self._motion.watch(place)
        if watch is not watched.watch:  # switched off and on again meanwhile
            self._drop(place, watched)
            return
        if not is_still:
            watch.interrupt()
        watch.feeder.set_blind(is_blind=not is_still)
        reason = Reason.UNSUPPORTED_VIDEO if watch.feeder.is_unsupported else None
        self._motion.note_reason(place, reason if is_still else Reason.PTZ_MOVES)

    def _pause(self, watched: _Watched, healthy_s: float) -> None:
        pause_s = watched.backoff.failed_after(healthy_s)
        if watched.reason == _BUSY:
            pause_s = max(pause_s, _REFUSED_PAUSE_S)
        watched.not_before_s = self._clock.monotonic_s() + pause_s

    def _drop(self, place: Place, watched: _Watched) -> None:
        """Close the feed of a channel, and its watch."""
        feed, watched.feed, watched.watch, watched.search = watched.feed, None, None, None
        watched.profile_token = ""
        if feed is not None:
            feed.close()
            self._motion.close_watch(place, Reason.STARTING)

    def _close(self, place: Place, reason: str) -> None:
        with self._lock:
            watched = self._watched.pop(place, None)
            if watched is not None:
                self._drop(place, watched)
                self._motion.note_reason(place, reason)


def _profile_token(channel: Channel | None) -> str:
    """Return the smallest media profile of a channel; "" if there is none."""
    if channel is None:
        return ""
    profiles = sorted(channel.profiles, key=lambda profile: _SMALL_FIRST.index(profile.role))
    return profiles[0].profile_token if profiles else ""
