"""A strict checker of Home Assistant's device discovery, written after its documentation, without the app's code."""

from __future__ import annotations

import json
import re
from typing import Any

_TOPIC = re.compile(r"homeassistant/device/([A-Za-z0-9_-]+)/config")
_TOP = {"dev", "o", "cmps", "avty_t", "qos"}
_DEVICE = {"ids", "name", "mf", "mdl", "sw", "hw", "sn"}
_ALLOWED = {
    "binary_sensor": {"p", "uniq_id", "name", "stat_t", "dev_cla"},
    "image": {"p", "uniq_id", "name", "image_topic"},
}
_NEEDED = {"binary_sensor": {"p", "uniq_id", "stat_t"}, "image": {"p", "uniq_id", "image_topic"}}
_CLASSES = {"motion", "occupancy", "tamper", "connectivity", "sound", "problem"}


def faults_of(messages: dict[str, bytes]) -> list[str]:
    """Return the faults of the discovery messages, by their topics. A removed component has its platform only."""
    faults: list[str] = []
    unique: set[str] = set()
    for topic, payload in messages.items():
        if not topic.startswith("homeassistant/"):
            continue
        found = _TOPIC.fullmatch(topic)
        if found is None:
            faults.append(f"{topic}: not a topic of device discovery")
        elif payload:
            faults += [f"{topic}: {fault}" for fault in _device_faults(found[1], json.loads(payload), unique)]
    return faults


def _device_faults(device_id: str, message: Any, unique: set[str]) -> list[str]:
    faults = [f"unknown key {key}" for key in message.keys() - _TOP]
    faults += [f"unknown key dev.{key}" for key in message["dev"].keys() - _DEVICE]
    if message["dev"].get("ids") != [device_id]:
        faults.append("the identifiers are not those of the topic")
    if not message.get("o", {}).get("name"):
        faults.append("no origin")
    if not message.get("avty_t"):
        faults.append("no availability")
    if not message.get("cmps"):
        faults.append("no components")
    for name, part in message.get("cmps", {}).items():
        faults += [f"{name}: {fault}" for fault in _component_faults(part, unique)]
    return faults


def _component_faults(part: dict[str, Any], unique: set[str]) -> list[str]:
    platform = part.get("p")
    if platform not in _ALLOWED:
        return [f"platform {platform}"]
    if set(part) == {"p"}:
        return []  # it is removed
    faults = [f"unknown key {key}" for key in part.keys() - _ALLOWED[platform]]
    faults += [f"no {key}" for key in _NEEDED[platform] - part.keys()]
    if part.get("uniq_id") in unique:
        faults.append(f"the unique id {part['uniq_id']} stands twice")
    unique.add(part.get("uniq_id", ""))
    if part.get("dev_cla", "motion") not in _CLASSES:
        faults.append(f"device class {part['dev_cla']}")
    for key in ("stat_t", "image_topic"):
        if set(part.get(key, "")) & {"#", "+", "\0", " "}:
            faults.append(f"{key} is no topic")
    return faults
