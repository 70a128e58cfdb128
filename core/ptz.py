"""Records about heads (pan, tilt, zoom), imaging and relay outputs, and the calls of a device about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.records import Channel


@dataclass(frozen=True, slots=True)
class Velocity:
    """Speeds from -1 to 1: to the right, up, towards the scene, and the focus to the far end."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0
    focus: float = 0.0

    @property
    def turns(self) -> bool:
        return bool(self.pan or self.tilt)

    @property
    def is_zero(self) -> bool:
        return not (self.turns or self.zoom or self.focus)


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
class HeadPlace:
    """Names a head in requests: the media profiles of its channel to try, the best first, and the video source."""

    profile_tokens: tuple[str, ...] = ()
    video_source_token: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """The distance that turns the head by one picture, in pan and tilt, and the limits of both."""

    pan: float
    tilt: float
    pan_range: tuple[float, float]
    tilt_range: tuple[float, float]


@dataclass(frozen=True, slots=True)
class HeadAbilities:
    """Abilities of the head of a channel. The defaults are those of a camera without a head.

    `is_certain`: False if the device lists no usable spaces, so that moves have to be tried. `relative` and `absolute`
    are None without such moves; `is_fov_relative`: the relative space is measured in pictures, whatever the zoom.
    `max_presets` is None if the device does not tell. `device_auxiliary`: those of `auxiliary` that the device service
    takes, not the PTZ service. `outputs`: the device has one channel, and auxiliary commands or relay outputs.
    """

    place: HeadPlace = HeadPlace()
    pan_tilt: bool = False
    zoom: bool = False
    is_certain: bool = True
    continuous: bool = False
    absolute: Span | None = None
    relative: Span | None = None
    is_fov_relative: bool = False
    home: bool = False
    home_settable: bool = False
    presets: bool = False
    max_presets: int | None = None
    auxiliary: tuple[str, ...] = ()
    device_auxiliary: tuple[str, ...] = ()
    outputs: bool = False
    focus: bool = False
    auto_focus: bool = False
    iris: Iris | None = None
    imaging: bool = False

    @property
    def can_center(self) -> bool:
        """True if the head can turn by a distance, so that a click on the picture can centre it."""
        return self.pan_tilt and bool(self.relative or self.absolute)


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
    """The calls about heads, imaging and relays of one device, whose `ptz` property has them.

    onvif_services.heads.Heads implements it. Each method waits for the device and may raise a DeviceError.
    """

    def abilities(self, channel: Channel, channels: Sequence[Channel]) -> HeadAbilities:
        """Return the abilities of a channel's head, NO_HEAD without one. `channels` are all of the device."""
        ...

    def move(self, place: HeadPlace, velocity: Velocity, timeout_s: float) -> None:
        """Move pan, tilt and zoom at a velocity. The device stops by itself after `timeout_s`, unless it ignores that.

        The axes with the speed 0 are left out of the request, so they continue as they are.
        """
        ...

    def stop(self, place: HeadPlace, *, pan_tilt: bool = True, zoom: bool = True) -> None: ...

    def turn_by(self, abilities: HeadAbilities, right: float, up: float) -> None:
        """Turn by parts of a picture, from -0.5 to 0.5. Raise CameraUnsupported if the head turns by speeds only."""
        ...

    def go_home(self, place: HeadPlace) -> None: ...

    def set_home(self, place: HeadPlace) -> None: ...

    def presets(self, place: HeadPlace) -> tuple[Preset, ...] | None:
        """Return all presets that the device lists, factory slots included; None if it cannot list them."""
        ...

    def go_to_preset(self, place: HeadPlace, preset_token: str) -> None: ...

    def set_preset(self, place: HeadPlace, name: str, preset_token: str | None = None) -> str:
        """Store the present position as a new preset, or in place of one. Return the token."""
        ...

    def remove_preset(self, place: HeadPlace, preset_token: str) -> None: ...

    def send_auxiliary(self, abilities: HeadAbilities, command: str) -> None: ...

    def move_focus(self, place: HeadPlace, speed: float) -> None: ...

    def stop_focus(self, place: HeadPlace) -> None: ...

    def focus_by_itself(self, place: HeadPlace) -> None: ...

    def set_iris(self, place: HeadPlace, value: float | None) -> None:
        """Set the opening in decibels; with None, the device sets it by itself."""
        ...

    def imaging(self, place: HeadPlace) -> ImagingSettings: ...

    def change_imaging(self, place: HeadPlace, change: ImagingChange) -> None: ...

    def relays(self) -> tuple[Relay, ...]:
        """Return the relay outputs. Raise CameraUnsupported if the device has no service for them."""
        ...

    def set_relay(self, relay_token: str, *, is_active: bool) -> None: ...
