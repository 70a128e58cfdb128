"""The messages of Home Assistant's MQTT discovery: one retained message for each device. Pure functions.

The abbreviated names are those of Home Assistant's documentation: `p` platform, `uniq_id` unique id, `stat_t` state
topic, `dev_cla` device class, `cmps` components, `o` origin, `avty_t` availability topic, `img_t` image topic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.events import EventKind
from notifications.states import WHOLE_DEVICE, StateKey
from notifications.texts import clean, words_of

STATUS_TOPIC = "homeassistant/status"
ORIGIN = {"name": "ONVIF Web Viewer"}
CONNECTIVITY = "connectivity"

_CLASSES: Mapping[EventKind, str | None] = {
    EventKind.MOTION: "motion",
    EventKind.TAMPER: "tamper",
    EventKind.SOUND: "sound",
    EventKind.VIDEO_LOSS: "problem",
    EventKind.DEVICE_FAULT: "problem",
    EventKind.INPUT: None,
    EventKind.OUTPUT: None,
    EventKind.PERSON: "occupancy",
    EventKind.VEHICLE: "occupancy",
    EventKind.ANIMAL: "occupancy",
    EventKind.FACE: "occupancy",
    EventKind.PACKAGE: "occupancy",
    EventKind.LICENCE_PLATE: "occupancy",
    EventKind.OBJECT: "occupancy",
    EventKind.INTRUSION: "occupancy",
    EventKind.LINE_CROSSED: "occupancy",
    EventKind.LOITERING: "occupancy",
    EventKind.LEFT_OBJECT: "occupancy",
    EventKind.REMOVED_OBJECT: "occupancy",
    EventKind.DOORBELL: "occupancy",
}
ANNOUNCED_KINDS = frozenset(_CLASSES)
"""The kinds of events that are entities in Home Assistant."""


@dataclass(frozen=True, slots=True)
class ShownChannel:
    """A channel, and the kinds of events that it may have."""

    number: int
    name: str
    kinds: frozenset[EventKind]


@dataclass(frozen=True, slots=True)
class ShownDevice:
    """A camera or recorder, as an MQTT sink shows it."""

    camera_id: int
    name: str
    manufacturer: str
    model: str
    firmware: str
    channels: tuple[ShownChannel, ...]

    def state_keys(self) -> list[StateKey]:
        """Return the states of its channels."""
        return [StateKey(self.camera_id, one.number, kind) for one in self.channels for kind in sorted(one.kinds)]


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of a sink."""

    base: str
    with_pictures: bool = False

    @property
    def status(self) -> str:
        return f"{self.base}/status"

    @property
    def events(self) -> str:
        return f"{self.base}/events"

    def state(self, key: StateKey) -> str:
        return f"{self.base}/{key.camera_id}/{key.channel}/{key.kind.value}"

    def connectivity(self, camera_id: int) -> str:
        return f"{self.base}/{camera_id}/{WHOLE_DEVICE}/{CONNECTIVITY}"

    def picture(self, camera_id: int, channel: int) -> str:
        return f"{self.base}/{camera_id}/{channel}/picture"

    def device_id(self, camera_id: int) -> str:
        return f"{self.base.replace('/', '_')}_{camera_id}"

    def config(self, device_id: str) -> str:
        return f"homeassistant/device/{device_id}/config"


def components_of(device: ShownDevice, topics: Topics) -> dict[str, dict[str, Any]]:
    """Return the components of a device by their ids."""
    own_id = topics.device_id(device.camera_id)
    found: dict[str, dict[str, Any]] = {
        CONNECTIVITY: {
            "p": "binary_sensor",
            "uniq_id": f"{own_id}_{CONNECTIVITY}",
            "name": "Connection",
            "stat_t": topics.connectivity(device.camera_id),
            "dev_cla": "connectivity",
        }
    }
    for channel in device.channels:
        name = clean(channel.name) or f"Channel {channel.number}"
        for kind in sorted(channel.kinds & ANNOUNCED_KINDS):
            component = {
                "p": "binary_sensor",
                "uniq_id": f"{own_id}_{channel.number}_{kind.value}",
                "name": f"{name} {words_of(kind).lower()}",
                "stat_t": topics.state(StateKey(device.camera_id, channel.number, kind)),
            }
            device_class = _CLASSES[kind]
            if device_class is not None:
                component["dev_cla"] = device_class
            found[f"{channel.number}_{kind.value}"] = component
        if topics.with_pictures:
            found[f"{channel.number}_picture"] = {
                "p": "image",
                "uniq_id": f"{own_id}_{channel.number}_picture",
                "name": f"{name} last event",
                "img_t": topics.picture(device.camera_id, channel.number),
            }
    return found


def config_of(device: ShownDevice, topics: Topics, removed: Mapping[str, str]) -> dict[str, Any]:
    """Return the discovery message of a device. `removed`: platforms of components that are gone, by their ids."""
    details = {
        "ids": [topics.device_id(device.camera_id)],
        "name": clean(device.name) or f"Camera {device.camera_id}",
        "mf": clean(device.manufacturer),
        "mdl": clean(device.model),
        "sw": clean(device.firmware),
    }
    gone = {component_id: {"p": platform} for component_id, platform in sorted(removed.items())}
    return {
        "dev": {name: value for name, value in details.items() if value},
        "o": ORIGIN,
        "avty_t": topics.status,
        "cmps": {**components_of(device, topics), **gone},
    }
