"""Take a picture of each event: the key frame in memory if the channel is streaming, otherwise the device's snapshot.

It is the best that costs little: no stream is opened for it. Events come in storms, so few pictures wait, devices are
asked with pauses, and an event without a picture shows one of the recordings.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from datetime import timedelta
from typing import Protocol

from cameras.records import TimedSnapshot
from core.clock import Clock
from core.errors import AppError
from core.events import EventSource, LoggedEvent, Severity
from core.records import Channel, ProfileRole
from event_manager import EventManager
from media.rtsp.gateway import RtspGateway
from media.still_decoder import KeyFrameData, StillDecoder
from onvif_manager import OnvifManager
from stream_manager import StreamManager

log = logging.getLogger(__name__)

MOST_WAITING = 32
_LATEST = timedelta(seconds=20)  # a later picture shows something else
_CHANNEL_EVERY_S = 10.0  # how often a channel's device is asked
_NOTICES_EVERY_S = 3.0  # how often any device is asked for events that are no alerts
_SMALL_FIRST = (ProfileRole.SUB, ProfileRole.MAIN, ProfileRole.OTHER)
_DECODED = frozenset({"h264", "hevc"})
_WITH_OWN_PICTURES = frozenset({EventSource.IMPORT, EventSource.WATCH})  # of the recorder, and of motion/events_out.py


class PausedChannels(Protocol):
    """Tells the channels that a user has paused, for privacy. archive_manager.ArchiveManager implements it."""

    def is_paused(self, camera_id: int, channel: int) -> bool: ...


class EventPictureTaker:
    """start() and stop() may be called twice. A channel that a user has paused gives no pictures."""

    def __init__(
        self,
        events: EventManager,
        cameras: OnvifManager,
        streams: StreamManager,
        gateway: RtspGateway,
        decoder: StillDecoder,
        paused: PausedChannels,
        clock: Clock,
    ) -> None:
        self._events = events
        self._cameras = cameras
        self._streams = streams
        self._gateway = gateway
        self._decoder = decoder
        self._paused = paused
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: deque[LoggedEvent] = deque()
        self._asked_s: dict[tuple[int, int], float] = {}
        self._asked_for_notice_s = float("-inf")
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        events.log.on_stored(self.want)

    def start(self) -> None:
        if self._thread is None:
            self._is_stopping = False
            self._thread = threading.Thread(target=self._serve, name="event_pictures", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(1.0)
        self._decoder.stop()

    def want(self, event: LoggedEvent) -> None:
        """Take a picture of an event soon, if it shows something. Does not wait."""
        if event.channel is None or event.source in _WITH_OWN_PICTURES or not event.kind.is_activity:
            return
        with self._changed:
            if len(self._waiting) == MOST_WAITING:
                self._give_up(self._waiting.popleft())
            self._waiting.append(event)
            self._events.pictures.expect(event.camera_id or 0, event.id)
            self._changed.notify_all()

    def take(self, event: LoggedEvent) -> bool:
        """Take the picture of an event and keep it. Return False if there is none."""
        if event.camera_id is None or event.channel is None or self._clock.now_utc() - event.start_at > _LATEST:
            return False
        try:
            channels = self._cameras.channels(event.camera_id)
            channel = next((one for one in channels if one.number == event.channel), None)
            is_open = channel is not None and not self._paused.is_paused(event.camera_id, event.channel)
            jpeg = self._jpeg(event, event.camera_id, channel) if channel is not None and is_open else None
            if jpeg is not None and self._paused.is_paused(event.camera_id, event.channel):
                return False  # paused meanwhile
        except AppError as error:
            log.debug("camera %d: no picture of an event (%s)", event.camera_id, error.code)
            return False
        if jpeg is None or not self._events.pictures.put(event.camera_id, event.id, jpeg):
            return False
        self._events.log.note_picture(event.id)
        return True

    def _jpeg(self, event: LoggedEvent, camera_id: int, channel: Channel) -> bytes | None:
        profiles = sorted(channel.profiles, key=lambda profile: _SMALL_FIRST.index(profile.role))
        tokens = [profile.profile_token for profile in profiles]
        return self._held(camera_id, tokens) or self._snapshot(event, camera_id, channel.number, tokens)

    def _held(self, camera_id: int, tokens: list[str]) -> bytes | None:
        """Return a picture of the key frame that a running stream has in memory."""
        for token in tokens:
            held = self._gateway.held_key_frame(camera_id, token)
            if held is not None and held.codec in _DECODED:
                frame = KeyFrameData(held.codec, held.shape, held.parameter_sets, held.parts)
                if (jpeg := self._decoder.jpeg(frame, (camera_id, token))) is not None:
                    return jpeg
        return None

    def _snapshot(self, event: LoggedEvent, camera_id: int, channel: int, tokens: list[str]) -> bytes | None:
        now_s = self._clock.monotonic_s()
        is_notice = event.severity is Severity.NOTICE
        if now_s - self._asked_s.get((camera_id, channel), float("-inf")) < _CHANNEL_EVERY_S:
            return None
        if is_notice and now_s - self._asked_for_notice_s < _NOTICES_EVERY_S:
            return None
        self._asked_s[camera_id, channel] = now_s
        if is_notice:
            self._asked_for_notice_s = now_s
        jpeg = self._cameras.device_snapshot(camera_id, tokens[0]) if tokens else None
        if jpeg is None:
            return None
        return self._streams.small_snapshot(TimedSnapshot(jpeg, self._clock.now_utc())).jpeg

    def _serve(self) -> None:
        while (event := self._next()) is not None:
            try:
                self.take(event)
            except Exception:  # the top of a thread
                log.exception("taking the picture of an event failed")
            finally:
                self._give_up(event)

    def _give_up(self, event: LoggedEvent) -> None:
        self._events.pictures.give_up(event.camera_id or 0, event.id)

    def _next(self) -> LoggedEvent | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_stopping)
            return None if self._is_stopping else self._waiting.popleft()
