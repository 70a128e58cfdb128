"""The words of notifications. Names and labels come from devices and users: they are cleaned and bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.events import EventKind, EventSource, LoggedEvent, Severity

MOST_TITLE = 120
MOST_TEXT = 300
_MOST_NAME = 60

_WORDS: Mapping[EventKind, str] = {
    EventKind.LICENCE_PLATE: "Licence plate",
    EventKind.LEFT_OBJECT: "Object left",
    EventKind.REMOVED_OBJECT: "Object removed",
    EventKind.INPUT: "Alarm input",
    EventKind.OUTPUT: "Alarm output",
    EventKind.TAMPER: "Tampering",
    EventKind.VIDEO_LOSS: "Video lost",
    EventKind.OTHER: "Event",
    EventKind.OFFLINE: "Device offline",
    EventKind.RECORDING_GAP: "Gap in the recording",
    EventKind.STORAGE: "Storage problem",
}

_RESTS: Mapping[str, str] = {"came_to_rest": "an object came to rest", "left": "an object left its place"}
"""The fates of moving objects: the words of the rule of motion that the app itself has seen."""


@dataclass(frozen=True, slots=True)
class Place:
    """The names of a camera and its channel; empty for none."""

    camera_name: str = ""
    channel_name: str = ""


def clean(text: str, most: int = _MOST_NAME) -> str:
    """Return a text of a device or a user as one line without invisible characters, at most `most` characters."""
    shown = "".join(char if char.isprintable() else " " for char in text[: 8 * most])
    line = " ".join(shown.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def words_of(kind: EventKind) -> str:
    """Return a kind for people, such as `Line crossed`."""
    return _WORDS.get(kind, kind.value.replace("_", " ").capitalize())


def title_of(event: LoggedEvent, place: Place, *, is_test: bool = False) -> str:
    """Return `Person: Gate`."""
    name = words_of(event.kind)
    label = clean(event.label)
    if label and label.casefold() != name.casefold():
        name = f"{name} ({label})"
    where = _where(event, place)
    title = f"{name}: {where}" if where else name
    return clean(f"Test: {title}" if is_test else title, MOST_TITLE)


def text_of(event: LoggedEvent, place: Place, zone_time: datetime, *, is_alert_again: bool = False) -> str:
    """Return one line about an event. `zone_time`: its beginning in the time zone of the reader."""
    parts = [f"{zone_time:%Y-%m-%d %H:%M:%S}"]
    camera = clean(place.camera_name)
    if camera and camera != _where(event, place):
        parts.append(camera)
    for name in (event.zone, _rule_of(event)):
        if (cleaned := clean(name)) and cleaned not in parts:
            parts.append(cleaned)
    if event.severity is Severity.ALERT:
        parts.append("now an alert" if is_alert_again else "alert")
    return clean(" · ".join(parts), MOST_TEXT)


def _rule_of(event: LoggedEvent) -> str:
    if event.source is EventSource.SERVER:
        return ""
    return _RESTS.get(event.rule, event.rule) if event.source is EventSource.WATCH else event.rule


def _where(event: LoggedEvent, place: Place) -> str:
    if event.camera_id is None:
        return "this server"
    channel = clean(place.channel_name)
    if channel:
        return channel
    return clean(place.camera_name) or f"camera {event.camera_id}"
