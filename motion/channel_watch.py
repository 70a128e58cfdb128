"""The watching of one channel: its frames, its judge, and the newest look at it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from core.events import ClosedWhy
from motion.cells import CellIndex
from motion.child import VisionChild
from motion.events_out import MotionEvents
from motion.feeder import Feeder
from motion.judge import Closed, GoesOn, Judge, LevelChanged, LookBackWanted, Opened, PictureWanted, Step
from motion.records import Glimpse, MotionMode, MotionSettings, MovementPictures, Place, TurningHead, WatchedPicture
from vision.messages import Began, Blob, Failed, Still, StillPicture, Watched

LONG_INTERVAL_S = 4.0  # between key frames: then the mode auto judges every picture
_MOVEMENT_PICTURE_MS = 900  # between pictures for the detector of objects; key frames may come each second
_ALL_CELLS_S = 1.0  # the cells of every picture are noted once a second
_GLIMPSES = 16  # three seconds of every picture: until a picture has come and is shown
_STILL_KEPT = timedelta(seconds=30)


def key_of(place: Place) -> str:
    """Return the name of a channel in messages."""
    return f"{place[0]}:{place[1]}"


class ChannelWatch:
    """Safe between threads. `feeder` takes the frames; take() the answers about them."""

    def __init__(
        self,
        place: Place,
        child: VisionChild,
        events: MotionEvents,
        cells: CellIndex,
        settings: MotionSettings,
        pictures: MovementPictures | None = None,
    ) -> None:
        self.place = place
        self.feeder = Feeder(key_of(place), child)
        self._child = child
        self._events = events
        self._cells = cells
        self._settings = settings
        self._pictures = pictures
        self._asked_ms = 0  # for the last picture of a movement
        self._lock = threading.RLock()
        self._judge = Judge()
        self._glimpses: deque[Glimpse] = deque(maxlen=_GLIMPSES)  # the newest one last
        self._picture: WatchedPicture | None = None
        self._picture_glimpse: Glimpse | None = None
        self._cells_ms = 0
        self._least_share = settings.sensitivity.least_share
        self._wants_event_picture = False
        self._is_over = False
        self._head: TurningHead | None = None
        self._has_turned = False
        self.set(settings)

    @property
    def settings(self) -> MotionSettings:
        return self._settings

    @property
    def every_picture(self) -> bool:
        """True if every picture is judged: by choice, or because key frames are rare."""
        if self._settings.mode is MotionMode.EVERY_PICTURE:
            return True
        interval_s = self.feeder.key_frame_interval_s
        return self._settings.mode is MotionMode.AUTO and interval_s is not None and interval_s > LONG_INTERVAL_S

    @property
    def is_restless(self) -> bool:
        with self._lock:
            restlessness = self._judge.restlessness
            return restlessness.level > 0 or restlessness.is_flooding(self._last_ms)

    @property
    def _glimpse(self) -> Glimpse | None:
        return self._glimpses[-1] if self._glimpses else None

    @property
    def _last_ms(self) -> int:
        return 0 if self._glimpse is None else round(self._glimpse.at.timestamp() * 1000)

    def glimpse(self, at: datetime | None = None) -> Glimpse | None:
        """Return the newest look, or that at the picture of a time; None if there is none."""
        with self._lock:
            kept = self._picture_glimpse
            if at is None:
                return self._glimpse
            if kept is not None and kept.at == at:
                return kept
            return next((one for one in self._glimpses if one.at == at), None)

    def picture(self, now: datetime) -> WatchedPicture | None:
        """Return the newest picture if it is fresh, and ask for the next one."""
        with self._lock:
            found, newest = self._picture, self._glimpse
        if newest is not None and (found is None or found.at < newest.at):
            self._child.send(Still(self.feeder.key), newest_of=("still", self.feeder.key))
        return found if found is not None and now - found.at < _STILL_KEPT else None

    def set(self, settings: MotionSettings) -> None:
        """Follow changed settings, and the interval of key frames."""
        with self._lock:
            self._settings = settings
            every_picture = self.every_picture
            self._judge.set(settings.zones, every_picture=every_picture)
            least_share = min(1.0, settings.sensitivity.least_share * self._judge.restlessness.factor)
            self._least_share = least_share
        self.feeder.set(least_share=least_share, zones=settings.zones, every_picture=every_picture)

    def follow_head(self, head: TurningHead) -> None:
        """Judge no picture while this head turns. The caller lets frames pass again when the head has stood a while.

        The caller looks at the head once a second; a picture may come between its beginning and that look.
        """
        self._head = head

    def take_turn(self) -> bool:
        """Return True if the head has turned at a picture since the last call."""
        with self._lock:
            has_turned, self._has_turned = self._has_turned, False
        return has_turned

    def close(self) -> None:
        """End the movement that goes on."""
        with self._lock:
            self._is_over = True
            self.feeder.close()
            self._do(self._judge.end(ClosedWhy.STOPPED))

    def interrupt(self) -> None:
        """The head moves, or the process has ended: earlier pictures say nothing about later ones."""
        with self._lock:
            self._do(self._judge.end(ClosedWhy.MISSED))

    def tick(self, now: datetime) -> None:
        """End a movement of which no further picture comes. For a call about once a second."""
        with self._lock:
            self._do(self._judge.tick(round(now.timestamp() * 1000)))
        self.set(self._settings)

    def take(self, message: Watched | Began | StillPicture | Failed) -> None:
        """Take an answer about this channel."""
        with self._lock:
            if self._is_over:
                return
            if isinstance(message, Watched | Began) and self._head is not None and self._head.is_turning:
                self._has_turned = True
                self.feeder.set_blind(is_blind=True)
                steps: Sequence[Step] = self._judge.end(ClosedWhy.MISSED)
            else:
                steps = self._steps(message)
            self._do(steps)

    # ---- inside ------------------------------------------------------------------------------------

    def _steps(self, message: Watched | Began | StillPicture | Failed) -> Sequence[Step]:
        if isinstance(message, Watched):
            return self._look(message)
        if isinstance(message, Began):
            return self._judge.take_beginning(message)
        if isinstance(message, StillPicture):
            self._picture = WatchedPicture(_moment(message.time_ms), message.body)
            self._picture_glimpse = next((one for one in self._glimpses if one.at == self._picture.at), None)
            self._show(message)
            if self._wants_event_picture:
                self._wants_event_picture = False
                self._events.set_picture(self.place, message.body, self._largest_blob)
        elif message.reason == "unknown_key":
            self.feeder.reopen()
        else:
            self._judge.give_up_beginning()
        return ()

    def _look(self, watched: Watched) -> Sequence[Step]:
        self._glimpses.append(Glimpse(_moment(watched.time_ms), watched.share, watched.cells, watched.blobs))
        if not watched.is_reset and abs(watched.time_ms - self._cells_ms) >= 1000 * _ALL_CELLS_S:
            self._cells_ms = watched.time_ms
            self._cells.add(self.place, watched.time_ms, watched.cells, least_share=self._least_share)
        steps = self._judge.take(watched)
        is_due = abs(watched.time_ms - self._asked_ms) >= _MOVEMENT_PICTURE_MS
        if watched.is_moving and is_due and self._shows_pictures:
            self._asked_ms = watched.time_ms
            self._child.send(Still(self.feeder.key), newest_of=("still", self.feeder.key))
        return steps

    @property
    def _largest_blob(self) -> Blob | None:
        """The largest moving part of the newest picture; None if there is none, or if it is too old."""
        looked = self._picture_glimpse
        return None if looked is None else max(looked.blobs, key=lambda one: one.share, default=None)

    @property
    def _shows_pictures(self) -> bool:
        """True during a movement whose pictures are of use to the detector of objects."""
        return self._judge.is_open and self._pictures is not None and self._pictures.wants_pictures

    def _show(self, still: StillPicture) -> None:
        """Show the picture of a movement to the detector of objects."""
        if self._pictures is not None and self._shows_pictures:
            zones = sorted((zone for zone in self._settings.zones if zone.kind != "ignore"), key=lambda zone: zone.kind)
            self._pictures.take_picture(self.place, _moment(still.time_ms), still.body, still.cells, zones)

    def _do(self, steps: Sequence[Step]) -> None:
        """Do the steps in their order, with the lock: an end that overtakes its beginning would never come."""
        for step in steps:
            if isinstance(step, LookBackWanted):
                if not self.feeder.look_back(step.hit_ms):
                    self._judge.give_up_beginning()
            elif isinstance(step, Opened):
                self._events.begin(self.place, step)
            elif isinstance(step, GoesOn):
                self._events.go_on(self.place)
            elif isinstance(step, PictureWanted):
                self._wants_event_picture = True
                self._child.send(Still(self.feeder.key), newest_of=("still", self.feeder.key))
            elif isinstance(step, Closed):
                self._events.end(self.place, step)
                if self._pictures is not None:
                    self._pictures.end_movement(self.place)
            elif isinstance(step, LevelChanged):
                self.set(self._settings)


def _moment(time_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
