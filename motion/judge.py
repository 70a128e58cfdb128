"""From judged pictures of one channel to movements that begin and end. It has neither threads nor a clock.

- A key frame with motion is a hit. The process then looks for the beginning of the movement in the frames before the
  hit. A movement may have begun just before the hit, so the app asks once more, with the frames after the hit.
  If the frames are gone, the next key frame must confirm the hit.
- Where every picture is judged, two of three pictures with motion are a movement.
- A movement ends after two pictures and five seconds without motion. It ends with the last picture that shows it.
- While an object has stood still for less than 20 seconds, its movement does not end: it goes on, or comes to rest.
- A movement that reaches an alert zone becomes an alert: it ends, and another one begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from core.events import ClosedWhy
from motion.records import Movement
from motion.restless import Restlessness
from vision.messages import Began, Blob, Watched, Zone

CALM_MS = 5_000
CALM_PICTURES = 2
SILENT_MS = 60_000  # a movement without a further picture ends
_ASK_AGAIN_MS = 500
_CLOCK_STEP_MS = 10_000  # a picture so much older than the last one means that the server's clock was set back
_ANSWER_MS = 15_000  # then the answer about the beginning is not going to come
_BETTER = 1.5  # a picture of a movement is replaced by one with a larger part by this factor
_MOST_PICTURES = 3


@dataclass(frozen=True, slots=True)
class LookBackWanted:
    """The beginning of the movement that the key frame of `hit_ms` shows is to be found."""

    hit_ms: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A movement has begun. `is_counted`: False if there were too many events in the last hour."""

    movement: Movement
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class GoesOn:
    """A further picture shows the movement."""


@dataclass(frozen=True, slots=True)
class PictureWanted:
    """The newest picture is the best one of the movement."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A movement has ended. `rest`: "", or the fate of its object: CAME_TO_REST or LEFT."""

    end_ms: int
    why: ClosedWhy = ClosedWhy.TOLD
    rest: str = ""


@dataclass(frozen=True, slots=True)
class LevelChanged:
    """The least movement that counts has changed (Restlessness.factor)."""


Step: TypeAlias = LookBackWanted | Opened | GoesOn | PictureWanted | Closed | LevelChanged


class Judge:
    """The movements of one channel."""

    def __init__(self, *, every_picture: bool = False) -> None:
        self.restlessness = Restlessness()
        self._every_picture = every_picture
        self._zones: dict[int, Zone] = {}
        self._hit: Watched | None = None  # the first of a movement that is not confirmed
        self._waits_for_answer = False
        self._asks_again = False  # about `_hit`
        self._has_asked_again = False
        self._recent: deque[Watched] = deque(maxlen=3)
        self._open: Movement | None = None
        self._best_share = 0.0
        self._pictures = 0
        self._last_hit_ms = 0
        self._calm_pictures = 0
        self._last_ms: int | None = None
        self._ended_ms = 0
        self._rest, self._rest_ms = "", 0  # of the newest object that has come to rest, or has left

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def set(self, zones: Sequence[Zone], *, every_picture: bool) -> None:
        """Follow changed settings."""
        self._zones = {zone.id: zone for zone in zones}
        self._every_picture = every_picture

    def take(self, watched: Watched) -> list[Step]:
        """Take the judgement of a picture."""
        steps: list[Step] = []
        if self._last_ms is not None and watched.time_ms <= self._last_ms:
            if self._last_ms - watched.time_ms < _CLOCK_STEP_MS:
                return []
            steps = self.end(ClosedWhy.MISSED)
            self._ended_ms = self._rest_ms = 0
        steps += self._note(watched)
        if self._open is not None:
            return [*steps, *self._go_on(watched)]
        if self._hit is not None and watched.time_ms - self._hit.time_ms > _ANSWER_MS:
            self._forget_hit()
        if not watched.is_moving:
            if not self._waits_for_answer and not self._asks_again:
                self._hit = None
            return steps
        if self._every_picture:
            moving = [one for one in self._recent if one.is_moving]
            return [*steps, *self._begin(moving[0].time_ms, watched)] if len(moving) > 1 else steps
        if self._hit is None or self._asks_again:
            self._hit, self._waits_for_answer = watched, True
            self._asks_again = self._has_asked_again = False
            return [*steps, LookBackWanted(watched.time_ms)]
        if not self._waits_for_answer:
            return [*steps, *self._begin(self._hit.time_ms, watched)]
        return steps

    def take_beginning(self, began: Began) -> list[Step]:
        """Take the answer to LookBackWanted."""
        hit = self._hit
        if hit is None or not self._waits_for_answer or began.hit_ms != hit.time_ms:
            return []
        self._waits_for_answer = False
        if began.start_ms is None:
            self._asks_again = not self._has_asked_again
            self._hit = hit if self._asks_again else None
            return []
        return self._begin(min(began.start_ms, hit.time_ms), hit)

    def give_up_beginning(self) -> None:
        """The frames before a hit cannot be looked at: the next key frame decides."""
        if self._hit is not None:
            self._waits_for_answer = False
            if self._last_ms is not None and self._last_ms > self._hit.time_ms:
                self._hit = None

    def tick(self, now_ms: int) -> list[Step]:
        """Ask again about a hit, and end a movement of which no further picture comes."""
        if self._hit is not None and self._asks_again and now_ms - self._hit.time_ms >= _ASK_AGAIN_MS:
            self._asks_again, self._has_asked_again, self._waits_for_answer = False, True, True
            return [LookBackWanted(self._hit.time_ms)]
        if self._open is not None and self._last_ms is not None and now_ms - self._last_ms > SILENT_MS:
            return self.end(ClosedWhy.TIMEOUT)
        return []

    def end(self, why: ClosedWhy) -> list[Step]:
        """End a movement because the channel is not watched any more."""
        self._forget_hit()
        self._recent.clear()
        return self._close(why) if self._open is not None else []

    # ---- inside ------------------------------------------------------------------------------------

    def _note(self, watched: Watched) -> list[Step]:
        self._last_ms = watched.time_ms
        self._recent.append(watched)
        if watched.rest:
            self._rest, self._rest_ms = watched.rest, watched.time_ms
        is_changed = self.restlessness.note(watched.time_ms, is_moving=watched.is_moving)
        return [LevelChanged()] if is_changed else []

    def _begin(self, start_ms: int, watched: Watched) -> list[Step]:
        self._forget_hit()
        start_ms = max(start_ms, self._ended_ms)
        blob = max(watched.blobs, key=lambda one: one.share, default=None)
        self._open = self._movement(start_ms, watched, blob)
        self._best_share = self._open.share
        self._pictures = 1
        self._calm_pictures = 0
        self._last_hit_ms = max(watched.time_ms, start_ms)
        return [Opened(self._open, self.restlessness.may_begin(start_ms)), PictureWanted()]

    def _forget_hit(self) -> None:
        self._hit = None
        self._waits_for_answer = self._asks_again = self._has_asked_again = False

    def _go_on(self, watched: Watched) -> list[Step]:
        assert self._open is not None  # noqa: S101 - the caller looked
        if not watched.is_moving:
            self._calm_pictures += 1
            is_calm = watched.time_ms - self._last_hit_ms >= CALM_MS and self._calm_pictures >= CALM_PICTURES
            return self._close(ClosedWhy.TOLD) if is_calm and not watched.is_settling else []
        self._calm_pictures = 0
        self._last_hit_ms = watched.time_ms
        if watched.alert_zones and not self._open.is_alert:
            return [*self._close(ClosedWhy.TOLD), *self._begin(watched.time_ms, watched)]
        share = max((blob.share for blob in watched.blobs), default=0.0)
        if share > _BETTER * self._best_share and self._pictures < _MOST_PICTURES:
            self._best_share = share
            self._pictures += 1
            return [GoesOn(), PictureWanted()]
        return [GoesOn()]

    def _close(self, why: ClosedWhy) -> list[Step]:
        assert self._open is not None  # noqa: S101 - the callers looked
        rest = self._rest if self._rest_ms >= self._open.start_ms else ""
        self._open = None
        self._rest = ""
        self._calm_pictures = 0
        self._ended_ms = self._last_hit_ms
        return [Closed(self._last_hit_ms, why, rest)]

    def _movement(self, start_ms: int, watched: Watched, blob: Blob | None) -> Movement:
        zone = next((self._zones[one] for one in watched.alert_zones if one in self._zones), None)
        is_alert = bool(watched.alert_zones)
        if zone is None:
            found = (self._zones.get(one) for one in watched.zones)
            zone = next((one for one in found if one is not None and one.kind == "watch"), None)
        return Movement(
            start_ms,
            None if blob is None else blob.box,
            watched.share if blob is None else blob.share,
            "" if zone is None else zone.name,
            is_alert,
        )
