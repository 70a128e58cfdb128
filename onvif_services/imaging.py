"""The Imaging service (ver20/imaging): settings of the picture, focus and iris."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import CameraBadAnswer, CameraUnsupported, DeviceError, InvalidRequest
from core.ptz import CutFilter, ImagingChange, ImagingSettings, Iris, Range, WideDynamicRange
from onvif_services import answers
from onvif_services.answers import Element, child, children, raw_text
from onvif_services.connection import DeviceConnection
from onvif_services.faults import NoAnswer, SoapFault
from onvif_services.ptz import STOP_S
from onvif_services.ptz_nodes import OPTIONAL_S

_REFUSALS = (SoapFault, CameraUnsupported, CameraBadAnswer, NoAnswer)
# Field of ImagingSettings, element of tt:ImagingSettings20.
_NUMBERS = {
    "brightness": "Brightness",
    "contrast": "Contrast",
    "saturation": "ColorSaturation",
    "sharpness": "Sharpness",
}
_CUT_FILTERS = ("on", "off", "auto")
_MOVE_S = 3.0  # the lens may run meanwhile: a move without an answer is followed by a stop
_USUAL_MAX = 100.0  # of devices that do not tell their limits


@dataclass(frozen=True, slots=True)
class LensAbilities:
    """Abilities of a lens, and whether the device has settings of the picture."""

    focus: bool = False
    auto_focus: bool = False
    iris: Iris | None = None
    imaging: bool = False


def read_lens(conn: DeviceConnection, source_token: str) -> LensAbilities:
    """Return the abilities of a lens; none without the service. Raise NotConnected or CameraAuthFailed."""
    if "imaging" not in conn.services or not source_token:
        return LensAbilities()
    settings = _optional(conn, "GetImagingSettings", source_token, "ImagingSettings")
    options = _optional(conn, "GetOptions", source_token, "ImagingOptions")
    moves = _optional(conn, "GetMoveOptions", source_token, "MoveOptions")
    modes = {raw_text(item).upper() for item in children(child(options, "Focus"), "AutoFocusModes")}
    return LensAbilities(
        focus=child(moves, "Continuous") is not None,
        auto_focus="AUTO" in modes and "MANUAL" in modes,
        iris=_iris(settings, options),
        imaging=_settings(settings, options) != ImagingSettings(),
    )


def read_settings(conn: DeviceConnection, source_token: str) -> ImagingSettings:
    """Return the settings of a video source with their limits. Raise a DeviceError."""
    found = child(conn.call("imaging", "GetImagingSettings", {"VideoSourceToken": source_token}), "ImagingSettings")
    return _settings(found, _optional(conn, "GetOptions", source_token, "ImagingOptions"))


def change_settings(conn: DeviceConnection, source_token: str, change: ImagingChange) -> None:
    """Change the settings that are not None, and no others. Raise InvalidRequest or a DeviceError."""
    wanted: dict[str, Any] = {
        element: value for field, element in _NUMBERS.items() if (value := getattr(change, field)) is not None
    }
    if change.ir_cut_filter is not None:
        wanted["IrCutFilter"] = change.ir_cut_filter.upper()
    if change.wide_dynamic_range is not None or change.wide_dynamic_range_level is not None:
        wanted["WideDynamicRange"] = _wide_dynamic_range(conn, source_token, change)
    if wanted:
        _set(conn, source_token, wanted)


def set_iris(conn: DeviceConnection, source_token: str, value: float | None) -> None:
    """Set the opening in decibels; with None, the device sets it by itself."""
    exposure = {"Mode": "AUTO"} if value is None else {"Mode": "MANUAL", "Iris": value}
    _set(conn, source_token, {"Exposure": exposure})


def set_auto_focus(conn: DeviceConnection, source_token: str, *, is_auto: bool) -> None:
    _set(conn, source_token, {"Focus": {"AutoFocusMode": "AUTO" if is_auto else "MANUAL"}})


def move_focus(conn: DeviceConnection, source_token: str, speed: float) -> None:
    """Move the focus at a speed until `stop_focus`: ONVIF has no time limit for it."""
    conn.call(
        "imaging",
        "Move",
        {"VideoSourceToken": source_token, "Focus": {"Continuous": {"Speed": speed}}},
        timeout_s=_MOVE_S,
    )


def stop_focus(conn: DeviceConnection, source_token: str) -> None:
    conn.call("imaging", "Stop", {"VideoSourceToken": source_token}, timeout_s=STOP_S)


def _wide_dynamic_range(conn: DeviceConnection, source_token: str, change: ImagingChange) -> dict[str, Any]:
    """Return mode and level: tt:WideDynamicRange20 needs its mode, so a new level alone keeps the present mode."""
    is_on = change.wide_dynamic_range
    if is_on is None:
        present = read_settings(conn, source_token).wide_dynamic_range
        is_on = present is not None and present.on
    wanted: dict[str, Any] = {"Mode": "ON" if is_on else "OFF"}
    if change.wide_dynamic_range_level is not None:
        wanted["Level"] = change.wide_dynamic_range_level
    return wanted


def _set(conn: DeviceConnection, source_token: str, wanted: Mapping[str, Any]) -> None:
    """Send the settings so that the device keeps them; some devices refuse a request that says so."""
    params = {"VideoSourceToken": source_token, "ImagingSettings": dict(wanted)}
    try:
        conn.call("imaging", "SetImagingSettings", {**params, "ForcePersistence": True})
    except (SoapFault, CameraUnsupported) as refusal:
        try:
            conn.call("imaging", "SetImagingSettings", params)
        except (SoapFault, CameraUnsupported):
            raise _refused(refusal, wanted) from refusal


def _refused(refusal: DeviceError, wanted: Mapping[str, Any]) -> Exception:
    """Return InvalidRequest if the device finds the values wrong (ONVIF Imaging: ter:SettingsInvalid)."""
    if isinstance(refusal, SoapFault) and refusal.has_code("SettingsInvalid"):
        return InvalidRequest(f"The device does not take this value of {', '.join(wanted)}.")
    return refusal


def _optional(conn: DeviceConnection, operation: str, source_token: str, name: str) -> Element | None:
    try:
        params = {"VideoSourceToken": source_token}
        return child(conn.call("imaging", operation, params, timeout_s=OPTIONAL_S), name)
    except _REFUSALS:
        return None


def _settings(found: Element | None, options: Element | None) -> ImagingSettings:
    numbers = {field: _range(found, options, element) for field, element in _NUMBERS.items()}
    return ImagingSettings(
        **numbers,
        ir_cut_filter=_cut_filter(found, options),
        wide_dynamic_range=_dynamic_range(found, options),
    )


def _number(element: Element | None, *path: str) -> float | None:
    return answers.number(raw_text(element, *path), low=-1e6, high=1e6) if element is not None else None


def _range(found: Element | None, options: Element | None, element: str) -> Range | None:
    """Return a setting with its limits. Without usable limits, 0 to 100, or as far as the present value."""
    value = _number(found, element)
    if value is None:
        return None
    low, high = _number(options, element, "Min"), _number(options, element, "Max")
    if low is None or high is None or high <= low:
        low, high = min(0.0, value), max(_USUAL_MAX, value)
    return Range(value, low, high)


def _cut_filter(found: Element | None, options: Element | None) -> CutFilter | None:
    value = raw_text(found, "IrCutFilter").lower() if found is not None else ""
    if value not in _CUT_FILTERS:
        return None
    listed = {raw_text(item).lower() for item in children(options, "IrCutFilterModes")}
    return CutFilter(value, tuple(option for option in _CUT_FILTERS if option in listed or not listed))


def _dynamic_range(found: Element | None, options: Element | None) -> WideDynamicRange | None:
    state = child(found, "WideDynamicRange")
    if state is None:
        return None
    return WideDynamicRange(
        raw_text(state, "Mode").upper() == "ON", _range(state, child(options, "WideDynamicRange"), "Level")
    )


def _iris(settings: Element | None, options: Element | None) -> Iris | None:
    """Return the iris if the device lists limits for it and can leave the automatic exposure."""
    exposure = child(options, "Exposure")
    low, high = _number(exposure, "Iris", "Min"), _number(exposure, "Iris", "Max")
    modes = {raw_text(item).upper() for item in children(exposure, "Mode")}
    if low is None or high is None or high <= low or (modes and "MANUAL" not in modes):
        return None
    present = child(settings, "Exposure")
    is_auto = present is None or raw_text(present, "Mode").upper() != "MANUAL"
    return Iris(_number(present, "Iris"), low, high, is_auto)
