"""Objects in pictures with motion: the interface of the package `objects`.

The watch of motion hands in pictures of movements. One thread asks the process that has the model, at most three times
a second; of each channel only the newest picture waits. Objects become events of the log, with a picture and a look.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec

from core.clock import Clock
from core.errors import AppError, Unavailable
from core.events import ChannelActivity, EventKind, EventSource, LoggedEvent, PictureSubject, severity_of
from core.settings import Settings
from database import Database
from event_manager import EventManager
from events.looks import EventLook
from media.process import Spawner
from objects.child import ObjectsChild
from objects.judge import Better, Came, Gone, ObjectJudge, Step
from objects.models import Models
from objects.records import (
    DetectorMissing,
    DetectorState,
    DetectorView,
    Look,
    ModelUnusable,
    ModelView,
    Place,
    Trial,
)
from vision.messages import Zone
from vision.objects_messages import KINDS, Detect, Recognized

log = logging.getLogger(__name__)

INSTALL_COMMAND = "make detector"
PACKAGES = ("onnxruntime", "cv2", "numpy")  # of requirements-detector.txt
LEAST_SCORE = 0.4
_TRIAL_SCORE = 0.25
_CHANNEL_EVERY_S = 1.0
_ANY_EVERY_S = 1 / 3
_MOST_WAITING = 16
_IDLE_END_S = 120.0
_FAILED_PAUSE_S = 60.0
_LOOK_S = 0.5
_STOP_S = 2.0
_MS_PICTURES = 20
_SAME = timedelta(seconds=5)  # an object that the device has told until then is no new one


@dataclass(slots=True)
class _Event:
    """An object's event. `event`: with its id once it is stored; `look`, `jpeg`: None after they were written."""

    key: tuple[str, int]
    event: LoggedEvent
    subject: PictureSubject
    look: EventLook | None
    jpeg: bytes | None
    is_over: bool = False


class ObjectManager:
    """Thread-safe. Needs an open database between start() and stop()."""

    def __init__(
        self, database: Database, settings: Settings, clock: Clock, spawner: Spawner, events: EventManager
    ) -> None:
        self._models = Models(database, settings.data_dir / "models")
        self._clock = clock
        self._spawner = spawner
        self._events = events
        self._changed = threading.Condition()
        self._waiting: dict[Place, Look | None] = {}  # None: the movement has ended
        self._looked_s: dict[Place, float] = {}
        self._judges: dict[Place, ObjectJudge] = {}
        self._open: dict[tuple[Place, str], _Event] = {}
        self._unwritten: list[_Event] = []
        self._number = 0
        self._is_installed = all(find_spec(name) is not None for name in PACKAGES)
        self._model = ""
        self._child: ObjectsChild | None = None
        self._trial = threading.Lock()
        self._problem = ""
        self._failed_s = float("-inf")
        self._pictures = self._dropped = 0
        self._ms: deque[float] = deque(maxlen=_MS_PICTURES)
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._on_chosen: list[Callable[[], None]] = []
        self._told: dict[tuple[Place, str], datetime | None] = {}  # by devices: the end, None while it goes on
        events.log.on_stored(self._note_stored)
        events.on_motion(self._note_told)

    def start(self) -> None:
        self._model = self._models.chosen()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._serve, name="objects", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all objects and the process. May be called twice."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
            child = self._child
        if child is not None:
            child.stop()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_S)

    # ---- pictures of movements -------------------------------------------------------------------

    @property
    def wants_pictures(self) -> bool:
        """True if pictures are of use: the detector is installed and has a model."""
        return self._is_installed and bool(self._model)

    def take_picture(self, place: Place, at: datetime, jpeg: bytes, cells: bytes, zones: Sequence[Zone]) -> None:
        """Take a picture of a movement. Does not wait; a newer picture of the channel replaces one that waits.

        `cells`: the moving ones. `zones`: only objects in one of them count; empty for the whole picture.
        """
        if not self.wants_pictures:
            return
        look = Look(place, at, jpeg, cells, tuple(zones))
        with self._changed:
            if self._waiting.pop(look.place, None) is not None or len(self._waiting) >= _MOST_WAITING:
                self._dropped += 1
            if len(self._waiting) >= _MOST_WAITING:
                oldest = next((place for place, one in self._waiting.items() if one is not None), None)
                if oldest is not None:
                    del self._waiting[oldest]
            self._waiting[look.place] = look
            self._changed.notify_all()

    def end_movement(self, place: Place) -> None:
        """The movement in a channel has ended. Does not wait."""
        with self._changed:
            self._waiting.pop(place, None)
            if place in self._judges:
                self._waiting[place] = None
                self._changed.notify_all()

    # ---- models ----------------------------------------------------------------------------------

    def view(self) -> DetectorView:
        """Return the state of the detector."""
        child = self._child
        state = DetectorState.OFF
        if self.wants_pictures:
            is_running = child is not None and child.pid is not None
            state = DetectorState.RUNNING if is_running else DetectorState.IDLE
            if self._problem:
                state = DetectorState.FAILED
        ms = list(self._ms)
        mean = round(sum(ms) / len(ms), 1) if ms else None
        return DetectorView(state, self._is_installed, self._model, self._pictures, self._dropped, mean, self._problem)

    def models(self) -> list[ModelView]:
        """Return the models of the folder, by name."""
        return self._models.list()

    def choose(self, name: str | None) -> None:
        """Use a model from now on; None for no model. Raise NotFound."""
        self._models.choose(name)
        self._use(self._models.chosen())
        for listener in self._on_chosen:
            listener()

    def on_chosen(self, listener: Callable[[], None]) -> None:
        """Call `listener()` after a user has chosen a model here."""
        self._on_chosen.append(listener)

    def read_choice_again(self) -> None:
        """Follow a choice that a user has made at another node. Raise Unavailable."""
        chosen = self._models.chosen()
        if chosen != self._model:
            self._use(chosen)

    def _use(self, model: str) -> None:
        with self._changed:
            self._model = model
            self._problem, self._failed_s = "", float("-inf")
            self._ms.clear()
            child, self._child = self._child, None
        if child is not None:
            child.stop()

    def try_model(self, name: str, jpeg: bytes) -> Trial:
        """Return the objects that a model finds in a picture, in a separate process.

        Raise NotFound, ModelUnusable, DetectorMissing, or Unavailable while another trial runs.
        """
        path = self._models.path(name)
        if not self._is_installed:
            raise DetectorMissing(f"The detector is not installed. Call `{INSTALL_COMMAND}`.")
        if not self._trial.acquire(blocking=False):
            raise Unavailable("Another model is being tried. Try again in a few seconds.")
        child = ObjectsChild(self._spawner, self._clock, path)
        try:
            began_s = self._clock.monotonic_s()
            loaded = child.load()
            load_ms = 1000 * (self._clock.monotonic_s() - began_s)
            found = child.detect(Detect("trial", b"", jpeg, _TRIAL_SCORE))
            sides = loaded.width, loaded.height
            return Trial(loaded.format, *sides, loaded.labels, round(load_ms, 1), round(found.ms, 1), found.objects)
        finally:
            child.stop()
            self._trial.release()

    # ---- the thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        used_s = self._clock.monotonic_s()
        while not self._is_stopping:
            try:
                if self._work():
                    used_s = self._clock.monotonic_s()
                elif self._clock.monotonic_s() - used_s > _IDLE_END_S:
                    self._end_child()
            except AppError as error:
                log.warning("an object could not be logged (%s)", error.code)
                self._rest()
            except Exception:  # the top of a thread
                log.exception("recognizing objects failed")
                self._rest()
        for place in list(self._judges):
            self._do(place, self._judges.pop(place).end())
        self._end_child()

    def _work(self) -> bool:
        """Take the next picture or end. Return True if there was one."""
        self._write()
        taken = self._next()
        if taken is None:
            return False
        place, look = taken
        if look is None:
            self._do(place, self._judges.pop(place, ObjectJudge()).end())
            return True
        began_s = self._clock.monotonic_s()
        self._looked_s[place] = began_s
        objects = self._ask(look)
        if objects is not None:
            judge = self._judges.setdefault(place, ObjectJudge())
            self._do(place, judge.take(look, objects))
        self._rest(_ANY_EVERY_S - (self._clock.monotonic_s() - began_s))
        return True

    def _rest(self, rest_s: float = _LOOK_S) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopping, max(0.0, rest_s))

    def _next(self) -> tuple[Place, Look | None] | None:
        """Return the oldest picture or end whose time has come; wait half a second for one."""
        with self._changed:
            if not self._waiting and not self._is_stopping:
                self._changed.wait(_LOOK_S)
            now_s = self._clock.monotonic_s()
            for place, look in self._waiting.items():
                if look is None or now_s - self._looked_s.get(place, float("-inf")) >= _CHANNEL_EVERY_S:
                    del self._waiting[place]
                    return place, look
            if self._waiting and not self._is_stopping:
                self._changed.wait(_LOOK_S / 5)
            return None

    def _ask(self, look: Look) -> Sequence[Recognized] | None:
        """Return the objects of a picture; None if the detector fails, which is tried again after a minute."""
        if self._clock.monotonic_s() - self._failed_s < _FAILED_PAUSE_S:
            return None
        child = None
        try:
            with self._changed:
                if self._child is None:
                    self._child = ObjectsChild(self._spawner, self._clock, self._models.path(self._model))
                child = self._child
            answer = child.detect(Detect(f"{look.place[0]}:{look.place[1]}", look.cells, look.jpeg, LEAST_SCORE))
        except AppError as error:
            with self._changed:
                is_replaced = child is not self._child  # its end says nothing about the model that is chosen now
            if not self._is_stopping and not is_replaced and isinstance(error, ModelUnusable):
                log.warning("objects cannot be recognized: %s", error)
                self._problem, self._failed_s = str(error), self._clock.monotonic_s()
            return None
        self._problem = ""
        self._pictures += 1
        self._ms.append(answer.ms)
        return answer.objects

    def _end_child(self) -> None:
        with self._changed:
            child, self._child = self._child, None
        if child is not None:
            child.stop()

    # ---- events ----------------------------------------------------------------------------------

    def _do(self, place: Place, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, Came):
                self._begin(place, step)
            elif isinstance(step, Better):
                self._improve(place, step)
            else:
                self._end(place, step)

    def _note_told(self, activity: ChannelActivity) -> None:
        """Note an object of which a device tells: it is an event already."""
        if activity.channel is not None and activity.kind.value in KINDS:
            key = (activity.camera_id, activity.channel), activity.kind.value
            with self._changed:
                self._told[key] = None if activity.active and not activity.is_pulse else activity.at

    def _is_told(self, place: Place, came: Came) -> bool:
        """True if the device tells the object that has come."""
        with self._changed:
            if (place, came.kind) not in self._told:
                return False
            end = self._told[place, came.kind]
        return end is None or came.start - end <= _SAME

    def _begin(self, place: Place, came: Came) -> None:
        if self._is_told(place, came):
            return
        kind, subject = EventKind(came.kind), _subject_of(came.found)
        event = LoggedEvent(
            camera_id=place[0],
            channel=place[1],
            kind=kind,
            source=EventSource.WATCH,
            start_at=came.start,
            severity=severity_of(kind),
            score=subject.score,
            label=subject.label,
            box=subject.box,
            zone=came.zone,
        )
        with self._changed:
            self._number += 1
            one = _Event(("objects", self._number), event, subject, _look_of(came.found), came.look.jpeg)
            self._open[place, came.kind] = one
            self._unwritten.append(one)
        self._events.log.begin(one.key, event)

    def _improve(self, place: Place, better: Better) -> None:
        with self._changed:
            one = self._open.get((place, better.kind))
            if one is not None:
                one.subject, one.look, one.jpeg = _subject_of(better.found), _look_of(better.found), better.look.jpeg
                if one not in self._unwritten:
                    self._unwritten.append(one)

    def _end(self, place: Place, gone: Gone) -> None:
        with self._changed:
            one = self._open.pop((place, gone.kind), None)
        if one is not None:
            one.is_over = True
            self._events.log.end(one.key, gone.end)

    def _note_stored(self, event: LoggedEvent) -> None:
        """Learn the id of a stored event. In the thread of the log."""
        if event.source is not EventSource.WATCH:
            return
        with self._changed:
            for one in self._unwritten:
                if not one.event.id and _is_same(one.event, event):
                    one.event = event

    def _write(self) -> None:
        """Write pictures and looks of events that are stored. May wait for the disk. Raise Unavailable."""
        with self._changed:
            ready = [one for one in self._unwritten if one.event.id]
            self._unwritten = [one for one in self._unwritten if not one.event.id][-100:]
        for one in ready:
            camera_id, look, jpeg = one.event.camera_id, one.look, one.jpeg
            one.look = one.jpeg = None
            if look is not None:
                self._events.looks.save(one.event, look)
            if jpeg and camera_id is not None and self._events.pictures.put(camera_id, one.event.id, jpeg):
                self._events.log.note_picture(one.event.id, one.subject)


def _subject_of(found: Recognized) -> PictureSubject:
    return PictureSubject(found.box, round(found.score, 4), found.label)


def _look_of(found: Recognized) -> EventLook:
    return EventLook(found.colours, found.histogram)


def _is_same(one: LoggedEvent, other: LoggedEvent) -> bool:
    def identity(event: LoggedEvent) -> tuple[int | None, int | None, EventKind, datetime]:
        return event.camera_id, event.channel, event.kind, event.start_at

    return identity(one) == identity(other)
