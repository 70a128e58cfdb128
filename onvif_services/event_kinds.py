"""The meaning of a device's event messages: topic and item names to kind, sources, rule and state. Pure functions.

Makers choose topics and items freely. The kind follows from the topic without prefixes, otherwise from the name of the
item that tells the state. Items are found by name: their order differs between makes and firmware versions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.events import Change, DeviceEvent, EventKind
from onvif_services import answers
from onvif_services.events import EventMessage

_MOST_TOPIC = 200
_MOST_RULE = 200
_Items = Sequence[tuple[str, str]]

# The first pattern that is found counts. Patterns are searched in the topic without prefixes.
_TOPICS: tuple[tuple[re.Pattern[str], EventKind], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        # Reports about the device's own work, first so that no later pattern matches them.
        (
            r"RecordingHistory|RecordingConfig|Monitoring/|Configuration/|Changed$|UserAccess|PTZController"
            r"|LiveStreamAccessed",
            EventKind.OTHER,
        ),
        (r"Visitor|DoorBell|/Ring\b|CallButton", EventKind.DOORBELL),
        (r"PackageDetect|/Package\b|ParcelDetect", EventKind.PACKAGE),
        (r"LicensePlate|LicencePlate|PlateDetect|ANPR", EventKind.LICENCE_PLATE),
        (r"FaceDetect|Recognition/Face|/Face\b", EventKind.FACE),
        (r"PeopleDetect|HumanShape|HumanDetect|PersonDetect|SmartMotionHuman|/Human\b", EventKind.PERSON),
        (r"VehicleDetect|SmartMotionVehicle|/Vehicle\b", EventKind.VEHICLE),
        (r"DogCatDetect|PetDetect|AnimalDetect|/Pet\b", EventKind.ANIMAL),
        (r"Loiter", EventKind.LOITERING),
        (r"Abandon|LeftObject|UnattendedObject|ObjectLeft", EventKind.LEFT_OBJECT),
        (r"ObjectRemoved|RemovedObject|MissingObject|ObjectTaken", EventKind.REMOVED_OBJECT),
        (r"LineDetector|LineCross|CrossLine|Tripwire|FenceGuard", EventKind.LINE_CROSSED),
        (r"FieldDetector|Intrusion|ObjectsInside|PerimeterGuard|RegionEntrance|RegionExit", EventKind.INTRUSION),
        (r"Tamper|GlobalSceneChange|ImageToo(?:Dark|Bright|Blurry)|Defocus|SceneChange", EventKind.TAMPER),
        (r"SignalLoss|VideoLoss|VideoLost", EventKind.VIDEO_LOSS),
        (r"AudioAnalytics|AudioSource|DetectedSound|AudioDetection|TriggerLevel", EventKind.SOUND),
        (r"DigitalInput|AlarmIn\b|VirtualInput|Device/IO/(?:Virtual)?Port|ExternalInput", EventKind.INPUT),
        (r"Trigger/Relay|RelayOutput|DigitalOutput|AlarmOut\b", EventKind.OUTPUT),
        (r"CountAggregation|ObjectCounting|OccupancyCounter|PeopleCount", EventKind.COUNT),
        (r"HardwareFailure|StorageFailure|FanFailure|DiskFull|NetworkLost|PowerSupply", EventKind.DEVICE_FAULT),
        (
            r"CellMotionDetector|MotionAlarm|MotionDetect|MotionRegionDetector|MotionGuard|VMD|Sensor/PIR|/Motion\b"
            r"|VideoMotion",
            EventKind.MOTION,
        ),
        (r"ObjectAnalytics|ObjectDetection|ObjectDetect", EventKind.OBJECT),
    )
)
# The name of the state's item, for topics that leave the kind open, and for one topic with several kinds.
_ITEMS: dict[str, EventKind] = {
    "ismotion": EventKind.MOTION,
    "ispeople": EventKind.PERSON,
    "ishuman": EventKind.PERSON,
    "isperson": EventKind.PERSON,
    "isvehicle": EventKind.VEHICLE,
    "iscar": EventKind.VEHICLE,
    "ispet": EventKind.ANIMAL,
    "isanimal": EventKind.ANIMAL,
    "isface": EventKind.FACE,
    "ispackage": EventKind.PACKAGE,
    "isinside": EventKind.INTRUSION,
    "isintrusion": EventKind.INTRUSION,
    "islinecross": EventKind.LINE_CROSSED,
    "iscrossed": EventKind.LINE_CROSSED,
    "istamper": EventKind.TAMPER,
    "issounddetected": EventKind.SOUND,
    "issoundetected": EventKind.SOUND,  # ONVIF Analytics, "Audio analytics", has this spelling in some editions
    "logicalstate": EventKind.INPUT,
}
_STATES = ("state", "active", "detected", "alarm", "status", "value", "motion", "islogicalstate")
# Profile M, "Object classification": the classes of the detected objects. An empty text means that they have left.
_CLASSES = ("classtypes", "classtype", "type", "class", "objecttype")
_CLASS_KINDS: dict[str, EventKind] = {
    "human": EventKind.PERSON,
    "person": EventKind.PERSON,
    "people": EventKind.PERSON,
    "pedestrian": EventKind.PERSON,
    "face": EventKind.FACE,
    "vehicle": EventKind.VEHICLE,
    "vehical": EventKind.VEHICLE,  # ONVIF's schema had this spelling
    "car": EventKind.VEHICLE,
    "truck": EventKind.VEHICLE,
    "bus": EventKind.VEHICLE,
    "bike": EventKind.VEHICLE,
    "animal": EventKind.ANIMAL,
    "pet": EventKind.ANIMAL,
    "dog": EventKind.ANIMAL,
    "cat": EventKind.ANIMAL,
    "licenseplate": EventKind.LICENCE_PLATE,
    "package": EventKind.PACKAGE,
}
_SOURCES = (
    *("videosourcetoken", "videosource", "source", "videosourceconfigurationtoken", "videosourceconfiguration"),
    *("videosourceconfig", "vsconf", "videochannel", "channel", "profiletoken", "videoanalyticsconfigurationtoken"),
)
_RULES = ("rule", "rulename", "scenario", "profile")
_CHANNELS_AND_RULES = frozenset((*_SOURCES, *_RULES))
_CHANGES = {"initialized": Change.STATE, "changed": Change.CHANGED, "deleted": Change.ENDED}


def bare_topic(topic: str) -> str:
    """Return a topic without the prefixes of its parts, and without the `/.` or `//.` that some firmware appends."""
    parts = (part.rpartition(":")[2].strip() for part in topic[:_MOST_TOPIC].split("/"))
    return "/".join(part for part in parts if part not in {"", "."})


def read_event(message: EventMessage) -> DeviceEvent:
    """Return the meaning of a message; EventKind.OTHER for a topic that is not known."""
    topic = bare_topic(message.topic)
    items = {name.lower(): value for name, value in reversed(message.data)}
    change = _CHANGES.get(message.operation.lower(), Change.PULSE)
    kind = kind_of_topic(topic)
    item, active = _state_of(items)
    if item in _ITEMS and (kind in {EventKind.OTHER, EventKind.OBJECT} or "smartevent" in topic.lower()):
        kind = _ITEMS[item]
    classes = next((name for name in _CLASSES if name in items), "")
    if active is None and classes and kind in {EventKind.OBJECT, EventKind.OTHER, EventKind.INTRUSION}:
        item, active = classes, bool(items[classes].strip())
        kind = _kind_of_classes(items[classes]) or kind
    elif kind is EventKind.OBJECT and classes:
        kind = _kind_of_classes(items[classes]) or kind
    if change is Change.ENDED:
        active = False
    elif active is None:
        change = Change.STATE if change is Change.STATE else Change.PULSE
    elif change is Change.PULSE:
        change = Change.CHANGED  # it tells a state, and leaves out the operation
    return DeviceEvent(
        kind=kind,
        topic=topic,
        sources=_named(message.source, _SOURCES),
        rule=_rule(message.source),
        item=item,
        change=change,
        active=active,
        at_utc=message.at_utc,
        items=(*message.source, *message.data),
    )


def _rule(source: _Items) -> str:
    """Return the detection rule, and what else tells the state apart: an input, a relay or a port."""
    others = (f"{name} {value}" for name, value in source if value and name.lower() not in _CHANNELS_AND_RULES)
    return ", ".join((*_named(source, _RULES)[:1], *others))[:_MOST_RULE]


def kind_of_topic(topic: str) -> EventKind:
    """Return the kind that a topic without prefixes means; OTHER for one that is not known."""
    return next((kind for pattern, kind in _TOPICS if pattern.search(topic)), EventKind.OTHER)


def _state_of(items: dict[str, str]) -> tuple[str, bool | None]:
    """Return the name and the state of the item that tells the state; ("", None) if none does."""
    for name in (*_ITEMS, *_STATES):
        if (active := answers.state_of(items.get(name, ""))) is not None:
            return name, active
    for name, value in items.items():
        if name.startswith("is") and (active := answers.state_of(value)) is not None:
            return name, active
    words = [(name, value) for name, value in items.items() if value.strip().lower() in {"true", "false"}]
    return (words[0][0], words[0][1].strip().lower() == "true") if words else ("", None)


def _kind_of_classes(text: str) -> EventKind | None:
    words = re.split(r"[\s,;]+", text.strip().lower())
    return next((_CLASS_KINDS[word] for word in words if word in _CLASS_KINDS), None)


def _named(items: _Items, names: Sequence[str]) -> tuple[str, ...]:
    """Return the values of the items with these names, in the order of `names`."""
    values = {name.lower(): value for name, value in reversed(items)}
    return tuple(dict.fromkeys(value for name in names if (value := values.get(name, ""))))
