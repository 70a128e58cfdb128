"""The PTZ service (ver20/ptz): moves, stop, home, presets. `heads` adds the habits of devices."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from core.errors import CameraBadAnswer, InvalidRequest
from core.ptz import Preset, Velocity
from onvif_services import answers
from onvif_services.answers import Element
from onvif_services.connection import DeviceConnection

MAX_PRESETS = 512
_FOV_SPACE = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/TranslationSpaceFov"
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_PRESET_ELEMENTS = ("PresetToken", "Preset", "Token")


def continuous_move(
    conn: DeviceConnection, profile_token: str, velocity: Velocity, timeout_s: float | None, *, timeout: float = 10.0
) -> None:
    """Move at a velocity until `stop`, or until the device stops by itself after `timeout_s`.

    The request omits an axis that does not move: cameras without zoom refuse one with a zoom speed, even zero, and some
    firmware answers a zoom speed with garbage. `timeout` is the limit of the call. The duration has whole seconds,
    because not every parser of a device reads fractions.
    """
    for name, speed in (("pan", velocity.pan), ("tilt", velocity.tilt), ("zoom", velocity.zoom)):
        if not -1.0 <= speed <= 1.0:
            raise InvalidRequest.of_field(name, "must be a speed from -1 to 1")
    speeds: dict[str, Any] = {}
    if velocity.turns:
        speeds["PanTilt"] = {"x": velocity.pan, "y": velocity.tilt}
    if velocity.zoom:
        speeds["Zoom"] = {"x": velocity.zoom}
    params: dict[str, Any] = {"ProfileToken": profile_token, "Velocity": speeds}
    if timeout_s is not None:
        params["Timeout"] = timedelta(seconds=math.ceil(timeout_s))
    conn.call("ptz", "ContinuousMove", params, timeout_s=timeout)


STOP_S = 3.0
"""Limit of a call that stops a head: a request that was lost is repeated soon."""


def stop_by_move(conn: DeviceConnection, profile_token: str, *, pan_tilt: bool, zoom: bool) -> None:
    """Stop by a move at the speed 0, for devices that do not know Stop."""
    speeds: dict[str, Any] = {}
    if pan_tilt:
        speeds["PanTilt"] = {"x": 0.0, "y": 0.0}
    if zoom:
        speeds["Zoom"] = {"x": 0.0}
    conn.call("ptz", "ContinuousMove", {"ProfileToken": profile_token, "Velocity": speeds}, timeout_s=STOP_S)


def stop(conn: DeviceConnection, profile_token: str, *, pan_tilt: bool = True, zoom: bool = True) -> None:
    params = {"ProfileToken": profile_token, "PanTilt": pan_tilt, "Zoom": zoom}
    conn.call("ptz", "Stop", params, timeout_s=STOP_S)


def stop_everything(conn: DeviceConnection, profile_token: str) -> None:
    """Stop all axes by leaving out their names, as the specification allows."""
    conn.call("ptz", "Stop", {"ProfileToken": profile_token}, timeout_s=STOP_S)


def relative_move(conn: DeviceConnection, profile_token: str, pan: float, tilt: float, *, is_fov: bool) -> None:
    """Turn by a distance. `is_fov`: in the space whose unit is the field of view, otherwise in the default space."""
    turn: dict[str, Any] = {"x": pan, "y": tilt}
    if is_fov:
        turn["space"] = _FOV_SPACE
    conn.call("ptz", "RelativeMove", {"ProfileToken": profile_token, "Translation": {"PanTilt": turn}})


def absolute_move(conn: DeviceConnection, profile_token: str, pan: float, tilt: float) -> None:
    position = {"PanTilt": {"x": pan, "y": tilt}}
    conn.call("ptz", "AbsoluteMove", {"ProfileToken": profile_token, "Position": position})


def read_position(
    conn: DeviceConnection, profile_token: str, timeout_s: float | None = None
) -> tuple[float, float, float] | None:
    """Return (pan, tilt, zoom) from GetStatus, None if the device does not tell. It may be wrong."""
    answer = conn.call("ptz", "GetStatus", {"ProfileToken": profile_token}, timeout_s=timeout_s)
    return _position(answers.child(answer, "PTZStatus", "Position"))


def go_home(conn: DeviceConnection, profile_token: str) -> None:
    conn.call("ptz", "GotoHomePosition", {"ProfileToken": profile_token})


def set_home(conn: DeviceConnection, profile_token: str) -> None:
    conn.call("ptz", "SetHomePosition", {"ProfileToken": profile_token})


def read_presets(conn: DeviceConnection, profile_token: str) -> tuple[Preset, ...]:
    """Return the presets of a media profile, in the device's order."""
    answer = conn.call("ptz", "GetPresets", {"ProfileToken": profile_token})
    found: dict[str, Preset] = {}
    for item in answers.children(answer, "Preset"):
        if len(found) >= MAX_PRESETS:
            break
        if token := answers.token(item):
            name = readable_name(answers.raw_text(item, "Name")) or answers.clean(token)
            found.setdefault(token, Preset(token, name, _position(answers.child(item, "PTZPosition"))))
    return tuple(found.values())


def readable_name(name: str) -> str:
    """Return a preset's name, cleaned. Some firmware percent-encodes names."""
    if _PERCENT.search(name):
        decoded = unquote(name, errors="strict") if _is_utf8(name) else name
        return answers.clean(decoded)
    return answers.clean(name)


def _is_utf8(name: str) -> bool:
    try:
        unquote(name, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def goto_preset(
    conn: DeviceConnection, profile_token: str, preset_token: str, *, timeout_s: float | None = None
) -> None:
    params = {"ProfileToken": profile_token, "PresetToken": preset_token}
    conn.call("ptz", "GotoPreset", params, timeout_s=timeout_s)


def set_preset(conn: DeviceConnection, profile_token: str, name: str, preset_token: str | None = None) -> str:
    """Store the present position as a preset, a new one without `preset_token`. Return the preset's token.

    Raise CameraBadAnswer if the device does not tell the token of a new preset.
    """
    params: dict[str, Any] = {"ProfileToken": profile_token, "PresetName": name}
    if preset_token is not None:
        params["PresetToken"] = preset_token
    token = _token_of(conn.call("ptz", "SetPreset", params)) or preset_token
    if not token:
        raise CameraBadAnswer("The device does not return the token of the new preset.")
    return token


def _token_of(answer: Element) -> str:
    """Read a preset's token: the element's text, a bare text, or the attribute or child of an element around it."""
    for name in _PRESET_ELEMENTS:
        item = answers.child(answer, name)
        if item is None:
            continue
        found = answers.raw_text(item) or answers.token(item) or answers.raw_text(item, "Token")
        if found := answers.checked_token(found):
            return found
    return answers.checked_token(answers.raw_text(answer))


def remove_preset(conn: DeviceConnection, profile_token: str, preset_token: str) -> None:
    conn.call("ptz", "RemovePreset", {"ProfileToken": profile_token, "PresetToken": preset_token})


def send_auxiliary(conn: DeviceConnection, profile_token: str, command: str) -> None:
    conn.call("ptz", "SendAuxiliaryCommand", {"ProfileToken": profile_token, "AuxiliaryData": command})


def _position(found: Element | None) -> tuple[float, float, float] | None:
    """Read a tt:PTZVector. A missing zoom is 0."""
    turn, zoom = answers.child(found, "PanTilt"), answers.child(found, "Zoom")
    if turn is None:
        return None
    pan, tilt = (_coordinate(turn, name) for name in ("x", "y"))
    if pan is None or tilt is None:
        return None
    return pan, tilt, (_coordinate(zoom, "x") if zoom is not None else None) or 0.0


def _coordinate(element: Element, name: str) -> float | None:
    return answers.number(element.get(name), low=-1e6, high=1e6)
