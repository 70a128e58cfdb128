"""Events of devices: the interface of the package `events`.

workers/event_listener.py asks the devices and hands their events in; listeners get what began and what ended in each
channel. Nothing here waits for a device, except the methods of a subscription.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from core.clock import Clock
from core.errors import AppError, DeviceError
from core.events import ChannelActivity, DeviceEvent, EventProblem
from core.records import ServiceCheck
from core.settings import Settings
from database import Database
from events.channels import channel_of_event
from events.imports import EventImports
from events.log import EventLog
from events.looks import EventLooks
from events.merger import EventMerger
from events.pictures import EventPictures
from events.retention import EventRetention
from events.states import MOST_OPEN, EventStates
from events.store import SubscriptionStore
from events.subscription import CameraSubscription
from events.switches import EventSwitches
from events.topics import DeviceReport, DeviceTopics
from events.words import KnownNames, Understood, parse_words
from onvif_manager import OnvifManager

log = logging.getLogger(__name__)

ActivityListener = Callable[[ChannelActivity], None]


class EventManager:
    """Thread-safe. Needs an open database and started `cameras` between start() and stop()."""

    def __init__(self, database: Database, settings: Settings, clock: Clock, cameras: OnvifManager) -> None:
        self.log = EventLog(database, clock, settings.node_name)
        self.looks = EventLooks(database)
        self.imports = EventImports(database, self.log)
        self._store = SubscriptionStore(database)
        self._settings = settings
        self._clock = clock
        self._cameras = cameras
        self._lock = threading.Lock()  # not held while a listener is called, which has locks of its own
        self._untold: deque[ChannelActivity] = deque()
        self._telling = threading.Lock()  # one thread at a time tells, so that the order stays
        self._states: dict[int, EventStates] = {}
        self._problems: dict[int, EventProblem] = {}
        self._merger = EventMerger(self.log, clock)
        self.topics = DeviceTopics()
        self.pictures = EventPictures(
            settings.data_dir / "event-pictures",
            most_bytes=settings.event_picture_bytes,
            min_free_bytes=settings.min_free_bytes,
        )
        self._retention = EventRetention(self.log.store, self.pictures, settings, clock)
        self._switches = EventSwitches(database)
        self._listeners: list[ActivityListener] = []
        self._subscriptions: dict[int, CameraSubscription] = {}
        self._adopted: set[int] = set()  # cameras whose last owner may have left events open

    def start(self) -> None:
        """Start the log, and load the subscriptions that an earlier run of the app may have left open."""
        self.log.start()
        self._switches.load()
        camera_ids = {view.id for view in self._cameras.list_cameras()}
        self.pictures.open(camera_ids)
        self._retention.forget_removed()
        self._subscriptions = {
            camera_id: CameraSubscription(camera_id, self._cameras, self._store, self._clock, stored)
            for camera_id, stored in self._store.load().items()
        }

    def stop(self) -> None:
        """End all events for the listeners. May be called twice."""
        for camera_id in list(self._states):
            self.end_camera(camera_id)
        self.log.stop()

    def on_motion(self, listener: ActivityListener) -> None:
        """Call `listener` when motion or another activity begins or ends in a channel, in a thread of this package.

        The calls come in order, one at a time. The listener must not wait for a device: the next calls wait for it.
        """
        self._listeners.append(listener)

    def subscription(self, camera_id: int) -> CameraSubscription:
        """Return the subscription of a camera, which knows the one that an earlier run has left open."""
        with self._lock:
            known = self._subscriptions.get(camera_id)
            if known is None:
                known = CameraSubscription(camera_id, self._cameras, self._store, self._clock, None)
                self._subscriptions[camera_id] = known
            return known

    def left_open(self) -> frozenset[int]:
        """Return the cameras that may still have a subscription, of this run or of an earlier one."""
        with self._lock:
            return frozenset(camera_id for camera_id, item in self._subscriptions.items() if item.is_stored)

    # ---- switches and topics ---------------------------------------------------------------------

    def listens_wanted(self, camera_id: int) -> bool:
        """True if the events of a camera are wanted, by its switch. Raise NotFound."""
        self._cameras.get_camera(camera_id)
        return self._switches.is_on(camera_id)

    def set_listens_wanted(self, camera_id: int, wanted: bool) -> None:
        """Switch the events of a camera on or off; they stay on for channels whose rule records events.

        Raise NotFound.
        """
        self._cameras.get_camera(camera_id)
        self._switches.set_on(camera_id, wanted)

    def event_cameras(self) -> frozenset[int]:
        """Return the cameras whose events are wanted, and whose capabilities name events."""
        if not self._settings.listen_to_events:
            return frozenset()
        return frozenset(
            view.id
            for view in self._cameras.list_cameras()
            if view.onvif and "events" in view.services and self._switches.is_on(view.id)
        )

    def listens(self, camera_id: int) -> bool:
        """True if the app has a subscription to the events of a camera at the moment."""
        with self._lock:
            known = self._subscriptions.get(camera_id)
            return known is not None and known.is_stored and camera_id not in self._problems

    def is_topic_list_due(self, camera_id: int) -> bool:
        """True if the app does not know the topics of the device's properties, and has not asked for them lately."""
        return self.topics.is_list_due(camera_id, self._clock.monotonic_s())

    def list_topics(self, camera_id: int) -> None:
        """Ask the device for the topics of its event properties. `told` has them, or the code of the device's error."""
        try:
            self.topics.set_list(camera_id, self._cameras.ask_events(camera_id, lambda device: device.topics()))
        except DeviceError as error:
            self.topics.note_unlisted(camera_id, error.code, self._clock.monotonic_s())

    def told(self, camera_id: int) -> DeviceReport:
        """Return the topics and the newest messages of a camera."""
        told = self.topics.told(camera_id, self._clock.now_utc())
        return replace(told, begun_left_out=self._begun_left_out(camera_id))

    def checks(self, camera_id: int) -> tuple[ServiceCheck, ...]:
        """Return the lines of the health card about the events of a camera."""
        left_out = self._begun_left_out(camera_id)
        if not left_out:
            return ()
        detail = f"{left_out} messages were left out, because {MOST_OPEN} other events of the device went on"
        return (ServiceCheck("events that go on", "left_out", detail),)

    def _begun_left_out(self, camera_id: int) -> int:
        with self._lock:
            states = self._states.get(camera_id)
            return states.left_out if states is not None else 0

    def forget_camera(self, camera_id: int) -> None:
        """Follow the change or the removal of a camera."""
        self.topics.forget(camera_id)
        self.imports.forget(camera_id)

    def release_camera(self, camera_id: int) -> None:
        """Forget the subscription of a camera that another node connects: that node ends it if it is still open."""
        with self._lock:
            self._subscriptions.pop(camera_id, None)

    def adopt_camera(self, camera_id: int) -> None:
        """Take over what the last owner of a camera may have left open: a subscription, and soon its events.

        Raise Unavailable.
        """
        with self._lock:
            self._adopted.add(camera_id)
        self._switches.load()
        stored = self._store.load().get(camera_id)
        if stored is not None:
            self.subscription(camera_id).adopt(stored)

    def delete_events(self, camera_id: int) -> None:
        """Delete the log of a camera that was removed. Its events are hidden immediately."""
        self._retention.forget_camera(camera_id)

    def forget_pictures_before(self, camera_id: int, channel: int, moment: datetime) -> None:
        """Delete pictures and looks of a channel's events before a moment, by the limit by law of its recordings."""
        event_ids = self.log.store.forget_pictures_before(
            camera_id, channel, moment, self.pictures.event_ids(camera_id)
        )
        self.pictures.drop([(camera_id, event_id) for event_id in event_ids])
        self.looks.forget_before(camera_id, channel, moment)

    def understand(self, words: str, names: KnownNames) -> Understood:
        """Return the filters that the words of a search mean, by the clock of the server's time zone."""
        return parse_words(words, names, self._clock.now_utc().astimezone())

    def clean(self) -> bool:
        """End the events that other nodes have left open, and delete a batch of old events if it is time.

        Return True if more is to be deleted now. Raise Unavailable.
        """
        self._end_left_open()
        return self._retention.step()

    def _end_left_open(self) -> None:
        """End the events of adopted cameras whose last owner has died. Raise Unavailable."""
        with self._lock:
            adopted = set(self._adopted)
        if adopted:
            owned = [camera_id for camera_id in adopted if self._cameras.owns(camera_id)]
            self.log.close_left_open(owned, self._cameras.living_nodes())
            with self._lock:
                self._adopted -= adopted

    # ---- events ----------------------------------------------------------------------------------

    def take(self, camera_id: int, events: Iterable[DeviceEvent]) -> None:
        """Take the events that a camera has reported."""
        try:
            channels = self._cameras.channels(camera_id)
            offset_s = self._cameras.clock_offset_s(camera_id) or 0.0
        except AppError:  # it was removed
            return
        with self._lock:
            states = self._states.get(camera_id)
            if states is None:
                states = EventStates(camera_id, motion_end_s=self._settings.motion_end_s)
                self._states[camera_id] = states
            for event in events:
                channel, now = channel_of_event(event.sources, channels), self._clock.now_utc()
                self.topics.note(camera_id, event, channel.number, now)
                now_s = self._clock.monotonic_s()
                begun = states.take(channel.number, event, now_s=now_s, now=now, offset_s=offset_s)
                self._untold.extend(replace(one, is_channel_sure=channel.is_sure) for one in begun)
        self._tell()

    def ask_states(self, camera_id: int) -> bool:
        """Return True if the listener should request the present states now; this counts as the request."""
        with self._lock:
            states = self._states.get(camera_id)
            return states is not None and states.ask_states(self._clock.monotonic_s())

    def tick(self) -> None:
        """End events whose time has come. For a call about once a second."""
        with self._lock:
            for states in self._states.values():
                self._untold.extend(states.tick(self._clock.monotonic_s(), self._clock.now_utc()))
        self._tell()

    def end_camera(self, camera_id: int) -> None:
        """End all events of a camera after its listener has ended."""
        with self._lock:
            self._problems.pop(camera_id, None)
            states = self._states.pop(camera_id, None)
            if states is not None:
                self._untold.extend(states.end_all(self._clock.now_utc()))
        self._tell()

    def active_channels(self, camera_id: int) -> frozenset[int]:
        """Return the channels of a camera in which something happens now."""
        with self._lock:
            states = self._states.get(camera_id)
            return states.active_channels() if states is not None else frozenset()

    def problem(self, camera_id: int) -> EventProblem | None:
        """Return the reason why events of a camera do not reach the app; None if they do, or if they are not needed."""
        with self._lock:
            return self._problems.get(camera_id)

    def note_problem(self, camera_id: int, code: str, detail: str = "") -> None:
        """A listener has failed. The problem lasts until note_success()."""
        with self._lock:
            before = self._problems.get(camera_id)
            since = before.since if before else self._clock.now_utc()
            self._problems[camera_id] = EventProblem(code, since, detail)

    def note_success(self, camera_id: int) -> None:
        """The device has answered a request for events."""
        with self._lock:
            self._problems.pop(camera_id, None)

    def _tell(self) -> None:
        """Tell the listeners the queued activities. A thread that does this already also tells the rest."""
        while self._untold and self._telling.acquire(blocking=False):
            try:
                while self._untold:
                    self._tell_one(self._untold.popleft())
            finally:
                self._telling.release()

    def _tell_one(self, activity: ChannelActivity) -> None:
        self._merger.take(activity, is_wanted=self._switches.is_on(activity.camera_id))
        if activity.kind.is_activity:
            for listener in self._listeners:
                try:
                    listener(activity)
                except Exception:  # the rest must be told despite a fault in one listener
                    log.exception("camera %d: telling an activity failed", activity.camera_id)
