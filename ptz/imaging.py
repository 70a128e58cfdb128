"""Settings of the picture, with the values before the last change; relay outputs, with the states that were set."""

from __future__ import annotations

import threading
from dataclasses import fields

from core.errors import InvalidRequest, NotFound
from core.ptz import HeadPlace, ImagingChange, ImagingSettings, Range, Relay
from onvif_manager import OnvifManager
from ptz.store import HeadKey
from ptz.views import ImagingView

_NUMBERS = ("brightness", "contrast", "saturation", "sharpness")


class Imaging:
    """Thread-safe. Every call waits for the device, and raises NotFound or the DeviceError."""

    def __init__(self, cameras: OnvifManager) -> None:
        self._cameras = cameras
        self._lock = threading.Lock()
        self._before: dict[HeadKey, ImagingChange] = {}
        self._relay_states: dict[tuple[int, str], bool] = {}

    def forget(self, camera_id: int) -> None:
        with self._lock:
            self._before = {key: value for key, value in self._before.items() if key.camera_id != camera_id}
            self._relay_states = {key: value for key, value in self._relay_states.items() if key[0] != camera_id}

    def settings(self, key: HeadKey) -> ImagingView:
        place = HeadPlace((), key.video_source_token)
        settings = self._cameras.ask_head(key.camera_id, lambda device: device.imaging(place))
        with self._lock:
            return ImagingView(settings, self._before.get(key))

    def change(self, key: HeadKey, change: ImagingChange) -> ImagingView:
        """Change settings. Raise InvalidRequest, which names the field, for a value that the device does not take."""
        place = HeadPlace((), key.video_source_token)
        present = self.settings(key).settings
        check_change(present, change)
        before = values_before(present, change)
        self._cameras.ask_head(key.camera_id, lambda device: device.change_imaging(place, change))
        with self._lock:
            if before != ImagingChange():
                self._before[key] = before
        return self.settings(key)

    def relays(self, camera_id: int) -> list[Relay]:
        found = self._cameras.ask_head(camera_id, lambda device: device.relays())
        with self._lock:
            states = dict(self._relay_states)
        return [_with_state(relay, states.get((camera_id, relay.relay_token))) for relay in found]

    def set_relay(self, camera_id: int, relay_token: str, *, is_active: bool) -> Relay:
        """Raise NotFound if the device does not list the relay."""
        relay = next((item for item in self.relays(camera_id) if item.relay_token == relay_token), None)
        if relay is None:
            raise NotFound("The device has no such relay output.")
        self._cameras.ask_head(camera_id, lambda device: device.set_relay(relay_token, is_active=is_active))
        with self._lock:
            self._relay_states[camera_id, relay_token] = is_active
        return _with_state(relay, is_active)


def check_change(present: ImagingSettings, change: ImagingChange) -> None:
    """Raise InvalidRequest for a setting that the device does not have, or a value outside of its limits."""
    for field in _NUMBERS:
        _check_range(field, getattr(change, field), getattr(present, field))
    if change.ir_cut_filter is not None:
        cut_filter = present.ir_cut_filter
        if cut_filter is None or change.ir_cut_filter not in cut_filter.options:
            raise InvalidRequest.of_field("ir_cut_filter", "the device does not have this value")
    if change.wide_dynamic_range is not None and present.wide_dynamic_range is None:
        raise InvalidRequest.of_field("wide_dynamic_range", "the device does not have this setting")
    level = present.wide_dynamic_range.level if present.wide_dynamic_range else None
    _check_range("wide_dynamic_range_level", change.wide_dynamic_range_level, level)


def _check_range(field: str, wanted: float | None, present: Range | None) -> None:
    if wanted is None:
        return
    if present is None:
        raise InvalidRequest.of_field(field, "the device does not have this setting")
    if not present.min <= wanted <= present.max:
        raise InvalidRequest.of_field(field, f"from {present.min:g} to {present.max:g}")


def values_before(present: ImagingSettings, change: ImagingChange) -> ImagingChange:
    """Return the present values of the settings that a change concerns: the change that undoes it."""
    values = _values(present)
    touched = {field.name for field in fields(change) if getattr(change, field.name) is not None}
    if "wide_dynamic_range_level" in touched:
        touched.add("wide_dynamic_range")
    return ImagingChange(**{name: value for name, value in values.items() if name in touched})  # type: ignore[arg-type] # by name


def _values(settings: ImagingSettings) -> dict[str, float | str | bool | None]:
    numbers: dict[str, float | str | bool | None] = {
        field: found.value for field in _NUMBERS if (found := getattr(settings, field)) is not None
    }
    dynamic_range = settings.wide_dynamic_range
    if settings.ir_cut_filter is not None:
        numbers["ir_cut_filter"] = settings.ir_cut_filter.value
    if dynamic_range is not None:
        numbers["wide_dynamic_range"] = dynamic_range.on
        numbers["wide_dynamic_range_level"] = dynamic_range.level.value if dynamic_range.level else None
    return numbers


def _with_state(relay: Relay, is_active: bool | None) -> Relay:
    """A monostable relay returns by itself, so its state is not known."""
    return Relay(relay.relay_token, relay.is_monostable, relay.delay_s, None if relay.is_monostable else is_active)
