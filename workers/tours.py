"""Steps the tours of presets: a thread that sends each head to its next preset when it is due."""

from __future__ import annotations

from ptz_manager import PtzManager
from workers.repeated_work import RepeatedWork

_LOOK_EVERY_S = 0.5


class TourWorker(RepeatedWork):
    """The thread."""

    def __init__(self, ptz: PtzManager) -> None:
        super().__init__("tours", _LOOK_EVERY_S)
        self._ptz = ptz

    def look(self) -> None:
        """Send the heads whose time has come to their next presets."""
        self._ptz.step_tours()
