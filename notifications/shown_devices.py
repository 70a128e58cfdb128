"""The cameras, channels and kinds of events that MQTT sinks show."""

from __future__ import annotations

from sqlalchemy import select

from core.errors import NotFound
from core.events import EventKind
from database import Database
from notifications.home_assistant import ANNOUNCED_KINDS, ShownChannel, ShownDevice
from notifications.states import StateKey
from onvif_manager import OnvifManager
from tables import EventDayRow


class ShownDevices:
    """A channel has motion, and each kind that it has ever told. For one thread."""

    def __init__(self, database: Database, cameras: OnvifManager) -> None:
        self._database = database
        self._cameras = cameras
        self._seen: dict[tuple[int, int], set[EventKind]] = {}

    def load(self) -> None:
        """Read the kinds of all stored events. Raise Unavailable."""
        wanted = select(EventDayRow.camera_id, EventDayRow.channel, EventDayRow.kind).distinct()
        known = {kind.value for kind in EventKind}
        with self._database.read() as session:
            for camera_id, channel, kind in session.execute(wanted):
                if kind in known:
                    self.note(StateKey(camera_id, channel, EventKind(kind)))

    def note(self, key: StateKey) -> bool:
        """A channel has told an event of this kind. Return True if that is new."""
        if key.channel <= 0 or key.kind not in ANNOUNCED_KINDS:
            return False
        kinds = self._seen.setdefault((key.camera_id, key.channel), {EventKind.MOTION})
        is_new = key.kind not in kinds
        kinds.add(key.kind)
        return is_new

    def devices(self) -> list[ShownDevice]:
        """Return all cameras with their visible channels."""
        found = []
        for view in self._cameras.list_cameras():
            try:
                channels = self._cameras.channels(view.id)
            except NotFound:  # it was removed meanwhile
                continue
            shown = tuple(
                ShownChannel(one.number, one.name, self._kinds_of(view.id, one.number))
                for one in channels
                if not one.hidden
            )
            info = view.info
            name = view.name or view.host
            found.append(ShownDevice(view.id, name, info.manufacturer, info.model, info.firmware, shown))
        return found

    def _kinds_of(self, camera_id: int, channel: int) -> frozenset[EventKind]:
        return frozenset({EventKind.MOTION, *self._seen.get((camera_id, channel), ())})
