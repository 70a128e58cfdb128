"""A stand-in for the picture manager: each time of a grid is pending until the test puts a picture there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.errors import AppError, NotFound
from picture_manager import PictureManager
from pictures.grid import grid_times
from pictures.views import GridPicture, Picture, PictureState

JPEG = b"\xff\xd8 a picture \xff\xd9"


@dataclass
class StandInPictures(PictureManager):
    """`made`: pictures by their time, of every camera and channel. `fail_with` is raised by each call.

    `not_recorded`: times without a recording.

    Cameras exist up to number 100.
    """

    made: dict[datetime, Picture] = field(default_factory=dict)
    fail_with: AppError | None = None
    not_recorded: set[datetime] = field(default_factory=set)

    def grid(
        self, camera_id: int, channel: int, start: datetime, end: datetime, step_s: int
    ) -> tuple[GridPicture, ...]:
        self._check(camera_id)
        times = grid_times(start.timestamp(), end.timestamp(), step_s)[:1500]
        return tuple(self._shown(datetime.fromtimestamp(time_s, UTC)) for time_s in times)

    def picture(self, camera_id: int, channel: int, moment: datetime, wait_s: float = 0.0) -> Picture | None:
        self._check(camera_id)
        return self.made.get(moment)

    def _check(self, camera_id: int) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        if camera_id > 100:
            raise NotFound("There is no such camera.")

    def _shown(self, moment: datetime) -> GridPicture:
        if moment in self.not_recorded:
            return GridPicture(moment, PictureState.NOT_RECORDED)
        if (picture := self.made.get(moment)) is None:
            return GridPicture(moment, PictureState.PENDING)
        return GridPicture(moment, PictureState.READY, picture.picture_time)
