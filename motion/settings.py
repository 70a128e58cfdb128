"""The settings of the channels: modes, sensitivities and zones, in memory and in the database."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from core.clock import Clock
from core.errors import InvalidRequest, NotFound
from core.stored_json import read_items
from database import Database
from motion.records import MotionMode, MotionSettings, Place, Sensitivity
from tables import MotionChannelRow
from vision.messages import MOST_POINTS, MOST_ZONES, ZONE_KINDS, Zone

DEFAULT = MotionSettings()
LEAST_POINTS = 3
MOST_NAME = 64
_LEAST_AREA = 0.0001


class MotionSettingsStore:
    """Reads come from memory, changes wait for the disk. Safe between threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._changing = threading.Lock()
        self._lock = threading.Lock()
        self._settings: dict[Place, MotionSettings] = {}

    def load(self) -> None:
        """Read all settings, also after a camera was removed with its settings. The database must be open."""
        with self._changing:
            with self._database.read() as session:
                found = {(row.camera_id, row.channel): _read(row) for row in session.scalars(select(MotionChannelRow))}
            with self._lock:
                self._settings = found

    def get(self, place: Place) -> MotionSettings:
        with self._lock:
            return self._settings.get(place, DEFAULT)

    def all(self) -> dict[Place, MotionSettings]:
        """Return the settings of the channels that have some."""
        with self._lock:
            return dict(self._settings)

    def set(self, place: Place, settings: MotionSettings) -> None:
        """Raise InvalidRequest, which names the field, or NotFound if the camera was removed."""
        check(settings)
        camera_id, channel = place
        values = {
            "mode": settings.mode.value,
            "sensitivity": settings.sensitivity.value,
            "zones": [zone.as_dict() for zone in settings.zones],
            "changed_at": self._clock.now_utc(),
        }
        with self._changing:
            try:
                with self._database.write() as session:
                    if settings == DEFAULT:
                        at_place = (MotionChannelRow.camera_id == camera_id, MotionChannelRow.channel == channel)
                        session.execute(delete(MotionChannelRow).where(*at_place))
                    else:
                        session.merge(MotionChannelRow(camera_id=camera_id, channel=channel, **values))
            except IntegrityError:
                raise NotFound("There is no such camera.") from None
            with self._lock:
                self._settings[place] = settings
                if settings == DEFAULT:
                    del self._settings[place]


def check(settings: MotionSettings) -> None:
    """Raise InvalidRequest, which names the field."""
    if len(settings.zones) > MOST_ZONES:
        raise InvalidRequest.of_field("zones", f"at most {MOST_ZONES} zones")
    ids = Counter(zone.id for zone in settings.zones)
    if any(count > 1 for count in ids.values()):
        raise InvalidRequest.of_field("zones", "each zone needs an id of its own")
    for number, zone in enumerate(settings.zones):
        field = f"zones.{number}"
        if not 0 < len(zone.name.strip()) <= MOST_NAME or not zone.name.isprintable():
            raise InvalidRequest.of_field(f"{field}.name", f"a name of 1 to {MOST_NAME} characters")
        if zone.kind not in ZONE_KINDS:
            raise InvalidRequest.of_field(f"{field}.kind", f"one of {', '.join(ZONE_KINDS)}")
        if not LEAST_POINTS <= len(zone.points) <= MOST_POINTS:
            raise InvalidRequest.of_field(f"{field}.points", f"from {LEAST_POINTS} to {MOST_POINTS} points")
        if any(not 0.0 <= part <= 1.0 for point in zone.points for part in point):
            raise InvalidRequest.of_field(f"{field}.points", "parts of the picture, from 0 to 1")
        if _area(zone.points) < _LEAST_AREA:
            raise InvalidRequest.of_field(f"{field}.points", "the zone has no area")


def _area(points: tuple[tuple[float, float], ...]) -> float:
    """Return the area of a polygon as a part of the picture."""
    following = (*points[1:], points[0])
    return abs(sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in zip(points, following, strict=True))) / 2


def _read(row: MotionChannelRow) -> MotionSettings:
    try:
        mode, sensitivity = MotionMode(row.mode), Sensitivity(row.sensitivity)
    except ValueError:
        return DEFAULT
    return MotionSettings(mode, sensitivity, read_items(row.zones, _zone))


def _zone(item: Any) -> Zone:
    points = tuple((float(x), float(y)) for x, y in item["points"])
    return Zone(int(item["id"]), str(item["name"]), str(item["kind"]), points)
