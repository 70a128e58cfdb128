"""The PTZ service (ver20/ptz): continuous move, stop, presets. No part of the app uses it yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.errors import CameraBadAnswer, InvalidRequest
from onvif_services import answers
from onvif_services.connection import DeviceConnection

MAX_PRESETS = 512


@dataclass(frozen=True, slots=True)
class Preset:
    """A position stored on the device. The name is cleaned; the token is exactly the device's."""

    preset_token: str
    name: str


def continuous_move(
    conn: DeviceConnection,
    profile_token: str,
    *,
    pan: float = 0.0,
    tilt: float = 0.0,
    zoom: float | None = None,
    timeout_s: float = 5.0,
) -> None:
    """Move at speeds from -1 to 1 until `stop`, or until the device stops by itself after `timeout_s`.

    With `zoom` None, the request omits that axis: cameras without zoom refuse a request that contains it.
    """
    for name, speed in (("pan", pan), ("tilt", tilt), ("zoom", zoom or 0.0)):
        if not -1.0 <= speed <= 1.0:
            raise InvalidRequest.of_field(name, "must be a speed from -1 to 1")
    velocity: dict[str, Any] = {}
    if pan or tilt or zoom is None:
        velocity["PanTilt"] = {"x": pan, "y": tilt}
    if zoom is not None:
        velocity["Zoom"] = {"x": zoom}
    params = {"ProfileToken": profile_token, "Velocity": velocity, "Timeout": timedelta(seconds=timeout_s)}
    conn.call("ptz", "ContinuousMove", params)


def stop(conn: DeviceConnection, profile_token: str) -> None:
    """Stop pan, tilt and zoom."""
    conn.call("ptz", "Stop", {"ProfileToken": profile_token, "PanTilt": True, "Zoom": True})


def read_presets(conn: DeviceConnection, profile_token: str) -> tuple[Preset, ...]:
    """Return the presets of a media profile, in the device's order."""
    answer = conn.call("ptz", "GetPresets", {"ProfileToken": profile_token})
    found: list[Preset] = []
    for item in answers.children(answer, "Preset"):
        if len(found) >= MAX_PRESETS:
            break
        if token := answers.token(item):
            found.append(Preset(token, answers.text(item, "Name") or answers.clean(token)))
    return tuple(found)


def goto_preset(conn: DeviceConnection, profile_token: str, preset_token: str) -> None:
    conn.call("ptz", "GotoPreset", {"ProfileToken": profile_token, "PresetToken": preset_token})


def set_preset(conn: DeviceConnection, profile_token: str, name: str) -> str:
    """Store the present position as a preset and return the preset's token."""
    answer = conn.call("ptz", "SetPreset", {"ProfileToken": profile_token, "PresetName": name})
    token = answers.checked_token(answers.raw_text(answer, "PresetToken"))
    if not token:
        raise CameraBadAnswer("The device does not return the token of the new preset.")
    return token


def remove_preset(conn: DeviceConnection, profile_token: str, preset_token: str) -> None:
    conn.call("ptz", "RemovePreset", {"ProfileToken": profile_token, "PresetToken": preset_token})
