"""Records about heads (pan, tilt, zoom), imaging and relay outputs, and the calls of a device about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.records import Channel


@dataclass(frozen=True, slots=True)
class Velocity:
    """Speeds from -1 to 1: to the right, up, and towards the scene."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0

    @property
    def turns(self) -> bool:
        return bool(self.pan or self.tilt)

    @property
    def is_zero(self) -> bool:
        return not (self.turns or self.zoom)


STANDING = Velocity()


@dataclass(frozen=True, slots=True)
class Range:
    """A setting of the device, and its limits."""

    value: float
    min: float
    max: float


@dataclass(frozen=True, slots=True)
class Iris:
    """The opening of the iris in decibels. `auto`: the device sets it by itself."""

    value: float | None
    min: float
    max: float
    auto: bool


@dataclass(frozen=True, slots=True)
class HeadAbilities:
    """What the head of a channel can do. The defaults are those of a camera without a head.

    `profile_token`: the media profile for requests about it. `is_certain`: False if the device lists no usable spaces,
    so that moves have to be tried. `max_presets` is None if the device does not tell. `is_fov_relative`: its relative
    space is measured in pictures.
    """

    profile_token: str = ""
    pan_tilt: bool = False
    zoom: bool = False
    is_certain: bool = True
    continuous: bool = False
    absolute: bool = False
    relative: bool = False
    is_fov_relative: bool = False
    home: bool = False
    home_settable: bool = False
    presets: bool = False
    max_presets: int | None = None
    auxiliary: tuple[str, ...] = ()
    focus: bool = False
    auto_focus: bool = False
    iris: Iris | None = None
    imaging: bool = False

    @property
    def can_center(self) -> bool:
        """True if the head can turn by a distance, so that a click on the picture can centre it."""
        return self.pan_tilt and (self.relative or self.absolute)


NO_HEAD = HeadAbilities()


@dataclass(frozen=True, slots=True)
class Preset:
    """A position stored on the device. The name is cleaned; the token is exactly the device's.

    `position` is (pan, tilt, zoom) as the device states it, None if it does not.
    """

    preset_token: str
    name: str
    position: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class WideDynamicRange:
    """`level` is None if the device has no level."""

    on: bool
    level: Range | None = None


@dataclass(frozen=True, slots=True)
class CutFilter:
    """The infrared cut filter: "on", "off" or "auto", and the values that the device takes."""

    value: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImagingSettings:
    """Settings of a video source. None: the device does not have this one."""

    brightness: Range | None = None
    contrast: Range | None = None
    saturation: Range | None = None
    sharpness: Range | None = None
    ir_cut_filter: CutFilter | None = None
    wide_dynamic_range: WideDynamicRange | None = None


@dataclass(frozen=True, slots=True)
class ImagingChange:
    """New values for settings of a video source. None keeps the present value."""

    brightness: float | None = None
    contrast: float | None = None
    saturation: float | None = None
    sharpness: float | None = None
    ir_cut_filter: str | None = None
    wide_dynamic_range: bool | None = None
    wide_dynamic_range_level: float | None = None


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay output. A monostable one returns to its idle state after `delay_s`.

    `active` is the state that the app has set last, because ONVIF has no request for the present state; None: never.
    """

    relay_token: str
    is_monostable: bool = False
    delay_s: float | None = None
    active: bool | None = None


class PtzDevice(Protocol):
    """The calls about heads, imaging and relays. cameras.device.Device inherits them.

    cameras.onvif_device.OnvifDevice implements them. Each method waits for the device and may raise a DeviceError.
    """

    @property
    def services(self) -> tuple[str, ...]: ...

    def head(self, channel: Channel, channel_count: int) -> HeadAbilities:
        """Return the abilities of a channel's head, NO_HEAD without one. `channel_count`: those of the device."""
        ...
